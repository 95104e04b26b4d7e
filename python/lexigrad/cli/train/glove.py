"""The command ``train glove``."""

import argparse
from typing import Any

from lexigrad.cli.common import command
from lexigrad.cli.train import embeddings


def add(models: Any) -> None:
    parser = command(
        models,
        "glove",
        _train,
        "train word vectors by GloVe",
        "lexigrad train glove 'corpus/*.txt.gz' -o vectors.bin --size 300 --epochs 50",
    )
    embeddings.add_files(parser)

    counts = parser.add_argument_group("counts")
    counts.add_argument("--flat", action="store_true", help="count pairs as 1, not as 1 / distance")
    counts.add_argument("--asymmetric", action="store_true", help="count only what follows a word")
    counts.add_argument("--memory", type=float, default=2.0, metavar="GIB", help="what needs more goes to disk (2)")

    model = parser.add_argument_group("model")
    embeddings.add_shape(model, window=10)
    model.add_argument("--x-max", type=float, default=100.0, metavar="X", help="counts above weigh alike (100)")
    model.add_argument("--exponent", type=float, default=0.75, metavar="X", help="of the weights below it (0.75)")
    model.add_argument(
        "--vectors", choices=("sum", "word", "context", "concatenation"), default="sum", help="what is written (sum)"
    )

    embeddings.add_vocabulary(parser, sample=None)
    training = embeddings.add_passes(parser, epochs=25)
    training.add_argument("--alpha", "--eta", type=float, default=0.05, metavar="X", help="learning rate (0.05)")


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.glove import GloVe

    settings = embeddings.common_settings(args) | {
        "alpha": args.alpha,
        "x_max": args.x_max,
        "exponent": args.exponent,
        "weights": "flat" if args.flat else "harmonic",
        "symmetric": not args.asymmetric,
        "output": args.vectors,
        "memory": int(args.memory * 2**30),
    }
    return embeddings.train(args, GloVe, settings)
