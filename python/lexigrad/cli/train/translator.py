"""The command ``train translator``."""

import argparse
from typing import TYPE_CHECKING, Any

from lexigrad.cli.common import add_quiet, command
from lexigrad.cli.train.output import check_output, has_checkpoint
from lexigrad.cli.train.training import add_training, lines_of, run_training, training_options
from lexigrad.cli.train.writing import add_model, report, settings

if TYPE_CHECKING:
    from lexigrad.models import Translator


def add(models: Any) -> None:
    parser = command(
        models,
        "translator",
        _train,
        "train a translator on pairs of sentences, which 'translate' uses",
        "lexigrad train translator train.en train.de -o model.safetensors --validation val.en val.de --epochs 20",
    )
    parser.add_argument("sources", help="UTF-8 text, a sentence on each line; .gz, .bz2, .xz and .zst too")
    parser.add_argument("targets", help="their translations, line by line")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="where the model goes (safetensors)")
    parser.add_argument(
        "--validation", nargs=2, metavar=("SOURCES", "TARGETS"), help="pairs to choose the best weights by"
    )
    add_quiet(parser)
    add_model(parser, label_smoothing=0.1)
    add_training(parser)


def _train(args: argparse.Namespace) -> int:
    from lexigrad.models import Translator

    resuming = has_checkpoint(args)
    check_output(args.output)
    sources, targets = lines_of(args.sources), lines_of(args.targets)
    validation = args.validation and (lines_of(args.validation[0]), lines_of(args.validation[1]))

    def train(run: dict[str, Any]) -> "Translator":
        if resuming:
            model = Translator.load(args.checkpoint)
            return model.resume(sources, targets, validation, **run) if model.training_unfinished else model
        model = Translator(**settings(args))
        return model.fit(sources, targets, validation, **run, **training_options(args))

    return run_training(args, train, report)
