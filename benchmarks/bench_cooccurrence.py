"""Counting words near words beside Stanford's vocab_count and cooccur, from text to counts, vocabulary included.

Set LEXIGRAD_GLOVE to the directory with Stanford's programs; they use one thread.
"""

import tempfile
import time
from functools import partial
from typing import Any

from benchmarks import corpus, harness, stanford_glove
from benchmarks.harness import OURS

TARGET = 2


def count(text: str, window: int, threads: int) -> dict[str, Any]:
    """In a process of its own."""
    from lexigrad.embed.cooccurrence import count_neighbours
    from lexigrad.text.corpus import as_corpus
    from lexigrad.text.encoding import scan
    from lexigrad.text.vocabulary import select

    began = time.perf_counter()
    with scan(as_corpus(text), workers=threads) as scanned:
        vocabulary = select(scanned.counts, min_count=stanford_glove.MIN_COUNT)
        with scanned.finish(vocabulary) as stream:
            counts = count_neighbours(stream, len(vocabulary), window, "harmonic", True, workers=threads)
    return {"seconds": time.perf_counter() - began, "entries": len(counts.values)}


def main(argv: list[str]) -> None:
    parser = harness.parser("cooccurrence", __doc__ or "")
    parser.add_argument("--tokens", type=int, default=corpus.TOKENS, help="of the corpus (%(default)s)")
    parser.add_argument("--window", type=int, default=10, help="(%(default)s)")
    options = parser.parse_args(argv)
    source = {"text": str(corpus.wiki(options.tokens).path), "window": options.window}
    directory = stanford_glove.programs()

    def seconds(function: str, threads: int, **arguments: Any) -> float:
        done = harness.run_child(function, source | arguments, threads=threads, launcher=options.launcher)
        return float(done["seconds"])

    with tempfile.TemporaryDirectory(dir=corpus.directory()) as folder:
        theirs = partial(seconds, "benchmarks.stanford_glove:count", 1, directory=directory, folder=folder)
        for threads in options.threads:
            ours = partial(seconds, "benchmarks.bench_cooccurrence:count", threads, threads=threads)
            measured = harness.alternate(options.rounds, {OURS: ours, stanford_glove.NAME: theirs})
            case = {"tokens": options.tokens, "window": options.window, "threads": threads}
            targets = {stanford_glove.NAME: TARGET}
            rows = harness.compare(measured, case, "s", more_is_better=False, targets=targets)
            harness.record("cooccurrence", rows)
