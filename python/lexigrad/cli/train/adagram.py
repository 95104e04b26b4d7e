"""The command ``train adagram``."""

import argparse
from typing import Any

from lexigrad.cli.common import command, count, count_or_zero
from lexigrad.cli.train import embeddings


def add(models: Any) -> None:
    parser = command(
        models,
        "adagram",
        _train,
        "train word vectors with several senses a word",
        "lexigrad train adagram corpus.txt -o senses.txt --prototypes 10 --alpha 0.15",
    )
    embeddings.add_files(parser)

    model = parser.add_argument_group(
        "model", "the vectors are those of the senses, under the names word#0, word#1 and so on"
    )
    embeddings.add_shape(model, window=4)
    model.add_argument("--context-cut", action="store_true", help="each word draws its own window from 1..window")
    model.add_argument("--prototypes", type=count, default=5, metavar="N", help="the most senses of a word (5)")
    model.add_argument("--alpha", type=float, default=0.1, metavar="X", help="larger: more senses are found (0.1)")
    model.add_argument("--d", type=float, default=0.0, metavar="X", help="discount of a Pitman-Yor process (0)")
    model.add_argument("--init-count", type=float, metavar="X", help="what a word's first sense begins with (all)")
    model.add_argument(
        "--sense-threshold", type=float, default=1e-10, metavar="X", help="less probable senses take no step (1e-10)"
    )

    vocabulary = embeddings.add_vocabulary(parser, min_count=20, sample=0.0)
    vocabulary.add_argument(
        "--remove-top-k", type=count_or_zero, default=0, metavar="N", help="so many of the most frequent words go (0)"
    )
    vocabulary.add_argument("--stopwords", metavar="FILE", help="words to ignore, a word a line")
    vocabulary.add_argument("--regex", metavar="PATTERN", help="words in which this is not found are ignored")

    training = embeddings.add_passes(parser, epochs=1)
    training.add_argument("--start-lr", type=float, default=0.025, metavar="X", help="first learning rate (0.025)")


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.adagram import AdaGram

    settings = embeddings.common_settings(args) | {
        "prototypes": args.prototypes,
        "alpha": args.alpha,
        "d": args.d,
        "remove_top_k": args.remove_top_k,
        "stopwords": _stopwords(args.stopwords),
        "regex": args.regex,
        "init_count": args.init_count,
        "sense_threshold": args.sense_threshold,
        "start_lr": args.start_lr,
        "shrink_windows": args.context_cut,
    }
    return embeddings.train(args, AdaGram, settings, vectors="sv", unit="senses")


def _stopwords(path: str | None) -> list[str]:
    if path is None:
        return []
    with open(path, encoding="utf-8") as file:
        return file.read().split()
