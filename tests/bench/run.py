#!/usr/bin/env python3
"""Figures beside their physical limit, in one run: tests/bench/run BUILD_DIR [NAME…]

Each row is the median of several rounds, the limit measured in the same rounds, and the ratio. Nothing is asserted: a noisy machine
must not turn a test red. The bound that each row is held to stands beside it."""

import json
import os
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/dev")
UPKEEP, CHILD, RAW = (os.path.join(BUILD, p) for p in ("upkeep", "tests/bench/bench_child", "tests/bench/bench_raw"))
GAPS = 400
ROWS = []


class Board:
    """The shared file of board.h."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "board")
        self.reset()

    def reset(self):
        with open(self.path, "wb") as f:
            f.write(bytes(8 * (6 + GAPS)))

    def read(self):
        with open(self.path, "rb") as f:
            n = struct.unpack(f"{6 + GAPS}q", f.read())
        return dict(begun=n[0], ready=n[2], after=n[3], done=n[4], gaps=n[6:6 + n[5]])


class Stack:
    def __init__(self, manifest):
        self.folder = tempfile.mkdtemp(prefix="upkeep-bench-")
        self.board = Board(self.folder)
        with open(os.path.join(self.folder, "upkeep.ini"), "w") as f:
            f.write(manifest.format(child=f"{CHILD} {self.board.path}"))
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
        shutil.rmtree(self.folder)

    def run(self):
        with open(os.path.join(self.folder, "out"), "wb") as out:
            self.process = subprocess.Popen([UPKEEP, "run"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out)
        return self

    def call(self, *words):
        return subprocess.run([UPKEEP, *words], cwd=self.folder, capture_output=True, text=True, check=False)

    def until(self, condition, limit=60):
        deadline = time.monotonic() + limit
        while not condition(self.board.read()):
            if time.monotonic() > deadline:
                raise SystemExit("bench: something did not happen in time; see " + self.folder)
            time.sleep(0.0005)

    def pss_kib(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))

    def cpu_ms(self):
        with open(f"/proc/{self.process.pid}/schedstat") as f:
            return int(f.read().split()[0]) / 1e6

    def switches(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)


def row(name, ours, limit, unit, bound):
    ratio = f"{ours / limit:6.2f}x" if limit else "       "
    limit_text = f"{limit:10.2f}" if limit else " " * 10
    ROWS.append((name, ours))
    print(f"{name:42} {ours:10.2f} {limit_text} {unit:4} {ratio}  {bound}", flush=True)


def raw(*words):
    return [float(x) for x in subprocess.run([RAW, *map(str, words)], capture_output=True, text=True,
                                             check=True).stdout.split()]


def apps(count, action, keys=""):
    return "".join(f"[app:a{i}]\ncommand = {{child}} {action}\n{keys}" for i in range(count))


def spawn_and_stop(count=1000, rounds=3):
    spawned, stopped, raw_spawned, raw_stopped = [], [], [], []
    for _ in range(rounds):
        with Stack("") as s:
            _, begun, ended = raw("spawn", s.board.path, count, CHILD)
            raw_spawned.append(begun)
            raw_stopped.append(ended)
        with Stack(apps(count, "pause")) as s:
            begin = time.monotonic()
            s.run().until(lambda b: b["begun"] >= count)
            spawned.append((time.monotonic() - begin) * 1e3)
            s.call("wait")
            begin = time.monotonic()
            s.process.send_signal(signal.SIGTERM)
            s.process.wait()
            stopped.append((time.monotonic() - begin) * 1e3)
    row(f"start {count} apps", statistics.median(spawned), statistics.median(raw_spawned), "ms", "at most 2x")
    row(f"stop {count} willing apps", statistics.median(stopped), statistics.median(raw_stopped), "ms", "at most 2x")


def crash(count=200):
    with Stack("") as s:
        raw_gaps = []
        subprocess.run([RAW, "crash", s.board.path, str(count), CHILD], check=True)
        raw_gaps = s.board.read()["gaps"]
    with Stack(apps(1, "crash", "restart_delay = 0ms\nmax_restarts = 0\n")) as s:
        s.run().until(lambda b: len(b["gaps"]) >= count)
        gaps = s.board.read()["gaps"]
    row("crash to the new main()", statistics.median(gaps) / 1e6, statistics.median(raw_gaps) / 1e6, "ms",
        "at most 1.5x + 1 ms")


def deaf(count=100, timeout_s=2):
    with Stack(apps(count, "deaf", f"kill_timeout = {timeout_s}s\n")) as s:
        s.run().until(lambda b: b["begun"] >= count)
        s.call("wait")
        begin = time.monotonic()
        s.call("stop")
        took = (time.monotonic() - begin) * 1e3
    row(f"stop {count} apps that ignore SIGTERM", took, timeout_s * 1000, "ms", "1.0x kill_timeout")


def lines(count=1000000):
    for batch, mode, bound in ((512, "batched", "at most 1.3x"), (1, "batched", "(one write a line)")):
        ours, limits = [], []
        for _ in range(3):
            with Stack("") as s:
                limits.append(raw("read", s.board.path, count, batch, mode, CHILD)[0])
            with Stack(apps(1, f"lines {count} {batch}", "autostart = no\n")) as s:
                s.run()
                while s.call("status").returncode != 0:
                    time.sleep(0.001)
                before = s.cpu_ms()
                s.call("start", "--no-wait", "a0")
                s.until(lambda b: b["done"])
                s.call("stop")
                ours.append(s.cpu_ms() - before)
        row(f"1M lines, {batch} a write: supervisor's CPU", statistics.median(ours), statistics.median(limits), "ms",
            bound)


def memory():
    for count, bound in ((2, 1.5), (100, 2), (1000, 8)):
        with Stack(apps(count, "pause")) as s:
            s.run().until(lambda b: b["begun"] >= count)
            s.call("wait")
            s.call("status")
            row(f"PSS with {count} apps", s.pss_kib() / 1024, None, "MiB", f"under {bound}")


def idle(seconds=30):
    with Stack(apps(100, "pause")) as s:
        s.run().until(lambda b: b["begun"] >= 100)
        s.call("wait")
        time.sleep(11)
        before = s.switches()
        time.sleep(seconds)
        row(f"wake-ups in {seconds} idle seconds, 100 apps", s.switches() - before, None, "", "0")


def status():
    for count, bound in ((100, 5), (1000, 25)):
        with Stack(apps(count, "pause")) as s:
            s.run().until(lambda b: b["begun"] >= count)
            s.call("wait")
            took = []
            for _ in range(15):
                begin = time.monotonic()
                s.call("status")
                took.append((time.monotonic() - begin) * 1e3)
            begin = time.monotonic()
            for _ in range(15):
                subprocess.run([UPKEEP, "version"], capture_output=True)
            bare = (time.monotonic() - begin) / 15 * 1e3
        row(f"status with {count} apps (limit: a bare exec)", statistics.median(took), bare, "ms", f"under {bound} ms")


def ready():
    for how, keys in (("listen 14999", "port = 14999\n"), ("notify", "ready = notify\n")):
        took = []
        for ms in (50, 120, 300, 555, 777, 901):
            manifest = f"[app:a]\ncommand = {{child}} {how} {ms}\n{keys}" \
                       "[app:b]\ncommand = {child} after\ndepends_on = a\n"
            with Stack(manifest) as s:
                s.run().until(lambda b: b["after"])
                b = s.board.read()
                took.append((b["after"] - b["ready"]) / 1e6)
        row(f"{how.split()[0]} to the dependant's main(), worst", max(took), None, "ms", "3 ms and a spawn")


BENCHES = [spawn_and_stop, crash, deaf, lines, memory, idle, status, ready]

if __name__ == "__main__":
    print(f"{'':42} {'upkeep':>10} {'limit':>10}")
    for bench in BENCHES:
        if len(sys.argv) < 3 or bench.__name__ in sys.argv[2:]:
            bench()
