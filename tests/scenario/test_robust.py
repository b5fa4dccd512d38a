"""What a machine can do to a supervisor: kill it, fill its disk, take its descriptors, remove its folders."""

import contextlib
import fcntl
import json
import os
import pty
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from harness import AS_NOBODY, CHILD, LIMIT, NOBODY, UPKEEP, Scenario, alive, free_port, main, processes_with, until

ONE = f"[app:a]\ncommand = {CHILD} run\n"
IS_ROOT = os.geteuid() == 0


def field(pid, name):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def zombies_of(pid):
    found = []
    for child in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{child}/stat") as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
            if state == "Z" and int(parent) == pid:
                found.append(int(child))
    return found


class Robust(Scenario):
    def marked(self, manifest, **options):
        """A stack whose apps' processes can be told by their arguments: {marker}."""
        s = self.stack("", **options)
        s.write("upkeep.ini", manifest.replace("{marker}", s.marker))
        return s

    def processes(self, s):
        return [p for p in processes_with(f"say {s.marker}".replace(" ", "\0"))]

    def supervisor_pid(self, s):
        return s.status()["supervisor"]["pid"]

    def skip_unless_nobody_can_run(self):
        if not IS_ROOT:
            self.skipTest("skipped: a plain user can only be had by root")
        if subprocess.run([*AS_NOBODY, "test", "-x", UPKEEP, "-a", "-x", CHILD], check=False).returncode != 0:
            self.skipTest("skipped: the build folder is closed to others")

    def plain_stack(self, manifest):
        """Of the user nobody when we are root; prefix: to become that user."""
        s = self.marked(manifest)
        if IS_ROOT:
            self.skip_unless_nobody_can_run()
            os.chmod(s.top, 0o755)
            os.chown(s.folder, NOBODY, NOBODY)
        return s, AS_NOBODY if IS_ROOT else ()

    def assertOneEach(self, s):
        """One process of each instance. (A process has its arguments a moment after its parent goes on.)"""
        until("there is one of each",
              lambda: sorted(self.processes(s)) == sorted(i["pid"] for i in s.status()["instances"]))

    def assertGone(self, s):
        until("all have ended", lambda: self.processes(s) == [])


class Folders(Robust):
    def test_deep(self):
        for depth in (107, 300, 1000):
            name = "/".join(["folder-of-20-letters"] * (depth // 21 + 1))
            s = self.stack(f"[app:a]\ncommand = {CHILD} say here listen {{port}} run\nport = {{port}}\n"
                           f"[app:b]\ncommand = {CHILD} notify READY=1 run\nready = notify\n", folder=name)
            s.write("upkeep.ini", s.read("upkeep.ini").decode().replace("{port}", str(free_port())))
            self.assertGreater(len(s.folder), depth)
            s.call("start", check=0)
            self.assertEqual({i["state"] for i in s.status()["instances"]}, {"ready"})
            s.call("restart", "b", check=0)
            self.assertIn("here", s.call("logs", "a", check=0).out)
            s.call("shutdown", check=0)

    def test_deep_unix_socket(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\n", folder="/".join(["folder-of-20-letters"] * 8))
        s.write("upkeep.ini", "[app:a]\nready = unix:a.sock\ncommand = "
                              "python3 -c 'import socket,time; s=socket.socket(socket.AF_UNIX); s.bind(\"a.sock\"); "
                              "s.listen(); time.sleep(1000)'\n")
        s.call("start", check=0)
        self.assertEqual(s.state("a"), "ready")

    def test_dotenv_file_that_is_a_pipe(self):
        # Secret stores hand over a .env like that. Nobody may make the supervisor wait for ever.
        s = self.stack(f"[app:a]\ncommand = {CHILD} env SECRET run\nenv_file = .env\nautostart = false\n"
                       f"[app:b]\ncommand = {CHILD} run\n").run()
        os.mkfifo(os.path.join(s.folder, ".env"))
        failed = s.call("start", "a", check=1)
        self.assertIn(".env", failed.err.splitlines()[-1])
        s.call("stop", "a", check=0)
        start = s.begin("start", "a")
        with open(os.path.join(s.folder, ".env"), "w") as f:
            f.write("SECRET=told\n")
        start.communicate(timeout=LIMIT)
        until("it was told", lambda: "SECRET=told" in s.log("a"))

    def test_odd_names(self):
        s = self.stack("", folder="with space/ünïcödé 日本/it's \"quoted\" $HOME %s;")
        s.write("upkeep.ini", f"""[app:a]
command = {CHILD} env GREETING env NAME run
cwd = sub folder
env =
    GREETING=héllo  wörld 日本 'x' "y" %s
env_file = näme.env
stdout = lögs/o u t.log
""")
        s.write("näme.env", "NAME='größe ☃'\n")
        os.mkdir(os.path.join(s.folder, "sub folder"))
        s.call("start", check=0)
        log = os.path.join(s.folder, "lögs/o u t.log")
        until("it is written", lambda: os.path.exists(log) and b"NAME" in s.read(log))
        self.assertEqual(s.read(log).decode(), "GREETING=héllo  wörld 日本 'x' \"y\" %s\nNAME=größe ☃\n")
        self.assertIn("größe", s.call("env", "a", "--reveal", check=0).out)
        self.assertEqual(s.status()["supervisor"]["root"], s.folder)
        self.assertIn("größe", s.call("logs", check=0).out)

    def test_folder_that_is_no_utf8(self):
        s = self.stack(ONE)
        folder = os.path.join(os.fsencode(s.folder), b"caf\xe9")
        os.mkdir(folder)
        with open(os.path.join(folder, b"upkeep.ini"), "w") as f:
            f.write(ONE)
        started = s.call("start", cwd=folder, check=0)
        self.assertIn("ready", started.out)
        json.loads(s.call("status", "--json", cwd=folder, check=0).out)
        s.call("shutdown", cwd=folder, check=0)

    def test_root_is_removed_while_running(self):
        s = self.marked(f"[upkeep]\nroot = work\n[app:a]\ncommand = {CHILD} say {{marker}} run\n")
        os.mkdir(os.path.join(s.folder, "work"))
        s.run()
        s.call("wait", check=0)
        subprocess.run(["rm", "-rf", os.path.join(s.folder, "work")], check=True)
        os.kill(self.processes(s)[0], signal.SIGKILL)
        until("it says why", lambda: "a: cannot enter" in s.output())
        self.assertGone(s)
        self.assertFalse(os.path.exists(os.path.join(s.folder, "work")))
        self.assertEqual(s.call("status").code, 3)  # its socket is gone
        self.assertEqual(s.end(), 0)

    def test_script_that_cannot_be_executed(self):
        for text, why in (("#!/no/such/interpreter -x\n", "its interpreter /no/such/interpreter is missing"),
                          ("#!/bin/sh\r\necho\r\n", "its interpreter /bin/sh is missing (the file has Windows line ends)"),
                          ("echo no first line\n", "no program for this machine, and no script with a #! line")):
            s = self.stack("[app:a]\ncommand = ./script\nrestart = never\n", files={"script": text})
            os.chmod(os.path.join(s.folder, "script"), 0o755)
            failed = s.call("start", check=1)
            self.assertEqual(failed.err.splitlines()[-1], f"upkeep: a: cannot execute ./script: {why}")

    def test_root_is_missing(self):
        s = self.stack("[upkeep]\nroot = wrok\n" + ONE)
        for command in ("start", "run"):
            failed = s.call(command, check=1)
            self.assertRegex(failed.err, r"^upkeep: \S*upkeep.ini: cannot enter root \S*/wrok: No such file or directory\n$")
        self.assertEqual(os.listdir(s.folder), ["upkeep.ini"])

    def test_root_is_removed_and_a_process_remains(self):
        s = self.marked(f"[upkeep]\nroot = work\n[app:a]\ncommand = {CHILD} say {{marker}} run\n")
        os.mkdir(os.path.join(s.folder, "work"))
        s.run()
        s.call("wait", check=0)
        subprocess.run(["rm", "-rf", os.path.join(s.folder, "work")], check=True)
        self.assertEqual(s.end(), 0)
        self.assertGone(s)

    def test_manifest_is_removed_while_running(self):
        s = self.stack(ONE + "restart_delay = 10ms\n").run()
        s.call("wait", check=0)
        os.remove(os.path.join(s.folder, "upkeep.ini"))
        first = s.call("status")
        self.assertEqual(first.code, 2)  # nobody can say where the supervisor is
        self.assertIsNone(s.supervisor.poll())
        s.write("upkeep.ini", ONE)
        os.kill(s.pid("a"), signal.SIGKILL)
        s.wait_state("a", "ready")
        os.remove(os.path.join(s.folder, "upkeep.ini"))
        self.assertEqual(s.end(), 0)

    def test_not_writable(self):
        for key, value, part in (("runtime_dir", "closed/run", "closed/run"), ("log_dir", "closed/logs", "closed/logs")):
            s, prefix = self.plain_stack(f"[upkeep]\n{key} = {value}\n" + ONE)
            os.mkdir(os.path.join(s.folder, "closed"), 0o555)
            failed = s.call("start", prefix=prefix)
            self.assertEqual(failed.code, 1, failed)
            last = failed.err.splitlines()[-1]
            self.assertIn(part, last)
            self.assertIn("Permission denied", last)
            s.call("shutdown", prefix=prefix)
            s.call("run", prefix=prefix, check=1) if key == "runtime_dir" else None

    def test_log_dir_is_a_file(self):
        s = self.stack(ONE, files={"logs": ""})
        failed = s.call("start", check=1)
        self.assertIn("logs", failed.err.splitlines()[-1])
        self.assertIn("Not a directory", failed.err.splitlines()[-1])


class Twice(Robust):
    """Never two supervisors on one manifest."""

    def test_runtime_dir_was_edited(self):
        s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} run\n")
        s.call("start", check=0)
        until("it is there", lambda: len(self.processes(s)) == 1)
        old = s.read("upkeep.ini").decode()
        s.write("upkeep.ini", "[upkeep]\nruntime_dir = elsewhere\n" + old)
        for words in (("start",), ("run",), ("deploy",)):
            refused = s.call(*words, check=1)
            self.assertIn(f"a supervisor (pid {self.supervisor_pid_of(s)}) runs it already, with another runtime_dir than "
                          f"{s.folder}/elsewhere: write back the one that it has, and upkeep shutdown", refused.err)
        self.assertEqual(len(self.processes(s)), 1)
        # Another profile is another stack.
        s.write("upkeep.ini", old)
        s.call("shutdown", check=0)
        s.write("upkeep.ini", "[upkeep@b]\nruntime_dir = b\n" + old)
        s.call("start", check=0)
        s.call("--profile", "b", "start", check=0)
        s.call("--profile", "b", "shutdown", check=0)

    def test_same_path_in_another_container(self):
        """Two that share a network and see the same path, each with a folder of its own behind it."""
        if os.geteuid() != 0:
            self.skipTest("skipped: mounting needs root")
        s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} run\n")
        s.call("start", check=0)
        inside = (f"mount -t tmpfs none {s.folder} && cd {s.folder} && printf '[app:a]\\ncommand = {CHILD} say {s.marker} "
                  f"run\\n' >upkeep.ini && {UPKEEP} start && {UPKEEP} shutdown")
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
            self.skipTest("skipped: no mount namespace can be made here")
        done = subprocess.run(["unshare", "--mount", "sh", "-c", inside], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def supervisor_pid_of(self, s):
        with open(os.path.join(s.folder, ".upkeep", "lock")) as f:
            return int(f.read().split()[0])


class Killed(Robust):
    def kill_supervisor(self, s):
        pid = self.supervisor_pid(s)
        os.kill(pid, signal.SIGKILL)
        if s.supervisor:
            s.supervisor.wait()
        until("it is gone", lambda: not alive(pid))

    def test_leftovers_are_ended_before_the_next(self):
        port = free_port()
        s = self.marked(f"[app:web]\ncommand = {CHILD} say {{marker}} listen {port} serve\nport = {port}\n"
                        f"[app:stubborn]\ncommand = {CHILD} on TERM ignore say {{marker}} orphan say {{marker}} run -- run\n")
        s.call("start", check=0)
        for _ in range(3):
            until("all three are there", lambda: len(self.processes(s)) == 3)
            old = self.processes(s)
            self.kill_supervisor(s)
            self.assertEqual(s.call("status").code, 3)
            started = s.call("start", check=0)
            self.assertIn("ready", started.out)
            self.assertEqual([p for p in old if alive(p)], [])
        self.assertIn("ended 3 processes", s.read(".upkeep/supervisor.log").decode())
        s.call("shutdown", check=0)
        self.assertGone(s)

    def test_run_after_a_kill(self):
        s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} run\n").run()
        s.call("wait", check=0)
        self.kill_supervisor(s)
        self.assertEqual(len(self.processes(s)), 1)
        s.output_file.close()
        s.run()
        s.call("wait", check=0)
        self.assertOneEach(s)

    def test_killed_at_any_time(self):
        # During starts and stops: whatever the moment, the next one comes up with one copy of each.
        s = self.marked("".join(
            f"[app:a{i}]\ncommand = {CHILD} say {{marker}} sleep {i * 5} notify READY=1 run\nready = notify\n"
            for i in range(6)))
        chance = random.Random(1)
        for _ in range(12):
            command = s.begin("start")
            command.communicate(timeout=LIMIT)
            stop = s.begin(chance.choice(["stop", "restart"]))
            select.select([], [], [], chance.random() * 0.05)
            self.kill_supervisor(s)
            stop.communicate(timeout=LIMIT)
        s.call("start", check=0)
        self.assertOneEach(s)

    def test_killed_while_starting(self):
        s = self.marked("".join(
            f"[app:a{i}]\ncommand = {CHILD} say {{marker}} run\n" for i in range(50)))
        chance = random.Random(2)
        for _ in range(8):
            command = s.begin("start")
            lock = os.path.join(s.folder, ".upkeep", "lock")
            select.select([], [], [], chance.random() * 0.08)
            with contextlib.suppress(OSError, ValueError):
                with open(lock) as f:
                    os.kill(int(f.read()), signal.SIGKILL)
            command.communicate(timeout=LIMIT)
        s.call("start", check=0)
        self.assertOneEach(s)
        s.call("shutdown", check=0)
        self.assertGone(s)

    def test_rubbish_in_the_runtime_dir(self):
        for state in (b"", b"garbage", b"boot=\ntags=0+0\n", b"boot=x\ntags=4294967295+4294967295\n", os.urandom(5000),
                      b"tags=1+1000000\n"):
            s = self.stack(ONE)
            os.mkdir(os.path.join(s.folder, ".upkeep"), 0o700)
            for name in ("state", "lock", "control.sock", "supervisor.log"):
                with open(os.path.join(s.folder, ".upkeep", name), "wb") as f:
                    f.write(state)
            s.call("start", check=0)
            s.call("shutdown", check=0)

    def test_lock_names_a_living_stranger(self):
        s = self.stack(ONE)
        os.mkdir(os.path.join(s.folder, ".upkeep"), 0o700)
        s.write(".upkeep/lock", f"{os.getpid()}\n")
        s.call("start", check=0)
        self.assertEqual(s.state("a"), "ready")

    def test_runtime_dir_is_removed_while_running(self):
        s = self.stack(ONE).run()
        s.call("wait", check=0)
        subprocess.run(["rm", "-rf", os.path.join(s.folder, ".upkeep")], check=True)
        self.assertEqual(s.call("status").code, 3)
        self.assertEqual(s.end(), 0)


class Short(Robust):
    """Of what there is usually enough."""

    @unittest.skipUnless(IS_ROOT, "skipped: a small file system can only be mounted by root")
    def test_disk_full(self):
        for on_full in ("raw", "json"):
            self.check_disk_full(on_full)

    def check_disk_full(self, log_format):
        # The lines are numbered: what the log holds at the end shows whether one is missing.
        writer = "i=0; while [ $i -lt 20000 ]; do echo line-$i; i=$((i+1)); done; exec sleep 1000"
        s = self.stack(f"[app:a]\ncommand = sh -c '{writer}'\nlog_format = {log_format}\n[app:b]\ncommand = {CHILD} run\n")
        logs = os.path.join(s.folder, "logs")
        os.mkdir(logs)
        mounted = f"mount -t tmpfs -o size=64k none {logs} && exec \"$@\""
        s.run(prefix=("unshare", "-m", "sh", "-c", mounted, "sh"))
        inside = f"/proc/{s.supervisor.pid}/root{logs}"
        until("it is said", lambda: "No space left on device" in s.output())
        said = [line for line in s.output().splitlines() if "No space left" in line]
        self.assertEqual(len(said), 1, said)
        self.assertIn("a: cannot write", said[0])
        self.assertEqual(s.state("a"), "ready")
        s.call("restart", "b", check=0)
        subprocess.run(["nsenter", "-t", str(s.supervisor.pid), "-m", "mount", "-o", "remount,size=16m", logs], check=True)

        def numbers():
            with open(os.path.join(inside, "a.log"), errors="replace") as f:
                return [json.loads(l)["line"] if log_format == "json" and "line" in json.loads(l) else l for l in f]

        def is_whole():
            with open(os.path.join(inside, "a.log"), errors="replace") as f:
                return "line-19999" in f.read()

        until("it goes on", is_whole)
        with open(os.path.join(inside, "a.log")) as f:
            lines = f.read().splitlines()
        self.assertEqual(len(lines), 20000)
        for i, line in enumerate(lines):
            self.assertIn(f"line-{i}" + ('"' if log_format == "json" else ""), line + ('"' if log_format == "raw" else ""))
        self.assertIn("can be written again; nothing was lost", s.output())
        self.assertEqual(s.end(), 0)

    @unittest.skipUnless(IS_ROOT, "skipped: a small file system can only be mounted by root")
    def test_stop_while_the_disk_is_full(self):
        s = self.marked(f"[app:a]\ncommand = sh -c 'while :; do echo {{marker}} some line; done'\n")
        logs = os.path.join(s.folder, "logs")
        os.mkdir(logs)
        mounted = f"mount -t tmpfs -o size=64k none {logs} && exec \"$@\""
        s.run(prefix=("unshare", "-m", "sh", "-c", mounted, "sh"))
        until("it is said", lambda: "No space left on device" in s.output())
        s.call("stop", check=0, limit=15)
        self.assertEqual(s.state("a"), "stopped")
        s.call("start", check=0)
        begin = time.monotonic()
        self.assertEqual(s.end(), 0)
        self.assertLess(time.monotonic() - begin, 15)

    def test_few_descriptors(self):
        s = self.marked("".join(f"[app:a{i}]\ncommand = {CHILD} say {{marker}} run\nrestart_delay = 50ms\n"
                                for i in range(30)))
        s.run(prefix=("sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"))
        until("all have been tried", lambda: all(i["state"] in ("ready", "backoff", "failed")
                                                for i in s.status()["instances"]))
        self.assertGreater(sum(i["state"] == "ready" for i in s.status()["instances"]), 3)
        short = next(i for i in s.status()["instances"] if i["state"] != "ready")
        self.assertIn("Too many open files", short["why"])
        begin = time.monotonic()
        for _ in range(20):
            s.call("status", check=0)
        self.assertLess(time.monotonic() - begin, 10)
        s.call("stop", check=0)
        self.assertGone(s)
        s.call("start", "a0", check=0)
        self.assertEqual(s.end(), 0)
        self.assertGone(s)

    def test_few_processes(self):
        s, prefix = self.plain_stack("".join(f"[app:a{i}]\ncommand = {CHILD} say {{marker}} run\nrestart_delay = 50ms\n"
                                            "max_restarts = 2\n" for i in range(10)))
        if not IS_ROOT:
            self.skipTest("skipped: how many processes this user has is not for us to say")
        in_use = int(subprocess.run([*prefix, "sh", "-c", "ls -n /proc 2>/dev/null | awk '$3==65534' | wc -l"],
                                    capture_output=True, text=True, check=True).stdout)
        s.run(prefix=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                      "prlimit", f"--nproc={in_use + 5}"))
        until("some have failed", lambda: any(i["state"] == "failed" for i in s.status()["instances"]))
        why = next(i["why"] for i in s.status()["instances"] if i["state"] == "failed")
        self.assertIn("Resource temporarily unavailable", why)
        self.assertGreater(sum(i["state"] == "ready" for i in s.status()["instances"]), 0)
        self.assertEqual(s.end(), 0)
        self.assertGone(s)

    def test_environment_that_is_too_large(self):
        s = self.stack(ONE + "restart = never\nenv_file = .env\n")
        s.write(".env", "BIG=" + "x" * 200000 + "\n")  # one string of the kernel's holds 128 KiB
        failed = s.call("start", check=1)
        self.assertIn("Argument list too long", failed.err.splitlines()[-1])
        self.assertNotIn("xxxx", failed.err)
        s.write(".env", "".join(f"V{i}={'y' * 100000}\n" for i in range(60)))
        failed = s.call("start", check=1)
        self.assertIn("Argument list too long", failed.err.splitlines()[-1])
        s.write(".env", "BIG=" + "x" * 100000 + "\n")
        s.call("start", check=0)

    def test_two_thousand_apps(self):
        s = self.stack("".join(f"[app:app-{i}]\ncommand = sleep 1000\nautostart = {'true' if i < 200 else 'false'}\n"
                               f"{f'depends_on = app-{i - 1}' if i % 100 else ''}\n" for i in range(2000)))
        s.call("start", check=0)
        self.assertEqual(len(s.status()["instances"]), 2000)
        begin = time.monotonic()
        s.call("status", check=0)
        self.assertLess(time.monotonic() - begin, 5)
        s.call("shutdown", check=0)


class Long(Robust):
    """What must not grow."""

    def figures(self, s):
        # Those of silent apps are made when nothing has been started for a moment.
        logs = [os.path.join(s.folder, "logs", i["name"] + ".log") for i in s.status()["instances"]]
        until("the logs are made", lambda: all(map(os.path.exists, logs)))
        return descriptors(s.supervisor.pid), field(s.supervisor.pid, "VmRSS")

    def check_steady(self, s, before, slack_kib):
        pid = s.supervisor.pid
        until("no descriptor is left over", lambda: self.figures(s)[0] <= before[0])
        if "asan" not in UPKEEP:
            self.assertLessEqual(self.figures(s)[1], before[1] + slack_kib)
        until("no zombie is left", lambda: zombies_of(pid) == [])

    def test_hundreds_of_crashes(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} say x orphan exit 0 -- notify READY=1 exit 1\nready = notify\n"
                       "restart_delay = 1ms\nrestart_delay_max = 1ms\nmax_restarts = 0\npre_start = true\n").run()
        until("it is warm", lambda: s.app("a")["restarts"] > 50)
        s.call("stop", check=0)
        before = self.figures(s)
        for _ in range(2):
            s.call("start", "--no-wait", check=0)
            start = s.app("a")["restarts"]
            until("a hundred more", lambda: s.app("a")["restarts"] > start + 100)
            s.call("stop", check=0)
        self.check_steady(s, before, 300)

    def test_hundred_times_start_and_stop(self):
        s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} notify READY=1 run\nready = notify\n"
                        f"[app:b]\ncommand = {CHILD} say {{marker}} run\ndepends_on = a\n"
                        f"[app:c]\ntype = oneshot\ncommand = {CHILD} exit 0\ndepends_on = b\n").run()
        s.call("wait", check=0)
        for _ in range(10):
            s.call("stop", check=0)
            s.call("start", check=0)
        before = self.figures(s)
        for _ in range(100):
            s.call("stop", check=0)
            s.call("start", check=0)
        self.check_steady(s, before, 300)
        s.call("stop", check=0)
        self.assertGone(s)

    def test_hundred_connections(self):
        s = self.stack(ONE).run()
        s.call("wait", check=0)
        for _ in range(20):
            s.call("status", check=0)
        before = self.figures(s)
        for _ in range(100):
            s.call("status", "--json", check=0)
            s.call("events", check=0)
        self.check_steady(s, before, 300)


class Begun(Robust):
    """However it is started."""

    def check_works(self, s, **options):
        s.run(**options)
        s.call("wait", check=0)
        until("it has spoken", lambda: s.log("a").count("here") == 1)
        s.call("restart", "a", check=0)
        until("it has spoken again", lambda: s.log("a").count("here") == 2)
        pid = s.pid("a")
        with open(f"/proc/{pid}/status") as f:
            status = f.read()
        for name in ("SigBlk", "SigIgn"):
            self.assertIn(f"{name}:\t0000000000000000", status)
        self.assertEqual(s.end(), 0)

    TALKER = f"[app:a]\ncommand = {CHILD} say here fds run\n"

    def test_signals_ignored(self):
        s = self.stack(self.TALKER)
        self.check_works(s, prefix=("sh", "-c", "trap '' HUP INT QUIT TERM PIPE CHLD USR1 ALRM; exec \"$@\"", "sh"))
        until("descriptors", lambda: "fds 0 1 2\n" in s.log("a"))

    def test_signals_blocked(self):
        block = "import os,signal,sys; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); os.execv(sys.argv[1], sys.argv[1:])"
        self.check_works(self.stack(self.TALKER), prefix=(sys.executable, "-c", block))

    def test_standard_descriptors_closed(self):
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">&- 2>&-"):
            s = self.stack(self.TALKER)
            self.check_works(s, prefix=("sh", "-c", f"exec \"$@\" {closed}", "sh"))
            self.assertIn("fds 0 1 2\n", s.log("a"), closed)
            self.assertNotIn("upkeep:", s.log("a"), closed)

    def test_start_with_standard_descriptors_closed(self):
        s = self.stack(self.TALKER)
        done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", UPKEEP, "start"], cwd=s.folder,
                              env=s.environment, timeout=LIMIT, check=False)
        # Where the table cannot be written, that is no success; the apps run all the same.
        self.assertIn(done.returncode, (0, 1))
        until("it is ready", lambda: s.state("a") == "ready")
        until("descriptors", lambda: "fds 0 1 2\n" in s.log("a"))

    def test_extra_descriptors_are_not_passed_on(self):
        s = self.stack(self.TALKER)
        self.check_works(s, prefix=("sh", "-c", 'exec 7</dev/null 9>/dev/null; exec "$@"', "sh"))
        self.assertNotRegex(s.log("a"), r"fds 0 1 2 \d")

    def test_empty_environment(self):
        s = self.stack(self.TALKER + "\n[app:sh]\ncommand = sh -c 'echo found; exec sleep 1000'\n")
        self.check_works(s, prefix=("env", "-i"))
        self.assertIn("found", s.log("sh"))

    def test_as_a_plain_user(self):
        s, prefix = self.plain_stack(self.TALKER)
        self.check_works(s, prefix=prefix)
        self.assertEqual(os.stat(os.path.join(s.folder, "logs")).st_uid, NOBODY if IS_ROOT else os.geteuid())

    def test_output_that_nobody_reads(self):
        s = self.stack(ONE + f"[app:crash]\ncommand = {CHILD} exit 1\nrestart_delay = 1ms\nrestart_delay_max = 1ms\n"
                       "max_restarts = 0\nready = notify\n")
        out, into = os.pipe()
        self.addCleanup(os.close, out)
        s.supervisor = subprocess.Popen([UPKEEP, "run"], cwd=s.folder, env=s.environment, stdin=subprocess.DEVNULL,
                                        stdout=into, stderr=into)
        s.output_file = os.fdopen(into, "wb")
        s.output = lambda: ""
        until("it answers", lambda: s.call("status").code == 0)
        # Each crash is some lines: this is far more than a pipe holds.
        until("it goes on", lambda: s.app("crash")["restarts"] > 2000, limit=2 * LIMIT)
        self.assertEqual(s.end(), 0)

    def test_output_whose_reader_has_gone(self):
        s = self.stack(ONE)
        out, into = os.pipe()
        s.supervisor = subprocess.Popen([UPKEEP, "run"], cwd=s.folder, env=s.environment, stdin=subprocess.DEVNULL,
                                        stdout=into, stderr=into)
        s.output_file = os.fdopen(into, "wb")
        s.output = lambda: ""
        os.close(out)
        until("it answers", lambda: s.call("status").code == 0)
        s.call("restart", "a", check=0)
        self.assertEqual(s.end(), 0)


class Terminal(Robust):
    """On a terminal, as a developer runs it."""

    def open(self, s, *words):
        self.master, slave = pty.openpty()
        self.addCleanup(lambda: self.master >= 0 and os.close(self.master))

        def control():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        s.supervisor = subprocess.Popen(words or [UPKEEP, "run"], cwd=s.folder, env=s.environment, stdin=slave,
                                        stdout=slave, stderr=slave, preexec_fn=control)
        s.output_file = open(os.devnull)
        os.close(slave)
        self.shown = b""
        s.output = lambda: self.shown.decode(errors="replace")
        return s

    def hang_up(self):
        os.close(self.master)
        self.master = -1

    def read_some(self, wait=0.0):
        while select.select([self.master], [], [], wait)[0]:
            try:
                more = os.read(self.master, 65536)
            except OSError:
                return
            if not more:
                return
            self.shown += more

    def sees(self, text):
        self.read_some(0.005)
        return text.encode() in self.shown

    def end_of(self, s):
        def has_ended():
            self.read_some(0.005)
            return s.supervisor.poll() is not None
        until("it ends", has_ended)
        return s.supervisor.returncode

    def test_lines_are_shown_and_one_interrupt_is_graceful(self):
        s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} on TERM say bye-term on INT say bye-int run\n"
                        "kill_timeout = 1s\n")
        self.open(s)
        until("the line is shown", lambda: self.sees(s.marker))
        os.write(self.master, b"\x03")
        self.assertEqual(self.end_of(s), 0)
        self.assertIn(b"bye-term", self.shown)
        self.assertNotIn(b"bye-int", self.shown)  # the terminal's Ctrl-C is ours, not the apps'
        self.assertGone(s)

    def test_two_interrupts_are_at_once(self):
        s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} on TERM say bye run\nkill_timeout = 1m\n")
        self.open(s)
        until("the line is shown", lambda: self.sees(s.marker))
        os.write(self.master, b"\x03")
        until("it is being stopped", lambda: self.sees("bye"))
        begin = time.monotonic()
        # Like somebody who gets impatient: what comes within milliseconds is taken for an echo of the first.
        until("it ends", lambda: os.write(self.master, b"\x03") and (self.read_some(), s.supervisor.poll())[1] is not None)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertGone(s)

    def test_hang_up_ends_gracefully(self):
        s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} on TERM exit 0 run\n")
        self.open(s)
        until("the line is shown", lambda: self.sees(s.marker))
        self.hang_up()
        s.supervisor.wait(LIMIT)
        self.assertGone(s)
        self.assertEqual(s.call("status").code, 3)

    def test_hang_up_with_the_output_elsewhere(self):
        s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} run\n")
        self.open(s, "sh", "-c", 'exec "$1" run >out 2>&1', "sh", UPKEEP)
        until("it is up", lambda: s.call("status").code == 0 and s.state("a") == "ready")
        self.hang_up()
        s.supervisor.wait(LIMIT)
        self.assertGone(s)

    def test_hang_up_that_nohup_has_forbidden(self):
        s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} run\n")
        self.open(s, "nohup", UPKEEP, "run")
        until("it is up", lambda: s.call("status").code == 0 and s.state("a") == "ready")
        self.hang_up()
        s.call("restart", check=0)
        self.assertIsNone(s.supervisor.poll())
        self.assertEqual(s.end(), 0)

    def test_stopped_terminal_does_not_stop_supervision(self):
        for words in ((), ("sh", "-c", 'exec "$1" run >/dev/null', "sh", UPKEEP)):
            s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} run\n"
                            f"[app:crash]\ncommand = {CHILD} burst 10 exit 1\nrestart_delay = 1ms\n"
                            "restart_delay_max = 1ms\nmax_restarts = 0\nready = notify\n")
            self.open(s, *words)
            until("it is up", lambda: s.call("status").code == 0)
            os.write(self.master, b"\x13")  # Ctrl-S
            until("it goes on", lambda: s.app("crash")["restarts"] > 1000, limit=2 * LIMIT)
            s.call("restart", "a", check=0)
            s.call("stop", "crash", check=0)
            os.write(self.master, b"\x11")
            until("it is told what is missing", lambda: not words or self.sees("not shown"))
            os.write(self.master, b"\x03")
            self.assertEqual(self.end_of(s), 0)
            self.hang_up()


class Ends(Robust):
    def test_on_failure_exit(self):
        s = self.marked(f"[upkeep]\non_failure = exit\n[app:a]\ncommand = {CHILD} say {{marker}} run\n"
                        f"[app:b]\ncommand = {CHILD} sleep 100 exit 1\nmax_restarts = 1\nrestart_delay = 10ms\n")
        done = s.call("run")
        self.assertEqual(done.code, 1)
        self.assertIn("b: exited with code 1", done.err)
        self.assertGone(s)

    def test_exit_when_done(self):
        s = self.stack(f"[upkeep]\nexit_when_done = true\n[app:a]\ntype = oneshot\ncommand = {CHILD} exit 0\n"
                       f"[app:b]\ntype = oneshot\ncommand = {CHILD} say after exit 0\ndepends_on = a\n")
        s.call("run", check=0)
        self.assertEqual(s.log("b"), "after\n")
        self.assertEqual(s.call("status").code, 3)

    def test_exit_when_done_and_failed(self):
        s = self.stack(f"[upkeep]\nexit_when_done = true\n[app:a]\ntype = oneshot\ncommand = {CHILD} exit 3\nrestart = never\n"
                       f"[app:b]\ncommand = {CHILD} run\ndepends_on = a\n")
        done = s.call("run", check=1)
        self.assertIn("a: exited with code 3", done.err)

    def test_signals_end_it(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            s = self.marked(f"[app:a]\ncommand = {CHILD} say {{marker}} run\n").run()
            s.call("wait", check=0)
            self.assertEqual(s.end(number), 0)
            self.assertGone(s)
            self.assertEqual(os.listdir(os.path.join(s.folder, ".upkeep")).count("control.sock"), 0)

    def test_signal_that_arrives_twice(self):
        # timeout(1) sends it to the command and to its group.
        graceful = "trap 'sleep 0.3; echo graceful; exit 0' TERM; echo up; while :; do sleep 0.02; done"
        s = self.stack(f"[app:a]\ncommand = {graceful}\nshell = true\n").run()
        until("it is up", lambda: s.log("a") == "up\n")
        s.supervisor.send_signal(signal.SIGTERM)
        s.supervisor.send_signal(signal.SIGINT)
        self.assertEqual(s.end(), 0)
        self.assertEqual(s.log("a"), "up\ngraceful\n")

    def test_hangup_signal_opens_the_logs_anew(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} say one on USR1 say two run\n").run()
        until("the first line", lambda: s.log("a") == "one\n")
        os.rename(os.path.join(s.folder, "logs/a.log"), os.path.join(s.folder, "logs/a.log.1"))
        s.supervisor.send_signal(signal.SIGHUP)
        until("a new file", lambda: os.path.exists(os.path.join(s.folder, "logs/a.log")))
        s.call("signal", "USR1", "a", check=0)
        until("the second line", lambda: s.log("a") == "two\n")
        self.assertEqual(s.read("logs/a.log.1"), b"one\n")
        self.assertEqual(s.state("a"), "ready")


if __name__ == "__main__":
    main()
