"""The generated unit under systemd: start, stop, what is killed, what hangs, reload, and what the journal says."""

import os
import signal

from harness import CHILD, SystemdTest, alive, free_port, main, run, until


class Start(SystemdTest):
    def test_blocks_until_all_are_ready(self):
        s = self.stack(f"""
[app:backend]
command = {CHILD} notify READY=1 run
ready = notify
[app:frontend]
command = {CHILD} await go notify READY=1 run
ready = notify
depends_on = backend
""").install()
        start = s.begin()
        until("it waits for the frontend", lambda: "frontend starting" in s.show("StatusText"))
        self.assertIn("1/2 ready", s.show("StatusText"))
        self.assertEqual(s.show("ActiveState"), "activating")
        self.assertIsNone(start.poll())
        s.write("go", "")
        self.assertEqual(start.wait(30), 0)
        self.assertEqual(s.show("ActiveState"), "active")
        self.assertEqual([i["state"] for i in s.instances()], ["ready", "ready"])
        self.assertIn("2/2 ready", s.show("StatusText"))

    def test_failing_app_fails_the_start_and_is_named(self):
        s = self.stack(f"""
[app:backend]
command = {CHILD} run
[app:frontend]
command = {CHILD} err no-key exit 3
ready = notify
restart = never
""").install().drop_in("Restart=no")
        self.assertNotEqual(s.systemctl("start", check=False).returncode, 0)
        self.assertEqual(s.show("ActiveState"), "failed")
        status = s.status_text()
        self.assertRegex(status, r"Status: .*frontend.*exited with code 3")
        self.assertEqual(s.processes(), {})

    def test_never_ready_fails_the_start_and_is_named(self):
        s = self.stack(f"""
[app:frontend]
command = {CHILD} run
ready = notify
ready_timeout = 500ms
max_restarts = 1
restart_delay = 10ms
""").install().drop_in("Restart=no")
        self.assertNotEqual(s.systemctl("start", check=False).returncode, 0)
        self.assertRegex(s.status_text(), r"Status: .*frontend.*not ready within 500ms")

    def test_bad_manifest_is_not_tried_again(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\n").install()
        s.write("upkeep.ini", f"[upkeep]\nname = {s.name}\n[app:a]\ncomand = true\n")
        self.assertNotEqual(s.systemctl("start", check=False).returncode, 0)
        self.assertEqual(s.show("ActiveState"), "failed")
        self.assertEqual((s.show("ExecMainStatus"), s.show("NRestarts")), ("2", "0"))
        self.assertIn("did you mean command?", s.status_text())

    def test_slow_start_is_extended(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} sleep 4000 notify READY=1 run
ready = notify
ready_timeout = 30s
""").install().drop_in("TimeoutStartSec=1s").start()
        self.assertEqual(s.app("a")["state"], "ready")

    def test_oneshot_is_waited_for_and_a_service_behind_it_is_not_for_ever(self):
        s = self.stack(f"""
[app:migrate]
type = oneshot
command = {CHILD} sleep 3000 exit 0
[app:a]
command = {CHILD} run
ready = notify
ready_timeout = 300ms
restart_delay = 10ms
depends_on = migrate
""").install()
        self.assertEqual(s.show("TimeoutStartUSec"), "16s")
        s.drop_in("TimeoutStartSec=2s\nRestart=no")
        self.assertNotEqual(s.systemctl("start", check=False).returncode, 0)
        self.assertIn("migrate: done", s.journal_text())
        self.assertRegex(s.status_text(), r"Status: .*a.*not ready within 300ms")

    def test_hung_start_is_not_extended(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} run
ready = notify
ready_timeout = 2s
restart = never
[upkeep]
name = hung
on_failure = keep
""", name="hung").install().drop_in("TimeoutStartSec=1s\nRestart=no")
        self.assertNotEqual(s.systemctl("start", check=False).returncode, 0)
        self.assertIn(s.show("Result"), ("exit-code", "timeout", "protocol"))
        self.assertRegex(s.status_text(), r"a.*not ready within 2s")

    def test_supervisor_that_hangs_while_it_starts_is_ended(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nready = notify\nready_timeout = 3s\n").install()
        s.drop_in("TimeoutStartSec=1s\nRestart=no\nWatchdogSec=0\nTimeoutStopSec=1s")
        start = s.begin()
        until("it starts its app", lambda: "a starting" in s.show("StatusText"))
        os.kill(s.main_pid(), signal.SIGSTOP)
        self.assertNotEqual(start.wait(60), 0)
        self.assertEqual(s.show("Result"), "timeout")
        self.assertEqual(s.processes(), {})


class Stop(SystemdTest):
    def test_order_and_nothing_left(self):
        s = self.stack(f"""
[app:backend]
command = {CHILD} orphan run -- run
[app:frontend]
command = {CHILD} run
depends_on = backend
""").install().start()
        until("the orphan is on its own", lambda: len(s.processes()) == 4)
        s.systemctl("stop")
        self.assertEqual(s.processes(), {})
        self.assertEqual((s.show("ActiveState"), s.show("Result")), ("inactive", "success"))
        text = s.journal_text()
        self.assertLess(text.index("frontend: stopped"), text.index("backend: stopping"))

    def test_slow_stop_within_the_apps_limits_is_extended(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} on TERM ignore run
kill_timeout = 4s
""").install().drop_in("TimeoutStopSec=1s").start()
        s.systemctl("stop")
        self.assertEqual(s.show("Result"), "success")


class Kill(SystemdTest):
    def test_killed_app_comes_back_and_the_unit_stays_active(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nrestart_delay = 10ms\n").install().start()
        first = s.app("a")["pid"]
        os.kill(first, signal.SIGKILL)
        until("another process", lambda: s.app("a")["pid"] not in (None, first))
        self.assertEqual((s.show("ActiveState"), s.show("NRestarts")), ("active", "0"))

    def test_killed_supervisor_is_replaced_with_no_second_copy(self):
        port = free_port()
        s = self.stack(f"""
[app:a]
command = {CHILD} orphan run -- listen {port} serve
port = {port}
[app:b]
command = {CHILD} on TERM ignore run
depends_on = a
kill_timeout = 100ms
""", owner="deploy").install().drop_in("RestartSec=10ms").start()
        old = s.processes()
        os.kill(s.main_pid(), signal.SIGKILL)
        until("the unit was restarted", lambda: s.show("NRestarts") == "1" and s.show("ActiveState") == "active")
        self.assertEqual([i["state"] for i in s.instances()], ["ready", "ready"], s.journal_text())
        self.assertEqual([i["restarts"] for i in s.instances()], [0, 0])
        for pid in old:
            self.assertFalse(alive(pid), f"{old[pid]} outlived its supervisor")
        self.assertEqual(len(s.processes()), len(old), s.processes())

    def test_stuck_supervisor_is_found_by_the_watchdog(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\n").install()
        s.drop_in("WatchdogSec=2s\nRestartSec=10ms\nTimeoutAbortSec=2s").start()
        stuck = s.main_pid()
        os.kill(stuck, signal.SIGSTOP)
        until("the unit was restarted", lambda: s.show("NRestarts") == "1" and s.show("ActiveState") == "active")
        self.assertFalse(alive(stuck))
        self.assertEqual(s.app("a")["state"], "ready")
        self.assertIn("atchdog", s.journal_text())

    def test_idle_supervisor_lives_by_its_watchdog(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\n").install().drop_in("WatchdogSec=400ms").start()
        pid, since = s.main_pid(), s.show("WatchdogTimestampMonotonic")
        for _ in range(5):
            since = until("another WATCHDOG=1", lambda: s.show("WatchdogTimestampMonotonic") != since
                          and s.show("WatchdogTimestampMonotonic"))
        self.assertEqual((s.main_pid(), s.show("NRestarts")), (pid, "0"))

    def test_supervisor_gives_up_after_five(self):
        s = self.stack("[app:a]\ncommand = /bin/false\nrestart = never\nready = notify\n").install()
        s.drop_in("RestartSec=1ms")
        s.systemctl("start", check=False)
        until("systemd has given up", lambda: s.show("ActiveState") == "failed")
        self.assertEqual(s.show("NRestarts"), "5")


class AppWatchdog(SystemdTest):
    def test_app_that_falls_silent_is_restarted(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} env WATCHDOG_USEC notify 'READY=1\\nWATCHDOG=1' run
ready = notify
watchdog = 500ms
restart_delay = 10ms
""").install().start()
        until("it was restarted", lambda: s.app("a")["restarts"] >= 1)
        self.assertIn("WATCHDOG_USEC=500000", s.log("a"))
        self.assertIn("a: hung: no WATCHDOG=1 within 500ms", s.journal_text())
        self.assertEqual((s.show("ActiveState"), s.show("NRestarts")), ("active", "0"))


class Order(SystemdTest):
    def test_what_comes_after_starts_when_the_apps_are_ready(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} await go notify READY=1 run\nready = notify\n").install()
        after = f"after-{s.unit}"
        with open(f"/etc/systemd/system/{after}", "w") as f:
            f.write(f"[Unit]\nRequires={s.unit}\nAfter={s.unit}\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                    f"ExecStart=/bin/sh -c '[ \"$(systemctl is-active {s.unit})\" = active ]'\n")
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "--no-block", after)
        until("the stack starts", lambda: "a starting" in s.show("StatusText"))
        state = lambda: run("systemctl", "is-active", after, check=False).stdout.strip()  # noqa: E731
        self.assertEqual(state(), "inactive")
        s.write("go", "")
        until("what comes after has run", lambda: state() != "inactive" and state() != "activating")
        self.assertEqual(state(), "active")
        run("systemctl", "stop", s.unit)
        self.assertEqual(state(), "inactive")


class Reload(SystemdTest):
    def test_reload_is_told_and_the_logs_are_opened_anew(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} say one on USR1 say two run\nready = log:one\n").install().start()
        os.rename(f"{s.folder}/logs/a.log", f"{s.folder}/logs/a.log.1")
        s.systemctl("reload")
        until("the log is there again", lambda: os.path.exists(f"{s.folder}/logs/a.log"))
        until("it is active again", lambda: s.show("ActiveState") == "active")
        s.upkeep("signal", "USR1", "a")
        until("it is written to", lambda: s.log("a") == "two\n")
        self.assertIn("log files opened anew", s.journal_text())


class Journal(SystemdTest):
    def test_messages_have_fields_and_priorities(self):
        s = self.stack(f"[app:backend]\ncommand = {CHILD} run\n[app:bad]\ncommand = {CHILD} exit 3\nrestart = never\n"
                       "ready = notify\n[upkeep]\nname = fields\nready_when = any\n", name="fields").install().start()
        until("the bad one has failed", lambda: s.app("bad")["state"] == "failed")
        lines = s.journal("-u", s.unit)
        failed = next(e for e in lines if e.get("UPKEEP_APP") == "bad" and "exited with code 3" in e["MESSAGE"])
        self.assertEqual(failed["UPKEEP_PHASE"], "failed")
        self.assertIn("exited with code 3", failed["UPKEEP_WHY"])
        self.assertLessEqual(int(failed["PRIORITY"]), 4)
        self.assertTrue(failed["CODE_FILE"].endswith(".c") and failed["CODE_FUNC"] and int(failed["CODE_LINE"]) > 0)
        ready = next(e for e in lines if e.get("UPKEEP_APP") == "backend" and e.get("UPKEEP_PHASE") == "ready")
        self.assertGreaterEqual(int(ready["PRIORITY"]), 5)

    def test_a_journald_that_hangs_holds_nobody_up(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nmin_uptime = 0\n").install().start()
        journald = int(run("systemctl", "show", "--value", "-p", "MainPID", "systemd-journald").stdout)
        # More messages than its socket holds, where nothing has raised that limit.
        restarts = 20
        os.kill(journald, signal.SIGSTOP)
        try:
            for _ in range(restarts):
                s.upkeep("restart", "a")
            self.assertEqual(s.app("a")["state"], "ready")
        finally:
            os.kill(journald, signal.SIGCONT)
        until("nothing was lost", lambda: s.journal_text().count("a: ready: spawned") == 1 + restarts)

    def test_apps_write_under_their_own_names(self):
        s = self.stack(f"""
[defaults]
stdout = journal
[app:backend]
command = {CHILD} say out-of-it err broken run
[app:frontend]
command = {CHILD} say here run
stderr = journal
""", owner="deploy").install().start()
        until("all is in the journal", lambda: len(s.journal("-t", "backend")) >= 2 and s.journal("-t", "frontend"))
        self.assertEqual(sorted(e["MESSAGE"] for e in s.journal("-t", "backend")), ["broken", "out-of-it"])
        self.assertEqual([e["MESSAGE"] for e in s.journal("-t", "frontend")], ["here"])
        for line in s.journal("-t", "backend"):
            self.assertEqual(line["_SYSTEMD_UNIT"], s.unit)
        old = s.app("backend")["pid"]
        s.upkeep("restart", "backend")
        until("the new process too", lambda: len(s.journal("-t", "backend")) == 4)
        self.assertNotEqual(s.app("backend")["pid"], old)


if __name__ == "__main__":
    main()
