"""Nothing that an app has started outlives its stop, however it detached itself."""

import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, LIMIT, Scenario, alive, main, processes_with, until


class Stop(Scenario):
    def leftovers(self, s):
        return [pid for pid in processes_with(s.marker) if pid != s.supervisor.pid]

    def check_stop(self, command, keys="", seen=None, limit=LIMIT):
        """Runs command with {marker} as one of its words, stops it, and finds nothing left."""
        s = self.stack("")
        s.write("upkeep.ini", f"[app:a]\ncommand = {command.format(child=CHILD, marker=s.marker)}\n{keys}")
        s.run()
        s.call("wait", check=0)
        if seen:
            until(f"{seen} processes", lambda: len(self.leftovers(s)) >= seen)
        s.call("stop", check=0, limit=limit)
        self.assertEqual(s.state("a"), "stopped")
        self.assertEqual(self.leftovers(s), [])
        return s

    def test_ignores_sigterm(self):
        begin = time.monotonic()
        # It is ready when it has said so: before, it has not learned to ignore anything yet.
        self.check_stop("{child} on TERM ignore say {marker} run", "kill_timeout = 300ms\nready = log:.\n", seen=1)
        self.assertGreater(time.monotonic() - begin, 0.3)

    def test_leader_dies_and_the_child_ignores(self):
        s = self.check_stop("{child} say {marker} spawn on TERM ignore run -- run", "kill_timeout = 300ms\n", seen=2)
        self.assertEqual(s.app("a")["exit_signal"], "SIGTERM")

    def test_chain_of_shells(self):
        self.check_stop("sh -c 'sh -c \"{child} say {marker} run; true\"; true'", "kill_timeout = 20s\n", seen=2,
                        limit=10)

    def test_double_fork_and_setsid(self):
        self.check_stop("{child} say {marker} orphan on TERM ignore run -- run", "kill_timeout = 300ms\n", seen=2)

    def test_double_fork_with_an_empty_environment(self):
        self.check_stop("{child} say {marker} orphan clean-exec say {marker} on TERM ignore run -- run",
                        "kill_timeout = 300ms\n", seen=1)

    def test_orphans_of_a_leader_that_crashed_are_gone_before_the_next(self):
        s = self.stack("")
        s.write("upkeep.ini", f"[app:a]\ncommand = {CHILD} say {s.marker} orphan on TERM ignore run -- sleep 100 exit 1\n"
                              "restart = never\nkill_timeout = 200ms\n")
        s.run()
        s.wait_state("a", "failed")
        self.assertEqual(self.leftovers(s), [])

    def test_stopped_process_obeys(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nkill_timeout = 1m\n").run()
        s.call("wait", check=0)
        os.kill(s.pid("a"), signal.SIGSTOP)
        s.call("stop", check=0, limit=10)
        self.assertEqual(s.app("a")["exit_signal"], "SIGTERM")

    def test_stop_in_every_phase(self):
        s = self.stack(f"""
[defaults]
ready_timeout = 1m
[app:starting]
command = {CHILD} run
ready = notify
[app:waiting]
command = {CHILD} run
depends_on = starting
[app:backoff]
command = {CHILD} exit 1
restart_delay = 1m
restart_delay_max = 1m
[app:preparing]
pre_start = {CHILD} run
command = {CHILD} run
""").run()
        s.wait_state("backoff", "backoff")
        s.wait_state("starting", "starting")
        s.call("stop", check=0, limit=10)
        self.assertEqual({i["state"] for i in s.status()["instances"]}, {"stopped"})
        self.assertEqual(self.leftovers(s), [])

    def test_stop_during_restart(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} on TERM ignore run\nkill_timeout = 1s\n").run()
        s.call("wait", check=0)
        s.call("restart", "--no-wait", "a", check=0)
        s.call("stop", "a", check=0)
        self.assertEqual(s.state("a"), "stopped")

    def test_stop_command_runs_first(self):
        # It waits for the end: the stop signal follows as soon as it is done.
        command = "sh -c 'echo stop command for $MAINPID; kill -USR1 $MAINPID; while kill -0 $MAINPID; do :; done'"
        s = self.stack(f"[app:a]\ncommand = {CHILD} on TERM exit 9 on USR1 exit 0 run\nstop_command = {command}\n").run()
        s.call("wait", check=0)
        pid = s.pid("a")
        s.call("stop", check=0)
        self.assertIn(f"stop command for {pid}", s.log("a"))
        self.assertEqual(s.app("a")["exit_code"], 0)

    def test_hanging_stop_command_is_within_kill_timeout(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nstop_command = {CHILD} run\nkill_timeout = 500ms\n").run()
        s.call("wait", check=0)
        s.call("stop", check=0, limit=10)
        self.assertEqual(s.state("a"), "stopped")
        self.assertEqual(self.leftovers(s), [])

    def test_kill_mode_group_and_process(self):
        s = self.stack(f"""
[app:group]
command = {CHILD} on TERM ignore spawn on TERM exit 0 say child run -- run
kill_mode = group
kill_timeout = 500ms
[app:process]
command = {CHILD} spawn say {{marker}} run -- run
kill_mode = process
""".replace("{marker}", "left-alone")).run()
        s.call("wait", check=0)
        until("both have spawned", lambda: "left-alone" in s.log("process") and "child" in s.log("group"))
        s.call("stop", check=0)
        left = [p for p in processes_with("left-alone")]
        self.assertEqual(len(left), 1)
        os.kill(left[0], signal.SIGKILL)
        until("it is gone", lambda: not alive(left[0]))

    def test_bounded_fork_storm(self):
        forks = " ".join(f"spawn on TERM ignore say {{marker}} run --" for _ in range(60))
        self.check_stop("{child} say {marker} " + forks + " run", "kill_timeout = 200ms\n", seen=50)

    def test_shutdown_with_everything_hostile(self):
        s = self.stack("")
        s.write("upkeep.ini", "".join(
            f"[app:a{i}]\ncommand = {CHILD} say {s.marker} orphan on TERM ignore run -- on TERM ignore run\nkill_timeout = 300ms\n"
            for i in range(10)))
        s.run()
        s.call("wait", check=0)
        self.assertEqual(s.end(), 0)
        self.assertEqual(processes_with(s.marker), [])


if __name__ == "__main__":
    main()
