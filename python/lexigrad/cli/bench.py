"""The command ``bench``."""

import argparse
from typing import TYPE_CHECKING, Any

from lexigrad import __version__, _core
from lexigrad.cli.common import add_workers, command, count

if TYPE_CHECKING:
    from lexigrad.embed.word2vec import Word2Vec


def add(commands: Any) -> None:
    parser = command(
        commands,
        "bench",
        _bench,
        "measure how fast this machine trains; needs no file",
        "lexigrad bench --size 300",
    )
    parser.add_argument("--size", type=count, default=100, metavar="N", help="dimensions (100)")
    add_workers(parser)


def _bench(args: argparse.Namespace) -> int:
    from lexigrad.embed.word2vec import Word2Vec
    from lexigrad.text import builtin

    sentences = builtin.sentences()
    words = sum(map(len, sentences))
    most = args.workers or _core.num_threads()
    print(f"lexigrad {__version__}, {_core.isa} kernels; {words:,} words of this Python's documentation")
    print(f"{args.size} dimensions, window 5, negative 5, sample 1e-3; thousand words/s, median of 3\n")
    print(f"{'threads':<10}{'skip-gram':>12}{'CBOW':>12}")
    for workers in _thread_counts(most):
        rates = []
        for sg in (1, 0):
            model = Word2Vec(vector_size=args.size, sg=sg, workers=workers, seed=1)
            model.build_vocab(sentences)
            rates.append(_median_rate(model, sentences, words))
        print(f"{workers:<10}{rates[0] / 1e3:>12,.0f}{rates[1] / 1e3:>12,.0f}", flush=True)
    return 0


def _thread_counts(most: int) -> list[int]:
    """1, 2, 4, ... and the greatest."""
    return sorted({*(2**i for i in range(most.bit_length()) if 2**i < most), most})


def _median_rate(model: "Word2Vec", sentences: list[list[str]], words: int, epochs: int = 5) -> float:
    rates = []
    for _ in range(3):
        before = model.total_train_time
        model.train(sentences, total_examples=len(sentences), epochs=epochs)
        rates.append(words * epochs / max(model.total_train_time - before, 1e-9))
    return sorted(rates)[1]
