"""What installs and builds: order, side by side, failures, Ctrl-C at every moment, what is skipped and why."""

import contextlib
import json
import os
import pty
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import AS_NOBODY, CHILD, LIMIT, UPKEEP, Scenario, alive, main, until


def processes_of(stack):
    """The living processes whose environment says that they are of this stack's apps, whatever they did to hide."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/environ", "rb") as f:
                if f"UPKEEP_ROOT={stack.folder}".encode() in f.read().split(b"\0") and alive(int(pid)):
                    found.append(int(pid))
    return found


class Prepare(Scenario):
    def stack(self, manifest, **options):
        stack = None
        self.addCleanup(lambda: stack and self.assertEqual(processes_of(stack), []))  # once it is closed
        stack = super().stack(manifest, **options)
        return stack

    def positions(self, text, *parts):
        places = [text.find(part) for part in parts]
        self.assertNotIn(-1, places, (parts, text))
        self.assertEqual(places, sorted(places), text)

    def ended(self, process):
        out, err = process.communicate(timeout=LIMIT)
        return process.returncode, out, err


class Order(Prepare):
    def test_lines_in_order_in_folder_and_environment(self):
        s = self.stack(f"""[app:a]
command = {CHILD} run
cwd = web folder
env = COLOUR=green
prepare =
  {CHILD} say 'first step' env COLOUR env UPKEEP_APP

  {CHILD} err 'second "step"' touch made
  {CHILD} await made say third
""", files={"web folder/x": ""})
        result = s.call("prepare", check=0)
        self.positions(result.out, "a | upkeep: step 1 of 3, ", "a | first step\n", "a | COLOUR=green\n",
                       "a | UPKEEP_APP=a\n", "a | upkeep: step 2 of 3, ", 'a | second "step"\n',
                       "a | upkeep: step 3 of 3", "a | third\n", "a: prepared in ", ": 1 app prepared\n")
        self.assertEqual(result.err, "")
        self.assertTrue(os.path.exists(f"{s.folder}/web folder/made"))
        self.positions(s.log("a"), "first step\n", 'second "step"\n', "third\n")

    def test_independent_apps_side_by_side(self):
        """Each waits for what the other makes."""
        s = self.stack("\n".join(f"[app:a{i}]\ncommand = true\nprepare = {CHILD} touch m{i} await m{(i + 1) % 4}"
                                 for i in range(4)))
        s.call("prepare", check=0)

    def test_dependencies_first(self):
        """Also through an app that has nothing to prepare."""
        s = self.stack(f"""[app:web]
command = true
depends_on = gateway
prepare = {CHILD} say web
[app:gateway]
command = true
depends_on = api
[app:api]
command = true
prepare = {CHILD} sleep 50 say api
""")
        self.positions(s.call("prepare", check=0).out, "api | api", "api: prepared", "web | web", "web: prepared")
        out = s.call("prepare", "web", check=0).out
        self.assertIn("web | web\n", out)
        self.assertNotIn("api", out)

    def test_the_same_lines_in_one_folder_one_after_the_other(self):
        s = self.stack(f"""[defaults]
command = true
prepare = sh -c 'mkdir busy && sleep 0.1 && rmdir busy'
[app:a]
[app:b]
[app:c]
cwd = c
prepare = {CHILD} await ../busy
""", files={"c/x": ""})
        s.call("prepare", check=0)

    def test_shell(self):
        s = self.stack("[app:a]\ncommand = true\nshell = true\nprepare = echo one | tr o 0; echo $UPKEEP_APP\n")
        self.positions(s.call("prepare", check=0).out, "a | 0ne\n", "a | a\n")

    def test_a_step_may_write_the_environment_of_the_next(self):
        s = self.stack(f"""[app:a]
command = true
env_file = ?.env
prepare =
  cp .env.example .env
  {CHILD} env TOKEN
""", files={".env.example": "TOKEN=fresh\n"})
        self.assertIn("a | TOKEN=fresh\n", s.call("prepare", check=0).out)

    def test_nothing_to_prepare(self):
        s = self.stack("[app:a]\ncommand = true\n")
        self.assertTrue(s.call("prepare", check=0).out.endswith(": nothing to prepare: no app has prepare lines\n"))
        self.assertIn("no app of these has prepare lines", s.call("prepare", "a", check=0).out)
        self.assertIn("no app", s.call("prepare", "nobody", check=4).err)

    def test_a_manifest_with_errors(self):
        s = self.stack("[app:a]\ncommand = true\nprepare_inputs = *.{js,ts}\nprepare = sh 'open\n")
        result = s.call("prepare", check=2)
        self.assertIn("upkeep.ini:3: prepare_inputs: braces are not understood: write a pattern for each", result.err)
        self.assertIn("upkeep.ini:4: prepare: ", result.err)
        self.assertFalse(os.path.exists(f"{s.folder}/.upkeep"))

    def test_names_that_are_no_ascii(self):
        s = self.stack(f"[app:a]\ncommand = true\ncwd = grüße & co\nprepare = './mach es' 'ein wört'\n"
                       "prepare_inputs = 'x y'.txt, ü*\n",
                       folder="ein ordner/日本語", files={"grüße & co/mach es": "#!/bin/sh\necho \"<$1>\"\n",
                                                      "grüße & co/über": "1"})
        os.chmod(f"{s.folder}/grüße & co/mach es", 0o755)
        self.assertIn("a | <ein wört>\n", s.call("prepare", check=0).out)
        self.assertIn("a: skipped", s.call("prepare", "--if-needed", check=0).out)
        s.write("grüße & co/über", "2")
        self.assertIn("(über has changed)", s.call("prepare", "--if-needed", check=0).out)

    def test_prompts_find_nobody(self):
        s = self.stack("""[app:a]
command = true
shell = true
prepare =
  read answer || echo nobody answers
  (echo question > /dev/tty) 2>/dev/null || echo no terminal
""")
        self.positions(s.call("prepare", check=0).out, "a | nobody answers\n", "a | no terminal\n")


class Failures(Prepare):
    def test_card(self):
        s = self.stack(f"""[app:a]
command = true
prepare =
  {CHILD} say fine
  {CHILD} say 'line 1' say 'line 2' err 'the reason' exit 7
  {CHILD} say 'never reached'
""")
        result = s.call("prepare", check=1)
        lines = result.err.splitlines()
        self.assertRegex(lines[0], r"^a: step 2 of 3, .*child say 'line 1' .* exit 7, exited with code 7 after \S+$")
        self.assertEqual(lines[1:5], ["  | line 1", "  | line 2", "  | the reason", f"  log: {s.folder}/logs/a.log"])
        self.assertEqual(lines[5], f"upkeep: {lines[0]}")
        self.assertEqual(len(lines), 6)
        self.assertNotIn("never reached", result.out + s.log("a"))

    def test_last_lines_are_of_the_step(self):
        s = self.stack(f"[app:a]\ncommand = true\nprepare =\n  {CHILD} say before\n  {CHILD} exit 1\n")
        self.assertNotIn("before", s.call("prepare", check=1).err)

    def test_killed(self):
        s = self.stack(f"[app:a]\ncommand = true\nprepare = {CHILD} die KILL\n")
        self.assertRegex(s.call("prepare", check=1).err, r"step 1 of 1, .* die KILL, killed by SIGKILL after \S+\n")

    def test_others_are_stopped(self):
        s = self.stack(f"""[app:long]
command = true
prepare =
  {CHILD} touch there run
  {CHILD} say 'never reached'
[app:bad]
command = true
prepare = {CHILD} await there exit 3
[app:after]
command = true
depends_on = bad
prepare = {CHILD} say 'never reached'
""")
        result = s.call("prepare", check=1)
        self.assertIn("long: stopped at step 1 of 2\n", result.out)
        self.assertIn("after: not begun\n", result.out)
        self.assertNotIn("| never reached", result.out)
        self.assertRegex(result.err.splitlines()[-1], "^upkeep: bad: step 1 of 1, .*, exited with code 3 after ")

    def test_command_not_found(self):
        s = self.stack("[app:a]\ncommand = true\nenv = PATH=/nowhere\nprepare =\n  no-such-installer --now\n")
        self.assertEqual(s.call("prepare", check=1).err,
                         "a: step 1 of 1, no-such-installer --now: cannot find no-such-installer in PATH (/nowhere)\n"
                         "upkeep: a: step 1 of 1, no-such-installer --now: "
                         "cannot find no-such-installer in PATH (/nowhere)\n")

    def test_not_executable(self):
        s = self.stack("[app:a]\ncommand = true\nprepare = ./build.sh\n", files={"build.sh": "#!/bin/sh\n"})
        self.assertIn("a: step 1 of 1, ./build.sh: cannot execute ./build.sh: Permission denied\n",
                      s.call("prepare", check=1).err)
        os.chmod(f"{s.folder}/build.sh", 0o755)
        s.write("build.sh", "#!/nowhere/sh\n")
        self.assertIn("its interpreter /nowhere/sh is missing", s.call("prepare", check=1).err)

    def test_folder_is_missing(self):
        s = self.stack("[app:a]\ncommand = true\ncwd = web-ui\nprepare = true\n")
        self.assertIn("upkeep: a: step 1 of 1, true: cannot enter web-ui: No such file or directory\n",
                      s.call("prepare", check=1).err)

    def test_dotenv_file_is_missing(self):
        s = self.stack("[app:a]\ncommand = true\nenv_file = .env\nprepare = true\n")
        result = s.call("prepare", check=1)
        self.assertRegex(result.err, r"upkeep: a: .*\.env.*No such file or directory")

    def test_secrets_are_not_shown(self):
        """Commands are shown as they are written."""
        s = self.stack("[app:a]\ncommand = true\nenv_file = .env\nprepare = false ${TOKEN}\n"
                       "prepare_inputs = upkeep.ini\n", files={".env": "TOKEN=s3cr3t\n"})
        result = s.call("prepare", check=1)
        self.assertIn("step 1 of 1, false ${TOKEN}, exited with code 1", result.err)
        self.assertNotIn("s3cr3t", result.err + result.out + s.log("a"))
        s.write("upkeep.ini", s.read("upkeep.ini").replace(b"false", b"true"))
        s.call("prepare", check=0)
        self.assertNotIn(b"s3cr3t", s.read(".upkeep/prepare/a.inputs"))

    def test_json(self):
        s = self.stack(f"""[app:a]
command = true
prepare =
  {CHILD} say output
  {CHILD} err why exit 4
[app:b]
command = true
depends_on = a
prepare = true
[app:c]
command = true
""")
        result = s.call("prepare", "--json", check=1)
        whole = json.loads(result.out)
        self.assertEqual(whole["ok"], False)
        a, b = whole["apps"]
        self.assertEqual((a["app"], a["outcome"], a["step"], a["steps"], a["exit_code"], a["exit_signal"], a["tail"]),
                         ("a", "failed", 2, 2, 4, None, "why\n"))
        self.assertEqual(a["command"], f"{CHILD} err why exit 4")
        self.assertEqual((b["app"], b["outcome"], b["step"]), ("b", "stopped", None))
        self.assertEqual((whole["exit_code"], "upkeep: " + whole["why"]), (1, result.err.splitlines()[-1]))

    def test_json_where_nothing_is_begun(self):
        """One object, whatever stands in the way."""
        s = self.stack("[app:a]\ncommand = true\nprepare = true\n")
        cases = ((("nope",), 4), (("-f", "/nope.ini"), 2), ((), 1), (("--profile", "nope"), 2))
        with open(os.path.join(s.folder, ".upkeep"), "w", encoding="utf-8"):  # in the runtime dir's place
            for words, code in cases:
                result = s.call("prepare", *words, "--json", check=code)
                whole = json.loads(result.out)
                self.assertEqual((whole["ok"], whole["exit_code"], whole["apps"]), (False, code, []))
                self.assertEqual("upkeep: " + whole["why"], result.err.splitlines()[-1])
        os.unlink(os.path.join(s.folder, ".upkeep"))
        whole = json.loads(s.call("prepare", "--json", check=0).out)
        self.assertEqual((whole["ok"], whole["exit_code"], whole["why"]), (True, 0, None))


class Interrupted(Prepare):
    def begin(self, s, *words):
        process = s.begin("prepare", *words)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def interrupt(self, s, marker, number=signal.SIGINT, times=1):
        process = self.begin(s)
        until("the step runs", lambda: os.path.exists(f"{s.folder}/{marker}"))
        for _ in range(times):
            process.send_signal(number)
        code, out, err = self.ended(process)
        self.assertEqual(code, 1, out + err)
        self.assertEqual(processes_of(s), [])
        return out, err

    def test_gracefully(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            s = self.stack(f"""[app:a]
command = true
prepare =
  {CHILD} on TERM say 'tidied up' spawn touch there run -- run
  {CHILD} say 'never reached'
kill_timeout = 100ms
""")
            out, err = self.interrupt(s, "there", number)
            self.assertIn("a | tidied up\n", out)
            self.assertIn("a: stopped at step 1 of 2\n", out)
            self.assertEqual(err, f"upkeep: interrupted by {signal.Signals(number).name}; 1 app is not prepared, "
                                  "and nothing is left running\n")

    def test_deaf_and_detached_processes(self):
        s = self.stack(f"""[app:a]
command = true
prepare = {CHILD} on TERM ignore orphan on TERM ignore on HUP ignore clean-exec touch there run -- run
kill_timeout = 100ms
""")
        tagged = lambda: [p for p in map(int, filter(str.isdigit, os.listdir("/proc")))
                          if alive(p) and self.is_child(s, p)]
        process = self.begin(s)
        until("the orphan runs", lambda: os.path.exists(f"{s.folder}/there"))
        self.assertGreaterEqual(len(tagged()), 2)
        process.send_signal(signal.SIGINT)
        code, out, err = self.ended(process)
        self.assertEqual(code, 1, err)
        self.assertEqual(tagged(), [])

    @staticmethod
    def is_child(s, pid):
        with contextlib.suppress(OSError):
            return os.path.basename(os.readlink(f"/proc/{pid}/exe")) == os.path.basename(CHILD) and \
                os.readlink(f"/proc/{pid}/cwd") == s.folder
        return False

    def test_twice_is_at_once(self):
        s = self.stack(f"[app:a]\ncommand = true\nprepare = {CHILD} on TERM say heard touch there run\n"
                       "kill_timeout = 10m\n")
        process = self.begin(s)
        until("the step runs", lambda: os.path.exists(f"{s.folder}/there"))
        process.send_signal(signal.SIGINT)
        until("the first is heard", lambda: "heard" in s.log("a"))
        time.sleep(0.05)  # what comes sooner is the same request, sent to us and to our group
        process.send_signal(signal.SIGINT)
        self.assertEqual(self.ended(process)[0], 1)

    def test_at_any_moment(self):
        """Wherever it is: reading, between steps, while it is clearing."""
        s = self.stack(f"""[app:a]
command = true
prepare =
  {CHILD} exit 0
  {CHILD} sleep 5 exit 0
  {CHILD} spawn run -- exit 0
prepare_inputs = src/**
[app:b]
command = true
prepare =
  {CHILD} spawn on TERM ignore run -- sleep 5 exit 0
kill_timeout = 20ms
""", files={f"src/{i}": "x" * 1000 for i in range(200)})
        for delay_ms in range(0, 60, 3):
            process = self.begin(s)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(delay_ms / 1000)
            process.send_signal(signal.SIGINT)
            code, out, err = self.ended(process)
            # Before it listens the signal ends it as it would any other program.
            self.assertIn(code, (0, 1, -signal.SIGINT), out + err)
            self.assertEqual(processes_of(s), [], out + err)
        s.call("prepare", check=0)

    def test_while_nobody_reads(self):
        """A pipe that is full holds it up, but not its end."""
        s = self.stack(f"[app:a]\ncommand = true\nprepare = {CHILD} burst 100000 touch never\n")
        process = self.begin(s)
        size = lambda: len(s.log("a"))
        until("there is output", lambda: size() > 0)
        stuck = until("it is held up", lambda: (lambda before: time.sleep(0.2) or (before == size() and before))(size()))
        self.assertLess(stuck, 100000 * 100)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(LIMIT), 1)
        process.communicate()

    def test_while_inputs_are_read(self):
        s = self.stack(f"[app:a]\ncommand = true\nprepare = {CHILD} touch never\nprepare_inputs = model.bin\n")
        with open(f"{s.folder}/model.bin", "w") as f:
            f.truncate(1 << 40)
        process = self.begin(s)
        until("the file is read", lambda: any(os.path.realpath(f"/proc/{process.pid}/fd/{fd}").endswith("model.bin")
                                              for fd in os.listdir(f"/proc/{process.pid}/fd")))
        process.send_signal(signal.SIGINT)
        code, out, err = self.ended(process)
        self.assertEqual((code, out), (1, "a: not begun\n"))
        self.assertFalse(os.path.exists(f"{s.folder}/never"))

    def test_killed_for_good(self):
        """Nobody can end its processes then, but the next one does."""
        s = self.stack(f"[app:a]\ncommand = true\nprepare = {CHILD} on TERM ignore touch there run\n"
                       "[app:b]\ncommand = true\nprepare = true\n")
        process = self.begin(s, "a")
        until("the step runs", lambda: os.path.exists(f"{s.folder}/there"))
        process.kill()
        process.communicate()
        self.assertEqual(len(processes_of(s)), 1)
        result = s.call("prepare", "b", check=0)
        self.assertIn("upkeep: an earlier upkeep prepare was killed; ended 1 process that it had left\n", result.err)
        self.assertEqual(processes_of(s), [])
        self.assertEqual(s.call("prepare", "b", check=0).err, "")


class Output(Prepare):
    def on_terminal(self, s, *words, width=100, environment=None):
        """What a terminal is given, and the exit code."""
        master, slave = pty.openpty()
        import fcntl
        import struct
        import termios
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        env = {**s.environment, "TERM": "xterm", **(environment or {})}
        process = subprocess.Popen([UPKEEP, *words], cwd=s.folder, env=env, stdin=slave, stdout=slave, stderr=slave,
                                   start_new_session=True)
        os.close(slave)
        output = b""
        deadline = time.monotonic() + LIMIT
        while True:
            self.assertTrue(select.select([master], [], [], max(0, deadline - time.monotonic()))[0], output)
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            output += piece
        os.close(master)
        return output.decode(errors="replace"), process.wait(LIMIT)

    @staticmethod
    def screen(output):
        """The lines as they are to be seen in the end."""
        lines = [""]
        for part in re.split(r"(\r\n|\r\033\[K)", output):
            if part == "\r\n":
                lines.append("")
            elif part == "\r\033[K":
                lines[-1] = ""
            else:
                lines[-1] += part
        return lines

    def test_terminal(self):
        s = self.stack(f"""[app:api]
command = true
prepare =
  {CHILD} say one sleep 1100
  {CHILD} say two
[app:frontend]
command = true
prepare = {CHILD} part 'no newline'
""")
        output, code = self.on_terminal(s, "prepare")
        self.assertEqual(code, 0, output)
        self.assertRegex(output, r"0 of 2 done, \ds: api step 1 of 2 \(\ds\), frontend step 1 of 1 \(\ds\)")
        self.assertRegex(output, r"1 of 2 done, [12]s: api step 1 of 2 \([12]s\)")
        screen = self.screen(output)
        self.assertIn("api      | one", screen)
        self.assertIn("frontend | no newline", screen)
        self.assertEqual([line for line in screen if "step" in line and "upkeep:" not in line], [])
        self.assertRegex(screen[-2], "2 apps prepared$")
        self.assertEqual(screen[-1], "")

    def test_terminal_colours_and_width(self):
        s = self.stack(f"[app:a]\ncommand = true\nprepare = {CHILD} say '\033[31mred\033[2Jx' sleep 50\n")
        del s.environment["NO_COLOR"]
        output, code = self.on_terminal(s, "prepare", width=20)
        self.assertIn("a |\033[0m \033[31mredx\033[0m", output)
        self.assertIn("0 of 1 done, 0s: a…"[:18], output)
        for line in re.findall(r"0 of 1 done[^\r\n]*", output):
            self.assertLessEqual(len(line), 19)
        output, code = self.on_terminal(s, "prepare", environment={"TERM": "dumb"})
        self.assertNotIn("\033[K", output)
        self.assertIn("a | ", output)

    def test_ctrl_c_on_the_terminal(self):
        s = self.stack(f"[app:a]\ncommand = true\nprepare = {CHILD} on INT say 'not for us' touch there run\n")
        master, slave = pty.openpty()
        process = subprocess.Popen([sys.executable, "-c", "import os, sys, fcntl, termios\nos.setsid()\n"
                                    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\nos.execv(sys.argv[1], sys.argv[1:])",
                                    UPKEEP, "prepare"], cwd=s.folder, env=dict(s.environment, TERM="xterm"),
                                   stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        until("the step runs", lambda: os.path.exists(f"{s.folder}/there"))
        os.write(master, b"\x03")
        output = b""
        with contextlib.suppress(OSError):
            while piece := os.read(master, 65536):
                output += piece
        os.close(master)
        self.assertEqual(process.wait(LIMIT), 1)
        self.assertIn(b"interrupted by SIGINT", output)
        self.assertNotIn(b"a | not for us", output)

    def test_a_megabyte(self):
        s = self.stack(f"[app:a]\ncommand = true\nprepare = {CHILD} burst 10000 say 'the end'\n")
        result = s.call("prepare", check=0)
        lines = [line for line in result.out.splitlines() if line.startswith("a | ")]
        self.assertEqual(len(lines), 10002)
        self.assertEqual(lines[-1], "a | the end")
        self.assertEqual("".join(line[4:] + "\n" for line in lines), s.log("a"))

    def test_log_is_kept_whatever_the_app_does_with_its_own(self):
        s = self.stack(f"""[app:a]
command = true
stdout = inherit
stderr = null
prepare = {CHILD} say out err err
[app:b]
command = true
stdout = var/b.out
stderr = var/b.err
prepare = {CHILD} say out err err
[app:c]
command = true
log_format = json
prepare = {CHILD} say 'in "json"'
""")
        out = s.call("prepare", check=0).out
        for line in ("a | out\n", "a | err\n", "b | out\n", "b | err\n"):
            self.assertIn(line, out)
        self.assertTrue(s.log("a").endswith("\nout\nerr\n"), s.log("a"))
        self.assertIn(b"out\n", s.read("var/b.out"))
        self.assertEqual(s.read("var/b.err"), b"err\n")
        entries = [json.loads(line) for line in s.log("c").splitlines()]
        self.assertEqual(entries[-1]["line"], 'in "json"')

    def test_nobody_reads_any_more(self):
        s = self.stack(f"[app:a]\ncommand = true\nprepare =\n  {CHILD} await go burst 5000\n  {CHILD} touch made\n")
        process = s.begin("prepare")
        process.stdout.close()
        s.write("go", "")
        process.wait(LIMIT)
        process.stderr.close()
        self.assertTrue(os.path.exists(f"{s.folder}/made"))
        self.assertEqual(s.log("a").count("\n"), 5002)

    def test_beside_a_running_supervisor(self):
        s = self.stack(f"""[app:a]
command = sh -c 'while :; do echo from the app; sleep 0.01; done'
prepare = sh -c 'for i in $(seq 200); do echo from prepare; done; sleep 0.1; echo from prepare'
""")
        s.run()
        s.wait_state("a", "ready")
        pid = s.pid("a")
        until("the app has written", lambda: "from the app" in s.log("a"))
        s.call("prepare", check=0)
        before = s.log("a").count("from the app")
        until("the app goes on writing", lambda: s.log("a").count("from the app") > before)
        self.assertEqual(s.pid("a"), pid)
        lines = s.log("a").splitlines()
        self.assertEqual(lines.count("from prepare"), 201)
        self.assertEqual(set(line for line in lines if not line.startswith("upkeep: step")),
                         {"from prepare", "from the app"})
        self.assertIn("from prepare", s.call("logs", "-n", "1000", check=0).out)

    def test_what_is_left_running_is_ended(self):
        s = self.stack(f"""[app:a]
command = true
prepare =
  {CHILD} orphan touch there run -- await there
  {CHILD} say 'it is still there'
  {CHILD} spawn run -- exit 0
""")
        out = s.call("prepare", check=0).out
        self.positions(out, "a | it is still there", "a: its prepare lines left 2 processes running, which are ended",
                       "a: prepared in ")
        self.assertEqual(processes_of(s), [])


class Lock(Prepare):
    def test_two_at_once(self):
        s = self.stack(f"[app:a]\ncommand = true\nprepare = {CHILD} touch there await go\n")
        first = s.begin("prepare")
        until("the step runs", lambda: os.path.exists(f"{s.folder}/there"))
        second = s.call("prepare", check=1)
        self.assertRegex(second.err, rf"^upkeep: upkeep\.ini: upkeep prepare is at work already "
                                     rf"\(pid {first.pid}\), for \ds; try again when it has ended\n$")
        self.assertEqual(second.out, "")
        s.write("go", "")
        self.assertEqual(self.ended(first)[0], 0)
        s.call("prepare", check=0)

    def test_stale(self):
        s = self.stack("[app:a]\ncommand = true\nprepare = true\n", files={".upkeep/prepare.lock": "1 0 prepare\n"})
        s.call("prepare", check=0)

    def test_strange(self):
        import fcntl
        s = self.stack("[app:a]\ncommand = true\nprepare = true\n", files={".upkeep/prepare.lock": b"\xff\0x\n"})
        with open(f"{s.folder}/.upkeep/prepare.lock") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            self.assertIn(": another upkeep prepare or deploy is at work (it holds ", s.call("prepare", check=1).err)

    def test_runtime_dir_cannot_be_written(self):
        if os.getuid() != 0:
            self.skipTest("another user is needed")
        s = self.stack("[app:a]\ncommand = true\nprepare = true\n")
        os.chmod(s.top, 0o755)
        os.mkdir(f"{s.folder}/.upkeep", 0o755)
        result = s.call("prepare", prefix=AS_NOBODY)
        self.assertEqual((result.code, result.out), (1, ""))
        self.assertEqual(result.err, "upkeep: upkeep.ini: its runtime dir belongs to root (uid 0): run upkeep prepare as "
                                     "that user (sudo -u root)\n")
        os.rmdir(f"{s.folder}/.upkeep")
        result = s.call("prepare", prefix=AS_NOBODY)
        self.assertEqual(result.err, f"upkeep: cannot make the runtime dir {s.folder}/.upkeep: Permission denied\n")

    def test_log_cannot_be_written(self):
        s = self.stack("[app:a]\ncommand = true\nprepare = true\n", files={"logs": "a file"})
        self.assertRegex(s.call("prepare", check=1).err,
                         r"upkeep: a: step 1 of 1, true: cannot open \S+/logs/a\.log: Not a directory\n")

    def test_root_is_missing(self):
        s = self.stack("[upkeep]\nroot = gone\n[app:a]\ncommand = true\nprepare = true\n")
        self.assertIn("cannot enter root", s.call("prepare", check=1).err)
        self.assertFalse(os.path.exists(f"{s.folder}/gone"))


class Checked(Prepare):
    def findings(self, s):
        return {(f["app"], f["rule"], f["line"]): (f["text"], f["advice"])
                for f in json.loads(s.call("check", "--json").out)["findings"]}

    def test_programs_and_inputs(self):
        s = self.stack("""[app:a]
command = true
env = PATH=/usr/bin:/bin
prepare =
  true
  no-such-installer --all
  ./made-by-the-line-before
prepare_inputs = upkeep.ini
  packge.json
  src/**
[app:b]
command = true
env = PATH=bin:/usr/bin:/bin
prepare = no-such-installer
[app:c]
command = true
shell = true
prepare = no-such-installer || true
lint_ignore = prepare-inputs
prepare_inputs = nothing
""")
        self.assertEqual(self.findings(s), {
            ("a", "prepare-program", 6): ("prepare: cannot find no-such-installer in PATH (/usr/bin:/bin)", "install it"),
            ("a", "prepare-inputs", 9): ("prepare_inputs: nothing is called packge.json",
                                         "correct the pattern, or leave it out"),
            ("a", "prepare-inputs", 10): ("prepare_inputs: nothing is called src/**",
                                          "correct the pattern, or leave it out")})


class IfNeeded(Prepare):
    MANIFEST = """[app:a]
command = true
env_file = ?.env
prepare = sh -c 'echo run >> ../runs'
cwd = web
prepare_inputs =
  package-lock.json
  src/**/*.ts
  !src/made.ts
"""
    FILES = {"web/package-lock.json": "1", "web/src/a.ts": "a", "web/src/deep/er/b.ts": "b", "web/src/c.js": "c",
             "web/src/made.ts": "made"}

    def prepared(self):
        s = self.stack(self.MANIFEST, files=self.FILES)
        self.expect(s, "no good run of it is on record")
        self.expect(s, None)
        return s

    def expect(self, s, why):
        """It is prepared for this reason, or skipped (None)."""
        before = len(s.read("runs")) if os.path.exists(f"{s.folder}/runs") else 0
        out = s.call("prepare", "--if-needed", check=0).out
        ran = len(s.read("runs")) > before if os.path.exists(f"{s.folder}/runs") else False
        self.assertEqual(ran, why is not None, out)
        if why is None:
            self.assertRegex(out, r"a: skipped \(nothing has changed since its last good run, \S+ ago\)\n")
        else:
            self.assertRegex(out, rf"a: prepared in \S+ \({re.escape(why)}\)\n")

    def test_contents(self):
        s = self.prepared()
        s.write("web/package-lock.json", "2")
        self.expect(s, "package-lock.json has changed")
        self.expect(s, None)
        s.write("web/src/deep/er/b.ts", "B")
        s.write("web/src/a.ts", "A")
        self.expect(s, "src/a.ts has changed (and 1 more)")
        os.utime(f"{s.folder}/web/src/a.ts", (0, 0))
        self.expect(s, None)

    def test_names(self):
        s = self.prepared()
        s.write("web/src/new.ts", "")
        self.expect(s, "src/new.ts is new")
        os.rename(f"{s.folder}/web/src/new.ts", f"{s.folder}/web/src/newer.ts")
        self.expect(s, "src/new.ts is gone (and 1 more)")
        os.remove(f"{s.folder}/web/src/newer.ts")
        self.expect(s, "src/newer.ts is gone")
        shutil.rmtree(f"{s.folder}/web/src")
        self.expect(s, "src/a.ts is gone (and 1 more)")

    def test_what_does_not_matter(self):
        s = self.prepared()
        s.write("web/src/c.js", "other")
        s.write("web/src/made.ts", "other")
        s.write("web/src/.hidden.ts", "x")
        s.write("web/src/node_modules/x.ts", "x")
        s.write("web/other.ts", "x")
        self.expect(s, None)
        # Another order of the same patterns, and one twice, is the same.
        s.write("upkeep.ini", self.MANIFEST.replace("  package-lock.json\n", "").replace(
            "  !src/made.ts", "  ./src/a.ts\n  !src/made.ts\n  package-lock.json, src/**/*.ts"))
        self.expect(s, None)

    def test_symbolic_links(self):
        s = self.prepared()
        os.symlink("../package-lock.json", f"{s.folder}/web/src/link.ts")
        self.expect(s, "src/link.ts is new")
        s.write("web/package-lock.json", "3")
        self.expect(s, "package-lock.json has changed (and 1 more)")
        os.remove(f"{s.folder}/web/src/link.ts")
        os.symlink("nowhere", f"{s.folder}/web/src/link.ts")
        self.expect(s, "src/link.ts has changed")
        self.expect(s, None)
        # No way out of the tree, and no way round in circles.
        os.symlink("..", f"{s.folder}/web/src/circle")
        self.expect(s, None)
        os.rename(f"{s.folder}/web/src", f"{s.folder}/src2")
        os.symlink("../src2", f"{s.folder}/web/src")
        self.expect(s, None)

    def test_what_is_no_file(self):
        s = self.prepared()
        os.mkfifo(f"{s.folder}/web/src/pipe.ts")
        self.expect(s, "src/pipe.ts is new")
        self.expect(s, None)

    def test_commands_environment_folder(self):
        s = self.prepared()
        s.write("upkeep.ini", self.MANIFEST.replace("echo run", "echo  run"))
        self.expect(s, "its prepare lines, or how they are run, have changed")
        s.write("upkeep.ini", self.MANIFEST.replace("echo run", "echo  run") +
                f"user = {pwd.getpwuid(os.getuid()).pw_name}\n")
        self.expect(s, "its prepare lines, or how they are run, have changed (and 1 more)")
        s.write(".env", "NEXT_PUBLIC_API=http://a\n")
        self.expect(s, "its environment in manifest and dotenv files has changed")
        s.write(".env", "# a comment\nNEXT_PUBLIC_API='http://a'\n")
        self.expect(s, None)
        s.environment["SOMETHING_OF_THIS_SHELL"] = "1"
        self.expect(s, None)
        moved = f"{s.top}-moved"
        os.rename(s.top, moved)
        s.top = s.folder = moved
        self.expect(s, "its folder is another one")

    def test_required_path_is_missing(self):
        s = self.stack(self.MANIFEST + "require_path = web/node_modules\n", files=self.FILES)
        self.expect(s, "web/node_modules is missing")
        s.write("web/node_modules/x", "")
        self.expect(s, None)
        shutil.rmtree(f"{s.folder}/web/node_modules")
        self.expect(s, "web/node_modules is missing")

    def test_without_inputs(self):
        s = self.stack("[app:a]\ncommand = true\nprepare = sh -c 'echo run >> runs'\n")
        self.expect(s, "it has no prepare_inputs")
        self.expect(s, "it has no prepare_inputs")

    def test_only_a_good_run_counts(self):
        s = self.prepared()
        good = self.MANIFEST
        s.write("web/package-lock.json", "2")
        s.write("upkeep.ini", good.replace("runs'", "runs; exit 1'"))
        s.call("prepare", "--if-needed", check=1)
        s.write("upkeep.ini", good)
        s.write("web/package-lock.json", "1")
        self.expect(s, "no good run of it is on record")
        # Without --if-needed it is always run, and that counts.
        s.write("web/package-lock.json", "5")
        self.assertRegex(s.call("prepare", check=0).out, r"a: prepared in \S+\n")
        self.expect(s, None)

    def test_record_is_damaged(self):
        s = self.prepared()
        record = s.read(".upkeep/prepare/a.inputs")
        for bad in (b"", record[:-3], record.replace(b"upkeep prepared 1", b"upkeep prepared 9"), b"\0" * 500):
            s.write(".upkeep/prepare/a.inputs", bad)
            self.expect(s, "no good run of it is on record")

    def test_pattern_that_matches_nothing_is_said(self):
        s = self.stack("[app:a]\ncommand = true\nprepare = true\nprepare_inputs = packge-lock.json, upkeep.ini\n")
        out = s.call("prepare", "--if-needed", check=0).out
        self.assertIn("a: prepare_inputs: nothing is called packge-lock.json\n", out)
        self.assertNotIn("upkeep.ini\n", out.replace(f"{s.folder}/upkeep.ini", ""))

    def test_input_that_cannot_be_read(self):
        if os.getuid() != 0:
            self.skipTest("another user is needed")
        s = self.stack("[app:a]\ncommand = true\nprepare = true\nprepare_inputs = src\n", files={"src/x": "1"})
        for path, _, names in os.walk(s.top):
            os.chown(path, 65534, 65534)
        os.chmod(f"{s.folder}/src/x", 0o600)
        for _ in range(2):
            result = s.call("prepare", "--if-needed", prefix=AS_NOBODY, check=0)
            self.assertIn("(cannot read src/x: Permission denied)", result.out)

    def test_prepare_changes_its_own_inputs(self):
        s = self.stack("[app:a]\ncommand = true\nprepare = sh -c 'date +%N >> lock'\nprepare_inputs = lock\n",
                       files={"lock": ""})
        out = s.call("prepare", check=0).out
        self.assertIn("a: lock has changed while it was prepared; --if-needed will prepare it again\n", out)
        self.assertIn("(lock has changed)", s.call("prepare", "--if-needed", check=0).out)

    def test_own_files_are_no_inputs(self):
        s = self.stack("[upkeep]\nruntime_dir = run\n[app:a]\ncommand = true\nprepare = echo hello\n"
                       "prepare_inputs = ., logs/a.log\n", files={"sub/x": ""})
        self.assertNotIn("while it was prepared", s.call("prepare", check=0).out)
        self.assertIn("a: skipped", s.call("prepare", "--if-needed", check=0).out)
        s.write("sub/y", "")
        self.assertIn("(sub/y is new)", s.call("prepare", "--if-needed", check=0).out)

    def test_runtime_dir_is_removed_meanwhile(self):
        """By a line such as `git clean -fdx`."""
        s = self.stack("[app:a]\ncommand = true\nprepare =\n  rm -rf .upkeep logs\n  echo on\nprepare_inputs = upkeep.ini\n")
        for _ in range(2):
            self.assertIn("a | on\n", s.call("prepare", check=0).out)
        self.assertIn("a: skipped", s.call("prepare", "--if-needed", check=0).out)
        self.assertIn("on\n", s.log("a"))

    def test_each_app_by_itself(self):
        s = self.stack("".join(f"[app:{n}]\ncommand = true\nprepare = true\nprepare_inputs = {n}.txt\n" for n in "ab"),
                       files={"a.txt": "", "b.txt": ""})
        s.call("prepare", check=0)
        s.write("b.txt", "2")
        out = s.call("prepare", "--if-needed", check=0).out
        self.assertIn("a: skipped", out)
        self.assertIn("(b.txt has changed)", out)
        self.assertTrue(out.endswith(": 1 app prepared, 1 skipped\n"), out)
        self.assertTrue(s.call("prepare", "--if-needed", check=0).out.endswith(
            ": nothing to prepare: nothing has changed\n"))


if __name__ == "__main__":
    main()
