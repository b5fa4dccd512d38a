"""What every scenario stands on: a folder of its own, the real binary, waiting for events with a limit, and a look at
what was left behind. Nothing here sleeps to wait for something that an event could tell."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

UPKEEP = os.environ["UPKEEP"]
CHILD = os.environ["CHILD"]
LIMIT = 30  # seconds; generous: two noisy cores, sanitizers
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def free_port():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, condition, limit=LIMIT):
    """For what has no event: looks again and again, with a limit."""
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit} s: {what}")
        select.select([], [], [], 0.005)


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def processes_with(marker):
    """The living processes that have the marker among their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if marker.encode() in f.read() and int(pid) != os.getpid() and alive(int(pid)):
                    found.append(int(pid))
    return found


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Stack:
    """A manifest in a folder of its own, and the supervisor that runs it."""

    def __init__(self, manifest, folder=None, files=None, environment=None):
        self.top = tempfile.mkdtemp(prefix="upkeep-test-")
        self.folder = os.path.join(self.top, folder) if folder else self.top
        os.makedirs(self.folder, exist_ok=True)
        self.marker = os.path.basename(self.top)
        self.environment = dict(os.environ, NO_COLOR="1", **(environment or {}))
        for name in ("UPKEEP_MANIFEST", "UPKEEP_PROFILE", "NOTIFY_SOCKET"):
            self.environment.pop(name, None)
        for name, text in (files or {}).items():
            self.write(name, text)
        self.write("upkeep.ini", manifest)
        self.supervisor = None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.replace("{child}", f"{CHILD}").encode())
        return path

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as f:
            return f.read()

    def log(self, app):
        try:
            return self.read(f"logs/{app}.log").decode(errors="replace")
        except FileNotFoundError:
            return ""

    def call(self, *words, limit=LIMIT, check=None, prefix=(), cwd=None):
        done = subprocess.run([*prefix, UPKEEP, *words], cwd=cwd or self.folder, env=self.environment,
                              capture_output=True, text=True, errors="replace", timeout=limit,
                              stdin=subprocess.DEVNULL)
        result = Result(done.returncode, done.stdout, done.stderr)
        if check is not None and result.code != check:
            raise AssertionError(f"upkeep {' '.join(words)}: expected exit {check}: {result}\n{self.output()}")
        return result

    def begin(self, *words):
        """A command that is not waited for."""
        return subprocess.Popen([UPKEEP, *words], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")

    def run(self, *words, prefix=()):
        """The supervisor in the foreground, as systemd or a developer runs it; returns once it answers. prefix: what
        it is started by, which has to become it (exec)."""
        self.output_file = open(os.path.join(self.top, "supervisor.out"), "ab+")
        self.supervisor = subprocess.Popen([*prefix, UPKEEP, "run", *words], cwd=self.folder, env=self.environment,
                                           stdin=subprocess.DEVNULL, stdout=self.output_file,
                                           stderr=subprocess.STDOUT)
        until("the supervisor answers or ends",
              lambda: self.supervisor.poll() is not None or self.call("status").code == 0)
        return self

    def output(self):
        if not self.supervisor:
            return ""
        with open(os.path.join(self.top, "supervisor.out"), errors="replace") as f:
            return f.read()

    def status(self):
        return json.loads(self.call("status", "--json", check=0).out)

    def app(self, name):
        return next(i for i in self.status()["instances"] if i["name"] == name)

    def state(self, name):
        return self.app(name)["state"]

    def pid(self, name):
        return self.app(name)["pid"]

    def wait_state(self, name, *states, limit=LIMIT):
        """Until the app is in one of the states, told by the event stream."""
        events = subprocess.Popen([UPKEEP, "events", "-f", "--json"], cwd=self.folder, env=self.environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + limit
            while True:
                instance = self.app(name)
                if instance["state"] in states:
                    return instance
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([events.stdout], [], [], left)[0]:
                    raise AssertionError(f"{name} is {instance['state']} ({instance['why']}), not {states}"
                                         f"\n{self.output()}")
                os.read(events.stdout.fileno(), 65536)
        finally:
            events.kill()
            events.wait()
            events.stdout.close()

    def end(self, number=signal.SIGTERM, limit=LIMIT):
        """Ends the supervisor; its exit code."""
        self.supervisor.send_signal(number)
        return self.supervisor.wait(limit)

    def close(self):
        try:
            if self.supervisor:
                if self.supervisor.poll() is None:
                    self.supervisor.send_signal(signal.SIGTERM)
                    try:
                        self.supervisor.wait(LIMIT)
                    except subprocess.TimeoutExpired:
                        self.supervisor.kill()
                        self.supervisor.wait()
                self.output_file.close()
            else:
                self.call("shutdown")
            left = processes_with(self.marker)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if left:
                raise AssertionError(f"processes were left behind: {left}\n{self.output()}")
        finally:
            shutil.rmtree(self.top, ignore_errors=True)


class Wire:
    """A connection to the control socket that says whatever it likes."""

    def __init__(self, stack):
        # The address holds 107 bytes; the folder may be deeper.
        folder = os.open(os.path.join(stack.folder, ".upkeep"), os.O_PATH | os.O_DIRECTORY)
        try:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(LIMIT)
            self.socket.connect(f"/proc/self/fd/{folder}/control.sock")
        finally:
            os.close(folder)
        self.rest = b""

    def send(self, data):
        """False when the supervisor has hung up meanwhile."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def receive(self):
        """The next message; None at the end."""
        while b"\0" not in self.rest:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, parameters=None, **more):
        self.send(json.dumps({"method": method, "parameters": parameters or {}, **more}).encode() + b"\0")
        return self.receive()

    def close(self):
        self.socket.close()


class Scenario(unittest.TestCase):
    """Keeps stacks for the length of a test."""

    def stack(self, manifest, **options):
        stack = Stack(manifest, **options)
        self.addCleanup(stack.close)
        return stack


def main():
    # A shell may have started us with these ignored (nohup, &), and what we start would leave them so.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    unittest.main(verbosity=2)
