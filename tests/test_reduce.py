"""Reductions."""

import numpy as np
import pytest
from tensors import check, torch

from lexigrad.ops import reduce as ops
from lexigrad.tensor import Tensor

AXES = [None, 0, -1, (0, 2), [1], (0, 1, 2)]
REDUCTIONS = {
    "sum": lambda x, axis, keep: torch.sum(x, dim=axis, keepdim=keep),
    "mean": lambda x, axis, keep: torch.mean(x, dim=axis, keepdim=keep),
    "amax": lambda x, axis, keep: torch.amax(x, axis, keep),
    "amin": lambda x, axis, keep: torch.amin(x, axis, keep),
    "logsumexp": lambda x, axis, keep: torch.logsumexp(x, axis, keep),
    "var": lambda x, axis, keep: torch.var(x, dim=axis, keepdim=keep),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
def test_reductions(name, axis, keepdims):
    function, theirs = getattr(ops, name), REDUCTIONS[name]
    every = (0, 1, 2) if axis is None else axis
    x = np.random.default_rng(0).standard_normal((3, 4, 5))
    check(lambda x: function(x, dim=axis, keepdim=keepdims), [x], lambda x: theirs(x, every, keepdims))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "amax", "amin", "logsumexp"])
def test_one_element(name):
    function = getattr(ops, name)
    check(function, [np.array(2.5)])
    check(function, [np.array([2.5])])


def test_nothing():
    assert ops.sum(Tensor(np.zeros((0, 3), np.float32))).item() == 0
    assert np.isnan(ops.mean(Tensor(np.zeros((0, 3), np.float32))).item())
    assert ops.amax(Tensor(np.zeros((0, 3), np.float32)), axis=1).shape == (0,)
    assert ops.max(Tensor(np.zeros((0, 3), np.float32)), 1).indices.shape == (0,)
    for function in (ops.max, ops.min, ops.amax, ops.amin, ops.logsumexp, ops.argmax, ops.argmin):
        with pytest.raises(ValueError, match="at least one element"):
            function(Tensor(np.zeros((0, 3), np.float32)), axis=0)


def test_ties_share_the_gradient():
    x = Tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]], requires_grad=True)
    x.amax(1).sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 0.5, 0.5], [1, 0, 0]])


@pytest.mark.filterwarnings("ignore:invalid value")  # an infinite value has no gradient
def test_logsumexp_of_extreme_values():
    inf = np.inf
    x = Tensor([[1000.0, 1000.0], [-inf, 0.0], [-inf, -inf], [inf, 0.0]], requires_grad=True)
    out = ops.logsumexp(x, axis=1)
    np.testing.assert_allclose(out.data, [1000 + np.log(2), 0, -inf, inf], 1e-6)
    out[:3].sum().backward()
    np.testing.assert_allclose(x.grad[:3], [[0.5, 0.5], [0, 1], [0, 0]])
    assert np.isnan(ops.logsumexp(Tensor([np.nan, 1.0])).item())


def test_integers():
    x = Tensor([[1, 2], [3, 4]])
    assert x.sum().dtype == np.int64
    assert Tensor([True, True]).sum().item() == 2
    assert x.mean().dtype == np.float32
    assert x.max().item() == 4
    assert x.argmax().item() == 3
    assert x.argmax(axis=0).tolist() == [1, 1]
    assert x.argmax(axis=1, keepdims=True).shape == (2, 1)


def test_var_correction():
    x = np.random.default_rng(0).standard_normal((3, 4))
    check(lambda x: ops.var(x, 1, correction=0), [x], lambda x: torch.var(x, 1, correction=0))
    with pytest.raises(ValueError, match="more elements"):
        ops.var(Tensor([[1.0]]), axis=1)


@pytest.mark.parametrize("axis", [3, -4, (0, 3), (0, 0), (1, -2)])
def test_wrong_axes(axis):
    for function in (ops.sum, ops.mean, ops.amax, ops.logsumexp):
        with pytest.raises(ValueError, match=r"dim (must be|names)"):
            function(Tensor(np.ones((2, 3, 4))), axis=axis)


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_extremes_along_an_axis_come_with_their_indices(name, dim, keepdim):
    x = np.random.default_rng(0).permutation(60).reshape(3, 4, 5).astype(float)
    function = getattr(ops, name)
    theirs = (lambda x: getattr(torch, name)(x, dim, keepdim).values) if torch else None
    check(lambda x: function(x, dim, keepdim).values, [x], theirs)
    values, indices = getattr(Tensor(x), name)(dim=dim, keepdim=keepdim)
    np.testing.assert_array_equal(values.data, getattr(np, name)(x, dim, keepdims=keepdim))
    np.testing.assert_array_equal(indices.data, getattr(np, f"arg{name}")(x, dim, keepdims=keepdim))
    tied = Tensor([[2.0, 2.0]], requires_grad=True)
    getattr(tied, name)(1).values.sum().backward()
    np.testing.assert_array_equal(tied.grad, [[1, 0]])


def test_numpys_names_will_do():
    x = Tensor(np.arange(12.0).reshape(3, 4))
    for name in ("sum", "mean", "amax", "amin", "var", "logsumexp", "argmax", "argmin"):
        function = getattr(x, name)
        np.testing.assert_array_equal(function(axis=0, keepdims=True).data, function(dim=0, keepdim=True).data)
        np.testing.assert_array_equal(function(axis=0, keepdims=True).data, function(0, keepdim=True).data)
    with pytest.raises(TypeError, match="dims"):
        x.sum(dims=0)
    assert x.sum(axis=0).shape == (4,)
