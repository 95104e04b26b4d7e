"""Dropout layers, which do nothing after ``eval()``."""

import numpy as np

from lexigrad.nn.init import Rng
from lexigrad.nn.module import Module
from lexigrad.ops.dropout import check_probability, dropout
from lexigrad.ops.operands import as_tensor
from lexigrad.tensor import Operand, Tensor


class Dropout(Module):
    """Each element is 0 with probability p, and the others are scaled by 1 / (1 - p).

    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    Attributes:
        rng: the generator that draws; keep ``rng.bit_generator.state`` to go on exactly.
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        check_probability(p)
        self.p, self.rng = p, np.random.default_rng(rng)

    def forward(self, x: Operand) -> Tensor:
        return dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class VariationalDropout(Module):
    """Dropout that drops the same units of a sequence at all time steps: x (T, B, D), or (B, T, D) if batch_first.

    Gal and Ghahramani 2016, "A theoretically grounded application of dropout in recurrent neural networks".

    Attributes:
        rng: the generator that draws; keep ``rng.bit_generator.state`` to go on exactly.
    """

    def __init__(self, p: float = 0.5, batch_first: bool = False, *, rng: Rng = None) -> None:
        check_probability(p)
        self.p, self.batch_first, self.rng = p, batch_first, np.random.default_rng(rng)

    def forward(self, x: Operand) -> Tensor:
        x = as_tensor(x)
        if x.ndim != 3:
            expected = "(B, T, D)" if self.batch_first else "(T, B, D)"
            raise ValueError(f"x must have shape {expected}, not {x.shape}")
        return dropout(x, self.p, self.training, shared_axes=[1 if self.batch_first else 0], rng=self.rng)

    def extra_repr(self) -> str:
        return f"p={self.p}, batch_first={self.batch_first}"
