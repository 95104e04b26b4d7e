"""Non-linearities as layers."""

from lexigrad.nn.module import Module
from lexigrad.ops import elementwise
from lexigrad.ops.operands import as_tensor
from lexigrad.tensor import Operand, Tensor


class Identity(Module):
    """x itself."""

    def forward(self, x: Operand) -> Tensor:
        return as_tensor(x)


class Tanh(Module):
    """The hyperbolic tangent of each element."""

    def forward(self, x: Operand) -> Tensor:
        return elementwise.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)) of each element."""

    def forward(self, x: Operand) -> Tensor:
        return elementwise.sigmoid(x)


class ReLU(Module):
    """max(x, 0) of each element."""

    def forward(self, x: Operand) -> Tensor:
        return elementwise.relu(x)
