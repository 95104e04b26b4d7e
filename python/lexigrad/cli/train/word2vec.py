"""The command ``train word2vec``."""

import argparse
from typing import Any

from lexigrad.cli.common import command
from lexigrad.cli.train import embeddings


def add(models: Any) -> None:
    parser = command(
        models,
        "word2vec",
        _train,
        "train word vectors by skip-gram or CBOW",
        "lexigrad train word2vec 'corpus/*.txt.gz' -o vectors.bin --sg --size 300 --sample 1e-4 --epochs 5",
    )
    embeddings.add_files(parser)
    model = parser.add_argument_group("model")
    kind = model.add_mutually_exclusive_group()
    kind.add_argument("--sg", action="store_true", help="skip-gram: predict each word of the window")
    kind.add_argument("--cbow", dest="sg", action="store_false", help="CBOW: predict the centre (default)")
    embeddings.add_objective(model)
    model.add_argument("--softmax", action="store_true", help="the exact softmax over the whole vocabulary: slow")
    embeddings.add_vocabulary(parser)
    embeddings.add_training(parser, epochs=5)


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.word2vec import Word2Vec

    settings = embeddings.settings(args) | {"sg": int(args.sg)}
    if args.softmax:
        settings |= {"loss": "softmax"} | ({"negative": 0} if args.negative is None else {})
    return embeddings.train(args, Word2Vec, settings)
