"""The command ``eval``."""

import argparse
import math
from typing import Any

from lexigrad.cli.common import command, count
from lexigrad.cli.vectors import load_vectors


def add(commands: Any) -> None:
    parser = command(
        commands,
        "eval",
        _evaluate,
        "evaluate vectors on analogies, judged pairs of words and relations",
        "lexigrad eval vectors.bin --analogies questions-words.txt --pairs wordsim353.tsv --pairs men.tsv",
    )
    parser.add_argument("vectors", help="a file of vectors in any format, or a saved model")
    parser.add_argument("--analogies", metavar="FILE", help="four words a line, sections after a colon")
    parser.add_argument(
        "--pairs",
        action="append",
        metavar="FILE",
        help="word, word and score, tab-separated; may be repeated",
    )
    parser.add_argument(
        "--relations", nargs="+", metavar="FILE", help="GOLD PARADIGMS [MAXDIFF] of SemEval-2012 task 2"
    )
    parser.add_argument(
        "--restrict-vocab", type=count, default=300_000, metavar="N", help="the most frequent words (300000)"
    )


def _evaluate(args: argparse.Namespace) -> int:
    if not (args.analogies or args.pairs or args.relations):
        args.parser.error("nothing to evaluate: name --analogies FILE, --pairs FILE or --relations FILES")
    if args.relations and not 2 <= len(args.relations) <= 3:
        args.parser.error("--relations takes two or three files: GOLD PARADIGMS [MAXDIFF]")
    vectors = load_vectors(args.vectors)
    if args.analogies:
        score, sections = vectors.evaluate_word_analogies(args.analogies, restrict_vocab=args.restrict_vocab)
        print(f"analogies  {args.analogies}")
        for section in sections:
            _print_section(section["section"], len(section["correct"]), len(section["incorrect"]))
        print(f"  {'accuracy':<32}{score:8.2%}")
    for path in args.pairs or ():
        pearson, spearman, unknown = vectors.evaluate_word_pairs(path, restrict_vocab=args.restrict_vocab)
        print(f"pairs      {path}")
        print(f"  {'Spearman':<32}{spearman[0]:8.4f}\n  {'Pearson':<32}{pearson[0]:8.4f}")
        print(f"  {'pairs with unknown words':<32}{unknown:7.2f}%")
    if args.relations:
        scores = vectors.evaluate_relations(*args.relations, restrict_vocab=args.restrict_vocab)
        print(f"relations  {args.relations[0]}")
        for name, value in scores._asdict().items():
            if isinstance(value, float) and math.isfinite(value):
                print(f"  {name:<32}{value:8.4f}")
    return 0


def _print_section(name: str, right: int, wrong: int) -> None:
    if right + wrong:
        print(f"  {name:<32}{right / (right + wrong):8.2%}  {right}/{right + wrong}")
