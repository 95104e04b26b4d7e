"""Word mover's distance against a linear programme and, where it is installed, against gensim."""

import sys

import numpy as np
import pytest

from lexigrad import KeyedVectors

WORDS = [f"w{i}" for i in range(30)]


@pytest.fixture
def kv():
    vectors = KeyedVectors(7)
    vectors.add_vectors(WORDS, np.random.default_rng(0).standard_normal((30, 7)))
    return vectors


def texts(count=20):
    rng = np.random.default_rng(1)
    for _ in range(count):
        yield rng.choice(WORDS, rng.integers(1, 9)).tolist(), [*rng.choice(WORDS, rng.integers(1, 9)), "unknown"]


def flow(kv, text1, text2, norm):
    """The least cost by a linear programme over all pairs of tokens."""
    optimize = pytest.importorskip("scipy.optimize")
    a, b = ([kv.get_vector(w, norm=norm).astype(float) for w in text if w in kv] for text in (text1, text2))
    cost = np.linalg.norm(np.array(a)[:, None] - np.array(b)[None], axis=2)
    leaving = np.repeat(np.eye(len(a)), len(b), axis=1)
    arriving = np.tile(np.eye(len(b)), len(a))
    shares = [*np.full(len(a), 1 / len(a)), *np.full(len(b), 1 / len(b))]
    return optimize.linprog(cost.ravel(), A_eq=np.vstack([leaving, arriving]), b_eq=shares).fun


@pytest.mark.parametrize("norm", [True, False])
def test_distance_is_the_least_cost(kv, norm):
    pytest.importorskip("ot")
    for text1, text2 in texts():
        assert kv.wmdistance(text1, text2, norm=norm) == pytest.approx(flow(kv, text1, text2, norm), abs=1e-6)


@pytest.mark.parametrize("norm", [True, False])
def test_distance_like_gensim(kv, norm):
    pytest.importorskip("ot")
    theirs = pytest.importorskip("gensim.models").KeyedVectors(7)
    theirs.add_vectors(WORDS, kv.vectors)
    for text1, text2 in [*texts(), (["w1"], ["w1", "w1"]), (["w1", "w2"], ["w2", "w1"]), ([], ["w1"]), (["x"], ["w1"])]:
        assert kv.wmdistance(text1, text2, norm=norm) == pytest.approx(theirs.wmdistance(text1, text2, norm), abs=1e-6)


def test_distance_of_equal_vectors_is_zero(kv):
    pytest.importorskip("ot")
    kv["twin"] = kv["w1"]
    assert kv.wmdistance(["w1"], ["twin"]) == pytest.approx(0, abs=1e-12)  # gensim: infinity


def test_distance_refuses(kv, monkeypatch):
    with pytest.raises(TypeError, match="list of keys"):
        kv.wmdistance("w1 w2", ["w1"])
    assert kv.wmdistance(["unknown"], ["w1"]) == float("inf")
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match="lexigrad\\[wmd\\]"):
        kv.wmdistance(["w1"], ["w2"])


def test_distance_needs_finite_vectors(kv):
    pytest.importorskip("ot")
    kv["w1"] = np.full(7, np.nan)
    with pytest.raises(ValueError, match="NaN"):
        kv.wmdistance(["w1"], ["w2"])
