"""Rows of a matrix by their indices, and what they stand for: products with one-hot vectors."""

import numpy as np

from lexigrad.ops.operands import as_tensor
from lexigrad.sparse import SparseRows
from lexigrad.tensor import Array, Operand, Tensor, record, tensor_of


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


def one_hot(ids: Operand, num_classes: int = -1) -> Tensor:
    """ids (...) -> integers (..., num_classes), 1 at the place of the id and 0 elsewhere.

    The product of two such vectors is 1 for equal ids and 0 for all others, however alike their meanings:
    ``embedding(ids, weight)`` is ``one_hot(ids, V) @ weight``, where likeness can be learnt.

    Args:
        num_classes: by default the greatest id and one.

    Raises:
        TypeError: the ids are not integers.
        ValueError: an id is not in 0 .. num_classes - 1, or there are no ids and no ``num_classes``.
    """
    rows = as_tensor(ids).data
    if rows.dtype.kind not in "iu" and rows.size:
        raise TypeError(f"ids must be integers, not {rows.dtype}")
    if num_classes == -1 and not rows.size:
        raise ValueError("one_hot of no ids needs num_classes")
    count = int(rows.max()) + 1 if num_classes == -1 else num_classes
    _check_ids(rows, count)
    return tensor_of((rows[..., None] == np.arange(count)).astype(np.int64))


def _check_ids(ids: Array, count: int) -> None:
    if ids.size and not 0 <= ids.min() <= ids.max() < count:
        wrong = ids[(ids < 0) | (ids >= count)][0]
        raise ValueError(f"ids must be in 0 .. {count - 1}, not {wrong}")
