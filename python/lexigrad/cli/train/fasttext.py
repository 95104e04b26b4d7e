"""The command ``train fasttext``."""

import argparse
from collections.abc import Callable
from typing import Any

from lexigrad.cli.common import command, count, count_or_zero
from lexigrad.cli.train import embeddings
from lexigrad.cli.train.output import check_output, vectors_saver

_FORMAT = "fasttext"


def add(models: Any) -> None:
    parser = command(
        models,
        "fasttext",
        _train,
        "train word vectors with character n-grams, by skip-gram or CBOW",
        "lexigrad train fasttext 'corpus/*.txt.gz' -o model.bin --sg --alpha 0.05 --sample 1e-4",
    )
    embeddings.add_files(parser, formats=(_FORMAT,), binary="the fastText program's, n-grams too")
    model = parser.add_argument_group("model")
    kind = model.add_mutually_exclusive_group()
    kind.add_argument("--sg", action="store_true", help="skip-gram: predict each word of the window")
    kind.add_argument("--cbow", dest="sg", action="store_false", help="CBOW: predict the centre (default)")
    embeddings.add_objective(model)
    add_ngrams(model, 3, 6)
    embeddings.add_vocabulary(parser)
    embeddings.add_training(parser, epochs=5)


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.fasttext import FastText

    settings = embeddings.settings(args) | {"sg": int(args.sg)} | ngrams(args)
    return embeddings.train(args, FastText, settings, saver=program_saver)


def add_ngrams(group: Any, shortest: int, longest: int) -> None:
    """Options of character n-grams, with their defaults."""
    for name, what, default in (("--min-n", "shortest", shortest), ("--max-n", "longest", longest)):
        text = f"characters of the {what} n-grams ({default}){', 0 for none' if name == '--max-n' else ''}"
        group.add_argument(name, type=count_or_zero, default=default, metavar="N", help=text)
    group.add_argument("--bucket", type=count, default=2_000_000, metavar="N", help="rows of n-grams (2000000)")


def ngrams(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of a model that the options of n-grams stand for."""
    return {"min_n": args.min_n, "max_n": args.max_n, "bucket": args.bucket}


def program_saver(path: str, format: str, vectors: str) -> Callable[[Any], None]:
    """As :func:`vectors_saver`, but for the format of the fastText program."""
    if format == _FORMAT or (format == "auto" and path.endswith(".bin")):
        check_output(path)
        return lambda model: model.save_fasttext_format(path)
    return vectors_saver(path, format, vectors)
