"""Normalisation."""

from collections.abc import Sequence

import numpy as np

from lexigrad.nn.module import Module, Parameter
from lexigrad.ops.layer_norm import layer_norm
from lexigrad.tensor import Operand, Tensor


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last axes: (..., *normalized_shape), the same shape.

    Ba, Kiros and Hinton 2016, "Layer normalization". Initially weight is 1 and bias 0.

    Attributes:
        weight, bias: of shape ``normalized_shape``, or None without ``elementwise_affine``; bias also without ``bias``.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        given = (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else normalized_shape
        self.normalized_shape, self.eps = tuple(int(size) for size in given), eps
        self.weight = Parameter(np.ones(self.normalized_shape, np.float32)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(self.normalized_shape, np.float32)) if elementwise_affine and bias else None

    def forward(self, x: Operand) -> Tensor:
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"
