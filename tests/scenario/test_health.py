"""Health through the binary: what is missed, how often, what comes of it, and what it costs."""

import contextlib
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from harness import CHILD, Scenario, Wire, alive, free_port, main, until
from test_readiness import told

SLEEP = f"sleep 7411.{os.getpid()}"  # no other run of this test beside us has it
FAST = "health_interval = 50ms\nhealth_timeout = 300ms\n"


class Health(Scenario):
    def served(self, keys="", command="obey answer", ready="", **options):
        """A stack of one app, `a`, that answers what the file `answer` says; asked every 50 ms."""
        self.port = free_port()
        ready = ready or f"port = {self.port}"
        return self.stack(f"[app:a]\ncommand = {CHILD} listen {self.port} {command}\n{ready}\n"
                          f"health = http://127.0.0.1:{self.port}/health\n{FAST}{keys}\n", **options).run()

    def healthy(self, s, name="a"):
        return until("it is healthy", lambda: (i := s.app(name))["health"] == "healthy" and i)

    def changes(self, s, to):
        return [e for e in told(s) if e["name"] == "a" and e["to"] == to]


class Answers(Health):
    def test_a_pass(self):
        s = self.served()
        a = self.healthy(s)
        self.assertEqual((a["health_misses"], a["health_retries"]), (0, 3))
        self.assertEqual(a["health_answer"], f"http://127.0.0.1:{self.port}/health answered 200")
        self.assertLess(a["health_age_ms"], 20000)
        table = s.call("status", check=0).out.splitlines()
        self.assertEqual(table[0].split()[:3], ["app", "state", "health"])
        self.assertEqual(table[1].split()[:3], ["a", "ready", "healthy"])
        show = s.call("show", "a", check=0).out
        self.assertIn(f"health        http://127.0.0.1:{self.port}/health: healthy, http://127.0.0.1:{self.port}/health "
                      "answered 200 (", show)

    def test_without_one(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\n").run()
        a = s.wait_state("a", "ready")
        self.assertEqual((a["health"], a["health_misses"], a["health_retries"], a["health_answer"]), (None,) * 4)
        self.assertNotIn("health", s.call("status", check=0).out.splitlines()[0])

    def test_before_the_first_answer(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nhealth = tcp:127.0.0.1:1\nhealth_interval = 1h\n").run()
        a = s.wait_state("a", "ready")
        self.assertEqual((a["health"], a["health_misses"], a["health_retries"]), (None, 0, 3))
        self.assertEqual(s.call("status", check=0).out.splitlines()[1].split()[:3], ["a", "ready", "-"])

    def test_the_endpoint_crashes(self):
        s = self.served("health_retries = 3\nmin_uptime = 1ms")
        first = self.healthy(s)["pid"]
        s.write("answer", "500")
        until("it has come back", lambda: s.pid("a") not in (None, first))
        s.write("answer", "200")
        self.healthy(s)
        why = f"unhealthy 3 times in a row: http://127.0.0.1:{self.port}/health answered 500"
        self.assertEqual(self.changes(s, "stopping")[0]["why"], why)
        again = [e for e in self.changes(s, "starting") if e["why"] == why]
        self.assertTrue(again, told(s))
        self.assertIn(why, s.call("why", "a", check=0).out)
        said = s.output()
        self.assertIn(f"upkeep: a: unhealthy (1 of 3): http://127.0.0.1:{self.port}/health answered 500", said)
        self.assertIn(f"upkeep: a: stopping: {why}", said)
        self.assertIn(f"upkeep: a: {why}", said)
        self.assertGreaterEqual(s.app("a")["restarts"], 1)

    def test_the_app_hangs_while_its_port_is_open(self):
        s = self.served("health_retries = 2\nrestart = never")
        self.healthy(s)
        os.kill(s.pid("a"), signal.SIGSTOP)
        failed = s.wait_state("a", "failed")
        self.assertEqual(failed["why"], f"unhealthy 2 times in a row: no answer from http://127.0.0.1:{self.port}/health"
                                        " within 300ms")
        card = s.call("status", check=0).out
        self.assertIn(failed["why"], card)

    def test_nobody_listens_any_more(self):
        s = self.served("health_retries = 1\nrestart = never", command="answer 200 3 close-fd 3 run")
        self.assertEqual(s.wait_state("a", "failed")["why"],
                         f"unhealthy: connection refused on http://127.0.0.1:{self.port}/health")

    def test_an_expected_status(self):
        port = free_port()
        s = self.stack(f"[app:a]\ncommand = {CHILD} listen {port} obey answer\nport = {port}\nrestart = never\n"
                       f"health = http://127.0.0.1:{port}/ws = 426\n{FAST}", files={"answer": "426"}).run()
        self.assertEqual(self.healthy(s)["health_answer"], f"http://127.0.0.1:{port}/ws answered 426")
        s.write("answer", "404")
        self.assertEqual(s.wait_state("a", "failed")["why"], "unhealthy 3 times in a row: "
                         f"http://127.0.0.1:{port}/ws answered 404 instead of 426")

    def test_a_stranger_answers(self):
        # The app lets go of its port, and somebody else takes it: another app of ours, as it happens.
        port = free_port()
        s = self.stack(f"""
[app:a]
command = {CHILD} listen {port} answer 200 1 touch first await go close-fd 3 touch gone run
ready = http://127.0.0.1:{port}/
health = http://127.0.0.1:{port}/
restart = never
health_retries = 2
{FAST}
[app:b]
command = {CHILD} await gone listen {port} serve
""").run()
        s.wait_state("a", "ready")
        s.write("go", "")
        why = s.wait_state("a", "failed")["why"]
        self.assertTrue(re.search(rf"unhealthy 2 times in a row: (127.0.0.1:{port} is held by pid {s.pid('b')} "
                                  rf"\(|connection refused|no answer)", why), why)


class Counting(Health):
    def test_a_pass_resets(self):
        s = self.served("health_retries = 3")
        pid = self.healthy(s)["pid"]
        for _ in range(3):
            s.write("answer", "500")
            missed = until("a miss", lambda: (i := s.app("a"))["health"] == "unhealthy" and i)
            s.write("answer", "200")
            self.assertIn(missed["health_misses"], (1, 2, 3))
            a = until("healthy again, or gone", lambda: (i := s.app("a"))["health"] == "healthy" and i)
            self.assertEqual(a["health_misses"], 0)
        self.assertIn("healthy again: ", s.output())
        if s.app("a")["restarts"] == 0:
            self.assertEqual(s.pid("a"), pid)

    def test_misses_in_the_table(self):
        s = self.served("health_retries = 1000")
        self.healthy(s)
        s.write("answer", "503")
        until("a miss", lambda: s.app("a")["health"] == "unhealthy")
        line = s.call("status", check=0).out.splitlines()[1]
        self.assertRegex(line, r"^a +ready +unhealthy \(\d+ of 1000\) ")
        self.assertIn(f"http://127.0.0.1:{self.port}/health answered 503", line)

    def test_max_restarts_applies(self):
        s = self.served("health_retries = 1\nmax_restarts = 2\nrestart_delay = 10ms", files={"answer": "500"})
        a = s.wait_state("a", "failed")
        self.assertEqual((a["restarts"], a["health"]), (2, None))
        self.assertEqual(a["why"], f"unhealthy: http://127.0.0.1:{self.port}/health answered 500")
        self.assertIn("gave up", s.call("status", check=0).out)


class Never(Health):
    def test_before_it_is_ready(self):
        s = self.served(command="await go notify READY=1 obey answer", ready="ready = notify",
                        files={"answer": "500"})
        s.wait_state("a", "starting")
        self.assertEqual((s.app("a")["health_misses"], s.app("a")["health_retries"]), (None, 3))
        time.sleep(0.5)  # ten times as long as it would take
        self.assertNotIn("asked", s.log("a"))
        s.write("answer", "200")
        s.write("go", "")
        self.healthy(s)
        self.assertNotIn("asked, 500", s.log("a"))

    def test_two_at_once(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} run
health = exec:sh -c 'echo begin >>turns; sleep 0.1; echo end >>turns'
health_interval = 1ms
health_timeout = 20s
""").run()
        turns = until("a few turns", lambda: os.path.exists(os.path.join(s.folder, "turns")) and
                      len(t := s.read("turns").split()) > 10 and t)
        self.assertEqual(turns, [b"begin", b"end"] * (len(turns) // 2) + [b"begin"] * (len(turns) % 2))

    def test_while_it_reloads(self):
        s = self.served(command="notify READY=1 await go notify RELOADING=1 notify-barrier touch gone await back "
                                "notify READY=1 obey answer", ready="ready = notify", keys="health_retries = 1000")
        until("a miss", lambda: s.app("a")["health"] == "unhealthy")
        s.write("go", "")
        until("it reloads", lambda: os.path.exists(os.path.join(s.folder, "gone")))
        misses = s.app("a")["health_misses"]
        time.sleep(0.7)
        self.assertEqual(s.app("a")["health_misses"], misses)
        s.write("back", "")
        self.healthy(s)

    def test_while_it_stops(self):
        s = self.served(command="on TERM say stopping obey answer", keys="kill_timeout = 1s")
        self.healthy(s)
        s.call("stop", check=0)
        self.assertNotIn("asked", s.log("a").partition("stopping")[2])
        a = s.app("a")
        self.assertEqual((a["health"], a["health_misses"]), (None, None))


class Commands(Health):
    @staticmethod
    def is_sleeper(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return f.read() == SLEEP.replace(" ", "\0").encode() + b"\0"
        except OSError:
            return False

    def sleepers(self):
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if alive(pid) and Commands.is_sleeper(pid)]

    def hanging(self, keys):
        return self.stack(f"""
[app:a]
command = {CHILD} run
health = exec:sh -c 'echo x >>tries; setsid sh -c "{SLEEP} & {SLEEP}" & {SLEEP} & exec {SLEEP}'
{keys}
""").run()

    def test_environment_and_folder(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} run
cwd = sub
port = 18123
ready = spawned
env = COLOUR=blue
health = exec:sh -c '[ "$COLOUR$PORT$UPKEEP_APP" = blue18123a ] && [ "$(basename "$PWD")" = sub ]'
{FAST}""", files={"sub/x": ""}).run()
        self.healthy(s)

    def test_one_that_hangs_is_ended_whole(self):
        s = self.hanging("health_interval = 50ms\nhealth_timeout = 300ms\nhealth_retries = 3\nrestart = never")
        failed = s.wait_state("a", "failed")
        self.assertIn("unhealthy 3 times in a row: sh -c ", failed["why"])
        self.assertIn("did not end within 300ms", failed["why"])
        self.assertEqual(len(s.read("tries").split()), 3)
        until("nothing is left of them", lambda: not self.sleepers())

    def test_the_app_outlives_what_hangs(self):
        s = self.hanging("health_interval = 50ms\nhealth_timeout = 200ms\nhealth_retries = 1000")
        pid = s.pid("a")
        until("a few tries", lambda: os.path.exists(os.path.join(s.folder, "tries")) and
              len(s.read("tries").split()) >= 4)
        self.assertLessEqual(len(self.sleepers()), 8)
        self.assertEqual((s.pid("a"), s.state("a")), (pid, "ready"))

    def test_a_stop_during_a_try_leaves_nothing(self):
        s = self.hanging("health_interval = 50ms\nhealth_timeout = 1h")
        until("all of it runs", lambda: len(self.sleepers()) == 4)
        s.call("stop", check=0)
        until("nothing is left", lambda: not self.sleepers(), limit=2)
        s.call("start", check=0)
        until("all of it runs", lambda: len(self.sleepers()) == 4)
        self.assertEqual(s.end(), 0)
        until("nothing is left", lambda: not self.sleepers(), limit=2)

    def test_what_a_good_one_leaves_is_ended(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nhealth = exec:sh -c 'setsid {SLEEP} & exit 0'\n{FAST}").run()
        self.healthy(s)
        until("a try after it", lambda: s.app("a")["health_age_ms"] < 50)
        until("nothing is left", lambda: not self.sleepers())

    def test_one_that_cannot_be_found(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nhealth = exec:bin/health\n{FAST}health_retries = 1000\n").run()
        missed = until("it is missed", lambda: (i := s.app("a"))["health"] == "unhealthy" and i)
        self.assertEqual(missed["health_answer"],
                         "cannot find bin/health, which exec: runs: No such file or directory")
        s.write("bin/health", "#!/bin/sh\nexit 0\n")
        os.chmod(os.path.join(s.folder, "bin/health"), 0o755)
        self.healthy(s)

    def test_the_last_line_that_it_wrote(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} run
restart = never
health = exec:sh -c 'echo one; printf "redis:\\033[2J refused\\n\\n" >&2; exit 3'
health_retries = 1
{FAST}
[app:b]
command = {CHILD} run
restart = never
health = exec:sh -c 'yes | head -c 9000000; printf "without a newline"; exec {SLEEP}'
health_retries = 1
health_interval = 50ms
health_timeout = 2s
""").run()
        why = s.wait_state("a", "failed")["why"]
        self.assertTrue(why.startswith("unhealthy: sh -c "), why)
        self.assertTrue(why.endswith(" exited with code 3: redis: refused"), why)
        why = s.wait_state("b", "failed")["why"]
        self.assertTrue(why.endswith(" did not end within 2s: without a newline"), why)


class Live(Health):
    def test_the_keys_take_effect_without_a_restart(self):
        s = self.served()
        pid = self.healthy(s)["pid"]
        manifest = s.read("upkeep.ini").decode()
        s.write("upkeep.ini", manifest.replace("health_interval = 50ms", "health_interval = 1h")
                .replace("health_timeout = 300ms", "health_timeout = 1s\nhealth_retries = 7"))
        applied = s.call("apply", check=0)
        self.assertIn("health_interval", applied.out)
        a = s.app("a")
        self.assertEqual((a["pid"], a["health_retries"]), (pid, 7))
        asked = s.log("a").count("asked")
        s.write("upkeep.ini", manifest.replace("health_interval = 50ms", "health_interval = 20ms"))
        s.call("apply", check=0)
        until("it is asked again", lambda: s.log("a").count("asked") > asked + 3)
        s.write("upkeep.ini", re.sub("health = .*", "health = exec:test -e no-such-file", manifest))
        s.call("apply", check=0)
        s.write("upkeep.ini", re.sub("health.*", "", manifest))
        s.call("apply", check=0)
        a = s.app("a")
        self.assertEqual((a["health"], a["health_retries"]), (None, None))

    def test_a_new_condition(self):
        s = self.served("restart = never\nhealth_retries = 2")
        pid = self.healthy(s)["pid"]
        s.write("upkeep.ini", re.sub("health = .*", "health = exec:test -e no-such-file", s.read("upkeep.ini").decode()))
        s.call("apply", check=0)
        self.assertEqual(s.wait_state("a", "failed")["why"],
                         "unhealthy 2 times in a row: test -e no-such-file exited with code 1")


class Verify(Health):
    def verify(self, s, **parameters):
        with contextlib.closing(Wire(s)) as wire:
            reply = wire.call("io.upkeep.Supervisor.Verify", parameters)
        self.assertNotIn("error", reply)
        return reply["parameters"]["results"]

    def test_all_conditions(self):
        port = free_port()
        s = self.stack(f"""
[app:a]
command = {CHILD} listen {port} obey answer
port = {port}
health = http://127.0.0.1:{port}/health
health_interval = 1h
health_retries = 2
verify =
  http://127.0.0.1:{port}/ws = 426
  tcp:127.0.0.1:{port}
  exec:sh -c '[ "$UPKEEP_APP" = a ]'
[app:b]
command = {CHILD} run
verify = exec:false
[app:none]
command = {CHILD} run
[app:down]
command = {CHILD} run
autostart = false
verify = exec:true
""").run()
        s.call("wait", check=0)
        url = f"http://127.0.0.1:{port}"
        begun = time.monotonic()
        self.assertEqual(self.verify(s), [
            {"app": "a", "condition": f"{url}/health", "ok": True, "answer": f"{url}/health answered 200"},
            {"app": "a", "condition": f"{url}/ws = 426", "ok": False,
             "answer": f"{url}/ws answered 200 instead of 426"},
            {"app": "a", "condition": f"tcp:127.0.0.1:{port}", "ok": True,
             "answer": f"127.0.0.1:{port} accepts connections"},
            {"app": "a", "condition": "exec:sh -c '[ \"$UPKEEP_APP\" = a ]'", "ok": True,
             "answer": "sh -c '[ \"$UPKEEP_APP\" = a ]' exited with code 0"},
            {"app": "b", "condition": "exec:false", "ok": False, "answer": "false exited with code 1"},
        ])
        self.assertGreaterEqual(time.monotonic() - begun, 2)
        self.assertEqual(s.log("a").count("asked"), 5)  # port; health; /ws, twice; tcp:
        down = self.verify(s, apps=["down"], timeout_ms=100)
        self.assertEqual(down[0]["answer"], "not met within 100ms: down is stopped: not started yet")
        self.assertEqual(self.verify(s, apps=["none"]), [])
        with contextlib.closing(Wire(s)) as wire:
            self.assertEqual(wire.call("io.upkeep.Supervisor.Verify", {"apps": ["c"]})["error"],
                             "io.upkeep.Supervisor.NoSuchApp")

    def test_what_is_met_late_is_met(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nverify = exec:test -e late\nhealth_retries = 20\n").run()
        s.wait_state("a", "ready")
        with contextlib.closing(Wire(s)) as wire:
            wire.send(b'{"method":"io.upkeep.Supervisor.Verify"}\0')
            s.call("status", check=0)
            s.write("late", "")
            self.assertTrue(wire.receive()["parameters"]["results"][0]["ok"])

    def test_an_app_that_is_taken_out_meanwhile(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\n[app:b]\ncommand = {CHILD} run\n"
                       f"verify = exec:sh -c 'touch runs; exec {SLEEP}'\nhealth = exec:false\nhealth_timeout = 1h\n"
                       "health_retries = 1000\n").run()
        s.wait_state("b", "ready")
        with contextlib.closing(Wire(s)) as wire:
            wire.send(b'{"method":"io.upkeep.Supervisor.Verify"}\0')
            until("it runs", lambda: os.path.exists(os.path.join(s.folder, "runs")))
            s.write("upkeep.ini", f"[app:a]\ncommand = {CHILD} run\n")
            s.call("apply", check=0)
            answers = [r["answer"] for r in wire.receive()["parameters"]["results"]]
        self.assertEqual(answers, ["b was taken out of the manifest"] * 2)
        until("nothing is left", lambda: not Commands.sleepers(self), limit=2)

    def test_who_hangs_up_leaves_nothing(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nhealth_timeout = 1h\n"
                       f"verify = exec:sh -c 'touch runs; exec {SLEEP}'\n").run()
        s.wait_state("a", "ready")
        with contextlib.closing(Wire(s)) as wire:
            wire.send(b'{"method":"io.upkeep.Supervisor.Verify"}\0')
            until("it runs", lambda: os.path.exists(os.path.join(s.folder, "runs")))
        until("nothing is left", lambda: not Commands.sleepers(self))

    def test_health_rests_meanwhile(self):
        s = self.stack(f"""
[app:a]
command = {CHILD} run
health = exec:sh -c 'echo begin >>turns; sleep 0.1; echo end >>turns; [ ! -e bad ]'
health_interval = 1ms
health_timeout = 20s
health_retries = 1000
""").run()
        until("a few turns", lambda: os.path.exists(os.path.join(s.folder, "turns")))
        s.write("bad", "")
        self.verify(s, timeout_ms=1500)
        before = s.read("turns").split()
        # A try that was given up has no end; otherwise never two at once.
        self.assertLessEqual(before.count(b"begin") - before.count(b"end"), 4)
        os.unlink(os.path.join(s.folder, "bad"))
        self.healthy(s)


class Cost(Health):
    def test_nothing_between_two_tries(self):
        port = free_port()
        s = self.stack(f"[app:a]\ncommand = {CHILD} listen {port} serve\nport = {port}\n"
                       f"health = tcp:127.0.0.1:{port}\nhealth_interval = 1s\n").run()
        self.healthy(s)
        switches = f"/proc/{s.supervisor.pid}/status"

        def woken():
            with open(switches) as f:
                return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1])
        before = woken()
        time.sleep(5)
        self.assertLessEqual(woken() - before, 12)


if __name__ == "__main__":
    main()
