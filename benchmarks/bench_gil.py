"""What training leaves of the interpreter: the speed of a Python thread that counts in a loop beside it.

Training runs with one worker in the main thread, so that the counting thread has a core of its own where
there are two. Two things to compare with: counting alone, and counting while the same training runs in
another process, which takes the memory bandwidth, power and shared parts of a core that training takes but
has no lock in common. The three phases take turns of a fraction of a second in one process.
"""

import signal
import subprocess
import sys
import threading
import time
from typing import Any

from benchmarks import corpus, harness, peers
from benchmarks.harness import OURS

TARGET = 0.9  # of its speed
PHASES = {OURS: "beside", "counting alone": "alone", "beside another process": "elsewhere"}
PHASE_SECONDS = 0.4
TURNS = 20
READY = "training"


class Counter(threading.Thread):
    """Counts until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.count = 0
        self.running = True
        self._mark = (time.perf_counter(), 0)

    def run(self) -> None:
        while self.running:
            self.count += 1

    def begin(self) -> None:
        self._mark = (time.perf_counter(), self.count)

    def rate(self) -> float:
        """Counts a second since ``begin``."""
        return (self.count - self._mark[1]) / (time.perf_counter() - self._mark[0])

    def during(self, seconds: float) -> float:
        self.begin()
        time.sleep(seconds)
        return self.rate()


def train(text: str, progress: Any) -> None:
    from lexigrad import Word2Vec

    Word2Vec(text, sg=1, workers=1, epochs=1000, progress=progress, **peers.SETTINGS)


def train_elsewhere(text: str) -> dict[str, Any]:
    """Train until killed; says when training has begun."""
    train(text, lambda now: now.stage == "training" and print(READY, flush=True))
    return {}


def count(text: str) -> dict[str, list[float]]:
    """Counts a second in each phase of each turn."""
    from lexigrad import StopTraining

    command = [sys.executable, "-c", f"from benchmarks import bench_gil as b; b.train_elsewhere({text!r})"]
    rates: dict[str, list[float]] = {phase: [] for phase in PHASES.values()}
    counter = Counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        other.send_signal(signal.SIGSTOP)

        def take_turns(now: Any) -> None:
            if now.stage != "training" or (counter.is_alive() and time.perf_counter() < turn_ends[0]):
                return
            if counter.is_alive():
                rates["beside"].append(counter.rate())
                rates["alone"].append(counter.during(PHASE_SECONDS))
                other.send_signal(signal.SIGCONT)
                rates["elsewhere"].append(counter.during(PHASE_SECONDS))
                other.send_signal(signal.SIGSTOP)
            else:
                counter.start()
            if len(rates["beside"]) == TURNS:
                raise StopTraining
            turn_ends[0] = time.perf_counter() + PHASE_SECONDS
            counter.begin()

        turn_ends = [0.0]
        train(text, take_turns)
        counter.running = False
        other.kill()
    return rates


def main(argv: list[str]) -> None:
    parser = harness.parser("gil", "Speed that a Python thread keeps beside training.", rounds=3)
    options = parser.parse_args(argv)
    measured: dict[str, list[float]] = {name: [] for name in PHASES}
    for _ in range(options.rounds):
        arguments = {"text": str(corpus.wiki().path)}
        done = harness.run_child("benchmarks.bench_gil:count", arguments, threads=1, launcher=options.launcher)
        for name, phase in PHASES.items():
            measured[name] += [rate / 1e6 for rate in done[phase]]
    case = {"task": "count in a Python thread beside training, workers=1"}
    targets = dict.fromkeys(PHASES, TARGET)
    harness.record("gil", harness.compare(measured, case, "million/s", targets=targets))
