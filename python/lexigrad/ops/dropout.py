"""Dropout (Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting")."""

from collections.abc import Sequence

import numpy as np

from lexigrad.ops.operands import floats
from lexigrad.tensor import Array, Operand, Tensor, record


def dropout(
    x: Operand,
    p: float = 0.5,
    training: bool = True,
    *,
    shared_axes: Sequence[int] = (),
    rng: np.random.Generator | None = None,
) -> Tensor:
    """Set each element to 0 with probability ``p`` and scale the others by 1 / (1 - p); x itself if not ``training``.

    Args:
        shared_axes: along these axes one draw holds for all elements. For x (T, B, D), ``[0]`` drops the same units
            at all time steps (Gal and Ghahramani 2016, "A theoretically grounded application of dropout in
            recurrent neural networks").
        rng: where the draws come from; by default a new generator, seeded by the system.

    Raises:
        ValueError: p is not in 0 .. 1.
    """
    check_probability(p)
    x = floats(x)
    if not training or p == 0:
        return x
    shape = [1 if i in [axis % x.ndim for axis in shared_axes] else size for i, size in enumerate(x.shape)]
    kept = _draw(tuple(shape), p, np.random.default_rng() if rng is None else rng)
    scale = x.dtype.type(0 if p == 1 else 1 / (1 - p))

    def backward(g: Array) -> tuple[Array]:
        out = g * scale
        out *= kept
        return (out,)

    return record(backward(x.data)[0], (x,), backward)


def check_probability(p: float) -> None:
    """Raise ValueError unless p is a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"p must be a probability, from 0 to 1, not {p}")


def _draw(shape: tuple[int, ...], p: float, rng: np.random.Generator) -> Array:
    """Booleans that are True with probability 1 - p, to the 32 bits that are drawn for each."""
    if p == 1:
        return np.zeros(shape, bool)
    return rng.integers(0, 1 << 32, shape, np.uint32) >= np.uint32(min(round(p * (1 << 32)), (1 << 32) - 1))
