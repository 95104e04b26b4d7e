"""The command ``train svd``."""

import argparse
import time
from typing import Any

from lexigrad.cli.common import add_workers, command, count, count_or_zero, say
from lexigrad.cli.train import embeddings
from lexigrad.cli.train.output import vectors_saver, write_vocabulary


def add(models: Any) -> None:
    parser = command(
        models,
        "svd",
        _train,
        "make word vectors by the singular value decomposition of counts",
        "lexigrad train svd 'corpus/*.txt.gz' -o vectors.bin --size 300 --shift 5",
    )
    embeddings.add_files(parser)

    counts = parser.add_argument_group("counts")
    counts.add_argument("--min-count", type=count_or_zero, default=5, metavar="N", help="rarer words go (5)")
    counts.add_argument("--max-final-vocab", type=count, metavar="N", help="keep at most so many words")
    counts.add_argument("--window", type=count, default=5, metavar="N", help="words on either side (5)")
    counts.add_argument("--harmonic", action="store_true", help="count pairs as 1 / distance, not as 1")
    counts.add_argument("--memory", type=float, default=2.0, metavar="GIB", help="what needs more goes to disk (2)")
    add_workers(counts)

    model = parser.add_argument_group("model")
    model.add_argument("--size", "--vector-size", type=count, default=100, metavar="N", help="dimensions (100)")
    model.add_argument("--weighting", choices=("raw", "log", "ppmi"), default="ppmi", help="of the counts (ppmi)")
    model.add_argument("--shift", type=float, default=1.0, metavar="K", help="PPMI less log K (1)")
    model.add_argument("--smoothing", type=float, default=0.75, metavar="X", help="power of contexts' counts (0.75)")
    model.add_argument("--eigenvalues", type=float, default=0.5, metavar="X", help="their power, 0 to 1 (0.5)")
    model.add_argument("--solver", choices=("arpack", "randomized"), default="arpack")
    model.add_argument("--seed", type=count_or_zero, default=1, metavar="N", help="one seed: one result (1)")


def _train(args: argparse.Namespace) -> int:
    from lexigrad.embed.svd import SVDEmbedding
    from lexigrad.progress import bar

    save = vectors_saver(args.output, args.format)
    start = time.perf_counter()
    with bar(args.quiet) as hook:
        model = SVDEmbedding(
            args.corpus,
            vector_size=args.size,
            window=args.window,
            min_count=args.min_count,
            max_final_vocab=args.max_final_vocab,
            weighting=args.weighting,
            shift=args.shift,
            smoothing=args.smoothing,
            eigenvalue_weighting=args.eigenvalues,
            weights="harmonic" if args.harmonic else "flat",
            solver=args.solver,
            seed=args.seed,
            workers=args.workers,
            memory=int(args.memory * 2**30),
            progress=hook,
        )
    save(model)
    if args.save_vocab:
        write_vocabulary(model.wv, args.save_vocab)
    if not args.quiet:
        seconds = time.perf_counter() - start
        say(f"{len(model.wv):,} words, {model.wv.vector_size} dimensions -> {args.output} ({seconds:.1f} s)")
    return 0
