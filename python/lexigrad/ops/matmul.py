"""Matrix products."""

import math

import numpy as np

from lexigrad import _core
from lexigrad.ops.operands import as_tensor, floats, pair, unbroadcast
from lexigrad.ops.shape import transpose
from lexigrad.tensor import Array, Operand, Tensor, record


def matmul(a: Operand, b: Operand) -> Tensor:
    """The matrix product a @ b: (..., n, k) and (..., k, m) -> (..., n, m), the first axes broadcast.

    A vector (k,) is a row as ``a`` and a column as ``b``; the result lacks that axis.

    Raises:
        TypeError: one is float32 and the other float64.
        ValueError: the shapes do not fit.
    """
    a, b = pair(a, b)
    _check_dtypes("matmul", a, b)
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"matmul needs shapes (..., n, k) and (..., k, m), not {a.shape} and {b.shape}")
    if a.ndim > 2 and b.ndim == 2:
        return linear(a, transpose(b, 0, 1))  # one large product
    left, right = a.shape, b.shape
    x = a.data if b.requires_grad else None  # what no gradient needs is not kept
    y = b.data if a.requires_grad else None

    def backward(g: Array) -> tuple[Array | None, Array | None]:
        g = g[..., None] if len(right) == 1 else g
        g = g[..., None, :] if len(left) == 1 else g
        da = db = None
        if y is not None:
            matrix = y[:, None] if len(right) == 1 else y
            da = _as_operand(g @ matrix.swapaxes(-1, -2), left, row=True)
        if x is not None:
            matrix = x[None] if len(left) == 1 else x
            db = _as_operand(matrix.swapaxes(-1, -2) @ g, right, row=False)
        return da, db

    return record(a.data @ b.data, (a, b), backward)


def _as_operand(gradient: Array, shape: tuple[int, ...], row: bool) -> Array:
    """Sum the gradient over what was broadcast, and drop the axis that a vector lacks."""
    if len(shape) > 1:
        return unbroadcast(gradient, shape)
    return unbroadcast(gradient, (1, *shape) if row else (*shape, 1)).reshape(shape)


def linear(x: Operand, weight: Operand, bias: Operand | None = None) -> Tensor:
    """x @ weight.T + bias: x (..., I), weight (O, I), bias (O,) -> (..., O).

    float32 goes to the kernels, whose threads are those of the recurrent layers: NumPy's BLAS has threads of its own,
    which go on spinning for some time after each product and hold up what comes next.

    Raises:
        TypeError: one is float32 and another float64.
        ValueError: the shapes do not fit.
    """
    x, weight = pair(floats(x), weight)
    _check_dtypes("linear", x, weight)
    matrix, shape = weight.data, x.shape
    if matrix.ndim != 2 or not shape or shape[-1] != matrix.shape[1]:
        raise ValueError(f"linear needs x of shape (..., I) and weight (O, I), not {shape} and {matrix.shape}")
    shift = None if bias is None else as_tensor(bias)
    if shift is not None and shift.shape != matrix.shape[:1]:
        raise ValueError(f"bias must have shape {matrix.shape[:1]}, not {shift.shape}")
    rows = x.data.reshape(math.prod(shape[:-1]), shape[-1])
    operands = (x, weight) if shift is None else (x, weight, shift)
    if rows.size and matrix.size and all(operand.dtype == np.float32 for operand in operands):
        threads, wanted = _core.num_threads(), [operand.requires_grad for operand in operands]
        dense, w = np.ascontiguousarray(rows), np.ascontiguousarray(matrix)
        out = _core.linear_forward(dense, w, None if shift is None else np.ascontiguousarray(shift.data), threads)

        def fused_backward(g: Array) -> tuple[Array | None, ...]:
            dy = np.ascontiguousarray(g.reshape(len(dense), len(w)))
            dx, *others = _core.linear_backward(dense, w, dy, [*wanted, False][:3], threads)
            return (None if dx is None else dx.reshape(shape), *others[: len(wanted) - 1])

        return record(out.reshape(*shape[:-1], len(w)), operands, fused_backward)
    out = rows @ matrix.T
    if shift is not None:
        out += shift.data
    count = len(rows)
    saved = rows if weight.requires_grad else None
    needed = x.requires_grad

    def backward(g: Array) -> tuple[Array | None, ...]:
        g = g.reshape(count, len(matrix))
        dx = (g @ matrix).reshape(shape) if needed else None
        dweight = None if saved is None else g.T @ saved
        return (dx, dweight) if shift is None else (dx, dweight, np.add.reduce(g, axis=0))

    return record(out.reshape(*shape[:-1], len(matrix)), operands, backward)


def _check_dtypes(name: str, a: Tensor, b: Tensor) -> None:
    """Products of float32 and float64 would be float64, and slow, without a word; PyTorch refuses them, too."""
    if a.data.dtype != b.data.dtype and a.data.dtype.kind == b.data.dtype.kind == "f":
        raise TypeError(
            f"{name} needs operands of one dtype, not {a.dtype} and {b.dtype}: convert one, or the module with "
            ".float() or .double()"
        )
