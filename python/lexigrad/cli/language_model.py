"""The commands ``sample`` and ``eval lm``, which ask a language model."""

import argparse
import itertools
import sys
from typing import Any

from lexigrad.cli.common import add_sampling, add_workers, command, count


def add(commands: Any) -> None:
    sample = command(
        commands,
        "sample",
        _sample,
        "write a text with a language model",
        "lexigrad sample model.safetensors --prime 'KING:' --temperature 0.8 --length 1000",
    )
    sample.add_argument("model", help="what 'train lm' wrote")
    sample.add_argument("--length", type=count, default=500, metavar="N", help="characters or words (500)")
    sample.add_argument("--prime", default="", metavar="TEXT", help="what the text begins with")
    add_sampling(sample, temperature=1.0)
    add_workers(sample)

    evaluate = command(
        commands,
        "eval lm",
        _evaluate,
        "measure how well a language model predicts a text",
        "lexigrad eval lm model.safetensors test.txt",
    )
    evaluate.add_argument("model", help="what 'train lm' wrote")
    evaluate.add_argument("text", nargs="+", help="UTF-8 files; .gz, .bz2, .xz and .zst too")
    evaluate.add_argument(
        "--batch-size", type=count, default=1, metavar="N", help="read the text as so many streams: faster (1)"
    )
    add_workers(evaluate)


def _sample(args: argparse.Namespace) -> int:
    from lexigrad import set_num_threads
    from lexigrad.models import LanguageModel, Sampler

    sampler = Sampler(args.temperature, args.top_k, args.top_p, args.seed)
    if args.workers:
        set_num_threads(args.workers)
    pieces = LanguageModel.load(args.model).stream(args.prime, sampler)
    sys.stdout.write(args.prime)
    for piece in itertools.islice(pieces, args.length):
        sys.stdout.write(piece)
        if piece == "\n":
            sys.stdout.flush()
    sys.stdout.write("\n")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from lexigrad import set_num_threads
    from lexigrad.cli.train.training import joined_texts
    from lexigrad.models import LanguageModel

    if args.workers:
        set_num_threads(args.workers)
    model = LanguageModel.load(args.model)
    found = model.evaluate(joined_texts(args.text), args.batch_size)
    print(f"{'predictions':<24}{found.predictions:12,}")
    print(f"{f'nats per {model.unit}':<24}{found.loss:12.4f}")
    print(f"{f'bits per {model.unit}':<24}{found.bits:12.4f}")
    print(f"{'perplexity':<24}{found.perplexity:12.4f}")
    return 0
