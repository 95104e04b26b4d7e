"""The command line: ``lexigrad COMMAND ...`` or ``python -m lexigrad COMMAND ...``.

Each module here adds its commands to the parser and runs them. Results go to stdout, reports and progress to stderr.
The exit code is 0, 1 for a failure, 2 for a wrong command line and 130 after Ctrl-C.
"""

import os
import sys
from collections.abc import Sequence

from lexigrad import __version__
from lexigrad.cli import (
    bench,
    captions,
    chat,
    demo,
    diagnose,
    evaluate,
    files,
    labelled,
    language_model,
    plot,
    similar,
    train,
    translate,
)
from lexigrad.cli.common import BROKEN_PIPE, INTERRUPTED, Parser, say

_FAILURES = (
    ValueError,
    TypeError,
    LookupError,
    OSError,
    RuntimeError,
    ArithmeticError,
    ImportError,
    EOFError,
    MemoryError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code.

    Args:
        argv: The arguments, without the program's name; by default those of the process.

    Raises:
        SystemExit: for a wrong command line (code 2), ``--help`` and ``--version`` (code 0).
    """
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:2] == ["eval", "lm"]:  # a command of its own: "eval" takes a file in this place
        given[:2] = ["eval lm"]
    args = _parser().parse_args(given)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of a pipe has gone. Python would flush stdout once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        say("lexigrad: interrupted: nothing was written")
        return INTERRUPTED
    except _FAILURES as error:
        say(f"lexigrad: error: {_message(error)}")
        return 1


def _message(error: BaseException) -> str:
    """What went wrong, on one line."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, KeyError) and error.args:
        text = str(error.args[0])  # str(error) would put it in quotes
    else:
        text = str(error)
    return " ".join(text.split()) or type(error).__name__


def _parser() -> Parser:
    parser = Parser(
        prog="lexigrad",
        description="Word vectors and recurrent networks on ordinary CPUs: train, query, evaluate and draw them.",
        epilog="examples:\n"
        "  lexigrad demo\n"
        "  lexigrad train word2vec corpus.txt -o vectors.bin --sg --size 100\n"
        "  lexigrad similar vectors.bin king\n"
        "  lexigrad train lm shakespeare.txt -o model.safetensors --hold-out 0.1 --hidden 512 --layers 2\n"
        "  lexigrad sample model.safetensors --prime 'KING:'\n\n"
        "'lexigrad COMMAND --help' tells more about each command.",
    )
    parser.add_argument("--version", action="version", version=f"lexigrad {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    queries = (similar, evaluate, language_model, labelled, translate, chat, captions)
    for module in (train, *queries, files, plot, diagnose, bench, demo):
        module.add(commands)
    return parser
