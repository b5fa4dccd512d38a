"""Every readiness condition through the binary: met, met late, met by the wrong one, and never met."""

import contextlib
import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, LIMIT, UPKEEP, Scenario, alive, free_port, main, until

NOBODY = 65534


def told(s):
    """All changes so far."""
    return [json.loads(line) for line in s.call("events", "--json", check=0).out.splitlines()]


def states(s, name):
    return [e["to"] for e in told(s) if e["name"] == name]


def moment(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))


def listen(port, address="127.0.0.1"):
    """A socket of this process, which is a stranger to every app."""
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen()
    return s


def user_name(uid):
    with open("/etc/passwd") as f:
        return next((e.split(":")[0] for e in f if e.split(":")[2] == str(uid)), str(uid))


def has_ipv6():
    try:
        listen(0, "::1").close()
        return True
    except OSError:
        return False


class Readiness(Scenario):
    def app(self, command, keys="", **options):
        """A stack of one app, `a`, that runs the scripted child with these words. It never comes back by itself."""
        return self.stack(f"[app:a]\ncommand = {CHILD} {command}\nrestart = never\n{keys}\n", **options)

    def check_ready(self, command, keys, why):
        s = self.app(command, keys)
        s.call("start", check=0)
        a = s.app("a")
        self.assertEqual(a["state"], "ready")
        self.assertIn(why.format(folder=s.folder), a["why"])
        return s

    def check_failed(self, s, *parts):
        """The start fails, the app was never ready, and the card tells all the parts."""
        failed = s.call("start")
        self.assertEqual(failed.code, 1, failed)
        for part in parts:
            self.assertIn(part, failed.out + failed.err)
        self.assertEqual(s.state("a"), "failed")
        self.assertNotIn("ready", states(s, "a"))
        return failed


class Notify(Readiness):
    def send(self, s, text, name="a"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), os.path.join(s.folder, ".upkeep", "notify", name))

    def test_from_anywhere_in_the_tree(self):
        s = self.stack(f"""
[defaults]
ready = notify
[app:main]
command = {CHILD} notify READY=1 run
[app:child]
command = {CHILD} notify-child READY=1 run
[app:grandchild]
command = {CHILD} orphan notify READY=1 run -- run
[app:empty-environment-behind]
command = {CHILD} notify READY=1 clean-exec run
""")
        s.call("start", check=0)
        for name in ("main", "child", "grandchild", "empty-environment-behind"):
            self.assertEqual((s.state(name), s.app(name)["why"]), ("ready", "notified READY=1"))

    def test_from_a_process_that_is_gone_when_it_is_read(self):
        s = self.app("await go notify-child READY=1 touch sent run", "ready = notify").run()
        s.wait_state("a", "starting")
        s.supervisor.send_signal(signal.SIGSTOP)
        try:
            s.write("go", "")
            until("it has notified", lambda: os.path.exists(os.path.join(s.folder, "sent")))
        finally:
            s.supervisor.send_signal(signal.SIGCONT)
        s.wait_state("a", "ready")

    def test_a_stranger_is_ignored_and_told(self):
        s = self.app("run", "ready = notify\nready_timeout = 1s").run()
        s.wait_state("a", "starting")
        self.send(s, "READY=1\nSTATUS=of a stranger\nMAINPID=1")
        failed = s.wait_state("a", "failed")
        self.assertIn(f"not ready within 1s: a message of pid {os.getpid()} (python", failed["why"])
        self.assertIn("which is not of this app, was ignored", failed["why"])
        self.assertEqual(failed["status_text"], None)
        self.assertNotIn("ready", states(s, "a"))

    def test_status(self):
        s = self.app("notify 'STATUS=reading 1\u2009000 notes' await go notify 'READY=1\\nSTATUS=12 connections' run",
                     "ready = notify").run()
        until("the first status", lambda: s.app("a")["status_text"] == "reading 1\u2009000 notes")
        self.assertIn("reading 1\u2009000 notes", s.call("status", check=0).out)
        s.write("go", "")
        s.wait_state("a", "ready")
        self.assertEqual(s.app("a")["status_text"], "12 connections")
        self.assertIn("12 connections", s.call("show", "a", check=0).out)
        self.assertIn("12 connections", s.call("status", check=0).out)

    def test_barrier(self):
        self.check_ready("notify STATUS=soon notify-barrier say passed notify READY=1 run", "ready = notify",
                         "notified READY=1")

    def test_nonsense(self):
        s = self.check_ready("notify READY=0 notify READY=yes notify NONSENSE notify MAINPID=x notify MAINPID=1"
                             " notify 'MAINPID=-1' notify 'X=1\\n\\n=\\nREADY=1' run", "ready = notify",
                             "notified READY=1")
        self.assertEqual(len(states(s, "a")), 3)
        self.assertNotEqual(s.pid("a"), 1)

    HANDOVER = "spawn on TERM exit 0 await go notify-main READY=1 notify-barrier touch handed run -- "

    def handed_over(self, command, keys=""):
        s = self.app(command, "ready = notify\n" + keys).run()
        first = s.wait_state("a", "starting")["pid"]
        s.write("go", "")
        second = s.wait_state("a", "ready")["pid"]
        self.assertNotEqual(first, second)
        return s, first, second

    def test_main_pid_stays_when_the_first_ends(self):
        s, first, second = self.handed_over(self.HANDOVER + "await handed exit 3")
        until("the first process is gone", lambda: not alive(first))
        s.call("wait", check=0)
        self.assertEqual((s.state("a"), s.pid("a"), s.app("a")["restarts"]), ("ready", second, 0))
        s.call("stop", check=0)
        a = s.app("a")
        self.assertEqual((a["state"], a["exit_code"], alive(second)), ("stopped", 0, False))

    def test_main_pid_that_crashes_alone(self):
        s, first, second = self.handed_over(self.HANDOVER + "await handed exit 0", "restart_delay = 10ms")
        until("the first process is gone", lambda: not alive(first))
        os.kill(second, signal.SIGKILL)
        failed = s.wait_state("a", "failed")
        self.assertEqual(failed["exit_signal"], "SIGKILL")
        self.assertIn("killed by SIGKILL", failed["why"])

    def test_main_pid_that_crashes_beside_the_first(self):
        s, first, second = self.handed_over(self.HANDOVER + "on TERM exit 0 run")
        os.kill(second, signal.SIGKILL)
        failed = s.wait_state("a", "failed")
        self.assertFalse(alive(first))
        self.assertEqual((failed["pid"], failed["exit_code"], failed["exit_signal"]), (None, None, None))

    def test_main_pid_that_ends_beside_the_first_in_a_stop(self):
        s, first, second = self.handed_over(self.HANDOVER + "on TERM exit 0 run", "kill_timeout = 1m")
        s.call("stop", check=0, limit=20)
        self.assertEqual((s.state("a"), alive(first), alive(second)), ("stopped", False, False))

    def test_main_pid_that_is_handed_back(self):
        s, first, second = self.handed_over(
            "spawn await go notify-main READY=1 await returned exit 0 -- await back notify-main '' notify-barrier"
            " touch returned on TERM exit 7 run")
        s.write("back", "")
        until("the first is the main process again", lambda: s.pid("a") == first)
        until("the second is gone", lambda: not alive(second))
        self.assertEqual(s.state("a"), "ready")
        s.call("stop", check=0)
        self.assertEqual(s.app("a")["exit_code"], 7)

    def test_stopping(self):
        s = self.app("notify READY=1 await go notify STOPPING=1 await end exit 0", "ready = notify").run()
        s.wait_state("a", "ready")
        s.write("go", "")
        stopping = s.wait_state("a", "stopping")
        self.assertIn("STOPPING=1", stopping["why"])
        s.write("end", "")
        stopped = s.wait_state("a", "stopped")
        self.assertEqual(stopped["exit_code"], 0)

    def test_stopping_without_an_end(self):
        s = self.app("on TERM ignore notify READY=1 notify STOPPING=1 run", "ready = notify\nkill_timeout = 300ms").run()
        failed = s.wait_state("a", "failed")
        self.assertEqual(failed["exit_signal"], "SIGKILL")

    def test_after_the_timeout(self):
        s = self.app("on TERM exit 0 await late notify READY=1 touch sent run",
                     "ready = notify\nready_timeout = 200ms\nkill_timeout = 5s\nstop_command = sh -c 'touch late; "
                     "while ! test -e sent; do sleep 0.01; done'")
        self.check_failed(s, "not ready within 200ms: READY=1 did not come")

    def test_ready_and_dead_at_once(self):
        s = self.app("notify READY=1 exit 3", "ready = notify").run()
        failed = s.wait_state("a", "failed")
        self.assertIn("exited with code 3", failed["why"])
        s = self.app("notify READY=1 die SEGV", "ready = notify")
        failed = s.call("start")
        if failed.code == 1:
            self.assertIn("SIGSEGV", failed.out + failed.err)
        self.assertEqual(s.wait_state("a", "failed")["exit_signal"], "SIGSEGV")

    def test_deep_folder(self):
        folder = "/".join(["a-folder-with-a-long-name-for-depth"] * 6)
        s = self.app("notify READY=1 run", "ready = notify", folder=folder)
        s.call("start", check=0)
        self.assertEqual(s.state("a"), "ready")

    def test_an_outer_service_manager_stays_outside(self):
        names = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
        words = " ".join(f"env {name}" for name in names)
        s = self.stack(f"[app:plain]\ncommand = {CHILD} {words} run\nready = log:LISTEN_FDNAMES\n"
                       f"pre_start = {CHILD} {words}\n"
                       f"[app:own]\ncommand = {CHILD} {words} notify READY=1 run\nready = notify\n"
                       f"[app:probed]\ncommand = {CHILD} run\nready = exec:sh -c 'env >probed.env'\n")
        path = os.path.join(s.folder, "outer.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as outer:
            outer.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            outer.bind(path)
            s.environment.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="600000000", WATCHDOG_PID="1", LISTEN_FDS="1",
                                 LISTEN_PID="1", LISTEN_FDNAMES="web")
            s.run()
            s.call("wait", check=0)
            outer.settimeout(LIMIT)
            while True:
                message, control, _, _ = outer.recvmsg(4096, 1024)
                pid = int.from_bytes(control[0][2][:4], sys.byteorder)
                self.assertEqual(pid, s.supervisor.pid, message)
                if b"READY=1" in message:
                    break
        self.assertEqual(s.log("plain"), "".join(f"{name}=(unset)\n" for name in names) * 2)
        own = s.log("own").splitlines()
        self.assertEqual(own[1:], [f"{name}=(unset)" for name in names[1:]])
        self.assertTrue(own[0].startswith("NOTIFY_SOCKET=") and path not in own[0], own[0])
        self.assertFalse([name for name in names if f"{name}=" in s.read("probed.env").decode()])


class Port(Readiness):
    def test_wherever_on_this_machine(self):
        where = {"late": "127.0.0.1", "second": "127.0.0.2", "any": "0.0.0.0"}
        if has_ipv6():
            where.update({"six": "::1", "any-six": "::"})
        ports = {name: free_port() for name in where}
        s = self.stack("".join(f"[app:{name}]\ncommand = {CHILD} sleep 50 listen-on {address} {ports[name]} serve\n"
                               f"port = {ports[name]}\n" for name, address in where.items()))
        s.call("start", check=0)
        for name in where:
            self.assertEqual(s.state(name), "ready")
            self.assertIn(f"port {ports[name]} accepts connections", s.app(name)["why"])
        self.assertIn(f"127.0.0.2:{ports['second']}", s.app("second")["why"])

    def test_elsewhere_says_where(self):
        port, other = free_port(), free_port()
        s = self.app(f"listen {other} serve", f"port = {port}\nready_timeout = 1s")
        self.check_failed(s, f"not ready within 1s: connection refused on 127.0.0.1:{port}",
                          f"it listens on 127.0.0.1:{other}")

    def test_says_why_it_is_not_ready_yet(self):
        port, other = free_port(), free_port()
        s = self.stack(f"[defaults]\nready_timeout = 1h\n[app:port]\ncommand = {CHILD} listen {other} serve\nport = {port}\n"
                       f"[app:notify]\ncommand = {CHILD} run\nready = notify\n"
                       f"[app:log]\ncommand = {CHILD} run\nready = log:up\n")
        s.call("start", "--no-wait", check=0)
        expected = f"not ready yet: connection refused on 127.0.0.1:{port}; it listens on 127.0.0.1:{other}"
        until("where it listens is said", lambda: s.app("port")["why"] == expected)
        self.assertEqual(s.app("notify")["why"], "not ready yet: READY=1 did not come")
        self.assertEqual(s.app("log")["why"], "not ready yet: no line matched /up/")

    def test_from_a_detached_grandchild(self):
        for address in ("127.0.0.1", "127.0.0.2"):
            port = free_port()
            self.check_ready(f"orphan listen-on {address} {port} serve -- run", f"port = {port}",
                             f"port {port} accepts connections")

    def test_detached_grandchild_elsewhere_says_where(self):
        port, other = free_port(), free_port()
        s = self.app(f"orphan listen {other} serve -- run", f"port = {port}\nready_timeout = 1s")
        self.check_failed(s, f"it listens on 127.0.0.1:{other}")

    def test_known_fast(self):
        port = free_port()
        s = self.check_ready(f"sleep 50 listen {port} serve", f"port = {port}", "accepts connections")
        begun, ready = (next(e for e in told(s) if e["to"] == to) for to in ("starting", "ready"))
        took = (moment(ready) - moment(begun)).total_seconds()
        print(f"what listens after 50 ms is known as ready after {took * 1000:.0f} ms", file=sys.stderr)
        self.assertTrue(0.05 <= took < 2, took)

    def holder(self, port, user=None):
        """A process that listens there, of this or another user."""
        stranger = subprocess.Popen([CHILD, "listen", str(port), "say", "listens", "serve"], stdout=subprocess.PIPE,
                                    stdin=subprocess.DEVNULL, user=user, cwd="/")
        self.addCleanup(stranger.stdout.close)
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.kill)
        self.assertEqual(stranger.stdout.readline(), b"listens\n")
        return stranger.pid

    def check_refused(self, s, port, pid, user):
        self.check_failed(s, f"port {port} is held by pid {pid} (scenario_child, user {user})")
        self.assertEqual(s.log("a"), "")
        self.assertEqual([e["to"] for e in told(s) if e["pid"]], [])

    def test_held_before_is_refused_before_anything_runs(self):
        port = free_port()
        pid = self.holder(port)
        s = self.app("say ran run", f"port = {port}\npre_start = {CHILD} say prepared")
        self.check_refused(s, port, pid, user_name(os.getuid()))

    def test_held_by_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("skipped: to be another user needs root")
        port = free_port()
        pid = self.holder(port, user=NOBODY)
        s = self.app("say ran run", f"port = {port}")
        self.check_refused(s, port, pid, user_name(NOBODY))

    def as_nobody(self, s, *words):
        return subprocess.run([UPKEEP, *words], cwd=s.folder, env=dict(s.environment, HOME="/"), user=NOBODY,
                              group=NOBODY, extra_groups=[], capture_output=True, text=True, timeout=LIMIT,
                              stdin=subprocess.DEVNULL)

    def test_held_by_root_seen_by_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("skipped: to be another user needs root")
        port = free_port()
        self.holder(port)
        s = self.app("say ran run", f"port = {port}")
        for path in (s.top, os.path.join(s.folder, "upkeep.ini")):
            os.chown(path, NOBODY, NOBODY)
        if self.as_nobody(s, "version").returncode != 0:
            self.skipTest("skipped: another user may not run what was built here")
        self.addCleanup(self.as_nobody, s, "shutdown")
        failed = self.as_nobody(s, "start")
        self.assertEqual(failed.returncode, 1, failed)
        self.assertIn(f"port {port} is held by a process of user root", failed.stdout + failed.stderr)
        self.assertEqual(s.log("a"), "")
        own = self.as_nobody(s, "stop")
        self.assertEqual(own.returncode, 0, own)

    def test_own_port_of_a_plain_user(self):
        if os.geteuid() != 0:
            self.skipTest("skipped: to be another user needs root")
        port = free_port()
        s = self.app(f"listen {port} serve", f"port = {port}")
        for path in (s.top, os.path.join(s.folder, "upkeep.ini")):
            os.chown(path, NOBODY, NOBODY)
        if self.as_nobody(s, "version").returncode != 0:
            self.skipTest("skipped: another user may not run what was built here")
        self.addCleanup(self.as_nobody, s, "shutdown")
        started = self.as_nobody(s, "start")
        self.assertEqual(started.returncode, 0, started)

    def test_taken_during_the_start(self):
        port = free_port()
        s = self.app("on TERM exit 0 run", f"port = {port}").run()
        s.wait_state("a", "starting")
        pid = self.holder(port)
        failed = s.wait_state("a", "failed")
        self.assertEqual(failed["why"].split(";")[0],
                         f"port {port} is held by pid {pid} (scenario_child, user {user_name(os.getuid())})")

    def test_anybody_may_answer_when_told_so(self):
        port = free_port()
        s = self.app("run", f"port = {port}\nready_owner = no").run()
        s.wait_state("a", "starting")
        self.holder(port)
        s.wait_state("a", "ready")

    def test_no_port_left_over_from_the_run_before(self):
        port = free_port()
        s = self.check_ready(f"listen {port} serve", f"port = {port}", "accepts connections")
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                s.call("restart", "a", check=0)
        self.assertEqual(s.state("a"), "ready")

    def test_exit_before_ready_is_told_with_its_words(self):
        port = free_port()
        s = self.app("err 'no module named app' exit 3", f"port = {port}")
        self.check_failed(s, "exited with code 3", "no module named app")


class Tcp(Readiness):
    def test_met(self):
        port = free_port()
        self.check_ready(f"sleep 20 listen {port} serve", f"ready = tcp:127.0.0.1:{port}",
                         f"127.0.0.1:{port} accepts connections")
        port = free_port()
        self.check_ready(f"listen {port} serve", f"ready = tcp:localhost:{port}", f"localhost:{port} accepts")
        if has_ipv6():
            port = free_port()
            self.check_ready(f"listen-on ::1 {port} serve", f"ready = tcp:[::1]:{port}",
                             f"[::1]:{port} accepts connections")

    def test_another_address_says_where(self):
        port = free_port()
        s = self.app(f"listen-on 127.0.0.2 {port} serve", f"ready = tcp:127.0.0.1:{port}\nready_timeout = 1s")
        self.check_failed(s, f"connection refused on 127.0.0.1:{port}; it listens on 127.0.0.2:{port}")

    def test_held_before(self):
        with listen(0) as stranger:
            port = stranger.getsockname()[1]
            s = self.app("say ran run", f"ready = tcp:127.0.0.1:{port}\npre_start = {CHILD} say prepared")
            self.check_failed(s, f"127.0.0.1:{port} is held by pid {os.getpid()} (python")
            self.assertEqual(s.log("a"), "")


class Http(Readiness):
    def test_errors_first(self):
        port = free_port()
        s = self.check_ready(f"listen {port} answer 500 2 answer 404 1 answer 302 1 serve",
                             f"ready = http://127.0.0.1:{port}/health", f"http://127.0.0.1:{port}/health answered 302")
        self.assertEqual(s.state("a"), "ready")

    def test_error_is_told(self):
        port = free_port()
        s = self.app(f"listen {port} answer 503 100000", f"ready = http://127.0.0.1:{port}/health\nready_timeout = 1s")
        self.check_failed(s, f"not ready within 1s: http://127.0.0.1:{port}/health answered 503")

    def test_a_status_that_is_expected(self):
        port = free_port()
        self.check_ready(f"listen {port} answer 404 2 answer 426 1 run", f"ready = http://127.0.0.1:{port}/ws = 426",
                         f"http://127.0.0.1:{port}/ws answered 426")
        port = free_port()
        self.check_ready(f"listen {port} answer 200 2 answer 418 1 run", f"ready = http://127.0.0.1:{port}/ = 4xx",
                         f"http://127.0.0.1:{port}/ answered 418")

    def test_a_status_that_is_not_expected(self):
        port = free_port()
        s = self.app(f"listen {port} answer 404 100000", f"ready = http://127.0.0.1:{port}/ws = 426\n"
                                                         "ready_timeout = 1s")
        self.check_failed(s, f"not ready within 1s: http://127.0.0.1:{port}/ws answered 404 instead of 426")

    def test_hanging_server_is_told(self):
        port = free_port()
        s = self.app(f"sleep 50 listen {port} run", f"ready = http://127.0.0.1:{port}/\nready_timeout = 1s")
        self.check_failed(s, "not ready within 1s: no answer", f"http://127.0.0.1:{port}/")

    def test_hanging_server_that_recovers(self):
        port = free_port()
        self.check_ready(f"listen {port} sleep 1000 serve", f"ready = http://127.0.0.1:{port}/", "answered 200")

    def test_wrong_owner(self):
        port = free_port()
        s = self.app("run", f"ready = http://127.0.0.1:{port}/").run()
        s.wait_state("a", "starting")
        with listen(port):
            failed = s.wait_state("a", "failed")
        self.assertIn(f"127.0.0.1:{port} is held by pid {os.getpid()} (python", failed["why"])


class Unix(Readiness):
    def test_relative_deep_and_stale(self):
        self.check_ready("sleep 20 unix run.sock serve", "ready = unix:run.sock", "{folder}/run.sock accepts")
        deep = "/".join(["a-folder-with-a-long-name-for-depth"] * 5)
        s = self.app("touch here run", f"ready = unix:{deep}/run.sock\nready_timeout = 1s")
        self.check_failed(s, f"not ready within 1s: {s.folder}/{deep}/run.sock does not exist")
        os.makedirs(os.path.join(s.folder, deep))
        s.write("upkeep.ini", f"[app:a]\ncommand = {CHILD} unix run.sock serve\ncwd = {deep}\n"
                              f"ready = unix:{deep}/run.sock\n")
        s.call("shutdown", check=0)
        s.call("start", check=0)
        stale = self.app("sleep 50 unix run.sock serve", "ready = unix:run.sock")
        with socket.socket(socket.AF_UNIX) as before:
            before.bind(os.path.join(stale.folder, "run.sock"))
        stale.call("start", check=0)

    def test_stale_file_alone_is_not_ready(self):
        s = self.app("run", "ready = unix:run.sock\nready_timeout = 300ms")
        with socket.socket(socket.AF_UNIX) as before:
            before.bind(os.path.join(s.folder, "run.sock"))
        self.check_failed(s, "connection refused", "run.sock")

    def test_held_before_and_during(self):
        s = self.app("say ran run", "ready = unix:run.sock")
        path = os.path.join(s.folder, "run.sock")
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.bind(path)
            stranger.listen()
            self.check_failed(s, f"run.sock is held by pid {os.getpid()} (python")
            self.assertEqual(s.log("a"), "")
        os.unlink(path)
        s.call("start", "--no-wait", check=0)
        s.wait_state("a", "starting")
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.bind(path)
            stranger.listen()
            self.assertIn(f"run.sock is held by pid {os.getpid()} (python", s.wait_state("a", "failed")["why"])

    def test_from_a_detached_grandchild(self):
        self.check_ready("orphan unix run.sock serve -- run", "ready = unix:run.sock", "run.sock accepts connections")


class Exec(Readiness):
    def test_in_the_surroundings_of_the_app(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} sleep 50 touch here run\ncwd = web-ui\nenv = FILE=here\n"
                       "ready = exec:sh -c 'test -e $FILE'\n", files={"web-ui/x": ""})
        s.call("start", check=0)
        self.assertIn("exited with code 0", s.app("a")["why"])

    def test_exec_by_a_shell(self):
        """`shell` is for all of the app's commands."""
        s = self.app("run", "shell = true\nready = exec:touch tried; test -e tried && echo $HOME >home").run()
        s.wait_state("a", "ready")
        self.assertTrue(s.read("home").strip())

    def test_failing(self):
        s = self.app("run", "ready = exec:sh -c 'exit 3'\nready_timeout = 2s")
        self.check_failed(s, "not ready within 2s", "sh -c 'exit 3' exited with code 3")

    def test_hanging_leaves_nothing(self):
        s = self.app("run", f"ready = exec:{CHILD} on TERM ignore run\nready_timeout = 2s")
        self.check_failed(s, "not ready within 2s", "did not end")
        s.call("shutdown", check=0)

    def test_missing_program(self):
        s = self.app("say ran run", "ready = exec:no-such-program")
        self.check_failed(s, "cannot find no-such-program")
        self.assertEqual(s.log("a"), "")

    def test_as_a_program_that_dies(self):
        s = self.app("run", f"ready = exec:{CHILD} die SEGV\nready_timeout = 2s")
        self.check_failed(s, "SIGSEGV")


class Log(Readiness):
    def test_lines_of_both_streams_however_written(self):
        s = self.stack(f"""
[app:out]
command = {CHILD} say 'Listening on 80' run
ready = log:^Listening on [0-9]+$
[app:err]
command = {CHILD} say nothing err 'INFO: Application startup complete.' run
ready = log:startup complete
[app:apart]
command = {CHILD} err INFO err INFO run
stderr = logs/apart.err
ready = log:^INFO$
[app:split]
command = {CHILD} part Appli sleep 30 part 'cation start' sleep 30 say up run
ready = log:^Application startup$
""")
        s.call("start", check=0)
        self.assertEqual({i["state"] for i in s.status()["instances"]}, {"ready"})
        self.assertIn("startup complete", s.app("err")["why"])

    def test_not_of_the_run_before_nor_of_a_part(self):
        s = self.app("part Listening run", "ready = log:^Listening$\nready_timeout = 300ms",
                     files={"logs/a.log": "Listening\n"})
        self.check_failed(s, "not ready within 300ms: no line matched /^Listening$/")

    def test_streams_that_are_not_read(self):
        self.check_ready("say Listening run", "ready = log:Listening\nstderr = null", "Listening")
        for stream in ("null", "inherit"):
            s = self.app("say Listening run", f"ready = log:Listening\nstdout = {stream}")
            refused = s.call("start")
            self.assertEqual(refused.code, 2, refused)
            self.assertIn("upkeep.ini:4: ready: log: reads what goes to a file", refused.err)

    def test_its_last_line_before_the_end_is_not_ready(self):
        s = self.app("part 'startup failed' exit 1", "ready = log:startup")
        failed = s.call("start")
        self.assertEqual((failed.code, s.state("a")), (1, "failed"), failed)
        self.assertIn("exited with code 1", failed.out + failed.err)


class Descriptor(Readiness):
    def test_newline_and_close(self):
        s = self.check_ready("write-fd 3 '' run", "ready = fd:3", "newline to descriptor 3")
        self.assertEqual(s.state("a"), "ready")
        self.check_ready("close-fd 7 run", "ready = fd:7", "closed descriptor 7")

    def test_a_child_keeps_it(self):
        self.check_ready("spawn write-fd 5 ready run -- close-fd 5 run", "ready = fd:5", "newline to descriptor 5")

    def test_close_by_an_end_is_not_ready(self):
        for end in ("exit 0", "exit 3", "die KILL"):
            s = self.app(end, "ready = fd:3")
            failed = s.call("start")
            self.assertEqual(failed.code, 1, failed)
            self.assertNotIn("ready", states(s, "a"))

    def test_nothing(self):
        s = self.app("run", "ready = fd:3\nready_timeout = 300ms")
        self.check_failed(s, "not ready within 300ms: nothing was written to descriptor 3")


class Ends(Readiness):
    def test_spawned(self):
        s = self.check_ready("run", "ready = spawned", "spawned")
        self.assertTrue(alive(s.pid("a")))

    def test_spawned_fails_when_it_cannot_be(self):
        s = self.stack("[app:a]\ncommand = /nowhere/at-all\nrestart = never\n")
        self.check_failed(s, "cannot execute /nowhere/at-all: No such file or directory")

    def test_exit_of_a_oneshot(self):
        s = self.stack(f"[app:a]\ntype = oneshot\nready = exit\ncommand = {CHILD} say done\n"
                       f"[app:b]\ncommand = {CHILD} run\ndepends_on = a\n")
        s.call("start", check=0)
        self.assertEqual((s.state("a"), s.state("b")), ("done", "ready"))

    def test_oneshot_that_takes_too_long(self):
        s = self.app("on TERM exit 0 run", "type = oneshot\nready_timeout = 300ms")
        self.check_failed(s, "not ready within 300ms")

    def test_a_program_that_goes_into_the_background_is_told_to_stay(self):
        words = "exited with code 0 after"
        advice = "it left processes behind; an app has to stay in the foreground"
        s = self.app("orphan run -- exit 0", "ready = notify")
        failed = s.call("start")
        self.assertEqual(failed.code, 1, failed)
        self.assertIn(words, failed.err)
        self.assertIn(advice, failed.err)
        s = self.app("orphan run -- exit 0").run()
        self.assertIn(advice, s.wait_state("a", "stopped")["why"])
        for end in ("orphan run -- exit 3", "exit 0"):
            s = self.app(end).run()
            self.assertNotIn(advice, s.wait_state("a", "stopped", "failed")["why"])

    def test_timeout_holds_the_dependants(self):
        port = free_port()
        s = self.stack(f"[app:b]\ncommand = {CHILD} say ran run\ndepends_on = a\n"
                       f"[app:a]\ncommand = {CHILD} run\nport = {port}\nready_timeout = 300ms\nrestart = never\n")
        failed = s.call("start")
        self.assertEqual(failed.code, 1)
        self.assertTrue(failed.err.splitlines()[-1].startswith("upkeep: a: not ready within 300ms: "), failed)
        self.assertEqual((s.state("a"), s.state("b"), s.log("b")), ("failed", "blocked", ""))


if __name__ == "__main__":
    main()
