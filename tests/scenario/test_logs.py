"""No line that was written is lost or torn, whatever the app does; and `logs` shows them in the order of their writing."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, LIMIT, UPKEEP, Scenario, main, until


class Logs(Scenario):
    def test_a_burst_then_the_end(self):
        s = self.stack(f"[app:a]\ntype = oneshot\ncommand = {CHILD} burst 200000 say last exit 0\n")
        s.call("start", check=0, limit=120)
        lines = s.read("logs/a.log").splitlines()
        self.assertEqual(len(lines), 200001)
        self.assertEqual(lines[199999][:8], b"00199999")
        self.assertEqual(lines[-1], b"last")

    def test_last_words_of_a_killed_app(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} say whole part torn die KILL\nrestart = never\n")
        s.call("start")
        s.wait_state("a", "failed")
        self.assertEqual(s.log("a"), "whole\ntorn")

    def test_a_torn_line_is_not_glued_to_the_next(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} part torn run\n").run()
        s.call("wait", check=0)
        s.call("signal", "KILL", "a", check=0)  # a torn line is written out when its writer is gone
        until("the second has begun", lambda: s.app("a")["restarts"] == 1)
        s.wait_state("a", "ready")
        s.call("stop", check=0)
        self.assertEqual(s.log("a"), "torn\ntorn")

    def test_a_grandchild_that_holds_the_pipe_delays_nobody(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} spawn on TERM ignore on USR1 say late say armed run -- say main exit 3\n"
                       "restart = never\nkill_mode = process\n")
        s.call("start")
        s.wait_state("a", "failed")
        until("the grandchild can be asked", lambda: "armed" in s.log("a"))
        for pid in [int(p) for p in os.listdir("/proc") if p.isdigit()]:
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if b"late" in f.read() and os.readlink(f"/proc/{pid}/cwd") == os.path.realpath(s.folder):
                        os.kill(pid, signal.SIGUSR1)
                        until("its line", lambda: "late" in s.log("a"))
                        os.kill(pid, signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass
        self.assertEqual(sorted(s.log("a").split()), ["armed", "late", "main"])

    def test_stderr_apart_and_together(self):
        s = self.stack(f"""
[app:together]
type = oneshot
command = {CHILD} say 1 err 2 say 3 err 4
[app:apart]
type = oneshot
command = {CHILD} say out err err
stderr = logs/apart.err
[app:quiet]
type = oneshot
command = {CHILD} say nothing err seen
stdout = null
stderr = logs/quiet.err
""")
        s.call("start", check=0)
        self.assertEqual(s.log("together"), "1\n2\n3\n4\n")
        self.assertEqual((s.log("apart"), s.read("logs/apart.err")), ("out\n", b"err\n"))
        self.assertEqual((s.log("quiet"), s.read("logs/quiet.err")), ("", b"seen\n"))

    @unittest.skipIf(os.path.exists("/run/systemd/journal/stdout"), "there is a journal here (see tests/systemd)")
    def test_no_journal_fails_the_start(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nstdout = journal\nrestart = never\n")
        self.assertIn("upkeep.ini:3: error: a: stdout = journal: cannot connect", s.call("check", check=1).out)
        self.assertEqual(s.call("start").code, 1)
        self.assertEqual(s.app("a")["why"],
                         "stdout = journal: cannot connect to systemd-journald: No such file or directory")

    def test_any_bytes_in_every_format(self):
        raw = bytes(b for b in range(256) if b != 10) + b"\n"
        s = self.stack("".join(f"[app:{f}]\ntype = oneshot\ncommand = cat bytes\nlog_format = {f}\n"
                               for f in ("raw", "text", "json")), files={"bytes": raw + b"second\n"})
        s.call("start", check=0)
        self.assertEqual(s.read("logs/raw.log"), raw + b"second\n")
        text = s.read("logs/text.log").split(b"\n")
        self.assertRegex(text[1].decode(), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z stdout second$")
        entries = [json.loads(line) for line in s.read("logs/json.log").decode().splitlines()]
        self.assertEqual(len(entries), 2)
        self.assertEqual((entries[1]["stream"], entries[1]["line"]), ("stdout", "second"))

    def test_log_folders_are_made(self):
        s = self.stack(f"[upkeep]\nlog_dir = var/log/deep\n[app:a]\ncommand = {CHILD} say here run\n"
                       f"[app:b]\ncommand = {CHILD} say there run\nstdout = other/folder/b.txt\n").run()
        s.call("wait", check=0)
        until("both", lambda: os.path.exists(os.path.join(s.folder, "other/folder/b.txt"))
              and s.read("other/folder/b.txt") == b"there\n" and s.read("var/log/deep/a.log") == b"here\n")

    def test_several_apps_merged_by_time(self):
        s = self.stack(
            "[app:a]\ncommand = sh -c 'for i in 1 2 3 4 5; do until test -e a$i; do :; done; echo from a $i; done; exec {c} run'\n"
            "[app:b]\ncommand = sh -c 'for i in 1 2 3 4 5; do until test -e b$i; do :; done; echo from b $i; done; exec {c} run'\n"
            .replace("{c}", CHILD))
        s.run()
        s.call("wait", check=0)
        for i in range(1, 6):
            for app in "ab":
                s.write(f"{app}{i}", "")
                until("the line is in its file", lambda: f"from {app} {i}\n" in s.log(app))
        shown = [re.sub(r"^\S+ *\| ", "", line) for line in s.call("logs", check=0).out.splitlines()]
        self.assertEqual(shown, [f"from {app} {i}" for i in range(1, 6) for app in "ab"])
        self.assertEqual(len(s.call("logs", "-n", "3", check=0).out.splitlines()), 3)
        self.assertIn("from b 5", s.call("logs", "-n", "1", "b", check=0).out)

    def test_follow(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} on USR1 say again say first run\n").run()
        s.call("wait", check=0)
        until("the first line", lambda: s.log("a"))
        follow = subprocess.Popen([UPKEEP, "logs", "-f", "a"], cwd=s.folder, env=s.environment, stdout=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL)
        try:
            seen = b""
            while b"first" not in seen:
                self.assertTrue(select.select([follow.stdout], [], [], LIMIT)[0], seen)
                seen += os.read(follow.stdout.fileno(), 4096)
            s.call("signal", "USR1", "a", check=0)
            while b"again" not in seen:
                self.assertTrue(select.select([follow.stdout], [], [], LIMIT)[0], seen)
                seen += os.read(follow.stdout.fileno(), 4096)
            follow.send_signal(signal.SIGINT)
            self.assertEqual(follow.wait(LIMIT), 0)
        finally:
            follow.kill()
            follow.wait()
            follow.stdout.close()

    def test_logs_without_a_supervisor(self):
        s = self.stack(f"[app:a]\ntype = oneshot\ncommand = {CHILD} say kept\n[upkeep]\nexit_when_done = yes\n")
        s.call("run", check=0)
        self.assertIn("kept", s.call("logs", "a", check=0).out)
        self.assertEqual(s.call("logs", "b").code, 4)


if __name__ == "__main__":
    main()
