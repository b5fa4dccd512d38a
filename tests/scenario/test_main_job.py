"""The main job: up in order, kept up, restarted with fresh dotenv files, down cleanly."""

import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, UPKEEP, Scenario, alive, free_port, main, processes_with, until


class MainJob(Scenario):
    def test_up_in_order_and_down_in_reverse(self):
        port = free_port()
        s = self.stack(f"""
[app:backend]
command = {CHILD} sleep 50 listen {port} serve
port = {port}
[app:frontend]
command = {CHILD} run
depends_on = backend
""").run()
        s.call("wait", check=0)
        events = [json.loads(line) for line in s.call("events", "--json", check=0).out.splitlines()]
        order = [(e["name"], e["to"]) for e in events]
        self.assertLess(order.index(("backend", "ready")), order.index(("frontend", "starting")))
        self.assertEqual(s.end(), 0)
        out = s.output()
        self.assertLess(out.index("frontend: stopped"), out.index("backend: stopping"))

    def test_background_start_and_shutdown(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\n[app:b]\ncommand = {CHILD} run\n")
        started = s.call("start", check=0)
        self.assertIn("ready", started.out)
        status = s.status()
        self.assertEqual([i["state"] for i in status["instances"]], ["ready", "ready"])
        again = s.call("start", check=0)
        self.assertEqual(json.loads(s.call("status", "--json").out)["supervisor"]["pid"], status["supervisor"]["pid"])
        self.assertEqual(s.pid("a"), status["instances"][0]["pid"], again)
        s.call("stop", check=0)
        self.assertEqual([i["state"] for i in s.status()["instances"]], ["stopped", "stopped"])
        s.call("shutdown", check=0)
        self.assertEqual(s.call("status").code, 3)
        self.assertFalse(alive(status["supervisor"]["pid"]))

    def test_start_of_named_apps_only(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\n[app:b]\ncommand = {CHILD} run\n")
        s.call("start", "a", check=0)
        self.assertEqual((s.state("a"), s.state("b")), ("ready", "stopped"))

    def test_restart_reads_dotenv_anew_but_not_the_manifest(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} env GREETING run\nenv_file = .env\n",
                       files={".env": "GREETING=one\n"}).run()
        s.call("wait", check=0)
        until("the first value", lambda: s.log("a") == "GREETING=one\n")
        s.write(".env", "GREETING='two words'\n")
        s.call("restart", "a", check=0)
        until("the new value", lambda: s.log("a") == "GREETING=one\nGREETING=two words\n")
        s.write("upkeep.ini", f"[app:a]\ncommand = {CHILD} say changed run\n")
        changed = s.call("restart", "a", check=0)
        self.assertIn("has changed since the supervisor read it", changed.err)
        self.assertNotIn("changed", s.log("a"))

    def test_crash_comes_back_and_is_told(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} say here run\nrestart_delay = 20ms\n").run()
        s.call("wait", check=0)
        first = s.pid("a")
        os.kill(first, signal.SIGKILL)
        until("another process", lambda: s.pid("a") not in (None, first))
        s.wait_state("a", "ready")
        a = s.app("a")
        self.assertEqual((a["restarts"], a["exit_code"], a["exit_signal"]), (1, None, "SIGKILL"))
        self.assertIn("killed by SIGKILL", s.call("why", "a", check=0).out)
        until("both said it", lambda: s.log("a") == "here\nhere\n")

    def test_gives_up_and_blocks_and_goes_on_when_told(self):
        s = self.stack(f"""
[app:a]
command = sh -c 'echo no key; test -e go || exit 7; exec {CHILD} run'
restart_delay = 10ms
max_restarts = 2
[app:b]
command = {CHILD} run
depends_on = a
""").run()
        s.wait_state("a", "failed")
        s.wait_state("b", "blocked", "ready")
        self.assertEqual(s.app("a")["exit_code"], 7)
        self.assertIn("exited with code 7", s.app("a")["why"])
        s.write("go", "")
        s.call("start", "a", "b", check=0)
        self.assertEqual((s.state("a"), s.state("b")), ("ready", "ready"))

    def test_failed_start_shows_the_card(self):
        s = self.stack(f"[app:a]\ncommand = sh -c 'echo the key is missing; exit 3'\nready = notify\n")
        failed = s.call("start")
        self.assertEqual(failed.code, 1)
        text = failed.out + failed.err
        for part in ("exited with code 3", "the key is missing", "logs/a.log"):
            self.assertIn(part, text)

    def test_oneshot_then_service(self):
        s = self.stack(f"""
[app:migrate]
type = oneshot
command = {CHILD} sleep 50 touch migrated exit 0
[app:web]
command = sh -c 'test -e migrated && exec {CHILD} run'
depends_on = migrate
""")
        s.call("start", check=0)
        self.assertEqual((s.state("migrate"), s.state("web")), ("done", "ready"))

    def test_pre_start(self):
        s = self.stack(f"""
[app:a]
pre_start =
    {CHILD} say first
    {CHILD} say second
command = {CHILD} say main run
""").run()
        s.call("wait", check=0)
        until("all in order", lambda: s.log("a") == "first\nsecond\nmain\n")

    def test_failing_pre_start_fails_the_start(self):
        s = self.stack(f"[app:a]\npre_start = {CHILD} err broken exit 4\ncommand = {CHILD} say main run\n")
        failed = s.call("start")
        self.assertEqual(failed.code, 1)
        self.assertIn("broken", failed.out + failed.err)
        self.assertNotIn("main", s.log("a"))

    def test_a_start_that_fails_says_which_step(self):
        s = self.stack(f"""
[app:folder]
command = {CHILD} run
cwd = web-ui
[app:program]
command = no-such-program
[app:file]
command = ./server.py
[app:script]
command = ./no-interpreter
""", files={"server.py": "print()\n", "no-interpreter": "#!/no/such/interpreter\n"})
        os.chmod(os.path.join(s.folder, "no-interpreter"), 0o755)
        failed = s.call("start")
        self.assertEqual(failed.code, 1)
        text = failed.out + failed.err
        for part in ("cannot enter web-ui: No such file or directory", "cannot find no-such-program in PATH",
                     "cannot execute ./server.py: Permission denied", "no-interpreter"):
            self.assertIn(part, text)

    def test_second_interrupt_is_at_once(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} on TERM say deaf run\nkill_timeout = 1m\n").run()
        s.call("wait", check=0)
        s.supervisor.send_signal(signal.SIGINT)
        until("the app has been asked", lambda: "deaf" in s.log("a"))

        def ends_when_asked_again():
            if s.supervisor.poll() is None:
                s.supervisor.send_signal(signal.SIGINT)
            return s.supervisor.poll() is not None

        # The very next one may still count as the echo of the first.
        until("the end", ends_when_asked_again, limit=20)
        self.assertEqual(s.supervisor.returncode, 0)

    def test_profile_and_exit_when_done(self):
        s = self.stack(f"""
[upkeep]
exit_when_done = yes
[app:a]
type = oneshot
command = {CHILD} say plain
[app:a@staging]
command = {CHILD} say staged
""")
        done = s.call("--profile", "staging", "run")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(s.log("a"), "staged\n")

    def test_pid_1(self):
        if os.geteuid() != 0:
            self.skipTest("skipped: a pid namespace needs root")
        s = self.stack(f"""
[upkeep]
exit_when_done = yes
on_failure = exit
[app:a]
type = oneshot
restart = never
command = {CHILD} orphan sleep 50 exit 0 -- exit 5
""")
        done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", UPKEEP, "run"], cwd=s.folder,
                              env=s.environment, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("exited with code 5", done.stdout + done.stderr)


if __name__ == "__main__":
    main()
