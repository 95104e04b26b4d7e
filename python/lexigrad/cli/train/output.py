"""What the trainers share: where models go, and checkpoints on the way."""

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lexigrad.embed.keyedvectors import KeyedVectors


def add_checkpoint(group: Any) -> None:
    group.add_argument("--checkpoint", metavar="FILE", help="save the state of the training here now and then")
    group.add_argument(
        "--checkpoint-minutes", type=float, default=10.0, metavar="X", help="minutes between checkpoints (10)"
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint, if there is one, with its settings; the corpus must be the same",
    )


def has_checkpoint(args: argparse.Namespace) -> bool:
    """Whether to go on from a checkpoint."""
    if args.resume and not args.checkpoint:
        args.parser.error("--resume needs --checkpoint FILE, the file to go on from")
    return args.resume and os.path.exists(args.checkpoint)


def check_output(path: str) -> None:
    """Raise OSError, before the training, where no file can be written."""
    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        raise FileNotFoundError(2, "no such directory", directory)
    if os.path.isdir(path):
        raise IsADirectoryError(21, "is a directory: give the name of a file in it", path)


def vectors_saver(path: str, format: str, vectors: str = "wv") -> "Callable[[Any], None]":
    """What writes a model, or the vectors that one of its attributes holds, to a path.

    A name that tells no format is found out here, before the training.
    """
    from lexigrad.io.convert import format_of_name, write_vectors

    check_output(path)
    if format == "model" or (format == "auto" and path.endswith(".model")):
        return lambda model: model.save(path)
    kind: Any = format_of_name(path) if format == "auto" else format

    def save(model: Any) -> None:
        keyed: KeyedVectors = getattr(model, vectors)
        keys = [str(key) for key in keyed.index_to_key]
        write_vectors(path, keys, keyed.vectors, counts=keyed.expandos.get("count"), format=kind)

    return save


def write_vocabulary(vectors: "KeyedVectors", path: str) -> None:
    """Lines of a word and its count, as word2vec.c's -save-vocab writes them."""
    from lexigrad.io.atomic import atomic_write

    with atomic_write(path) as file:
        for word in vectors.index_to_key:
            file.write(f"{word} {vectors.get_vecattr(word, 'count')}\n".encode())
