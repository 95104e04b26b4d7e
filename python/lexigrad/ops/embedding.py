"""Rows of a matrix by their indices."""

import numpy as np

from lexigrad.ops.operands import as_tensor
from lexigrad.sparse import SparseRows
from lexigrad.tensor import Array, Operand, Tensor, record


def embedding(ids: Operand, weight: Operand, padding_idx: int | None = None) -> Tensor:
    """ids (...), weight (V, D) -> the rows of these ids, (..., D).

    The gradient of the weight has the rows that occurred alone (``SparseRows``).

    Args:
        padding_idx: the id whose row gets no gradient; counted from the end if negative.

    Raises:
        TypeError: the ids are not integers.
        ValueError: an id is not in 0 .. V - 1, or padding_idx not in -V .. V - 1.
    """
    rows = as_tensor(ids).data
    weight = as_tensor(weight)
    shape = weight.data.shape
    if rows.dtype.kind not in "iu" and rows.size:
        raise TypeError(f"ids must be integers, not {rows.dtype}")
    if len(shape) != 2:
        raise ValueError(f"weight must have shape (V, D), not {shape}")
    rows = rows.astype(np.intp, copy=False)
    _check_ids(rows, shape[0])
    if padding_idx is not None and not -shape[0] <= padding_idx < shape[0]:
        raise ValueError(f"padding_idx must be in {-shape[0]} .. {shape[0] - 1}, not {padding_idx}")
    padding = None if padding_idx is None else padding_idx % shape[0]

    def backward(g: Array) -> tuple[SparseRows]:
        flat, gradients = rows.reshape(-1), g.reshape(rows.size, shape[1])
        if padding is not None:
            kept = flat != padding
            flat, gradients = flat[kept], gradients[kept]
        return (SparseRows(flat, gradients, shape),)

    return record(weight.data[rows], (weight,), backward)


def _check_ids(ids: Array, count: int) -> None:
    if ids.size and not 0 <= ids.min() <= ids.max() < count:
        wrong = ids[(ids < 0) | (ids >= count)][0]
        raise ValueError(f"ids must be in 0 .. {count - 1}, not {wrong}")
