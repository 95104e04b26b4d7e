"""Initial values of parameters.

Each function fills a tensor in place and returns it; ``rng`` is a generator or a seed, by default the system's
entropy. "fan" is the number of inputs (fan_in, the second axis of a weight) or outputs (fan_out, the first) of a unit.
"""

import math
from typing import TypeVar

import numpy as np

from lexigrad.tensor import Tensor

Rng = np.random.Generator | int | None
_T = TypeVar("_T", bound=Tensor)

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What a non-linearity needs the standard deviation of weights to be multiplied by.

    1 for "linear" and "sigmoid", 5/3 for "tanh", sqrt(2) for "relu", sqrt(2 / (1 + param^2)) for "leaky_relu" of
    slope ``param`` (default 0.01), as in PyTorch. Source of the last two: He et al. 2015 (see ``kaiming_uniform_``).
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"nonlinearity must be one of {[*_GAINS, 'leaky_relu']}, not {nonlinearity!r}")
    return _GAINS[nonlinearity]


def uniform_(tensor: _T, a: float = 0.0, b: float = 1.0, *, rng: Rng = None) -> _T:
    """Uniform between a and b.

    With b = -a = 1 / sqrt(fan_in) the initial weights of most layers, after LeCun, Bottou, Orr and Müller 1998,
    "Efficient BackProp".
    """
    tensor.data[...] = np.random.default_rng(rng).uniform(a, b, tensor.shape)
    return tensor


def normal_(tensor: _T, mean: float = 0.0, std: float = 1.0, *, rng: Rng = None) -> _T:
    """Normal. With std = 1 / sqrt(fan_in): LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp"."""
    tensor.data[...] = np.random.default_rng(rng).normal(mean, std, tensor.shape)
    return tensor


def constant_(tensor: _T, val: float) -> _T:
    """All the same. For a forget gate's bias, 1: Gers, Schmidhuber and Cummins 2000, "Learning to forget"."""
    tensor.data[...] = val
    return tensor


def zeros_(tensor: _T) -> _T:
    """All 0: biases, after Glorot and Bengio 2010 (see ``xavier_uniform_``)."""
    return constant_(tensor, 0.0)


def ones_(tensor: _T) -> _T:
    """All 1: the gains of a normalisation, after Ba, Kiros and Hinton 2016, "Layer normalization"."""
    return constant_(tensor, 1.0)


def identity_(tensor: _T, gain: float = 1.0) -> _T:
    """The identity matrix times ``gain``, for the recurrent weights of an RNN with ReLU.

    Source: Le, Jaitly and Hinton 2015, "A simple way to initialize recurrent networks of rectified linear units".

    Raises:
        ValueError: the tensor does not have two axes.
    """
    if tensor.ndim != 2:
        raise ValueError(f"identity_ needs a tensor of two axes, not of shape {tensor.shape}")
    tensor.data[...] = gain * np.eye(tensor.shape[0], tensor.shape[1])
    return tensor


eye_ = identity_  # PyTorch's name


def orthogonal_(tensor: _T, gain: float = 1.0, *, rng: Rng = None) -> _T:
    """A random matrix with orthonormal rows or, if there are more rows than columns, columns, times ``gain``.

    Axes after the first count as one. Source: Saxe, McClelland and Ganguli 2014, "Exact solutions to the nonlinear
    dynamics of learning in deep linear neural networks".

    Raises:
        ValueError: the tensor has fewer than two axes.
    """
    rows, columns = _matrix(tensor)
    drawn = np.random.default_rng(rng).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # the signs make it uniform over all orthogonal matrices
    tensor.data[...] = gain * (q if rows >= columns else q.T).reshape(tensor.shape)
    return tensor


def xavier_uniform_(tensor: _T, gain: float = 1.0, *, rng: Rng = None) -> _T:
    """Uniform within +-gain * sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
    """
    bound = gain * math.sqrt(6 / max(1, sum(_fans(tensor))))
    return uniform_(tensor, -bound, bound, rng=rng)


def xavier_normal_(tensor: _T, gain: float = 1.0, *, rng: Rng = None) -> _T:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)); source as of ``xavier_uniform_``."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(1, sum(_fans(tensor)))), rng=rng)


def kaiming_uniform_(
    tensor: _T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Rng = None
) -> _T:
    """Uniform within +-gain * sqrt(3 / fan), where gain is ``calculate_gain(nonlinearity, a)``.

    Source: He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers: surpassing human-level performance on ImageNet
    classification".

    Args:
        a: the slope below 0 of a leaky ReLU.
        mode: "fan_in" keeps the variance in the forward pass, "fan_out" in backward.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng=rng)


def kaiming_normal_(
    tensor: _T, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Rng = None
) -> _T:
    """Normal with standard deviation gain / sqrt(fan); arguments and source as of ``kaiming_uniform_``."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), rng=rng)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', not {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, _fans(tensor)[mode == "fan_out"]))


def _fans(tensor: Tensor) -> tuple[int, int]:
    """fan_in and fan_out; further axes are positions that share a weight."""
    _matrix(tensor)
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _matrix(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError(f"this initialiser needs a tensor of two axes or more, not of shape {tensor.shape}")
    return tensor.shape[0], math.prod(tensor.shape[1:])
