"""The control socket and the command that speaks through it: exit codes, several callers at once, hostile ones."""

import fcntl
import grp
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from harness import AS_NOBODY, CHILD, LIMIT, NOBODY, UPKEEP, Scenario, Wire, alive, main, processes_with, until

SOURCE = os.path.join(os.path.dirname(__file__), "..", "..")
ONE = f"[app:a]\ncommand = {CHILD} run\n"

STATES = {"stopped", "waiting", "starting", "ready", "stopping", "backoff", "failed", "blocked", "done"}
SUPERVISOR_FIELDS = {"name": str, "pid": int, "state": str, "manifest": str, "version": str, "uptime_ms": int}
INSTANCE_FIELDS = {
    "app": str, "name": str, "instance": int, "state": str, "pid": (int, None), "uptime_ms": (int, None),
    "restarts": int, "exit_code": (int, None), "exit_signal": (str, None), "why": str, "next_start_ms": (int, None),
    "port": (int, None), "health": (str, None), "memory_bytes": (int, None), "cpu_percent": (float, int, None),
    "stale": bool,
}
EVENT_FIELDS = {"time": str, "app": str, "instance": int, "from": str, "to": str, "why": str}


class Control(Scenario):
    def wire(self, stack):
        wire = Wire(stack)
        self.addCleanup(wire.close)
        return wire

    def assertOneLine(self, result, *parts):
        """What went wrong is one line of lower case on stderr that says what and where."""
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 1, result)
        self.assertTrue(lines[0].startswith("upkeep: "), result)
        for part in parts:
            self.assertIn(part, lines[0])


def has_types(value, types):
    types = types if isinstance(types, tuple) else (types,)
    if value is None or isinstance(value, bool):
        return (None if value is None else bool) in types
    return isinstance(value, tuple(t for t in types if t))


class Codes(Control):
    def test_0_and_1(self):
        s = self.stack(ONE + f"[app:b]\ncommand = {CHILD} exit 3\nautostart = false\nready = notify\n").run()
        for words in (("status",), ("wait",), ("show", "a"), ("why", "a"), ("events",), ("check",), ("version",)):
            self.assertEqual(s.call(*words, check=0).err, "", words)
        failed = s.call("start", "b", check=1)
        self.assertIn("b: exited with code 3", failed.err.splitlines()[-1])

    def test_2_for_wrong_usage(self):
        s = self.stack(ONE)
        for words, part in (((), ""), (("stauts",), "did you mean status"), (("status", "--jsno"), "--json"),
                            (("wait", "--timeout", "5"), "5"), (("wait", "--timeout", "soon"), "soon"),
                            (("show",), "APP"), (("status", "extra"), "too many"), (("signal", "SIGNONE", "a"), "SIGNONE")):
            result = s.call(*words, check=2)
            self.assertIn(part, result.err, words)

    def test_2_for_a_manifest_with_errors(self):
        s = self.stack("[app:a]\ncomand = x\n[app:a]\nkill_timeout = 5\n")
        for command in ("start", "run", "status", "check"):
            result = s.call(command)
            self.assertEqual(result.code, 1 if command == "check" else 2, result)
            self.assertIn("upkeep.ini:2: ", result.err + result.out)
            self.assertIn("command", result.err + result.out)
        self.assertFalse(os.path.exists(os.path.join(s.folder, ".upkeep")))

    def test_2_without_a_manifest(self):
        s = self.stack(ONE)
        os.remove(os.path.join(s.folder, "upkeep.ini"))
        self.assertOneLine(s.call("status", check=2), "upkeep.ini", s.folder)
        missing = s.call("-f", "no/such.ini", "start", check=2)
        self.assertIn("no/such.ini", missing.err)
        self.assertIn("No such file or directory", missing.err)

    def test_3_without_a_supervisor(self):
        s = self.stack(ONE)
        for words in (("status",), ("status", "--json"), ("stop",), ("restart",), ("wait",), ("show", "a"),
                      ("signal", "HUP", "a"), ("events",), ("why", "a"), ("shutdown",)):
            result = s.call(*words, check=3)
            self.assertOneLine(result, "no supervisor is running", "upkeep.ini")
            self.assertEqual(result.out, "")
        self.assertEqual(os.listdir(s.folder), ["upkeep.ini"])  # and status makes nothing

    def test_3_with_a_stale_socket(self):
        s = self.stack(ONE)
        os.makedirs(os.path.join(s.folder, ".upkeep"), 0o700)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
            left.bind(os.path.join(s.folder, ".upkeep", "control.sock"))
        result = s.call("status", check=3)
        self.assertOneLine(result, "only its socket is left")
        s.call("start", check=0)
        self.assertEqual(s.state("a"), "ready")

    def test_4_with_a_suggestion(self):
        s = self.stack(f"[app:backend]\ncommand = {CHILD} run\n")
        self.assertOneLine(s.call("start", "bakend", check=4), "no app bakend", "did you mean backend?")
        self.assertEqual(s.call("status").code, 3)
        s.run()
        for words in (("start", "bakend"), ("stop", "bakend"), ("restart", "bakend"), ("show", "bakend"),
                      ("why", "bakend"), ("env", "bakend"), ("signal", "HUP", "bakend"), ("wait", "bakend"),
                      ("logs", "bakend"), ("start", "backend", "bakend")):
            self.assertOneLine(s.call(*words, check=4), "no app bakend", "did you mean backend?")
        self.assertNotIn("did you mean", s.call("start", "zzzzzz", check=4).err)

    def test_5_at_a_time_limit(self):
        s = self.stack(f"[app:late]\ncommand = {CHILD} on TERM ignore run\nready = notify\nready_timeout = 1m\n"
                       "kill_timeout = 1m\n")
        for words in (("start", "--timeout", "200ms"), ("wait", "-t", "200ms"), ("wait", "late", "--timeout=200ms"),
                      ("stop", "--timeout", "200ms"), ("shutdown", "--timeout", "200ms")):
            begin = time.monotonic()
            self.assertOneLine(s.call(*words, check=5), "200ms")
            self.assertLess(time.monotonic() - begin, 10)
        pid = s.pid("late")
        os.kill(pid, signal.SIGKILL)
        until("the supervisor has ended", lambda: s.call("status").code == 3)

    def test_5_when_the_supervisor_is_stuck(self):
        s = self.stack(ONE).run()
        os.kill(s.supervisor.pid, signal.SIGSTOP)
        try:
            begin = time.monotonic()
            self.assertOneLine(s.call("status", check=5), "does not answer")
            self.assertLess(time.monotonic() - begin, 20)
        finally:
            os.kill(s.supervisor.pid, signal.SIGCONT)
        s.call("status", check=0)


class Finding(Control):
    def test_nearest_parent_and_a_deep_folder(self):
        s = self.stack(ONE).run()
        deep = os.path.join(s.folder, *["folder"] * 30)
        os.makedirs(deep)
        self.assertIn("ready", s.call("status", cwd=deep, check=0).out)
        s.write("folder/upkeep.ini", ONE)
        nearer = s.call("status", cwd=deep, check=3)
        self.assertIn("folder/upkeep.ini", nearer.err)

    def test_from_a_folder_that_is_gone(self):
        s = self.stack(ONE)
        gone = 'mkdir gone && cd gone && rmdir ../gone && exec "$1" status'
        done = subprocess.run(["sh", "-c", gone, "sh", UPKEEP], cwd=s.folder, env=s.environment, capture_output=True,
                              text=True, timeout=LIMIT, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (2, "upkeep: cannot tell the current folder: No such file or directory\n"))

    def test_by_name(self):
        s = self.stack(ONE)
        s.write("other place/stack.ini", f"[app:z]\ncommand = {CHILD} run\n")
        started = s.call("-f", "other place/stack.ini", "start", check=0)
        self.assertIn("z ", started.out)
        self.assertTrue(os.path.exists(os.path.join(s.folder, "other place", ".upkeep", "control.sock")))
        s.environment["UPKEEP_MANIFEST"] = os.path.join(s.folder, "other place", "stack.ini")
        self.assertIn("z ", s.call("status", cwd="/", check=0).out)
        self.assertEqual(s.call("-f", os.path.join(s.folder, "upkeep.ini"), "status").code, 3)  # -f is stronger
        s.call("shutdown", check=0)
        self.assertEqual(s.call("status", cwd="/").code, 3)
        del s.environment["UPKEEP_MANIFEST"]

    def test_supervisor_is_found_from_another_name_of_the_folder(self):
        s = self.stack(ONE).run()
        os.symlink(s.folder, os.path.join(s.folder, "link"))
        s.call("-f", os.path.join("link", "upkeep.ini"), "wait", check=0)

    def test_two_manifests_in_one_folder(self):
        s = self.stack(ONE)
        s.write("other.ini", f"[app:z]\ncommand = {CHILD} run\n")
        s.call("start", check=0)
        for words, code in ((("status",), 3), (("stop",), 3), (("start",), 1), (("run",), 1)):
            result = s.call("-f", "other.ini", *words, check=code)
            self.assertOneLine(result, "other.ini", f"{s.folder}/upkeep.ini", "set runtime_dir")
        self.assertEqual(s.state("a"), "ready")
        s.write("other.ini", f"[upkeep]\nruntime_dir = .other\n[app:z]\ncommand = {CHILD} run\n")
        s.call("-f", "other.ini", "start", check=0)
        s.call("-f", "other.ini", "shutdown", check=0)
        os.kill(s.status()["supervisor"]["pid"], signal.SIGKILL)
        s.write("other.ini", f"[app:z]\ncommand = {CHILD} run\n")
        until("the socket is stale", lambda: "only its socket" in s.call("-f", "other.ini", "status", check=3).err)
        s.call("-f", "other.ini", "start", check=0)
        s.call("-f", "other.ini", "shutdown", check=0)

    def test_manifest_is_renamed_while_running(self):
        s = self.stack(ONE)
        s.call("start", check=0)
        os.rename(os.path.join(s.folder, "upkeep.ini"), os.path.join(s.folder, "new.ini"))
        s.call("-f", "new.ini", "shutdown", check=0)
        os.rename(os.path.join(s.folder, "new.ini"), os.path.join(s.folder, "upkeep.ini"))

    def test_edited_to_nonsense_while_running(self):
        s = self.stack(ONE).run()
        s.write("upkeep.ini", ONE + "nonsense\n")
        status = s.call("status", check=0)
        self.assertIn("a ", status.out)
        s.call("stop", check=0)
        self.assertEqual(s.state("a"), "stopped")


class AtOnce(Control):
    def test_a_rival_that_has_not_said_who_it_is(self):
        s = self.stack(ONE, files={".upkeep/lock": ""})
        with open(os.path.join(s.folder, ".upkeep", "lock"), encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertOneLine(s.call("run", check=1), "a supervisor is running already; see: upkeep status")

    def test_second_supervisor_is_refused_by_pid(self):
        s = self.stack(ONE).run()
        self.assertOneLine(s.call("run", check=1), f"pid {s.supervisor.pid}", "running already")
        self.assertEqual(s.state("a"), "ready")

    def test_two_starts(self):
        for _ in range(5):
            s = self.stack(f"[app:a]\ncommand = {CHILD} say here sleep 50 notify READY=1 run\nready = notify\n")
            commands = [s.begin("start") for _ in range(4)]
            for command in commands:
                out, err = command.communicate(timeout=LIMIT)
                self.assertEqual((command.returncode, err), (0, ""), out)
                self.assertIn("ready", out)
            self.assertEqual(s.log("a"), "here\n")

    def test_crowd_on_one_app(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} say {{marker}} notify READY=1 run\nready = notify\n"
                       f"[app:b]\ncommand = {CHILD} run\ndepends_on = a\n")
        s.write("upkeep.ini", s.read("upkeep.ini").decode().replace("{marker}", s.marker))
        s.run()
        s.call("wait", check=0)
        for _ in range(3):
            words = ["restart", "stop", "start", "restart", "stop", "restart", "start", "stop", "restart", "start"]
            commands = [s.begin(word, "a") for word in words]
            for command in commands:
                command.communicate(timeout=LIMIT)
                # Whom another's wish has overruled is told so; nothing hangs.
                self.assertIn(command.returncode, (0, 1))
            self.assertIsNone(s.supervisor.poll())
        s.call("start", check=0)
        self.assertEqual({i["state"] for i in s.status()["instances"]}, {"ready"})
        left = [p for p in processes_with(s.marker) if p != s.supervisor.pid]
        self.assertEqual(left, [s.pid("a")])
        s.call("stop", check=0)
        self.assertEqual({(i["state"], i["pid"]) for i in s.status()["instances"]}, {("stopped", None)})

    def catches_interrupt(self, pid):
        with open(f"/proc/{pid}/status") as f:
            caught = next(int(line.split()[1], 16) for line in f if line.startswith("SigCgt:"))
        return caught & 1 << signal.SIGINT - 1

    def test_asking_while_it_ends(self):
        s = self.stack(ONE)
        for _ in range(5):
            s.call("start", check=0)
            ends = [s.begin("shutdown") for _ in range(4)]
            while any(end.poll() is None for end in ends):
                self.assertIn(s.call("status").code, (0, 3))
            for end in ends:
                self.assertIn(end.returncode, (0, 3), end.communicate())
                end.communicate()
            self.assertEqual(s.call("status").code, 3)

    def test_interrupted_start(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nready = notify\nready_timeout = 1m\n").run()
        command = s.begin("start")
        until("it waits", lambda: self.catches_interrupt(command.pid))
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=LIMIT)
        self.assertNotEqual(command.returncode, 0)
        self.assertIn("interrupted", err)
        self.assertEqual(s.state("a"), "starting")

    def test_signal(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} on HUP say hup on USR1 say usr run\n"
                       f"[app:down]\ncommand = {CHILD} run\nautostart = false\n").run()
        s.call("wait", check=0)
        for name, line in (("SIGHUP", "hup"), ("HUP", "hup"), ("USR1", "usr"), ("10", "usr")):
            before = s.log("a").count(line)
            s.call("signal", name, "a", check=0)
            until(f"{name} arrived", lambda: s.log("a").count(line) == before + 1)
        self.assertOneLine(s.call("signal", "HUP", "down", check=1), "down has no process")
        self.assertEqual(s.pid("a"), s.app("a")["pid"])


class Json(Control):
    def test_status(self):
        s = self.stack(ONE + f"[app:b]\ncommand = {CHILD} exit 3\nrestart = never\nport = 1\nready = spawned\n").run()
        s.wait_state("b", "failed")
        s.wait_state("a", "ready")
        status = s.status()
        self.assertEqual(set(status) - {"failures"}, {"supervisor", "instances"})
        for fields, objects in ((SUPERVISOR_FIELDS, [status["supervisor"]]), (INSTANCE_FIELDS, status["instances"])):
            for thing in objects:
                for field, types in fields.items():
                    self.assertIn(field, thing)
                    self.assertTrue(has_types(thing[field], types), (field, thing[field]))
        self.assertEqual(list(status["instances"][0])[:len(INSTANCE_FIELDS)], list(INSTANCE_FIELDS))
        a, b = status["instances"]
        self.assertEqual((a["state"], a["exit_code"], a["exit_signal"]), ("ready", None, None))
        self.assertTrue(alive(a["pid"]))
        self.assertGreater(a["memory_bytes"], 0)
        self.assertEqual((b["state"], b["pid"], b["exit_code"], b["port"]), ("failed", None, 3, 1))
        self.assertIn("exited with code 3", b["why"])
        self.assertEqual(status["supervisor"]["pid"], s.supervisor.pid)
        self.assertEqual(status["supervisor"]["manifest"], os.path.join(s.folder, "upkeep.ini"))

    def test_events(self):
        s = self.stack(f"[app:a]\ncommand = {CHILD} run\nrestart_delay = 10ms\n").run()
        follower = s.begin("events", "-f", "--json")
        s.call("wait", check=0)
        os.kill(s.pid("a"), signal.SIGKILL)
        until("it is back", lambda: s.app("a")["restarts"] == 1 and s.state("a") == "ready")
        s.call("shutdown", check=0)
        out, _ = follower.communicate(timeout=LIMIT)
        events = [json.loads(line) for line in out.splitlines()]
        for event in events:
            for field, types in EVENT_FIELDS.items():
                self.assertTrue(has_types(event[field], types), (field, event))
            self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertTrue({event["from"], event["to"]} <= STATES, event)
        killed = next(e for e in events if e.get("exit_signal") == "SIGKILL")
        self.assertIsNone(killed["exit_code"])
        numbers = [e["number"] for e in events]
        self.assertEqual(numbers, sorted(numbers))
        # Each begins where the one before has ended.
        for before, after in zip(events, events[1:]):
            self.assertEqual(before["to"], after["from"])
        self.assertEqual(events[-1]["to"], "stopped")

    def test_status_watch_as_json(self):
        s = self.stack(ONE).run()
        watching = s.begin("status", "--watch", "--json")
        for _ in range(2):
            self.assertEqual(json.loads(watching.stdout.readline())["instances"][0]["app"], "a")
        watching.terminate()
        watching.communicate(timeout=LIMIT)


class Protocol(Control):
    def test_service(self):
        s = self.stack(ONE).run()
        wire = self.wire(s)
        info = wire.call("org.varlink.service.GetInfo")["parameters"]
        self.assertEqual(set(info), {"vendor", "product", "version", "url", "interfaces"})
        self.assertEqual(set(info["interfaces"]), {"org.varlink.service", "io.upkeep.Supervisor"})
        described = wire.call("org.varlink.service.GetInterfaceDescription", {"interface": "io.upkeep.Supervisor"})
        with open(os.path.join(SOURCE, "src", "daemon", "io.upkeep.Supervisor.varlink")) as f:
            self.assertEqual(described["parameters"]["description"], f.read())
        self.assertEqual(wire.call("org.varlink.service.GetInterfaceDescription", {"interface": "a.b"})["error"],
                         "org.varlink.service.InterfaceNotFound")

    def test_errors(self):
        s = self.stack(ONE).run()
        wire = self.wire(s)
        service, own = "org.varlink.service.", "io.upkeep.Supervisor."
        for method, parameters, error, key in (
                (own + "Nonsense", {}, service + "MethodNotFound", "method"),
                ("no.such.Method", {}, service + "InterfaceNotFound", "interface"),
                ("nodots", {}, service + "InterfaceNotFound", "interface"),
                (own + "Status", {"surplus": 1}, service + "InvalidParameter", "parameter"),
                (own + "Show", {}, service + "InvalidParameter", "parameter"),
                (own + "Show", {"app": 7}, service + "InvalidParameter", "parameter"),
                (own + "Stop", {"apps": "a"}, service + "InvalidParameter", "parameter"),
                (own + "Stop", {"apps": [1]}, service + "InvalidParameter", "parameter"),
                (own + "Start", {"timeout_ms": "1"}, service + "InvalidParameter", "parameter"),
                (own + "Show", {"app": "b"}, own + "NoSuchApp", "app"),
                (own + "Signal", {"app": "a", "signal": "SIGNONE"}, own + "BadSignal", "signal")):
            reply = wire.call(method, parameters)
            self.assertEqual(reply["error"], error, method)
            self.assertIn(key, reply["parameters"])
        self.assertIn("error", wire.call(own + "Events"))  # it needs more
        self.assertEqual(wire.call(own + "Status")["parameters"]["instances"][0]["app"], "a")

    def test_many_calls_on_one_connection(self):
        s = self.stack(ONE).run()
        wire = self.wire(s)
        wire.send(b'{"method":"org.varlink.service.GetInfo"}\0' * 200)
        for _ in range(200):
            self.assertIn("parameters", wire.receive())
        wire.send(b'{"method":"io.upkeep.Supervisor.Status","oneway":true}\0')
        self.assertIn("vendor", wire.call("org.varlink.service.GetInfo")["parameters"])

    def test_half_closed_caller_gets_its_answer(self):
        s = self.stack(ONE).run()
        wire = self.wire(s)
        wire.send(b'{"method":"io.upkeep.Supervisor.Status"}\0')
        wire.socket.shutdown(socket.SHUT_WR)
        self.assertIn("instances", wire.receive()["parameters"])
        self.assertIsNone(wire.receive())


class Hostile(Control):
    def descriptors(self, s):
        until("the log is made", lambda: os.path.exists(os.path.join(s.folder, "logs", "a.log")))
        return len(os.listdir(f"/proc/{s.supervisor.pid}/fd"))

    def memory_kib(self, s):
        with open(f"/proc/{s.supervisor.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

    def check_unharmed(self, s, descriptors):
        until("the connections are gone", lambda: self.descriptors(s) <= descriptors)
        self.assertIsNone(s.supervisor.poll())
        best = min(self.answer_seconds(s) for _ in range(5))
        self.assertLess(best, 0.25)
        self.assertEqual(s.state("a"), "ready")

    def answer_seconds(self, s):
        begin = time.monotonic()
        s.call("status", check=0)
        return time.monotonic() - begin

    def test_what_is_no_message(self):
        s = self.stack(ONE).run()
        s.call("wait", check=0)
        before = self.descriptors(s)
        nested = b'{"method":"io.upkeep.Supervisor.Status","parameters":{"a":' + b"[" * 100000 + b"]" * 100000 + b"}}\0"
        values = b'{"method":"io.upkeep.Supervisor.Status","parameters":{"a":[' + b"{}," * 300000 + b"0]}}\0"
        for data in (b"\0", b"\0\0\0", b"garbage\0", b"{}\0", b"[]\0", b"null\0", b"{\"method\":7}\0", b"{\"method\":\"\"}\0",
                     os.urandom(65536) + b"\0", b"\xff\xfe{}\0", b'{"method":"\xff\xfe"}\0', b'{"method":"a\\u0000b"}\0',
                     b'{"method":"io.upkeep.Supervisor.Show","parameters":{"app":"\xc3\x28"}}\0',
                     b'{"method":"x","method":"y"}\0', b'{"method":"io.upkeep.Supervisor.Status","parameters":[]}\0',
                     b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n\0", b"x" * (2 << 20), nested, values,
                     b'{"method":"' + b"m" * (1 << 19) + b'"}\0', b'{"method":"io.upkeep.Supervisor.Status"'):
            wire = self.wire(s)
            if wire.send(data):
                try:
                    wire.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it has hung up already
            while (reply := wire.receive()) is not None:
                self.assertIn("error", reply, data[:80])
            wire.close()
        self.check_unharmed(s, before)

    def test_idle_crowd(self):
        s = self.stack(ONE).run()
        s.call("wait", check=0)
        before = self.descriptors(s)
        idle = [self.wire(s) for _ in range(500)]
        self.answer_seconds(s)  # while they all are there
        s.call("restart", "a", check=0)
        for wire in idle:
            wire.close()
        self.check_unharmed(s, before)

    def test_silent_and_slow_callers_are_cut_off(self):
        s = self.stack(ONE).run()
        s.call("wait", check=0)
        before = self.descriptors(s)
        silent, slow = self.wire(s), self.wire(s)
        began = time.monotonic()
        while slow.send(b" ") and time.monotonic() < began + LIMIT:
            time.sleep(0.1)  # this is the slowness, not a wait
        self.assertLess(time.monotonic() - began, LIMIT)
        self.assertIsNone(silent.receive())
        self.check_unharmed(s, before)

    def test_follower_that_does_not_read(self):
        crash = f"command = {CHILD} exit 1\nrestart_delay = 0ms\nrestart_delay_max = 0ms\nmax_restarts = 0\n"
        s = self.stack(ONE + "".join(f"[app:crash{i}]\n{crash}stdout = null\nautostart = false\n" for i in range(20)))
        s.run()
        s.call("wait", check=0)
        crashers = [f"crash{i}" for i in range(20)]
        s.call("start", "--no-wait", *crashers, check=0)
        s.call("stop", *crashers, check=0)
        before, memory = self.descriptors(s), self.memory_kib(s)
        deaf = self.wire(s)
        deaf.send(b'{"method":"io.upkeep.Supervisor.Events","parameters":{"follow":true},"more":true}\0')
        s.call("start", "--no-wait", *crashers, check=0)
        poll = select.poll()
        poll.register(deaf.socket, 0)
        most = 0

        def is_cut_off():
            nonlocal most
            most = max(most, self.memory_kib(s))
            return poll.poll(0)

        until("the follower is cut off", is_cut_off, limit=4 * LIMIT)
        self.assertLess(most - memory, 24 * 1024)
        s.call("stop", *crashers, check=0)
        deaf.close()
        self.check_unharmed(s, before)

    def test_caller_that_does_not_take_its_answers(self):
        s = self.stack(ONE).run()
        s.call("wait", check=0)
        before = self.descriptors(s)
        deaf = self.wire(s)
        deaf.socket.settimeout(1)
        try:
            for _ in range(10000):
                if not deaf.send(b'{"method":"io.upkeep.Supervisor.Status"}\0' * 100):
                    break
        except socket.timeout:
            pass  # it no longer listens to us: fair
        self.answer_seconds(s)
        deaf.close()
        self.check_unharmed(s, before)

    def test_hanging_up_while_waiting(self):
        s = self.stack(ONE + f"[app:late]\ncommand = {CHILD} run\nready = notify\nready_timeout = 1m\n").run()
        s.wait_state("a", "ready")
        before = self.descriptors(s)
        for _ in range(100):
            wire = self.wire(s)
            wire.send(b'{"method":"io.upkeep.Supervisor.Wait"}\0')
            wire.close()
        self.check_unharmed(s, before)


@unittest.skipUnless(os.geteuid() == 0, "skipped: another user can only be had by root")
class OtherUser(Control):
    def setUp(self):
        if subprocess.run([*AS_NOBODY, "test", "-x", UPKEEP, "-a", "-x", CHILD], check=False).returncode != 0:
            self.skipTest("skipped: the build folder is closed to others")

    def open_stack(self, manifest):
        s = self.stack(manifest)
        os.chmod(s.top, 0o755)
        return s

    def test_no_permission(self):
        s = self.open_stack(ONE).run()
        for words in (("status",), ("stop",), ("start",), ("shutdown",)):
            self.assertOneLine(s.call(*words, prefix=AS_NOBODY, check=1), "no permission", "root")
        self.assertEqual(s.state("a"), "ready")

    def test_open_socket_is_not_enough(self):
        s = self.open_stack("[upkeep]\nsocket_mode = 0666\n" + ONE).run()
        os.chmod(os.path.join(s.folder, ".upkeep"), 0o755)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(s.folder, ".upkeep", "control.sock")).st_mode), 0o666)
        self.assertOneLine(s.call("stop", prefix=AS_NOBODY, check=1), "another user")
        self.assertEqual(s.state("a"), "ready")

    def test_group(self):
        group = grp.getgrgid(2).gr_name
        s = self.open_stack(f"[upkeep]\nsocket_group = {group}\nsocket_mode = 0660\n" + ONE).run()
        socket_file = os.stat(os.path.join(s.folder, ".upkeep", "control.sock"))
        self.assertEqual((stat.S_IMODE(socket_file.st_mode), socket_file.st_gid), (0o660, 2))
        for groups in (("--regid=2", "--clear-groups"), (f"--regid={NOBODY}", "--groups=2")):
            prefix = ("setpriv", f"--reuid={NOBODY}", *groups)
            s.call("status", prefix=prefix, check=0)
        s.call("stop", prefix=prefix, check=0)
        self.assertEqual(s.state("a"), "stopped")
        self.assertIn(f"uid {NOBODY}", s.call("why", "a", check=0).out)
        self.assertOneLine(s.call("status", prefix=AS_NOBODY, check=1), "no permission")

    def test_unknown_group(self):
        s = self.stack("[upkeep]\nsocket_group = no-such-group\n" + ONE)
        for command in ("run", "start"):
            self.assertIn("no-such-group", s.call(command, check=1 if command else 2).err)

    def test_root_may_ask_another_users_supervisor(self):
        s = self.open_stack(ONE)
        os.chown(s.folder, NOBODY, NOBODY)
        s.run(prefix=AS_NOBODY)
        s.call("wait", check=0)
        self.assertEqual(s.call("status", prefix=AS_NOBODY, check=0).err, "")
        self.assertEqual(os.stat(f"/proc/{s.pid('a')}").st_uid, NOBODY)


if __name__ == "__main__":
    main()
