"""The command ``train word2vec``."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from lexigrad import _core
from lexigrad.cli.common import INTERRUPTED, add_quiet, add_workers, command, count, count_or_zero, say
from lexigrad.cli.train.output import add_checkpoint, has_checkpoint, vectors_saver, write_vocabulary
from lexigrad.cli.vectors import OUTPUT_FORMATS

if TYPE_CHECKING:
    from lexigrad.embed.word2vec import Word2Vec
    from lexigrad.progress import Hook


def add(models: Any) -> None:
    parser = command(
        models,
        "word2vec",
        _train,
        "train word vectors by skip-gram or CBOW",
        "lexigrad train word2vec 'corpus/*.txt.gz' -o vectors.bin --sg --size 300 --sample 1e-4 --epochs 5",
    )
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

    model = parser.add_argument_group("model")
    kind = model.add_mutually_exclusive_group()
    kind.add_argument("--sg", action="store_true", help="skip-gram: predict each word of the window")
    kind.add_argument("--cbow", dest="sg", action="store_false", help="CBOW: predict the centre (default)")
    model.add_argument("--size", "--vector-size", type=count, default=100, metavar="N", help="dimensions (100)")
    model.add_argument("--window", type=count, default=5, metavar="N", help="words on either side (5)")
    model.add_argument(
        "--negative", type=count_or_zero, metavar="N", help="negative samples (5; 0 with --hs or --softmax)"
    )
    model.add_argument("--ns-exponent", type=float, default=0.75, metavar="X", help="power of the counts (0.75)")
    model.add_argument("--hs", action="store_true", help="hierarchical softmax")
    model.add_argument("--softmax", action="store_true", help="the exact softmax over the whole vocabulary: slow")

    vocabulary = parser.add_argument_group("vocabulary")
    vocabulary.add_argument("--min-count", type=count_or_zero, default=5, metavar="N", help="rarer words go (5)")
    vocabulary.add_argument("--sample", type=float, default=1e-3, metavar="X", help="thins frequent words (1e-3)")
    vocabulary.add_argument("--max-final-vocab", type=count, metavar="N", help="keep at most so many words")
    vocabulary.add_argument("--max-vocab-size", type=count, metavar="N", help="bound on the words counted")

    training = parser.add_argument_group("training")
    training.add_argument("--epochs", "--iter", type=count, default=5, metavar="N", help="passes (5)")
    training.add_argument("--alpha", type=float, default=0.025, metavar="X", help="first learning rate (0.025)")
    training.add_argument("--min-alpha", type=float, default=1e-4, metavar="X", help="last learning rate (1e-4)")
    training.add_argument("--seed", type=int, default=1, metavar="N", help="one worker and one seed: one result (1)")
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


def _new(args: argparse.Namespace, hook: "Hook | None") -> "Word2Vec":
    from lexigrad.embed.word2vec import Word2Vec

    return Word2Vec(
        args.corpus,
        vector_size=args.size,
        window=args.window,
        min_count=args.min_count,
        max_vocab_size=args.max_vocab_size,
        max_final_vocab=args.max_final_vocab,
        sample=args.sample,
        sg=int(args.sg),
        hs=int(args.hs),
        negative=_negative_samples(args),
        ns_exponent=args.ns_exponent,
        loss="softmax" if args.softmax else None,
        alpha=args.alpha,
        min_alpha=args.min_alpha,
        epochs=args.epochs,
        workers=args.workers or _core.num_threads(),
        seed=args.seed,
        compute_loss=hook is not None,
        progress=hook,
        checkpoint=args.checkpoint,
        checkpoint_seconds=args.checkpoint_minutes * 60,
    )


def _resumed(args: argparse.Namespace, hook: "Hook | None") -> "Word2Vec":
    """Go on from the checkpoint, with the settings that it holds."""
    from lexigrad.embed.word2vec import Word2Vec

    model = Word2Vec.load(args.checkpoint)
    if model.training_unfinished:
        model.resume(
            args.corpus,
            progress=hook,
            checkpoint=args.checkpoint,
            checkpoint_seconds=args.checkpoint_minutes * 60,
        )
    return model


def _negative_samples(args: argparse.Namespace) -> int:
    if args.negative is not None:
        return int(args.negative)
    return 0 if args.hs or args.softmax else 5
