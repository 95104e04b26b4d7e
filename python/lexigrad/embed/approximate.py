"""Approximate neighbours: a graph index that usearch builds (`pip install 'lexigrad[ann]'`)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.embed.keyedvectors import KeyedVectors


class ApproximateIndex:
    """An HNSW graph over the vectors, for ``most_similar(..., indexer=index)``.

    Answers in a fraction of the time of an exact search and may miss some neighbours. It knows the vectors
    as they were when it was built. The keys of a query are among its answers, as with gensim's indexers.

    Args:
        vectors: what to search. Rows with NaN or infinity are left out.
        connectivity: edges per node; more find more and take more memory.
        expansion_add: candidates looked at when a row is added; more build a better graph, more slowly.
        expansion_search: candidates looked at in a search; more find more, more slowly.

    Raises:
        ModuleNotFoundError: usearch is not installed.
    """

    def __init__(
        self,
        vectors: KeyedVectors,
        connectivity: int = 16,
        expansion_add: int = 128,
        expansion_search: int = 64,
    ) -> None:
        try:
            from usearch.index import Index
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("approximate search needs usearch: pip install 'lexigrad[ann]'") from error
        self._keys = list(vectors.index_to_key)
        self._index = Index(
            ndim=vectors.vector_size,
            metric="cos",
            dtype="f32",
            connectivity=connectivity,
            expansion_add=expansion_add,
            expansion_search=expansion_search,
        )
        vectors.fill_norms()
        finite = np.flatnonzero(np.isfinite(np.asarray(vectors.norms)))
        rows = np.ascontiguousarray(vectors.vectors[finite], np.float32)
        if len(finite):
            self._index.add(finite.astype(np.uint64), rows, threads=_core.num_threads())

    def __len__(self) -> int:
        return len(self._index)

    def most_similar(self, vector: NDArray[Any], num_neighbors: int) -> list[tuple[Any, float]]:
        """About the nearest keys of a vector (vector_size,): list of (key, cosine), best first."""
        if num_neighbors < 1 or len(self) == 0:
            return []
        found = self._index.search(np.ascontiguousarray(vector, np.float32), min(num_neighbors, len(self)))
        return [
            (self._keys[int(i)], 1 - float(distance)) for i, distance in zip(found.keys, found.distances, strict=True)
        ]
