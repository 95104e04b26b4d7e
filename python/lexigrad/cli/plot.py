"""The command ``plot``."""

import argparse
from typing import Any

from lexigrad.cli.common import command, count
from lexigrad.cli.vectors import load_vectors


def add(commands: Any) -> None:
    parser = command(
        commands,
        "plot",
        _plot,
        "draw a map of words in two dimensions",
        "lexigrad plot vectors.bin -o map.png --words king,queen,man,woman,prince,princess",
    )
    parser.add_argument("vectors", help="a file of vectors in any format, or a saved model")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help=".png, .svg or .pdf")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--words", metavar="A,B,C", help="the words to draw")
    chosen.add_argument("--top", type=count, default=200, metavar="N", help="or the most frequent ones (200)")
    parser.add_argument(
        "--method",
        choices=("pca", "tsne", "umap"),
        default="pca",
        help="principal components (default), t-SNE (needs scikit-learn) or UMAP (needs umap-learn)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of t-SNE and UMAP (0)")


def _plot(args: argparse.Namespace) -> int:
    from lexigrad.plot import plot_vectors

    words = [word for word in args.words.split(",") if word] if args.words is not None else None
    vectors = load_vectors(args.vectors)
    plot_vectors(vectors, args.output, words=words, top=args.top, method=args.method, seed=args.seed)
    return 0
