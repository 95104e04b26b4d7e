"""Accuracy, spans, error rates and BLEU, beside what their definitions give by hand."""

import itertools

import numpy as np
import pytest

from lexigrad.models.metrics import (
    accuracy,
    bleu,
    char_error_rate,
    edit_distance,
    span_scores,
    spans,
    word_error_rate,
)


def test_accuracy():
    assert accuracy([["a", "b"], [], ["c"]], [["a", "x"], [], ["c"]]) == 2 / 3
    assert accuracy([], []) == 1
    with pytest.raises(ValueError, match="sentence 1 has 1 tags, but 2 are given"):
        accuracy([["a"], ["b"]], [["a"], ["b", "c"]])
    with pytest.raises(ValueError, match="2 sentences are expected, but 1 given"):
        accuracy([["a"], ["b"]], [["a"]])


def test_spans_are_those_of_conlleval():
    assert spans(["B-x", "I-x", "O", "B-x", "B-x"]) == {("x", 0, 2), ("x", 3, 4), ("x", 4, 5)}
    assert spans(["I-x", "I-x", "I-y", "I-x"]) == {("x", 0, 2), ("y", 2, 3), ("x", 3, 4)}
    assert spans(["O", "O"]) == spans([]) == set()


def test_span_scores():
    wanted, given = [["B-x", "I-x", "O", "B-y"]], [["B-x", "I-x", "B-y", "B-z"]]
    assert span_scores(wanted, given) == (1 / 3, 1 / 2, 2 / 5)
    assert span_scores(wanted, wanted) == (1, 1, 1)
    assert span_scores([["O"]], [["O"]]) == (0, 0, 0)


def test_edit_distance_is_the_shortest_way():
    """Against a search of all ways, on short strings."""

    def ways(a, b):
        if not a or not b:
            return len(a) + len(b)
        return min(ways(a[1:], b) + 1, ways(a, b[1:]) + 1, ways(a[1:], b[1:]) + (a[0] != b[0]))

    strings = ["".join(letters) for n in range(4) for letters in itertools.product("ab", repeat=n)]
    for a, b in itertools.product(strings, strings):
        assert edit_distance(a, b) == ways(a, b)
    assert edit_distance("kitten", "sitting") == 3
    rng = np.random.default_rng(1)
    long = rng.integers(0, 3, 300).tolist()
    assert edit_distance(long, long[5:]) == 5


def test_error_rates():
    assert word_error_rate(["one two three", "four"], ["one too three", "four five"]) == 2 / 4
    assert char_error_rate(["abc", ""], ["abd", "x"]) == 2 / 3
    with pytest.raises(ValueError, match="nothing is expected"):
        word_error_rate([""], ["x"])
    with pytest.raises(ValueError, match="2 texts are expected, but 1 given"):
        word_error_rate(["a", "b"], ["a"])


def test_bleu_by_hand():
    expected = [[["a", "b", "c", "d", "e"], ["a", "b"]]]
    assert bleu(expected, [list("abcde")]) == 1
    assert bleu(expected, [list("edcba")]) == 0
    # of abcd all n-grams are right, but the shorter of the references' lengths is not the nearest: exp(1 - 5 / 4)
    assert bleu(expected, [list("abcd")]) == pytest.approx(np.exp(-0.25))
    assert bleu([[["the", "cat"]]], [["the", "the", "the"]], order=1) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="references of 1 sentences"):
        bleu([], [["a"]])


def test_bleu_is_sacrebleus():
    sacrebleu = pytest.importorskip("sacrebleu")
    rng = np.random.default_rng(2)
    for _ in range(5):
        references = rng.integers(0, 4, (40, 2, 12)).astype(str).tolist()
        found = [one[0][: rng.integers(5, 13)] + one[1][:3] for one in references]
        streams = [[" ".join(one[i]) for one in references] for i in range(2)]
        theirs = sacrebleu.corpus_bleu([" ".join(one) for one in found], streams, tokenize="none", smooth_method="none")
        assert bleu(references, found) == pytest.approx(theirs.score / 100, rel=1e-6)
