"""Reductions over one axis, several or all.

``dim`` is an axis, a sequence of axes, or None for all; ``keepdim`` leaves each with length 1. NumPy's names for these,
``axis`` and ``keepdims``, will do as well.
"""

import math
from typing import NamedTuple, overload

import numpy as np

from lexigrad.ops.operands import as_tensor, floats, numpy_names
from lexigrad.tensor import Array, Dim, Operand, Shape, Tensor, record, tensor_of


@numpy_names
def sum(x: Operand, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The sum; integers for integers and booleans."""
    x = as_tensor(x)
    shape, axes = x.data.shape, _axes(dim, x.data.ndim)
    kept = _kept(shape, axes)

    def backward(g: Array) -> tuple[Array]:
        return (np.broadcast_to(g.reshape(kept), shape),)

    out: Array = x.data.sum(axes, keepdims=keepdim)
    return record(out, (x,), backward)


@numpy_names
def mean(x: Operand, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The arithmetic mean; NaN over no elements."""
    x = floats(x)
    shape, axes = x.data.shape, _axes(dim, x.data.ndim)
    kept = _kept(shape, axes)
    count = math.prod(shape[i] for i in axes)

    def backward(g: Array) -> tuple[Array]:
        return (np.broadcast_to(g.reshape(kept) / count, shape),)

    total: Array = x.data.sum(axes, keepdims=keepdim)
    out: Array = total / count if count else np.full_like(total, np.nan)
    return record(out, (x,), backward)


@numpy_names
def amax(x: Operand, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The greatest value; equal ones share the gradient evenly.

    Raises:
        ValueError: there are no elements.
    """
    x = as_tensor(x)
    axes = _axes(dim, x.data.ndim)
    _check_any("amax", x.data.shape, axes)
    out = x.data.max(axes, keepdims=True)
    values = x.data

    def backward(g: Array) -> tuple[Array]:
        return (_to_equal(g, values, out, axes),)

    return record(_unkept(out, axes, keepdim), (x,), backward)


@numpy_names
def amin(x: Operand, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The least value; equal ones share the gradient evenly.

    Raises:
        ValueError: there are no elements.
    """
    x = as_tensor(x)
    axes = _axes(dim, x.data.ndim)
    _check_any("amin", x.data.shape, axes)
    out = x.data.min(axes, keepdims=True)
    values = x.data

    def backward(g: Array) -> tuple[Array]:
        return (_to_equal(g, values, out, axes),)

    return record(_unkept(out, axes, keepdim), (x,), backward)


class Extremes(NamedTuple):
    """The greatest or least values along an axis, and where they are: the first of equal ones."""

    values: Tensor
    indices: Tensor


@overload
def max(x: Operand, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def max(x: Operand, dim: int, keepdim: bool = False) -> Extremes: ...
@numpy_names
def max(x: Operand, dim: int | None = None, keepdim: bool = False) -> Tensor | Extremes:
    """The greatest value; along an axis the greatest values and their indices, and gradients go there alone.

    Raises:
        ValueError: there are no elements.
    """
    if dim is None:
        return amax(x)
    x = as_tensor(x)
    axes, shape, place = _axes(dim, x.data.ndim), x.data.shape, argmax(x, dim, True).data

    def backward(g: Array) -> tuple[Array]:
        return (_spread(g, place, dim, shape),)

    values = record(_unkept(np.take_along_axis(x.data, place, dim), axes, keepdim), (x,), backward)
    return Extremes(values, tensor_of(_unkept(place, axes, keepdim)))


@overload
def min(x: Operand, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def min(x: Operand, dim: int, keepdim: bool = False) -> Extremes: ...
@numpy_names
def min(x: Operand, dim: int | None = None, keepdim: bool = False) -> Tensor | Extremes:
    """The least value; along an axis the least values and their indices, and gradients go there alone.

    Raises:
        ValueError: there are no elements.
    """
    if dim is None:
        return amin(x)
    x = as_tensor(x)
    axes, shape, place = _axes(dim, x.data.ndim), x.data.shape, argmin(x, dim, True).data

    def backward(g: Array) -> tuple[Array]:
        return (_spread(g, place, dim, shape),)

    values = record(_unkept(np.take_along_axis(x.data, place, dim), axes, keepdim), (x,), backward)
    return Extremes(values, tensor_of(_unkept(place, axes, keepdim)))


@numpy_names
def var(x: Operand, dim: Dim = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """The mean squared deviation from the mean, over n - ``correction`` in place of n.

    Raises:
        ValueError: there are no more than ``correction`` elements.
    """
    x = floats(x)
    axes = _axes(dim, x.data.ndim)
    count = math.prod(x.data.shape[i] for i in axes) - correction
    if count <= 0:
        raise ValueError(f"var with correction {correction} needs more elements than shape {x.shape} has over {dim}")
    deviation = x.data - x.data.mean(axes, keepdims=True)
    out = (deviation * deviation).sum(axes, keepdims=True) / count
    kept = out.shape

    def backward(g: Array) -> tuple[Array]:
        return (deviation * (g.reshape(kept) * (2 / count)),)

    return record(_unkept(out, axes, keepdim), (x,), backward)


@numpy_names
def logsumexp(x: Operand, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))), without overflow: the greatest value is taken out first. -inf where all are.

    Raises:
        ValueError: there are no elements.
    """
    x = floats(x)
    values, axes = x.data, _axes(dim, x.data.ndim)
    _check_any("logsumexp", values.shape, axes)
    greatest = values.max(axes, keepdims=True)
    greatest = np.where(np.isinf(greatest), np.zeros((), values.dtype), greatest)
    parts = np.exp(values - greatest)
    total = parts.sum(axes, keepdims=True)
    some = np.where(total == 0, np.ones((), values.dtype), total)  # without a part the gradient is 0
    out = np.where(total == 0, -np.inf, np.log(some) + greatest).astype(values.dtype, copy=False)

    def backward(g: Array) -> tuple[Array]:
        return (parts * (g.reshape(some.shape) / some),)

    return record(_unkept(out, axes, keepdim), (x,), backward)


@numpy_names
def argmax(x: Operand, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the first greatest value along an axis, or in the flat tensor; it has no gradient.

    Raises:
        ValueError: there are no elements.
    """
    x = as_tensor(x)
    _check_any("argmax", x.data.shape, _axes(dim, x.data.ndim))
    return tensor_of(np.asarray(np.argmax(x.data, dim, keepdims=keepdim)))


@numpy_names
def argmin(x: Operand, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the first least value along an axis, or in the flat tensor; it has no gradient.

    Raises:
        ValueError: there are no elements.
    """
    x = as_tensor(x)
    _check_any("argmin", x.data.shape, _axes(dim, x.data.ndim))
    return tensor_of(np.asarray(np.argmin(x.data, dim, keepdims=keepdim)))


def _axes(dim: Dim, ndim: int) -> tuple[int, ...]:
    """The axes to reduce over, none negative."""
    if dim is None:
        return tuple(range(ndim))
    axes = (dim,) if isinstance(dim, int | np.integer) else tuple(dim)
    for one in axes:
        if not -ndim <= one < ndim:
            raise ValueError(f"dim must be in {-ndim} .. {ndim - 1} for a tensor of {ndim} axes, not {one}")
    unique = tuple(one % ndim for one in axes)
    if len(set(unique)) < len(unique):
        raise ValueError(f"dim names an axis twice: {dim}")
    return unique


def _kept(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple([1 if i in axes else size for i, size in enumerate(shape)])


def _unkept(out: Array, axes: tuple[int, ...], keepdim: bool) -> Array:
    return out if keepdim else out.squeeze(axes)


def _check_any(name: str, shape: Shape, axes: tuple[int, ...]) -> None:
    if any(shape[i] == 0 for i in axes):
        raise ValueError(f"{name} needs at least one element, and shape {shape} has none along axes {axes}")


def _to_equal(g: Array, values: Array, out: Array, axes: tuple[int, ...]) -> Array:
    """The gradient of an extreme value, shared by those that equal it."""
    equal = values == out
    share: Array = (g.reshape(out.shape) / equal.sum(axes, keepdims=True)).astype(g.dtype)
    shared: Array = equal * share
    return shared


def _spread(g: Array, place: Array, dim: int, shape: Shape) -> Array:
    """The gradient of values taken at a place along an axis: zero elsewhere."""
    spread = np.zeros(shape, g.dtype)
    np.put_along_axis(spread, place, g.reshape(place.shape), dim)
    return spread
