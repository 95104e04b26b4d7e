"""What the tests of operations share: an operation against central differences and against PyTorch."""

import numpy as np

from lexigrad.gradcheck import gradcheck
from lexigrad.tensor import Tensor, as_dense

try:
    import torch
except ImportError:
    torch = None


def outputs_of(result):
    return [result] if not isinstance(result, tuple | list) else list(result)


def run(function, arrays, seed=1):
    """The outputs of ours as arrays, and the gradient of each input for random gradients of the outputs."""
    inputs = [Tensor(array, requires_grad=True) for array in arrays]
    outputs = outputs_of(function(*inputs))
    rng = np.random.default_rng(seed)
    for output in outputs:
        output.backward(rng.standard_normal(output.shape), retain_graph=output is not outputs[-1])
    return [output.data for output in outputs], [x.grad if x.grad is None else as_dense(x.grad) for x in inputs]


def run_torch(function, arrays, seed=1):
    """The same with PyTorch."""
    inputs = [torch.tensor(array, requires_grad=True) for array in arrays]
    outputs = outputs_of(function(*inputs))
    rng = np.random.default_rng(seed)
    gradients = [torch.tensor(rng.standard_normal(output.shape)).to(output.dtype) for output in outputs]
    torch.autograd.backward(outputs, gradients)
    return [output.detach().numpy() for output in outputs], [
        x.grad if x.grad is None else x.grad.numpy() for x in inputs
    ]


def check(ours, arrays, theirs=None):
    """Gradients of ours by central differences; values and gradients against PyTorch's; float32 stays float32; an
    input that is not contiguous gives the same."""
    arrays = [np.asarray(array, np.float64) for array in arrays]
    if all(array.size for array in arrays):
        assert gradcheck(ours, [Tensor(array, requires_grad=True) for array in arrays])
    expected = run(ours, arrays) if torch is None or theirs is None else run_torch(theirs, arrays)
    for strided in (False, True):
        for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 2e-5)):
            given = [spread(array.astype(dtype)) if strided else array.astype(dtype) for array in arrays]
            found = run(ours, given)
            for ours_are, theirs_are in zip(found, expected, strict=True):
                for value, wanted in zip(ours_are, theirs_are, strict=True):
                    assert value.dtype == dtype
                    assert value.shape == wanted.shape
                    np.testing.assert_allclose(value, wanted, tolerance, tolerance * 5)


def spread(array):
    """The same values, every other element of a larger array in Fortran order."""
    if not array.ndim:
        return array
    wide = np.zeros([2 * size for size in array.shape], array.dtype, order="F")
    wide[tuple([slice(None, None, 2)] * array.ndim)] = array
    return wide[tuple([slice(None, None, 2)] * array.ndim)]
