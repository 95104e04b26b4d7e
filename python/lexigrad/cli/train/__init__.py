"""The command ``train MODEL``: a module for each model."""

from typing import Any

from lexigrad.cli.train import (
    adagram,
    captioner,
    dialogue,
    doc2vec,
    fasttext,
    fasttext_classifier,
    glove,
    labelled,
    lda2vec,
    lm,
    svd,
    translator,
    word2vec,
)


def add(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train a model on a corpus",
        description="Train a model on a corpus.",
        epilog="example:\n  lexigrad train word2vec corpus.txt -o vectors.bin --sg",
    )
    models = train.add_subparsers(title="models", metavar="MODEL", required=True)
    embeddings = (word2vec, doc2vec, fasttext, fasttext_classifier, svd, glove, adagram, lda2vec)
    for model in (*embeddings, lm, labelled, translator, dialogue, captioner):
        model.add(models)
