"""Gradients against central differences."""

from collections.abc import Callable, Sequence

import numpy as np

from lexigrad.tensor import Array, Tensor, as_dense, no_grad


def gradcheck(
    function: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Tensor | Sequence[Tensor],
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Check the gradients of a function with respect to all inputs that require them.

    Each element of each input is moved by ``eps`` in both directions: the difference of the outputs, weighted with
    fixed random numbers and summed, must be 2 eps times the gradient that backward gives.

    Args:
        function: takes the inputs and returns one tensor or several; it must do the same at each call.
        inputs: a tensor or several; those that require gradients must be float64, and lie where the function is
            differentiable.
        atol, rtol: a gradient may differ by atol + rtol * |difference quotient|.

    Returns:
        True.

    Raises:
        TypeError: an input that requires a gradient is not float64, for which float32 is too coarse.
        ValueError: no input requires a gradient, or no output depends on one.
        AssertionError: a gradient is wrong; the message names the input, the element, and both values.

    >>> gradcheck(lambda x: x * x, Tensor(np.ones(3), requires_grad=True))
    True
    """
    tensors = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [i for i, tensor in enumerate(tensors) if tensor.requires_grad]
    if not checked:
        raise ValueError("no input requires a gradient: make one with requires_grad=True")
    for i in checked:
        if tensors[i].dtype != np.float64:
            raise TypeError(f"input {i} must be float64, not {tensors[i].dtype}")
    copies = [Tensor(tensor.data.copy(), tensor.requires_grad) for tensor in tensors]
    weights = _gradients(function, copies)
    for i in checked:
        grad = copies[i].grad
        found = np.zeros(copies[i].shape) if grad is None else as_dense(grad)
        _compare(i, found, _quotients(function, copies, i, weights, eps), atol, rtol)
    return True


def _outputs(function: Callable[..., Tensor | Sequence[Tensor]], inputs: list[Tensor]) -> list[Tensor]:
    result = function(*inputs)
    return [result] if isinstance(result, Tensor) else list(result)


def _gradients(function: Callable[..., Tensor | Sequence[Tensor]], inputs: list[Tensor]) -> list[Array]:
    """Run backward from all outputs, weighted; the weights."""
    rng = np.random.default_rng(0)
    outputs = _outputs(function, inputs)
    if not any(output.requires_grad for output in outputs):
        raise ValueError("no output depends on an input that requires a gradient")
    weights = [rng.uniform(0.5, 1.5, output.shape) for output in outputs]
    tracked = [i for i, output in enumerate(outputs) if output.requires_grad]
    for i in tracked:
        outputs[i].backward(weights[i], retain_graph=i != tracked[-1])
    return weights


def _quotients(
    function: Callable[..., Tensor | Sequence[Tensor]], inputs: list[Tensor], i: int, weights: list[Array], eps: float
) -> Array:
    """Central differences of the weighted sum of the outputs by each element of input i."""
    moved = inputs[i].data
    quotients = np.empty(moved.shape)

    def change() -> list[Array]:
        return [output.data.astype(np.float64) for output in _outputs(function, inputs)]

    with no_grad():
        for element in np.ndindex(moved.shape):
            value = moved[element]
            moved[element] = value + eps
            above = change()
            moved[element] = value - eps
            below = change()
            moved[element] = value
            differences = (np.sum(w * (a - b)) for w, a, b in zip(weights, above, below, strict=True))
            quotients[element] = sum(differences) / (2 * eps)
    return quotients


def _compare(i: int, found: Array, expected: Array, atol: float, rtol: float) -> None:
    right = np.abs(found - expected) <= atol + rtol * np.abs(expected)
    if right.all():
        return
    element = tuple(int(k) for k in np.argwhere(~right)[0])
    raise AssertionError(
        f"the gradient of input {i}, of shape {expected.shape}, is {found[element]:.8g} at {element} by backward and "
        f"{expected[element]:.8g} by central differences; {np.count_nonzero(~right)} of {right.size} elements differ"
    )
