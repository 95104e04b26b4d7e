"""The command ``train glove``."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from lexigrad import _core
from lexigrad.cli.common import INTERRUPTED, add_quiet, add_workers, command, count, count_or_zero, say
from lexigrad.cli.train.output import add_checkpoint, has_checkpoint, vectors_saver, write_vocabulary
from lexigrad.cli.vectors import OUTPUT_FORMATS

if TYPE_CHECKING:
    from lexigrad.embed.glove import GloVe
    from lexigrad.progress import Hook


def add(models: Any) -> None:
    parser = command(
        models,
        "glove",
        _train,
        "train word vectors by GloVe",
        "lexigrad train glove 'corpus/*.txt.gz' -o vectors.bin --size 300 --epochs 50",
    )
    parser.add_argument("corpus", nargs="+", help="text files or glob patterns, as for 'train word2vec'")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="as for 'train word2vec'")
    parser.add_argument(
        "--format", choices=("auto", *OUTPUT_FORMATS, "model"), default="auto", help="in place of the suffix"
    )
    parser.add_argument("--save-vocab", metavar="FILE", help="also write lines of a word and its count")
    add_quiet(parser)

    counts = parser.add_argument_group("counts")
    counts.add_argument("--min-count", type=count_or_zero, default=5, metavar="N", help="rarer words go (5)")
    counts.add_argument("--max-final-vocab", type=count, metavar="N", help="keep at most so many words")
    counts.add_argument("--window", type=count, default=10, metavar="N", help="words on either side (10)")
    counts.add_argument("--flat", action="store_true", help="count pairs as 1, not as 1 / distance")
    counts.add_argument("--asymmetric", action="store_true", help="count only what follows a word")
    counts.add_argument("--memory", type=float, default=2.0, metavar="GIB", help="what needs more goes to disk (2)")

    model = parser.add_argument_group("model")
    model.add_argument("--size", "--vector-size", type=count, default=100, metavar="N", help="dimensions (100)")
    model.add_argument("--x-max", type=float, default=100.0, metavar="X", help="counts above weigh alike (100)")
    model.add_argument("--exponent", type=float, default=0.75, metavar="X", help="of the weights below it (0.75)")
    model.add_argument(
        "--vectors", choices=("sum", "word", "context", "concatenation"), default="sum", help="what is written (sum)"
    )

    training = parser.add_argument_group("training")
    training.add_argument("--epochs", "--iter", type=count, default=25, metavar="N", help="passes (25)")
    training.add_argument("--alpha", "--eta", type=float, default=0.05, metavar="X", help="learning rate (0.05)")
    training.add_argument("--seed", type=count_or_zero, default=1, metavar="N", help="with one worker: one result (1)")
    add_workers(training)
    add_checkpoint(training)


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.callbacks import TrainingInterrupted
    from lexigrad.progress import bar

    resuming = has_checkpoint(args)
    save = vectors_saver(args.output, args.format)
    code = 0
    start = time.perf_counter()
    with bar(args.quiet) as hook:
        try:
            model = _resumed(args, hook) if resuming else _new(args, hook)
        except TrainingInterrupted as interrupt:
            model, code = interrupt.model, INTERRUPTED
    save(model)
    if args.save_vocab:
        write_vocabulary(model.wv, args.save_vocab)
    if code:
        say(f"lexigrad: interrupted: what was trained until then is in {args.output}")
    elif not args.quiet:
        seconds = time.perf_counter() - start
        say(f"{len(model.wv):,} words, {model.wv.vector_size} dimensions -> {args.output} ({seconds:.1f} s)")
    return code


def _new(args: argparse.Namespace, hook: "Hook | None") -> "GloVe":
    from lexigrad.embed.glove import GloVe

    return GloVe(
        args.corpus,
        vector_size=args.size,
        alpha=args.alpha,
        window=args.window,
        min_count=args.min_count,
        max_final_vocab=args.max_final_vocab,
        seed=args.seed,
        workers=args.workers or _core.num_threads(),
        epochs=args.epochs,
        x_max=args.x_max,
        exponent=args.exponent,
        weights="flat" if args.flat else "harmonic",
        symmetric=not args.asymmetric,
        output=args.vectors,
        memory=int(args.memory * 2**30),
        progress=hook,
        checkpoint=args.checkpoint,
        checkpoint_seconds=args.checkpoint_minutes * 60,
    )


def _resumed(args: argparse.Namespace, hook: "Hook | None") -> "GloVe":
    """Go on from the checkpoint, with the settings that it holds."""
    from lexigrad.embed.glove import GloVe

    model = GloVe.load(args.checkpoint)
    if model.training_unfinished:
        model.resume(
            args.corpus,
            progress=hook,
            checkpoint=args.checkpoint,
            checkpoint_seconds=args.checkpoint_minutes * 60,
        )
    return model
