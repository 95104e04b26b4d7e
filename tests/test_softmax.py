"""Softmax, log-softmax and cross-entropy against the oracle and PyTorch: sizes, options, special values, threads."""

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, numeric_gradient, run_at, same_bits_for_any_threads, skip_without_torch
from lexigrad import _core
from lexigrad.ops.softmax import cross_entropy, log_softmax, softmax
from lexigrad.tensor import Tensor, no_grad
from oracles import softmax as oracle

W = _core.width
SIZES = sorted({1, 2, 3, W - 1, W, W + 1, 4 * W - 1, 4 * W, 4 * W + 1, 33, 300, 2047, 2048, 2049, 5000})


def logits_of(rng, rows, size, scale=4):
    return (scale * rng.standard_normal((rows, size))).astype(np.float32)


def targets_of(rng, rows, size):
    targets = rng.integers(0, size, rows)
    targets[rows // 2] = -100
    return targets


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_kernels_agree_with_the_oracle(name, size):
    rng = np.random.default_rng(size)
    x, dy = logits_of(rng, 5, size), logits_of(rng, 5, size, 1)
    y = getattr(_core, name + "_forward")(x)
    exact = getattr(oracle, name + "_forward")(x.astype(np.float64))
    # log_softmax subtracts numbers of the size of its input: near 0 what remains has their rounding.
    np.testing.assert_allclose(y, exact, rtol=2e-6, atol=5e-7 if name == "log_softmax" else 1e-9)
    dx = getattr(_core, name + "_backward")(y, dy)
    expected = getattr(oracle, name + "_backward")(exact, dy.astype(np.float64))
    np.testing.assert_allclose(dx, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_cross_entropy_agrees_with_the_oracle(size, weighted, smoothing):
    rng = np.random.default_rng(size)
    x, targets = logits_of(rng, 6, size), targets_of(rng, 6, size)
    weight = rng.uniform(0.1, 2, size).astype(np.float32) if weighted else None
    losses, total, gradient = _core.cross_entropy(x, targets, -100, weight, smoothing, False, True)
    expected = oracle.cross_entropy(x.astype(np.float64), targets, -100, weight, smoothing)
    np.testing.assert_allclose(losses, expected[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(total, expected[1], rtol=1e-6)
    np.testing.assert_allclose(gradient, expected[2], rtol=1e-5, atol=1e-6)
    assert _core.cross_entropy(x, targets, -100, weight, smoothing, False, False)[2] is None


def test_large_gradients_written_past_the_caches_are_the_same():
    rng = np.random.default_rng(1)
    x, targets = logits_of(rng, 420, 5001), targets_of(rng, 420, 5001)
    assert x.nbytes > 1 << 23
    losses, _, gradient = _core.cross_entropy(x, targets, -100, None, 0.1, False, True)
    for begin in (0, 200, 411):
        small = _core.cross_entropy(
            x[begin : begin + 9].copy(), targets[begin : begin + 9], -100, None, 0.1, False, True
        )
        np.testing.assert_array_equal(losses[begin : begin + 9], small[0])
        np.testing.assert_allclose(gradient[begin : begin + 9], small[2], rtol=1e-6, atol=1e-8)


def test_oracle_gradients_are_numerically_right():
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((3, 5)), rng.standard_normal((3, 5))
    for name in ("softmax", "log_softmax"):
        forward = getattr(oracle, name + "_forward")
        found = getattr(oracle, name + "_backward")(forward(x), dy)
        np.testing.assert_allclose(found, numeric_gradient(lambda z, f=forward: (f(z) * dy).sum(), x), atol=1e-8)
    options = ([4, -100, 0], -100, rng.uniform(0.5, 2, 5), 0.2)
    expected = numeric_gradient(lambda z: oracle.cross_entropy(z, *options)[0].sum(), x)
    np.testing.assert_allclose(oracle.cross_entropy(x, *options)[2], expected, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7,), (4, 7), (3, 7, 2), (2, 7, 3, 2)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_pytorchs(shape, reduction, smoothing, dtype):
    torch = skip_without_torch()
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape).astype(dtype)
    target = rng.integers(0, 7, shape[:1] + shape[2:] if len(shape) > 1 else ())
    if target.size > 1:
        target.reshape(-1)[1] = 3
    weight = rng.uniform(0.5, 2, 7).astype(dtype)
    theirs, ours = torch.tensor(x, requires_grad=True), Tensor(x, requires_grad=True)
    options = {"ignore_index": 3, "reduction": reduction, "label_smoothing": smoothing}
    expected = torch.nn.functional.cross_entropy(theirs, torch.tensor(target), torch.tensor(weight), **options)
    loss = cross_entropy(ours, target, weight, **options)
    upstream = rng.standard_normal(loss.shape).astype(dtype)
    expected.backward(torch.tensor(upstream))
    loss.backward(upstream)
    assert loss.dtype == dtype
    assert loss.shape == tuple(expected.shape)
    np.testing.assert_allclose(loss.data, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize(("shape", "dim"), [((4,), 0), ((3, 5), 0), ((3, 5), -1), ((2, 3, 4), 1), ((0, 3), 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_axis(function, shape, dim, dtype):
    torch = skip_without_torch()
    rng = np.random.default_rng(4)
    x, dy = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape).astype(dtype)
    ours, theirs = Tensor(np.asfortranarray(x), requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = function(ours, dim), getattr(torch, function.__name__)(theirs, dim)
    y.backward(dy)
    expected.backward(torch.tensor(dy))
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_values_spoil_their_row_and_no_other(value):
    x = logits_of(np.random.default_rng(5), 3, 50)
    x[1, 17] = value
    losses, _, gradient = _core.cross_entropy(x, np.array([1, 2, 3]), -100, None, 0.0, False, True)
    for result in (losses, gradient, _core.softmax_forward(x), _core.log_softmax_forward(x)):
        assert np.isnan(result[1]).all()
        assert np.isfinite(result[[0, 2]]).all()


def test_minus_infinity_is_probability_zero():
    x = np.zeros((2, 9), np.float32)
    x[0, 1:] = -np.inf
    x[1] = -np.inf
    y = _core.softmax_forward(x)
    assert y[0].tolist() == [1] + [0] * 8
    assert np.isnan(y[1]).all()
    losses, _, gradient = _core.cross_entropy(x[:1], np.array([0]), -100, None, 0.0, False, True)
    assert losses[0] == 0
    assert not gradient.any()
    assert _core.cross_entropy(x[:1], np.array([4]), -100, None, 0.0, False, False)[0][0] == np.inf
    assert _core.softmax_forward(np.array([[0, -100, 1e4]], np.float32)).tolist() == [[0, 0, 1]]


def test_extreme_logits_are_exact():
    x = np.array([[1e30, 1e30, -1e30], [1e4, 1e4 - 1, 0]], np.float32)
    losses = _core.cross_entropy(x, np.array([0, 1]), -100, None, 0.0, False, False)[0]
    np.testing.assert_allclose(losses, [np.log(2), 1 + np.log1p(np.exp(-1))], rtol=1e-6)


def test_large_outputs_are_apart_and_their_memory_is_used_again():
    x = np.zeros((300, 2000), np.float32)
    first, second = _core.softmax_forward(x), _core.softmax_forward(x)
    assert not np.shares_memory(first, second)
    assert first.ctypes.data % 64 == 0
    first[:] = 7
    view, place = first[5:], second.ctypes.data
    del second
    third = _core.softmax_forward(x)
    assert third.ctypes.data == place
    assert (view == 7).all()
    many = [_core.softmax_forward(x) for _ in range(20)]
    del many
    np.testing.assert_array_equal(_core.softmax_forward(x), third)


def test_nothing_to_average():
    x = Tensor(np.zeros((2, 3)), requires_grad=True, dtype=np.float32)
    loss = cross_entropy(x, np.array([-100, -100]))
    assert np.isnan(loss.data)
    loss.backward()
    assert not x.grad.any()
    assert np.isnan(cross_entropy(Tensor(np.zeros((0, 3), np.float32)), np.zeros(0, int)).data)
    assert cross_entropy(Tensor(np.zeros((0, 3), np.float32)), np.zeros(0, int), reduction="sum").data == 0


def test_backward_can_be_repeated_and_no_grad_makes_no_gradient():
    rng = np.random.default_rng(6)
    x = Tensor(logits_of(rng, 4, 6), requires_grad=True)
    loss = cross_entropy(x, np.arange(4))
    loss.backward(2.0, retain_graph=True)
    first = x.grad.copy()
    loss.backward()
    np.testing.assert_allclose(x.grad, 1.5 * first, rtol=1e-6)
    with no_grad():
        assert not cross_entropy(x, np.arange(4)).requires_grad


def test_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(7)
    x, targets, dy = logits_of(rng, 200, 3001), targets_of(rng, 200, 3001), logits_of(rng, 200, 3001)

    def compute():
        y, z = _core.softmax_forward(x), _core.log_softmax_forward(x)
        losses, _, gradient = _core.cross_entropy(x, targets, -100, None, 0.1, True, True)
        return y, z, _core.softmax_backward(y, dy), _core.log_softmax_backward(z, dy), losses, gradient

    same_bits_for_any_threads(compute)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": [0, 3]}, ValueError, r"targets must be in \[0, 3\) or -100"),
        ({"target": [0, -1]}, ValueError, "targets must be in"),
        ({"target": [0]}, ValueError, r"target must have shape \(2,\)"),
        ({"target": [0.0, 1.0]}, TypeError, "integers"),
        ({"weight": [1.0, 2.0]}, ValueError, "weight must have shape"),
        ({"reduction": "median"}, ValueError, "reduction must be one of"),
        ({"label_smoothing": 1.5}, ValueError, "label_smoothing must be between"),
        ({"label_smoothing": np.nan}, ValueError, "label_smoothing must be between"),
        ({"input": Tensor(1.0)}, ValueError, "input must be floats of shape"),
        ({"input": Tensor(np.zeros((2, 3), int))}, ValueError, "input must be floats"),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_wrong_arguments(arguments, error, message, dtype):
    given = {"input": Tensor(np.zeros((2, 3), dtype)), "target": [0, 2]}
    cross_entropy(**given)
    with pytest.raises(error, match=message):
        cross_entropy(**(given | arguments))


def test_wrong_axis():
    with pytest.raises(ValueError, match="dim must be an axis"):
        softmax(Tensor(np.zeros((2, 3), np.float32)), 2)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "agree or special or minus or extreme or same_bits or large")
