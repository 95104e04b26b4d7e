"""The command ``chat``."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from lexigrad.cli.common import INTERRUPTED, add_sampling, add_workers, command, count, say


def add(commands: Any) -> None:
    parser = command(
        commands,
        "chat",
        _chat,
        "talk with a dialogue model: a line each; an empty line begins a new conversation, Ctrl-D ends it",
        "lexigrad chat model.safetensors --temperature 0.5",
    )
    parser.add_argument("model", help="what 'train dialogue' wrote")
    parser.add_argument("--beam", type=count, metavar="N", help="reply with the most probable of N hypotheses, no draw")
    parser.add_argument("--max-length", type=count, default=60, metavar="N", help="units of a reply (60)")
    add_sampling(parser, temperature=0.5)
    add_workers(parser)


def _chat(args: argparse.Namespace) -> int:
    from lexigrad import set_num_threads
    from lexigrad.models import Dialogue, Sampler

    sampler = None if args.beam else Sampler(args.temperature, args.top_k, args.top_p, args.seed)
    if args.workers:
        set_num_threads(args.workers)
    model = Dialogue.load(args.model)
    turns: list[str] = []
    try:
        for line in _lines():
            if not line.strip():
                turns.clear()
                continue
            turns.append(line.strip())
            reply = model.reply(turns, sampler=sampler, beam_size=args.beam or 1, max_length=args.max_length)
            print(reply, flush=True)
            turns.append(reply)
    except KeyboardInterrupt:
        say("")
        return INTERRUPTED
    return 0


def _lines() -> Iterator[str]:
    """What is typed, after a prompt, or what comes through a pipe."""
    if not sys.stdin.isatty():
        yield from iter(sys.stdin.readline, "")
        return
    with contextlib.suppress(ImportError):  # not everywhere
        import readline  # noqa: F401 - input() edits lines with it
    while True:
        try:
            yield input("> ")
        except EOFError:
            print()
            return
