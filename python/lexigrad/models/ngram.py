"""A language model that counts: the baseline of all others, and what decoders ask."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.training import whole

END = "</s>"


class NGram:
    """p(word | the order - 1 words before), interpolated with lower orders as Witten and Bell 1991 do.

    p_n(w | h) = (c(h w) + t(h) p_{n-1}(w | h')) / (c(h) + t(h)),  with t(h) the number of distinct words after h, and
    below the unigrams the uniform distribution over the known words and the end.

    Attributes:
        names: the known words, END among them.

    >>> NGram(2).fit([["one", "two"], ["one", "three"]]).log_prob("one", [])
    -0.2876820724517809
    """

    def __init__(self, order: int = 3) -> None:
        self.order = whole("order", order, 1)
        self.names: list[str] = []
        self._known: frozenset[str] = frozenset()
        self._counts: dict[tuple[str, ...], Counter[str]] = {}

    def fit(self, sentences: Iterable[Sequence[str]], names: Iterable[str] = ()) -> "NGram":
        """Count; each sentence ends with END.

        Args:
            names: words that are known even where no sentence has them.

        Raises:
            ValueError: there are no sentences.
        """
        counts: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            words = [*sentence, END]
            for place, word in enumerate(words):
                for length in range(min(place, self.order - 1) + 1):
                    counts[tuple(words[place - length : place])][word] += 1
        if not counts:
            raise ValueError("there are no sentences to count")
        self._counts = dict(counts)
        self.names = sorted({*counts[()], *names})
        self._known = frozenset(self.names)
        return self

    def log_prob(self, word: str, before: Sequence[str]) -> float:
        """log p(word | the words before); -infinity for words that are not known.

        Raises:
            RuntimeError: nothing was counted.
        """
        if not self.names:
            raise RuntimeError("this NGram is not trained yet: call fit")
        if word not in self._known:
            return -math.inf
        probability = 1 / len(self.names)
        for length in range(min(len(before), self.order - 1) + 1):
            counts = self._counts.get(tuple(before[len(before) - length :]))
            if counts is None:
                break
            total, kinds = counts.total(), len(counts)
            probability = (counts[word] + kinds * probability) / (total + kinds)
        return math.log(probability)

    def log_probs(self, before: Sequence[str], names: Sequence[str]) -> NDArray[Any]:
        """The same of many words, (names,)."""
        return np.array([self.log_prob(name, before) for name in names])

    def perplexity(self, sentences: Iterable[Sequence[str]]) -> float:
        """exp of the mean of -log p over the words and ends of sentences; infinite with unknown words."""
        scores = [
            self.log_prob(word, sentence[:place])
            for sentence in sentences
            for place, word in enumerate([*sentence, END])
        ]
        if not scores:
            raise ValueError("there are no sentences")
        mean = -sum(scores) / len(scores)
        return math.exp(mean) if mean < 700 else math.inf
