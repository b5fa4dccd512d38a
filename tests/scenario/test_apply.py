"""upkeep apply: what is touched by a changed manifest, and what is not."""

import json
import os
import signal
import unittest

from harness import Scenario, Wire, alive, free_port, processes_with, until

TWO = """
[app:a]
command = {child} say a run
[app:b]
command = {child} say b run
"""


class Apply(Scenario):
    def apply(self, stack, manifest=None, *words, check=0):
        if manifest is not None:
            stack.write("upkeep.ini", manifest)
        return stack.call("apply", *words, check=check)

    def running(self, manifest=TWO, **options):
        stack = self.stack(manifest, **options).run()
        stack.call("wait", check=0)
        return stack

    def pids(self, stack):
        return {i["name"]: i["pid"] for i in stack.status()["instances"]}

    def test_nothing_changed(self):
        stack = self.running()
        before = self.pids(stack)
        done = self.apply(stack)
        self.assertIn("nothing has changed", done.out)
        self.apply(stack, "# the same\n[app:b]\ncommand = {child} say b run\n[app:a]\ncommand = {child} say a run\n")
        self.assertEqual(self.pids(stack), before)

    def test_only_what_changed_is_touched(self):
        stack = self.running()
        before = self.pids(stack)
        done = self.apply(stack, TWO.replace("say b", "say bb") + "[app:c]\ncommand = {child} run\n")
        after = self.pids(stack)
        self.assertEqual(after["a"], before["a"])
        self.assertNotEqual(after["b"], before["b"])
        self.assertTrue(after["c"])
        self.assertRegex(done.out, r"b +restart +command")
        self.assertRegex(done.out, r"c +start +new in the manifest")
        self.assertFalse(stack.status()["supervisor"]["manifest_changed"])
        self.assertFalse(any(i["stale"] for i in stack.status()["instances"]))

    def test_restart_names_apply(self):
        stack = self.running()
        stack.write("upkeep.ini", TWO.replace("say b", "say bb"))
        self.assertIn("upkeep apply", stack.call("restart", "a", check=0).err)

    def test_an_app_that_was_not_applied_yet(self):
        stack = self.running()
        stack.write("upkeep.ini", TWO + "[app:c]\ncommand = {child} run\n")
        done = stack.call("start", "c", check=4)
        self.assertIn("c is new in", done.err)
        self.assertIn("(use: upkeep apply)", done.err)

    def test_another_profile_is_refused(self):
        """It would be passed over: the supervisor keeps to its own."""
        stack = self.stack("[app:a]\ncommand = {child} run\n[app:a@staging]\nenv = A=1\n").run()
        for words in ((), ("--dry-run",)):
            result = stack.call("--profile", "staging", "apply", *words, check=1)
            self.assertEqual((result.out, result.err), ("", "upkeep: the supervisor runs without a profile, and this is to "
                             "apply the profile staging (use the same, or: upkeep shutdown)\n"))
        stack.call("apply", check=0)

    def test_a_dry_run_does_nothing(self):
        stack = self.running(TWO.replace("say b run", "say b run\nkill_timeout = 3s"))
        before = self.pids(stack)
        changed = TWO.replace("say b", "say bb").replace("say a", "say aa") + "ready = notify\nready_timeout = 4s\n"
        done = self.apply(stack, changed, "--dry-run")
        self.assertRegex(done.out, r"b +restart +command, ready, ready_timeout, kill_timeout")
        self.assertIn("at the worst it takes 10s", done.out)  # a's kill_timeout, longer than b's 3s and 4s
        told = json.loads(self.apply(stack, None, "--dry-run", "--json").out)
        self.assertEqual(told["worst_case_ms"], 10000)
        self.assertEqual({c["app"]: c["action"] for c in told["changes"]}, {"a": "restart", "b": "restart"})
        self.assertEqual(self.pids(stack), before)
        self.assertTrue(stack.status()["supervisor"]["manifest_changed"])

    def test_live_keys(self):
        stack = self.running("[app:a]\ncommand = {child} on TERM ignore run\nkill_timeout = 1h\n")
        before = self.pids(stack)
        done = self.apply(stack, "[app:a]\ncommand = {child} on TERM ignore run\nkill_timeout = 100ms\nrestart = never\n")
        self.assertRegex(done.out, r"a +goes on +restart, kill_timeout \(takes effect at once\)")
        self.assertEqual(self.pids(stack), before)
        self.assertIn('"kill_timeout_ms": 100', stack.call("show", "a", "--json").out)
        stack.call("stop", "a", check=0)

    def test_a_bad_manifest_changes_nothing(self):
        stack = self.running()
        before = self.pids(stack)
        done = self.apply(stack, "[app:a]\ncomand = x\n[app:b]\ncommand = y\nkill_timeout = 5\n", check=2)
        self.assertIn("did you mean command?", done.err)
        self.assertIn("nothing is changed", done.err.splitlines()[-1])
        self.assertEqual(self.pids(stack), before)
        os.unlink(os.path.join(stack.folder, "upkeep.ini"))
        self.assertNotEqual(stack.call("apply", "-f", "upkeep.ini").code, 0)
        stack.write("upkeep.ini", TWO)
        self.apply(stack)
        self.assertEqual(self.pids(stack), before)

    def test_a_bad_environment_changes_nothing(self):
        stack = self.running()
        before = self.pids(stack)
        done = self.apply(stack, TWO + "env_file = .env\n[app:c]\ncommand = {child} run\n", check=1)
        self.assertIn("cannot read .env", done.err)
        self.assertIn("nothing is changed", done.err.splitlines()[-1])
        self.assertEqual(self.pids(stack), before)
        done = self.apply(stack, TWO + "require_env = API_KEY\ncwd = .\nenv = X=1\n", check=1)
        self.assertIn("API_KEY", done.err)
        self.assertEqual(self.pids(stack), before)

    def test_a_key_for_a_new_supervisor(self):
        stack = self.running()
        before = self.pids(stack)
        done = self.apply(stack, "[upkeep]\nname = other\n" + TWO.replace("say b", "say bb"), check=1)
        self.assertIn("name in [upkeep]", done.err)
        self.assertIn("upkeep shutdown && upkeep start", done.err)
        self.assertEqual(self.pids(stack), before)
        self.apply(stack, "[upkeep]\nstop_order = parallel\n" + TWO)
        self.assertEqual(self.pids(stack), before)

    def test_gone_apps_stop_in_order(self):
        stack = self.running("[app:db]\ncommand = {child} run\n"
                             "[app:web]\ncommand = {child} run\ndepends_on = db\n[app:a]\ncommand = {child} run\n")
        before = self.pids(stack)
        done = self.apply(stack, "[app:a]\ncommand = {child} run\n")
        self.assertRegex(done.out, r"db +stop +not in the manifest any more")
        self.assertEqual(self.pids(stack), {"a": before["a"]})
        self.assertFalse(alive(before["db"]) or alive(before["web"]))
        self.assertRegex(stack.output(), r"(?s)web: stopped.*db: stopping.*db: stopped")
        self.assertEqual(stack.call("restart", "db").code, 4)

    def test_a_gone_app_with_a_hostile_child(self):
        word = f"hostile-{os.getpid()}"
        stack = self.running(TWO + "[app:bad]\nkill_timeout = 300ms\n"
                             f"command = {{child}} orphan on TERM ignore say {word} run -- on TERM ignore run\n")
        until("the orphan is there", lambda: "hostile" in stack.log("bad"))
        before = self.pids(stack)
        self.apply(stack, TWO)
        after = self.pids(stack)
        self.assertEqual(after, {"a": before["a"], "b": before["b"]})
        self.assertEqual(processes_with(word), [])

    def test_a_renamed_app_keeps_its_port(self):
        port = free_port()
        stack = self.running(f"[app:old]\ncommand = {{child}} listen {port} run\nport = {port}\n" + TWO)
        before = self.pids(stack)
        self.apply(stack, f"[app:new]\ncommand = {{child}} listen {port} run\nport = {port}\n" + TWO)
        self.assertEqual(stack.state("new"), "ready")
        self.assertEqual(stack.app("new")["restarts"], 0)
        self.assertEqual(self.pids(stack)["a"], before["a"])
        self.assertEqual(len(stack.status()["instances"]), 3)

    def test_ports_change_hands(self):
        one, two = free_port(), free_port()
        manifest = "[app:a]\ncommand = {{child}} listen {} run\nport = {}\n[app:b]\ncommand = {{child}} listen {} run\nport = {}\n"
        stack = self.running(manifest.format(one, one, two, two))
        self.apply(stack, manifest.format(two, two, one, one))
        for name, port in (("a", two), ("b", one)):
            self.assertEqual((stack.state(name), stack.app(name)["port"], stack.app(name)["restarts"]),
                             ("ready", port, 0))

    def test_a_changed_env_file(self):
        stack = self.running("[app:a]\ncommand = {child} env KEY run\nenv_file = .env\n[app:b]\ncommand = {child} run\n",
                             files={".env": "KEY=secret-one\n"})
        before = self.pids(stack)
        stack.write(".env", "# a comment\nKEY='secret-one'\n")
        self.assertIn("nothing has changed", self.apply(stack).out)
        self.assertFalse(stack.app("a")["stale"])
        stack.write(".env", "# a comment\nKEY=secret-two\n")
        self.assertEqual((stack.app("a")["stale"], stack.app("b")["stale"]), (True, False))
        done = self.apply(stack)
        self.assertRegex(done.out, r"a +restart +KEY \(.env:2\)")
        self.assertNotIn("secret", done.out + done.err)
        until("the new value", lambda: "KEY=secret-two" in stack.log("a"))
        self.assertEqual(self.pids(stack)["b"], before["b"])
        self.assertFalse(stack.app("a")["stale"])
        self.assertIn("nothing has changed", self.apply(stack).out)

    def test_one_that_does_not_come_up(self):
        stack = self.running()
        before = self.pids(stack)
        done = self.apply(stack, TWO.replace("say b run", "say oh-no exit 3\nready = notify"), check=1)
        self.assertIn("exited with code 3", done.err)
        self.assertIn("oh-no", done.err)
        self.assertEqual(self.pids(stack)["a"], before["a"])
        # … and comes up again with what was right.
        self.apply(stack, TWO)
        self.assertEqual((stack.state("b"), self.pids(stack)["a"]), ("ready", before["a"]))

    def test_what_was_stopped_stays_down(self):
        stack = self.running()
        stack.call("stop", "b", check=0)
        done = self.apply(stack, TWO.replace("say b", "say new-b"))
        self.assertRegex(done.out, r"b +stays down +command \(takes effect at its next start\)")
        self.assertEqual(stack.state("b"), "stopped")
        stack.call("start", "b", check=0)
        until("the new command", lambda: "new-b" in stack.log("b"))

    def test_twice_at_once(self):
        stack = self.running()
        before = self.pids(stack)
        stack.write("upkeep.ini", TWO.replace("say b", "say bb") + "[app:c]\ncommand = {child} run\n")
        both = [stack.begin("apply"), stack.begin("apply")]
        ends = [one.communicate(timeout=30) + (one.returncode,) for one in both]
        self.assertEqual([code for _, _, code in ends], [0, 0], ends)
        self.assertEqual(self.pids(stack)["a"], before["a"])
        self.assertEqual([i["state"] for i in stack.status()["instances"]], ["ready"] * 3)
        until("b has begun", lambda: "bb\n" in stack.log("b"))
        self.assertEqual(stack.log("b").count("bb\n"), 1)

    def test_during_a_start(self):
        stack = self.stack("[app:slow]\ncommand = {child} say first await go notify READY=1 run\nready = notify\n"
                           "[app:web]\ncommand = {child} run\ndepends_on = slow\n").run()
        until("it is starting", lambda: "first" in stack.log("slow"))
        start = stack.begin("start")
        self.apply(stack, "[app:slow]\ncommand = {child} say second notify READY=1 run\nready = notify\n"
                   "[app:web]\ncommand = {child} run\ndepends_on = slow\n[app:more]\ncommand = {child} run\n")
        self.assertEqual(stack.state("slow"), "ready")
        until("both have begun", lambda: stack.log("slow") == "first\nsecond\n")
        start.communicate(timeout=30)
        stack.wait_state("web", "ready")

    def test_taken_out_while_waited_for(self):
        stack = self.stack("[app:a]\ncommand = {child} run\n[app:slow]\ncommand = {child} say up run\nready = notify\n")
        stack.run()
        until("it is starting", lambda: "up" in stack.log("slow"))
        waiting = stack.begin("wait", "slow")
        until("somebody waits", lambda: waiting.poll() is None)
        self.apply(stack, "[app:a]\ncommand = {child} run\n")
        out, err = waiting.communicate(timeout=30)
        self.assertIn(waiting.returncode, (1, 4), err)

    def renew(self, stack, apps, **more):
        wire = Wire(stack)
        self.addCleanup(wire.close)
        return wire.call("io.upkeep.Supervisor.Apply", {"renew": apps, "wait": True, **more})

    def changes(self, reply):
        return {c["app"]: (c["change"], c["action"], c["why"]) for c in reply["parameters"]["changes"]}

    def test_renewed_though_nothing_has_changed(self):
        stack = self.running(TWO + "[app:c]\ncommand = {child} say c run\n")
        stack.call("stop", "c", check=0)
        before = self.pids(stack)
        reply = self.renew(stack, {"b": "prepared anew", "c": "was down"}, dry_run=True)
        wanted = {"b": ("renewed", "restart", "prepared anew"), "c": ("renewed", "start", "was down")}
        self.assertEqual(self.changes(reply), wanted)
        self.assertEqual(self.pids(stack), before)
        reply = self.renew(stack, {"b": "prepared anew", "c": "was down"})
        self.assertEqual((self.changes(reply), reply["parameters"]["failures"]), (wanted, []))
        after = self.pids(stack)
        self.assertEqual(after["a"], before["a"])
        self.assertNotEqual(after["b"], before["b"])
        self.assertEqual(stack.state("c"), "ready")

    def test_renewed_and_unknown(self):
        stack = self.running()
        before = self.pids(stack)
        reply = self.renew(stack, {"a": "why", "nobody": "why"})
        self.assertEqual((reply["error"], reply["parameters"]["app"]),
                         ("io.upkeep.Supervisor.NoSuchApp", "nobody"))
        self.assertEqual(self.pids(stack), before)

    def test_a_done_oneshot_runs_again_before_what_is_renewed_with_it(self):
        """Whether what depends on it was up or had failed."""
        order = "[app:once]\ntype = oneshot\ncommand = {child} say once exit 0\n" \
                "[app:web]\ndepends_on = once\nstdout = logs/once.log\ncommand = {child} say web run\n"
        stack = self.running(order)
        self.renew(stack, {"once": "again", "web": "prepared anew"})
        until("both ran again", lambda: stack.log("once") == "once\nweb\n" * 2)
        stack.call("stop", "web", check=0)
        self.renew(stack, {"once": "again", "web": "was down"})
        until("both ran once more", lambda: stack.log("once") == "once\nweb\n" * 3)

    def test_complete_brings_up_what_is_to_be_up(self):
        manifest = "[app:once]\ntype = oneshot\ncommand = {child} say once exit 0\n" \
                   "[app:web]\ndepends_on = once\ncommand = {child} run\n" \
                   "[app:bad]\nrestart = never\ncommand = sh -c 'test -e good && exec {child} run'\n" \
                   "[app:held]\ndepends_on = bad\ncommand = {child} run\n" \
                   "[app:down]\ncommand = {child} run\n[app:hand]\nautostart = false\ncommand = {child} run\n"
        manifest = manifest.replace("exec {child} run'", "exec {child} notify READY=1 run'\nready = notify")
        stack = self.stack(manifest).run()
        stack.wait_state("held", "blocked")
        stack.call("stop", "down", check=0)
        before = self.pids(stack)
        self.assertNotIn("failed", str(self.renew(stack, {}, complete=False)["parameters"]["changes"]))
        stack.write("good", "")
        reply = self.renew(stack, {}, complete=True)
        self.assertEqual(self.changes(reply), {"bad": ("renewed", "start", "it had failed"),
                                               "held": ("renewed", "start", "it had failed"),
                                               "down": ("renewed", "start", "it was down")})
        self.assertEqual(reply["parameters"]["failures"], [])
        self.assertEqual({i["name"]: i["state"] for i in stack.status()["instances"]},
                         {"once": "done", "web": "ready", "bad": "ready", "held": "ready", "down": "ready",
                          "hand": "stopped"})
        self.assertEqual((self.pids(stack)["web"], stack.log("once")), (before["web"], "once\n"))
        reply = self.renew(stack, {"web": "prepared anew"}, complete=True)
        self.assertEqual(self.changes(reply), {"once": ("renewed", "start", "a oneshot, to be run again"),
                                               "web": ("renewed", "restart", "prepared anew")})
        until("it ran again", lambda: stack.log("once") == "once\n" * 2)

    def test_what_is_still_to_be_prepared_is_not_missed_in_a_dry_run(self):
        stack = self.running()
        before = self.pids(stack)
        stack.write("upkeep.ini", TWO + "require_path = built\nrequire_env = KEY\n")
        reply = self.renew(stack, {"b": "prepared anew"}, dry_run=True)
        self.assertIn("KEY is not set", str(reply))
        self.assertNotIn("built", str(reply))
        stack.write("upkeep.ini", TWO + "require_path = built\n")
        self.assertNotIn("error", self.renew(stack, {"b": "prepared anew"}, dry_run=True))
        self.assertIn("built", str(self.renew(stack, {"b": "prepared anew"})["parameters"]["findings"]))
        self.assertEqual(self.pids(stack), before)

    def test_many_times(self):
        stack = self.running(TWO)
        before = self.pids(stack)
        supervisor = stack.supervisor.pid
        for i in range(12):
            more = "".join(f"[app:x{k}]\ncommand = {{child}} say {i} run\n" for k in range(i % 4))
            self.apply(stack, TWO + more)
        self.apply(stack, TWO)
        self.assertEqual(self.pids(stack), before)
        descriptors = lambda: len(os.listdir(f"/proc/{supervisor}/fd"))
        most = descriptors()  # with a connection that may not be closed yet
        for _ in range(3):
            self.apply(stack, TWO + "[app:x]\ncommand = {child} run\n")
            self.apply(stack, TWO)
        until("all descriptors are given back", lambda: descriptors() <= most)

    def test_new_apps_are_known_to_the_next_supervisor(self):
        stack = self.running(TWO)
        self.apply(stack, TWO + "[app:c]\ncommand = {child} say left-behind run\n")
        left = self.pids(stack)["c"]
        stack.supervisor.send_signal(signal.SIGKILL)
        stack.supervisor.wait()
        stack.output_file.close()
        stack.run()
        self.assertFalse(alive(left))

    def test_without_a_supervisor(self):
        stack = self.stack(TWO)
        self.assertEqual(stack.call("apply").code, 3)


if __name__ == "__main__":
    unittest.main()
