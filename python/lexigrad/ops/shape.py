"""Shapes, parts and compositions. What can be a view of its input is one, as in PyTorch."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lexigrad.ops.operands import as_tensor, numpy_names, pair, unbroadcast
from lexigrad.tensor import Array, Operand, Piece, Shape, Tensor, record


def reshape(x: Operand, *shape: int | Sequence[int]) -> Tensor:
    """The elements in another shape, given as integers or one sequence; -1, once, for what is left over."""
    x = as_tensor(x)
    before = x.data.shape

    def backward(g: Array) -> tuple[Array]:
        return (g.reshape(before),)

    return record(x.data.reshape(_integers(shape)), (x,), backward)


view = reshape


def contiguous(x: Operand) -> Tensor:
    """x itself: operations take any memory order, so that there is nothing to do."""
    return as_tensor(x)


def flatten(x: Operand, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes ``start_dim`` to ``end_dim``, the last one included, as one axis."""
    x = as_tensor(x)
    if not x.ndim:
        return reshape(x, 1)
    first, last = _axis(start_dim, x.ndim), _axis(end_dim, x.ndim)
    if first > last:
        raise ValueError(f"start_dim must not come after end_dim: {start_dim} and {end_dim} of {x.ndim} axes")
    size = math.prod(x.shape[first : last + 1])
    return reshape(x, (*x.shape[:first], size, *x.shape[last + 1 :]))


def transpose(x: Operand, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    x = as_tensor(x)
    axis0, axis1 = _axis(dim0, x.ndim), _axis(dim1, x.ndim)

    def backward(g: Array) -> tuple[Array]:
        return (g.swapaxes(axis0, axis1),)

    return record(x.data.swapaxes(axis0, axis1), (x,), backward)


swapaxes = transpose


def permute(x: Operand, *dims: int | Sequence[int]) -> Tensor:
    """The axes in another order, given as integers or one sequence."""
    x = as_tensor(x)
    order = tuple(_axis(axis, x.ndim) for axis in _integers(dims))
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"dims must name each of {x.ndim} axes once, not {_integers(dims)}")
    back = tuple(int(i) for i in np.argsort(order))

    def backward(g: Array) -> tuple[Array]:
        return (g.transpose(back),)

    return record(x.data.transpose(order), (x,), backward)


@numpy_names
def squeeze(x: Operand, dim: int | None = None) -> Tensor:
    """Without the axis, if its length is 1; or without all axes of length 1."""
    x = as_tensor(x)
    gone = range(x.ndim) if dim is None else (_axis(dim, x.ndim),)
    return reshape(x, tuple(size for i, size in enumerate(x.shape) if size != 1 or i not in gone))


def unsqueeze(x: Operand, dim: int) -> Tensor:
    """With a new axis of length 1 at ``dim``."""
    x = as_tensor(x)
    at = _axis(dim, x.ndim + 1)
    return reshape(x, (*x.shape[:at], 1, *x.shape[at:]))


def broadcast_to(x: Operand, *shape: int | Sequence[int]) -> Tensor:
    """Repeated along new axes and axes of length 1, without a copy, to a shape of integers or one sequence."""
    x = as_tensor(x)
    before = x.data.shape

    def backward(g: Array) -> tuple[Array]:
        return (unbroadcast(g, before),)

    return record(np.broadcast_to(x.data, _integers(shape)), (x,), backward)


def index(x: Operand, key: Any) -> Tensor:
    """x[key]: integers, slices, ``...``, None, arrays or tensors of integers or booleans, and tuples of these.

    Raises:
        IndexError: an index is out of range.
    """
    x = as_tensor(x)
    key = tuple(_plain(part) for part in key) if isinstance(key, tuple) else _plain(key)
    parts = key if isinstance(key, tuple) else (key,)
    repeats = any(isinstance(part, np.ndarray) and part.dtype.kind in "iu" for part in parts)

    def backward(g: Array) -> tuple[Piece]:
        return (Piece(key, g, repeats),)

    return record(np.asarray(x.data[key]), (x,), backward)


def iterate(x: Operand) -> Iterator[Tensor]:
    """The parts of a tensor along its first axis."""
    x = as_tensor(x)
    if not x.ndim:
        raise TypeError("a tensor without axes has no parts: use item()")
    return (index(x, i) for i in range(len(x.data)))


@numpy_names
def concatenate(tensors: Sequence[Operand], dim: int = 0) -> Tensor:
    """Tensors one after the other along an axis; along all others they have the same length.

    Raises:
        ValueError: there are none, or the shapes do not fit.
    """
    parts = _several(tensors, "concatenate")
    axis = _axis(dim, parts[0].ndim)
    ends = list(itertools.accumulate(part.shape[axis] if part.ndim > axis else 0 for part in parts))
    before = (slice(None),) * axis

    def backward(g: Array) -> tuple[Array, ...]:
        return tuple([g[(*before, slice(a, b))] for a, b in itertools.pairwise([0, *ends])])

    return record(np.concatenate([part.data for part in parts], axis), parts, backward)


cat = concatenate


@numpy_names
def stack(tensors: Sequence[Operand], dim: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis.

    Raises:
        ValueError: there are none, or the shapes differ.
    """
    parts = _several(tensors, "stack")
    axis = _axis(dim, parts[0].ndim + 1)

    def backward(g: Array) -> tuple[Array, ...]:
        return tuple(np.moveaxis(g, axis, 0))

    return record(np.stack([part.data for part in parts], axis), parts, backward)


@numpy_names
def split(x: Operand, sizes: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Cut along an axis into parts of one size (the last may be smaller), or of the sizes of a sequence.

    Raises:
        ValueError: the sizes do not add up to the axis' length, or one is not positive.
    """
    x = as_tensor(x)
    axis = _axis(dim, x.ndim)
    length = x.shape[axis]
    if isinstance(sizes, int | np.integer):
        if sizes < 1:
            raise ValueError(f"the size of parts must be positive, not {sizes}")
        ends = [min(length, begin + int(sizes)) for begin in range(0, max(length, 1), int(sizes))]
    else:
        ends = list(itertools.accumulate(sizes))
        if any(size < 0 for size in sizes) or not ends or ends[-1] != length:
            raise ValueError(f"sizes must add up to {length}, the length of axis {axis}, not {list(sizes)}")
    before = (slice(None),) * axis

    def backward(*g: Array) -> tuple[Array]:
        return (np.concatenate(g, axis),)

    parts = tuple([x.data[(*before, slice(a, b))] for a, b in itertools.pairwise([0, *ends])])
    return record(parts, (x,), backward)


def pad(x: Operand, widths: Sequence[int], value: float = 0.0) -> Tensor:
    """Put ``value`` around: ``widths`` are (before, after) of the last axis, then of the one before it, and so on.

    Raises:
        ValueError: the widths are negative, odd in number or too many.
    """
    x = as_tensor(x)
    if len(widths) % 2 or len(widths) > 2 * x.ndim or any(width < 0 for width in widths):
        raise ValueError(f"widths must be pairs for at most {x.ndim} axes, none negative, not {tuple(widths)}")
    pairs = [(int(widths[i]), int(widths[i + 1])) for i in range(0, len(widths), 2)][::-1]
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    inner = tuple(slice(before, before + size) for (before, _), size in zip(pairs, x.shape, strict=True))

    def backward(g: Array) -> tuple[Array]:
        return (g[inner],)

    return record(np.pad(x.data, pairs, constant_values=value), (x,), backward)


def masked_fill(x: Operand, mask: Operand, value: float) -> Tensor:
    """``value`` where the mask holds, x elsewhere; the mask is broadcast to x.

    Raises:
        TypeError: the mask does not hold booleans.
        ValueError: it cannot be broadcast to x.
    """
    x, filling = pair(x, value)
    chosen = as_tensor(mask).data
    if chosen.dtype != np.bool_:
        raise TypeError(f"mask must hold booleans, not {chosen.dtype}: compare, as in mask == 0")
    try:
        chosen = np.broadcast_to(chosen, x.shape)
    except ValueError:
        raise ValueError(f"mask must be broadcastable to {x.shape}, not of shape {chosen.shape}") from None

    def backward(g: Array) -> tuple[Array, None]:
        return np.where(chosen, np.zeros((), g.dtype), g), None

    return record(np.where(chosen, filling.data, x.data), (x, filling), backward)


def _integers(given: tuple[int | Sequence[int], ...]) -> Shape:
    """Integers that were given one by one, or as one sequence."""
    if len(given) == 1 and not isinstance(given[0], int | np.integer):
        return tuple(given[0])
    return given  # type: ignore[return-value]


def _axis(axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise ValueError(f"dim must be in {-ndim} .. {ndim - 1}, not {axis}")
    return axis % ndim


def _several(tensors: Sequence[Operand], name: str) -> list[Tensor]:
    parts = [as_tensor(tensor) for tensor in tensors]
    if not parts:
        raise ValueError(f"{name} needs at least one tensor")
    return parts


def _plain(part: Any) -> Any:
    """An index as NumPy takes it."""
    if isinstance(part, Tensor):
        part = part.data
    if isinstance(part, list):
        part = np.asarray(part) if part else np.empty(0, np.intp)
    return int(part) if isinstance(part, np.ndarray) and not part.ndim and part.dtype.kind in "iu" else part
