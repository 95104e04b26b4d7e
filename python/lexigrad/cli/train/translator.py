"""The command ``train translator``."""

import argparse
from typing import TYPE_CHECKING, Any

from lexigrad.cli.common import add_quiet, command, count
from lexigrad.cli.train.output import check_output, has_checkpoint
from lexigrad.cli.train.training import add_training, lines_of, run_training, training_options

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
    from lexigrad.models import Translator

    resuming = has_checkpoint(args)
    check_output(args.output)
    sources, targets = lines_of(args.sources), lines_of(args.targets)
    validation = args.validation and (lines_of(args.validation[0]), lines_of(args.validation[1]))

    def train(run: dict[str, Any]) -> Translator:
        if resuming:
            model = Translator.load(args.checkpoint)
            return model.resume(sources, targets, validation, **run) if model.training_unfinished else model
        given = {name: getattr(args, name) for name in _SETTINGS if getattr(args, name) is not None}
        model = Translator(**given, tied=not args.untied)
        return model.fit(sources, targets, validation, **run, **training_options(args))

    return run_training(args, train, _report)


def _report(model: "Translator") -> str:
    from lexigrad.models import Evaluation

    assert model.pieces is not None
    parts = [f"{len(model.pieces.names):,} units, {model.cell} of {model.num_layers} x {model.hidden_size}"]
    losses = model.history.validations.get("loss")
    if losses:
        best = Evaluation(min(losses), 1)
        parts.append(f"validation loss {best.loss:.4f} (perplexity {best.perplexity:.2f})")
    return ", ".join(parts)
