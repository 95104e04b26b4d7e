"""What the commands that train models of ``models.writing`` share: settings of the model, the report at the end."""

import argparse
from typing import TYPE_CHECKING, Any

from lexigrad.cli.common import count

if TYPE_CHECKING:
    from lexigrad.models.writing import WritingModel

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


def add_model(
    parser: argparse.ArgumentParser,
    label_smoothing: float,
    attention: str = "general",
    unit: str = "bpe",
    max_length: int = 100,
) -> Any:
    """Add the settings of the model, with its defaults for the help; returns their group."""
    group = parser.add_argument_group("model")
    group.add_argument("--cell", choices=("lstm", "gru", "rnn"), help="(lstm)")
    group.add_argument("--hidden", dest="hidden_size", type=count, metavar="N", help="units of a layer (256)")
    group.add_argument("--layers", dest="num_layers", type=count, metavar="N", help="of encoder and decoder (1)")
    group.add_argument("--embedding", dest="embedding_size", type=count, metavar="N", help="dimensions (as --hidden)")
    group.add_argument("--attention", choices=("general", "dot", "additive"), help=f"score of attention ({attention})")
    group.add_argument("--dropout", type=float, metavar="P", help="before each layer (0.3)")
    group.add_argument("--label-smoothing", type=float, metavar="P", help=f"({label_smoothing:g})")
    group.add_argument("--untied", action="store_true", help="embeddings and output have weights of their own")
    group.add_argument("--unit", choices=("bpe", "word"), help=f"byte-pair encoding, or words ({unit})")
    group.add_argument("--vocabulary", dest="vocabulary_size", type=count, metavar="N", help="units (8000)")
    group.add_argument("--min-count", type=count, metavar="N", help="leave out what is rarer (2)")
    group.add_argument("--max-length", type=count, metavar="N", help=f"leave out pairs with more units ({max_length})")
    return group


def settings(args: argparse.Namespace, *more: str) -> dict[str, Any]:
    """The settings that the command line has; the others have the model's defaults."""
    given = {name: getattr(args, name) for name in (*_SETTINGS, *more)}
    return {"tied": not args.untied, **{name: value for name, value in given.items() if value is not None}}


def report(model: "WritingModel") -> str:
    """A line about a trained model."""
    from lexigrad.models import Evaluation

    assert model.pieces is not None
    parts = [f"{len(model.pieces.names):,} units, {model.cell} of {model.num_layers} x {model.hidden_size}"]
    losses = model.history.validations.get("loss")
    if losses:
        best = Evaluation(min(losses), 1)
        parts.append(f"validation loss {best.loss:.4f} (perplexity {best.perplexity:.2f})")
    return ", ".join(parts)
