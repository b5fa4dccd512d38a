"""Sockets under systemd: activated by a socket unit, or kept in the unit's descriptor store. Requests flow while the unit
and its app restart, and none is refused."""

import http.client
import os
import signal
import socket
import threading

from harness import CHILD, SystemdTest, free_port, main, read, run, until


class Traffic(threading.Thread):
    """Requests without a pause. One that was accepted may be cut off with the app that had it; none may be refused."""

    def __init__(self, port):
        super().__init__()
        self.port, self.answered, self.refused, self.is_over = port, 0, [], threading.Event()
        self.start()

    def run(self):
        while not self.is_over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("GET", "/")
                if connection.getresponse().status == 200:
                    self.answered += 1
            except ConnectionRefusedError as error:
                self.refused.append(error)
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()

    def end(self):
        self.is_over.set()
        self.join()


class Sockets(SystemdTest):
    def flow(self, port, act):
        """Requests before, during and after act."""
        traffic = Traffic(port)
        try:
            until("requests are answered", lambda: traffic.answered > 20)
            act()
            so_far = traffic.answered
            until("requests are answered again", lambda: traffic.answered > so_far + 20)
        finally:
            traffic.end()
        self.assertEqual(traffic.refused, [])

    def served(self, port, key="", **options):
        return self.stack(f"""
[app:web]
command = {CHILD} notify READY=1 listen-fd 3 serve
listen = {key}127.0.0.1:{port}
ready = notify
restart_delay = 10ms
""", **options).install()

    def socket_unit(self, s, port, name=None):
        path = f"/etc/systemd/system/{s.name}.socket"
        with open(path, "w") as f:
            f.write(f"[Socket]\nListenStream=127.0.0.1:{port}\n" + (f"FileDescriptorName={name}\n" if name else ""))
        run("systemctl", "daemon-reload")
        run("systemctl", "start", f"{s.name}.socket")
        self.addCleanup(run, "systemctl", "stop", f"{s.name}.socket")

    def test_unit_is_restarted_over_its_own_sockets(self):
        port = free_port()
        s = self.served(port).start()
        self.assertEqual(s.show("NFileDescriptorStore"), "1")
        self.flow(port, lambda: s.systemctl("restart"))
        self.flow(port, lambda: s.upkeep("restart", "web"))
        self.assertEqual(s.show("NFileDescriptorStore"), "1")

    def test_supervisor_is_killed_over_its_own_sockets(self):
        port = free_port()
        s = self.served(port).drop_in("RestartSec=10ms").start()

        def kill():
            os.kill(s.main_pid(), signal.SIGKILL)
            until("it was restarted", lambda: s.show("NRestarts") == "1" and s.show("ActiveState") == "active")
        self.flow(port, kill)

    def test_activated_by_a_connection_and_restarted(self):
        for key, name in (("", None), ("front=", "front")):
            with self.subTest(name=name):
                port = free_port()
                s = self.served(port, key)
                self.socket_unit(s, port, name)
                self.assertEqual(s.show("ActiveState"), "inactive")
                with socket.create_connection(("127.0.0.1", port), timeout=30) as c:
                    c.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    self.assertIn(b"200", c.recv(100))
                s.wait_active("active")
                self.flow(port, lambda: s.systemctl("restart"))
                self.flow(port, lambda: os.kill(s.app("web")["pid"], signal.SIGKILL))
                environment = read(f"/proc/{s.app('web')['pid']}/environ").split("\0")
                self.assertIn("LISTEN_FDS=1", environment)
                run("systemctl", "stop", f"{s.name}.socket")

    def test_port_below_1024_as_a_user(self):
        s = self.served(89, owner="deploy").start()
        with socket.create_connection(("127.0.0.1", 89), timeout=30):
            self.assertEqual(s.show("AmbientCapabilities"), "cap_net_bind_service")

    def test_socket_is_given_back_when_the_app_is_stopped(self):
        port = free_port()
        s = self.served(port).start()
        s.upkeep("stop", "web")
        until("the store is empty", lambda: s.show("NFileDescriptorStore") == "0")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()


if __name__ == "__main__":
    main()
