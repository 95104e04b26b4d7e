"""What models with rows of hashed n-grams share: those rows, their copies and their files."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.fasttext_vectors import FastTextVectors
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.matrix import PaddedMatrix
from lexigrad.embed.model import EmbeddingModel
from lexigrad.embed.training import whole
from lexigrad.text.vocabulary import Vocabulary

_MOST_BUCKETS = 2**31 - 1


class NgramModel(EmbeddingModel):
    """Base of the models whose words are made of rows of their own and rows of hashed n-grams.

    Rows of n-grams begin as zeros, and most stay so: copies and files hold the others.
    """

    wv: FastTextVectors
    min_n: int
    max_n: int
    bucket: int
    _buckets: PaddedMatrix

    def _set_ngrams(self, min_n: int, max_n: int, bucket: int) -> None:
        """Check and keep the settings of n-grams."""
        self.min_n = whole("min_n", min_n, 0)
        self.max_n = whole("max_n", max_n, 0)
        self.bucket = whole("bucket", bucket, 0)
        if self._hashes and not 1 <= self.bucket <= _MOST_BUCKETS:
            raise ValueError(f"bucket must be from 1 to {_MOST_BUCKETS} where there are n-grams, not {bucket}")

    @property
    def _has_characters(self) -> bool:
        """Whether words have character n-grams."""
        return 0 < self.max_n >= self.min_n

    @property
    def _hashes(self) -> bool:
        """Whether there are n-grams at all."""
        return self._has_characters

    @property
    def _bucket_rows(self) -> int:
        return self.bucket if self._hashes else 0

    def _new_vectors(self) -> FastTextVectors:
        """Vectors without words; after ``_set_common``."""
        self._buckets = PaddedMatrix(0, self.vector_size)
        characters = self.max_n if self._has_characters else 0
        return FastTextVectors(self.vector_size, self.min_n, characters, max(self._bucket_rows, 1))

    def _keyed(self) -> dict[str, KeyedVectors]:
        return {}  # users see means of rows

    def _take_vocabulary(self, vocabulary: Vocabulary) -> None:
        self._buckets = PaddedMatrix(self._bucket_rows, self.vector_size)
        super()._take_vocabulary(vocabulary)

    def _forget_norms(self) -> None:
        self.wv.adjust_vectors()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["wv"]
        return {**state, "_buckets": self._packed_buckets(), "words": (self.wv.index_to_key, self.wv.expandos)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        words, expandos = state.pop("words")
        super().__setstate__(state)
        self.wv = self._new_vectors()
        self._unpack_buckets(*state["_buckets"])
        self.wv.expandos = dict(expandos)
        self.wv.take_rows(words, expandos["count"], self._input.view, self._buckets.view)

    def _copy_keyed(self) -> None:
        pass  # __setstate__ does it, once all rows are there

    def _packed_buckets(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        rows = np.flatnonzero(self._buckets.view.any(axis=1)).astype(np.int32)
        return rows, self._buckets.view[rows]

    def _unpack_buckets(self, rows: NDArray[np.int32], values: NDArray[np.float32]) -> None:
        if rows.ndim != 1 or rows.dtype != np.int32 or values.shape != (len(rows), self.vector_size):
            raise ValueError(f"vectors_ngrams of shape {values.shape} for {rows.shape} rows")
        if len(rows) and not (rows.min() >= 0 and rows.max() < self._bucket_rows):
            raise ValueError(f"rows of n-grams that do not lie below {self._bucket_rows}")
        self._buckets = PaddedMatrix(self._bucket_rows, self.vector_size)
        self._buckets.view[rows] = values

    def _arrays(self) -> dict[str, NDArray[Any]]:
        rows, values = self._packed_buckets()
        return {**super()._arrays(), "ngram_rows": rows, "vectors_ngrams": values}

    def _restore(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        self._unpack_buckets(arrays["ngram_rows"], arrays["vectors_ngrams"])
        super()._restore(arrays, state)
