"""What the service manager above us is told, held against what was true at that moment."""

import errno
import json
import os
import re
import select
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, LIMIT, Scenario, main, until


class Message:
    def __init__(self, text, states):
        self.time = time.monotonic()
        self.text = text
        self.fields = dict(line.partition("=")[::2] for line in text.split("\n") if line)
        self.states = states  # of the apps when it came; None when nobody answered

    def __repr__(self):
        return f"{self.time:.3f} {self.fields} {self.states}"


def open_and_read(path):
    with open(path) as f:
        return f.read()


class Manager:
    """A service manager's ear: the messages as they come, each with what `status` said right then."""

    def __init__(self, stack, ask=True):
        self.stack = stack
        self.ask = ask
        self.folder = tempfile.mkdtemp(prefix="upkeep-manager-")
        self.path = os.path.join(self.folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.messages = []
        self.is_over = False
        stack.environment["NOTIFY_SOCKET"] = self.path
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while not self.is_over:
            if not select.select([self.socket], [], [], 0.05)[0]:
                continue
            text = self.socket.recv(65536).decode()
            message = Message(text, None)
            if self.ask:
                answer = self.stack.call("status", "--json")
                if answer.code == 0:
                    message.states = {i["name"]: i["state"] for i in json.loads(answer.out)["instances"]}
            self.messages.append(message)

    def close(self):
        self.is_over = True
        self.thread.join()
        self.socket.close()
        os.unlink(self.path)
        os.rmdir(self.folder)

    def having(self, *names):
        return [m for m in list(self.messages) if all(n in m.fields for n in names)]

    def first(self, name):
        """The first message with this field, waited for."""
        return until(f"{name} is told: {self.messages}", lambda: self.having(name))[0]

    def statuses(self):
        return [m.fields["STATUS"] for m in self.having("STATUS")]

    def status(self, pattern):
        """The first message with such a status, waited for."""
        return until(f"STATUS={pattern}: {self.statuses()}",
                     lambda: [m for m in self.having("STATUS") if re.fullmatch(pattern, m.fields["STATUS"])])[0]

    def is_silent(self, seconds):
        """Whether nothing is told for so long."""
        count = len(self.messages)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            select.select([], [], [], 0.02)
            if len(self.messages) > count:
                return False
        return True


GATED = """
[defaults]
ready = notify
[app:a]
command = {child} await a.go notify READY=1 run
[app:b]
command = {child} await b.go notify READY=1 run
""".replace("{child}", CHILD)


class TellsTheManager(Scenario):
    def managed(self, manifest, ask=True, **environment):
        stack = self.stack(manifest)
        manager = Manager(stack, ask)
        self.addCleanup(manager.close)
        stack.environment.update(environment)
        return stack, manager

    # ---- READY

    def test_ready_when_all_are(self):
        s, m = self.managed(GATED)
        s.run()
        s.wait_state("a", "starting")
        s.write("b.go", "")
        s.wait_state("b", "ready")
        m.status(r"1/2 ready, a starting \(\d+s of 30s\)")
        self.assertEqual(m.having("READY"), [])
        s.write("a.go", "")
        ready = m.first("READY")
        self.assertEqual(ready.states, {"a": "ready", "b": "ready"})
        self.assertEqual(ready.fields["STATUS"], "2/2 ready")
        # Once: a crash and its recovery are told as a status.
        os.kill(s.pid("b"), signal.SIGKILL)
        until("it has come back", lambda: s.app("b")["restarts"] == 1 and s.state("b") == "ready")
        m.status("2/2 ready")
        self.assertEqual(len(m.having("READY")), 1)
        self.assertTrue(any(x.startswith("1/2 ready, b ") for x in m.statuses()), m.statuses())

    def test_ready_when_any_is(self):
        s, m = self.managed("[upkeep]\nready_when = any\n" + GATED)
        s.run()
        s.wait_state("a", "starting")
        self.assertEqual(m.having("READY"), [])
        s.write("b.go", "")
        ready = m.first("READY")
        self.assertEqual(ready.states, {"a": "starting", "b": "ready"})
        # From here on nobody has to wait for longer.
        m.status(r"1/2 ready, a starting \(1s of 30s\)")
        self.assertEqual([x for x in m.messages if x.time > ready.time and "EXTEND_TIMEOUT_USEC" in x.fields], [])

    def test_ready_when_started(self):
        s, m = self.managed("[upkeep]\nready_when = started\n" + GATED)
        s.run()
        self.assertEqual(m.first("READY").states, {"a": "starting", "b": "starting"})

    def test_a_oneshot_and_what_is_not_autostarted(self):
        s, m = self.managed(f"""
[app:migrate]
type = oneshot
command = {CHILD} await go exit 0
[app:web]
command = {CHILD} run
depends_on = migrate
[app:tool]
command = {CHILD} run
autostart = false
""")
        s.run()
        m.status(r"0/2 ready, migrate starting \(\d+s\)")
        s.write("go", "")
        ready = m.first("READY")
        self.assertEqual(ready.states, {"migrate": "done", "web": "ready", "tool": "stopped"})
        self.assertEqual(ready.fields["STATUS"], "2/2 ready")

    # ---- STATUS

    def test_status_is_kept_current_and_idle_is_silent(self):
        s, m = self.managed(GATED)
        s.run()
        for seconds in range(3):
            said = m.status(rf"0/2 ready, a starting \({seconds}s of 30s\)")
            self.assertEqual(said.states, {"a": "starting", "b": "starting"})
        s.write("a.go", "")
        s.write("b.go", "")
        m.first("READY")
        self.assertTrue(m.is_silent(1.5), m.messages[-1:])
        # Every status was true, and none was told twice in a row.
        for message in m.having("STATUS"):
            up = sum(state == "ready" for state in message.states.values())
            self.assertLessEqual(int(message.fields["STATUS"][0]), up, message)
        self.assertNotIn(True, [x == y for x, y in zip(m.statuses(), m.statuses()[1:])], m.statuses())

    def test_status_tells_of_a_crash_loop_without_ticking(self):
        s, m = self.managed(f"[upkeep]\nready_when = any\n[app:a]\ncommand = {CHILD} run\n"
                            f"[app:b]\ncommand = {CHILD} exit 3\nready = notify\n"
                            "restart_delay = 1h\nrestart_delay_max = 1h\n")
        s.run()
        m.status(r"1/2 ready, b backoff: exited with code 3 after \S+")
        self.assertTrue(m.is_silent(1.5), m.messages[-1:])

    # ---- EXTEND_TIMEOUT_USEC

    def test_a_slow_start_is_given_time_and_a_hung_one_is_not(self):
        s, m = self.managed(f"[app:slow]\ncommand = {CHILD} run\nready = notify\nready_timeout = 2500ms\n"
                            "restart_delay = 10ms\nrestart_delay_max = 10ms\n")
        s.run()
        until("a second attempt has lasted", lambda: s.app("slow")["restarts"] >= 1 and
              m.statuses()[-1].endswith("starting (1s of 2s500ms)"))
        begun = m.first("EXTEND_TIMEOUT_USEC").time
        extended = m.having("EXTEND_TIMEOUT_USEC")
        self.assertGreaterEqual(len(extended), 3)
        for message in extended:
            self.assertLess(message.time, begun + 2.5 + 0.5, m.messages)
            granted = int(message.fields["EXTEND_TIMEOUT_USEC"]) / 1e6
            self.assertGreater(granted, 0)
            self.assertLess(message.time + granted, begun + 2.5 + 5 + 0.5)
        # What the manager's own limit ends is put down to the app.
        self.assertEqual(s.end(), 0)
        blame = "stopped before it was ready: slow: not ready within 2s500ms: READY=1 did not come"
        self.assertTrue(m.first("STOPPING").fields["STATUS"].startswith(blame + "; stopping, "))
        m.status(blame)

    def test_a_start_that_is_cut_short_is_put_down_to_what_it_waited_for(self):
        s, m = self.managed(GATED)
        s.run()
        m.status(r"0/2 ready, a starting \(0s of 30s\)")
        self.assertEqual(s.end(), 0)
        m.status(r"stopped before it was ready: 0/2 ready, a starting \(\d+s of 30s\)")

    def test_a_slow_stop_is_given_time_and_a_killed_one_is_not(self):
        s, m = self.managed(f"[app:deaf]\ncommand = {CHILD} on TERM ignore notify READY=1 run\nready = notify\n"
                            "kill_timeout = 2500ms\n", ask=False)
        s.run()
        m.first("READY")
        until("it asks for nothing", lambda: "EXTEND_TIMEOUT_USEC" not in m.messages[-1].fields)
        began = time.monotonic()
        self.assertEqual(s.end(), 0)
        m.status("stopped")
        for text in ("stopping, 1 left, deaf (0s of 2s500ms)", "stopping, 1 left, deaf (1s of 2s500ms)"):
            self.assertIn(text, m.statuses())
        for message in [x for x in m.having("EXTEND_TIMEOUT_USEC") if x.time > began]:
            self.assertLess(message.time + int(message.fields["EXTEND_TIMEOUT_USEC"]) / 1e6, began + 2.5 + 5 + 0.5)
        self.assertNotIn("EXTEND_TIMEOUT_USEC", m.messages[-1].fields)

    # ---- RELOADING

    def test_reload(self):
        s, m = self.managed(GATED)
        s.run()
        s.wait_state("a", "starting")
        s.supervisor.send_signal(signal.SIGHUP)
        until("it was done", lambda: "log files opened anew" in s.output())
        s.write("a.go", "")
        s.write("b.go", "")
        m.first("READY")
        self.assertEqual(m.having("RELOADING"), [])  # before READY=1 a reload's end would have been a false one
        s.supervisor.send_signal(signal.SIGHUP)
        until("a second READY=1", lambda: len(m.having("READY")) == 2)
        reloading = m.first("RELOADING")
        self.assertLess(abs(int(reloading.fields["MONOTONIC_USEC"]) / 1e6 - reloading.time), 5)
        order = [n for x in m.messages for n in ("RELOADING", "READY") if n in x.fields]
        self.assertEqual(order, ["READY", "RELOADING", "READY"])

    # ---- STOPPING, and how it ends

    def test_stopping_comes_first(self):
        s, m = self.managed(f"[app:a]\ncommand = {CHILD} on TERM say stopped run\n", ask=False)
        s.run()
        m.first("READY")
        count = len(m.messages)
        s.supervisor.send_signal(signal.SIGTERM)
        m.first("STOPPING")
        self.assertIn("STOPPING", m.messages[count].fields)
        until("the app was told", lambda: "stopped" in s.log("a"))
        s.supervisor.send_signal(signal.SIGTERM)
        self.assertEqual(s.supervisor.wait(LIMIT), 0)
        until("the last word", lambda: m.statuses()[-1] == "stopped")
        self.assertEqual(m.having("EXIT_STATUS"), [])
        self.assertEqual(len(m.having("STOPPING")), 1)

    def test_failing_start_ends(self):
        s, m = self.managed(f"[app:good]\ncommand = {CHILD} run\n[app:bad]\ncommand = {CHILD} exit 3\n"
                            "ready = notify\nrestart = never\n")
        s.run()
        self.assertEqual(s.supervisor.wait(LIMIT), 1)
        last = until("the last words", lambda: m.having("EXIT_STATUS"))[0]
        self.assertRegex(last.fields["STATUS"], r"^bad failed: exited with code 3 after ")
        self.assertEqual(last.fields["EXIT_STATUS"], "1")
        self.assertEqual(m.having("READY"), [])
        self.assertEqual(len(m.having("STOPPING")), 1)
        self.assertIn("bad: exited with code 3", s.output())

    def test_failing_start_says_its_errno(self):
        for manifest, number in (("[app:bad]\ncommand = /no/such/program\nrestart = never\n", errno.ENOENT),
                                 (f"[app:bad]\ncommand = {CHILD} run\nready = notify\nready_timeout = 200ms\n"
                                  "restart = never\n", errno.ETIMEDOUT)):
            s, m = self.managed(manifest)
            s.run()
            self.assertEqual(s.supervisor.wait(LIMIT), 1)
            last = until("the last words", lambda: m.having("EXIT_STATUS"))[0]
            self.assertEqual(last.fields["ERRNO"], str(number))

    def test_a_blocked_app_fails_the_start_too(self):
        s, m = self.managed(f"[app:db]\ntype = oneshot\nrestart = never\ncommand = {CHILD} exit 1\n"
                            f"[app:web]\ncommand = {CHILD} run\ndepends_on = db\n")
        s.run()
        self.assertEqual(s.supervisor.wait(LIMIT), 1)
        m.status("db failed: exited with code 1 after [^;]*")

    def test_any_goes_on_while_one_is_left(self):
        s, m = self.managed("[upkeep]\nready_when = any\n" + f"""
[app:bad]
command = {CHILD} exit 3
ready = notify
restart = never
[app:slow]
command = {CHILD} await go notify READY=1 run
ready = notify
""")
        s.run()
        m.status(r"0/2 ready, bad failed: exited with code 3 after \S+")
        s.write("go", "")
        self.assertEqual(m.first("READY").states, {"bad": "failed", "slow": "ready"})
        self.assertEqual(s.end(), 0)

    def test_a_failure_after_ready_is_kept_or_ends_it(self):
        app = f"[app:good]\ncommand = {CHILD} run\n[app:bad]\ncommand = {CHILD} notify READY=1 await go exit 3\n" \
              "ready = notify\nrestart = never\n"
        s, m = self.managed(app)
        s.run()
        m.first("READY")
        s.write("go", "")
        m.status("1/2 ready, bad failed: exited with code 3 after .*")
        self.assertEqual(s.end(), 0)
        s, m = self.managed("[upkeep]\non_failure = exit\n" + app)
        s.run()
        m.first("READY")
        s.write("go", "")
        self.assertEqual(s.supervisor.wait(LIMIT), 1)
        until("the last words", lambda: m.having("EXIT_STATUS"))
        self.assertRegex(m.first("STOPPING").fields["STATUS"], r"^bad failed: exited with code 3 after .*; stopping, ")
        m.status(r"bad failed: exited with code 3 after [^;]*")

    def test_without_a_manager_a_failed_start_goes_on(self):
        s = self.stack(f"[app:good]\ncommand = {CHILD} run\n[app:bad]\ncommand = {CHILD} exit 3\nrestart = never\n")
        s.run()
        s.wait_state("bad", "failed")
        self.assertEqual(s.state("good"), "ready")
        with open(f"/proc/{s.supervisor.pid}/maps") as f:
            self.assertNotIn("libsystemd", f.read())  # nothing is spent on what is not there
        self.assertNotIn("<6>", s.output())

    def test_what_never_became_a_supervisor(self):
        s, m = self.managed("[app:a]\ncomand = x\n", ask=False)
        s.run()
        self.assertEqual(s.supervisor.wait(LIMIT), 2)
        last = m.first("EXIT_STATUS")
        self.assertEqual(last.fields["EXIT_STATUS"], "2")
        self.assertRegex(last.fields["STATUS"], r"upkeep\.ini:2: .*comand")
        s, m = self.managed(f"[app:a]\ncommand = {CHILD} run\n", ask=False)
        s.run()
        m.first("READY")
        s.call("run", check=1)
        last = m.first("EXIT_STATUS")
        self.assertEqual(last.fields["EXIT_STATUS"], "1")
        self.assertIn("a supervisor is running already", last.fields["STATUS"])

    def test_in_the_background_nobody_is_told(self):
        s, m = self.managed(f"[app:a]\ncommand = {CHILD} run\n", ask=False)
        s.call("start", check=0)
        s.call("shutdown", check=0)
        self.assertEqual(m.messages, [])

    def test_a_manager_that_does_not_read_holds_nobody_up(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nmin_uptime = 0\n")
        m = Manager(s, ask=False)
        self.addCleanup(m.close)
        m.is_over = True
        m.thread.join()
        s.run()
        qlen = int(open_and_read("/proc/sys/net/unix/max_dgram_qlen"))
        if qlen > 64:
            self.skipTest(f"skipped: this machine queues {qlen} messages")
        for _ in range(qlen):
            s.call("restart", "a", check=0)
        self.assertEqual(s.state("a"), "ready")
        # Once it reads again it is told what is the case, and what it was to be told.
        m.is_over = False
        m.thread = threading.Thread(target=m.listen, daemon=True)
        m.thread.start()
        until("it knows", lambda: m.statuses() and m.statuses()[-1] == "1/1 ready")
        m.first("READY")
        self.assertEqual(s.end(), 0)
        m.first("STOPPING")

    # ---- the watchdog

    def beats(self, m):
        return [x.time for x in m.having("WATCHDOG")]

    def test_watchdog_beats_while_busy(self):
        s, m = self.managed(f"[app:noisy]\ncommand = {CHILD} burst 3000000 run\nlog_format = json\n", ask=False,
                            WATCHDOG_USEC="1000000")
        s.run()
        until("ten beats", lambda: len(self.beats(m)) >= 10)
        beats = self.beats(m)
        gaps = [b - a for a, b in zip(beats, beats[1:])]
        self.assertLess(max(gaps), 1.0, gaps)
        self.assertGreater(sum(gaps) / len(gaps), 0.4, gaps)

    def test_watchdog_is_silent_when_stuck(self):
        s, m = self.managed(f"[app:a]\ncommand = {CHILD} run\n", ask=False, WATCHDOG_USEC="200000")
        s.run()
        until("it beats", lambda: len(self.beats(m)) >= 2)
        s.supervisor.send_signal(signal.SIGSTOP)
        try:
            os.waitpid(s.supervisor.pid, os.WUNTRACED)
            until("what was sent has come", lambda: m.is_silent(0.2))
            self.assertTrue(m.is_silent(1))
        finally:
            s.supervisor.send_signal(signal.SIGCONT)
        count = len(self.beats(m))
        until("it beats again", lambda: len(self.beats(m)) > count + 1)

    def test_watchdog_of_somebody_else(self):
        s, m = self.managed(f"[app:a]\ncommand = {CHILD} run\n", ask=False, WATCHDOG_USEC="200000", WATCHDOG_PID="1")
        s.run()
        m.first("READY")
        self.assertTrue(m.is_silent(0.5))

    # ---- standard error

    def test_priorities_where_they_are_read(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\n")
        # The stream is the journal's by its name, but there may be no journald: then lines have priorities.
        if os.path.exists("/run/systemd/journal/socket"):
            self.skipTest("skipped: journald runs here, and would get the lines")
        path = os.path.join(s.top, "supervisor.out")
        with open(path, "ab") as f:
            st = os.fstat(f.fileno())
        s.environment["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
        s.run()
        s.call("wait", check=0)
        self.assertRegex(s.output(), r"(?m)^<6>upkeep: a: ready: ")


if __name__ == "__main__":
    main()
