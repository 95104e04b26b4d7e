"""A label for each text: sentiment, topic."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.training import whole
from lexigrad.models.sequence import SentenceEncoder, SequenceModel, SequenceNetwork, words_of
from lexigrad.nn.linear import Linear
from lexigrad.ops.elementwise import where
from lexigrad.ops.softmax import cross_entropy, softmax
from lexigrad.tensor import Array, Tensor

POOLINGS = ("max", "mean")


class ClassifierNetwork(SequenceNetwork):
    """An encoder, the greatest or mean values of its output over a text, and scores of the labels."""

    def __init__(self, encoder: SentenceEncoder, hidden_size: int, labels: int, pooling: str) -> None:
        self.encoder, self.pooling = encoder, pooling
        self.out = Linear(2 * hidden_size, labels, rng=encoder.rng)

    def scores(self, y: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """Of the labels, (B, K)."""
        inside = np.arange(len(y))[:, None, None] < lengths[:, None]  # (T, B, 1)
        if self.pooling == "max":
            pooled = where(inside, y, -np.inf).amax(0)
        else:
            pooled = where(inside, y, 0.0).sum(0) / lengths[:, None].astype(y.dtype)
        scores: Tensor = self.out(pooled)
        return scores

    def loss(self, y: Tensor, lengths: NDArray[np.int64], targets: NDArray[np.int64]) -> Tensor:
        return cross_entropy(self.scores(y, lengths), targets[0])


class SequenceClassifier(SequenceModel):
    """A bidirectional LSTM or GRU that gives a text a label: its output's greatest values over the text decide.

    X is a sequence of texts, each a str, of which words and marks are taken, or a list of words; y has a str for each.
    A text without words is read as one unknown word. It is a scikit-learn estimator: ``get_params``, ``set_params``,
    ``clone``, ``score``.

    Args:
        cell: "lstm" or "gru".
        hidden_size, num_layers: H of each direction, and the number of layers.
        char_size: dimensions of characters, and of what reads them in each direction; 0: no spelling.
        dropout: on what goes into and out of each layer, the same units at all words.
        pooling: "max" or "mean" over the words.
        max_length: of longer texts the first and the last words alone are read, half of it each; None: all.
        min_count: rarer words are unknown.
        lowercase: words have their vectors in lower case; spelling keeps it.
        seed: of first weights, dropout, the order of texts.

    Attributes:
        classes_: the labels, in their order.
        network: ``encoder`` and ``out``.

    Raises:
        ValueError: a setting is out of range.

    >>> classifier = SequenceClassifier(max_length=400).fit(reviews, sentiments, validation=0.1, epochs=4)
    >>> classifier.predict(["What a film!"])
    ['pos']
    """

    _SETTINGS = (
        "cell",
        "hidden_size",
        "num_layers",
        "char_size",
        "dropout",
        "pooling",
        "max_length",
        "min_count",
        "lowercase",
        "seed",
    )

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 64,
        num_layers: int = 1,
        *,
        char_size: int = 0,
        dropout: float = 0.4,
        pooling: str = "max",
        max_length: int | None = None,
        min_count: int = 2,
        lowercase: bool = True,
        seed: int = 1,
    ) -> None:
        super().__init__(cell, hidden_size, num_layers, char_size, dropout, min_count, lowercase, seed)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, not {pooling!r}")
        self.pooling = pooling
        self.max_length = None if max_length is None else whole("max_length", max_length, 2)

    def predict(self, X: Sequence[str | Sequence[str]], batch_size: int = 64) -> list[str]:
        """The most probable label of each text.

        Raises:
            RuntimeError: the model is not trained.
            TypeError: a text is neither a str nor a list of words.
        """
        return [self.classes_[label] for label in self.predict_proba(X, batch_size).argmax(1)]

    def predict_proba(self, X: Sequence[str | Sequence[str]], batch_size: int = 64) -> Array:
        """p(label | text), (texts, K), in the order of ``classes_``."""
        result = np.zeros((len(X), max(1, len(self.classes_))), np.float32)
        for indices, y, lengths, network in self._outputs(X, batch_size):
            result[indices] = softmax(network.scores(y, lengths)).data
        return result

    def score(self, X: Sequence[str | Sequence[str]], y: Sequence[str]) -> float:
        """The share of texts whose label is right.

        Raises:
            RuntimeError: the model is not trained.
            ValueError: there are no texts, or not as many labels.
        """
        if len(X) != len(y) or not len(X):
            raise ValueError(f"there are {len(X)} texts, but {len(y)} labels")
        return sum(a == b for a, b in zip(self.predict(X), y, strict=True)) / len(X)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        return tags

    def _tokens(self, item: Any, place: int) -> list[str]:
        words = words_of(item) if isinstance(item, str) else list(item)
        if not all(isinstance(word, str) for word in words):
            raise TypeError(f"text {place} must be a str or a list of words, not {item!r:.60}")
        if self.max_length is not None and len(words) > self.max_length:
            first = self.max_length // 2
            words = words[:first] + words[first - self.max_length :]
        return words

    def _labels(self, y: Sequence[Any], sentences: list[list[str]]) -> list[Any]:
        for place, label in enumerate(y):
            if not isinstance(label, str):
                raise TypeError(f"the label of text {place} must be a str, not {label!r:.60}")
        return [str(label) for label in y]

    def _targets(self, labels: list[Any]) -> list[NDArray[np.int64]]:
        if len(self.classes_) == 1:
            raise ValueError(f"all texts have the label {self.classes_[0]!r}: there is nothing to tell apart")
        places = {name: place for place, name in enumerate(self.classes_)}
        return [np.array([places[label]], np.int64) for label in labels]

    def _build(self) -> ClassifierNetwork:
        encoder = self._encoder(np.random.default_rng(self.seed))
        return ClassifierNetwork(encoder, self.hidden_size, len(self.classes_), self.pooling)
