"""The CRF against the oracle, all paths by force, PyTorch's gradients; lengths, special values, threads."""

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, numeric_gradient, run_at, same_bits_for_any_threads, skip_without_torch
from lexigrad import _core, nn, optim
from lexigrad.gradcheck import gradcheck
from lexigrad.ops.crf import crf_decode, crf_loss, crf_marginals
from lexigrad.tensor import Tensor, no_grad
from oracles import crf as oracle

CASES = [(1, 1, 1), (1, 3, 2), (2, 1, 3), (5, 4, 4), (9, 2, 7), (12, 3, 16), (20, 2, 17), (7, 3, 33), (40, 2, 50)]


def batch_of(rng, T, B, K, scale=1.5):
    scores = [scale * rng.standard_normal(shape) for shape in ((T, B, K), (K, K), (K,), (K,))]
    lengths = rng.integers(1, T + 1, B)
    lengths[0] = T
    return [array.astype(np.float32) for array in scores], rng.integers(0, K, (T, B)), lengths.astype(np.int64)


def kernel(scores, tags, lengths):
    return _core.crf(scores[0], tags, lengths, *scores[1:], True)


@pytest.mark.parametrize("case", CASES)
def test_kernel_agrees_with_the_oracle(case):
    rng = np.random.default_rng(sum(case))
    scores, tags, lengths = batch_of(rng, *case)
    losses, gradients = kernel(scores, tags, lengths)
    path, best = _core.crf_decode(scores[0], lengths, *scores[1:])
    marginals = crf_marginals(*scores, lengths)
    for b, length in enumerate(lengths):
        wide = [scores[0][:length, b].astype(float), *(array.astype(float) for array in scores[1:])]
        given = tags[:length, b]
        np.testing.assert_allclose(losses[b], oracle.loss(wide[0], given, *wide[1:]), rtol=2e-6, atol=2e-5)
        expected = oracle.gradients(wide[0], given, *wide[1:])
        for gradient, value in zip(gradients, expected, strict=True):
            found = gradient[:length, b] if gradient is gradients[0] else gradient[b]
            np.testing.assert_allclose(found, value, rtol=1e-4, atol=3e-5)
        np.testing.assert_allclose(marginals[:length, b], oracle.posteriors(*wide)[0], atol=2e-5)
        found, score = oracle.best(*wide)
        assert path[:length, b].tolist() == found
        np.testing.assert_allclose(best[b], score, rtol=1e-6, atol=1e-5)
        assert not gradients[0][length:, b].any()
        assert not marginals[length:, b].any()
        assert (path[length:, b] == -1).all()


def test_oracle_agrees_with_all_paths_and_its_gradients_are_numerically_right():
    rng = np.random.default_rng(1)
    for frames in (1, 2, 4):
        scores = [rng.standard_normal(shape) for shape in ((frames, 3), (3, 3), (3,), (3,))]
        tags = rng.integers(0, 3, frames)
        single = {path: oracle.score(scores[0], path, *scores[1:]) for path in oracle.paths(scores[0])}
        np.testing.assert_allclose(oracle.log_partition(*scores), np.logaddexp.reduce(list(single.values())))
        assert tuple(oracle.best(*scores)[0]) == max(single, key=single.get)
        for place, gradient in enumerate(oracle.gradients(scores[0], tags, *scores[1:])):

            def moved(value, place=place, scores=scores, tags=tags):
                given = [*scores[:place], value, *scores[place + 1 :]]
                return oracle.loss(given[0], tags, *given[1:])

            np.testing.assert_allclose(gradient, numeric_gradient(moved, scores[place]), atol=1e-7)


def test_float64_is_the_same_loss():
    rng = np.random.default_rng(2)
    scores, tags, lengths = batch_of(rng, 5, 3, 4)
    lengths[1] = 0
    weights = rng.standard_normal(3)
    for reduction in ("none", "mean", "sum", "token_mean"):
        single = [Tensor(array, requires_grad=True) for array in scores]
        double = [Tensor(array.astype(float), requires_grad=True) for array in scores]
        for given in (single, double):
            loss = crf_loss(given[0], tags, *given[1:], lengths, reduction)
            loss.backward(weights if reduction == "none" else None)
        for one, other in zip(single, double, strict=True):
            np.testing.assert_allclose(one.grad, other.grad, rtol=1e-4, atol=2e-5)
    assert gradcheck(lambda *given: crf_loss(given[0], tags, *given[1:], lengths, "none"), double)
    assert crf_loss(double[0][:, :0], tags[:, :0], *double[1:], reduction="none").shape == (0,)


def test_gradients_agree_with_those_of_pytorch():
    torch = skip_without_torch()
    rng = np.random.default_rng(3)
    scores, tags, _ = batch_of(rng, 8, 3, 5)
    ours = [Tensor(array, requires_grad=True) for array in scores]
    theirs = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in scores]
    emissions, transitions, start, end = theirs
    y = torch.tensor(tags)
    alpha, score = start + emissions[0], start[y[0]] + end[y[-1]]
    for t in range(8):
        score = score + emissions[t].gather(1, y[t][:, None])[:, 0]
        if t > 0:
            score = score + transitions[y[t - 1], y[t]]
            alpha = (alpha[:, :, None] + transitions).logsumexp(1) + emissions[t]
    expected = ((alpha + end).logsumexp(1) - score).mean()
    expected.backward()
    loss = crf_loss(ours[0], tags, *ours[1:])
    loss.backward()
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-5)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.grad, other.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_backward_twice():
    scores, tags, lengths = batch_of(np.random.default_rng(4), 6, 2, 3)
    emissions = Tensor(scores[0], requires_grad=True)
    loss = crf_loss(emissions, tags, *scores[1:], lengths)
    loss.backward(retain_graph=True)
    first = emissions.grad.copy()
    loss.backward()
    np.testing.assert_allclose(emissions.grad, 2 * first, rtol=1e-6)


def test_layer_learns_what_only_transitions_tell():
    """Tags alternate, and the emissions say nothing but which is first."""
    rng = np.random.default_rng(5)
    crf = nn.CRF(2, rng=1)
    first = rng.integers(0, 2, 16)
    tags = (first + np.arange(9)[:, None]) % 2
    emissions = np.zeros((9, 16, 2), np.float32)
    emissions[0, np.arange(16), first] = 5
    lengths = rng.integers(1, 10, 16)
    optimizer = optim.Adam(crf.parameters(), lr=0.2)
    for _ in range(30):
        loss = crf(emissions, tags, lengths=lengths)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.item() < 0.5
    found = crf.decode(emissions, lengths=lengths).tags
    assert all((found[:length, b] == tags[:length, b]).all() for b, length in enumerate(lengths))
    np.testing.assert_allclose(crf.marginals(emissions).sum(-1), 1, rtol=1e-5)
    assert set(crf.state_dict()) == {"transitions", "start_transitions", "end_transitions"}
    assert repr(crf) == "CRF(num_tags=2)"


def test_forbidden_transitions():
    """-infinity rules tags out: the best path keeps to the others, and a forbidden target has an infinite loss."""
    rng = np.random.default_rng(6)
    scores, _, lengths = batch_of(rng, 10, 4, 3)
    scores[1][0, 1] = scores[1][2, 2] = scores[2][2] = -np.inf
    path = crf_decode(*scores, lengths).tags
    for b, length in enumerate(lengths):
        pairs = list(zip(path[:length, b], path[1:length, b], strict=False))
        assert path[0, b] != 2
        assert (0, 1) not in pairs
        assert (2, 2) not in pairs
    tags = np.zeros((10, 4), int)
    tags[0, 1] = 2
    emissions = Tensor(scores[0], requires_grad=True)
    loss = crf_loss(emissions, tags, *scores[1:], reduction="none")
    assert np.isposinf(loss.data).tolist() == [False, True, False, False]
    loss.backward(np.ones(4))
    assert not emissions.grad[:, 1].any()
    assert np.isfinite(emissions.grad).all()
    nothing = [scores[0], np.full((3, 3), -np.inf, np.float32), *scores[2:]]
    assert np.isneginf(crf_decode(*nothing).scores).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_values_spoil_their_sample_and_no_other(value):
    scores, tags, lengths = batch_of(np.random.default_rng(7), 6, 3, 5)
    lengths[:] = 6
    scores[0][2, 1, 4] = value
    losses, gradients = kernel(scores, tags, lengths)
    assert np.isnan(losses).tolist() == [False, True, False]
    assert np.isnan(gradients[0][:, 1]).all()
    assert np.isfinite(gradients[0][:, [0, 2]]).all()
    assert np.isnan(crf_decode(*scores).scores).tolist() == [False, True, False]


def test_long_sequences_keep_their_digits():
    scores, tags, lengths = batch_of(np.random.default_rng(8), 3000, 1, 6, scale=4)
    losses, gradients = kernel(scores, tags, lengths)
    wide = [array.astype(float) for array in scores]
    wide[0] = wide[0][:, 0]
    np.testing.assert_allclose(losses[0], oracle.loss(wide[0], tags[:, 0], *wide[1:]), rtol=1e-6)
    np.testing.assert_allclose(gradients[0][:, 0], oracle.gradients(wide[0], tags[:, 0], *wide[1:])[0], atol=1e-3)


def test_nothing_at_all():
    scores, _, _ = batch_of(np.random.default_rng(9), 4, 2, 3)
    assert crf_loss(scores[0], np.zeros((4, 2), int), *scores[1:], [0, 0]).item() == 0
    empty = scores[0][:0]
    assert crf_loss(empty, np.zeros((0, 2), int), *scores[1:]).item() == 0
    assert crf_decode(empty, *scores[1:]).tags.shape == (0, 2)
    with no_grad():
        assert crf_loss(scores[0][:, :0], np.zeros((4, 0), int), *scores[1:]).item() == 0


def test_same_bits_for_any_number_of_threads():
    scores, tags, lengths = batch_of(np.random.default_rng(10), 30, 7, 20)

    def compute():
        given = [Tensor(array, requires_grad=True) for array in scores]
        loss = crf_loss(given[0], tags, *given[1:], lengths)
        loss.backward()
        return [loss.data, *(tensor.grad for tensor in given), *crf_decode(*scores, lengths)]

    same_bits_for_any_threads(compute)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"emissions": np.zeros((4, 2, 3), int)}, TypeError, "emissions must be float32"),
        ({"emissions": np.zeros((4, 3), np.float32)}, ValueError, r"emissions must have shape \(T, B, K\)"),
        ({"transitions": np.zeros((3, 3))}, TypeError, "transitions must be float32"),
        ({"transitions": np.zeros((3, 2), np.float32)}, ValueError, r"transitions must have shape \(3, 3\)"),
        ({"end_transitions": np.zeros(2, np.float32)}, ValueError, r"end_transitions must have shape \(3,\)"),
        ({"tags": np.zeros((4, 2))}, TypeError, "tags must be integers"),
        ({"tags": np.zeros((3, 2), int)}, ValueError, r"tags must have shape \(4, 2\)"),
        ({"tags": np.full((4, 2), 3)}, ValueError, r"tags must be in \[0, 3\), but there is a 3"),
        ({"tags": np.full((4, 2), -1)}, ValueError, r"but there is a -1"),
        ({"lengths": [4, 5]}, ValueError, "lengths must lie between 0 and 4"),
        ({"lengths": [4]}, ValueError, r"lengths must have shape \(2,\)"),
        ({"reduction": "median"}, ValueError, "reduction must be one of"),
    ],
)
def test_wrong_arguments(change, error, message):
    zeros = {"transitions": (3, 3), "start_transitions": (3,), "end_transitions": (3,), "emissions": (4, 2, 3)}
    given = {name: np.zeros(shape, np.float32) for name, shape in zeros.items()}
    given |= {"tags": np.zeros((4, 2), int), "lengths": [4, 2]}
    crf_loss(**given)
    with pytest.raises(error, match=message):
        crf_loss(**(given | change))


def test_wrong_sizes():
    with pytest.raises(ValueError, match="num_tags must be at least 1"):
        nn.CRF(0)
    with pytest.raises(ValueError, match="one tag at least"):
        crf_decode(*(np.zeros(shape, np.float32) for shape in ((2, 1, 0), (0, 0), (0,), (0,))))


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "kernel_agrees or forbidden or special or long or same_bits or nothing")
