"""Decoding of CTC's scores against adding up all paths."""

import itertools
import math

import numpy as np
import pytest

from lexigrad import _core
from lexigrad.ops.ctc_decode import greedy_decode, prefix_beam_search
from oracles import ctc as oracle
from oracles import ctc_decode, softmax


def log_probs_of(seed, frames, classes):
    scores = 1.5 * np.random.default_rng(seed).standard_normal((frames, classes))
    return softmax.log_softmax_forward(scores).astype(np.float32).astype(np.float64)  # as the search reads them


def test_greedy_merges_and_leaves_blanks_out():
    path = [0, 1, 1, 0, 1, 2, 2, 0]
    assert greedy_decode(np.eye(3)[path]) == [1, 1, 2]
    assert greedy_decode(np.eye(3)[path], blank=2) == [0, 1, 0, 1, 0]
    assert greedy_decode(np.zeros((0, 3))) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_of_all_sequences(seed):
    log_probs = log_probs_of(seed, 4, 3)
    found = prefix_beam_search(log_probs, beam_size=1000)
    exact = {
        labels: -oracle.ctc(log_probs, labels)[0]
        for length in range(5)
        for labels in itertools.product([1, 2], repeat=length)
    }
    exact = {labels: score for labels, score in exact.items() if score > -math.inf}
    assert {tuple(labels) for labels, score in found if score > -math.inf} == set(exact)
    for labels, score in found:
        if score > -math.inf:
            assert score == pytest.approx(exact[tuple(labels)], abs=1e-9)
    assert tuple(found[0][0]) == max(exact, key=exact.get)


def test_a_language_model_and_a_bonus_count():
    log_probs = log_probs_of(7, 4, 3)
    table = softmax.log_softmax_forward(np.random.default_rng(8).standard_normal((3, 3)))

    def scorer(prefix):
        return table[prefix[-1] if prefix else 0]

    found = prefix_beam_search(log_probs, 1000, scorer=scorer, weight=0.7, bonus=0.3)
    for labels, score in found:
        steps = zip([0, *labels], [*labels, 0], strict=True)
        prior = sum(table[before, label] for before, label in steps)
        expected = -oracle.ctc(log_probs, labels)[0] + 0.7 * prior + 0.3 * len(labels)
        if score > -math.inf:
            assert score == pytest.approx(expected, abs=1e-9)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)


def test_a_narrow_beam_and_no_frames():
    log_probs = log_probs_of(9, 30, 60)
    ((labels, score),) = prefix_beam_search(log_probs, beam_size=1)
    assert len(labels) > 5
    assert math.isfinite(score)
    assert prefix_beam_search(np.zeros((0, 3))) == [([], 0.0)]


@pytest.mark.parametrize("frames", [0, 1, 2, 7, 25])
@pytest.mark.parametrize("classes", [1, 2, 5, 70])
@pytest.mark.parametrize("beam_size", [1, 3, 16])
@pytest.mark.parametrize("language_model", [False, True])
def test_the_search_is_that_of_the_oracle(frames, classes, beam_size, language_model):
    rng = np.random.default_rng(frames * classes + beam_size)
    log_probs = log_probs_of(frames + classes, frames, classes).astype(np.float32)
    log_probs[rng.random(log_probs.shape) < 0.1] = -np.inf
    log_probs = np.round(log_probs, 1)  # so that there are ties
    table = softmax.log_softmax_forward(rng.standard_normal((classes, classes)))
    scorer = (lambda prefix: table[sum(prefix) % classes]) if language_model else None
    options = {"beam_size": beam_size, "blank": int(rng.integers(classes)), "scorer": scorer, "bonus": 0.25}
    for weight in (0.5, 0.0):
        found = prefix_beam_search(log_probs, weight=weight, **options)
        expected = ctc_decode.prefix_beam_search(log_probs, weight=weight, **options)
        assert [labels for labels, _ in found] == [labels for labels, _ in expected]
        np.testing.assert_allclose([score for _, score in found], [score for _, score in expected], rtol=1e-12)


def test_wrong_use():
    log_probs = log_probs_of(9, 5, 4)
    with pytest.raises(ValueError, match="beam_size must be at least 1"):
        prefix_beam_search(log_probs, beam_size=0)
    for options in ({"weight": -1.0}, {"weight": math.nan}, {"bonus": math.inf}):
        with pytest.raises(ValueError, match="weight must be 0 or above, and weight and bonus finite"):
            prefix_beam_search(log_probs, **options)
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="log_probs must be log-probabilities, but there is a"):
            prefix_beam_search(np.full((2, 3), value))
        with pytest.raises(ValueError, match="log_probs must be log-probabilities, but there is a"):
            prefix_beam_search(log_probs, scorer=lambda prefix, value=value: np.full(4, value))
    with pytest.raises(ValueError, match=r"log_probs must have shape \(4,\), not \(3,\)"):
        prefix_beam_search(log_probs, scorer=lambda prefix: np.zeros(3))
    with pytest.raises(ValueError, match="log_probs must have 2 dimensions"):
        prefix_beam_search(log_probs[0])
    with pytest.raises(ValueError, match="a setting of the search"):
        prefix_beam_search(log_probs, blank=4)
    beams = _core.PrefixBeams(3, 0, 2, 40, True, 0.5, 0.0)
    with pytest.raises(ValueError, match="prefixes lack"):
        beams.results()
    beams.supply(np.zeros(3))
    with pytest.raises(ValueError, match="no prefix lacks"):
        beams.supply(np.zeros(3))
    with pytest.raises(ValueError, match="begin must be a frame"):
        beams.advance(np.zeros((2, 3), np.float32), 3)


def test_the_blank_may_be_any_class():
    log_probs = log_probs_of(10, 5, 4)
    rolled = np.roll(log_probs, 3, axis=1)  # class 0 becomes 3
    one, other = prefix_beam_search(log_probs, 50), prefix_beam_search(rolled, 50, blank=3)
    assert [[label - 1 for label in labels] for labels, _ in one] == [labels for labels, _ in other]
