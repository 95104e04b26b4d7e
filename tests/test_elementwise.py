"""Operations on each element: gradients, broadcasting, PyTorch's values, dtypes, special values."""

import numpy as np
import pytest
from tensors import check, torch

from lexigrad.ops import elementwise as ops
from lexigrad.tensor import Tensor

F32 = np.float32
SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((2, 1, 3), (5, 1)),
    ((), (2, 3)),
    ((1,), ()),
    ((1, 1), (1,)),
    ((0, 3), (3,)),
]
BINARY = {
    "add": (ops.add, lambda a, b: a + b),
    "sub": (ops.sub, lambda a, b: a - b),
    "mul": (ops.mul, lambda a, b: a * b),
    "div": (ops.div, lambda a, b: a / b),
    "pow": (lambda a, b: ops.pow(ops.abs(a), b), lambda a, b: abs(a) ** b),
    "maximum": (ops.maximum, lambda a, b: torch.maximum(a, b)),
    "minimum": (ops.minimum, lambda a, b: torch.minimum(a, b)),
}
UNARY = {
    "neg": (ops.neg, lambda x: -x),
    "exp": (ops.exp, lambda x: x.exp()),
    "log": (lambda x: ops.log(ops.abs(x)), lambda x: abs(x).log()),
    "sqrt": (lambda x: ops.sqrt(ops.abs(x)), lambda x: abs(x).sqrt()),
    "tanh": (ops.tanh, lambda x: x.tanh()),
    "sigmoid": (ops.sigmoid, lambda x: x.sigmoid()),
    "relu": (ops.relu, lambda x: x.relu()),
    "abs": (ops.abs, lambda x: x.abs()),
    "clip": (lambda x: ops.clip(x, -0.9, 0.8), lambda x: x.clip(-0.9, 0.8)),
    "clip below": (lambda x: ops.clip(x, min=0.3), lambda x: x.clip(min=0.3)),
    "square": (lambda x: x**2, lambda x: x**2),
    "cube": (lambda x: x**3, lambda x: x**3),
    "2 ** x": (lambda x: 2**x, lambda x: 2**x),
    "1 - x": (lambda x: 1 - x, lambda x: 1 - x),
    "1 / x": (lambda x: 1.0 / x, lambda x: 1.0 / x),
}


def values(shape, seed=0):
    """Random values that stay away from 0, where some operations have no derivative."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.4, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("shapes", SHAPES)
def test_binary(name, shapes):
    ours, theirs = BINARY[name]
    check(ours, [values(shape, i) for i, shape in enumerate(shapes)], theirs)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 0)])
def test_unary(name, shape):
    ours, theirs = UNARY[name]
    check(ours, [values(shape)], theirs)


def test_where_and_limits_that_broadcast():
    chosen = np.array([[True], [False]])
    check(
        lambda a, b: ops.where(chosen, a, b),
        [values((2, 3)), values((3,))],
        lambda a, b: torch.where(torch.tensor(chosen), a, b),
    )
    low = np.array([0.1, -0.5, 0.2])
    check(lambda x: ops.clip(x, low), [values((2, 3))], lambda x: torch.clip(x, torch.tensor(low, dtype=x.dtype)))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_ties_share_the_gradient(name):
    x, y = (Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    getattr(ops, name)(x, y).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [0.5, 0.5])
    np.testing.assert_array_equal(y.grad, [0.5, 0.5])


def test_pow_at_zero():
    for exponent, slope in ((0.0, 0.0), (1.0, 1.0), (2.0, 0.0)):
        x = Tensor(0.0, requires_grad=True)
        y = Tensor(exponent, requires_grad=True)
        (x**y).backward()
        assert x.grad == slope
        assert y.grad == 0


def test_sigmoid_of_large_values():
    x = Tensor([-1000.0, -80.0, 0.0, 80.0, 1000.0])
    np.testing.assert_allclose(ops.sigmoid(x).data, [0, np.exp(-80), 0.5, 1, 1], 1e-6)
    assert np.isnan(ops.sigmoid(Tensor([np.nan])).data)


def test_nan_passes_through():
    x = Tensor([np.nan, 1.0])
    for out in (ops.relu(x), ops.maximum(x, 0.0), ops.clip(x, -1, 1), ops.abs(x), ops.tanh(x)):
        assert np.isnan(out.data[0])


DTYPES = [
    (Tensor([1.0]), 2, F32),
    (Tensor([1.0]), 2.5, F32),
    (Tensor([1.0]), np.float64(2.5), F32),
    (Tensor(1.0), np.float64(2.5), F32),
    (Tensor([1]), 2, np.int64),
    (Tensor([1]), 2.5, F32),
    (Tensor([1]), Tensor([2.5]), F32),
    (Tensor([True]), 2.5, F32),
    (Tensor([1.0]), np.array([2]), F32),
    (Tensor(np.ones(1)), 2.5, np.float64),
    (Tensor(np.ones(1)), Tensor([1.0]), np.float64),
]


@pytest.mark.parametrize(("a", "b", "dtype"), DTYPES)
def test_dtypes(a, b, dtype):
    assert (a + b).dtype == dtype
    assert (b * a).dtype == dtype


def test_division_and_functions_of_integers_give_float32():
    x = Tensor([1, 2])
    assert (x / 2).dtype == (2 / x).dtype == (x / x).dtype == ops.exp(x).dtype == ops.sigmoid(x).dtype == F32


def test_operators_of_arrays_and_lists():
    x = Tensor([1.0, 2.0], requires_grad=True)
    for out in (np.ones(2, F32) - x, [1.0, 1.0] - x, Tensor([1.0, 1.0]) - x):
        assert isinstance(out, Tensor)
        np.testing.assert_array_equal(out.data, [0, -1])
        assert out.requires_grad


def test_comparisons():
    x, y = Tensor([1.0, 2.0, 3.0]), Tensor([2.0, 2.0, 2.0])
    assert (x < y).tolist() == [True, False, False]
    assert (x <= y).tolist() == [True, True, False]
    assert (x > 2).tolist() == [False, False, True]
    assert (x >= 2).tolist() == [False, True, True]
    assert (x == y).tolist() == [False, True, False]
    assert (x != y).tolist() == [True, False, True]
    assert len({x, y}) == 2


def test_operations_without_gradients_keep_nothing():
    x, weight = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0])
    (x * weight / 2).backward(np.ones(2))
    assert weight.grad is None
    np.testing.assert_array_equal(x.grad, [1.5, 2])


def test_errors():
    with pytest.raises(ValueError, match="broadcast"):
        Tensor([1.0, 2.0]) + Tensor([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="min, max or both"):
        ops.clip(Tensor([1.0]))
    with pytest.raises(TypeError, match="real numbers"):
        Tensor([1.0]) + "text"
