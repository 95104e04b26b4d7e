"""The commands ``train tagger``, ``train classifier`` and ``train speech``: a model on labelled data."""

import argparse
from typing import Any

from lexigrad.cli.common import add_quiet, command, count, count_or_zero
from lexigrad.cli.labelled import read_labelled, read_sounds, read_tagged
from lexigrad.cli.train.output import check_output, has_checkpoint
from lexigrad.cli.train.training import add_training, run_training, training_options

_NAMES = (
    "cell",
    "hidden_size",
    "num_layers",
    "char_size",
    "dropout",
    "crf",
    "pooling",
    "max_length",
    "min_count",
    "unit",
    "sample_rate",
    "stack",
    "seed",
)


def add(models: Any) -> None:
    tagger = _add(models, "tagger", "train a tagger on lines of a word and its tag, an empty line after a sentence")
    tagger.add_argument("--crf", action="store_true", default=None, help="choose the tags of a sentence together")
    _add_spelling(tagger)
    classifier = _add(models, "classifier", "train a classifier on lines of a label, a tab and a text")
    classifier.add_argument("--pooling", choices=("max", "mean"), help="of the words' outputs (max)")
    classifier.add_argument("--max-length", type=count, metavar="N", help="words of a text that are read (all)")
    _add_spelling(classifier)
    speech = _add(models, "speech", "train a speech recogniser on lines of a .wav file, a tab and its text")
    speech.add_argument("--unit", choices=("char", "word"), help="recognise characters (default) or words")
    speech.add_argument("--sample-rate", type=count, metavar="HZ", help="(8000)")
    speech.add_argument("--stack", type=count, metavar="N", help="frames of 10 ms that make a step (2)")


def _add(models: Any, name: str, help: str) -> argparse.ArgumentParser:
    parser = command(models, name, _train, help, f"lexigrad train {name} train.tsv -o model.safetensors --epochs 10")
    parser.set_defaults(kind=name, vectors=None)
    parser.add_argument("data", help="a UTF-8 file; .gz, .bz2, .xz and .zst too")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="where the model goes (safetensors)")
    parser.add_argument("--validation", metavar="FILE", help="such a file to choose the best weights by")
    add_quiet(parser)
    parser.add_argument("--cell", choices=("lstm", "gru"), help="(lstm)")
    parser.add_argument("--hidden", dest="hidden_size", type=count, metavar="N", help="units of a layer's direction")
    parser.add_argument("--layers", dest="num_layers", type=count, metavar="N", help="(1)")
    parser.add_argument("--dropout", type=float, metavar="P", help="on the output of each layer")
    add_training(parser)
    return parser


def _add_spelling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--char-size", type=count_or_zero, metavar="N", help="dimensions of characters; 0: no spelling")
    parser.add_argument("--min-count", type=count, metavar="N", help="rarer words are unknown")
    parser.add_argument("--vectors", metavar="FILE", help="word vectors to start from (word2vec format)")


def _train(args: argparse.Namespace) -> int:
    from lexigrad.models import SequenceClassifier, SequenceTagger, SpeechRecognizer

    kind: Any = {"tagger": SequenceTagger, "classifier": SequenceClassifier, "speech": SpeechRecognizer}[args.kind]
    read: Any = {"tagger": read_tagged, "classifier": read_labelled, "speech": read_sounds}[args.kind]
    resuming = has_checkpoint(args)
    check_output(args.output)
    X, y = read(args.data)
    validation = read(args.validation) if args.validation else None

    def train(run: dict[str, Any]) -> Any:
        if resuming:
            model = kind.load(args.checkpoint)
            return model.resume(X, y, validation, **run) if model.training_unfinished else model
        given = {name: getattr(args, name, None) for name in _NAMES}
        model = kind(**{name: value for name, value in given.items() if value is not None})
        return model.fit(X, y, validation, **run, **_start(args.vectors), **training_options(args))

    return run_training(args, train, _report)


def _report(model: Any) -> str:
    scores = model.history.validations.get("score", [])
    return f"{model!r}" + (f", validation score {max(scores):.4f}" if scores else "")


def _start(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    from lexigrad import KeyedVectors

    return {"vectors": KeyedVectors.load_word2vec_format(path, binary=path.endswith((".bin", ".bin.gz")))}
