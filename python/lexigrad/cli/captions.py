"""The commands ``features`` and ``caption``, and files of captions: lines of an image's name, a tab and a caption."""

import argparse
from typing import Any

from lexigrad.cli.common import add_workers, command, count
from lexigrad.cli.translate import add_search, search_options


def add(commands: Any) -> None:
    features = command(
        commands,
        "features",
        _features,
        "compute features of pictures, for 'train captioner' and 'caption' (needs scikit-image)",
        "lexigrad features photos/*.jpg -o features.npz",
    )
    features.add_argument("pictures", nargs="+", help="pictures of any kind that scikit-image reads")
    features.add_argument("-o", "--output", required=True, metavar="FILE", help="where they go, by file name (.npz)")
    features.add_argument("--grid", type=count, default=8, metavar="N", help="N x N places of each (8)")
    caption = command(
        commands,
        "caption",
        _caption,
        "write captions for features of images, with a model of 'train captioner'",
        "lexigrad caption model.safetensors features.npz",
    )
    caption.add_argument("model", help="what the training wrote")
    caption.add_argument("features", help="a file of arrays: .npz, .safetensors, or .npy with an image in each row")
    add_search(caption)
    add_workers(caption)


def read_captions(features: str, captions: str) -> tuple[list[Any], list[list[str]]]:
    """Features of images, and the captions of each; images without captions are left out.

    Raises:
        ValueError: a line is not a name, a tab and a caption, or there is no image of this name; the message says so.
    """
    from lexigrad.cli.train.training import lines_of
    from lexigrad.io.features import read_features

    images = read_features(features)
    found: dict[str, list[str]] = {}
    for number, line in enumerate(lines_of(captions), 1):
        name, tab, caption = line.partition("\t")
        if not tab:
            raise ValueError(
                f"{captions}: line {number} must be an image's name, a tab and a caption, not {line!r:.60}"
            )
        if name not in images:
            raise ValueError(f"{captions}: line {number}: there is no image {name!r:.60} in {features}")
        found.setdefault(name, []).append(caption)
    return [images[name] for name in found], list(found.values())


def _features(args: argparse.Namespace) -> int:
    import os

    from lexigrad.cli.train.output import check_output
    from lexigrad.io.features import write_features
    from lexigrad.pictures import picture_features

    if not args.output.endswith(".npz"):
        args.parser.error(f"the output must end in .npz, not {args.output}")
    check_output(args.output)
    names = [os.path.basename(picture) for picture in args.pictures]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"there are two pictures with the name {twice}: rename one")
    size = args.grid * max(8, 256 // args.grid)
    pictures = zip(names, args.pictures, strict=True)
    write_features(args.output, {name: picture_features(path, args.grid, size) for name, path in pictures})
    return 0


def _caption(args: argparse.Namespace) -> int:
    from lexigrad import set_num_threads
    from lexigrad.io.features import read_features
    from lexigrad.models import Captioner

    if args.workers:
        set_num_threads(args.workers)
    model = Captioner.load(args.model)
    images = read_features(args.features)
    for name, caption in zip(images, model.caption(list(images.values()), **search_options(args)), strict=True):
        print(f"{name}\t{caption}")
    return 0
