"""Vectors of words that are the means of rows, which words with character n-grams in common share."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.matrix import Matrix
from lexigrad.text.ngrams import character_ngrams

_WORDS_AT_ONCE = 2048  # whose rows are gathered
_WORDS_HASHED = 1 << 16  # at once


class FastTextVectors(KeyedVectors):
    """Vectors of words and of any other string that has character n-grams.

    A word's vector is the mean of its own row and the rows of its n-grams; that of a word that is not there is the mean
    of its n-grams' rows, and can be asked for as if it were: ``vectors["unheard-of"]``. Made by :class:`FastText` and
    :class:`FastTextModel`.

    Attributes:
        vectors: (words, vector_size) the words' vectors, computed when they are first asked for after a change.
        vectors_vocab: (words, vector_size) the words' own rows.
        vectors_ngrams: (bucket, vector_size) the rows of the n-grams, by their hashes.
        min_n, max_n, bucket: n-grams of so many characters, in so many rows; none where ``max_n`` is 0.
    """

    def __init__(self, vector_size: int, min_n: int, max_n: int, bucket: int) -> None:
        self._means: Any = None
        super().__init__(vector_size)
        self.min_n, self.max_n, self.bucket = min_n, max_n, bucket
        empty = np.empty((0, vector_size), np.float32)
        self.take_rows([], np.empty(0, np.int64), empty, empty)

    def take_rows(
        self,
        words: Sequence[str],
        counts: NDArray[np.int64],
        vectors_vocab: Matrix,
        vectors_ngrams: Matrix,
        encoded: Sequence[bytes] | None = None,
    ) -> None:
        """Become the vectors of some words. The matrices are not copied.

        Args:
            encoded: the words as their n-grams see them; default UTF-8.
        """
        self.index_to_key = list(words)
        self.key_to_index = {word: row for row, word in enumerate(words)}
        self.next_index = len(words)
        self.expandos["count"] = counts
        self.vectors_vocab, self.vectors_ngrams = vectors_vocab, vectors_ngrams
        text = [word.encode() for word in words] if encoded is None else encoded
        self.ngram_offsets, self.ngram_buckets = hashed_ngrams(text, self.min_n, self.max_n, self.bucket)
        self.adjust_vectors()

    def adjust_vectors(self) -> None:
        """Compute ``vectors`` again when they are asked for: some rows have changed."""
        self._means = None
        self.norms = None

    # The base class keeps its matrix under this name.
    @property
    def _vectors(self) -> Any:
        if self._means is None:
            self._means = self._mean_rows()
        return self._means

    @_vectors.setter
    def _vectors(self, value: Any) -> None:
        self._means = value

    def _mean_rows(self) -> Matrix:
        means = np.array(self.vectors_vocab)
        for begin in range(0, len(means), _WORDS_AT_ONCE):
            end = min(begin + _WORDS_AT_ONCE, len(means))
            offsets = self.ngram_offsets[begin : end + 1]
            rows = self.vectors_ngrams[self.ngram_buckets[offsets[0] : offsets[-1]]]
            numbers = np.diff(offsets)
            some = np.flatnonzero(numbers)
            if len(some):
                means[begin + some] += np.add.reduceat(rows, (offsets - offsets[0])[some], axis=0)
            means[begin:end] /= (1 + numbers)[:, None]
        return means

    def get_subwords(self, word: str) -> list[str]:
        """The character n-grams of a word, between angle brackets, in fastText's order."""
        if self.max_n < 1:
            return []
        text = word.encode()
        _, begins, ends, _ = character_ngrams([text], self.min_n, self.max_n, self.bucket)
        bracketed = b"<" + text + b">"
        return [bracketed[begin:end].decode() for begin, end in zip(begins, ends, strict=True)]

    def subword_rows(self, word: str) -> NDArray[np.int64]:
        """The rows whose mean is the word's vector: of ``vectors_vocab``, and behind those of ``vectors_ngrams``."""
        own = [self.key_to_index.get(word, -1)]
        return subword_rows([word.encode()], own, self.min_n, self.max_n, self.bucket, len(self.vectors_vocab))[1]

    def get_vector(self, key: Any, norm: bool = False) -> Any:
        """The vector of a word (vector_size,), also of one that is not there; of length 1 if ``norm``.

        Raises:
            KeyError: the word is not there and has no n-gram: it is too short, or the model has none.
        """
        if not isinstance(key, str) or key in self.key_to_index:
            return super().get_vector(key, norm)
        rows = self.subword_rows(key)
        if not len(rows):
            raise KeyError(f"{key!r} is not in the vocabulary and has no character n-grams to make a vector from")
        vector: Matrix = self.vectors_ngrams[rows - len(self.vectors_vocab)].mean(axis=0)
        length = np.linalg.norm(vector)
        return vector / length if norm and length else vector

    def get_vectors(self, keys: Iterable[Any], norm: bool = False) -> Any:
        """The vectors of several words (n, vector_size), as :meth:`get_vector` gives them."""
        vectors = [self.get_vector(key, norm) for key in keys]
        if not vectors:
            raise ValueError("no keys were given: name at least one")
        return np.stack(vectors)

    def __contains__(self, key: Any) -> bool:
        return super().__contains__(key) or (isinstance(key, str) and len(self.subword_rows(key)) > 0)

    def _vector_of(self, key_or_vector: Any) -> Any:
        if isinstance(key_or_vector, str):
            return self.get_vector(key_or_vector, norm=True)
        return super()._vector_of(key_or_vector)


def hashed_ngrams(
    words: Sequence[bytes], min_n: int, max_n: int, bucket: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The rows of the n-grams of each word, and where they begin: int64 (words + 1,)."""
    if max_n < 1 or bucket < 1:
        return np.zeros(len(words) + 1, np.int64), np.empty(0, np.int32)
    offsets, buckets = [np.zeros(1, np.int64)], [np.empty(0, np.int32)]
    for begin in range(0, len(words), _WORDS_HASHED):
        found = character_ngrams(words[begin : begin + _WORDS_HASHED], min_n, max_n, bucket)
        offsets.append(offsets[-1][-1] + found.offsets[1:])
        buckets.append(found.buckets.astype(np.int32))
    return np.concatenate(offsets), np.concatenate(buckets)


def subword_rows(
    words: Sequence[bytes], ids: Sequence[int], min_n: int, max_n: int, bucket: int, first_bucket: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of each word: its own (its id, if that is not -1), then those of its n-grams; with offsets."""
    own = np.array(ids, np.int64)
    if max_n < 1:
        return np.append(0, np.cumsum(own >= 0)), own[own >= 0]
    ngrams = character_ngrams(words, min_n, max_n, bucket)
    known = own >= 0
    rows = np.insert(ngrams.buckets + first_bucket, ngrams.offsets[:-1][known], own[known])
    return ngrams.offsets + np.append(0, np.cumsum(known)), rows
