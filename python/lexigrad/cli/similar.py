"""The commands ``similar`` and ``analogy``."""

import argparse
from collections.abc import Sequence
from typing import Any

from lexigrad.cli.common import command, count
from lexigrad.cli.vectors import load_vectors


def add(commands: Any) -> None:
    similar = command(
        commands,
        "similar",
        _similar,
        "print the words nearest to a word, or to the mean of several",
        "lexigrad similar vectors.bin king --topn 5",
    )
    analogy = command(
        commands,
        "analogy",
        _analogy,
        "answer what is to C as B is to A",
        "lexigrad analogy vectors.bin man king woman",
    )
    for parser in (similar, analogy):
        parser.add_argument("vectors", help="a file of vectors in any format, or a saved model")
        parser.add_argument("--topn", type=count, default=10, metavar="N", help="how many answers (10)")
        parser.add_argument("--limit", type=count, metavar="N", help="read only the first vectors of the file")
    similar.add_argument("words", nargs="+", metavar="WORD")
    for name in "abc":
        analogy.add_argument(name, metavar=name.upper())


def _similar(args: argparse.Namespace) -> int:
    vectors = load_vectors(args.vectors, args.limit)
    _print_neighbours(vectors.most_similar(args.words, topn=args.topn))
    return 0


def _analogy(args: argparse.Namespace) -> int:
    vectors = load_vectors(args.vectors, args.limit)
    _print_neighbours(vectors.most_similar([args.b, args.c], [args.a], topn=args.topn))
    return 0


def _print_neighbours(neighbours: Sequence[tuple[str, float]]) -> None:
    for word, similarity in neighbours:
        print(f"{word}\t{similarity:.4f}")
