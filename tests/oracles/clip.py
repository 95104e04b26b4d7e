"""Clipping in float64, written for reading."""

import numpy as np


def clip_by_norm(gradients, max_norm, norm_type=2.0):
    """The clipped gradients and the norm that they had."""
    values = np.concatenate([np.asarray(gradient, np.float64).ravel() for gradient in gradients])
    norm = np.abs(values).max(initial=0) if norm_type == np.inf else np.sqrt((values**2).sum())
    return [gradient if norm <= max_norm else gradient * (max_norm / norm) for gradient in gradients], norm


def clip_by_value(gradients, limit):
    return [np.clip(gradient, -limit, limit) for gradient in gradients]
