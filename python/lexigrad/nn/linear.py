"""Linear layers."""

import math

import numpy as np

from lexigrad.nn import init
from lexigrad.nn.module import Module, Parameter
from lexigrad.ops.matmul import linear
from lexigrad.tensor import Operand, Tensor


class Linear(Module):
    """y = x @ weight.T + bias: (..., in_features) -> (..., out_features).

    Initially uniform within +-1 / sqrt(in_features), weights and biases.

    Attributes:
        weight: (out_features, in_features).
        bias: (out_features,), or None.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: init.Rng = None) -> None:
        if in_features < 0 or out_features < 0:
            raise ValueError(f"the numbers of features must not be negative: {in_features}, {out_features}")
        rng = np.random.default_rng(rng)
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(max(1, in_features))
        self.weight = Parameter(np.empty((out_features, in_features), np.float32))
        init.uniform_(self.weight, -bound, bound, rng=rng)
        self.bias = Parameter(np.empty(out_features, np.float32)) if bias else None
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound, rng=rng)

    def forward(self, x: Operand) -> Tensor:
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
