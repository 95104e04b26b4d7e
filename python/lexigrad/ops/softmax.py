"""Softmax, its logarithm, and cross-entropy of logits with class indices, computed together with its gradient.

float32 goes to the kernels; any other dtype, such as float64 for checks, to the same formulas in NumPy.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.ops.operands import as_tensor
from lexigrad.tensor import Operand, Tensor, is_grad_enabled, record

Array = NDArray[Any]

REDUCTIONS = ("none", "mean", "sum")


def softmax(x: Operand, dim: int = -1) -> Tensor:
    """exp(x) / sum exp(x) along an axis.

    A slice with NaN or +infinity, or with nothing above -infinity, gives NaN.

    Args:
        x: any shape but that of a scalar.
        dim: the axis.

    Raises:
        TypeError: x holds no floats.
        ValueError: there is no such axis.
    """
    x = as_tensor(x)
    rows = _rows(x.data, dim)
    y = _core.softmax_forward(rows) if _single(rows) else np.exp(_log_softmax(rows))

    def backward(dy: Array) -> tuple[Array]:
        gradient = _rows(dy, dim)
        if _single(rows):
            dx = _core.softmax_backward(y, gradient)
        else:
            dx = y * (gradient - (y * gradient).sum(axis=1, keepdims=True))
        return (_unrows(dx, dy.shape, dim),)

    return record(_unrows(y, x.shape, dim), (x,), backward)


def log_softmax(x: Operand, dim: int = -1) -> Tensor:
    """x - log sum exp(x) along an axis; arguments and special values as :func:`softmax`."""
    x = as_tensor(x)
    rows = _rows(x.data, dim)
    y = _core.log_softmax_forward(rows) if _single(rows) else _log_softmax(rows)

    def backward(dy: Array) -> tuple[Array]:
        gradient = _rows(dy, dim)
        if _single(rows):
            dx = _core.log_softmax_backward(y, gradient)
        else:
            dx = gradient - np.exp(y) * gradient.sum(axis=1, keepdims=True)
        return (_unrows(dx, dy.shape, dim),)

    return record(_unrows(y, x.shape, dim), (x,), backward)


def cross_entropy(
    input: Operand,
    target: Operand,
    weight: Operand | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of softmax(input) with class indices: -log softmax(input)[target], PyTorch's ``cross_entropy``.

    One call reads the logits once and computes the loss and the gradient.

    Args:
        input: logits (N, C), (C,), or (N, C, d1, ...) as in PyTorch: the classes are on axis 1.
        target: integers, of the shape of ``input`` without its classes.
        weight: (C,), a factor on each class.
        ignore_index: targets that count for nothing.
        reduction: "mean" over the targets that count (weighted by their ``weight``; NaN if there are none), "sum", or
            "none" for a loss of each target.
        label_smoothing: the share of a target's probability that all classes divide among them (Szegedy et al. 2016).

    Raises:
        TypeError: the targets are not integers (distributions over classes are not supported).
        ValueError: shapes do not fit, a target is no class, or an argument has an unknown value.
    """
    check_reduction(reduction)
    input = as_tensor(input)
    logits, shape = class_rows(input.data)
    targets = class_indices(target, shape)
    factors = None if weight is None else np.ascontiguousarray(np.asarray(_data(weight)), logits.dtype)
    if factors is not None and factors.shape != (logits.shape[1],):
        raise ValueError(f"weight must have shape ({logits.shape[1]},), a factor on each class, not {factors.shape}")
    mean = reduction == "mean"
    compute = _core.cross_entropy if _single(logits) else _cross_entropy

    def losses_and_gradient(with_gradient: bool) -> tuple[Array, float, Array | None]:
        return compute(logits, targets, ignore_index, factors, label_smoothing, mean, with_gradient)

    losses, total, gradient = losses_and_gradient(input.requires_grad and is_grad_enabled())
    kept = [gradient]  # backward gives it away, and computes it anew if it is called again

    def backward(dloss: Array) -> tuple[Array]:
        gradient = kept.pop() if kept else losses_and_gradient(True)[2]
        assert gradient is not None
        upstream = np.ascontiguousarray(np.broadcast_to(dloss.reshape(-1), len(targets)), logits.dtype)
        if _single(gradient):
            _core.scale_rows(gradient, upstream)
        else:
            gradient *= upstream[:, None]
        return (unclass_rows(gradient, input.shape),)

    return record(reduce_losses(losses, total, reduction, shape, logits.dtype), (input,), backward)


def reduce_losses(losses: Array, total: float, reduction: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Losses (n,) as a mean over the weight ``total``, a sum, or themselves in their shape."""
    if reduction == "none":
        return losses.astype(dtype).reshape(shape)
    value = losses.sum()
    if reduction == "mean":
        value = value / total if total else np.float64(np.nan)
    return np.asarray(value, dtype)


def check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}, not {reduction!r}")


def class_rows(x: Array) -> tuple[Array, tuple[int, ...]]:
    """Values (N, C, d1, ...) or (C,) as contiguous rows (n, C), and the shape that they have without the classes."""
    if x.ndim == 0 or x.dtype.kind != "f":
        raise ValueError(f"input must be floats of shape (N, C), (C,) or (N, C, d1, ...), not {x.dtype} {x.shape}")
    if x.ndim == 1:
        return np.ascontiguousarray(x.reshape(1, -1)), ()
    moved = np.moveaxis(x, 1, -1)
    rows = np.ascontiguousarray(moved).reshape(int(np.prod(moved.shape[:-1])), moved.shape[-1])
    return rows, moved.shape[:-1]


def unclass_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    """The inverse of :func:`class_rows`: rows (n, C) in the shape that they came from."""
    if len(shape) <= 2:
        return rows if rows.shape == shape else rows.reshape(shape)
    return np.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


def class_indices(target: Operand, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Class indices of the given shape as (n,) int64."""
    array = np.asarray(_data(target))
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"target must be class indices, which are integers, not {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"target must have shape {shape}, that of input without its classes, not {array.shape}")
    return np.ascontiguousarray(array.reshape(-1), np.int64)


def _data(value: Operand) -> Any:
    return value.data if isinstance(value, Tensor) else value


def _single(x: Array) -> bool:
    return x.dtype == np.float32


def _rows(x: Array, dim: int) -> Array:
    """The slices along an axis as rows (n, size), contiguous."""
    if x.dtype.kind != "f":
        raise TypeError(f"x must be floats, not {x.dtype}")
    if x.ndim == 0 or not -x.ndim <= dim < x.ndim:
        raise ValueError(f"dim must be an axis of an array of shape {x.shape}, not {dim}")
    moved = np.moveaxis(x, dim, -1)
    return np.ascontiguousarray(moved).reshape(int(np.prod(moved.shape[:-1])), moved.shape[-1])


def _unrows(rows: Array, shape: tuple[int, ...], dim: int) -> Array:
    others = list(shape)
    size = others.pop(dim)
    return np.moveaxis(rows.reshape(*others, size), -1, dim)


def _log_softmax(rows: Array) -> Array:
    if rows.size == 0:
        return rows.copy()
    shifted: Array = rows - rows.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def _cross_entropy(
    logits: Array,
    targets: NDArray[np.int64],
    ignore_index: int,
    weight: Array | None,
    label_smoothing: float,
    mean: bool,
    with_gradient: bool,
) -> tuple[Array, float, Array | None]:
    """What the kernel computes, for dtypes that it does not take."""
    # The kernel's checks, on rows of one value each.
    classes = logits.shape[1]
    kept = targets != ignore_index
    wrong = kept & ((targets < 0) | (targets >= classes))
    if wrong.any():
        raise ValueError(f"targets must be in [0, {classes}) or {ignore_index} (ignore_index), not {targets[wrong][0]}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be between 0 and 1, not {label_smoothing}")
    factors = np.ones(classes, logits.dtype) if weight is None else weight
    wanted = np.zeros_like(logits)  # the distribution that the target stands for, times the weights
    wanted[kept] = label_smoothing / classes * factors
    wanted[kept, targets[kept]] += (1 - label_smoothing) * factors[targets[kept]]
    log_probabilities = _log_softmax(logits)
    losses = -np.where(wanted > 0, wanted * log_probabilities, 0).sum(axis=1)
    total = float(factors[targets[kept]].sum())
    if not with_gradient:
        return losses, total, None
    gradient = np.exp(log_probabilities) * wanted.sum(axis=1, keepdims=True) - wanted
    return losses, total, gradient / total if mean and total else gradient
