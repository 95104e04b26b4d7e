"""The command ``train word2vec``."""

import argparse
from typing import TYPE_CHECKING, Any

from lexigrad.cli.common import command, count, count_or_zero
from lexigrad.cli.train.output import add_files, add_training, add_vocabulary, common_settings, train_model

if TYPE_CHECKING:
    from lexigrad.embed.word2vec import Word2Vec
    from lexigrad.progress import Hook


def add(models: Any) -> None:
    parser = command(
        models,
        "word2vec",
        _train,
        "train word vectors by skip-gram or CBOW",
        "lexigrad train word2vec 'corpus/*.txt.gz' -o vectors.bin --sg --size 300 --sample 1e-4 --epochs 5",
    )
    add_files(parser)

    model = parser.add_argument_group("model")
    kind = model.add_mutually_exclusive_group()
    kind.add_argument("--sg", action="store_true", help="skip-gram: predict each word of the window")
    kind.add_argument("--cbow", dest="sg", action="store_false", help="CBOW: predict the centre (default)")
    model.add_argument("--size", "--vector-size", type=count, default=100, metavar="N", help="dimensions (100)")
    model.add_argument("--window", type=count, default=5, metavar="N", help="words on either side (5)")
    model.add_argument(
        "--negative", type=count_or_zero, metavar="N", help="negative samples (5; 0 with --hs or --softmax)"
    )
    model.add_argument("--ns-exponent", type=float, default=0.75, metavar="X", help="power of the counts (0.75)")
    model.add_argument("--hs", action="store_true", help="hierarchical softmax")
    model.add_argument("--softmax", action="store_true", help="the exact softmax over the whole vocabulary: slow")

    add_vocabulary(parser, min_count=5, sample="1e-3")
    training = add_training(parser, epochs=5)
    training.add_argument("--alpha", type=float, default=0.025, metavar="X", help="first learning rate (0.025)")
    training.add_argument("--min-alpha", type=float, default=1e-4, metavar="X", help="last learning rate (1e-4)")


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.word2vec import Word2Vec

    return train_model(args, Word2Vec, lambda hook: _new(args, hook), lambda model: model.wv)


def _new(args: argparse.Namespace, hook: "Hook | None") -> "Word2Vec":
    from lexigrad.embed.word2vec import Word2Vec

    return Word2Vec(
        args.corpus,
        sg=int(args.sg),
        hs=int(args.hs),
        negative=_negative_samples(args),
        ns_exponent=args.ns_exponent,
        loss="softmax" if args.softmax else None,
        alpha=args.alpha,
        min_alpha=args.min_alpha,
        **common_settings(args, hook),
    )


def _negative_samples(args: argparse.Namespace) -> int:
    if args.negative is not None:
        return int(args.negative)
    return 0 if args.hs or args.softmax else 5
