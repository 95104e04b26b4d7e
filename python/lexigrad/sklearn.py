"""Vectors of words and documents as transformers in scikit-learn's pipelines (needs: pip install 'lexigrad[sklearn]').

X is a sequence of texts, each a str, of which words and marks are taken as they are, or a list of words. Each
transformer trains one of our models with the constructor's arguments of the same names; there the defaults are
explained. With ``workers=1``, the default here, the same data give the same vectors.

>>> pipeline = make_pipeline(Word2VecTransformer(sg=1, min_count=2), LogisticRegression())
>>> pipeline.fit(texts, labels).score(other_texts, other_labels)
"""

import os
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.doc2vec import Doc2Vec
from lexigrad.embed.fasttext import FastText
from lexigrad.embed.glove import GloVe
from lexigrad.embed.lda2vec import LDA2Vec
from lexigrad.embed.word2vec import Word2Vec
from lexigrad.models.sequence import words_of
from lexigrad.text.documents import TaggedDocument

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "transformers need scikit-learn: pip install 'lexigrad[sklearn]'", name=error.name
    ) from error

__all__ = [
    "Doc2VecTransformer",
    "FastTextTransformer",
    "GloVeTransformer",
    "LDA2VecTransformer",
    "Word2VecTransformer",
]

Matrix = NDArray[np.float32]


class _Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the transformers.

    Attributes:
        model_: what ``fit`` trained.
    """

    _kind: ClassVar[Any]  # the model's class

    def fit(self, X: Sequence[str | Sequence[str]], y: Any = None) -> Self:
        """Train the model; ``y`` is not looked at.

        Raises:
            TypeError: a text is neither a str nor a list of words.
            ValueError: a setting is out of range, or no word occurs ``min_count`` times.
        """
        self.model_ = self._kind(self._corpus(_texts(X)), **self.get_params(deep=False))
        return self

    def transform(self, X: Sequence[str | Sequence[str]]) -> Matrix:
        """The vectors of texts (texts, features).

        Raises:
            NotFittedError: ``fit`` has not been called.
            TypeError: a text is neither a str nor a list of words.
        """
        check_is_fitted(self)
        return np.asarray(self._vectors(_texts(X)), np.float32)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the model to one safetensors file, atomically; its own class loads it too."""
        check_is_fitted(self)
        self.model_.save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a model that :meth:`save`, or the model's own ``save``, wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is of another model, or damaged.
        """
        model = cls._kind.load(path)
        transformer = cls(**{name: getattr(model, name) for name in cls._get_param_names()})
        transformer.model_ = model
        return transformer

    def _corpus(self, texts: list[list[str]]) -> list[Any]:
        return texts

    def _vectors(self, texts: list[list[str]]) -> Any:
        """The mean of the vectors of each text's known words; zeros where there are none."""
        vectors = self.model_.wv
        result = np.zeros((len(texts), vectors.vector_size), np.float32)
        for row, words in zip(result, texts, strict=True):
            known = [word for word in words if word in vectors]
            if known:
                row[:] = vectors.get_vectors(known).mean(0)
        return result

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.vector_size)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        return tags


class Word2VecTransformer(_Transformer):
    """The mean of the vectors of a text's words, by :class:`lexigrad.Word2Vec`."""

    _kind = Word2Vec

    def __init__(
        self,
        vector_size: int = 100,
        *,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        sample: float = 1e-3,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        epochs: int = 5,
        seed: int = 1,
        workers: int = 1,
    ) -> None:
        self.vector_size, self.alpha, self.window, self.min_count = vector_size, alpha, window, min_count
        self.sample, self.sg, self.hs, self.negative = sample, sg, hs, negative
        self.epochs, self.seed, self.workers = epochs, seed, workers


class FastTextTransformer(_Transformer):
    """The mean of the vectors of a text's words, unknown ones too, by :class:`lexigrad.FastText`."""

    _kind = FastText

    def __init__(
        self,
        vector_size: int = 100,
        *,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        sample: float = 1e-3,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        min_n: int = 3,
        max_n: int = 6,
        bucket: int = 2_000_000,
        epochs: int = 5,
        seed: int = 1,
        workers: int = 1,
    ) -> None:
        self.vector_size, self.alpha, self.window, self.min_count = vector_size, alpha, window, min_count
        self.sample, self.sg, self.hs, self.negative = sample, sg, hs, negative
        self.min_n, self.max_n, self.bucket = min_n, max_n, bucket
        self.epochs, self.seed, self.workers = epochs, seed, workers


class GloVeTransformer(_Transformer):
    """The mean of the vectors of a text's words, by :class:`lexigrad.GloVe`."""

    _kind = GloVe

    def __init__(
        self,
        vector_size: int = 100,
        *,
        alpha: float = 0.05,
        window: int = 10,
        min_count: int = 5,
        x_max: float = 100.0,
        exponent: float = 0.75,
        epochs: int = 25,
        seed: int = 1,
        workers: int = 1,
    ) -> None:
        self.vector_size, self.alpha, self.window, self.min_count = vector_size, alpha, window, min_count
        self.x_max, self.exponent = x_max, exponent
        self.epochs, self.seed, self.workers = epochs, seed, workers


class Doc2VecTransformer(_Transformer):
    """The vectors of texts that :meth:`lexigrad.Doc2Vec.infer_vectors` finds, of those of ``fit`` as of others."""

    _kind = Doc2Vec

    def __init__(
        self,
        vector_size: int = 100,
        *,
        dm: int = 1,
        dbow_words: int = 0,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        sample: float = 1e-3,
        hs: int = 0,
        negative: int = 5,
        epochs: int = 10,
        seed: int = 1,
        workers: int = 1,
    ) -> None:
        self.vector_size, self.alpha, self.window, self.min_count = vector_size, alpha, window, min_count
        self.dm, self.dbow_words, self.sample, self.hs, self.negative = dm, dbow_words, sample, hs, negative
        self.epochs, self.seed, self.workers = epochs, seed, workers

    def _corpus(self, texts: list[list[str]]) -> list[Any]:
        return [TaggedDocument(words, [place]) for place, words in enumerate(texts)]

    def _vectors(self, texts: list[list[str]]) -> Any:
        return self.model_.infer_vectors(texts)


class LDA2VecTransformer(_Transformer):
    """The shares of topics in texts, by :meth:`lexigrad.LDA2Vec.infer_mixtures`."""

    _kind = LDA2Vec

    def __init__(
        self,
        topics: int = 20,
        *,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        sample: float = 1e-3,
        negative: int = 5,
        epochs: int = 20,
        seed: int = 1,
        workers: int = 1,
    ) -> None:
        self.topics, self.vector_size, self.alpha, self.window = topics, vector_size, alpha, window
        self.min_count, self.sample, self.negative = min_count, sample, negative
        self.epochs, self.seed, self.workers = epochs, seed, workers

    def _vectors(self, texts: list[list[str]]) -> Any:
        return self.model_.infer_mixtures(texts)

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.topics)


def _texts(X: Sequence[Any]) -> list[list[str]]:
    if isinstance(X, str):
        raise TypeError("X must be a sequence of texts, not one str: put it in a list")
    texts = [words_of(text) if isinstance(text, str) else list(text) for text in X]
    for place, words in enumerate(texts):
        if not all(isinstance(word, str) for word in words):
            raise TypeError(f"text {place} must be a str or a list of words, not {X[place]!r:.60}")
    return texts
