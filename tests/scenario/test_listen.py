"""Sockets that the supervisor opens for its apps: no connection is refused while an app restarts."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, LIMIT, UPKEEP, Scenario, free_port, main, until


def ask(place):
    """One request: the answer's first line. Refused or cut off: an exception."""
    family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    with socket.socket(family) as s:
        s.settimeout(LIMIT)
        s.connect(place)
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return s.makefile("rb").readline().decode().strip()


def is_refused(place):
    try:
        ask(place)
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


class Flow:
    """Requests, one after the other, until told to end. Those that were accepted by a process which then ended are no
    business of who holds the socket."""

    def __init__(self, place):
        self.place, self.answered, self.cut, self.refused, self.is_over = place, 0, 0, [], False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.is_over:
            try:
                if ask(self.place):
                    self.answered += 1
                else:
                    self.cut += 1
            except ConnectionRefusedError as e:
                self.refused.append(e)
            except (ConnectionResetError, BrokenPipeError):
                self.cut += 1

    def end(self):
        self.is_over = True
        self.thread.join()


class Listen(Scenario):
    def test_requests_flow_through_restarts_and_crashes(self):
        port = free_port()
        s = self.stack(f"""
[app:web]
command = {CHILD} listen-fd 3 serve
listen = 127.0.0.1:{port}
min_uptime = 0
max_restarts = 0
""").run()
        s.call("wait", check=0)
        flow = Flow(("127.0.0.1", port))
        try:
            for _ in range(5):
                before = flow.answered
                s.call("restart", "web", check=0)
                until("it answers again", lambda: flow.answered > before)
                pid = s.pid("web")
                os.kill(pid, signal.SIGKILL)
                until("another has taken its place", lambda: s.pid("web") not in (pid, None))
        finally:
            flow.end()
        self.assertEqual(flow.refused, [])
        self.assertGreater(flow.answered, 5)

    def test_what_the_app_is_told(self):
        ports = [free_port(), free_port()]
        s = self.stack(f"""
[app:web]
command = {CHILD} env LISTEN_FDS env LISTEN_FDNAMES env LISTEN_PID pid fds run
pre_start = {CHILD} env LISTEN_FDS env LISTEN_PID
listen =
  127.0.0.1:{ports[0]}
  admin=[::1]:{ports[1]}
  run/web.sock
""").run()
        s.call("wait", check=0)
        until("it has said all", lambda: "fds" in s.log("web"))
        lines = s.log("web").splitlines()
        pid = s.pid("web")
        self.assertEqual(lines, ["LISTEN_FDS=(unset)", "LISTEN_PID=(unset)", "LISTEN_FDS=3",
                                 "LISTEN_FDNAMES=web:admin:web", f"LISTEN_PID={pid}", f"pid={pid}", "fds 0 1 2 3 4 5"])

    def test_the_most_there_can_be_beside_a_readiness_descriptor(self):
        ports = [free_port() for _ in range(16)]
        places = "\n  ".join(f"127.0.0.1:{port}" for port in ports)
        s = self.stack(f"""
[app:web]
command = {CHILD} write-fd 30 up listen-fd 18 serve
listen =
  {places}
ready = fd:30
""").run()
        s.call("wait", check=0)
        self.assertEqual(ask(("127.0.0.1", ports[15])), "HTTP/1.1 200 Whatever")

    def test_unix_socket(self):
        s = self.stack(f"""
[app:web]
command = {CHILD} listen-fd 3 serve
listen = run/deep/web.sock
[app:other]
command = {CHILD} run
listen = run/deep/other.sock
autostart = false
""")
        os.makedirs(f"{s.folder}/run/deep")
        path = f"{s.folder}/run/deep/web.sock"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        s.run()
        s.call("wait", check=0)
        self.assertEqual(ask(path), "HTTP/1.1 200 Whatever")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o666)
        inode = os.stat(path).st_ino
        s.call("restart", check=0)
        self.assertEqual(os.stat(path).st_ino, inode)
        s.write("run/deep/other.sock", "precious")
        self.assertEqual(s.call("start", "other").code, 1)
        self.assertIn("cannot listen on", s.app("other")["why"])
        self.assertEqual(s.read("run/deep/other.sock"), b"precious")
        s.call("stop", check=0)
        self.assertFalse(os.path.exists(path))

    def test_a_stopped_app_refuses(self):
        port = free_port()
        s = self.stack(f"[app:web]\ncommand = {CHILD} listen-fd 3 serve\nlisten = 127.0.0.1:{port}\n").run()
        s.call("wait", check=0)
        s.call("stop", "web", check=0)
        self.assertTrue(is_refused(("127.0.0.1", port)))
        s.call("start", "web", check=0)
        self.assertEqual(ask(("127.0.0.1", port)), "HTTP/1.1 200 Whatever")

    def test_backoff_does_not_refuse(self):
        port = free_port()
        s = self.stack(f"""
[app:web]
command = sh -c 'test -e up || exit 1; exec {CHILD} listen-fd 3 serve'
listen = 127.0.0.1:{port}
restart_delay = 1m
restart_delay_max = 1m
""").run()
        s.wait_state("web", "backoff")
        waiting = Flow(("127.0.0.1", port))
        s.write("up", "")
        s.call("start", "web", check=0)
        until("who came during the backoff is answered", lambda: waiting.answered)
        waiting.end()
        self.assertEqual((waiting.refused, waiting.cut), ([], 0))

    def test_who_holds_it_is_named(self):
        port = free_port()
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", port))
            holder.listen()
            s = self.stack(f"""
[app:web]
command = {CHILD} run
listen = 127.0.0.1:{port}
restart = never
""").run()
            why = s.wait_state("web", "failed")["why"]
        self.assertRegex(why, f"^127.0.0.1:{port} is held by pid {os.getpid()} [(]")

    def test_check_knows_who_is_there_by_right(self):
        port = free_port()
        s = self.stack(f"[app:web]\ncommand = {CHILD} listen-fd 3 serve\nport = {port}\n"
                       f"listen = 127.0.0.1:{port}\n")
        with socket.socket() as holder:
            holder.bind(("0.0.0.0", port))
            holder.listen()
            result = s.call("check", check=1)
            self.assertRegex(result.out, f"upkeep.ini:4: error: web: 127.0.0.1:{port} is held by pid {os.getpid()} ")
        s.call("check", check=0)
        s.run()
        s.call("wait", check=0)
        s.call("check", check=0)

    def test_two_apps_on_one_address(self):
        port = free_port()
        s = self.stack(f"""
[defaults]
command = {CHILD} run
listen = 127.0.0.1:{port}
restart = never
[app:a]
[app:b]
depends_on = a
""").run()
        self.assertEqual(s.wait_state("b", "failed")["why"],
                         f"127.0.0.1:{port} is held by this supervisor, for a")

    def test_port_and_readiness(self):
        port = free_port()
        s = self.stack(f"""
[app:web]
command = {CHILD} listen-fd 3 await go serve
port = {port}
listen = 127.0.0.1:${{PORT}}
ready = http://127.0.0.1:${{PORT}}/
""").run()
        s.wait_state("web", "starting")
        s.write("go", "")
        self.assertIn("answered 200", s.wait_state("web", "ready")["why"])

    def test_readiness_that_would_say_nothing_is_refused(self):
        port = free_port()
        for ready in ("port", f"tcp:127.0.0.1:{port}", "fd:3"):
            s = self.stack(f"[app:web]\ncommand = {CHILD} run\nport = {port}\nlisten = 127.0.0.1:{port}\n"
                           f"ready = {ready}\n")
            result = s.call("check")
            self.assertNotEqual(result.code, 0)
            self.assertRegex(result.out + result.err, "upkeep.ini:5: error: ready: ")

    def test_mistakes_are_explained(self):
        s = self.stack(f"[app:web]\ncommand = {CHILD} run\nlisten =\n  8080\n  localhost:80\n  :80\n  ::1:80\n  1.2.3.4:0\n")
        found = [line for line in s.call("check").out.splitlines() if " listen: " in line]
        self.assertEqual(len(found), 5, found)
        self.assertIn('upkeep.ini:4: error: listen: "8080" is only a port: write 127.0.0.1:8080', found[0])


class Manager:
    """A service manager that keeps descriptors."""

    def __init__(self, path):
        self.path, self.kept, self.stores = path, {}, 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while True:
            message, fds, _, _ = socket.recv_fds(self.socket, 4096, 4)
            if message == b"end":
                return
            words = dict(line.split("=", 1) for line in message.decode().split("\n") if "=" in line)
            if "FDSTORE" in words:
                self.stores += 1
                self.kept[words["FDNAME"]] = socket.socket(fileno=fds[0])
            if "FDSTOREREMOVE" in words:
                self.kept.pop(words["FDNAME"]).close()

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"end", self.path)
        self.thread.join()
        for kept in self.kept.values():
            kept.close()
        self.socket.close()


class Passed(Scenario):
    """As a service manager does it: LISTEN_FDS with our pid, and a notify socket that takes descriptors."""

    def run_with(self, stack, sockets, environment=None):
        """Runs the supervisor with the sockets (name, socket) as descriptors from 3 on."""
        names = ":".join(name for name, _ in sockets)
        script = f"export LISTEN_FDS={len(sockets)} LISTEN_PID=$$ LISTEN_FDNAMES={names}; exec {UPKEEP} run"
        stack.environment.update(environment or {})
        saved = []
        for i, (_, s) in enumerate(sockets):
            saved.append(os.dup2(s.fileno(), 100 + i, inheritable=True))
        for i in range(len(sockets)):
            script = f"exec {3 + i}<&{100 + i} {100 + i}<&-; " + script
        stack.output_file = open(os.path.join(stack.top, "supervisor.out"), "ab+")
        stack.supervisor = subprocess.Popen(["bash", "-c", script], cwd=stack.folder, env=stack.environment,
                                            stdin=subprocess.DEVNULL, stdout=stack.output_file,
                                            stderr=subprocess.STDOUT, pass_fds=saved)
        for fd in saved:
            os.close(fd)
        until("the supervisor answers or ends",
              lambda: stack.supervisor.poll() is not None or stack.call("status").code == 0)
        return stack

    def listener(self, port=0):
        s = socket.socket()
        self.addCleanup(s.close)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen()
        return s

    def test_by_name_and_by_address(self):
        named, placed, stray = self.listener(), self.listener(), self.listener()
        s = self.stack(f"""
[app:by-name]
command = {CHILD} env LISTEN_FDNAMES listen-fd 3 serve
listen = web=127.0.0.1:1
[app:by-address]
command = {CHILD} env LISTEN_FDNAMES listen-fd 3 serve
listen = 127.0.0.1:{placed.getsockname()[1]}
""")
        self.run_with(s, [("stray.socket", stray), ("x.socket", placed), ("web", named)])
        s.call("wait", check=0)
        self.assertEqual(ask(named.getsockname()), "HTTP/1.1 200 Whatever")
        self.assertEqual(ask(placed.getsockname()), "HTTP/1.1 200 Whatever")
        self.assertIn("LISTEN_FDNAMES=web\n", s.log("by-name"))
        self.assertIn(f"closed the socket stray.socket (127.0.0.1:{stray.getsockname()[1]}) that the service manager "
                      "passed: no app's listen names it", s.output())
        # A stop does not close what could not be had again.
        s.call("stop", check=0)
        s.call("start", check=0)
        self.assertEqual(ask(named.getsockname()), "HTTP/1.1 200 Whatever")

    def test_sockets_are_kept_over_a_restart_of_the_unit(self):
        port = free_port()
        s = self.stack(f"""
[app:web]
command = {CHILD} listen-fd 3 serve
listen = 127.0.0.1:{port}
[app:deep]
command = {CHILD} listen-fd 3 serve
listen = run/web.sock
""")
        manager = Manager(f"{s.top}/notify")
        self.addCleanup(manager.close)
        s.environment["NOTIFY_SOCKET"] = manager.path
        s.run()
        s.call("wait", check=0)
        names = {f"upkeep.127.0.0.1_{port}", f"upkeep.{s.folder}/run/web.sock"}
        until("they are kept", lambda: set(manager.kept) == names)
        self.assertEqual(s.end(), 0)
        s.output_file.close()
        # Who connects in between waits.
        with socket.create_connection(("127.0.0.1", port), LIMIT) as early, socket.socket(socket.AF_UNIX) as deep:
            deep.settimeout(LIMIT)
            deep.connect(f"{s.folder}/run/web.sock")
            self.run_with(s, list(manager.kept.items()))
            for connection in (early, deep):
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 200"))
        self.assertEqual(manager.stores, 2)
        # When the app is gone, so is what is kept for it.
        s.call("stop", check=0)
        until("they are kept no longer", lambda: not manager.kept)
        self.assertFalse(os.path.exists(f"{s.folder}/run/web.sock"))


if __name__ == "__main__":
    main()
