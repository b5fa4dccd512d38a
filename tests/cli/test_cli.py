#!/usr/bin/env python3
"""The upkeep command from the outside, against a supervisor that only answers (fake_supervisor.py).

usage: test_cli.py UPKEEP [unittest's arguments]
"""
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

UPKEEP = os.path.abspath(sys.argv[1])
FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_supervisor.py")
LIMIT = 30  # seconds that nothing here takes

MANIFEST = """[app:backend]
command = sleep 1000
env =
    GREETING=hello
    SECRET=s3cret

[app:web]
command = sleep 1000
depends_on = backend
"""

SUPERVISOR = {"name": "demo", "pid": 4711, "state": "ready", "manifest": "/srv/demo/upkeep.ini", "manifest_changed": False,
              "root": "/srv/demo", "version": "0.1.0", "uptime_ms": 61234}


def instance(name, **fields):
    whole = {"app": name, "name": name, "instance": 1, "state": "ready", "pid": 4712, "uptime_ms": 61020, "restarts": 0,
             "why": "port 14200 accepts connections", "port": 14200, "memory_bytes": 51200000, "cpu_percent": 0.3,
             "stale": False}
    whole.update(fields)
    return whole


def failed(name, **fields):
    return instance(name, state="backoff", pid=None, uptime_ms=None, memory_bytes=None, cpu_percent=None, restarts=3,
                    exit_code=3, next_start_ms=1600, why="exited with code 3 after 1.2s", **fields)


def failure(name, **fields):
    whole = {"instance": failed(name), "cause": "exited with code 3 after 1.2s", "tail": ["Traceback", "boom"],
             "log": f"/srv/demo/logs/{name}.log", "attempt": 3, "max_restarts": 10, "restart_window_ms": 300000}
    whole.update(fields)
    return whole


CARD = """backend: exited with code 3 after 1.2s
  | Traceback
  | boom
  log: /srv/demo/logs/backend.log
  next try in 1.6s (3 of 10 in 5m)
"""


def outcome(instances, failures=(), timed_out=False, **supervisor):
    return [{"parameters": {"supervisor": {**SUPERVISOR, **supervisor}, "instances": instances,
                            "failures": list(failures), "timed_out": timed_out}}]


def event(**fields):
    whole = {"number": 1, "time": "2026-01-02T03:04:05.678Z", "app": "backend", "name": "backend", "instance": 1,
             "from": "starting", "to": "ready", "why": "port 14200 accepts connections", "by": "policy", "pid": 4712}
    whole.update(fields)
    return whole


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="upkeep-cli-")
        self.addCleanup(folder.cleanup)
        self.dir = os.path.realpath(folder.name)
        self.runtime_dir = os.path.join(self.dir, ".upkeep")
        self.manifest = os.path.join(self.dir, "upkeep.ini")
        self.write(MANIFEST)
        self.fake = None

    def write(self, text):
        with open(self.manifest, "w", encoding="utf-8") as file:
            file.write(text)

    def supervise(self, **script):
        os.makedirs(self.runtime_dir, mode=0o700, exist_ok=True)
        self.fake = subprocess.Popen([sys.executable, FAKE, self.runtime_dir], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_fake)
        json.dump(script, self.fake.stdin)
        self.fake.stdin.close()
        self.assertEqual(self.fake.stdout.readline().strip(), "listening")

    def end_fake(self):
        self.fake.kill()
        self.fake.wait(LIMIT)
        self.fake.stdout.close()

    def call(self):
        """The next call that the supervisor got: its method and parameters."""
        call = json.loads(self.fake.stdout.readline())
        return call["method"].rpartition(".")[2], call.get("parameters", {})

    def environment(self, **more):
        env = {"PATH": os.environ["PATH"], "TZ": "UTC", "HOME": "/"}
        if "ASAN_OPTIONS" in os.environ:
            env["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]
        env.update(more)
        return env

    def run_upkeep(self, *args, cwd=None, stdout=subprocess.PIPE, env=None):
        return subprocess.run([UPKEEP, *args], cwd=cwd or self.dir, env=self.environment(**(env or {})), stdout=stdout,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=LIMIT, text=True, check=False)

    def check(self, args, code, stdout=None, stderr=None, **more):
        done = self.run_upkeep(*args, **more)
        self.assertEqual(done.returncode, code, done)
        if stdout is not None:
            self.assertEqual(done.stdout, stdout)
        if stderr is not None:
            self.assertEqual(done.stderr, stderr)
        return done


class Words(Case):
    def test_unknown_command(self):
        self.check(["stauts"], 2, "", "upkeep: unknown command stauts (did you mean status?)\n")
        self.check(["help", "stauts"], 2, "", "upkeep: unknown command stauts (did you mean status?)\n")

    def test_commands_of_others(self):
        self.check(["list"], 2, "", "upkeep: unknown command list (here: upkeep status)\n")
        self.check(["kill"], 2, "", "upkeep: unknown command kill (here: upkeep shutdown)\n")
        self.check(["startup"], 2, "", "upkeep: unknown command startup (here: upkeep unit --install)\n")
        self.check(["verify"], 2, "",
                   "upkeep: unknown command verify (it is a key of upkeep.ini, see: upkeep help verify)\n")
        self.check(["start", "all"], 4, "", f"upkeep: no app all in {self.dir}/upkeep.ini (for all apps, name none)\n")

    def test_help_of_keys(self):
        keys = self.check(["help", "keys"], 0, None, "").stdout
        self.assertEqual(self.check(["help", "upkeep.ini"], 0).stdout, keys)
        names = [line.split()[0] for line in keys.partition("example:")[0].splitlines() if re.match(r"  \w", line)]
        self.assertTrue({"command", "verify", "user", "on_failure"} <= set(names), names)
        for name in names:
            text = self.check(["help", name], 0, None, "").stdout
            self.assertIn(f"{name}: a key of upkeep.ini in [", text)
            for line in (text + keys).splitlines():
                self.assertLessEqual(len(line), 80, line)
        self.assertIn("\nexample:\n  kill_timeout = 30s\n", self.check(["help", "kill_timeout"], 0).stdout)
        self.check(["help", "wait_ready"], 2, "", "upkeep: unknown command wait_ready (here it is called ready)\n")

    def test_unknown_option(self):
        self.check(["logs", "--nostream"], 2, "", "upkeep: logs: unknown option --nostream (see: upkeep help logs)\n")
        self.check(["status", "--jsn"], 2, "", "upkeep: status: unknown option --jsn (did you mean --json?)\n")
        self.check(["--porfile", "x", "status"], 2, "", "upkeep: unknown option --porfile (did you mean --profile?)\n")

    def test_counts(self):
        self.check(["show"], 2, "", "upkeep: show: too few arguments (usage: upkeep show [OPTIONS] APP)\n")
        self.check(["version", "x"], 2, "", "upkeep: version: too many arguments (usage: upkeep version)\n")
        self.check([], 2, "", "upkeep: no command (see: upkeep help)\n")

    def test_help_is_everywhere(self):
        overview = self.check(["help"], 0).stdout
        self.assertEqual(self.check(["--help"], 0).stdout, overview)
        self.assertEqual(self.check(["-h"], 0).stdout, overview)
        names = [line.split()[0] for line in overview.partition("commands:\n")[2].partition("\n\n")[0].splitlines()
                 if line[2:3] != " "]
        self.assertIn("shutdown", names)
        for name in names:
            text = self.check(["help", name], 0).stdout
            self.assertTrue(text.startswith(f"usage: upkeep {name}"), text)
            self.assertEqual(self.check([name, "--help"], 0).stdout, text)
            self.assertEqual(self.check(["--help", name], 0).stdout, text)

    def test_lines_of_help_fit(self):
        for args in (["help"], ["help", "run"], ["help", "status"], ["help", "logs"]):
            for line in self.check(args, 0).stdout.splitlines():
                self.assertLessEqual(len(line), 80, line)

    def complete(self, *words):
        script = self.run_upkeep("help", "--format", "bash").stdout + \
            'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _upkeep; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", script, "bash", "upkeep", *words], cwd=self.dir, stdout=subprocess.PIPE,
                              text=True, check=True, env=self.environment())
        return done.stdout.split()

    def test_completion(self):
        self.assertEqual(self.complete("sta"), ["start", "status"])
        self.assertEqual(self.complete("restart", ""), ["backend", "web", "--help", "--no-wait", "--timeout"])
        self.assertEqual(self.complete("-f", "x.ini", "ls", "--j"), ["--json"])

    def test_version(self):
        version = self.check(["version"], 0).stdout
        self.assertRegex(version, r"^upkeep [0-9]+\.[0-9]+\.[0-9]+\n$")
        self.assertEqual(self.check(["--version"], 0).stdout, version)


class Manifests(Case):
    def test_none(self):
        os.remove(self.manifest)
        done = self.check(["status"], 2, "")
        self.assertEqual(done.stderr, f"upkeep: no upkeep.ini in {self.dir} or a folder above it "
                         "(go to its folder, name one with -f, or write one: upkeep help keys)\n")

    def test_named_but_missing(self):
        done = self.check(["-f", "other.ini", "status"], 2, "")
        self.assertIn("other.ini", done.stderr.splitlines()[-1])

    def test_nearest_parent(self):
        deep = os.path.join(self.dir, "a", "b")
        os.makedirs(deep)
        self.check(["status"], 3, cwd=deep)

    def test_environment(self):
        other = os.path.join(self.dir, "other.ini")
        os.rename(self.manifest, other)
        self.check(["status"], 3, env={"UPKEEP_MANIFEST": other})
        self.check(["status"], 2)

    def test_errors_are_all_said(self):
        self.write("[app:a]\ncomand = x\n[app:b]\nbogus = 1\ncommand = y\n")
        done = self.check(["start"], 2, "")
        lines = done.stderr.splitlines()
        self.assertRegex(done.stderr, r"(?m)^upkeep\.ini:2: .*command")
        self.assertRegex(done.stderr, r"(?m)^upkeep\.ini:4: ")
        self.assertRegex(lines[-1], rf"^upkeep: {self.manifest} has [0-9]+ errors$")

    def test_what_runs_stays_in_reach(self):
        self.supervise(Stop=outcome([instance("backend", state="stopped")]))
        self.write(MANIFEST + "bogus = 1\n")
        done = self.check(["stop"], 0)
        self.assertIn("has errors", done.stderr)


class Connection(Case):
    def test_not_running(self):
        self.check(["status"], 3, "",
                   f"upkeep: no supervisor is running for {self.manifest} (start it with: upkeep start)\n")
        self.check(["status", "--json"], 3, "")
        self.check(["-f", "upkeep.ini", "status"], 3, "",
                   f"upkeep: no supervisor is running for {self.manifest} (start it with: upkeep -f upkeep.ini start)\n")
        self.assertFalse(os.path.exists(self.runtime_dir))

    def test_stale_socket(self):
        os.mkdir(self.runtime_dir)
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(os.path.join(self.runtime_dir, "control.sock"))
        stale.close()
        done = self.check(["status"], 3, "")
        self.assertIn("only its socket is left", done.stderr)

    def test_no_permission(self):
        self.supervise(Status=[{"error": "io.upkeep.Supervisor.PermissionDenied", "parameters": {}}])
        self.check(["status"], 1, "", "upkeep: the supervisor refuses: it belongs to another user\n")

    def test_nonsense(self):
        self.supervise(Status=["raw:this is no JSON\0"])
        self.check(["status"], 1, "", f"upkeep: the supervisor of {self.manifest} sent what is no answer\n")

    def test_wrong_types(self):
        self.supervise(Status=[{"parameters": {"instances": [3, {"name": 4, "why": []}], "supervisor": "x"}}])
        self.check(["status"], 0)

    def test_hangs_up(self):
        self.supervise(Status=["hang up"])
        self.check(["status"], 1, "", f"upkeep: the supervisor of {self.manifest} hung up\n")

    def test_unknown_method(self):
        self.supervise()
        done = self.check(["status"], 1, "")
        self.assertIn("of another version?", done.stderr)


class Status(Case):
    def test_table(self):
        self.supervise(Status=outcome([instance("backend"), failed("web", port=None)]))
        self.check(["status"], 0, """\
app      state     pid  uptime  restarts   cpu  memory   port  why
backend  ready    4712    1m1s         0  0.3%   48.8M  14200  port 14200 accepts connections
web      backoff     -       -         3     -       -      -  exited with code 3 after 1.2s; next try in 1.6s
""", "")
        self.assertEqual(self.call(), ("Status", {}))
        self.assertEqual(self.run_upkeep("ls").stdout, self.run_upkeep("status").stdout)

    def test_cards_and_changed_manifest(self):
        self.supervise(Status=outcome([failed("backend")], [failure("backend")], manifest_changed=True))
        done = self.check(["status"], 0)
        self.assertIn("\n\n" + CARD, done.stdout)
        self.assertIn("has changed since", done.stdout)

    def test_json(self):
        self.supervise(Status=outcome([instance("backend", novelty=1)]))
        whole = json.loads(self.check(["status", "--json"], 0).stdout)
        self.assertEqual(list(whole), ["supervisor", "instances"])
        self.assertEqual(list(whole["supervisor"])[:6], ["name", "pid", "state", "manifest", "version", "uptime_ms"])
        self.assertEqual(list(whole["instances"][0])[:16],
                         ["app", "name", "instance", "state", "pid", "uptime_ms", "restarts", "exit_code", "exit_signal",
                          "why", "next_start_ms", "port", "health", "memory_bytes", "cpu_percent", "stale"])
        self.assertIsNone(whole["instances"][0]["exit_code"])
        self.assertEqual(whole["instances"][0]["cpu_percent"], 0.3)
        self.assertEqual(whole["instances"][0]["novelty"], 1)

    def test_escapes_do_not_reach_the_terminal(self):
        self.supervise(Status=outcome([instance("backend", why="\x1b[2Jgone\nnext")]))
        done = self.check(["status"], 0)
        self.assertIn("gone?next", done.stdout)
        self.assertNotIn("\x1b", done.stdout)


class Acts(Case):
    def test_start(self):
        self.supervise(Start=outcome([instance("backend")]))
        done = self.check(["start", "backend", "--timeout", "7s"], 0, stderr="")
        self.assertIn("backend  ready", done.stdout)
        self.assertEqual(self.call(), ("Start", {"apps": ["backend"], "wait": True, "timeout_ms": 7000}))

    def test_no_wait(self):
        self.supervise(Start=outcome([instance("backend", state="starting")]))
        self.check(["start", "--no-wait"], 0)
        self.assertEqual(self.call()[1]["wait"], False)

    def test_failures(self):
        self.supervise(Start=outcome([failed("backend")], [failure("backend"), failure("web")]))
        done = self.check(["start"], 1)
        self.assertIn("backend  backoff", done.stdout)
        self.assertTrue(done.stderr.startswith(CARD), done.stderr)
        self.assertEqual(done.stderr.splitlines()[-1],
                         "upkeep: backend: exited with code 3 after 1.2s (and 1 more)")

    def test_timed_out(self):
        self.supervise(Start=outcome([instance("backend", state="starting")], timed_out=True),
                       Wait=outcome([instance("backend", state="starting")], timed_out=True))
        done = self.check(["start", "--timeout", "2s"], 5)
        self.assertEqual(done.stderr,
                         "upkeep: not done within 2s; the supervisor goes on with it (see: upkeep status)\n")
        self.check(["wait", "--timeout", "2s"], 5, "")

    def test_timed_out_with_a_failure(self):
        self.supervise(Wait=outcome([failed("backend")], [failure("backend")], timed_out=True))
        done = self.check(["wait", "--timeout", "2s"], 5, "")
        self.assertEqual(done.stderr, CARD + "upkeep: not done within 2s; the supervisor goes on with it "
                         "(see: upkeep status)\n")

    def test_no_such_app(self):
        error = [{"error": "io.upkeep.Supervisor.NoSuchApp", "parameters": {"app": "bakend", "nearest": "backend"}}]
        self.supervise(Start=error, Stop=error, Show=error, Why=error, Environment=error)
        sentence = f"upkeep: no app bakend in {self.manifest} (did you mean backend?)\n"
        for command in ("start", "stop", "show", "why", "env"):
            self.check([command, "bakend"], 4, "", sentence)

    def test_a_name_that_is_no_text_is_not_all(self):
        self.supervise(Stop=outcome([]))
        self.run_upkeep("stop", os.fsdecode(b"\xff"))
        self.assertEqual(self.call()[1]["apps"], ["\ufffd"])

    def test_wait_is_quiet(self):
        self.supervise(Wait=outcome([instance("backend")]))
        self.check(["wait"], 0, "", "")
        self.assertEqual(self.call(), ("Wait", {"apps": [], "timeout_ms": 300000}))

    def test_wait_fails(self):
        self.supervise(Wait=outcome([failed("backend")], [failure("backend")]))
        done = self.check(["wait", "backend"], 1, "")
        self.assertEqual(done.stderr, CARD + "upkeep: backend: exited with code 3 after 1.2s\n")

    def test_restart_tells_of_a_changed_manifest(self):
        self.supervise(Restart=outcome([instance("backend")], manifest_changed=True))
        done = self.check(["restart"], 0)
        self.assertIn("upkeep apply", done.stderr)
        done = self.check(["-f", "upkeep.ini", "restart"], 0)
        self.assertIn("upkeep -f upkeep.ini apply", done.stderr)

    def test_interrupted(self):
        self.supervise(Start=["hang"])
        with subprocess.Popen([UPKEEP, "start"], cwd=self.dir, env=self.environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            self.call()
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 1)
        self.assertEqual(stderr, "upkeep: interrupted; the supervisor goes on with it (see: upkeep status)\n")

    def test_signal(self):
        self.supervise(Signal=[{"parameters": {}}])
        self.check(["signal", "HUP", "backend"], 0, "", "")
        self.assertEqual(self.call(), ("Signal", {"app": "backend", "signal": "HUP"}))
        self.check(["signal", "SIGNONE", "backend"], 2, "")

    def test_signal_without_a_process(self):
        self.supervise(Signal=[{"error": "io.upkeep.Supervisor.NotRunning", "parameters": {"app": "backend"}}])
        self.check(["signal", "HUP", "backend"], 1, "", "upkeep: backend has no process\n")

    def test_shutdown_waits_for_the_process(self):
        self.supervise(Shutdown=[{"parameters": {}}, "end"])
        self.check(["shutdown"], 0, "", "")
        self.assertIsNotNone(self.fake.poll())

    def test_shutdown_times_out(self):
        self.supervise(Shutdown=[{"parameters": {}}])
        self.check(["shutdown", "--timeout", "50ms"], 5, "")


class Stories(Case):
    def test_show(self):
        detail = {"instance": instance("backend", status_text="serving"), "since_ms": 60000, "wanted": True,
                  "command": "uvicorn app", "cwd": "/srv/demo", "type": "service", "ready": "port", "depends_on": ["db"],
                  "stdout": "/srv/demo/logs/backend.log", "restart": "always", "kill_timeout_ms": 10000,
                  "tail": ["last"], "tree": [4712, 4713]}
        self.supervise(Show=[{"parameters": {"details": [detail]}}],
                       Why=[{"parameters": {"instances": [], "events": []}}])
        done = self.check(["show", "backend"], 0)
        for line in ("backend is ready", "  why           port 14200 accepts connections", "  says          serving",
                     "  processes     4712, 4713", "  depends on    db", "  kill timeout  10s", "  last lines    last"):
            self.assertIn(line + "\n", done.stdout)
        whole = json.loads(self.check(["show", "backend", "--json"], 0).stdout)
        self.assertIsNone(whole["details"][0]["stderr"])

    def test_why(self):
        self.supervise(Why=[{"parameters": {"instances": [failed("backend")], "failure": failure("backend"),
                                            "events": [event(by="user root (uid 0, pid 3)")]}}])
        done = self.check(["why", "backend"], 0)
        self.assertIn(CARD, done.stdout)
        self.assertIn("2026-01-02 03:04:05.678 backend: starting -> ready: port 14200 accepts connections "
                      "(user root (uid 0, pid 3))\n", done.stdout)

    def test_events(self):
        self.supervise(Events=[{"parameters": {"event": event()}, "continues": True},
                               {"parameters": {"event": event(number=2, to="starting", why="spawned")}, "continues": True}, {"parameters": {}}])
        self.check(["events"], 0, "2026-01-02 03:04:05.678 backend: starting -> ready: port 14200 accepts connections\n"
                                  "2026-01-02 03:04:05.678 backend: starting: spawned\n")
        lines = self.check(["events", "--json"], 0).stdout.splitlines()
        self.assertEqual(list(json.loads(lines[1]))[:9],
                         ["time", "app", "instance", "from", "to", "why", "pid", "exit_code", "exit_signal"])

    def test_env(self):
        variables = [{"name": "A", "value": None, "origin": ".env.staging", "line": 12},
                     {"name": "PORT", "origin": "upkeep"}]
        self.supervise(Environment=[{"parameters": {"variables": variables}}])
        self.check(["env", "web"], 0, f"{'A=****':48}.env.staging:12\n{'PORT=****':48}upkeep\n")
        self.assertEqual(self.call(), ("Environment", {"app": "web", "reveal": False}))
        whole = json.loads(self.check(["env", "web", "--json"], 0).stdout)
        self.assertEqual(whole["variables"][1], {"name": "PORT", "value": None, "origin": "upkeep", "line": None})

    def test_env_without_a_supervisor(self):
        done = self.check(["env", "backend"], 0)
        self.assertRegex(done.stdout, r"(?m)^GREETING=\*\*\*\* +upkeep\.ini:4$")
        self.assertNotIn("s3cret", done.stdout)
        done = self.check(["env", "backend", "--reveal"], 0)
        self.assertRegex(done.stdout, r"(?m)^SECRET=s3cret +upkeep\.ini:5$")
        self.check(["env", "bakend"], 4, "", f"upkeep: no app bakend in {self.manifest} (did you mean backend?)\n")


class Checks(Case):
    def test_good(self):
        self.check(["check"], 0, f"{self.manifest}: nothing stands against a start of 2 apps\n", "")
        whole = json.loads(self.check(["check", "--json"], 0).stdout)
        self.assertEqual((whole["ok"], whole["findings"]), (True, []))

    def test_bad_manifest_is_a_finding(self):
        self.write("[app:a]\ncomand = x\n")
        done = self.check(["check"], 1)
        self.assertRegex(done.stdout, r"(?m)^upkeep\.ini:2: error: .*comand")
        self.assertIn("would make a start fail", done.stderr)
        whole = json.loads(self.check(["check", "--json"], 1).stdout)
        self.assertFalse(whole["ok"])
        self.assertEqual((whole["findings"][0]["severity"], whole["findings"][0]["line"]), ("error", 2))

    def test_missing_program(self):
        self.write("[app:a]\ncommand = /no/such/program\n")
        done = self.check(["check"], 1)
        self.assertIn("/no/such/program", done.stdout)


class Output(Case):
    def test_full_disk(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = self.run_upkeep("help", stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "upkeep: cannot write to standard output: No space left on device\n")

    def test_closed(self):
        done = subprocess.run(["sh", "-c", '"$1" help >&-', "sh", UPKEEP], stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write to standard output", done.stderr)

    def test_reader_has_gone(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = self.run_upkeep("help", stdout=writer)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (1, ""))


class Terminal(Case):
    """On a terminal of 60 columns."""

    def run_on_terminal(self, *args, until=None, end=None, **env):
        """What is written to the terminal; once `until` was seen, the signal `end` is sent. And the exit code."""
        master, slave = pty.openpty()
        process = subprocess.Popen([UPKEEP, *args], cwd=self.dir, stdin=slave, stdout=slave, stderr=slave,
                                   env=self.environment(**{"TERM": "xterm", "COLUMNS": "60", **env}))
        os.close(slave)
        seen = b""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and select.select([master], [], [], LIMIT)[0]:
            try:
                more = os.read(master, 65536)
            except OSError:
                break
            if not more:
                break
            seen += more
            if until and until in seen:
                process.send_signal(end)
                until = None
        os.close(master)
        return seen.decode().replace("\r\n", "\n"), process.wait(LIMIT)

    def test_fits_and_colours(self):
        self.supervise(Status=outcome([instance("backend", why="größe " * 20)]))
        text, _ = self.run_on_terminal("status")
        self.assertIn("\x1b[32mready\x1b[0m", text)
        self.assertIn("…\n", text)
        plain, _ = self.run_on_terminal("status", NO_COLOR="1")
        self.assertNotIn("\x1b", plain)
        for line in plain.splitlines():
            self.assertLessEqual(len(line), 60)
        self.assertEqual(self.run_on_terminal("status", TERM="dumb")[0], plain)

    def test_watch(self):
        self.supervise(Status=outcome([instance("backend")]),
                       Events=[{"parameters": {"event": event()}, "continues": True}])
        text, code = self.run_on_terminal("status", "--watch", until=b"port 14200", end=signal.SIGINT)
        self.assertEqual(code, 0, text)
        self.assertTrue(text.startswith("\x1b[?1049h\x1b[?25l\x1b[H"), text)
        self.assertTrue(text.endswith("\x1b[?25h\x1b[?1049l"), text)
        self.assertIn("demo is ready, pid 4711, up 1m1s", text)

    def test_watch_gives_the_terminal_back_before_it_complains(self):
        self.supervise(Status=outcome([instance("backend")]), Events=["hang up"])
        text, code = self.run_on_terminal("status", "--watch")
        self.assertEqual(code, 1)
        self.assertTrue(text.endswith(f"\x1b[?25h\x1b[?1049lupkeep: the supervisor of {self.manifest} hung up\n"), text)

    def test_masks(self):
        text, _ = self.run_on_terminal("env", "backend", NO_COLOR="1")
        self.assertIn("GREETING=••••", text)


class Background(Case):
    """The real supervisor."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.run_upkeep, "shutdown")

    def test_from_start_to_shutdown(self):
        done = self.check(["start", "backend"], 0)
        self.assertRegex(done.stdout, r"(?m)^backend +ready")
        self.assertRegex(done.stdout, r"(?m)^web +stopped")
        self.assertTrue(os.path.exists(os.path.join(self.runtime_dir, "supervisor.log")))
        self.check(["start"], 0)
        whole = json.loads(self.check(["status", "--json"], 0).stdout)
        self.assertEqual([i["state"] for i in whole["instances"]], ["ready", "ready"])
        self.check(["stop"], 0)
        self.check(["status"], 0)
        self.check(["shutdown"], 0)
        self.check(["status"], 3)
        self.check(["shutdown"], 3)

    def test_two_at_once(self):
        both = [subprocess.Popen([UPKEEP, "start"], cwd=self.dir, env=self.environment(), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
        for process in both:
            out, err = process.communicate(timeout=LIMIT)
            self.assertEqual(process.returncode, 0, (out, err))

    def test_no_oneshot_runs_twice(self):
        self.write("[app:once]\ncommand = sh -c 'echo ran >> ran'\ntype = oneshot\n")
        self.check(["start", "once"], 0)
        with open(os.path.join(self.dir, "ran"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "ran\n")

    def test_unknown_app_starts_no_supervisor(self):
        self.check(["start", "bakend"], 4, "", f"upkeep: no app bakend in {self.manifest} (did you mean backend?)\n")
        self.assertFalse(os.path.exists(self.runtime_dir))

    def test_runtime_dir_that_cannot_be(self):
        self.write("[upkeep]\nruntime_dir = file/x\n" + MANIFEST)
        with open(os.path.join(self.dir, "file"), "w", encoding="utf-8"):
            pass
        done = self.check(["start"], 1, "")
        self.assertIn("cannot make the runtime dir", done.stderr)

    def test_a_crash_is_one_card(self):
        self.write("[app:bad]\ncommand = sh -c 'echo boom; exit 3'\nready = notify\n")
        done = self.check(["start"], 1)
        self.assertRegex(done.stderr, r"(?m)^bad: exited with code 3 ")
        self.assertIn("  | boom\n", done.stderr)
        self.assertTrue(done.stderr.splitlines()[-1].startswith("upkeep: bad: exited with code 3"), done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=1)
