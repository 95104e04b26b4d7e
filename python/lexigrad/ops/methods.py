"""The operators and methods of tensors, which ``Tensor`` declares and this module puts in place."""

from typing import Any

from lexigrad.ops import elementwise, matmul, reduce, shape, softmax
from lexigrad.tensor import Operand, Tensor

_METHODS: dict[str, Any] = {
    "__abs__": elementwise.abs,
    "__add__": elementwise.add,
    "__eq__": elementwise.eq,
    "__ge__": elementwise.ge,
    "__getitem__": shape.index,
    "__gt__": elementwise.gt,
    "__iter__": shape.iterate,
    "__le__": elementwise.le,
    "__lt__": elementwise.lt,
    "__matmul__": matmul.matmul,
    "__mul__": elementwise.mul,
    "__ne__": elementwise.ne,
    "__neg__": elementwise.neg,
    "__pow__": elementwise.pow,
    "__radd__": elementwise.add,
    "__rmul__": elementwise.mul,
    "__sub__": elementwise.sub,
    "__truediv__": elementwise.div,
}
_NAMED = {
    elementwise: ("abs", "clamp", "clip", "exp", "log", "pow", "relu", "sigmoid", "sqrt", "tanh"),
    matmul: ("matmul",),
    reduce: ("amax", "amin", "argmax", "argmin", "logsumexp", "max", "mean", "min", "sum", "var"),
    shape: (
        "broadcast_to",
        "contiguous",
        "flatten",
        "masked_fill",
        "permute",
        "reshape",
        "split",
        "squeeze",
        "swapaxes",
        "transpose",
        "unsqueeze",
        "view",
    ),
    softmax: ("log_softmax", "softmax"),
}


def rsub(self: Tensor, other: Operand) -> Tensor:
    return elementwise.sub(other, self)


def rtruediv(self: Tensor, other: Operand) -> Tensor:
    return elementwise.div(other, self)


def rpow(self: Tensor, other: Operand) -> Tensor:
    return elementwise.pow(other, self)


def rmatmul(self: Tensor, other: Operand) -> Tensor:
    return matmul.matmul(other, self)


def reversed_axes(self: Tensor) -> Tensor:
    """All axes in reverse order."""
    return shape.permute(self, tuple(range(self.ndim))[::-1])


def transposed_matrices(self: Tensor) -> Tensor:
    """The last two axes exchanged."""
    return shape.transpose(self, -1, -2)


def install() -> None:
    """Give ``Tensor`` its operators and methods."""
    for name, function in _METHODS.items():
        setattr(Tensor, name, function)
    for module, names in _NAMED.items():
        for name in names:
            setattr(Tensor, name, getattr(module, name))
    reflected = {"__rsub__": rsub, "__rtruediv__": rtruediv, "__rpow__": rpow, "__rmatmul__": rmatmul}
    for name, function in reflected.items():
        setattr(Tensor, name, function)
    setattr(Tensor, "T", property(reversed_axes))  # noqa: B010
    setattr(Tensor, "mT", property(transposed_matrices))  # noqa: B010
