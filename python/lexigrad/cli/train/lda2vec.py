"""The command ``train lda2vec``."""

import argparse
from typing import Any

from lexigrad.cli.common import command, count
from lexigrad.cli.train import embeddings


def add(models: Any) -> None:
    parser = command(
        models,
        "lda2vec",
        _train,
        "train topics, words and documents, the lines of text files, in one space",
        "lexigrad train lda2vec posts.txt -o posts.model --topics 40",
    )
    embeddings.add_files(parser, "a document a line")
    model = parser.add_argument_group("model", "the vectors are those of the topics, under the names topic0 and so on")
    embeddings.add_shape(model)
    model.add_argument("--topics", type=count, default=20, metavar="N", help="topics (20)")
    model.add_argument("--negative", type=count, default=5, metavar="N", help="negative samples (5)")
    model.add_argument("--ns-exponent", type=float, default=0.75, metavar="X", help="power of the counts (0.75)")
    model.add_argument("--prior", type=float, metavar="X", help="of the documents' mixtures (1 / topics)")
    model.add_argument("--strength", type=float, default=1.0, metavar="X", help="weight of the prior (1)")
    embeddings.add_vocabulary(parser)
    embeddings.add_training(parser, epochs=20)


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.lda2vec import LDA2Vec

    settings = embeddings.common_settings(args) | {
        name: getattr(args, name)
        for name in ("topics", "negative", "ns_exponent", "prior", "strength", "alpha", "min_alpha")
    }
    return embeddings.train(args, LDA2Vec, settings, vectors="tv", unit="topics")
