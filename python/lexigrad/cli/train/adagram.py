"""The command ``train adagram``."""

import argparse
from typing import TYPE_CHECKING, Any

from lexigrad.cli.common import command, count, count_or_zero
from lexigrad.cli.train.output import add_files, add_training, add_vocabulary, common_settings, train_model

if TYPE_CHECKING:
    from lexigrad.embed.adagram import AdaGram
    from lexigrad.progress import Hook


def add(models: Any) -> None:
    parser = command(
        models,
        "adagram",
        _train,
        "train word vectors with several senses a word",
        "lexigrad train adagram corpus.txt -o senses.txt --prototypes 10 --alpha 0.15",
    )
    add_files(parser)

    model = parser.add_argument_group(
        "model", "the vectors are those of the senses, under the names word#0, word#1 and so on"
    )
    model.add_argument("--size", "--dim", type=count, default=100, metavar="N", help="dimensions (100)")
    model.add_argument("--window", type=count, default=4, metavar="N", help="words on either side (4)")
    model.add_argument("--context-cut", action="store_true", help="each word draws its own window from 1..window")
    model.add_argument("--prototypes", type=count, default=5, metavar="N", help="the most senses of a word (5)")
    model.add_argument("--alpha", type=float, default=0.1, metavar="X", help="larger: more senses are found (0.1)")
    model.add_argument("--d", type=float, default=0.0, metavar="X", help="discount of a Pitman-Yor process (0)")
    model.add_argument("--init-count", type=float, metavar="X", help="what a word's first sense begins with (all)")
    model.add_argument(
        "--sense-threshold", type=float, default=1e-10, metavar="X", help="less probable senses take no step (1e-10)"
    )
    model.add_argument(
        "--save-threshold", type=float, default=1e-3, metavar="X", help="less probable senses are not written (1e-3)"
    )

    vocabulary = add_vocabulary(parser, min_count=20, sample="0")
    vocabulary.add_argument(
        "--remove-top-k", type=count_or_zero, default=0, metavar="N", help="so many of the most frequent words go (0)"
    )
    vocabulary.add_argument("--stopwords", metavar="FILE", help="words to ignore, a word a line")
    vocabulary.add_argument("--regex", metavar="PATTERN", help="words in which this is not found are ignored")

    training = add_training(parser, epochs=1)
    training.add_argument("--start-lr", type=float, default=0.025, metavar="X", help="first learning rate (0.025)")


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.adagram import AdaGram

    return train_model(
        args, AdaGram, lambda hook: _new(args, hook), lambda model: model.sense_keyedvectors(args.save_threshold)
    )


def _new(args: argparse.Namespace, hook: "Hook | None") -> "AdaGram":
    from lexigrad.embed.adagram import AdaGram

    return AdaGram(
        args.corpus,
        prototypes=args.prototypes,
        alpha=args.alpha,
        d=args.d,
        remove_top_k=args.remove_top_k,
        stopwords=_stopwords(args.stopwords),
        regex=args.regex,
        init_count=args.init_count,
        sense_threshold=args.sense_threshold,
        start_lr=args.start_lr,
        shrink_windows=args.context_cut,
        **common_settings(args, hook),
    )


def _stopwords(path: str | None) -> list[str]:
    if path is None:
        return []
    with open(path, encoding="utf-8") as file:
        return file.read().split()
