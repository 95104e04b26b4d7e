"""Gradients of which most rows are zero."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


class SparseRows:
    """The gradient of a matrix of which few rows are not zero: what an embedding's lookup sends back.

    Rows that the same index names are added together, so that ``indices`` are unique and ascend. Nothing makes it
    dense but ``dense``, ``add_to`` and adding a dense array to it.

    Attributes:
        indices: (n,), int64.
        rows: (n, ...), the gradient of row ``indices[i]`` at ``i``. Yours to change in place.
        shape: of the dense gradient.
    """

    __slots__ = ("indices", "rows", "shape")

    def __init__(self, indices: ArrayLike, rows: Array, shape: Sequence[int]) -> None:
        """Take ``indices`` (n,), in any order and with repetitions, ``rows`` (n, *shape[1:]) and the dense shape.

        ``rows`` is kept, not copied, where the indices ascend already.

        Raises:
            ValueError: the shapes do not fit each other, or an index is not in 0 .. shape[0] - 1.
        """
        self.shape = tuple(shape)
        self.indices, self.rows = np.asarray(indices, np.int64), rows
        if self.indices.ndim != 1 or rows.shape != (len(self.indices), *self.shape[1:]):
            raise ValueError(
                f"rows must have shape (n, *{self.shape[1:]}) for indices of shape (n,), "
                f"not {rows.shape} for {self.indices.shape}"
            )
        self._coalesce()
        if len(self.indices) and not 0 <= self.indices[0] <= self.indices[-1] < self.shape[0]:
            raise ValueError(
                f"indices must be in 0 .. {self.shape[0] - 1}, not {self.indices[0]} .. {self.indices[-1]}"
            )

    def _coalesce(self) -> None:
        if (self.indices[1:] > self.indices[:-1]).all():
            return
        order = np.argsort(self.indices, kind="stable")
        ordered = self.indices[order]
        first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        self.indices = ordered[first]
        self.rows = np.add.reduceat(self.rows[order], first, axis=0)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.rows.dtype

    def astype(self, dtype: np.dtype[Any]) -> "SparseRows":
        return SparseRows(self.indices, self.rows.astype(dtype), self.shape)

    def dense(self) -> Array:
        """The same as an array of its own, with zeros for the other rows."""
        array = np.zeros(self.shape, self.rows.dtype)
        array[self.indices] = self.rows
        return array

    def add_to(self, array: Array) -> None:
        """Add to a dense array in place."""
        array[self.indices] += self.rows

    def __add__(self, other: "SparseRows") -> "SparseRows":
        indices = np.concatenate([self.indices, other.indices])
        return SparseRows(indices, np.concatenate([self.rows, other.rows]), self.shape)

    def __repr__(self) -> str:
        return f"SparseRows({len(self.indices)} of {self.shape[0]} rows, shape {self.shape}, {self.dtype})"
