"""What the commands share: the parser and its types, options that several have, messages."""

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn

INTERRUPTED = 130
BROKEN_PIPE = 141


def say(text: str) -> None:
    print(text, file=sys.stderr)


class Parser(argparse.ArgumentParser):
    """Says on one line what is wrong with a command line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"lexigrad: error: {message} (see {self.prog} --help)\n")


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def count_or_zero(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, not {value}")
    return value


count.__name__ = count_or_zero.__name__ = "whole number"  # argparse names the type in its message


def command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    help: str,
    example: str,
    **options: Any,
) -> Parser:
    """Add a command: what runs it, a line that says what it does, and an example of its use."""
    parser: Parser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"example:\n  {example}",
        **options,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar and no report on stderr")


def add_workers(group: Any) -> None:
    group.add_argument("--workers", "--threads", type=count, metavar="N", help="threads (default: all of this machine)")


def add_sampling(parser: argparse.ArgumentParser, temperature: float) -> None:
    """Add the arguments of ``models.Sampler``."""
    parser.add_argument(
        "--temperature",
        type=float,
        default=temperature,
        metavar="X",
        help=f"below 1 safer, above 1 bolder, 0 the safest ({temperature:g})",
    )
    parser.add_argument("--top-k", type=count, metavar="N", help="choose among the N most probable alone")
    parser.add_argument("--top-p", type=float, metavar="X", help="choose among the most probable of X together")
    parser.add_argument("--seed", type=int, metavar="N", help="one seed: one text (default: a new one each time)")
