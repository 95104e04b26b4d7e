"""The check of gradients itself: it must find what is wrong and say where."""

import numpy as np
import pytest

from lexigrad.gradcheck import gradcheck
from lexigrad.ops.elementwise import tanh
from lexigrad.tensor import Tensor, record


def leaf(*shape):
    return Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)


def square(x, factor):
    values = x.data

    def backward(g):
        return (g * factor * values,)

    return record(values**2, (x,), backward)


def test_right():
    x, y = leaf(3, 2), leaf(2)
    before = x.data.copy()
    assert gradcheck(lambda x, y: tanh(x) * y, (x, y))
    assert gradcheck(lambda x, y: [x * 2, x * y, y], (x, y))
    assert gradcheck(lambda x: square(x, 2), x)
    assert gradcheck(lambda x, y: x * y, (x, y.detach()))
    assert x.grad is None
    np.testing.assert_array_equal(x.data, before)


def test_wrong_everywhere():
    message = r"gradient of input 0, of shape \(2, 3\), is [-\d.]+ at \(0, 0\) by backward and [-\d.]+ .*; 6 of 6"
    with pytest.raises(AssertionError, match=message):
        gradcheck(lambda x: square(x, 2.1), leaf(2, 3))


def test_wrong_in_one_place():
    factor = np.full((2, 3), 2.0)
    factor[1, 2] = 3
    with pytest.raises(AssertionError, match=r"at \(1, 2\).*; 1 of 6"):
        gradcheck(lambda x: square(x, factor), leaf(2, 3))


def test_forgotten_path():
    with pytest.raises(AssertionError, match="input 1"):
        gradcheck(lambda x, y: x * 2 + y.detach(), (leaf(3), leaf(3)))


def test_errors():
    with pytest.raises(ValueError, match="requires_grad=True"):
        gradcheck(lambda x: x, Tensor(np.ones(2)))
    with pytest.raises(TypeError, match="input 0 must be float64, not float32"):
        gradcheck(lambda x: x, Tensor(np.ones(2, np.float32), requires_grad=True))
    with pytest.raises(ValueError, match="no output depends"):
        gradcheck(lambda x: x.detach(), leaf(2))
