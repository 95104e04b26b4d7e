"""The command ``train translator``."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from lexigrad.cli.common import INTERRUPTED, add_quiet, command, count, say
from lexigrad.cli.train.output import check_output, has_checkpoint
from lexigrad.cli.train.training import add_training, lines_of, plotter, training_options

if TYPE_CHECKING:
    from lexigrad.models import Translator

_SETTINGS = (
    "cell",
    "hidden_size",
    "num_layers",
    "embedding_size",
    "attention",
    "dropout",
    "label_smoothing",
    "unit",
    "vocabulary_size",
    "min_count",
    "max_length",
    "seed",
)


def add(models: Any) -> None:
    parser = command(
        models,
        "translator",
        _train,
        "train a translator on pairs of sentences, which 'translate' uses",
        "lexigrad train translator train.en train.de -o model.safetensors --validation val.en val.de --epochs 20",
    )
    parser.add_argument("sources", help="UTF-8 text, a sentence on each line; .gz, .bz2, .xz and .zst too")
    parser.add_argument("targets", help="their translations, line by line")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="where the model goes (safetensors)")
    parser.add_argument(
        "--validation", nargs=2, metavar=("SOURCES", "TARGETS"), help="pairs to choose the best weights by"
    )
    add_quiet(parser)

    model = parser.add_argument_group("model")
    model.add_argument("--cell", choices=("lstm", "gru", "rnn"), help="(lstm)")
    model.add_argument("--hidden", dest="hidden_size", type=count, metavar="N", help="units of a layer (256)")
    model.add_argument("--layers", dest="num_layers", type=count, metavar="N", help="of encoder and decoder (1)")
    model.add_argument("--embedding", dest="embedding_size", type=count, metavar="N", help="dimensions (as --hidden)")
    model.add_argument("--attention", choices=("general", "dot", "additive"), help="score of attention (general)")
    model.add_argument("--dropout", type=float, metavar="P", help="before each layer (0.3)")
    model.add_argument("--label-smoothing", type=float, metavar="P", help="(0.1)")
    model.add_argument("--untied", action="store_true", help="embeddings and output have weights of their own")
    model.add_argument("--unit", choices=("bpe", "word"), help="byte-pair encoding (default), or words")
    model.add_argument("--vocabulary", dest="vocabulary_size", type=count, metavar="N", help="units (8000)")
    model.add_argument("--min-count", type=count, metavar="N", help="leave out what is rarer (2)")
    model.add_argument("--max-length", type=count, metavar="N", help="leave out pairs with more units (100)")
    add_training(parser)


def _train(args: argparse.Namespace) -> int:
    from lexigrad import TrainingInterrupted, set_num_threads
    from lexigrad.progress import bar

    resuming = has_checkpoint(args)
    check_output(args.output)
    draw = plotter(args.plot)
    if args.workers:
        set_num_threads(args.workers)
    sources, targets = lines_of(args.sources), lines_of(args.targets)
    validation = None if args.validation is None else tuple(lines_of(path) for path in args.validation)
    code = 0
    start = time.perf_counter()
    with bar(args.quiet) as hook:
        run = {"progress": hook, "checkpoint": args.checkpoint, "checkpoint_seconds": args.checkpoint_minutes * 60}
        try:
            model = _trained(args, resuming, sources, targets, validation, run)
        except TrainingInterrupted as interrupt:
            model, code = interrupt.model, INTERRUPTED
    model.save(args.output)
    if model.history.updates:
        draw(model.history)
    if code:
        say(f"lexigrad: interrupted: what was trained until then is in {args.output}")
    elif not args.quiet:
        say(f"{_report(model)} -> {args.output} ({time.perf_counter() - start:.1f} s)")
    return code


def _trained(
    args: argparse.Namespace, resuming: bool, sources: list[str], targets: list[str], validation: Any, run: Any
) -> "Translator":
    from lexigrad.models import Translator

    if resuming:
        model = Translator.load(args.checkpoint)
        return model.resume(sources, targets, validation, **run) if model.training_unfinished else model
    given = {name: getattr(args, name) for name in _SETTINGS if getattr(args, name) is not None}
    model = Translator(**given, tied=not args.untied)
    return model.fit(sources, targets, validation, **run, **training_options(args))


def _report(model: "Translator") -> str:
    from lexigrad.models import Evaluation

    assert model.pieces is not None
    parts = [f"{len(model.pieces.names):,} units, {model.cell} of {model.num_layers} x {model.hidden_size}"]
    losses = model.history.validations.get("loss")
    if losses:
        best = Evaluation(min(losses), 1)
        parts.append(f"validation loss {best.loss:.4f} (perplexity {best.perplexity:.2f})")
    return ", ".join(parts)
