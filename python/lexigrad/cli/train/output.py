"""What the trainers share: options, where models go, checkpoints on the way."""

import argparse
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lexigrad import _core
from lexigrad.cli.common import INTERRUPTED, add_quiet, add_workers, count, count_or_zero, say
from lexigrad.cli.vectors import OUTPUT_FORMATS

if TYPE_CHECKING:
    from lexigrad.embed.keyedvectors import KeyedVectors
    from lexigrad.embed.model import EmbeddingModel
    from lexigrad.progress import Hook

Model = TypeVar("Model", bound="EmbeddingModel")


def add_files(parser: argparse.ArgumentParser) -> None:
    """The corpus, and where the vectors go."""
    parser.add_argument(
        "corpus",
        nargs="+",
        help="text files or glob patterns: a sentence a line; .gz, .bz2, .xz and .zst too",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="where the vectors go; the suffix tells the format: .bin and .txt or .vec (word2vec binary and "
        "text, .gz too), .safetensors, .tsv (TensorBoard projector), .model (the whole model, to train on)",
    )
    parser.add_argument(
        "--format", choices=("auto", *OUTPUT_FORMATS, "model"), default="auto", help="in place of the suffix"
    )
    parser.add_argument("--save-vocab", metavar="FILE", help="also write lines of a word and its count")
    add_quiet(parser)


def add_vocabulary(parser: argparse.ArgumentParser, *, min_count: int, sample: str) -> Any:
    """Options of the vocabulary, with these defaults; ``sample`` as it is written."""
    vocabulary = parser.add_argument_group("vocabulary")
    vocabulary.add_argument(
        "--min-count", type=count_or_zero, default=min_count, metavar="N", help=f"rarer words go ({min_count})"
    )
    vocabulary.add_argument(
        "--sample", type=float, default=float(sample), metavar="X", help=f"thins frequent words ({sample})"
    )
    vocabulary.add_argument("--max-final-vocab", type=count, metavar="N", help="keep at most so many words")
    vocabulary.add_argument("--max-vocab-size", type=count, metavar="N", help="bound on the words counted")
    return vocabulary


def add_training(parser: argparse.ArgumentParser, *, epochs: int) -> Any:
    """Options of training, with this default."""
    training = parser.add_argument_group("training")
    training.add_argument(
        "--epochs", "--iter", type=count, default=epochs, metavar="N", help=f"passes over the corpus ({epochs})"
    )
    training.add_argument("--seed", type=int, default=1, metavar="N", help="one worker and one seed: one result (1)")
    add_workers(training)
    add_checkpoint(training)
    return training


def common_settings(args: argparse.Namespace, hook: "Hook | None") -> dict[str, Any]:
    """The arguments of a model's constructor that the options above give."""
    return {
        "vector_size": args.size,
        "window": args.window,
        "min_count": args.min_count,
        "max_vocab_size": args.max_vocab_size,
        "max_final_vocab": args.max_final_vocab,
        "sample": args.sample,
        "epochs": args.epochs,
        "workers": args.workers or _core.num_threads(),
        "seed": args.seed,
        "compute_loss": hook is not None,
        "progress": hook,
        "checkpoint": args.checkpoint,
        "checkpoint_seconds": args.checkpoint_minutes * 60,
    }


def train_model(
    args: argparse.Namespace,
    kind: type[Model],
    make: "Callable[[Hook | None], Model]",
    vectors: "Callable[[Model], KeyedVectors]",
) -> int:
    """Train a new model, or go on from a checkpoint, and write what was asked for.

    Args:
        kind: its class.
        make: trains a new one.
        vectors: those of its vectors that go into a file.
    """
    from lexigrad.embed.callbacks import TrainingInterrupted
    from lexigrad.progress import bar

    resuming = has_checkpoint(args)
    save = vectors_saver(args.output, args.format, vectors)
    code = 0
    start = time.perf_counter()
    with bar(args.quiet) as hook:
        try:
            model = _resumed(args, kind, hook) if resuming else make(hook)
        except TrainingInterrupted as interrupt:
            model, code = interrupt.model, INTERRUPTED
    seconds = time.perf_counter() - start
    save(model)
    if args.save_vocab:
        write_vocabulary(model.wv, args.save_vocab)
    if code:
        say(f"lexigrad: interrupted: what was trained until then is in {args.output}")
    elif not args.quiet:
        words = model.corpus_total_words * args.epochs
        rate = "" if resuming else f", {words / seconds:,.0f} words/s"
        say(f"{len(model.wv):,} words, {model.wv.vector_size} dimensions -> {args.output} ({seconds:.1f} s{rate})")
    return code


def _resumed(args: argparse.Namespace, kind: type[Model], hook: "Hook | None") -> Model:
    """Go on from the checkpoint, with the settings that it holds."""
    model = kind.load(args.checkpoint)
    if model.training_unfinished:
        model.resume(
            args.corpus,
            progress=hook,
            checkpoint=args.checkpoint,
            checkpoint_seconds=args.checkpoint_minutes * 60,
        )
    return model


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


def vectors_saver(path: str, format: str, vectors: "Callable[[Model], KeyedVectors]") -> "Callable[[Model], None]":
    """What writes a model to a path; a name that tells no format is found out here, before the training."""
    from lexigrad.io.convert import format_of_name, write_vectors

    check_output(path)
    if format == "model" or (format == "auto" and path.endswith(".model")):
        return lambda model: model.save(path)
    kind: Any = format_of_name(path) if format == "auto" else format

    def save(model: Model) -> None:
        chosen = vectors(model)
        write_vectors(path, chosen.index_to_key, chosen.vectors, counts=chosen.expandos.get("count"), format=kind)

    return save


def write_vocabulary(vectors: "KeyedVectors", path: str) -> None:
    """Lines of a word and its count, as word2vec.c's -save-vocab writes them."""
    from lexigrad.io.atomic import atomic_write

    with atomic_write(path) as file:
        for word in vectors.index_to_key:
            file.write(f"{word} {vectors.get_vecattr(word, 'count')}\n".encode())
