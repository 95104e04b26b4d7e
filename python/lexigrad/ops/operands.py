"""What operations take: tensors, arrays and numbers, of one dtype; and the gradients of broadcasting."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from lexigrad.tensor import Array, Operand, Shape, Tensor, as_array, tensor_of

_Function = TypeVar("_Function", bound=Callable[..., Any])
_INTEGERS = (int, np.integer)
_NUMBERS = (int, float, np.number)  # a tuple: a union would be made anew at each use


def as_tensor(operand: Operand) -> Tensor:
    """The tensor itself, or a constant."""
    return operand if isinstance(operand, Tensor) else tensor_of(as_array(operand))


def floats(operand: Operand) -> Tensor:
    """The same with floats as values: integers and booleans become float32."""
    tensor = as_tensor(operand)
    return tensor if tensor.data.dtype.kind == "f" else tensor_of(tensor.data.astype(np.float32))


def pair(a: Operand, b: Operand) -> tuple[Tensor, Tensor]:
    """Two operands as tensors whose dtypes NumPy combines as PyTorch does.

    A number takes the dtype of the other operand, and integers beside floats become such floats.
    """
    if not isinstance(a, Tensor):
        a = _beside(a, b)
    if not isinstance(b, Tensor):
        b = _beside(b, a)
    left, right = a.data.dtype, b.data.dtype
    if left is right or left.kind == right.kind:
        return a, b
    if left.kind == "f":
        return a, tensor_of(b.data.astype(left))
    return (tensor_of(a.data.astype(right)), b) if right.kind == "f" else (a, b)


def _beside(value: Any, other: Operand) -> Tensor:
    if not isinstance(value, _NUMBERS) or not isinstance(other, Tensor):
        return as_tensor(value)
    dtype = other.data.dtype
    if dtype.kind == "f" or (dtype.kind in "iu" and isinstance(value, _INTEGERS)):
        return tensor_of(np.array(value, dtype))
    return tensor_of(np.array(value, None if isinstance(value, _INTEGERS) else np.float32))


def unbroadcast(gradient: Array, shape: Shape) -> Array:
    """The gradient of an operand of this shape, from that of what it was broadcast to: the sum over new axes."""
    if gradient.shape == shape:
        return gradient
    added = gradient.ndim - len(shape)
    stretched = [added + i for i, size in enumerate(shape) if size == 1 and gradient.shape[added + i] != 1]
    total: Array = np.add.reduce(gradient, axis=(*range(added), *stretched))
    return total.reshape(shape)


def numpy_names(function: _Function) -> _Function:
    """Let an operation take NumPy's ``axis`` for ``dim`` and ``keepdims`` for ``keepdim``, as PyTorch's do."""

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        if "axis" in kwargs:
            kwargs["dim"] = kwargs.pop("axis")
        if "keepdims" in kwargs:
            kwargs["keepdim"] = kwargs.pop("keepdims")
        return function(*args, **kwargs)

    return renamed  # type: ignore[return-value]
