"""The command ``train dialogue``."""

import argparse
from typing import TYPE_CHECKING, Any

from lexigrad.cli.common import add_quiet, command, count
from lexigrad.cli.train.output import check_output, has_checkpoint
from lexigrad.cli.train.training import add_training, lines_of, run_training, training_options
from lexigrad.cli.train.writing import add_model, report, settings

if TYPE_CHECKING:
    from lexigrad.models import Dialogue


def add(models: Any) -> None:
    parser = command(
        models,
        "dialogue",
        _train,
        "train a model that replies on dialogues; 'chat' talks with it",
        "lexigrad train dialogue train.txt -o model.safetensors --validation val.txt --epochs 5",
    )
    parser.add_argument("dialogues", help="UTF-8 text, a turn on each line, an empty line after each dialogue; .gz too")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="where the model goes (safetensors)")
    parser.add_argument("--validation", metavar="DIALOGUES", help="to choose the best weights by")
    add_quiet(parser)
    group = add_model(parser, label_smoothing=0.0)
    group.add_argument("--turns", type=count, metavar="N", help="turns before a reply that are read (3)")
    parser.add_argument(
        "--replies", choices=("all", "second"), default="all", help="of both speakers (default), or of the second"
    )
    add_training(parser)


def _train(args: argparse.Namespace) -> int:
    from lexigrad.models import Dialogue, exchanges

    resuming = has_checkpoint(args)
    check_output(args.output)
    sources, targets = exchanges(dialogues_of(lines_of(args.dialogues)), args.replies)
    validation = args.validation and exchanges(dialogues_of(lines_of(args.validation)), args.replies)

    def train(run: dict[str, Any]) -> "Dialogue":
        if resuming:
            model = Dialogue.load(args.checkpoint)
            return model.resume(sources, targets, validation, **run) if model.training_unfinished else model
        model = Dialogue(**settings(args, "turns"))
        return model.fit(sources, targets, validation, **run, **training_options(args))

    return run_training(args, train, report)


def dialogues_of(lines: list[str]) -> list[list[str]]:
    """Dialogues from their turns, with an empty line after each."""
    dialogues: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            dialogues[-1].append(line)
        elif dialogues[-1]:
            dialogues.append([])
    return [turns for turns in dialogues if turns]
