"""Layer normalisation (Ba, Kiros and Hinton 2016)."""

from collections.abc import Sequence

import numpy as np

from lexigrad.ops.operands import as_tensor, floats
from lexigrad.tensor import Array, Operand, Tensor, record


def layer_norm(
    x: Operand,
    normalized_shape: int | Sequence[int],
    weight: Operand | None = None,
    bias: Operand | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias, mean and variance over the last axes.

    Args:
        x: (..., *normalized_shape).
        normalized_shape: the lengths of the axes to normalise over, an integer for the last axis alone.
        weight, bias: of this shape; 1 and 0 by default.

    Raises:
        ValueError: a shape does not fit.
    """
    x = floats(x)
    given = (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else normalized_shape
    normal = tuple(int(size) for size in given)
    lead = x.shape[: max(0, x.ndim - len(normal))]
    if not normal or x.shape != (*lead, *normal):
        raise ValueError(f"x must have a shape that ends in {normal}, not {x.shape}")
    gain = None if weight is None else as_tensor(weight)
    shift = None if bias is None else as_tensor(bias)
    for name, parameter in (("weight", gain), ("bias", shift)):
        if parameter is not None and parameter.shape != normal:
            raise ValueError(f"{name} must have shape {normal}, not {parameter.shape}")

    axes, over = tuple(range(len(lead), x.ndim)), tuple(range(len(lead)))
    deviation = x.data - x.data.mean(axes, keepdims=True)
    scale = 1 / np.sqrt((deviation * deviation).mean(axes, keepdims=True) + x.dtype.type(eps))
    unit = np.multiply(deviation, scale, out=deviation)
    slope = None if gain is None else gain.data
    out: Array = unit if slope is None else unit * slope
    out = out if shift is None else out + shift.data

    def backward(g: Array) -> tuple[Array, ...]:
        d = g if slope is None else g * slope
        along = (d * unit).mean(axes, keepdims=True)
        dx = (d - d.mean(axes, keepdims=True) - unit * along) * scale
        dweight = () if slope is None else (np.add.reduce(g * unit, axis=over),)
        return (dx, *dweight) if shift is None else (dx, *dweight, np.add.reduce(g, axis=over))

    return record(out, [tensor for tensor in (x, gain, shift) if tensor is not None], backward)
