"""The lda2vec kernel against its float64 oracle, and the oracle against derivatives by differences."""

import itertools

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, numeric_gradient, run_at
from lexigrad import _core
from lexigrad.embed.matrix import PaddedMatrix
from oracles import lda2vec as oracle


def random_stream(rng, vocabulary, length, ends=0.05):
    tokens = rng.integers(0, vocabulary, length).astype(np.int32)
    tokens[rng.random(length) < ends] = -1
    tokens[-1:] = -1
    return tokens


class Pair:
    """The same small model for the kernel (float32, padded) and the oracle (float64)."""

    def __init__(self, rng, vocabulary, size, topics, tokens, sample=0, **settings):
        counts = np.sort(rng.integers(1, 1000, vocabulary))[::-1].astype(np.int64)
        self.settings = oracle.Settings(_core.alias_table(counts, 0.75), **settings)
        if sample:
            self.settings.keep = _core.keep_limits(counts, sample)
        self.tokens = np.array(tokens, np.int32)
        self.ends = np.flatnonzero(self.tokens == -1)
        shapes = {"input": vocabulary, "rows": vocabulary, "topics": topics}
        self.size = size
        self.kernel = {
            name: PaddedMatrix.of(rng.normal(0, 0.5, (rows, size)).astype(np.float32)) for name, rows in shapes.items()
        }
        self.weights = rng.normal(0, 1, (len(self.ends), topics)).astype(np.float32)
        self.oracle = {name: matrix.view.astype(np.float64) for name, matrix in self.kernel.items()}
        self.oracle["weights"] = self.weights.astype(np.float64)

    def train(self, *, key=12345, block=64, alpha=0.02, alpha_step=1e-6, threads=1, calls=1, loss=True):
        s = self.settings
        totals = {"loss": 0.0, "predictions": 0, "kept": 0}
        size = len(self.tokens)
        blocks = -(-size // block)
        edges = [min(size, block * (blocks * i // calls)) for i in range(calls + 1)]
        for begin, end in itertools.pairwise(edges):
            done = _core.lda2vec_train(
                self.tokens,
                begin=begin,
                end=end,
                block=block,
                threads=threads,
                alpha=alpha,
                alpha_step=alpha_step,
                min_alpha=0.0,
                key=key,
                vector_size=self.size,
                input=self.kernel["input"].padded,
                rows=self.kernel["rows"].padded,
                topic_vectors=self.kernel["topics"].padded,
                weights=self.weights,
                ends=self.ends,
                keep=s.keep,
                alias=s.alias,
                negative=s.negative,
                window=s.window,
                shrink_windows=s.shrink_windows,
                train_topics=s.train_topics,
                prior=s.prior,
                strength=s.strength,
                document_rate=s.document_rate,
                compute_loss=loss,
            )
            if done["diverged"]:
                raise FloatingPointError
            for name in totals:
                totals[name] += done[name]
        return totals

    def compare(self, *, key=12345, block=64, alpha=0.02, alpha_step=1e-6, calls=1):
        totals = self.train(key=key, block=block, alpha=alpha, alpha_step=alpha_step, calls=calls)
        expected = oracle.train(
            self.oracle, self.tokens, self.settings, key, block, lambda first: alpha - alpha_step * first
        )
        assert totals["predictions"] == expected.predictions
        assert totals["kept"] == expected.kept
        assert totals["loss"] == pytest.approx(expected.loss, rel=1e-5, abs=1e-6)
        for name, matrix in self.kernel.items():
            np.testing.assert_allclose(matrix.view, self.oracle[name], rtol=1e-3, atol=5e-5, err_msg=name)
            assert not matrix.padded[:, self.size :].any()
        np.testing.assert_allclose(self.weights, self.oracle["weights"], rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("topics", [1, 2, 17])
@pytest.mark.parametrize("size", [1, 15, 17, 100])
def test_matches_oracle(topics, size):
    rng = np.random.default_rng(size)
    Pair(rng, 50, size, topics, random_stream(rng, 50, 200)).compare()


@pytest.mark.parametrize("vocabulary", [1, 2, 5])
def test_tiny_vocabularies(vocabulary):
    rng = np.random.default_rng(vocabulary)
    Pair(rng, vocabulary, 10, 3, random_stream(rng, vocabulary, 60)).compare(alpha=0.005)


@pytest.mark.parametrize("window", [1, 40, 2**40])
def test_windows(window):
    """Windows of more context words than one step takes."""
    rng = np.random.default_rng(3)
    for shrink_windows in (True, False):
        pair = Pair(rng, 60, 12, 4, random_stream(rng, 60, 120, 0.02), window=window, shrink_windows=shrink_windows)
        pair.compare(alpha=0.002)


@pytest.mark.parametrize(
    "settings",
    [
        {"prior": 3.0},
        {"strength": 0.0},
        {"strength": 20.0},
        {"document_rate": 1.0},
        {"negative": 12},
        {"train_topics": False},
    ],
)
def test_settings(settings):
    rng = np.random.default_rng(4)
    Pair(rng, 30, 9, 5, random_stream(rng, 30, 200), **settings).compare()


@pytest.mark.parametrize("block", [1, 7, 10**6])
def test_documents_reach_beyond_their_block(block):
    rng = np.random.default_rng(5)
    pair = Pair(rng, 40, 9, 3, random_stream(rng, 40, 300, 0.02), sample=0.002)
    assert pair.settings.keep.min() < 2**31
    pair.compare(block=block, calls=3)


@pytest.mark.parametrize("tokens", [[], [-1], [-1, -1], [0, -1], [0, -1, -1, 0, 1, -1], [-1, 0, 1, 0, -1, -1]])
def test_streams_with_little_in_them(tokens):
    Pair(np.random.default_rng(6), 2, 4, 3, tokens).compare()


def test_calls_do_not_change_the_result():
    tokens = random_stream(np.random.default_rng(7), 100, 1000)
    results = []
    for calls in (1, 4, 11):
        pair = Pair(np.random.default_rng(8), 100, 20, 4, tokens, sample=0.01)
        pair.train(calls=calls, loss=calls == 4)
        results.append((pair.kernel["input"].view, pair.kernel["topics"].view, pair.weights))
    for found in results[1:]:
        for a, b in zip(found, results[0], strict=True):
            np.testing.assert_array_equal(a, b)


def test_several_threads_train_every_block():
    tokens = random_stream(np.random.default_rng(9), 300, 10000)
    found = []
    for threads in (1, 2, 3):
        pair = Pair(np.random.default_rng(10), 300, 16, 3, tokens, sample=0.01)
        totals = pair.train(threads=threads, alpha=0.005, alpha_step=0)
        assert np.isfinite(pair.weights).all()
        found.append((totals["predictions"], totals["kept"]))
    assert len(set(found)) == 1


def test_divergence_is_noticed():
    rng = np.random.default_rng(11)
    pair = Pair(rng, 20, 8, 3, random_stream(rng, 20, 200))
    pair.kernel["input"].view[:] = np.inf
    with pytest.raises(FloatingPointError):
        pair.train()


def test_gradients_are_derivatives():
    rng = np.random.default_rng(12)
    c, rows = rng.normal(size=5), rng.normal(size=(4, 5))
    visits, hits = np.array([2.0, 1.0, 6.0, 6.0]), np.array([2.0, 1.0, 0.0, 0.0])
    by_c, by_rows = oracle.likelihood_gradients(c, rows, visits, hits)
    np.testing.assert_allclose(
        by_c, numeric_gradient(lambda x: oracle.log_likelihood(x, rows, visits, hits), c), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        by_rows, numeric_gradient(lambda x: oracle.log_likelihood(c, x, visits, hits), rows), rtol=1e-6, atol=1e-8
    )
    weights, topics, g = rng.normal(size=3), rng.normal(size=(3, 5)), rng.normal(size=5)

    def objective(x):
        return float(oracle.mixture(x) @ topics @ g) + 2.0 * oracle.log_prior(x, 0.2)

    found = oracle.weight_gradients(weights, topics, g, 0.2, 2.0)
    np.testing.assert_allclose(found, numeric_gradient(objective, weights), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tokens": np.array([0, 5, -1], np.int32)}, ValueError, "below the vocabulary's size"),
        ({"end": 9}, ValueError, "begin and end"),
        ({"negative": 0}, ValueError, "negative"),
        ({"topic_vectors": np.zeros((3, 16), np.float32)}, ValueError, "shape"),
        ({"weights": np.zeros((1, 2), np.float64)}, TypeError, "float32"),
        ({"weights": np.zeros((1, 0), np.float32)}, ValueError, "topics"),
        ({"ends": np.array([1])}, ValueError, "ends must be the places"),
        ({"ends": np.array([3])}, ValueError, "ends must be the places"),
        ({"ends": np.array([2, 2]), "weights": np.zeros((2, 2), np.float32)}, ValueError, "ends must be the places"),
        ({"ends": np.zeros(0, np.int64), "weights": np.zeros((0, 2), np.float32)}, ValueError, "ends must be"),
        ({"tokens": np.array([0, 1, 0], np.int32)}, ValueError, "ends must be the places"),
    ],
)
def test_wrong_arguments(change, error, message):
    arguments = {
        "tokens": np.array([0, 1, -1], np.int32),
        "begin": 0,
        "end": 3,
        "block": 8,
        "threads": 1,
        "alpha": 0.1,
        "alpha_step": 0.0,
        "min_alpha": 0.0,
        "key": 1,
        "vector_size": 16,
        "input": PaddedMatrix(3, 16).padded,
        "rows": PaddedMatrix(3, 16).padded,
        "topic_vectors": PaddedMatrix(2, 16).padded,
        "weights": np.zeros((1, 2), np.float32),
        "ends": np.array([2]),
        "keep": None,
        "alias": _core.alias_table(np.array([3, 2, 1]), 0.75),
        "negative": 2,
        "window": 2,
        "shrink_windows": True,
        "train_topics": True,
        "prior": 0.5,
        "strength": 1.0,
        "document_rate": 1.0,
        "compute_loss": False,
    }
    arguments.update(change)
    with pytest.raises(error, match=message):
        _core.lda2vec_train(arguments.pop("tokens"), **arguments)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "test_matches_oracle or test_tiny_vocabularies")
