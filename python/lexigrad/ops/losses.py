"""Losses that are a map and a reduction; those with a kernel are in softmax.py and ctc.py."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.ops.operands import as_tensor, floats
from lexigrad.ops.softmax import check_reduction, class_indices, class_rows, reduce_losses, unclass_rows
from lexigrad.tensor import Operand, Tensor, record

Array = NDArray[Any]


def nll_loss(
    input: Operand,
    target: Operand,
    weight: Operand | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-input[target] of log-probabilities (N, C), (C,) or (N, C, d1, ...); arguments as in ``cross_entropy``."""
    check_reduction(reduction)
    input = as_tensor(input)
    rows, shape = class_rows(input.data)
    targets = class_indices(target, shape)
    kept = targets != ignore_index
    wrong = kept & ((targets < 0) | (targets >= rows.shape[1]))
    if wrong.any():
        raise ValueError(
            f"target must be in [0, {rows.shape[1]}) or {ignore_index} (ignore_index), not {targets[wrong][0]}"
        )
    factors = np.zeros(len(rows), rows.dtype)
    factors[kept] = 1 if weight is None else _array(weight, rows.dtype)[targets[kept]]
    place = (np.arange(len(rows)), np.where(kept, targets, 0))
    losses = np.where(kept, -rows[place] * factors, 0).astype(np.float64)
    total = float(factors.sum(dtype=np.float64))

    def backward(dloss: Array) -> tuple[Array]:
        gradient = np.zeros_like(rows)
        gradient[place] = -factors * dloss.reshape(-1)
        if reduction == "mean" and total:
            gradient[place] /= total
        return (unclass_rows(gradient, input.shape),)

    return record(reduce_losses(losses, total, reduction, shape, rows.dtype), (input,), backward)


def mse_loss(input: Operand, target: Operand, reduction: str = "mean") -> Tensor:
    """(input - target)^2, of one shape; reduction "mean", "sum" or "none"."""
    input = floats(input)
    other = _paired(input, target)
    difference = input.data - other.data

    def slope() -> Array:
        return 2 * difference

    return _reduced(difference * difference, slope, lambda: -2 * difference, input, other, reduction)


def binary_cross_entropy(
    input: Operand, target: Operand, weight: Operand | None = None, reduction: str = "mean"
) -> Tensor:
    """-w (y log p + (1 - y) log(1 - p)) of probabilities p and targets y in [0, 1], of one shape.

    Logarithms are cut off at -100, as in PyTorch, so that a wrong certainty has a finite loss.

    Raises:
        ValueError: shapes differ, or a probability lies outside [0, 1].
    """
    input = floats(input)
    p, other = input.data, _paired(input, target)
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"input must be probabilities in [0, 1], not {p.min()} .. {p.max()}: take its sigmoid")
    y, w = other.data, _factors(weight, p)
    with np.errstate(divide="ignore"):
        log_p, log_rest = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)

    def slope() -> Array:
        return np.asarray(w * (p - y) / np.maximum(p * (1 - p), 1e-12))

    losses = -w * (y * log_p + (1 - y) * log_rest)
    return _reduced(losses, slope, lambda: w * (log_rest - log_p), input, other, reduction)


def binary_cross_entropy_with_logits(
    input: Operand,
    target: Operand,
    weight: Operand | None = None,
    reduction: str = "mean",
    pos_weight: Operand | None = None,
) -> Tensor:
    """``binary_cross_entropy`` of sigmoid(input), without its overflow.

    Args:
        input: logits x of any shape.
        target: y in [0, 1], of the same shape.
        weight: a factor on each loss, which broadcasts.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor on the positive targets' part, which broadcasts.
    """
    input = floats(input)
    x, other = input.data, _paired(input, target)
    y, w, positive = other.data, _factors(weight, x), _factors(pos_weight, x)
    log_rest = -np.logaddexp(0, x)  # log(1 - sigmoid(x))
    log_p = -np.logaddexp(0, -x)
    losses = -w * (positive * y * log_p + (1 - y) * log_rest)

    def slope() -> Array:
        p = np.exp(log_p)
        return np.asarray(w * ((1 - y) * p - positive * y * (1 - p)))

    return _reduced(losses, slope, lambda: w * (log_rest - positive * log_p), input, other, reduction)


def _reduced(losses: Array, slope: Any, target_slope: Any, input: Tensor, target: Tensor, reduction: str) -> Tensor:
    """Reduce losses of which ``slope()`` and ``target_slope()`` are the derivatives by input and target."""
    check_reduction(reduction)
    share = 1 / max(losses.size, 1) if reduction == "mean" else 1.0

    def backward(dloss: Array) -> tuple[Array | None, ...]:
        factor = dloss * losses.dtype.type(share)
        return factor * slope(), factor * target_slope() if target.requires_grad else None

    value = reduce_losses(losses.reshape(-1), losses.size, reduction, losses.shape, losses.dtype)
    return record(value, (input, target), backward)


def _paired(input: Tensor, target: Operand) -> Tensor:
    """The target as a tensor of the input's shape and dtype."""
    other = target if isinstance(target, Tensor) else Tensor(np.asarray(target, input.dtype))
    if other.shape != input.shape:
        raise ValueError(f"target must have the shape of input, {input.shape}, not {other.shape}")
    return other if other.dtype.kind == "f" else Tensor(other.data.astype(input.dtype))


def _array(values: Operand, dtype: Any) -> Array:
    return np.asarray(values.data if isinstance(values, Tensor) else values, dtype)


def _factors(values: Operand | None, x: Array) -> Array:
    return np.ones((), x.dtype) if values is None else _array(values, x.dtype)
