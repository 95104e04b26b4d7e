"""CTC against the oracle, all paths by force, and PyTorch: shapes, lengths, targets that do not fit, threads."""

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, numeric_gradient, run_at, same_bits_for_any_threads, skip_without_torch
from lexigrad import _core
from lexigrad.gradcheck import gradcheck
from lexigrad.ops.ctc import ctc_loss
from lexigrad.ops.softmax import log_softmax
from lexigrad.tensor import Tensor
from oracles import ctc as oracle
from oracles import softmax

CASES = [
    (1, 1, 2, 1),
    (1, 1, 2, 0),
    (5, 3, 4, 2),
    (9, 2, 3, 4),
    (30, 4, 30, 10),
    (40, 3, 5, 7),
    (60, 2, 12, 29),
    (70, 2, 9, 33),
]


def batch_of(rng, T, B, V, L):
    x = (2 * rng.standard_normal((T, B, V))).astype(np.float32)
    lengths, frames = rng.integers(0, L + 1, B), rng.integers(max(1, T // 2), T + 1, B)
    lengths[0], frames[-1] = L, T
    targets = [rng.integers(1, V, length) for length in lengths]
    return x, targets, frames


def kernel(x, targets, frames, blank=0, normalise=True, with_gradient=True):
    flat = np.concatenate([np.zeros(0, np.int64), *targets]).astype(np.int64)
    offsets = np.cumsum([0, *map(len, targets)]).astype(np.int64)
    return _core.ctc(x, flat, offsets, np.asarray(frames, np.int64), blank, normalise, with_gradient)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("normalise", [True, False])
def test_kernel_agrees_with_the_oracle(case, normalise):
    rng = np.random.default_rng(sum(case))
    x, targets, frames = batch_of(rng, *case)
    if not normalise:
        x = softmax.log_softmax_forward(x.reshape(-1, case[2]).astype(np.float64)).reshape(x.shape).astype(np.float32)
    losses, gradient = kernel(x, targets, frames, normalise=normalise)
    for b, target in enumerate(targets):
        values = x[: frames[b], b].astype(np.float64)
        log_probs = softmax.log_softmax_forward(values) if normalise else values
        loss, expected = oracle.ctc(log_probs, target)
        if normalise and loss < np.inf:
            expected = expected + np.exp(log_probs)
        np.testing.assert_allclose(losses[b], loss, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(gradient[: frames[b], b], expected, rtol=1e-4, atol=2e-5)
        assert not gradient[frames[b] :, b].any()
    assert kernel(x, targets, frames, normalise=normalise, with_gradient=False)[1] is None


def test_oracle_adds_up_all_paths_and_its_gradient_is_numerically_right():
    rng = np.random.default_rng(1)
    log_probs = softmax.log_softmax_forward(rng.standard_normal((5, 3)))
    for target in ([], [1], [1, 2], [1, 1], [2, 2, 1], [1, 1, 1]):
        loss, gradient = oracle.ctc(log_probs, target)
        np.testing.assert_allclose(loss, oracle.brute_force(log_probs, target), rtol=1e-12)
        expected = numeric_gradient(lambda z, target=target: oracle.ctc(z, target)[0], log_probs)
        np.testing.assert_allclose(gradient, expected, atol=1e-7)


def test_blank_may_be_any_class():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((12, 1, 5)).astype(np.float32)
    rolled = np.roll(x, 1, axis=2)  # class k becomes k + 1, and 4 becomes 0
    a = kernel(x, [np.array([0, 1, 1])], [12], blank=4)
    b = kernel(rolled, [np.array([1, 2, 2])], [12], blank=0)
    np.testing.assert_allclose(a[0], b[0], rtol=1e-6)
    np.testing.assert_allclose(np.roll(a[1], 1, axis=2), b[1], atol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("from_logits", [True, False])
def test_agrees_with_pytorch(reduction, padded, from_logits):
    torch = skip_without_torch()
    rng = np.random.default_rng(3)
    x, targets, frames = batch_of(rng, 40, 5, 11, 12)
    lengths = [len(target) for target in targets]
    given = np.concatenate(targets)
    if padded:
        given = np.zeros((5, 14), np.int64)
        for row, target in zip(given, targets, strict=True):
            row[: len(target)] = target
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, dtype=torch.float64, requires_grad=True)
    expected = torch.nn.functional.ctc_loss(
        theirs.log_softmax(-1),
        torch.tensor(given),
        torch.tensor(frames),
        torch.tensor(lengths),
        reduction=reduction,
        zero_infinity=True,
    )
    inner = ours if from_logits else log_softmax(ours)
    loss = ctc_loss(inner, given, frames, lengths, reduction=reduction, zero_infinity=True, from_logits=from_logits)
    upstream = rng.standard_normal(loss.shape)
    expected.backward(torch.tensor(upstream))
    loss.backward(upstream)
    np.testing.assert_allclose(loss.data, expected.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_one_sample_without_a_batch():
    x = np.random.default_rng(4).standard_normal((8, 5)).astype(np.float32)
    single, batch = Tensor(x, requires_grad=True), Tensor(x[:, None], requires_grad=True)
    a = ctc_loss(single, [1, 2, 2], 8, 3, from_logits=True)
    b = ctc_loss(batch, [[1, 2, 2]], [8], [3], from_logits=True)
    a.backward()
    b.backward()
    assert a.data == b.data
    np.testing.assert_array_equal(single.grad, batch.grad[:, 0])


@pytest.mark.parametrize("zero_infinity", [True, False])
def test_targets_that_do_not_fit(zero_infinity):
    """Too many labels, too few frames for the blank between equal labels, no frames, probabilities of 0."""
    x = Tensor(np.random.default_rng(5).standard_normal((3, 5, 4)).astype(np.float32), requires_grad=True)
    x.data[:, 3, 2] = -np.inf
    targets = [[1, 2, 3, 1], [1, 1, 2, 0], [1, 0, 0, 0], [2, 0, 0, 0], [1, 2, 0, 0]]
    arguments = (targets, [3, 3, 0, 3, 3], [4, 3, 1, 1, 2])
    loss = ctc_loss(x, *arguments, reduction="none", zero_infinity=zero_infinity, from_logits=True)
    assert (loss.data[:4] == (0 if zero_infinity else np.inf)).all()
    assert 0 < loss.data[4] < np.inf
    loss.backward(np.ones(5))
    assert not x.grad[:, :4].any()
    assert x.grad[:, 4].any()


def test_nothing_to_say_and_no_frames():
    x = np.random.default_rng(6).standard_normal((4, 2, 3)).astype(np.float32)
    losses, gradient = kernel(x, [np.zeros(0, int), np.zeros(0, int)], [4, 0])
    blanks = softmax.log_softmax_forward(x[:, 0].astype(np.float64))[:, 0].sum()
    np.testing.assert_allclose(losses, [-blanks, 0], rtol=1e-6)
    assert not gradient[:, 1].any()
    empty = np.zeros((0, 0, 3), np.float32)
    assert kernel(empty, [], [])[0].shape == (0,)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_values_spoil_their_sample_and_no_other(value):
    x = np.random.default_rng(7).standard_normal((6, 3, 5)).astype(np.float32)
    x[2, 1, 4] = value
    for normalise in (True, False):
        losses, gradient = kernel(x, [np.array([1, 2])] * 3, [6, 6, 6], normalise=normalise)
        assert np.isnan(losses[1])
        assert np.isnan(gradient[:, 1]).all()
        assert np.isfinite(losses[[0, 2]]).all()
        assert np.isfinite(gradient[:, [0, 2]]).all()


def test_confident_and_wrong_over_many_frames():
    """Probabilities far below the smallest float32: what only logarithms can hold."""
    rng = np.random.default_rng(8)
    x = (60 * rng.standard_normal((300, 1, 6))).astype(np.float32)
    target = rng.integers(1, 6, 40)
    losses, gradient = kernel(x, [target], [300])
    log_probs = softmax.log_softmax_forward(x[:, 0].astype(np.float64))
    loss, expected = oracle.ctc(log_probs, target)
    np.testing.assert_allclose(losses[0], loss, rtol=1e-6)
    np.testing.assert_allclose(gradient[:, 0], expected + np.exp(log_probs), atol=5e-3)


def test_same_bits_for_any_number_of_threads():
    x, targets, frames = batch_of(np.random.default_rng(9), 50, 7, 30, 15)
    same_bits_for_any_threads(lambda: kernel(x, targets, frames))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"log_probs": np.zeros((4, 2, 3), int)}, TypeError, "float32"),
        ({"log_probs": Tensor(np.zeros(3, np.float32))}, ValueError, "log_probs must have shape"),
        ({"targets": [[1, 3], [1, 1]]}, ValueError, r"targets must be in \[0, 3\) and not the blank"),
        ({"targets": [[1, 0], [1, 1]]}, ValueError, "not the blank"),
        ({"targets": [1, 1, 1]}, ValueError, r"targets must have shape \(2, L\)"),
        ({"targets": [[1.0, 2.0], [1.0, 2.0]]}, TypeError, "targets must be integers"),
        ({"input_lengths": [4, 5]}, ValueError, r"input_lengths must be in \[0, 4\]"),
        ({"input_lengths": [4, -1]}, ValueError, "input_lengths must be in"),
        ({"input_lengths": [4]}, ValueError, r"input_lengths must have shape \(2,\)"),
        ({"target_lengths": [2, 3]}, ValueError, "shorter than a target_length of 3"),
        ({"target_lengths": [2, -1]}, ValueError, "must not be negative"),
        ({"blank": 3}, ValueError, r"blank must be in \[0, 3\)"),
        ({"reduction": "median"}, ValueError, "reduction must be one of"),
    ],
)
def test_wrong_arguments(change, error, message):
    given = {
        "log_probs": Tensor(np.zeros((4, 2, 3), np.float32)),
        "targets": [[1, 2], [1, 1]],
        "input_lengths": [4, 4],
        "target_lengths": [2, 2],
    }
    ctc_loss(**given)
    with pytest.raises(error, match=message):
        ctc_loss(**(given | change))
    if change.keys() != {"log_probs"}:  # nor in float64
        with pytest.raises(error, match=message):
            ctc_loss(**(given | {"log_probs": np.zeros((4, 2, 3))} | change))


@pytest.mark.parametrize("from_logits", [True, False])
def test_float64_is_the_same_loss(from_logits):
    """The composed path: gradients by central differences, values and gradients beside the kernel's."""
    rng = np.random.default_rng(5)
    x, targets, frames = batch_of(rng, 7, 5, 4, 3)
    targets[1], frames[1] = np.array([2, 2, 2, 2]), 4  # do not fit
    targets[2] = np.zeros(0, int)
    frames[3], targets[3] = 0, np.zeros(0, int)
    arguments = (np.concatenate(targets), frames, [len(target) for target in targets])
    if not from_logits:
        x = log_softmax(x).data
    for reduction in ("none", "mean", "sum"):
        options = {"reduction": reduction, "zero_infinity": reduction != "none", "from_logits": from_logits}
        narrow, wide = Tensor(x, requires_grad=True), Tensor(x.astype(float), requires_grad=True)
        one, other = ctc_loss(narrow, *arguments, **options), ctc_loss(wide, *arguments, **options)
        assert other.dtype == np.float64
        assert one.shape == other.shape
        np.testing.assert_allclose(one.data, other.data, 1e-5)
        one.backward(np.ones(one.shape))
        other.backward(np.ones(one.shape))
        np.testing.assert_allclose(narrow.grad, wide.grad, 1e-4, 1e-5)
    options["zero_infinity"] = True
    assert gradcheck(lambda x: ctc_loss(x, *arguments, **options), wide)
    assert ctc_loss(x[:, 0], targets[0], frames[:1], [len(targets[0])]).shape == ()  # an array, one sample


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "kernel_agrees or blank or fit or nothing or special or confident or same_bits")
