"""The command ``demo``."""

import argparse
from typing import Any

from lexigrad.cli.common import add_quiet, add_workers, command


def add(commands: Any) -> None:
    parser = command(
        commands,
        "demo",
        _demo,
        "train on the documentation inside this Python, show what the vectors know and what a model writes",
        "lexigrad demo",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the training (1)")
    add_workers(parser)
    add_quiet(parser)


def _demo(args: argparse.Namespace) -> int:
    from lexigrad import demo
    from lexigrad.progress import bar

    with bar(args.quiet) as hook:
        demo.run(hook, workers=args.workers, seed=args.seed)
    with bar(args.quiet) as hook:
        demo.write(hook, workers=args.workers, seed=args.seed)
    return 0
