"""What training leaves of the interpreter: a Python thread that counts in a loop, alone and beside training.

Training runs with one worker in the main thread, so that the counting thread has a core of its own where
there are two.
"""

import threading
import time
from typing import Any

from benchmarks import corpus, harness, peers
from benchmarks.harness import Comparison

TARGET = 0.9  # of its speed
ALONE = "counting alone"
ALONE_SECONDS = 2.0


class Counter(threading.Thread):
    """Counts until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.count = 0
        self.running = True

    def run(self) -> None:
        while self.running:
            self.count += 1


def count(text: str) -> dict[str, Any]:
    """Counts a second beside training and alone."""
    from lexigrad import Word2Vec

    marks: list[tuple[float, int]] = []

    def mark(now: Any) -> None:
        if now.stage == "training":
            marks.append((time.perf_counter(), counter.count))

    counter = Counter()
    counter.start()
    begin = (time.perf_counter(), counter.count)
    time.sleep(ALONE_SECONDS)
    end = (time.perf_counter(), counter.count)
    Word2Vec(text, sg=1, workers=1, epochs=1, progress=mark, **peers.SETTINGS)
    counter.running = False
    return {"beside": _rate(marks[0], marks[-1]), "alone": _rate(begin, end)}


def _rate(begin: tuple[float, int], end: tuple[float, int]) -> float:
    return (end[1] - begin[1]) / (end[0] - begin[0])


def main(argv: list[str]) -> None:
    parser = harness.parser("gil", "Speed that a Python thread keeps beside training.", rounds=5)
    options = parser.parse_args(argv)
    pairs = []
    for _ in range(options.rounds):
        done = harness.run_child(
            "benchmarks.bench_gil:count",
            {"text": str(corpus.wiki().path)},
            threads=1,
            launcher=options.launcher,
        )
        pairs.append((done["beside"] / 1e6, done["alone"] / 1e6))
    case = {"task": "a Python loop beside training, workers=1"}
    harness.record("gil", [Comparison(case, "million/s", ALONE, pairs, target=TARGET)])
