"""The n-gram model: sums to one, known values, bad input."""

import math

import numpy as np
import pytest

from lexigrad.models import NGram
from lexigrad.models.ngram import END


def test_probabilities_by_hand():
    model = NGram(2).fit([["a", "b"], ["a"]])
    # unigrams: a 2, b 1, END 2 of 5, three kinds; below them 1 / 3
    unigram = {"a": (2 + 1) / 8, "b": (1 + 1) / 8, END: (2 + 1) / 8}
    for word, probability in unigram.items():
        assert model.log_prob(word, []) == pytest.approx(math.log(probability))
    # after a: b 1, END 1, two kinds
    assert model.log_prob("b", ["x", "a"]) == pytest.approx(math.log((1 + 2 * unigram["b"]) / 4))
    assert model.log_prob("b", ["x"]) == model.log_prob("b", [])
    assert model.log_prob("c", []) == -math.inf


@pytest.mark.parametrize("order", [1, 2, 4])
def test_sums_to_one(order):
    rng = np.random.default_rng(order)
    sentences = [rng.choice(list("abcd"), rng.integers(0, 6)).tolist() for _ in range(30)]
    model = NGram(order).fit(sentences)
    for before in ([], ["a"], ["a", "b", "c", "d"], ["never"]):
        assert np.exp(model.log_probs(before, model.names)).sum() == pytest.approx(1)
    assert 1 < model.perplexity(sentences) < 6
    assert model.perplexity([["unknown"]]) == math.inf


def test_words_that_are_known_but_were_not_counted():
    model = NGram(2).fit([["a", "b"], ["a"]], ["c", "a"])
    assert model.names == sorted([END, "a", "b", "c"])
    assert model.log_prob("c", []) == pytest.approx(math.log(3 / 4 / 8))
    assert np.exp(model.log_probs(["a"], model.names)).sum() == pytest.approx(1)


def test_wrong_use():
    with pytest.raises(ValueError, match="order"):
        NGram(0)
    with pytest.raises(ValueError, match="no sentences"):
        NGram().fit([])
    with pytest.raises(RuntimeError, match="not trained"):
        NGram().log_prob("a", [])
    with pytest.raises(ValueError, match="no sentences"):
        NGram().fit([["a"]]).perplexity([])
