"""Words, their counts and their ids: which words of a corpus are worth a vector."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lexigrad import _core

# What a trim rule returns; the values are gensim's.
RULE_DEFAULT = 0
RULE_DISCARD = 1
RULE_KEEP = 2

TrimRule = Callable[[str, int, int], int]


class WordCounts:
    """How often each word of a corpus occurs, in the order in which words first appear.

    Attributes:
        counts: (types,) int64.
        raw_words: the number of words in the corpus.
        sentences: the number of sentences that have a word.
    """

    def __init__(self, table: _core.WordTable, raw_words: int, sentences: int) -> None:
        self._table = table
        self.raw_words = raw_words
        self.sentences = sentences
        self.key = object()  # tells these counts from others
        self.counts: NDArray[np.int64] = table.counts()
        self.counts.flags.writeable = False

    @classmethod
    def from_frequencies(cls, frequencies: Mapping[str, int], sentences: int = 0) -> "WordCounts":
        """Take counts that are known already, word to count.

        Raises:
            TypeError: a word is not a str, or a count not an int.
            ValueError: a count is negative or does not fit 64 bits, or a word holds a lone surrogate.
        """
        for word, count in frequencies.items():
            if isinstance(count, bool) or not isinstance(count, int | np.integer):
                raise TypeError(f"the count of {word!r} must be an int, not {type(count).__name__}")
            if not 0 <= count < 2**63:
                raise ValueError(f"the count of {word!r} must be from 0 to 2^63 - 1, not {count}")
        counts = np.fromiter(frequencies.values(), np.int64, len(frequencies))
        return cls(_core.WordTable(list(frequencies), counts), sum(map(int, frequencies.values())), sentences)

    @cached_property
    def words(self) -> list[str]:
        """All words; they become Python strings at the first use."""
        return self.words_of(np.arange(len(self)))

    def words_of(self, ids: ArrayLike) -> list[str]:
        """The words at some places."""
        return self._table.words(np.ascontiguousarray(ids, np.int32))

    def find(self, words: Iterable[str]) -> NDArray[np.int32]:
        """The place of each word, or -2 for one that is not there."""
        return self._table.find(list(words))

    def by_falling_count(self, ids: ArrayLike) -> NDArray[np.int32]:
        """Sort places by falling count, equal counts by the words' code points."""
        return self._table.sort(np.ascontiguousarray(ids, np.int32))

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"WordCounts({len(self)} words, {self.raw_words} in all, {self.sentences} sentences)"


class Vocabulary:
    """The words that have an id: ``words[i]`` has id i and occurs ``counts[i]`` times.

    Attributes:
        words: list of str, none twice.
        counts: (words,) int64, read-only.
        raw_words, sentences: the size of the corpus that was counted last, words without an id included.
        min_count: the count that words needed; higher than asked for where ``max_final_vocab`` raised it.

    Args:
        origin: counts that the words were taken from, and their places there; saves looking them up.

    Raises:
        ValueError: a word is there twice, or words and counts differ in number.
    """

    def __init__(
        self,
        words: Iterable[str],
        counts: ArrayLike,
        *,
        raw_words: int = 0,
        sentences: int = 0,
        min_count: int = 1,
        origin: tuple[WordCounts, NDArray[np.int32]] | None = None,
    ) -> None:
        self.words = list(words)
        self.counts: NDArray[np.int64] = np.array(counts, dtype=np.int64)
        self.counts.flags.writeable = False
        self.raw_words = raw_words
        self.sentences = sentences
        self.min_count = min_count
        self._origin = (origin[0].key, origin[1]) if origin else None
        if self.counts.shape != (len(self.words),):
            raise ValueError(f"counts must have shape ({len(self.words)},), not {self.counts.shape}")
        if self._origin is None and len(self.index) != len(self.words):
            twice = next(word for i, word in enumerate(self.words) if self.index[word] != i)
            raise ValueError(f"the word {twice!r} is in the vocabulary twice")

    @cached_property
    def index(self) -> dict[str, int]:
        """Word to id."""
        return dict(zip(self.words, range(len(self.words)), strict=True))

    def places_in(self, counts: WordCounts) -> NDArray[np.int32]:
        """The place of each word in some counts, or -2 for one that is not there."""
        if self._origin is not None and self._origin[0] is counts.key:
            return self._origin[1]
        return counts.find(self.words)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words, {self.counts.sum()} of {self.raw_words} in the corpus)"


def select(
    counts: WordCounts,
    *,
    min_count: int = 5,
    max_final_vocab: int | None = None,
    trim_rule: TrimRule | None = None,
    sorted_vocab: bool = True,
) -> Vocabulary:
    """Choose the words that occur often enough, by gensim's rules.

    Args:
        counts: from :func:`lexigrad.text.count`, :func:`lexigrad.text.scan` or
            :meth:`WordCounts.from_frequencies`.
        min_count: words that occur less often go.
        max_final_vocab: raises ``min_count`` until at most so many words are left; words of equal count go
            together.
        trim_rule: called as ``trim_rule(word, count, min_count)`` for each word; returns RULE_KEEP,
            RULE_DISCARD or RULE_DEFAULT (decide by ``min_count``).
        sorted_vocab: ids by falling count, equal counts by code points; else in order of first appearance.

    Raises:
        ValueError: the corpus is empty, or no word is left.
    """
    least = _least_count(counts, min_count, max_final_vocab)
    if len(counts) == 0:
        raise ValueError("the corpus is empty: it has no words, so there is nothing to learn from; check its source")
    kept = _kept(counts, least, trim_rule)
    if len(kept) == 0:
        raise ValueError(
            f"no word is left in the vocabulary: the corpus has {counts.raw_words} words, {len(counts)} "
            f"distinct, the most frequent {counts.counts.max()} times, and min_count={least}"
            f"{' with trim_rule' if trim_rule else ''} keeps none: lower it or take a larger corpus"
        )
    if sorted_vocab:
        kept = counts.by_falling_count(kept)
    return Vocabulary(
        counts.words_of(kept),
        counts.counts[kept],
        raw_words=counts.raw_words,
        sentences=counts.sentences,
        min_count=least,
        origin=(counts, kept),
    )


def update(
    vocabulary: Vocabulary,
    counts: WordCounts,
    *,
    min_count: int = 5,
    max_final_vocab: int | None = None,
    trim_rule: TrimRule | None = None,
) -> Vocabulary:
    """Add the words of another corpus to a vocabulary, by gensim's rules; the old one stays as it is.

    Words that are in the vocabulary keep their ids and add their new counts, however small. New words that
    pass as in :func:`select`, by their counts in the new corpus alone, follow in order of first appearance.
    """
    least = _least_count(counts, min_count, max_final_vocab)
    places = vocabulary.places_in(counts)
    known = places >= 0
    old_counts = vocabulary.counts.copy()
    old_counts[known] += counts.counts[places[known]]
    is_new = np.ones(len(counts), bool)
    is_new[places[known]] = False
    kept = _kept(counts, least, trim_rule)
    added = kept[is_new[kept]]
    return Vocabulary(
        vocabulary.words + counts.words_of(added),
        np.concatenate([old_counts, counts.counts[added]]),
        raw_words=counts.raw_words,
        sentences=counts.sentences,
        min_count=least,
    )


def keeps(word: str, count: int, min_count: int, trim_rule: TrimRule) -> bool:
    """Whether a word stays, by a trim rule."""
    decision = trim_rule(word, count, min_count)
    if decision == RULE_KEEP:
        return True
    return decision != RULE_DISCARD and count >= min_count


def _least_count(counts: WordCounts, min_count: int, max_final_vocab: int | None) -> int:
    if min_count < 0:
        raise ValueError(f"min_count must be 0 or more, not {min_count}")
    if max_final_vocab is None:
        return min_count
    if max_final_vocab < 1:
        raise ValueError(f"max_final_vocab must be 1 or more, or None, not {max_final_vocab}")
    if max_final_vocab >= len(counts):
        return min_count
    place = len(counts) - 1 - max_final_vocab
    return max(min_count, int(np.partition(counts.counts, place)[place]) + 1)


def _kept(counts: WordCounts, min_count: int, trim_rule: TrimRule | None) -> NDArray[np.int32]:
    """The places of the words that stay, in their order."""
    if trim_rule is None:
        return np.flatnonzero(counts.counts >= min_count).astype(np.int32)
    pairs = zip(counts.words, counts.counts.tolist(), strict=True)
    keep = [keeps(word, count, min_count, trim_rule) for word, count in pairs]
    return np.flatnonzero(keep).astype(np.int32)
