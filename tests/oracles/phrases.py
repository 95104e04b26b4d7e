"""Phrases in plain Python, written for reading: dictionaries of words and of joined words."""

import math
from collections.abc import Iterable, Iterator


class PhraseOracle:
    def __init__(
        self,
        min_count: float = 5,
        threshold: float = 10.0,
        max_vocab_size: int = 40_000_000,
        delimiter: str = "_",
        scoring: str = "default",
        connector_words: Iterable[str] = (),
    ) -> None:
        self.min_count = min_count
        self.threshold = threshold
        self.max_vocab_size = max_vocab_size
        self.delimiter = delimiter
        self.scoring = scoring
        self.connectors = set(connector_words)
        self.counts: dict[str, int] = {}
        self.words = 0
        self.min_reduce = 1

    def add(self, sentences: Iterable[list[str]]) -> None:
        """Into an empty model; the counts of a second corpus are a matter of merging dictionaries."""
        for sentence in sentences:
            self.words += len(sentence)
            content = [i for i, word in enumerate(sentence) if word not in self.connectors]
            for k, i in enumerate(content):
                keys = [sentence[i]]
                if k > 0:
                    keys.append(self.delimiter.join(sentence[content[k - 1] : i + 1]))
                for key in keys:
                    self.counts[key] = self.counts.get(key, 0) + 1
            if len(self.counts) > self.max_vocab_size:
                self.counts = {key: n for key, n in self.counts.items() if n >= self.min_reduce}
                self.min_reduce += 1

    def score(self, words: list[str]) -> float | None:
        """The score of a candidate, or None when it is no phrase."""
        a, b = self.counts.get(words[0], 0), self.counts.get(words[-1], 0)
        ab = self.counts.get(self.delimiter.join(words), 0)
        if not (a and b and ab):
            return None
        if self.scoring == "npmi":
            if ab < self.min_count:
                return None
            probability = ab / self.words
            score = math.log(probability / ((a / self.words) * (b / self.words))) / -math.log(probability)
        else:
            score = (ab - self.min_count) / (a * b) * len(self.counts)
        return score if score > self.threshold else None

    def transform(self, sentence: list[str]) -> Iterator[str]:
        """Greedily from the left: a word that ended a phrase begins none."""
        i = 0
        while i < len(sentence):
            if sentence[i] not in self.connectors:
                j = i + 1
                while j < len(sentence) and sentence[j] in self.connectors:
                    j += 1
                if j < len(sentence) and self.score(sentence[i : j + 1]) is not None:
                    yield self.delimiter.join(sentence[i : j + 1])
                    i = j + 1
                    continue
            yield sentence[i]
            i += 1

    def export(self) -> dict[str, float]:
        found = {key: self.score(key.split(self.delimiter)) for key in self.counts if self.delimiter in key}
        return {key: score for key, score in found.items() if score is not None}
