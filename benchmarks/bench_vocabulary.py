"""Counting and encoding a corpus beside gensim's vocabulary scan and the counting of word2vec.c.

Ours counts the words, selects the vocabulary and leaves the whole corpus as ids; gensim scans and selects;
word2vec.c counts and sorts. Neither peer encodes, and neither uses a second thread. Then: training on a
list of token lists beside training on the file, in the training loop, where both are the same ids, and over
all.
"""

import sys
import time
from functools import partial
from typing import Any

from benchmarks import corpus, harness, peers
from benchmarks.harness import OURS, Comparison

TARGETS = {peers.GENSIM: 15, peers.WORD2VEC_C: 3}
FROM_FILE = "from the file"
LIST_TOKENS = 5_000_000  # as Python lists these take some hundred megabytes
LIST_EPOCHS = 5
LISTS_TARGET = 1 / 1.5  # the speed from lists, relative to that from the file


def scan(text: str, threads: int) -> dict[str, Any]:
    from lexigrad.text.corpus import as_corpus
    from lexigrad.text.encoding import scan
    from lexigrad.text.vocabulary import select

    began = time.perf_counter()
    with scan(as_corpus(text), workers=threads) as scanned:
        vocabulary = select(scanned.counts, min_count=peers.SETTINGS["min_count"])
        with scanned.finish(vocabulary):
            seconds = time.perf_counter() - began
    return {"seconds": seconds, "words": len(vocabulary)}


def gensim_scan(text: str) -> dict[str, Any]:
    from gensim.models import Word2Vec

    model = Word2Vec(vector_size=1, min_count=peers.SETTINGS["min_count"])  # no time goes into first vectors
    began = time.perf_counter()
    model.build_vocab(corpus_file=text)
    return {"seconds": time.perf_counter() - began, "words": len(model.wv)}


def train(text: str, as_lists: bool, epochs: int, threads: int) -> dict[str, Any]:
    """Ours on the file or on its lines as lists, which are in memory before the clock starts."""
    from lexigrad import Word2Vec

    source: Any = text
    if as_lists:
        with open(text, encoding="utf-8") as lines:
            source = [list(map(sys.intern, line.split())) for line in lines]
    began = time.perf_counter()
    model = Word2Vec(source, sg=1, workers=threads, epochs=epochs, **peers.SETTINGS)
    return {"training": model.total_train_time, "whole": time.perf_counter() - began}


def counting(threads: int, rounds: int, launcher: str) -> list[Comparison]:
    """Against the peers, in seconds."""
    text = str(corpus.wiki().path)

    def seconds(function: str, arguments: dict[str, Any]) -> float:
        return float(harness.run_child(function, arguments, threads=threads, launcher=launcher)["seconds"])

    contenders = {OURS: partial(seconds, "benchmarks.bench_vocabulary:scan", {"text": text, "threads": threads})}
    found = peers.available("cbow-ns")
    if peers.GENSIM in found:
        contenders[peers.GENSIM] = partial(seconds, "benchmarks.bench_vocabulary:gensim_scan", {"text": text})
    if peers.WORD2VEC_C in found:
        arguments = {"peer": peers.WORD2VEC_C, "corpus": text}
        contenders[peers.WORD2VEC_C] = partial(seconds, "benchmarks.peers:program_count", arguments)
    measured = harness.alternate(rounds, contenders)
    case = {"task": "count and encode 17 M words", "threads": threads}
    return harness.compare(measured, case, "s", more_is_better=False, targets=TARGETS)


def lists(threads: int, rounds: int, launcher: str) -> list[Comparison]:
    """Token lists against the file, in seconds."""
    text = str(corpus.wiki(LIST_TOKENS).path)
    parts: dict[str, dict[str, list[float]]] = {"training": {}, "whole": {}}

    def run(as_lists: bool) -> float:
        arguments = {"text": text, "as_lists": as_lists, "epochs": LIST_EPOCHS, "threads": threads}
        done = harness.run_child("benchmarks.bench_vocabulary:train", arguments, threads=threads, launcher=launcher)
        for part, taken in parts.items():
            taken.setdefault(OURS if as_lists else FROM_FILE, []).append(done[part])
        return float(done["whole"])

    harness.alternate(rounds, {OURS: partial(run, True), FROM_FILE: partial(run, False)})
    names = {
        "training": "train on token lists, after the first pass",
        "whole": f"train on token lists, {LIST_EPOCHS} epochs and first pass",
    }
    rows = []
    for part, taken in parts.items():
        case = {"task": names[part], "threads": threads}
        ordered = {OURS: taken[OURS], FROM_FILE: taken[FROM_FILE]}
        rows += harness.compare(ordered, case, "s", more_is_better=False, targets={FROM_FILE: LISTS_TARGET})
    return rows


def main(argv: list[str]) -> None:
    parser = harness.parser("vocabulary", "Counting and encoding a corpus; training on token lists.", rounds=5)
    parser.add_argument("--only", choices=["counting", "lists"], help="one of the two")
    options = parser.parse_args(argv)
    for line in peers.explain_absent():
        print(line)
    for name, function in (("counting", counting), ("lists", lists)):
        for threads in options.threads if options.only in (None, name) else ():
            harness.record("vocabulary", function(threads, options.rounds, options.launcher))
