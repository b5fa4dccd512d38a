"""What every test under a real systemd stands on: a stack in a folder of its own, the unit that `upkeep unit --install`
makes for it, and what systemd and its journal say. Everything runs in the throw-away machine of tests/systemd/run."""

import json
import os
import pwd
import select
import shutil
import socket
import subprocess
import time
import unittest


# Copies in the throw-away root: the checkout may be in a folder that only its owner may enter.
for variable in ("UPKEEP", "CHILD"):
    os.environ[variable] = shutil.copy(os.environ[variable], "/usr/local/bin/")

UPKEEP, CHILD = os.environ["UPKEEP"], os.environ["CHILD"]

LIMIT = 60  # seconds; generous
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def free_port():
    with socket.socket() as s:
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
        select.select([], [], [], 0.02)


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        return read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def user(name):
    """A user of that name, made when missing."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
        return pwd.getpwnam(name)


def read(path):
    with open(path, errors="replace") as f:
        return f.read()


def run(*words, check=True, **options):
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=LIMIT,
                          stdin=subprocess.DEVNULL, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Stack:
    def __init__(self, name, manifest, owner=None, files=None, folder=None):
        self.name, self.unit = name, f"{name}.service"
        self.folder = folder or f"/srv/{name}"
        self.owner = user(owner) if owner else None
        self.environment = {"PATH": DEFAULT_PATH, "HOME": "/root", "LANG": "C.UTF-8"}
        os.makedirs(self.folder)
        for file, text in (files or {}).items():
            self.write(file, text)
        if "[upkeep]" not in manifest:
            manifest = f"[upkeep]\nname = {name}\n{manifest}"
        self.write("upkeep.ini", manifest)
        if self.owner:
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
            run("chown", "-R", owner, self.folder)

    def write(self, file, text):
        path = os.path.join(self.folder, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def log(self, app):
        try:
            with open(os.path.join(self.folder, "logs", f"{app}.log"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def upkeep(self, *words, check=True):
        return run(UPKEEP, *words, check=check, cwd=self.folder, env=self.environment)

    def install(self):
        self.upkeep("unit", "--install")
        return self

    def drop_in(self, text):
        """What the generated unit is changed by in this test, to wait less."""
        folder = f"/etc/systemd/system/{self.unit}.d"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{len(os.listdir(folder))}.conf", "w") as f:
            f.write(f"[Service]\n{text}\n")
        run("systemctl", "daemon-reload")
        return self

    def systemctl(self, verb, *words, check=True):
        return run("systemctl", verb, self.unit, *words, check=check)

    def begin(self, verb="start"):
        """The verb, not waited for."""
        return subprocess.Popen(["systemctl", verb, self.unit], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def start(self):
        done = self.systemctl("start", check=False)
        if done.returncode != 0:
            raise AssertionError(f"systemctl start: {done.stderr}\n{self.status_text()}\n{self.journal_text()}")
        return self

    def show(self, setting):
        return self.systemctl("show", "--value", "-p", setting).stdout.strip()

    def status_text(self):
        return self.systemctl("status", "--no-pager", "-l", "-n", "50", check=False).stdout

    def journal(self, *words):
        run("journalctl", "--sync", check=False)
        lines = run("journalctl", "-o", "json", "--no-pager", *words, check=False).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def journal_text(self):
        run("journalctl", "--sync", check=False)
        return run("journalctl", "--no-pager", "-u", self.unit, check=False).stdout

    def wait_active(self, *states):
        return until(f"{self.unit} is {' or '.join(states)}", lambda: self.show("ActiveState") in states, LIMIT)

    def instances(self):
        return json.loads(self.upkeep("status", "--json").stdout)["instances"]

    def app(self, name):
        return next(i for i in self.instances() if i["name"] == name)

    def main_pid(self):
        return int(self.show("MainPID"))

    def processes(self):
        """Of the unit's whole cgroup: pid and command line."""
        found = {}
        for folder, _, files in os.walk("/sys/fs/cgroup/system.slice"):
            if f"/{self.unit}/" in f"{folder}/" and "cgroup.procs" in files:
                with open(os.path.join(folder, "cgroup.procs")) as f:
                    for pid in map(int, f.read().split()):
                        try:
                            with open(f"/proc/{pid}/cmdline", "rb") as c:
                                found[pid] = c.read().replace(b"\0", b" ").decode(errors="replace").strip()
                        except (FileNotFoundError, ProcessLookupError):
                            pass
        return found

    def close(self):
        self.systemctl("kill", "--kill-whom=main", "--signal=SIGCONT", check=False)
        self.systemctl("stop", check=False)
        self.systemctl("reset-failed", check=False)
        left = self.processes()
        shutil.rmtree(self.folder, ignore_errors=True)
        if left:
            raise AssertionError(f"left in the cgroup of {self.unit}: {left}")


class SystemdTest(unittest.TestCase):
    stacks = 0

    def stack(self, manifest, **options):
        SystemdTest.stacks += 1
        stack = Stack(options.pop("name", f"stack{SystemdTest.stacks}"), manifest, **options)
        self.addCleanup(stack.close)
        return stack


def main():
    unittest.main(verbosity=2)
