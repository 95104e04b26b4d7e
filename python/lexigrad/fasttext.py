"""The functions of the fastText program's Python package: ``import lexigrad.fasttext as fasttext``.

Models are trained by :class:`lexigrad.FastText` and :class:`lexigrad.FastTextClassifier`, which have more to offer:
callbacks, checkpoints, progress, any iterable as a corpus.
"""

import os
import re
from typing import Any, Literal

from lexigrad._core import num_threads
from lexigrad.embed.fasttext import FastText
from lexigrad.embed.fasttext_classifier import FastTextClassifier, Loss
from lexigrad.embed.fasttext_model import FastTextModel
from lexigrad.text.ngrams import END_OF_SENTENCE

__all__ = ["BOW", "EOS", "EOW", "FastTextModel", "load_model", "tokenize", "train_supervised", "train_unsupervised"]

EOS = END_OF_SENTENCE.decode()
BOW, EOW = "<", ">"
_SPACE = re.compile("[ \t\r\v\f\0]+")

Path = str | os.PathLike[str]


def load_model(path: Path) -> FastTextModel:
    """Read a .bin file."""
    return FastTextModel.load_fasttext_format(path)


def tokenize(text: str) -> list[str]:
    """The words of a text; an end of a line is one."""
    lines = [[word for word in _SPACE.split(line) if word] for line in text.split("\n")]
    return [word for i, line in enumerate(lines) for word in (*line, *([EOS] if i + 1 < len(lines) else []))]


def train_supervised(
    input: Path,
    lr: float = 0.1,
    dim: int = 100,
    ws: int = 5,
    epoch: int = 5,
    minCount: int = 1,
    minCountLabel: int = 0,
    minn: int = 0,
    maxn: int = 0,
    neg: int = 5,
    wordNgrams: int = 1,
    loss: Loss = "softmax",
    bucket: int = 2_000_000,
    thread: int | None = None,
    lrUpdateRate: int = 100,
    t: float = 1e-4,
    label: str = "__label__",
    verbose: int = 2,
    pretrainedVectors: str = "",
    seed: int = 0,
) -> FastTextModel:
    """Train a classifier on a file of lines with labels: :class:`lexigrad.FastTextClassifier`.

    ``ws``, ``lrUpdateRate``, ``t`` and ``verbose`` are taken so that the program's code runs; without effect.

    Raises:
        ValueError: ``pretrainedVectors`` are given, or as FastTextClassifier does.
    """
    del ws, lrUpdateRate, t, verbose
    _no_vectors(pretrainedVectors)
    return FastTextClassifier(
        input,
        vector_size=dim,
        alpha=lr,
        epochs=epoch,
        min_count=minCount,
        min_count_label=minCountLabel,
        word_ngrams=wordNgrams,
        min_n=minn,
        max_n=maxn,
        bucket=bucket,
        loss=loss,
        negative=neg,
        label_prefix=label,
        seed=seed,
        workers=thread or num_threads(),
    ).model


def train_unsupervised(
    input: Path,
    model: Literal["skipgram", "cbow"] = "skipgram",
    lr: float = 0.05,
    dim: int = 100,
    ws: int = 5,
    epoch: int = 5,
    minCount: int = 5,
    minCountLabel: int = 0,
    minn: int = 3,
    maxn: int = 6,
    neg: int = 5,
    wordNgrams: int = 1,
    loss: Literal["ns", "hs", "softmax"] = "ns",
    bucket: int = 2_000_000,
    thread: int | None = None,
    lrUpdateRate: int = 100,
    t: float = 1e-4,
    label: str = "__label__",
    verbose: int = 2,
    pretrainedVectors: str = "",
    seed: int = 0,
) -> FastTextModel:
    """Train word vectors on a file: :class:`lexigrad.FastText`.

    ``minCountLabel``, ``wordNgrams``, ``lrUpdateRate``, ``label`` and ``verbose`` are taken so that the program's code
    runs; without effect. The end of a line is no word here.

    Raises:
        ValueError: ``pretrainedVectors`` are given, or as FastText does.
    """
    del minCountLabel, wordNgrams, lrUpdateRate, label, verbose
    _no_vectors(pretrainedVectors)
    if model not in ("skipgram", "cbow"):
        raise ValueError(f"model must be 'skipgram' or 'cbow', not {model!r}")
    if loss not in ("ns", "hs", "softmax"):
        raise ValueError(f"loss must be 'ns', 'hs' or 'softmax', not {loss!r}")
    objectives: dict[str, dict[str, Any]] = {
        "ns": {"negative": neg},
        "hs": {"negative": 0, "hs": 1},
        "softmax": {"loss": "softmax"},
    }
    trained = FastText(
        corpus_file=input,
        sg=int(model == "skipgram"),
        vector_size=dim,
        alpha=lr,
        min_alpha=0.0,
        window=ws,
        min_count=minCount,
        sample=t,
        seed=seed,
        workers=thread or num_threads(),
        ns_exponent=0.5,
        epochs=epoch,
        min_n=minn,
        max_n=maxn,
        bucket=bucket,
        **objectives[loss],
    )
    return trained.model


def _no_vectors(path: str) -> None:
    if path:
        raise ValueError(f"pretrainedVectors={path!r}: training from given vectors is not supported")
