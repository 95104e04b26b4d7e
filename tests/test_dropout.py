"""Dropout: how much it drops, seeds, shared draws, gradients."""

import numpy as np
import pytest

from lexigrad.gradcheck import gradcheck
from lexigrad.ops.dropout import dropout
from lexigrad.tensor import Tensor

GENERATORS = [np.random.PCG64, np.random.MT19937, np.random.Philox]


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_drops_the_share_p_and_keeps_the_mean(p, generator):
    x = Tensor(np.ones((300, 500), np.float32))
    out = dropout(x, p, rng=np.random.Generator(generator(1))).data
    assert out.dtype == np.float32
    assert abs((out == 0).mean() - p) < 0.005
    np.testing.assert_allclose(out[out != 0], 1 / (1 - p), 1e-6)


def test_limits():
    x = Tensor(np.ones((3, 4), np.float32), requires_grad=True)
    assert dropout(x, 0.0) is x
    assert dropout(x, 0.5, training=False) is x
    out = dropout(x, 1.0)
    out.sum().backward()
    np.testing.assert_array_equal(out.data, np.zeros((3, 4)))
    np.testing.assert_array_equal(x.grad, np.zeros((3, 4)))
    assert (dropout(x, 1e-12, rng=rng()).data == 1).all()
    for p in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="probability"):
            dropout(x, p)


def test_seeds():
    x = Tensor(np.ones(100, np.float32))
    first, second = (dropout(x, 0.5, rng=rng(1)).data for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (dropout(x, 0.5, rng=rng(2)).data != first).any()
    assert (dropout(x).data != dropout(x).data).any()


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (0, 3)])
def test_gradient(shape):
    x = Tensor(rng().standard_normal(shape), requires_grad=True)
    if x.numel():
        assert gradcheck(lambda x: dropout(x, 0.4, rng=rng(3)), x)
    out = dropout(x, 0.4, rng=rng(3))
    out.backward(np.ones(shape))
    np.testing.assert_array_equal(x.grad == 0, out.data == 0)


def test_shared_draws():
    x = Tensor(np.ones((7, 5, 40), np.float32), requires_grad=True)
    out = dropout(x, 0.5, shared_axes=[0], rng=rng())
    assert (out.data == out.data[0]).all()
    assert (out.data[:, 0] != out.data[:, 1]).any()
    out.sum().backward()
    np.testing.assert_array_equal(x.grad, out.data)
