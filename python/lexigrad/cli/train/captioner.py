"""The command ``train captioner``."""

import argparse
from typing import Any

from lexigrad.cli.captions import read_captions
from lexigrad.cli.common import add_quiet, command
from lexigrad.cli.train.output import check_output, has_checkpoint
from lexigrad.cli.train.training import add_training, run_training, training_options
from lexigrad.cli.train.writing import add_model, report, settings


def add(models: Any) -> None:
    parser = command(
        models,
        "captioner",
        _train,
        "train a writer of captions on features of images, which 'caption' uses",
        "lexigrad train captioner features.npz captions.tsv -o model.safetensors --epochs 20",
    )
    parser.add_argument("features", help="a file of arrays: .npz, .safetensors, or .npy with an image in each row")
    parser.add_argument("captions", help="UTF-8 lines of an image's name (or row, from 0), a tab and a caption")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="where the model goes (safetensors)")
    parser.add_argument(
        "--validation", nargs=2, metavar=("FEATURES", "CAPTIONS"), help="such files to choose the best weights by"
    )
    add_quiet(parser)
    add_model(parser, label_smoothing=0.0, attention="additive", unit="word", max_length=50)
    add_training(parser)


def _train(args: argparse.Namespace) -> int:
    from lexigrad.models import Captioner

    resuming = has_checkpoint(args)
    check_output(args.output)
    images, captions = read_captions(args.features, args.captions)
    validation = read_captions(*args.validation) if args.validation else None

    def train(run: dict[str, Any]) -> Captioner:
        if resuming:
            model = Captioner.load(args.checkpoint)
            return model.resume(images, captions, validation, **run) if model.training_unfinished else model
        return Captioner(**settings(args)).fit(images, captions, validation, **run, **training_options(args))

    return run_training(args, train, report)
