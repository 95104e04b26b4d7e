"""The command ``train doc2vec``."""

import argparse
from typing import Any

from lexigrad.cli.common import command
from lexigrad.cli.train import embeddings


def add(models: Any) -> None:
    parser = command(
        models,
        "doc2vec",
        _train,
        "train vectors of documents, the lines of text files, by PV-DM or PV-DBOW",
        "lexigrad train doc2vec reviews.txt -o reviews.model --dbow --epochs 20",
    )
    embeddings.add_files(parser, "a document a line, whose tag is its number, counted from 0")
    model = parser.add_argument_group("model")
    kind = model.add_mutually_exclusive_group()
    kind.add_argument("--dm", action="store_true", default=True, help="PV-DM: with the words around (default)")
    kind.add_argument("--dbow", dest="dm", action="store_false", help="PV-DBOW: from the document alone")
    model.add_argument("--dbow-words", action="store_true", help="with --dbow: train word vectors besides")
    combined = model.add_mutually_exclusive_group()
    combined.add_argument("--sum", action="store_true", help="PV-DM: the sum of the vectors, not their mean")
    combined.add_argument("--concat", action="store_true", help="PV-DM: the vectors side by side")
    embeddings.add_objective(model)
    embeddings.add_vocabulary(parser)
    embeddings.add_training(parser, epochs=10)


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.doc2vec import Doc2Vec

    settings = embeddings.settings(args) | {
        "dm": int(args.dm),
        "dbow_words": int(args.dbow_words),
        "dm_mean": int(not args.sum),
        "dm_concat": int(args.concat),
    }
    return embeddings.train(args, Doc2Vec, settings, vectors="dv", unit="documents")
