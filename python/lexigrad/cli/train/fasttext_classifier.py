"""The command ``train fasttext-classifier``."""

import argparse
from typing import Any

from lexigrad.cli.common import command, count, count_or_zero
from lexigrad.cli.train import embeddings
from lexigrad.cli.train.fasttext import add_ngrams, ngrams, program_saver


def add(models: Any) -> None:
    parser = command(
        models,
        "fasttext-classifier",
        _train,
        "train a linear classifier of texts, as fasttext supervised does",
        "lexigrad train fasttext-classifier labelled.txt -o model.bin --alpha 0.5 --epochs 25 --word-ngrams 2",
    )
    lines = "a text a line, among whose words those that begin with __label__ are its labels"
    embeddings.add_files(parser, lines, formats=("fasttext",), binary="the fastText program's")
    model = parser.add_argument_group("model")
    embeddings.add_size(model)
    model.add_argument("--loss", choices=("softmax", "hs", "ns", "ova"), default="softmax", help="(softmax)")
    model.add_argument("--negative", type=count, default=5, metavar="N", help="negative samples of --loss ns (5)")
    model.add_argument("--word-ngrams", type=count, default=1, metavar="N", help="words of the longest sequences (1)")
    add_ngrams(model, 0, 0)
    model.add_argument("--label-prefix", default="__label__", metavar="TEXT", help="of labels (__label__)")
    vocabulary = parser.add_argument_group("vocabulary")
    vocabulary.add_argument("--min-count", type=count_or_zero, default=1, metavar="N", help="rarer words go (1)")
    vocabulary.add_argument(
        "--min-count-label", type=count_or_zero, default=0, metavar="N", help="and rarer labels (0)"
    )
    embeddings.add_training(parser, epochs=5, alpha=0.1, min_alpha=0.0)


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.fasttext_classifier import FastTextClassifier

    names = ("loss", "negative", "word_ngrams", "label_prefix", "min_count", "min_count_label", "alpha", "min_alpha")
    settings = {name: getattr(args, name) for name in names} | ngrams(args) | embeddings.run_settings(args)
    return embeddings.train(args, FastTextClassifier, settings, saver=program_saver)
