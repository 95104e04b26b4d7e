"""Reductions over one axis, several or all.

``axis`` is an axis, a sequence of axes, or None for all; ``keepdims`` leaves each with length 1.
"""

import math

import numpy as np

from lexigrad.ops.operands import as_tensor, floats
from lexigrad.tensor import Array, Axis, Operand, Shape, Tensor, record, tensor_of


def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum; integers for integers and booleans."""
    x = as_tensor(x)
    shape, axes = x.data.shape, _axes(axis, x.data.ndim)
    kept = _kept(shape, axes)

    def backward(g: Array) -> tuple[Array]:
        return (np.broadcast_to(g.reshape(kept), shape),)

    out: Array = x.data.sum(axes, keepdims=keepdims)
    return record(out, (x,), backward)


def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean; NaN over no elements."""
    x = floats(x)
    shape, axes = x.data.shape, _axes(axis, x.data.ndim)
    kept = _kept(shape, axes)
    count = math.prod(shape[i] for i in axes)

    def backward(g: Array) -> tuple[Array]:
        return (np.broadcast_to(g.reshape(kept) / count, shape),)

    total: Array = x.data.sum(axes, keepdims=keepdims)
    out: Array = total / count if count else np.full_like(total, np.nan)
    return record(out, (x,), backward)


def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The greatest value; equal ones share the gradient evenly (``amax`` in PyTorch).

    Raises:
        ValueError: there are no elements.
    """
    x = as_tensor(x)
    axes = _axes(axis, x.data.ndim)
    _check_any("max", x.data.shape, axes)
    out = x.data.max(axes, keepdims=True)
    values = x.data

    def backward(g: Array) -> tuple[Array]:
        return (_to_equal(g, values, out, axes),)

    return record(_unkept(out, axes, keepdims), (x,), backward)


def min(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The least value; equal ones share the gradient evenly (``amin`` in PyTorch).

    Raises:
        ValueError: there are no elements.
    """
    x = as_tensor(x)
    axes = _axes(axis, x.data.ndim)
    _check_any("min", x.data.shape, axes)
    out = x.data.min(axes, keepdims=True)
    values = x.data

    def backward(g: Array) -> tuple[Array]:
        return (_to_equal(g, values, out, axes),)

    return record(_unkept(out, axes, keepdims), (x,), backward)


def var(x: Operand, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> Tensor:
    """The mean squared deviation from the mean, over n - ``correction`` in place of n.

    Raises:
        ValueError: there are no more than ``correction`` elements.
    """
    x = floats(x)
    axes = _axes(axis, x.data.ndim)
    count = math.prod(x.data.shape[i] for i in axes) - correction
    if count <= 0:
        raise ValueError(f"var with correction {correction} needs more elements than shape {x.shape} has over {axis}")
    deviation = x.data - x.data.mean(axes, keepdims=True)
    out = (deviation * deviation).sum(axes, keepdims=True) / count
    kept = out.shape

    def backward(g: Array) -> tuple[Array]:
        return (deviation * (g.reshape(kept) * (2 / count)),)

    return record(_unkept(out, axes, keepdims), (x,), backward)


def logsumexp(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))), without overflow: the greatest value is taken out first. -inf where all are.

    Raises:
        ValueError: there are no elements.
    """
    x = floats(x)
    values, axes = x.data, _axes(axis, x.data.ndim)
    _check_any("logsumexp", values.shape, axes)
    greatest = values.max(axes, keepdims=True)
    greatest = np.where(np.isinf(greatest), np.zeros((), values.dtype), greatest)
    parts = np.exp(values - greatest)
    total = parts.sum(axes, keepdims=True)
    some = np.where(total == 0, np.ones((), values.dtype), total)  # without a part the gradient is 0
    out = np.where(total == 0, -np.inf, np.log(some) + greatest).astype(values.dtype, copy=False)

    def backward(g: Array) -> tuple[Array]:
        return (parts * (g.reshape(some.shape) / some),)

    return record(_unkept(out, axes, keepdims), (x,), backward)


def argmax(x: Operand, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the first greatest value along an axis, or in the flat tensor; it has no gradient.

    Raises:
        ValueError: there are no elements.
    """
    x = as_tensor(x)
    _check_any("argmax", x.data.shape, _axes(axis, x.data.ndim))
    return tensor_of(np.asarray(np.argmax(x.data, axis, keepdims=keepdims)))


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes to reduce over, none negative."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    for one in axes:
        if not -ndim <= one < ndim:
            raise ValueError(f"axis must be in {-ndim} .. {ndim - 1} for a tensor of {ndim} axes, not {one}")
    unique = tuple(one % ndim for one in axes)
    if len(set(unique)) < len(unique):
        raise ValueError(f"axis names an axis twice: {axis}")
    return unique


def _kept(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple([1 if i in axes else size for i, size in enumerate(shape)])


def _unkept(out: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    return out if keepdims else out.squeeze(axes)


def _check_any(name: str, shape: Shape, axes: tuple[int, ...]) -> None:
    if any(shape[i] == 0 for i in axes):
        raise ValueError(f"{name} needs at least one element, and shape {shape} has none along axes {axes}")


def _to_equal(g: Array, values: Array, out: Array, axes: tuple[int, ...]) -> Array:
    """The gradient of an extreme value, shared by those that equal it."""
    equal = values == out
    share: Array = (g.reshape(out.shape) / equal.sum(axes, keepdims=True)).astype(g.dtype)
    shared: Array = equal * share
    return shared
