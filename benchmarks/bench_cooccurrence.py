"""Counting words near words beside Stanford's vocab_count and cooccur, from text to counts, vocabulary included.

Set LEXIGRAD_GLOVE to the directory with Stanford's programs; they use one thread.
"""

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import corpus, harness
from benchmarks.harness import OURS

STANFORD = "Stanford's GloVe"
TARGET = 2
MIN_COUNT = 5
RECORD_BYTES = 16


def programs() -> Path:
    """The directory of Stanford's programs.

    Raises:
        SystemExit: it is not known.
    """
    directory = Path(os.environ.get("LEXIGRAD_GLOVE", ""))
    if not (directory / "cooccur").exists():
        sys.exit("Stanford's programs were not found: set LEXIGRAD_GLOVE to their directory (its build/)")
    return directory


# Runs, each in a process of its own


def count(text: str, window: int, threads: int) -> dict[str, Any]:
    from lexigrad.embed.cooccurrence import count_neighbours
    from lexigrad.text.corpus import as_corpus
    from lexigrad.text.encoding import scan
    from lexigrad.text.vocabulary import select

    began = time.perf_counter()
    with scan(as_corpus(text), workers=threads) as scanned:
        vocabulary = select(scanned.counts, min_count=MIN_COUNT)
        with scanned.finish(vocabulary) as stream:
            counts = count_neighbours(stream, len(vocabulary), window, "harmonic", True, workers=threads)
    return {"seconds": time.perf_counter() - began, "entries": len(counts.values)}


def count_stanford(directory: str, text: str, window: int, folder: str) -> dict[str, Any]:
    began = time.perf_counter()
    path = Path(folder)
    with open(text, "rb") as source, (path / "vocab.txt").open("wb") as out:
        _run([f"{directory}/vocab_count", "-min-count", str(MIN_COUNT)], source, out)
    command = [f"{directory}/cooccur", "-memory", "4.0", "-window-size", str(window)]
    command += ["-vocab-file", str(path / "vocab.txt"), "-overflow-file", str(path / "overflow")]
    with open(text, "rb") as source, (path / "cooccurrence.bin").open("wb") as out:
        _run(command, source, out)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "entries": (path / "cooccurrence.bin").stat().st_size // RECORD_BYTES}


def _run(command: list[str], source: Any, out: Any) -> None:
    subprocess.run([*command, "-verbose", "0"], stdin=source, stdout=out, stderr=subprocess.DEVNULL, check=True)


def _seconds(run: Any, function: str, arguments: dict[str, Any], threads: int) -> float:
    return float(run(f"benchmarks.bench_cooccurrence:{function}", arguments, threads=threads)["seconds"])


def main(argv: list[str]) -> None:
    parser = harness.parser("cooccurrence", __doc__ or "")
    parser.add_argument("--tokens", type=int, default=corpus.TOKENS, help="of the corpus (%(default)s)")
    parser.add_argument("--window", type=int, default=10, help="(%(default)s)")
    options = parser.parse_args(argv)
    source = {"text": str(corpus.wiki(options.tokens).path), "window": options.window}
    run = partial(harness.run_child, launcher=options.launcher)
    with tempfile.TemporaryDirectory(dir=corpus.directory()) as folder:
        theirs = partial(_seconds, run, "count_stanford", source | {"directory": str(programs()), "folder": folder}, 1)
        for threads in options.threads:
            ours = partial(_seconds, run, "count", source | {"threads": threads}, threads)
            measured = harness.alternate(options.rounds, {OURS: ours, STANFORD: theirs})
            case = {"tokens": options.tokens, "window": options.window, "threads": threads}
            rows = harness.compare(measured, case, "s", more_is_better=False, targets={STANFORD: TARGET})
            harness.record("cooccurrence", rows)
