"""What the commands that train on a stream of words share: their options, and the run itself."""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

from lexigrad import _core
from lexigrad.cli.common import INTERRUPTED, Parser, add_quiet, add_workers, count, count_or_zero, say
from lexigrad.cli.train.output import add_checkpoint, has_checkpoint, vectors_saver, write_vocabulary
from lexigrad.cli.vectors import OUTPUT_FORMATS


def add_files(
    parser: Parser, lines: str = "a sentence a line", *, formats: Sequence[str] = (), binary: str = "word2vec binary"
) -> None:
    """The corpus and where the vectors go.

    Args:
        formats: besides the usual ones.
        binary: what the suffix .bin stands for.
    """
    parser.add_argument("corpus", nargs="+", help=f"text files or glob patterns: {lines}; .gz, .bz2, .xz and .zst too")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help=f"where the vectors go; the suffix tells the format: .bin ({binary}), .txt or .vec (word2vec text, .gz "
        "too), .safetensors, .tsv (TensorBoard projector), .model (the whole model, to train on)",
    )
    parser.add_argument(
        "--format", choices=("auto", *OUTPUT_FORMATS, *formats, "model"), default="auto", help="in place of the suffix"
    )
    parser.add_argument("--save-vocab", metavar="FILE", help="also write lines of a word and its count")
    add_quiet(parser)


def add_size(group: Any) -> None:
    group.add_argument(
        "--size", "--vector-size", "--dim", type=count, default=100, metavar="N", help="dimensions (100)"
    )


def add_shape(group: Any, *, window: int = 5) -> None:
    add_size(group)
    group.add_argument("--window", type=count, default=window, metavar="N", help=f"words on either side ({window})")


def add_objective(group: Any) -> None:
    add_shape(group)
    group.add_argument(
        "--negative", type=count_or_zero, metavar="N", help="negative samples (5; 0 with --hs or --softmax)"
    )
    group.add_argument("--ns-exponent", type=float, default=0.75, metavar="X", help="power of the counts (0.75)")
    group.add_argument("--hs", action="store_true", help="hierarchical softmax")


def add_vocabulary(parser: Parser, *, min_count: int = 5, sample: float | None = 1e-3) -> Any:
    """``sample`` None: the model thins nothing out."""
    vocabulary = parser.add_argument_group("vocabulary")
    vocabulary.add_argument(
        "--min-count", type=count_or_zero, default=min_count, metavar="N", help=f"rarer words go ({min_count})"
    )
    if sample is not None:
        vocabulary.add_argument(
            "--sample", type=float, default=sample, metavar="X", help=f"thins frequent words ({sample:g})"
        )
    vocabulary.add_argument("--max-final-vocab", type=count, metavar="N", help="keep at most so many words")
    vocabulary.add_argument("--max-vocab-size", type=count, metavar="N", help="bound on the words counted")
    return vocabulary


def add_training(parser: Parser, epochs: int, *, alpha: float = 0.025, min_alpha: float = 1e-4) -> None:
    training = add_passes(parser, epochs)
    training.add_argument("--alpha", type=float, default=alpha, metavar="X", help=f"first learning rate ({alpha:g})")
    training.add_argument(
        "--min-alpha", type=float, default=min_alpha, metavar="X", help=f"last learning rate ({min_alpha:g})"
    )


def add_passes(parser: Parser, epochs: int) -> Any:
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", "--iter", type=count, default=epochs, metavar="N", help=f"passes ({epochs})")
    training.add_argument("--seed", type=int, default=1, metavar="N", help="one worker and one seed: one result (1)")
    add_workers(training)
    add_checkpoint(training)
    return training


def settings(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of a model that the options above stand for."""
    return common_settings(args) | {
        "hs": int(args.hs),
        "negative": (0 if args.hs else 5) if args.negative is None else args.negative,
        "ns_exponent": args.ns_exponent,
        "alpha": args.alpha,
        "min_alpha": args.min_alpha,
    }


def common_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Those of them that all models have."""
    return run_settings(args) | {
        "window": args.window,
        "min_count": args.min_count,
        "max_vocab_size": args.max_vocab_size,
        "max_final_vocab": args.max_final_vocab,
        **({"sample": args.sample} if "sample" in args else {}),
    }


def run_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The size of vectors, and how they are trained."""
    return {
        "vector_size": args.size,
        "epochs": args.epochs,
        "workers": args.workers or _core.num_threads(),
        "seed": args.seed,
    }


def train(
    args: argparse.Namespace,
    model_class: Any,
    arguments: dict[str, Any],
    *,
    vectors: str = "wv",
    unit: str = "words",
    saver: Callable[[str, str, str], Callable[[Any], None]] = vectors_saver,
) -> int:
    """Train a model, or go on from its checkpoint, and write the vectors that one of its attributes holds.

    Args:
        model_class: an EmbeddingModel.
        saver: gives, from the output's path and format and the attribute's name, what writes a model.
    """
    from lexigrad.embed.callbacks import TrainingInterrupted
    from lexigrad.progress import bar

    resuming = has_checkpoint(args)
    save = saver(args.output, args.format, vectors)
    code = 0
    start = time.perf_counter()
    with bar(args.quiet) as hook:
        progress: dict[str, Any] = {
            "progress": hook,
            "checkpoint": args.checkpoint,
            "checkpoint_seconds": args.checkpoint_minutes * 60,
        }
        try:
            if resuming:
                model = model_class.load(args.checkpoint)
                if model.training_unfinished:
                    model.resume(args.corpus, **progress)
            else:
                model = model_class(args.corpus, compute_loss=hook is not None, **arguments, **progress)
        except TrainingInterrupted as interrupt:
            model, code = interrupt.model, INTERRUPTED
    seconds = time.perf_counter() - start
    save(model)
    if args.save_vocab:
        write_vocabulary(model.wv, args.save_vocab)
    if code:
        say(f"lexigrad: interrupted: what was trained until then is in {args.output}")
    elif not args.quiet:
        rate = "" if resuming else f", {model.corpus_total_words * args.epochs / seconds:,.0f} words/s"
        found = len(getattr(model, vectors))
        say(f"{found:,} {unit}, {model.vector_size} dimensions -> {args.output} ({seconds:.1f} s{rate})")
    return code
