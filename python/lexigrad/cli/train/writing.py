"""What the trainers of models that write sentences share: their settings, and the report at the end."""

import argparse
from typing import TYPE_CHECKING, Any

from lexigrad.cli.common import count

if TYPE_CHECKING:
    from lexigrad.models.writing import WritingModel


def add_settings(parser: argparse.ArgumentParser, *, unit: str, attention: str, smoothing: str, length: str) -> None:
    """Add the settings, whose defaults the help names as given. What is not given is None, so that those hold."""
    model = parser.add_argument_group("model")
    model.add_argument("--cell", choices=("lstm", "gru", "rnn"), help="(lstm)")
    model.add_argument("--hidden", dest="hidden_size", type=count, metavar="N", help="units of a layer (256)")
    model.add_argument("--layers", dest="num_layers", type=count, metavar="N", help="(1)")
    model.add_argument("--embedding", dest="embedding_size", type=count, metavar="N", help="dimensions (as --hidden)")
    model.add_argument("--attention", choices=("general", "dot", "additive"), help=f"score of attention ({attention})")
    model.add_argument("--dropout", type=float, metavar="P", help="before each layer (0.3)")
    model.add_argument("--label-smoothing", type=float, metavar="P", help=f"({smoothing})")
    model.add_argument("--untied", action="store_true", help="embeddings and output have weights of their own")
    model.add_argument("--unit", choices=("bpe", "word"), help=f"byte-pair encoding, or words ({unit})")
    model.add_argument("--vocabulary", dest="vocabulary_size", type=count, metavar="N", help="units (8000)")
    model.add_argument("--min-count", type=count, metavar="N", help="leave out what is rarer (2)")
    model.add_argument("--max-length", type=count, metavar="N", help=f"leave out what has more units ({length})")


def settings(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line has."""
    from lexigrad.models.writing import WritingModel

    given = {name: getattr(args, name, None) for name in WritingModel._SETTINGS}
    return {name: value for name, value in given.items() if value is not None} | {"tied": not args.untied}


def report(model: "WritingModel") -> str:
    """What there is to say of a trained model."""
    from lexigrad.models import Evaluation

    assert model.pieces is not None
    parts = [f"{len(model.pieces.names):,} units, {model.cell} of {model.num_layers} x {model.hidden_size}"]
    losses = model.history.validations.get("loss")
    if losses:
        best = Evaluation(min(losses), 1)
        parts.append(f"validation loss {best.loss:.4f} (perplexity {best.perplexity:.2f})")
    return ", ".join(parts)
