"""What the trainers of recurrent models share: options of the training, texts, the report at the end."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from lexigrad.cli.common import add_workers, count, count_or_zero
from lexigrad.cli.train.output import add_checkpoint


def add_training(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``models.Training``. What is not given is None, so that a model's defaults hold."""
    group = parser.add_argument_group("training")
    group.add_argument("--epochs", type=count, metavar="N", help="passes over the data")
    group.add_argument("--max-updates", type=count, metavar="N", help="end after so many updates")
    group.add_argument("--batch-size", type=count, metavar="N", help="sequences of an update")
    group.add_argument("--optimizer", choices=("sgd", "adagrad", "rmsprop", "adam", "adamw"))
    group.add_argument("--lr", type=float, metavar="X", help="learning rate")
    group.add_argument("--weight-decay", type=float, metavar="X")
    group.add_argument("--momentum", type=float, metavar="X", help="of sgd and rmsprop")
    group.add_argument("--max-norm", type=float, metavar="X", help="clip gradients to this norm")
    group.add_argument("--schedule", choices=("constant", "decay", "plateau", "linear", "cosine"))
    group.add_argument("--decay", type=float, metavar="X", help="factor of the schedules decay and plateau")
    group.add_argument("--decay-after", type=count_or_zero, metavar="N", help="epochs before the first decay")
    group.add_argument("--warmup", type=count_or_zero, metavar="N", help="updates over which the rate rises")
    group.add_argument("--validate-every", type=count, metavar="N", help="updates between validations (an epoch)")
    group.add_argument("--patience", type=count, metavar="N", help="stop after N validations without a new best")
    group.add_argument("--seed", type=count_or_zero, metavar="N", help="one seed: one result (1)")
    add_workers(group)
    add_checkpoint(group)
    parser.add_argument("--plot", metavar="FILE", help="also draw the curves: .png, .svg or .pdf")


def training_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of ``models.Training`` that the command line has."""
    from lexigrad.models import Training

    given = {option.name: getattr(args, option.name, None) for option in fields(Training)}
    return {name: value for name, value in given.items() if value is not None}


def joined_texts(paths: Sequence[str]) -> str:
    """The texts of some files, one after the other."""
    from lexigrad.text.units import read_text

    return "".join(read_text(Path(path)) for path in paths)


def plotter(path: str | None) -> Any:
    """What draws a history; a name that no picture can have is found out here, before the training."""
    if path is None:
        return lambda history: None
    from lexigrad.plot import plot_history
    from lexigrad.plot.figure import check_suffix

    check_suffix(path)
    return lambda history: plot_history(history, path)
