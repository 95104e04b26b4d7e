"""Vectors of tokens."""

from typing import Any

import numpy as np

from lexigrad.nn import init
from lexigrad.nn.module import Module, Parameter
from lexigrad.ops.embedding import embedding
from lexigrad.tensor import Operand, Tensor, as_array


class Embedding(Module):
    """A table of vectors: ids (...) -> (..., embedding_dim). Gradients of the table are ``SparseRows``.

    Initially standard normal, the row of ``padding_idx`` zero.

    Attributes:
        weight: (num_embeddings, embedding_dim).
        padding_idx: the id whose row is never learnt, or None.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, rng: init.Rng = None
    ) -> None:
        if num_embeddings < 0 or embedding_dim < 0:
            raise ValueError(f"the table's sizes must not be negative: {num_embeddings}, {embedding_dim}")
        self._set(Parameter(np.empty((num_embeddings, embedding_dim), np.float32)), padding_idx)
        init.normal_(self.weight, rng=rng)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None) -> "Embedding":
        """A table of given vectors, (num_embeddings, embedding_dim): an array, a tensor or ``KeyedVectors``.

        The ids are then rows: ``key_to_index`` of KeyedVectors.

        Args:
            freeze: the vectors are not learnt, and not copied where possible; else a copy of them is learnt.
        """
        vectors = as_array(getattr(embeddings, "vectors", embeddings))
        if vectors.ndim != 2 or vectors.dtype.kind != "f":
            raise ValueError(f"embeddings must be a matrix of floats, not {vectors.dtype} of shape {vectors.shape}")
        layer = cls.__new__(cls)
        layer._set(Parameter(vectors if freeze else vectors.copy(), requires_grad=not freeze), padding_idx)
        return layer

    def _set(self, weight: Parameter, padding_idx: int | None) -> None:
        count, self.embedding_dim = weight.shape
        if padding_idx is not None and not -count <= padding_idx < count:
            raise ValueError(f"padding_idx must be in {-count} .. {count - 1}, not {padding_idx}")
        self.num_embeddings, self.weight = count, weight
        self.padding_idx = None if padding_idx is None else padding_idx % count

    def forward(self, ids: Operand) -> Tensor:
        return embedding(ids, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
