"""Attention kernels and operations against the oracle: shapes, masks, shared keys, threads."""

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, numeric_gradient, run_at, same_bits_for_any_threads
from lexigrad import _core
from lexigrad.gradcheck import gradcheck
from lexigrad.ops.attention import additive_scores, attend, dot_attention
from lexigrad.tensor import Tensor
from oracles import attention as oracle

W = _core.width
SHAPES = [  # T, S, B, H, C
    (1, 1, 1, 1, 1),
    (1, 5, 2, W, 4 * W),
    (1, 50, 4, 64, 64),
    (2, 3, 2, W - 1, W + 1),
    (5, 4, 3, 2 * W + 1, 3),
    (6, 13, 2, 33, 17),
    (4, 9, 1, 4 * W + 3, 4 * W + 3),
]


def inputs_of(shape, masked=True):
    T, S, B, H, C = shape
    rng = np.random.default_rng(sum(shape))
    arrays = [rng.standard_normal(s).astype(np.float32) for s in ((T, B, H), (S, B, H), (S, B, C))]
    mask = rng.random((B, S)) > 0.4 if masked else np.ones((B, S), bool)
    mask[0, 0] = True
    gradients = [rng.standard_normal(s).astype(np.float32) for s in ((T, B, C), (B, T, S))]
    return arrays, mask, gradients


def double(*arrays):
    return [np.asarray(array, np.float64) for array in arrays]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("masked", [True, False])
def test_dot_kernels_agree_with_the_oracle(shape, masked):
    (query, keys, values), mask, (dcontext, dweights) = inputs_of(shape, masked)
    given = mask if masked else None
    context, weights = _core.attention_forward(query, keys, values, given)
    q, k, v, dc, dw = double(query, keys, values, dcontext, dweights)
    expected, exact = oracle.attend_forward(oracle.dot_scores(q, k), v, mask)
    np.testing.assert_allclose(weights, exact, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(context, expected, rtol=1e-5, atol=1e-5)
    assert not weights[np.broadcast_to(~mask[:, None], weights.shape)].any()
    found = _core.attention_backward(dcontext, dweights, weights, query, keys, values, given, False)
    dscores, dvalues = oracle.attend_backward(dc, dw, exact, v)
    for a, b in zip(found, (dscores, *oracle.dot_backward(dscores, q, k), dvalues), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_kernels_from_scores_agree_with_the_oracle(shape):
    (query, keys, values), mask, (dcontext, dweights) = inputs_of(shape)
    direction = query[0, 0].copy()
    scores = _core.additive_scores_forward(query, keys, direction)
    q, k, v, d, dc, dw = double(query, keys, values, direction, dcontext, dweights)
    exact = oracle.additive_scores_forward(q, k, d)
    np.testing.assert_allclose(scores, exact, rtol=1e-5, atol=1e-5)
    context, weights = _core.attend_forward(scores, values, mask)
    expected, exact_weights = oracle.attend_forward(exact, v, mask)
    np.testing.assert_allclose(weights, exact_weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(context, expected, rtol=1e-4, atol=1e-4)
    dscores, _, _, dvalues = _core.attention_backward(dcontext, dweights, weights, None, None, values, mask, False)
    for a, b in zip((dscores, dvalues), oracle.attend_backward(dc, dw, exact_weights, v), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    found = _core.additive_scores_backward(dweights, query, keys, direction)
    for a, b in zip(found, oracle.additive_scores_backward(dw, q, k, d), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_oracle_gradients_are_numerically_right():
    (query, keys, values), mask, (dcontext, dweights) = inputs_of((2, 4, 3, 3, 2))
    q, k, v, dc, dw = double(query, keys, values, dcontext, dweights)

    def objective(scores, v):
        context, weights = oracle.attend_forward(scores, v, mask)
        return (context * dc).sum() + (weights * dw).sum()

    weights = oracle.attend_forward(oracle.dot_scores(q, k), v, mask)[1]
    dscores, dvalues = oracle.attend_backward(dc, dw, weights, v)
    dquery, dkeys = oracle.dot_backward(dscores, q, k)
    for found, function, x in (
        (dquery, lambda z: objective(oracle.dot_scores(z, k), v), q),
        (dkeys, lambda z: objective(oracle.dot_scores(q, z), v), k),
        (dvalues, lambda z: objective(oracle.dot_scores(q, k), z), v),
    ):
        np.testing.assert_allclose(found, numeric_gradient(function, x), atol=1e-7)
    direction = q[0, 0]
    found = oracle.additive_scores_backward(dw, q, k, direction)
    for place, x in enumerate((q, k, direction)):

        def function(z, place=place):
            arguments = [q, k, direction]
            arguments[place] = z
            return (oracle.additive_scores_forward(*arguments) * dw).sum()

        np.testing.assert_allclose(found[place], numeric_gradient(function, x), atol=1e-7)


@pytest.mark.parametrize("steps", [True, False])
def test_keys_that_are_the_values(steps):
    (query, keys, _), mask, (dcontext, dweights) = inputs_of((3, 7, 2, 12, 12))
    if not steps:
        query, dcontext, dweights = query[0], dcontext[0], dweights[:, 0]
    q, k = Tensor(query, requires_grad=True), Tensor(keys, requires_grad=True)
    context, weights = dot_attention(q, k, mask=mask)
    assert context.shape == dcontext.shape
    assert weights.shape == dweights.shape
    apart = [Tensor(array, requires_grad=True) for array in (query, keys, keys.copy())]
    outputs = dot_attention(*apart, mask=mask)
    backward_of((context, weights), (dcontext, dweights))
    backward_of(outputs, (dcontext, dweights))
    np.testing.assert_array_equal(context.data, outputs[0].data)
    np.testing.assert_allclose(q.grad, apart[0].grad, rtol=1e-6)
    np.testing.assert_allclose(k.grad, apart[1].grad + apart[2].grad, rtol=1e-5, atol=1e-6)


def backward_of(outputs, gradients):
    """Backward from several outputs at once."""
    context, weights = outputs
    context.backward(gradients[0], retain_graph=True)
    weights.backward(gradients[1])


@pytest.mark.parametrize("steps", [True, False])
def test_additive_scores_and_attend(steps):
    (query, keys, values), mask, (dcontext, dweights) = inputs_of((3, 7, 2, 12, 5))
    v = query[0, 0].copy()
    if not steps:
        query, dcontext, dweights = query[0], dcontext[0], dweights[:, 0]
    tensors = [Tensor(array, requires_grad=True) for array in (query, keys, v, values)]
    scores = additive_scores(*tensors[:3])
    context, weights = attend(scores, tensors[3], mask)
    assert scores.shape == weights.shape == dweights.shape
    backward_of((context, weights), (dcontext, dweights))
    q, k, d, val, dc, dw = double(query, keys, v, values, dcontext, dweights)
    if not steps:
        q, dc, dw = q[None], dc[None], dw[:, None]
    exact = oracle.attend_forward(oracle.additive_scores_forward(q, k, d), val, mask)[1]
    dscores, dvalues = oracle.attend_backward(dc, dw, exact, val)
    expected = (*oracle.additive_scores_backward(dscores, q, k, d), dvalues)
    for tensor, gradient in zip(tensors, expected, strict=True):
        np.testing.assert_allclose(tensor.grad, gradient.reshape(tensor.shape), rtol=1e-4, atol=1e-5)


def test_padding_may_hold_anything_and_a_row_without_positions_is_zero():
    (query, keys, values), _, (dcontext, dweights) = inputs_of((2, 6, 3, 8, 8))
    mask = np.arange(6) < np.array([[4], [0], [6]])
    clean = _core.attention_forward(query, keys, values, mask)
    keys[4:, 0] = np.nan
    values[4:, 0] = np.inf
    keys[:, 1] = np.nan
    context, weights = _core.attention_forward(query, keys, values, mask)
    np.testing.assert_array_equal(context, clean[0])
    assert not context[:, 1].any()
    assert not weights[1].any()
    for gradient in _core.attention_backward(dcontext, dweights, weights, query, keys, values, mask, False):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_values_spoil_their_row_and_no_other(value):
    (query, keys, values), _, _ = inputs_of((2, 6, 3, 8, 8))
    keys[2, 1, 3] = value
    context, weights = _core.attention_forward(query, keys, values, None)
    assert np.isnan(weights[1]).any()
    assert np.isfinite(context[:, [0, 2]]).all()


@pytest.mark.parametrize("shape", [(0, 3, 2, 4, 4), (2, 0, 3, 4, 4), (2, 3, 0, 4, 4)])
def test_empty(shape):
    T, S, B, H, C = shape
    query, keys, values = (np.ones(s, np.float32) for s in ((T, B, H), (S, B, H), (S, B, C)))
    context, weights = _core.attention_forward(query, keys, values, None)
    assert context.shape == (T, B, C)
    assert not context.any()
    assert weights.shape == (B, T, S)


def test_same_bits_for_any_number_of_threads():
    (query, keys, values), mask, (dcontext, dweights) = inputs_of((6, 40, 9, 96, 80))
    direction = query[0, 0].copy()

    def compute():
        context, weights = _core.attention_forward(query, keys, values, mask)
        gradients = _core.attention_backward(dcontext, dweights, weights, query, keys, values, mask, False)
        scores = _core.additive_scores_forward(query, keys, direction)
        return context, weights, *gradients, scores, *_core.additive_scores_backward(dweights, query, keys, direction)

    same_bits_for_any_threads(compute)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_float64_is_the_same_attention(masked, single):
    """The composed path: gradients by central differences, values and gradients beside the kernels'."""
    (query, keys, values), mask, (dcontext, dweights) = inputs_of((2, 4, 3, 3, 2))
    mask[2] = False
    mask = mask if masked else None
    if single:
        query, dcontext, dweights = query[0], dcontext[0], dweights[:, 0]
    direction = np.float32([0.5, -1, 2])
    for operands, attention in (
        ((query, keys, values), lambda q, k, v: dot_attention(q, k, v, mask)),
        ((query, keys[..., :3]), lambda q, k: dot_attention(q, k, None, mask)),
        ((query, keys, direction, values), lambda q, k, d, v: attend(additive_scores(q, k, d), v, mask)),
    ):
        results = []
        for dtype in (np.float32, np.float64):
            inputs = [Tensor(array.astype(dtype), requires_grad=True) for array in operands]
            context, weights = attention(*inputs)
            (context.sum() + (weights * dweights).sum()).backward()
            results.append([context.data, weights.data, *(tensor.grad for tensor in inputs)])
            assert {array.dtype for array in results[-1]} == {np.dtype(dtype)}
        for narrow, wide in zip(*results, strict=True):
            np.testing.assert_allclose(narrow, wide, 1e-4, 1e-5)
        assert gradcheck(attention, inputs)
        plain = attention(*operands)  # arrays will do
        np.testing.assert_array_equal(plain[0].data, results[0][0])
    if masked:
        assert not results[1][1][2].any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"query": np.zeros((2, 3, 5), np.float32)}, ValueError, "keys must have shape"),
        ({"query": np.zeros((2, 2, 4), np.float32)}, ValueError, "query must have shape"),
        ({"query": np.zeros(4, np.float32)}, ValueError, "query must have 3 dimensions"),
        ({"keys": np.zeros((5, 3, 4))}, TypeError, "keys must be float32"),
        ({"values": np.zeros((4, 3, 4), np.float32)}, ValueError, "keys must have shape"),
        ({"mask": np.ones((3, 4), bool)}, ValueError, r"mask must have shape \(3, 5\)"),
        ({"mask": np.ones((3, 5))}, TypeError, "mask must be booleans"),
    ],
)
def test_wrong_arguments(change, error, message):
    given = {"query": np.zeros((2, 3, 4), np.float32), "keys": np.zeros((5, 3, 4), np.float32)}
    given |= {"values": np.zeros((5, 3, 6), np.float32), "mask": np.ones((3, 5), bool)} | change
    with pytest.raises(error, match=message):
        dot_attention(*(Tensor(given[name]) for name in ("query", "keys", "values")), given["mask"])


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "agree or padding or special or same_bits")
