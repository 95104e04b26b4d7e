"""Matrix products."""

import numpy as np
import pytest
from tensors import check, torch

from lexigrad.ops.matmul import linear, matmul
from lexigrad.tensor import Tensor

SHAPES = [
    ((3, 4), (4, 5)),
    ((4,), (4,)),
    ((4,), (4, 5)),
    ((3, 4), (4,)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (4,)),
    ((4,), (2, 4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((6, 1, 3, 4), (2, 4, 1)),
    ((3, 4), (2, 4, 5)),
    ((1, 1), (1, 1)),
    ((0, 4), (4, 5)),
    ((3, 0), (0, 5)),
    ((2, 0, 4), (4, 5)),
    ((2, 3, 4), (4, 0)),
]


@pytest.mark.parametrize("shapes", SHAPES)
def test_matmul(shapes):
    rng = np.random.default_rng(0)
    check(matmul, [rng.standard_normal(shape) for shape in shapes], lambda a, b: a @ b)


@pytest.mark.parametrize("lead", [(), (1,), (3,), (2, 3), (2, 0), (2, 3, 2)])
def test_linear(lead):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in ((*lead, 4), (5, 4), (5,))]
    check(linear, arrays, lambda x, w, b: torch.nn.functional.linear(x, w, b))
    check(linear, arrays[:2], lambda x, w: torch.nn.functional.linear(x, w))


def test_operator():
    a, b = np.ones((2, 3), np.float32), Tensor(np.ones((3, 2), np.float32), requires_grad=True)
    np.testing.assert_array_equal((a @ b).data, np.full((2, 2), 3))
    np.testing.assert_array_equal((b @ a).data, np.full((3, 3), 2))
    (a @ b).sum().backward()
    np.testing.assert_array_equal(b.grad, np.full((3, 2), 2))


@pytest.mark.parametrize("shapes", [((3, 4), (5, 4)), ((), (4,)), ((4,), ()), ((2, 3, 4), (5, 6))])
def test_shapes_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match="matmul needs shapes"):
        matmul(*(np.ones(shape) for shape in shapes))


def test_errors_of_linear():
    with pytest.raises(ValueError, match=r"not \(3, 4\) and \(5, 3\)"):
        linear(np.ones((3, 4)), np.ones((5, 3)))
    with pytest.raises(ValueError, match=r"bias must have shape \(5,\), not \(4,\)"):
        linear(np.ones((3, 4)), np.ones((5, 4)), np.ones(4))


def test_float32_and_float64_do_not_mix():
    narrow, wide = Tensor(np.ones((2, 2), np.float32)), np.ones((2, 2))
    for product in (lambda: narrow @ wide, lambda: matmul(wide, narrow), lambda: linear(wide, narrow)):
        with pytest.raises(TypeError, match=r"one dtype, not float(32|64) and float(32|64): convert one"):
            product()
    assert (narrow @ np.ones((2, 2), int)).dtype == np.float32
