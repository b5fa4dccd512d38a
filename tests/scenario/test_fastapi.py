"""The backend half of examples/fastapi-nextjs for real: FastAPI under uvicorn, SQLite with a write-ahead log."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from harness import LIMIT, Scenario, free_port, main, until

EXAMPLE = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "fastapi-nextjs")
PYTHON = "/usr/bin/python3"


def read(name):
    with open(os.path.join(EXAMPLE, name)) as f:
        return f.read()


def has_packages():
    try:
        return subprocess.run([PYTHON, "-c", "import fastapi, uvicorn, websockets"], capture_output=True).returncode == 0
    except OSError:
        return False


def begin(port, method, path):
    """A request that was sent; its answer is still to be read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    connection.request(method, path)
    return connection


def finish(connection):
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


def request(port, method, path):
    return finish(begin(port, method, path))


class Flow(threading.Thread):
    """Posts notes without a pause. One that is not taken, because nobody listens for a moment, is posted again."""

    def __init__(self, port, name):
        super().__init__(daemon=True)
        self.port, self.label = port, name
        self.taken, self.wrong = [], []
        self.is_over = threading.Event()

    def post(self, text):
        try:
            status, _ = request(self.port, "POST", f"/notes?text={text}")
        except http.client.IncompleteRead as e:
            self.wrong.append((text, e))
            return
        except (OSError, http.client.HTTPException):
            return
        if status == 200:
            self.taken.append(text)
        else:
            self.wrong.append((text, status))

    def run(self):
        while not self.is_over.is_set():
            self.post(f"{self.label}-{len(self.taken)}")
            self.is_over.wait(0.002)

    def end(self):
        self.is_over.set()
        self.join(LIMIT)


@unittest.skipUnless(has_packages(), "skipped: python3-fastapi, python3-uvicorn and python3-websockets are not installed for /usr/bin/python3")
class FastApi(Scenario):
    def example(self, settings=None):
        port = free_port()
        s = self.stack(read("upkeep.ini").replace("14200", str(port)),
                       files={name: read(name) for name in ("backend/app.py", "backend/requirements.txt")})
        os.chmod(s.write(".env.staging", settings or read(".env.staging")), 0o600)
        s.call("prepare", "backend", check=0)
        return s, port

    def notes_in_the_file_alone(self, s):
        """What a copy of notes.db, without its write-ahead log, holds."""
        copy = os.path.join(s.top, "copy.db")
        with open(copy, "wb") as f:
            f.write(s.read("data/notes.db"))
        database = sqlite3.connect(copy)
        texts = [row[0] for row in database.execute("SELECT text FROM notes ORDER BY id")]
        database.close()
        return texts

    def log_bytes(self, s):
        path = os.path.join(s.folder, "data", "notes.db-wal")
        return os.path.getsize(path) if os.path.exists(path) else 0

    def test_restart_while_requests_flow(self):
        s, port = self.example()
        s.call("start", "backend", check=0)
        backend = s.app("backend")
        self.assertEqual((backend["state"], backend["why"]),
                         ("ready", f"http://127.0.0.1:{port}/health answered 200"))
        self.assertEqual(s.state("frontend"), "stopped")
        self.assertEqual(request(port, "POST", "/notes?text=first"), (200, {"id": 1}))
        self.assertGreater(self.log_bytes(s), 0)

        flows = [Flow(port, name) for name in ("left", "right")]
        for flow in flows:
            flow.start()
        until("notes flow", lambda: all(len(flow.taken) > 3 for flow in flows))
        begun = time.monotonic()
        slow = begin(port, "GET", "/slow?seconds=2")
        request(port, "GET", "/health")  # one loop answers both, in the order of their coming: the slow one is under way
        s.call("restart", "backend", check=0)
        took = time.monotonic() - begun
        self.assertEqual(finish(slow), (200, {"waited": 2.0}))
        self.assertGreater(took, 1.9)
        self.assertNotEqual(s.pid("backend"), backend["pid"])
        self.assertEqual((s.app("backend")["restarts"], s.app("backend")["exit_signal"]), (0, None))
        before = [len(flow.taken) for flow in flows]
        until("notes flow again", lambda: all(len(f.taken) > n + 3 for f, n in zip(flows, before)))
        for flow in flows:
            flow.end()
            self.assertEqual(flow.wrong, [])
        listed = [note["text"] for note in request(port, "GET", "/notes")[1]]
        for flow in flows:
            self.assertEqual([t for t in flow.taken if t not in listed], [])

        slow = begin(port, "GET", "/slow?seconds=1")
        request(port, "GET", "/health")
        s.call("stop", "backend", check=0)
        self.assertEqual(finish(slow), (200, {"waited": 1.0}))
        stopped = s.app("backend")
        self.assertEqual((stopped["state"], stopped["exit_code"]), ("stopped", 0))
        self.assertEqual(self.log_bytes(s), 0)
        self.assertEqual(self.notes_in_the_file_alone(s), listed)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()

    def test_crash_keeps_the_notes(self):
        s, port = self.example()
        s.call("start", "backend", check=0)
        self.assertEqual(request(port, "POST", "/notes?text=kept"), (200, {"id": 1}))
        pid = s.pid("backend")
        os.kill(pid, signal.SIGKILL)
        until("another process", lambda: s.pid("backend") not in (None, pid))
        s.wait_state("backend", "ready")
        self.assertEqual(request(port, "GET", "/notes"), (200, [{"id": 1, "text": "kept"}]))

    def test_a_start_that_fails_shows_what_the_app_said(self):
        s, port = self.example("ANTHROPIC_API_KEY=k\nSQLITE_PATH=/proc/notes.db\n")
        failed = s.call("start", "backend")
        self.assertEqual(failed.code, 1, failed)
        for part in ("backend: exited with code 3", "sqlite3.OperationalError: unable to open database file",
                     "Application startup failed", "logs/backend.log"):
            self.assertIn(part, failed.out + failed.err)
        s.write(".env.staging", read(".env.staging"))
        s.call("start", "backend", check=0)
        self.assertEqual(request(port, "GET", "/health"), (200, {"status": "ok"}))

    def test_key_is_missing(self):
        s, port = self.example("ANTHROPIC_API_KEY=\nSQLITE_PATH=data/notes.db\n")
        line = ".env.staging:1: error: backend: ANTHROPIC_API_KEY is empty, and require_env names it"
        self.assertIn(line, s.call("check", "backend", check=1).out)
        self.assertIn(line.replace("error: backend: ", ""), s.call("start", "backend", check=1).out)

    def test_verify(self):
        s, port = self.example()
        manifest = s.read("upkeep.ini").decode()
        s.write("upkeep.ini", manifest[:manifest.index("[app:frontend]")])
        deployed = s.call("deploy", check=0)
        self.assertIn("verify: done", deployed.out)
        self.assertIn("3 conditions hold", deployed.out)
        app = s.read("backend/app.py").decode()
        s.write("backend/app.py", app[:app.index('@app.websocket("/ws")')])
        failed = s.call("deploy", check=1)
        self.assertIn(f"backend: http://127.0.0.1:{port}/ws = 426: http://127.0.0.1:{port}/ws answered 404 instead of 426",
                      failed.err)

    def test_health_endpoint_crashes(self):
        s, port = self.example()
        s.write("upkeep.ini", s.read("upkeep.ini").decode().replace(
            "\nhealth = http", "\nhealth_interval = 50ms\nhealth_retries = 2\nhealth = http", 1))
        s.write("backend/app.py", s.read("backend/app.py").decode().replace(
            'app.state.database.execute("SELECT 1").fetchone()', 'assert not Path("../broken").exists()'))
        s.call("start", "backend", check=0)
        until("it is healthy", lambda: s.app("backend")["health"] == "healthy")
        pid = s.pid("backend")
        s.write("broken", "")
        until("it is taken down", lambda: s.pid("backend") != pid)
        self.assertIn(f"unhealthy 2 times in a row: http://127.0.0.1:{port}/health answered 500",
                      s.call("why", "backend", check=0).out)
        self.assertIn("AssertionError", s.log("backend"))


if __name__ == "__main__":
    main()
