"""Training speed of Word2Vec beside gensim, word2vec.c and pWord2Vec, on 17 million tokens.

Only training proper is timed, without counting the vocabulary (bench_vocabulary.py): for ours the training
loop (``total_train_time``), for gensim ``train()``, for the C programs the time between their progress
lines. All have the vocabulary of the whole corpus. Ours trains on all of it once; slow peers may be held to
a part of it by ``--peer-tokens``, which is in shuffled order and so like the whole.
"""

import argparse
import time
from functools import partial
from typing import Any

from benchmarks import corpus, harness, peers
from benchmarks.harness import OURS, Comparison

CASES = [
    ("sg-ns", 100),
    ("sg-ns", 300),
    ("cbow-ns", 100),
    ("cbow-ns", 300),
    ("sg-hs", 100),
    ("cbow-hs", 100),
]
TARGETS = {  # times the peer's speed
    ("sg-ns", 100): {peers.GENSIM: 12, peers.WORD2VEC_C: 20, peers.PWORD2VEC: 4},
    ("sg-ns", 300): {peers.GENSIM: 7, peers.WORD2VEC_C: 10, peers.PWORD2VEC: 3},
    ("cbow-ns", 100): {peers.GENSIM: 5, peers.WORD2VEC_C: 6},
    ("cbow-ns", 300): {peers.GENSIM: 5, peers.WORD2VEC_C: 6},
    ("sg-hs", 100): {peers.GENSIM: 4, peers.WORD2VEC_C: 5},
    ("cbow-hs", 100): {peers.GENSIM: 4, peers.WORD2VEC_C: 5},
}
TWO_THREADS = 1.8  # times the speed of one
ONE_THREAD = "one thread"


def rate(text: str, tokens: int, mode: str, dim: int, threads: int) -> dict[str, Any]:
    """Words a second of ours; runs in a process of its own."""
    from lexigrad import Word2Vec

    began = time.perf_counter()
    model = Word2Vec(
        text, vector_size=dim, workers=threads, epochs=1, **peers.objective(mode)._asdict(), **peers.SETTINGS
    )
    seconds = time.perf_counter() - began
    assert model.corpus_total_words == tokens
    return {"rate": tokens / model.total_train_time, "seconds": seconds}


def measure(function: str, arguments: dict[str, Any], threads: int, launcher: str) -> float:
    """Thousand words a second."""
    done = harness.run_child(function, arguments | {"threads": threads}, threads=threads, launcher=launcher)
    return float(done["rate"]) / 1e3


def against_peers(mode: str, dim: int, threads: int, options: argparse.Namespace) -> list[Comparison]:
    """One row for each peer that has the mode."""
    text = corpus.wiki()
    part = corpus.wiki(min(options.peer_tokens, text.tokens))
    case = {"mode": mode, "dim": dim}
    run = partial(measure, threads=threads, launcher=options.launcher)
    contenders = {
        OURS: partial(run, "benchmarks.bench_word2vec:rate", case | {"text": str(text.path), "tokens": text.tokens})
    }
    for peer in [peer for peer in peers.available(mode) if not options.peers or peer in options.peers]:
        if peer == peers.GENSIM:
            arguments = case | {"vocabulary": str(text.path), "corpus": str(part.path), "tokens": part.tokens}
            contenders[peer] = partial(run, "benchmarks.peers:gensim_rate", arguments)
        else:
            arguments = {
                "peer": peer,
                "corpus": str(text.path),
                "tokens": text.tokens,
                "stop_after": part.tokens,
            }
            contenders[peer] = partial(run, "benchmarks.peers:program_rate", case | arguments)
    measured = harness.alternate(options.rounds, contenders)
    return harness.compare(measured, case | {"threads": threads}, "thousand words/s", targets=TARGETS.get((mode, dim)))


def scaling(mode: str, dim: int, options: argparse.Namespace) -> list[Comparison]:
    """Ours with two threads against ours with one."""
    text = corpus.wiki()
    case = {"mode": mode, "dim": dim}
    arguments = case | {"text": str(text.path), "tokens": text.tokens}
    run = partial(measure, "benchmarks.bench_word2vec:rate", arguments, launcher=options.launcher)
    measured = harness.alternate(options.rounds, {OURS: partial(run, threads=2), ONE_THREAD: partial(run, threads=1)})
    case["threads"] = 2
    return harness.compare(measured, case, "thousand words/s", targets={ONE_THREAD: TWO_THREADS})


def main(argv: list[str]) -> None:
    parser = harness.parser("word2vec", "Training speed of Word2Vec beside its peers.")
    parser.add_argument("--only", nargs="+", choices=peers.MODES, metavar="MODE", help="modes (those of the targets)")
    parser.add_argument("--dim", type=int, nargs="+", default=[100, 300], help="dimensions (%(default)s)")
    parser.add_argument("--peers", nargs="+", metavar="PEER", help="peers (all that are there)")
    parser.add_argument(
        "--peer-tokens",
        type=int,
        default=corpus.TOKENS,
        metavar="N",
        help="tokens that peers train on (%(default)s)",
    )
    parser.add_argument("--scaling", action="store_true", help="only ours with two threads against one")
    options = parser.parse_args(argv)
    for line in peers.explain_absent():
        print(line)
    cases = [(mode, dim) for mode, dim in CASES if dim in options.dim and mode in (options.only or peers.MODES)]
    for mode, dim in cases:
        if options.scaling:
            harness.record("word2vec", scaling(mode, dim, options))
            continue
        for threads in options.threads:
            harness.record("word2vec", against_peers(mode, dim, threads, options))
