"""lexigrad: word embeddings and recurrent networks on ordinary CPUs."""

import importlib
from typing import TYPE_CHECKING, Any

from lexigrad import nn, optim
from lexigrad._core import num_threads, set_num_threads
from lexigrad.embed.adagram import AdaGram
from lexigrad.embed.callbacks import CallbackAny2Vec, StopTraining, TrainingInterrupted
from lexigrad.embed.cooccurrence import cooccurrence, one_hot, term_document
from lexigrad.embed.doc2vec import Doc2Vec
from lexigrad.embed.fasttext import FastText
from lexigrad.embed.fasttext_classifier import FastTextClassifier
from lexigrad.embed.fasttext_model import FastTextModel
from lexigrad.embed.glove import GloVe
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.lda2vec import LDA2Vec
from lexigrad.embed.svd import SVDEmbedding
from lexigrad.embed.word2vec import Word2Vec
from lexigrad.gradcheck import gradcheck
from lexigrad.tensor import Tensor, detect_anomaly, enable_grad, is_grad_enabled, no_grad
from lexigrad.text.documents import TaggedDocument
from lexigrad.text.phrases import FrozenPhrases, Phrases

if TYPE_CHECKING:
    from lexigrad import diagnostics, models, onnx

__version__ = "0.1.0"

__all__ = [
    "AdaGram",
    "CallbackAny2Vec",
    "Doc2Vec",
    "FastText",
    "FastTextClassifier",
    "FastTextModel",
    "FrozenPhrases",
    "GloVe",
    "KeyedVectors",
    "LDA2Vec",
    "Phrases",
    "SVDEmbedding",
    "StopTraining",
    "TaggedDocument",
    "Tensor",
    "TrainingInterrupted",
    "Word2Vec",
    "cooccurrence",
    "detect_anomaly",
    "diagnostics",
    "enable_grad",
    "gradcheck",
    "is_grad_enabled",
    "models",
    "nn",
    "no_grad",
    "num_threads",
    "one_hot",
    "onnx",
    "optim",
    "set_num_threads",
    "term_document",
]


def __getattr__(name: str) -> Any:
    """Packages that take long to import come when they are first asked for (PEP 562)."""
    if name in ("diagnostics", "models", "onnx"):
        return importlib.import_module(f"lexigrad.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
