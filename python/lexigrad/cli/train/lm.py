"""The command ``train lm``."""

import argparse
import time
from typing import TYPE_CHECKING, Any

from lexigrad.cli.common import INTERRUPTED, add_quiet, command, count, say
from lexigrad.cli.train.output import check_output, has_checkpoint
from lexigrad.cli.train.training import add_training, joined_texts, plotter, training_options

if TYPE_CHECKING:
    from lexigrad.models import LanguageModel

_SETTINGS = (
    "unit",
    "cell",
    "hidden_size",
    "num_layers",
    "embedding_size",
    "dropout",
    "input_dropout",
    "init_scale",
    "sequence_length",
    "min_count",
    "seed",
)


def add(models: Any) -> None:
    parser = command(
        models,
        "lm",
        _train,
        "train a language model on characters or words, which 'sample' writes with",
        "lexigrad train lm shakespeare.txt -o model.safetensors --hold-out 0.1 --preset char-rnn --epochs 20",
    )
    parser.add_argument("text", nargs="+", help="UTF-8 files, read one after the other; .gz, .bz2, .xz and .zst too")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="where the model goes (safetensors)")
    judged = parser.add_mutually_exclusive_group()
    judged.add_argument("--validation", metavar="FILE", help="a text to choose the best weights by")
    judged.add_argument("--hold-out", type=float, metavar="X", help="or this fraction at the end of the text")
    add_quiet(parser)

    model = parser.add_argument_group("model")
    model.add_argument(
        "--preset",
        choices=("char-rnn", "zaremba-small", "zaremba-medium", "zaremba-large"),
        help="Karpathy's settings for characters, or Zaremba's for words; options that are given hold",
    )
    model.add_argument("--unit", choices=("char", "word"), help="predict characters (default) or words")
    model.add_argument("--cell", choices=("lstm", "gru", "rnn"), help="(lstm)")
    model.add_argument("--hidden", dest="hidden_size", type=count, metavar="N", help="units of a layer (256)")
    model.add_argument("--layers", dest="num_layers", type=count, metavar="N", help="(1)")
    model.add_argument(
        "--embedding", dest="embedding_size", type=count, metavar="N", help="dimensions (64; for words as --hidden)"
    )
    model.add_argument("--dropout", type=float, metavar="P", help="on the output of each layer (0)")
    model.add_argument("--input-dropout", type=float, metavar="P", help="on the embedding (0; for words as --dropout)")
    model.add_argument("--variational", action="store_true", help="drop the same units at all steps")
    model.add_argument("--tied", action="store_true", help="the output layer has the embedding's weights")
    model.add_argument("--init-scale", type=float, metavar="X", help="first weights are uniform within +-X")
    model.add_argument("--sequence-length", type=count, metavar="N", help="steps that gradients go back (50)")
    model.add_argument("--min-count", type=count, metavar="N", help="rarer words are <unk> (1)")
    add_training(parser)


def _train(args: argparse.Namespace) -> int:
    from lexigrad import TrainingInterrupted, set_num_threads
    from lexigrad.progress import bar

    resuming = has_checkpoint(args)
    check_output(args.output)
    draw = plotter(args.plot)
    if args.workers:
        set_num_threads(args.workers)
    text = joined_texts(args.text)
    validation = joined_texts([args.validation]) if args.validation else args.hold_out
    code = 0
    start = time.perf_counter()
    with bar(args.quiet) as hook:
        run = {"progress": hook, "checkpoint": args.checkpoint, "checkpoint_seconds": args.checkpoint_minutes * 60}
        try:
            model = _resumed(args, text, validation, run) if resuming else _new(args, text, validation, run)
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


def _new(args: argparse.Namespace, text: str, validation: Any, run: dict[str, Any]) -> "LanguageModel":
    from lexigrad.models import PRESETS, LanguageModel

    settings, options = PRESETS[args.preset] if args.preset else ({}, {})
    given = {name: getattr(args, name) for name in _SETTINGS if getattr(args, name) is not None}
    given |= {name: True for name in ("variational", "tied") if getattr(args, name)}
    model = LanguageModel(**{**settings, **given})
    return model.fit(text, validation, **run, **{**options, **training_options(args)})


def _resumed(args: argparse.Namespace, text: str, validation: Any, run: dict[str, Any]) -> "LanguageModel":
    """Go on from the checkpoint, with the settings that it holds."""
    from lexigrad.models import LanguageModel

    model = LanguageModel.load(args.checkpoint)
    return model.resume(text, validation, **run) if model.training_unfinished else model


def _report(model: "LanguageModel") -> str:
    from lexigrad.models import Evaluation

    assert model.units is not None
    parts = [f"{len(model.units):,} {model.unit}s, {model.cell} of {model.num_layers} x {model.hidden_size}"]
    history = model.history
    for name, losses in (("training", history.losses[-1:]), ("validation", history.validations.get("loss", []))):
        if losses:
            best = Evaluation(min(losses), 1)
            measure = f"{best.bits:.4f} bits/char" if model.unit == "char" else f"perplexity {best.perplexity:.2f}"
            parts.append(f"{name} loss {best.loss:.4f} ({measure})")
    return ", ".join(parts)
