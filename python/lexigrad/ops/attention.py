"""Attention over the positions of a sequence: weights by a softmax of scores, and the weighted sum of the values.

The kernels compute in float32. float64, which serves for checks, goes through small operations.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lexigrad import _core
from lexigrad.ops.elementwise import tanh
from lexigrad.ops.matmul import matmul
from lexigrad.ops.operands import as_tensor
from lexigrad.ops.shape import masked_fill, permute, unsqueeze
from lexigrad.ops.softmax import softmax
from lexigrad.tensor import Operand, Tensor, record

Array = NDArray[Any]


def dot_attention(
    query: Operand, keys: Operand, values: Operand | None = None, mask: ArrayLike | None = None
) -> tuple[Tensor, Tensor]:
    """Attention with the scores query . key (Luong et al. 2015).

        scores = query keys^T;  weights = softmax(scores);  context = weights values

    Masked positions get exactly the weight 0, and no gradient. A row of the batch of which every position is masked
    has zero weights and a zero context.

    Args:
        query: (T, B, H), or (B, H) for one query of each row of the batch; float32 (or float64, slowly), as all
            tensors here.
        keys: (S, B, H).
        values: (S, B, C); the keys themselves by default.
        mask: (B, S), true where a position takes part; all do by default.

    Returns:
        The context, (T, B, C) or (B, C), and the weights, (B, T, S) or (B, S).

    Raises:
        TypeError: a tensor is not of that dtype, or the mask not of booleans.
        ValueError: shapes do not fit.
    """
    shared = values is None or values is keys
    query, keys, values = as_tensor(query), as_tensor(keys), None if values is None else as_tensor(values)
    if query.dtype == keys.dtype == np.float64:
        scores = matmul(permute(_with_time(query), 1, 0, 2), permute(keys, 1, 2, 0))
        return _composed(scores, keys if values is None else values, mask, query.ndim == 2)
    q, k = _three("query", query.data), _checked("keys", keys.data)
    v = k if values is None or shared else _checked("values", values.data)
    allowed = _mask(mask)
    context, weights = _core.attention_forward(q, k, v, allowed)

    def backward(dcontext: Array, dweights: Array) -> tuple[Array | None, ...]:
        _, dquery, dkeys, dvalues = _core.attention_backward(
            _three("", dcontext), _rows_of(dweights, weights.shape), weights, q, k, v, allowed, shared
        )
        assert dquery is not None
        gradients = (dquery.reshape(query.shape), dkeys)
        return gradients if values is None or shared else (*gradients, dvalues)

    inputs = (query, keys) if values is None or shared else (query, keys, values)
    return _outputs(context, weights, query, inputs, backward)


def attend(scores: Operand, values: Operand, mask: ArrayLike | None = None) -> tuple[Tensor, Tensor]:
    """Attention with given scores: weights = softmax(scores), context = weights values.

    Args:
        scores: (B, T, S), or (B, S) for one query of each row of the batch; float32.
        values: (S, B, C); float32.
        mask: as in :func:`dot_attention`, as is the rest.

    Returns:
        The context, (T, B, C) or (B, C), and the weights, of the shape of the scores.
    """
    scores, values = as_tensor(scores), as_tensor(values)
    if scores.dtype == values.dtype == np.float64:
        single = scores.ndim == 2
        return _composed(unsqueeze(scores, 1) if single else scores, values, mask, single)
    given, v = _checked("scores", scores.data), _checked("values", values.data)
    if given.ndim == 2:
        given = given[:, None]
    allowed = _mask(mask)
    context, weights = _core.attend_forward(given, v, allowed)

    def backward(dcontext: Array, dweights: Array) -> tuple[Array | None, ...]:
        dscores, _, _, dvalues = _core.attention_backward(
            _three("", dcontext), _rows_of(dweights, weights.shape), weights, None, None, v, allowed, False
        )
        return dscores.reshape(scores.shape), dvalues

    single = scores.ndim == 2
    outputs = (context[0], weights[:, 0]) if single else (context, weights)
    return _pair(record(outputs, (scores, values), backward))


def additive_scores(query: Operand, keys: Operand, v: Operand) -> Tensor:
    """Scores v . tanh(query + key) (Bahdanau et al. 2015), of queries and keys that are projected already.

    Args:
        query: (T, B, H) or (B, H); float32.
        keys: (S, B, H); float32.
        v: (H,); float32.

    Returns:
        (B, T, S) or (B, S).

    Raises:
        TypeError: a tensor is not float32.
        ValueError: shapes do not fit.
    """
    query, keys, v = as_tensor(query), as_tensor(keys), as_tensor(v)
    if query.dtype == keys.dtype == v.dtype == np.float64:
        inner = tanh(unsqueeze(_with_time(query), 1) + unsqueeze(keys, 0))  # (T, S, B, H)
        scores = permute((inner * v).sum(-1), 2, 0, 1)
        return scores[:, 0] if query.ndim == 2 else scores
    q, k, direction = _three("query", query.data), _checked("keys", keys.data), _checked("v", v.data)
    found = _core.additive_scores_forward(q, k, direction)

    def backward(dscores: Array) -> tuple[Array, ...]:
        dquery, dkeys, dv = _core.additive_scores_backward(_rows_of(dscores, found.shape), q, k, direction)
        return dquery.reshape(query.shape), dkeys, dv

    return record(found[:, 0] if query.ndim == 2 else found, (query, keys, v), backward)


def _composed(scores: Tensor, values: Tensor, mask: ArrayLike | None, single: bool) -> tuple[Tensor, Tensor]:
    """Context and weights from scores (B, T, S) and values (S, B, C), without the axis T if there is a single query."""
    allowed = _mask(mask)
    if allowed is None:
        weights = softmax(scores)
    else:
        if allowed.shape != (scores.shape[0], scores.shape[2]):
            raise ValueError(f"mask must have shape {(scores.shape[0], scores.shape[2])}, not {allowed.shape}")
        some = np.asarray(allowed.any(axis=1))[:, None, None]
        closed = ~allowed[:, None] & some  # where every position is masked, all get the weight 0 afterwards
        weights = softmax(masked_fill(scores, closed, -np.inf)) * some
    context = permute(matmul(weights, permute(values, 1, 0, 2)), 1, 0, 2)
    return (context[0], weights[:, 0]) if single else (context, weights)


def _with_time(query: Tensor) -> Tensor:
    return unsqueeze(query, 0) if query.ndim == 2 else query


def _outputs(
    context: Array, weights: Array, query: Tensor, inputs: tuple[Tensor, ...], backward: Any
) -> tuple[Tensor, Tensor]:
    """The outputs, without the axis of queries if the query had none."""
    arrays = (context[0], weights[:, 0]) if query.ndim == 2 else (context, weights)
    return _pair(record(arrays, inputs, backward))


def _pair(tensors: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    first, second = tensors
    return first, second


def _checked(name: str, array: Array) -> Array:
    if array.dtype != np.float32:
        raise TypeError(f"{name} must be float32, not {array.dtype}")
    return np.ascontiguousarray(array)


def _three(name: str, array: Array) -> Array:
    """(T, B, H), whether there was a T or not."""
    checked = _checked(name, array)
    return checked[None] if checked.ndim == 2 else checked


def _rows_of(array: Array, shape: tuple[int, ...]) -> Array:
    return np.ascontiguousarray(array, np.float32).reshape(shape)


def _mask(mask: ArrayLike | None) -> NDArray[np.bool_] | None:
    if mask is None:
        return None
    array = np.asarray(mask)
    if array.dtype != np.bool_:
        raise TypeError(f"mask must be booleans, true where a position takes part, not {array.dtype}")
    return np.ascontiguousarray(array)
