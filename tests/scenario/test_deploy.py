"""upkeep deploy: each step, each way in which it can fail, and what is left of the stack then."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import LIMIT, UPKEEP, Scenario, alive, free_port, main, processes_with, until

# web is built from a source by its prepare line, and writes what was built; db has nothing to prepare.
STACK = """
[app:db]
command = {child} notify READY=1 run
ready = notify
[app:web]
depends_on = db
prepare = cp source built
require_path = built
shell = true
command = cat built; exec {child} notify READY=1 run
ready = notify
"""
STEPS = ["check", "prepare", "check-again", "apply", "wait", "verify"]
STANDS = "nothing was touched, the stack runs as before"


class Deploy(Scenario):
    def folder(self, manifest=STACK, **files):
        return self.stack(manifest, files={"source": "one\n", **files})

    def deployed(self, manifest=STACK, **files):
        stack = self.folder(manifest, **files)
        stack.call("deploy", check=0)
        return stack

    def pids(self, stack):
        return {i["name"]: i["pid"] for i in stack.status()["instances"]}

    def last(self, result):
        return result.err.splitlines()[-1]

    def fails(self, stack, step, *words, code=1, call=()):
        """A deploy that fails in this step; its last line."""
        result = stack.call("deploy", *words, check=code)
        self.assertIn(f"deploy failed in {step}: ", self.last(result), result)
        return result

    def done(self, result):
        """What the table says was done, by app."""
        rows = re.findall(r"^(\w+) +(start|restart|stop|left alone|goes on|stays down) +(\w+) +\S+ +(.*)$",
                          result.out, re.M)
        return {app: (done, state, why) for app, done, state, why in rows}

    # ---- what it does ----

    def test_the_first_deploy(self):
        stack = self.folder()
        result = stack.call("deploy", check=0)
        for i, step in enumerate(STEPS):
            self.assertIn(f"[{i + 1}/{len(STEPS)}] {step}: ", result.out)
        self.assertIn("put off until prepare has run", result.out)
        self.assertEqual(self.done(result), {"db": ("start", "ready", "no supervisor was running"),
                                             "web": ("start", "ready", "no supervisor was running")})
        self.assertRegex(result.out, r"deployed \S+ in [\d.]+m?s\n$")
        self.assertEqual(result.err, "")
        self.assertEqual(stack.log("web").splitlines()[-1], "one")

    def test_code_alone_has_changed(self):
        stack = self.deployed()
        before = self.pids(stack)
        stack.write("source", "two\n")
        result = stack.call("deploy", check=0)
        self.assertEqual(self.done(result), {"db": ("left alone", "ready", "nothing has changed, and nothing prepares it"),
                                             "web": ("restart", "ready", "prepared anew")})
        after = self.pids(stack)
        self.assertEqual(after["db"], before["db"])
        self.assertNotEqual(after["web"], before["web"])
        self.assertEqual(stack.log("web").splitlines()[-1], "two")

    def test_nothing_has_changed(self):
        stack = self.deployed(STACK + "prepare_inputs = source\n")
        before = self.pids(stack)
        result = stack.call("deploy", "--if-needed", check=0)
        self.assertEqual({app: row[0] for app, row in self.done(result).items()},
                         {"db": "left alone", "web": "left alone"})
        self.assertEqual(self.pids(stack), before)
        stack.write("source", "two\n")
        stack.call("deploy", "--if-needed", check=0)
        self.assertEqual(stack.log("web").splitlines()[-1], "two")

    def test_prepared_and_not_restarted(self):
        """By a deployment that failed in between, or by hand: --if-needed has nothing to prepare then."""
        manifest = STACK + "prepare_inputs = source\n"
        stack = self.deployed(manifest)
        stack.write("source", "two\n")
        stack.write("upkeep.ini", manifest + "[app:new]\nprepare = true\nrequire_path = nothing\ncommand = {child} run\n")
        self.fails(stack, "check-again")
        stack.write("upkeep.ini", manifest)
        result = stack.call("deploy", "--if-needed", check=0)
        self.assertIn("0 apps prepared, 1 skipped", result.out)
        self.assertEqual(self.done(result)["web"], ("restart", "ready", "prepared since it was started"))
        self.assertEqual(stack.log("web").splitlines()[-1], "two")
        before = self.pids(stack)
        stack.call("deploy", "--if-needed", check=0)
        self.assertEqual(self.pids(stack), before)

    def test_manifest_and_environment_have_changed(self):
        stack = self.deployed(STACK.replace("[app:db]", "[app:other]\ncommand = {child} run\nenv_file = .env\n[app:db]"),
                              **{".env": "KEY=secret\n"})
        before = self.pids(stack)
        stack.write(".env", "KEY=hidden\n")
        stack.write("upkeep.ini", STACK.replace("[app:db]\n", "[app:other]\ncommand = {child} run\nenv_file = .env\n"
                                                "[app:db]\nenv = A=1\n"))
        result = stack.call("deploy", check=0)
        rows = self.done(result)
        self.assertEqual((rows["db"][0], rows["db"][2]), ("restart", "env"))
        self.assertEqual((rows["other"][0], rows["other"][2]), ("restart", "KEY (.env:1)"))
        self.assertNotIn("hidden", result.out + result.err)
        self.assertFalse(set(before.values()) & set(self.pids(stack).values()))

    def test_gone_and_new_apps(self):
        stack = self.deployed(STACK + "[app:old]\ncommand = {child} run\n")
        before = self.pids(stack)
        stack.write("upkeep.ini", STACK + "[app:new]\ncommand = {child} run\n")
        rows = self.done(stack.call("deploy", check=0))
        self.assertEqual(rows["old"], ("stop", "gone", "not in the manifest any more"))
        self.assertEqual(rows["new"], ("start", "ready", "new in the manifest"))
        self.assertFalse(alive(before["old"]))
        self.assertEqual(self.pids(stack)["db"], before["db"])

    def test_what_was_down_or_had_failed_comes_up(self):
        stack = self.folder(STACK + "[app:bad]\nrestart = never\ncommand = sh -c 'test -e good && exec {child} run'\n")
        stack.call("deploy", check=1)
        stack.wait_state("bad", "failed")
        stack.call("stop", "db", check=0)
        stack.write("good", "")
        rows = self.done(stack.call("deploy", check=0))
        self.assertEqual(rows["bad"], ("start", "ready", "it had failed"))
        self.assertEqual(rows["db"], ("start", "ready", "it was down"))

    def test_migrations_run_again_before_the_new_code(self):
        migrate = "[app:migrate]\ntype = oneshot\ncommand = {child} say migrated exit 0\n"
        stack = self.deployed(migrate + STACK.replace("depends_on = db", "depends_on = db, migrate\nstdout = logs/migrate.log"))
        stack.write("source", "two\n")
        stack.call("deploy", check=0)
        lines = [line for line in stack.log("migrate").splitlines() if not line.startswith("upkeep: ")]
        self.assertEqual(lines, ["migrated", "one", "migrated", "two"])

    def test_a_supervisor_that_ends_when_all_is_done(self):
        stack = self.stack("[upkeep]\nexit_when_done = true\n[app:a]\ntype = oneshot\ncommand = {child} exit 0\n")
        self.assertEqual(self.done(stack.call("deploy", check=0))["a"][:2], ("start", "done"))

    def test_what_does_not_start_by_itself(self):
        stack = self.folder(STACK + "[app:hand]\nautostart = false\ncommand = {child} notify READY=1 run\nready = notify\n")
        result = stack.call("deploy", check=0)
        self.assertEqual(self.done(result)["hand"], ("left alone", "stopped", "it does not start by itself"))
        stack.call("start", "hand", check=0)
        self.assertEqual(self.done(stack.call("deploy", check=0))["hand"][:2], ("left alone", "ready"))

    def test_restart_all(self):
        stack = self.deployed()
        before = self.pids(stack)
        self.assertEqual(self.done(stack.call("deploy", "--restart-all", check=0))["db"],
                         ("restart", "ready", "--restart-all"))
        self.assertNotEqual(self.pids(stack)["db"], before["db"])

    # ---- failures before anything is touched ----

    def untouched(self, stack, step, *words, code=1):
        before = self.pids(stack)
        result = self.fails(stack, step, *words, code=code)
        self.assertTrue(self.last(result).endswith(STANDS), result)
        self.assertEqual(self.pids(stack), before)
        return result

    def test_a_manifest_with_errors(self):
        stack = self.deployed()
        stack.write("upkeep.ini", STACK + "comand = x\n")
        result = self.fails(stack, "check", code=2)
        self.assertIn("did you mean command?", result.out)
        self.assertTrue(self.last(result).endswith(STANDS), result)
        stack.write("upkeep.ini", STACK)

    def test_check_fails(self):
        stack = self.deployed()
        stack.write("upkeep.ini", STACK + "require_env = API_KEY\n")
        os.unlink(os.path.join(stack.folder, "built"))
        result = self.untouched(stack, "check")
        self.assertIn("API_KEY is not set", result.out)
        self.assertNotIn("built", result.out)  # that is put off
        self.assertFalse(os.path.exists(os.path.join(stack.folder, "built")))

    def test_prepare_fails(self):
        stack = self.deployed()
        os.unlink(os.path.join(stack.folder, "source"))
        result = self.untouched(stack, "prepare")
        self.assertIn("cp source built", self.last(result))
        self.assertIn("exited with code 1", self.last(result))

    def test_the_second_check_fails(self):
        stack = self.deployed()
        stack.write("upkeep.ini", STACK.replace("cp source built", "rm -f built"))
        result = self.untouched(stack, "check-again")
        self.assertIn("built does not exist", result.out)

    def test_the_manifest_goes_away_meanwhile(self):
        """One in a folder above is not taken for it."""
        stack = self.folder()
        inner = os.path.join(stack.folder, "inner")
        os.makedirs(inner)
        with open(os.path.join(inner, "upkeep.ini"), "w", encoding="utf-8") as manifest:
            manifest.write("[app:own]\ncommand = sleep 1000\nprepare = mv upkeep.ini gone.ini\n")
        result = subprocess.run([UPKEEP, "deploy"], cwd=inner, capture_output=True, text=True, timeout=LIMIT, check=False)
        self.assertEqual(result.returncode, 2, result)
        self.assertIn("upkeep.ini: error: cannot read the manifest: No such file or directory", result.stdout)
        self.assertIn("deploy failed in check-again: ", result.stderr)
        self.assertEqual(sorted(os.listdir(stack.folder)), ["inner", "source", "upkeep.ini"])

    def test_other_prepare_lines_meanwhile(self):
        stack = self.deployed()
        stack.write("new.ini", STACK.replace("cp source built", "touch built"))
        stack.write("upkeep.ini", STACK + "[app:editor]\nprepare = cp new.ini upkeep.ini\ncommand = sleep 1000\n")
        result = self.untouched(stack, "check-again")
        self.assertIn("was changed meanwhile, and web has other prepare lines now (deploy again)", self.last(result))

    def test_keys_for_a_new_supervisor(self):
        stack = self.deployed()
        os.unlink(os.path.join(stack.folder, "built"))
        stack.write("upkeep.ini", "[upkeep]\nname = other\n" + STACK)
        result = self.untouched(stack, "check")
        self.assertIn("name in [upkeep]", self.last(result))
        self.assertIn("upkeep shutdown && upkeep deploy", self.last(result))
        self.assertFalse(os.path.exists(os.path.join(stack.folder, "built")))

    def test_another_profile(self):
        stack = self.deployed(STACK + "[app:web@staging]\nenv = A=1\n")
        before = self.pids(stack)
        result = stack.call("--profile", "staging", "deploy", check=1)
        self.assertIn("staging", self.last(result))
        self.assertEqual(self.pids(stack), before)

    def test_two_that_share_a_folder(self):
        """What one of them installs is put off for the other, too."""
        both = STACK + "[app:worker]\nrequire_path = built\ncommand = {child} notify READY=1 run\nready = notify\n"
        self.deployed(both)
        stack = self.deployed(STACK)
        os.unlink(os.path.join(stack.folder, "built"))
        stack.write("upkeep.ini", both)
        self.assertEqual(self.done(stack.call("deploy", check=0))["worker"][:2], ("start", "ready"))

    def test_nothing_ran_before(self):
        stack = self.folder(STACK.replace("cp source built", "false"))
        result = self.fails(stack, "prepare")
        self.assertTrue(self.last(result).endswith("; nothing was touched"), result)
        self.assertEqual(stack.call("status").code, 3)

    def test_strict(self):
        stack = self.deployed(STACK + "env = NODE_ENV=staging HOME_PATH=/home/anna/x\n")
        self.untouched(stack, "check", "--strict")

    # ---- failures after that ----

    def test_an_app_that_crashes(self):
        stack = self.deployed()
        before = self.pids(stack)
        stack.write("source", "two\n")
        stack.write("upkeep.ini", STACK.replace("cat built; exec {child} notify READY=1 run",
                                                "cat built; echo oh-no; exit 3"))
        result = self.fails(stack, "apply")
        self.assertIn("exited with code 3", self.last(result))
        self.assertTrue(self.last(result).endswith("; restarted: web"), result)
        self.assertIn("oh-no", result.err)
        self.assertEqual(self.pids(stack)["db"], before["db"])
        rows = self.done(result)
        self.assertEqual(rows["db"][0], "left alone")
        self.assertEqual(rows["web"][0], "restart")
        self.assertIn(rows["web"][1], ("backoff", "starting", "failed"))
        stack.write("upkeep.ini", STACK)
        stack.call("deploy", check=0)
        self.assertEqual(stack.log("web").splitlines()[-1], "two")

    def test_online_and_crashing(self):
        """Without a condition, up is what runs; what fails at once is no success."""
        crash = "[app:ok]\ncommand = {child} run\n[app:web]\ncommand = {child} sleep 700 say no-such-module exit 1\n"
        stack = self.folder(crash + "restart_delay = 1m\nrestart_delay_max = 1m\n")
        result = self.fails(stack, "wait")
        self.assertIn("web: exited with code 1", self.last(result))
        self.assertIn("no-such-module", result.err)
        stack.write("upkeep.ini", crash + "restart_delay = 1ms\nrestart_delay_max = 1ms\nmin_uptime = 1ms\n")
        self.assertRegex(self.last(self.fails(stack, "wait")), "web.*: exited with code 1")
        stack.call("shutdown", check=0)
        stack.write("upkeep.ini", "[upkeep]\non_failure = exit\n" + crash + "restart = never\n")
        self.fails(stack, "wait")
        until("the supervisor has ended", lambda: stack.call("status").code == 3)
        stack.write("upkeep.ini", "[app:web]\ncommand = {child} run\n")
        result = stack.call("deploy", check=0)
        self.assertIn("wait: done after ", result.out)
        self.assertIn("wait: skipped: everything is ready", stack.call("deploy", check=0).out)

    def test_one_that_was_left_alone_is_not_ready(self):
        stack = self.stack("[app:late]\ncommand = {child} await go notify READY=1 run\nready = notify\n"
                           "[app:web]\ncommand = {child} run\n")
        stack.call("start", "--no-wait", check=0)
        deploy = stack.begin("deploy")
        stack.wait_state("web", "ready")
        stack.write("go", "")
        out, err = deploy.communicate(timeout=LIMIT)
        self.assertEqual((deploy.returncode, err), (0, ""))

    def test_others_end_it_meanwhile(self):
        """What they have ended is not said to run as before."""
        stack = self.folder("[app:web]\ncommand = {child} notify READY=1 run\nready = notify\n"
                            "verify = exec:touch here; test -e go\nhealth_retries = 1000\nshell = true\n")
        stack.call("start", check=0)
        deploy = stack.begin("deploy")
        until("it is under way", lambda: os.path.exists(os.path.join(stack.folder, "here")))
        stack.call("shutdown", check=0)
        err = deploy.communicate(timeout=LIMIT)[1]
        self.assertEqual(deploy.returncode, 1, err)
        self.assertIn("deploy failed in verify: ", err)
        self.assertTrue(err.endswith("; nothing was touched\n"), err)
        stack.write("upkeep.ini", "[app:web]\ncommand = {child} run\n")
        deploy = stack.begin("deploy")
        for line in iter(deploy.stdout.readline, ""):
            if "] wait: " in line:
                break
        stack.call("stop", check=0)
        err = deploy.communicate(timeout=LIMIT)[1]
        self.assertRegex(err, r"^upkeep: deploy failed in wait: web did not stay up: asked to stop.*; started: web\n$")

    VERIFIED = """
[app:db]
command = {{child}} notify READY=1 run
ready = notify
[app:web]
port = {0}
command = {{child}} listen {0} serve
health = http://127.0.0.1:{0}/health
health_retries = 1
verify =
    http://127.0.0.1:{0}/ws = 426
    tcp:127.0.0.1:{0}
"""

    def test_verify(self):
        stack = self.folder(self.VERIFIED.format(free_port()).replace("426", "200"))
        self.assertIn("] verify: done after ", stack.call("deploy", check=0).out)
        told = json.loads(stack.call("deploy", "--json", check=0).out)
        self.assertEqual([(v["app"], v["ok"]) for v in told["verified"]], [("web", True)] * 3)

    def test_verify_fails(self):
        port = free_port()
        stack = self.folder(self.VERIFIED.format(port))
        result = self.fails(stack, "verify", "--rollback-command", self.ROLLBACK)
        self.assertIn(f"web: http://127.0.0.1:{port}/ws = 426: ", self.last(result))
        self.assertIn("answered 200 instead of 426", self.last(result))
        self.assertTrue(self.last(result).endswith("; started: db, web"), result)
        self.assertIn("back from verify replaced=1\n", result.out)
        self.assertEqual(stack.state("web"), "ready")
        # Nothing is touched when it fails again: there is nothing to touch.
        result = self.fails(stack, "verify")
        self.assertTrue(self.last(result).endswith(STANDS), result)
        told = json.loads(stack.call("deploy", "--json", check=1).out)
        self.assertEqual([(v["condition"], v["ok"]) for v in told["verified"] if not v["ok"]],
                         [(f"http://127.0.0.1:{port}/ws = 426", False)])

    def test_verify_at_a_time_limit(self):
        port = free_port()
        stack = self.folder(self.VERIFIED.format(port).replace("health_retries = 1", "health_retries = 1000"))
        result = self.fails(stack, "verify", "--timeout", "1500ms", code=5)
        self.assertIn("answered 200 instead of 426", self.last(result))

    def test_timeouts(self):
        stack = self.stack("[app:late]\ncommand = {child} run\nready = notify\n")
        result = self.fails(stack, "apply", "--timeout", "300ms", code=5)
        self.assertIn("not done within 300ms", self.last(result))
        result = self.fails(stack, "wait", "--timeout", "300ms", code=5)
        result = self.fails(stack, "check", "--timeout", "0s", code=5)

    def test_a_prepare_line_that_hangs(self):
        word = f"builder-{os.getpid()}"
        stack = self.deployed()
        stack.write("upkeep.ini", STACK.replace("cp source built", f"{{child}} say {word} run"))
        result = self.untouched(stack, "prepare", "--timeout", "500ms", code=5)
        self.assertIn("out of time; 1 app is not prepared, and nothing is left running", self.last(result))
        self.assertEqual(processes_with(word), [])

    # ---- --rollback-command ----

    ROLLBACK = "echo back from $UPKEEP_DEPLOY_STEP replaced=$UPKEEP_DEPLOY_REPLACED; exit 7"

    def test_rollback(self):
        stack = self.deployed()
        ways = [("check", "0", STACK + "require_env = API_KEY\n", 1),
                ("check", "0", STACK + "nonsense\n", 2),
                ("prepare", "0", STACK.replace("cp source", "cp nosource"), 1),
                ("check-again", "0", STACK.replace("cp source built", "rm -f built"), 1),
                ("apply", "1", STACK.replace("cat built; exec", "exit 3; exec"), 1)]
        for step, replaced, manifest, code in ways:
            with self.subTest(step=step, code=code):
                stack.write("upkeep.ini", manifest)
                result = self.fails(stack, step, "--rollback-command", self.ROLLBACK, code=code)
                self.assertIn(f"back from {step} replaced={replaced}\n", result.out)
                self.assertIn("the rollback command: exited with code 7", result.err)
        stack.write("upkeep.ini", STACK)
        result = stack.call("deploy", "--rollback-command", self.ROLLBACK, check=0)
        self.assertNotIn("back from", result.out)

    def test_rollback_may_deploy(self):
        """The lock is free again then."""
        stack = self.deployed()
        stack.write("good.ini", STACK)
        stack.write("upkeep.ini", STACK.replace("cat built; exec", "exit 3; exec"))
        result = self.fails(stack, "apply", "--rollback-command", f"cp good.ini upkeep.ini; '{UPKEEP}' deploy")
        self.assertIn("the rollback command: exited with code 0", result.err)
        self.assertEqual(stack.state("web"), "ready")

    # ---- Ctrl-C ----

    def interrupt(self, stack, is_there, *words, by=signal.SIGINT):
        deploy = stack.begin("deploy", *words)
        until("it is under way", is_there)
        deploy.send_signal(by)
        out, err = deploy.communicate(timeout=LIMIT)
        self.assertEqual(deploy.returncode, 1, out + err)
        return out, err.splitlines()[-1]

    def test_interrupted_in_prepare(self):
        stack = self.deployed()
        before = self.pids(stack)
        word = f"builder-{os.getpid()}"
        stack.write("upkeep.ini", STACK.replace("cp source built", "{child} say building touch here on TERM exit 0 "
                                                f"say {word} run").replace("shell = true\n", "").replace(
                                                    "cat built; exec ", ""))
        path = os.path.join(stack.folder, "here")
        out, last = self.interrupt(stack, lambda: os.path.exists(path), "--rollback-command", "echo rolled back")
        self.assertIn("interrupted in prepare", last)
        self.assertIn(STANDS, last)
        self.assertIn("the rollback command is not run", last)
        self.assertNotIn("rolled back", out)
        self.assertEqual(self.pids(stack), before)
        self.assertEqual(processes_with(word), [])
        stack.write("upkeep.ini", STACK)
        stack.call("deploy", check=0)

    def test_interrupted_while_apps_are_replaced(self):
        stack = self.deployed()
        stack.write("upkeep.ini", STACK.replace("exec {child} notify", "exec {child} touch here await go notify"))
        path = os.path.join(stack.folder, "here")
        out, last = self.interrupt(stack, lambda: os.path.exists(path))
        self.assertIn("interrupted in apply", last)
        self.assertIn("the supervisor goes on with it (see: upkeep status)", last)
        stack.write("go", "")
        stack.wait_state("web", "ready")

    def test_interrupted_in_wait_and_verify(self):
        port = free_port()
        stack = self.folder(f"[app:web]\nport = {port}\ncommand = {{child}} listen {port} serve\n"
                            "verify = exec:touch here; test -e go\nhealth_retries = 1000\nshell = true\n")
        path = os.path.join(stack.folder, "here")
        _, last = self.interrupt(stack, lambda: os.path.exists(path))
        self.assertEqual(last, "upkeep: deploy interrupted in verify; the supervisor goes on with it (see: upkeep status)"
                               "; started: web")
        os.unlink(path)
        _, last = self.interrupt(stack, lambda: os.path.exists(path))
        self.assertEqual(last, "upkeep: deploy interrupted in verify; " + STANDS)
        stack.write("go", "")
        stack.call("deploy", check=0)

    def test_interrupted_with_json(self):
        stack = self.deployed()
        stack.write("upkeep.ini", STACK.replace("exec {child} notify", "exec {child} touch here await go notify"))
        path = os.path.join(stack.folder, "here")
        for by in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            out, last = self.interrupt(stack, lambda: os.path.exists(path), "--json", by=by)
            os.unlink(path)
            told = json.loads(out)
            self.assertEqual((told["ok"], told["failed_step"], told["why"], told["replaced"]),
                             (False, "apply", "interrupted", True))
            self.assertEqual([s["step"] for s in told["steps"]], STEPS[:3])

    def test_json_without_a_manifest(self):
        stack = self.folder()
        os.unlink(os.path.join(stack.folder, "upkeep.ini"))
        result = stack.call("deploy", "--json", check=2)
        told = json.loads(result.out)
        self.assertEqual((told["ok"], told["exit_code"], told["failed_step"], told["manifest"]), (False, 2, "check", None))
        self.assertIn("no upkeep.ini in ", told["why"])

    def test_time_is_over_while_the_supervisor_is_stuck(self):
        stack = self.deployed()
        pid = stack.status()["supervisor"]["pid"]
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        began = time.monotonic()
        result = self.fails(stack, "check", "--timeout", "300ms", code=5)
        self.assertLess(time.monotonic() - began, 5)
        self.assertIn("does not answer", self.last(result))
        os.kill(pid, signal.SIGCONT)

    # ---- two at once ----

    def test_two_at_once(self):
        stack = self.folder(STACK.replace("cp source built", "touch here; until test -e go; do sleep 0.01; done; cp source built"))
        first = stack.begin("deploy")
        path = os.path.join(stack.folder, "here")
        until("the first is at work", lambda: os.path.exists(path))
        result = stack.call("deploy", "--rollback-command", "touch rolled-back", check=1)
        self.assertIn("upkeep deploy is at work already", self.last(result))
        self.assertIn(str(first.pid), self.last(result))
        self.assertFalse(os.path.exists(os.path.join(stack.folder, "rolled-back")))
        stack.write("go", "")
        out, err = first.communicate(timeout=LIMIT)
        self.assertEqual(first.returncode, 0, out + err)

    # ---- on a terminal ----

    def test_on_a_terminal(self):
        stack = self.folder(STACK.replace("notify READY=1 run\nready = notify\n[app:web]",
                                          "sleep 1200 notify READY=1 run\nready = notify\n[app:web]"))
        parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        deploy = subprocess.Popen([UPKEEP, "deploy"], cwd=stack.folder, env=dict(stack.environment, TERM="xterm"),
                                  stdin=child, stdout=child, stderr=child)
        os.close(child)
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while True:
                shown += os.read(parent, 65536)
        os.close(parent)
        self.assertEqual(deploy.wait(LIMIT), 0, shown)
        text = shown.decode()
        self.assertIn("[4/6] apply: start what is new and rep…\r\x1b[K[4/6] apply: ", text)
        self.assertRegex(text, r"\r\x1b\[K\[4/6\] apply: [\d.]+m?s: db starting, web w…\r")
        self.assertRegex(text, r"\r\x1b\[K\[4/6\] apply: done after [\d.]+s\r\n")

    # ---- JSON ----

    def test_json(self):
        stack = self.folder()
        told = json.loads(stack.call("deploy", "--json", check=0).out)
        self.assertEqual((told["ok"], told["exit_code"], told["failed_step"], told["why"]), (True, 0, None, None))
        self.assertEqual([s["step"] for s in told["steps"]], STEPS)
        self.assertEqual({i["name"]: i["state"] for i in told["instances"]}, {"db": "ready", "web": "ready"})
        self.assertEqual([(p["app"], p["outcome"]) for p in told["prepared"]], [("web", "prepared")])
        self.assertEqual((told["replaced"], told["rollback"], told["failures"]), (True, None, []))
        stack.write("upkeep.ini", STACK + "require_env = API_KEY\n")
        told = json.loads(stack.call("deploy", "--json", "--rollback-command", "echo noise; exit 4", check=1).out)
        self.assertEqual((told["ok"], told["exit_code"], told["failed_step"]), (False, 1, "check"))
        self.assertEqual([f["rule"] for f in told["findings"] if f["severity"] == "error"], ["require-env"])
        self.assertEqual((told["replaced"], told["rollback"]["exit_code"], told["changes"]), (False, 4, None))
        stack.write("upkeep.ini", STACK + "nonsense\n")
        told = json.loads(stack.call("deploy", "--json", check=2).out)
        self.assertEqual((told["exit_code"], told["failed_step"]), (2, "check"))


if __name__ == "__main__":
    main()
