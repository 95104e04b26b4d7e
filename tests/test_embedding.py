"""Rows by their indices, and the layer."""

import numpy as np
import pytest
from tensors import check, torch

from lexigrad.ops.embedding import embedding, one_hot
from lexigrad.sparse import SparseRows
from lexigrad.tensor import Tensor


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (2, 3, 2), (0,), (3, 0)])
@pytest.mark.parametrize("padding", [None, 0, -2])
def test_embedding(shape, padding):
    ids = np.random.default_rng(0).integers(0, 6, shape)
    weight = np.random.default_rng(1).standard_normal((6, 3))

    def theirs(w):
        return torch.nn.functional.embedding(torch.tensor(ids), w, padding_idx=padding)

    if padding is None:
        check(lambda w: embedding(ids, w), [weight], theirs)
    ours = Tensor(weight, requires_grad=True)
    out = embedding(Tensor(ids), ours, padding)
    out.backward(np.ones(out.shape))
    if torch is not None:
        other = torch.tensor(weight, requires_grad=True)
        theirs(other).sum().backward()
        np.testing.assert_allclose(ours.grad.dense(), other.grad.numpy())


def test_gradient_is_sparse_and_its_own():
    weight = Tensor(np.zeros((1000, 3), np.float32), requires_grad=True)
    gradient = np.ones((2, 3), np.float32)
    embedding(np.array([5, 7]), weight).backward(gradient)
    assert isinstance(weight.grad, SparseRows)
    weight.grad.rows *= 3
    np.testing.assert_array_equal(gradient, 1)
    np.testing.assert_array_equal(weight.grad.indices, [5, 7])


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_integers_of_all_kinds(dtype):
    weight = Tensor(np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(embedding(np.array([2, 0], dtype), weight).data, [[4, 5], [0, 1]])


def test_errors():
    weight = Tensor(np.zeros((6, 3)))
    with pytest.raises(ValueError, match=r"ids must be in 0 \.\. 5, not 6"):
        embedding([0, 6], weight)
    with pytest.raises(ValueError, match=r"not -1"):
        embedding([0, -1], weight)
    with pytest.raises(TypeError, match="integers, not float32"):
        embedding([0.0], weight)
    with pytest.raises(ValueError, match=r"\(V, D\)"):
        embedding([0], Tensor(np.zeros(6)))
    with pytest.raises(ValueError, match="padding_idx"):
        embedding([0], weight, 6)


def test_one_hot():
    ids = np.array([[2, 0], [1, 2]])
    out = one_hot(ids)
    np.testing.assert_array_equal(out.data, np.eye(3, dtype=int)[ids])
    assert out.dtype == np.int64
    assert one_hot(Tensor(ids), 5).shape == (2, 2, 5)
    assert one_hot(np.zeros((0,), int), 4).shape == (0, 4)
    weight = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    np.testing.assert_array_equal((out @ weight).data, embedding(ids, weight).data)
    with pytest.raises(ValueError, match=r"0 \.\. 1, not 2"):
        one_hot(ids, 2)
    with pytest.raises(ValueError, match="not -1"):
        one_hot([-1])
    with pytest.raises(ValueError, match="needs num_classes"):
        one_hot([])
    with pytest.raises(TypeError, match="integers, not float32"):
        one_hot([1.5])
