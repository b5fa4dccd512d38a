"""What an app says of itself by sd_notify: that it is well, that it needs time, what it is doing."""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, Scenario, main, until


class Watchdog(Scenario):
    def test_an_app_that_is_heard_of_goes_on_and_one_that_falls_silent_is_restarted(self):
        beats = "sleep 100 notify WATCHDOG=1 " * 15
        s = self.stack(f"""
[app:a]
command = {CHILD} env WATCHDOG_USEC env WATCHDOG_PID notify READY=1 {beats} touch beaten run
ready = notify
watchdog = 1s
min_uptime = 1m
restart_delay = 1m
restart_delay_max = 1m
""").run()
        s.call("wait", check=0)
        pid = s.pid("a")
        until("it has said so for longer than its watchdog", lambda: os.path.exists(f"{s.folder}/beaten"))
        self.assertEqual(s.pid("a"), pid)
        a = s.wait_state("a", "backoff")
        self.assertEqual(a["why"], "hung: no WATCHDOG=1 within 1s")
        self.assertEqual(a["exit_signal"], "SIGTERM")
        self.assertIn("WATCHDOG_USEC=1000000", s.log("a"))
        self.assertIn("WATCHDOG_PID=(unset)", s.log("a"))
        self.assertIn("hung: no WATCHDOG=1 within 1s", s.output())

    def test_a_stopped_process_is_found(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} touch up run
watchdog = 500ms
min_uptime = 0
""").run()
        until("it is up", lambda: os.path.exists(f"{s.folder}/up"))
        pid = s.pid("a")
        os.kill(pid, signal.SIGSTOP)
        until("another has taken its place", lambda: s.pid("a") not in (pid, None))
        self.assertIn("hung: no WATCHDOG=1 within 500ms", s.call("why", "a", check=0).out)

    def test_trigger(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} notify READY=1 await go notify WATCHDOG=trigger run
ready = notify
restart = never
""").run()
        s.call("wait", check=0)
        s.write("go", "")
        self.assertEqual(s.wait_state("a", "failed")["why"], "hung: the app said WATCHDOG=trigger")

    def test_the_app_changes_its_watchdog(self):
        s = self.stack(f"""
[app:off]
command = {CHILD} notify READY=1\\\\nWATCHDOG_USEC=0 run
ready = notify
watchdog = 300ms
[app:on]
command = {CHILD} notify READY=1\\\\nWATCHDOG_USEC=700000 run
ready = notify
restart = never
""").run()
        self.assertEqual(s.wait_state("on", "failed")["why"], "hung: no WATCHDOG=1 within 700ms")
        self.assertEqual(s.app("off")["state"], "ready")
        self.assertEqual(s.app("off")["restarts"], 0)

    def test_a_oneshot_has_none(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} exit 0\ntype = oneshot\nwatchdog = 3s\n")
        result = s.call("check")
        self.assertEqual(result.code, 1)
        self.assertIn("upkeep.ini:4: error: watchdog: a oneshot has none", result.out)


class Said(Scenario):
    def test_more_time_for_a_start(self):
        s = self.stack(f"""
[app:asks]
command = {CHILD} notify EXTEND_TIMEOUT_USEC=20000000 sleep 1500 notify READY=1 run
ready = notify
ready_timeout = 1s
[app:silent]
command = {CHILD} notify EXTEND_TIMEOUT_USEC=1500000 run
ready = notify
ready_timeout = 1s
restart = never
""").run()
        self.assertEqual(s.wait_state("asks", "ready", "failed", "backoff")["state"], "ready")
        why = s.wait_state("silent", "failed")["why"]
        self.assertRegex(why, "^not ready within 1s[5-9][0-9]*ms: READY=1 did not come")

    def test_more_time_for_a_stop(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} on TERM say term notify READY=1 await stopping notify STOPPING=1\\\\nEXTEND_TIMEOUT_USEC=20000000 touch asked await end exit 0
ready = notify
kill_timeout = 2s
""").run()
        s.call("wait", check=0)
        s.call("stop", "--no-wait", "a", check=0)
        s.write("stopping", "")
        until("it has asked", lambda: os.path.exists(f"{s.folder}/asked"))
        begin = s.app("a")["uptime_ms"]
        until("kill_timeout is over", lambda: s.app("a")["uptime_ms"] > begin + 2500)
        s.write("end", "")
        self.assertEqual(s.wait_state("a", "stopped")["exit_code"], 0)

    def test_what_it_says_is_shown(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} notify READY=1\\\\nSTATUS=serving await reload notify RELOADING=1\\\\nSTATUS=rereading await reloaded notify READY=1 await fail notify ERRNO=28\\\\nSTATUS=stuck await end exit 4
ready = notify
restart = never
""").run()
        s.call("wait", check=0)
        self.assertEqual(s.app("a")["status_text"], "serving")
        self.assertFalse(s.app("a")["reloading"])
        s.write("reload", "")
        until("it reloads", lambda: s.app("a")["reloading"])
        self.assertIn("rereading; reloading", s.call("show", "a", check=0).out)
        s.write("reloaded", "")
        until("it has reloaded", lambda: not s.app("a")["reloading"])
        s.write("fail", "")
        until("it has said why", lambda: s.app("a")["said_errno"] == 28)
        self.assertIn("stuck; errno 28 (No space left on device)", s.call("show", "a", check=0).out)
        s.write("end", "")
        self.assertRegex(s.wait_state("a", "failed")["why"], "^exited with code 4 after .*: it said ERRNO=28 "
                         "[(]No space left on device[)]$")


if __name__ == "__main__":
    main()
