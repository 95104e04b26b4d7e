"""Matrix products."""

import numpy as np
import pytest
from tensors import check, torch

import lexigrad as lg
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


@pytest.mark.parametrize("rows", [1, 4, 9, 50, 200])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (33, 5), (20, 130)])
@pytest.mark.parametrize("bias", [True, False])
def test_fused_linear_against_float64(rows, inputs, outputs, bias):
    rng = np.random.default_rng(rows)
    shapes = [(2, rows, inputs), (outputs, inputs), *[(outputs,)] * bias]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    upstream = rng.standard_normal((2, rows, outputs))
    results = {}
    for dtype in (np.float64, np.float32):
        tensors = [Tensor(array.astype(dtype), requires_grad=True) for array in arrays]
        y = linear(*tensors)
        y.backward(upstream.astype(dtype))
        results[dtype] = [y.data, *(tensor.grad for tensor in tensors)]
    for exact, fused in zip(results[np.float64], results[np.float32], strict=True):
        assert fused.dtype == np.float32
        np.testing.assert_allclose(fused, exact, 1e-4, 1e-5 * np.abs(exact).max())


def test_fused_linear_has_the_same_bits_from_any_number_of_threads():
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.standard_normal(shape, np.float32) for shape in ((300, 64), (200, 64), (200,)))
    before, seen = lg.num_threads(), []
    for threads in (1, 2, 3):
        lg.set_num_threads(threads)
        tensors = [Tensor(array, requires_grad=True) for array in (x, weight, bias)]
        y = linear(*tensors)
        y.backward(np.ones_like(y.data))
        seen.append([array.tobytes() for array in (y.data, *(tensor.grad for tensor in tensors))])
    lg.set_num_threads(before)
    assert seen[0] == seen[1] == seen[2]


def test_fused_linear_without_some_gradients():
    x, weight, bias = (np.ones(shape, np.float32) for shape in ((5, 3), (4, 3), (4,)))
    for wanted in ((True, False, False), (False, True, False), (False, False, True)):
        tensors = [Tensor(array, requires_grad=want) for array, want in zip((x, weight, bias), wanted, strict=True)]
        linear(*tensors).sum().backward()
        assert [tensor.grad is not None for tensor in tensors] == list(wanted)
    strided = Tensor(np.ones((3, 5), np.float32).T, requires_grad=True)
    linear(strided, np.ones((3, 4), np.float32).T).sum().backward()
    np.testing.assert_array_equal(strided.grad, np.full((5, 3), 4))
    empty = Tensor(np.ones((0, 3), np.float32), requires_grad=True)
    linear(empty, weight, bias).sum().backward()
    assert empty.grad.shape == (0, 3)
