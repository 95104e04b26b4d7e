"""Operations on each element, with NumPy's broadcasting."""

import numpy as np

from lexigrad.ops.operands import as_tensor, floats, pair, unbroadcast
from lexigrad.tensor import Array, Operand, Tensor, record, tensor_of


def add(a: Operand, b: Operand) -> Tensor:
    """a + b."""
    a, b = pair(a, b)
    left, right = a.data.shape, b.data.shape

    def backward(g: Array) -> tuple[Array, Array]:
        return unbroadcast(g, left), unbroadcast(g, right)

    return record(a.data + b.data, (a, b), backward)


def sub(a: Operand, b: Operand) -> Tensor:
    """a - b."""
    a, b = pair(a, b)
    left, right = a.data.shape, b.data.shape
    needed = b.requires_grad

    def backward(g: Array) -> tuple[Array, Array | None]:
        return unbroadcast(g, left), -unbroadcast(g, right) if needed else None

    return record(a.data - b.data, (a, b), backward)


def mul(a: Operand, b: Operand) -> Tensor:
    """a * b."""
    a, b = pair(a, b)
    left, right = a.data.shape, b.data.shape
    x = a.data if b.requires_grad else None  # what no gradient needs is not kept
    y = b.data if a.requires_grad else None

    def backward(g: Array) -> tuple[Array | None, Array | None]:
        da = None if y is None else unbroadcast(g * y, left)
        return da, None if x is None else unbroadcast(g * x, right)

    return record(a.data * b.data, (a, b), backward)


def div(a: Operand, b: Operand) -> Tensor:
    """a / b; float32 for integers."""
    a, b = pair(floats(a) if isinstance(a, Tensor) else a, floats(b) if isinstance(b, Tensor) else b)
    left, right = a.data.shape, b.data.shape
    y, out = b.data, a.data / b.data
    saved = out if b.requires_grad else None

    def backward(g: Array) -> tuple[Array, Array | None]:
        da = g / y
        return unbroadcast(da, left), None if saved is None else unbroadcast(-da * saved, right)

    return record(out, (a, b), backward)


def pow(a: Operand, b: Operand) -> Tensor:
    """a ** b.

    The gradient with respect to b is 0 where a is 0 and b is not negative, as in PyTorch.
    """
    a, b = pair(a, b)
    x, y, out = a.data, b.data, a.data**b.data
    first, second = a.requires_grad, b.requires_grad

    def backward(g: Array) -> tuple[Array | None, Array | None]:
        da = db = None
        if first:
            # x ** (y - 1) would be infinite for x = y = 0, where the power is the constant 1
            slope = np.where(y == 0, 0, y) * x ** np.where(y == 0, 0, y - 1).astype(y.dtype)
            da = unbroadcast(g * slope, x.shape)
        if second:
            still = (x == 0) & (y >= 0)
            db = unbroadcast(g * np.where(still, 0, out * np.log(np.where(still, 1, x))), y.shape)
        return da, db

    return record(out, (a, b), backward)


def neg(x: Operand) -> Tensor:
    """-x."""
    x = as_tensor(x)

    def backward(g: Array) -> tuple[Array]:
        return (-g,)

    return record(-x.data, (x,), backward)


def exp(x: Operand) -> Tensor:
    """e to the power of x."""
    x = floats(x)
    out = np.exp(x.data)

    def backward(g: Array) -> tuple[Array]:
        return (g * out,)

    return record(out, (x,), backward)


def log(x: Operand) -> Tensor:
    """The natural logarithm."""
    x = floats(x)
    values = x.data

    def backward(g: Array) -> tuple[Array]:
        return (g / values,)

    return record(np.log(values), (x,), backward)


def sqrt(x: Operand) -> Tensor:
    """The square root."""
    x = floats(x)
    out = np.sqrt(x.data)

    def backward(g: Array) -> tuple[Array]:
        return (g / (2 * out),)

    return record(out, (x,), backward)


def tanh(x: Operand) -> Tensor:
    """The hyperbolic tangent."""
    x = floats(x)
    out = np.tanh(x.data)

    def backward(g: Array) -> tuple[Array]:
        return (g * (1 - out * out),)

    return record(out, (x,), backward)


def sigmoid(x: Operand) -> Tensor:
    """1 / (1 + exp(-x)), without overflow and with full relative accuracy far below 0."""
    x = floats(x)
    small = np.exp(-np.abs(x.data))
    out: Array = np.where(x.data < 0, small, np.ones_like(small)) / (1 + small)

    def backward(g: Array) -> tuple[Array]:
        return (g * (out * (1 - out)),)

    return record(out, (x,), backward)


def relu(x: Operand) -> Tensor:
    """max(x, 0), whose slope at 0 is 0."""
    x = as_tensor(x)
    out: Array = np.maximum(x.data, 0)

    def backward(g: Array) -> tuple[Array]:
        return (g * (out > 0),)

    return record(out, (x,), backward)


def abs(x: Operand) -> Tensor:
    """The absolute value, whose slope at 0 is 0."""
    x = as_tensor(x)
    values = x.data

    def backward(g: Array) -> tuple[Array]:
        return (g * np.sign(values),)

    return record(np.abs(values), (x,), backward)


def maximum(a: Operand, b: Operand) -> Tensor:
    """The greater of a and b; equal ones share the gradient. NaN wins."""
    a, b = pair(a, b)
    x, y = a.data, b.data

    def backward(g: Array) -> tuple[Array, Array]:
        return _shared(g, x > y, x, y)

    return record(np.maximum(x, y), (a, b), backward)


def minimum(a: Operand, b: Operand) -> Tensor:
    """The lesser of a and b; equal ones share the gradient. NaN wins."""
    a, b = pair(a, b)
    x, y = a.data, b.data

    def backward(g: Array) -> tuple[Array, Array]:
        return _shared(g, x < y, x, y)

    return record(np.minimum(x, y), (a, b), backward)


def _shared(g: Array, first: Array, x: Array, y: Array) -> tuple[Array, Array]:
    part = np.where(x == y, np.asarray(0.5, g.dtype), first.astype(g.dtype))
    return unbroadcast(g * part, x.shape), unbroadcast(g * (1 - part), y.shape)


def clip(x: Operand, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """x, but ``min`` where it is less and ``max`` where it is more; no gradient flows there, nor to the limits."""
    if min is None and max is None:
        raise ValueError("clip needs min, max or both, not None for both")
    x = as_tensor(x)
    low, high = (None if limit is None else _beside(x.data, limit) for limit in (min, max))
    out: Array = np.clip(x.data, low, high)
    values = x.data

    def backward(g: Array) -> tuple[Array]:
        inside = np.ones(out.shape, bool)
        if low is not None:
            inside &= values >= low
        if high is not None:
            inside &= values <= high
        return (unbroadcast(g * inside, values.shape),)

    return record(out, (x,), backward)


clamp = clip


def _beside(values: Array, limit: Operand) -> Array:
    """A limit in the dtype of floats that it is for."""
    given = limit.data if isinstance(limit, Tensor) else limit
    return np.asarray(given, values.dtype if values.dtype.kind == "f" else None)


def where(condition: Operand, a: Operand, b: Operand) -> Tensor:
    """a where the condition holds, else b."""
    chosen = as_tensor(condition).data.astype(bool)
    a, b = pair(a, b)
    left, right = a.data.shape, b.data.shape

    def backward(g: Array) -> tuple[Array, Array]:
        zero = np.zeros((), g.dtype)
        return unbroadcast(np.where(chosen, g, zero), left), unbroadcast(np.where(chosen, zero, g), right)

    return record(np.where(chosen, a.data, b.data), (a, b), backward)


def lt(a: Operand, b: Operand) -> Tensor:
    """a < b, as booleans."""
    a, b = pair(a, b)
    return tensor_of(np.asarray(a.data < b.data))


def le(a: Operand, b: Operand) -> Tensor:
    """a <= b, as booleans."""
    a, b = pair(a, b)
    return tensor_of(np.asarray(a.data <= b.data))


def gt(a: Operand, b: Operand) -> Tensor:
    """a > b, as booleans."""
    return lt(b, a)


def ge(a: Operand, b: Operand) -> Tensor:
    """a >= b, as booleans."""
    return le(b, a)


def eq(a: Operand, b: Operand) -> Tensor:
    """a == b, as booleans."""
    a, b = pair(a, b)
    return tensor_of(np.asarray(a.data == b.data))


def ne(a: Operand, b: Operand) -> Tensor:
    """a != b, as booleans."""
    a, b = pair(a, b)
    return tensor_of(np.asarray(a.data != b.data))
