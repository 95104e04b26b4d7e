"""Clipping of gradients (Pascanu et al. 2013): by their global norm, or value by value."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.sparse import SparseRows
from lexigrad.tensor import Tensor

Array = NDArray[Any]


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients in place by max_norm / norm where their norm, all taken together, is above ``max_norm``.

    Gradients that need no clipping are read once and not written. ``optimizer.step(max_norm=...)`` does the same
    within the optimiser's own pass and writes no gradient at all.

    Args:
        parameters: tensors; those without a gradient are left out. Row-sparse gradients count and are scaled as
            what they stand for.
        max_norm: the greatest norm allowed.
        norm_type: 2, computed in float64, or infinity, the greatest magnitude.
        error_if_nonfinite: raise where the norm is NaN or infinite, and leave the gradients as they are. Otherwise a
            NaN makes all gradients NaN, as in PyTorch.

    Returns:
        The norm before clipping.

    Raises:
        ValueError: ``max_norm`` is negative or NaN, or another ``norm_type``.
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is given.
    """
    arrays = gradient_arrays(_listed(parameters))
    norm, factor = norm_and_factor(arrays, max_norm, norm_type, error_if_nonfinite)
    if factor != 1:
        _core.scale_arrays(arrays, factor)
    return norm


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Limit every value of the gradients to [-clip_value, clip_value], in place.

    Raises:
        ValueError: ``clip_value`` is negative or NaN.
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_value must be at least 0, not {clip_value}")
    _core.clamp_arrays(gradient_arrays(_listed(parameters)), clip_value)


def norm_and_factor(
    arrays: list[Array], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> tuple[float, float]:
    """The norm of all arrays together, and the factor that brings it down to ``max_norm``: 1 where it is not above."""
    if not max_norm >= 0:
        raise ValueError(f"max_norm must be at least 0, not {max_norm}")
    if norm_type not in (2, math.inf):
        raise ValueError(f"norm_type must be 2 or infinity, not {norm_type}")
    norm = _core.global_norm(arrays) if norm_type == 2 else _core.global_greatest(arrays)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            f"the norm of the gradients is {norm}, so they cannot be clipped: look for what made them with "
            "detect_anomaly, or give error_if_nonfinite=False"
        )
    return norm, 1.0 if norm <= max_norm else max_norm / norm


def gradient_arrays(parameters: Iterable[Tensor]) -> list[Array]:
    """The arrays of the gradients that there are, to be changed in place; of row-sparse ones the rows."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return [_rows(gradient) if isinstance(gradient, SparseRows) else gradient for gradient in gradients]


def _rows(gradient: SparseRows) -> Array:
    gradient.rows = np.require(gradient.rows, requirements=["C", "W"])
    return gradient.rows


def _listed(parameters: Iterable[Tensor] | Tensor) -> list[Tensor]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)
