"""Decoding of CTC's scores against adding up all paths."""

import itertools
import math

import numpy as np
import pytest

from lexigrad.models.ctc_decode import greedy_decode, prefix_beam_search
from oracles import ctc as oracle
from oracles import softmax


def log_probs_of(seed, frames, classes):
    return softmax.log_softmax_forward(1.5 * np.random.default_rng(seed).standard_normal((frames, classes)))


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
    with pytest.raises(ValueError, match="beam_size must be at least 1"):
        prefix_beam_search(log_probs, beam_size=0)


def test_the_blank_may_be_any_class():
    log_probs = log_probs_of(10, 5, 4)
    rolled = np.roll(log_probs, 3, axis=1)  # class 0 becomes 3
    one, other = prefix_beam_search(log_probs, 50), prefix_beam_search(rolled, 50, blank=3)
    assert [[label - 1 for label in labels] for labels, _ in one] == [labels for labels, _ in other]
