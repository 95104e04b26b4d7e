"""A tag for each word of a sentence: parts of speech, names."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lexigrad.models.metrics import Scores, accuracy, span_scores
from lexigrad.models.sequence import SentenceEncoder, SequenceModel, SequenceNetwork
from lexigrad.nn.crf import CRF
from lexigrad.nn.linear import Linear
from lexigrad.ops.softmax import cross_entropy, softmax
from lexigrad.tensor import Array, Tensor


class TaggerNetwork(SequenceNetwork):
    """An encoder, scores of the tags of each word, and a CRF over them or none."""

    def __init__(self, encoder: SentenceEncoder, hidden_size: int, tags: int, crf: bool) -> None:
        self.encoder = encoder
        self.out = Linear(2 * hidden_size, tags, rng=encoder.rng)
        self.crf = CRF(tags, rng=encoder.rng) if crf else None

    def loss(self, y: Tensor, lengths: NDArray[np.int64], targets: NDArray[np.int64]) -> Tensor:
        scores = self.out(y)
        if self.crf is not None:
            loss: Tensor = self.crf(scores, targets, lengths=lengths, reduction="token_mean")
            return loss
        steps, batch, tags = scores.shape
        wanted = np.where(np.arange(steps)[:, None] < lengths, targets, -100)
        return cross_entropy(scores.reshape(steps * batch, tags), wanted.reshape(-1))

    def decode(self, y: Tensor, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """The best tags (T, B)."""
        scores = self.out(y)
        if self.crf is not None:
            return self.crf.decode(scores, lengths=lengths).tags
        return np.asarray(scores.data.argmax(-1))

    def probabilities(self, y: Tensor, lengths: NDArray[np.int64]) -> Array:
        """Of each tag, (T, B, K)."""
        scores = self.out(y)
        return softmax(scores).data if self.crf is None else self.crf.marginals(scores, lengths=lengths)


class TagScores(NamedTuple):
    """How good tags are: the share of right ones, and the spans of BIO tags."""

    accuracy: float
    spans: Scores


class SequenceTagger(SequenceModel):
    """A bidirectional LSTM or GRU that gives each word of a sentence a tag (Huang, Xu and Yu 2015; Lample et al. 2016).

    A word is its vector, and what a small LSTM makes of its characters both ways. With ``crf`` the tags of a sentence
    are chosen together.

    X is a sequence of sentences, lists of words; y has a list of as many tags for each. An empty sentence has no tags.
    Words and characters that training did not have are known as such. It is a scikit-learn estimator: ``get_params``,
    ``set_params``, ``clone``, ``score``.

    Args:
        cell: "lstm" or "gru".
        hidden_size, num_layers: H of each direction, and the number of layers.
        char_size: dimensions of characters, and of what reads them in each direction; 0: no spelling.
        dropout: on what goes into and out of each layer, the same units at all words.
        crf: choose the tags of a sentence together, with ``nn.CRF``.
        min_count: rarer words are unknown.
        lowercase: words have their vectors in lower case; spelling keeps it.
        seed: of first weights, dropout, the order of sentences.

    Attributes:
        classes_: the tags, in their order.
        network: ``encoder``, ``out`` and ``crf``.

    Raises:
        ValueError: a setting is out of range.

    >>> tagger = SequenceTagger(crf=True).fit(sentences, tags, validation=0.1, epochs=10)
    >>> tagger.predict([["She", "sells", "shells", "."]])
    [['PRON', 'VERB', 'NOUN', 'PUNCT']]
    """

    _SETTINGS = (
        "cell",
        "hidden_size",
        "num_layers",
        "char_size",
        "dropout",
        "crf",
        "min_count",
        "lowercase",
        "seed",
    )

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 128,
        num_layers: int = 1,
        *,
        char_size: int = 32,
        dropout: float = 0.4,
        crf: bool = False,
        min_count: int = 1,
        lowercase: bool = True,
        seed: int = 1,
    ) -> None:
        super().__init__(cell, hidden_size, num_layers, char_size, dropout, min_count, lowercase, seed)
        self.crf = bool(crf)

    def predict(self, X: Sequence[Sequence[str]], batch_size: int = 64) -> list[list[str]]:
        """The tags of sentences, a list of str for each.

        Raises:
            RuntimeError: the model is not trained.
            TypeError: a sentence is no list of words.
        """
        result: list[list[str]] = [[] for _ in X]
        for indices, y, lengths, network in self._outputs(X, batch_size):
            tags = network.decode(y, lengths)
            for place, column, length in zip(indices, tags.T, lengths, strict=True):
                result[place] = [self.classes_[tag] for tag in column[: min(length, len(X[place]))]]
        return result

    def predict_proba(self, X: Sequence[Sequence[str]], batch_size: int = 64) -> list[Array]:
        """p(tag | sentence) of each word, (words, K) for each sentence; with a CRF over all tags of the others."""
        result: list[Array] = [np.zeros((0, len(self.classes_)), np.float32) for _ in X]
        for indices, y, lengths, network in self._outputs(X, batch_size):
            found = network.probabilities(y, lengths)
            for b, place in enumerate(indices):
                result[place] = found[: len(X[place]), b].copy()
        return result

    def score(self, X: Sequence[Sequence[str]], y: Sequence[Sequence[str]]) -> float:
        """F1 of spans where all tags of ``y`` are BIO ("O", "B-type", "I-type") and some are not "O"; else accuracy."""
        scores = self.evaluate(X, y)
        names = {tag for tags in y for tag in tags}
        bio = names != {"O"} and all(name == "O" or name[:2] in ("B-", "I-") for name in names)
        return scores.spans.f1 if bio and names else scores.accuracy

    def evaluate(self, X: Sequence[Sequence[str]], y: Sequence[Sequence[str]]) -> TagScores:
        """Accuracy of tags, and precision, recall and F1 of spans.

        Raises:
            RuntimeError: the model is not trained.
            ValueError: there are not as many tags as words.
        """
        found = self.predict(X)
        return TagScores(accuracy(y, found), span_scores(y, found))

    def _tokens(self, item: Any, place: int) -> list[str]:
        if isinstance(item, str) or not all(isinstance(word, str) for word in item):
            raise TypeError(f"sentence {place} must be a list of words, not {item!r:.60}")
        return list(item)

    def _labels(self, y: Sequence[Any], sentences: list[list[str]]) -> list[Any]:
        for place, (tags, sentence) in enumerate(zip(y, sentences, strict=True)):
            if isinstance(tags, str) or not all(isinstance(tag, str) for tag in tags):
                raise TypeError(f"the tags of sentence {place} must be a list of str, not {tags!r:.60}")
            if len(tags) != len(sentence):
                raise ValueError(f"sentence {place} has {len(sentence)} words, but {len(tags)} tags")
        return [list(tags) for tags in y]

    def _targets(self, labels: list[Any]) -> list[NDArray[np.int64]]:
        places = {name: place for place, name in enumerate(self.classes_)}
        return [np.array([places[tag] for tag in tags] or [0], np.int64) for tags in labels]

    def _build(self) -> TaggerNetwork:
        encoder = self._encoder(np.random.default_rng(self.seed))
        return TaggerNetwork(encoder, self.hidden_size, len(self.classes_), self.crf)
