"""The command ``translate``, and the options of beam searches."""

import argparse
import sys
from typing import Any

from lexigrad.cli.common import add_workers, command, count


def add(commands: Any) -> None:
    parser = command(
        commands,
        "translate",
        _translate,
        "translate sentences, a line each, from a file or from stdin",
        "lexigrad translate model.safetensors sentences.txt",
    )
    parser.add_argument("model", help="what 'train translator' wrote")
    parser.add_argument("text", nargs="?", help="a UTF-8 file (.gz, .bz2, .xz, .zst too); default: stdin")
    add_search(parser)
    add_workers(parser)


def add_search(parser: argparse.ArgumentParser) -> None:
    """Add the options of a beam search."""
    parser.add_argument("--beam", type=count, default=5, metavar="N", help="hypotheses that are followed (5)")
    parser.add_argument("--length-penalty", type=float, default=1.0, metavar="X", help="0 prefers short sentences (1)")
    parser.add_argument(
        "--coverage-penalty", type=float, default=0.0, metavar="X", help="above 0: leave no part of the input out (0)"
    )


def search_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of a beam search that the command line has."""
    return {
        "beam_size": args.beam,
        "length_penalty": args.length_penalty,
        "coverage_penalty": args.coverage_penalty,
    }


def _translate(args: argparse.Namespace) -> int:
    from lexigrad import set_num_threads
    from lexigrad.cli.train.training import lines_of
    from lexigrad.models import Translator

    if args.workers:
        set_num_threads(args.workers)
    model = Translator.load(args.model)
    options = search_options(args)
    if args.text is None:
        for line in sys.stdin:  # one at a time: someone may be typing
            print(model.translate(line.strip(), **options), flush=True)
    else:
        for translation in model.translate(lines_of(args.text), **options):
            print(translation)
    return 0
