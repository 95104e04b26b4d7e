"""The AdaGram kernel against its float64 oracle, and the oracle against derivatives by differences."""

import itertools

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, numeric_gradient, run_at
from lexigrad import _core
from lexigrad.embed.adagram import stick_lengths
from lexigrad.embed.matrix import PaddedMatrix
from oracles import adagram as oracle
from oracles import word2vec

pytest.importorskip("scipy", reason="the oracle takes digamma from SciPy")


def random_stream(rng, vocabulary, length, ends=0.1):
    tokens = rng.integers(0, vocabulary, length).astype(np.int32)
    tokens[rng.random(length) < ends] = -1
    return tokens


class Pair:
    """The same small model for the kernel (float32, padded) and the oracle (float64)."""

    def __init__(self, rng, vocabulary, size, prototypes, sample=0, **settings):
        counts = np.sort(rng.integers(1, 1000, vocabulary))[::-1].astype(np.int64)
        self.settings = oracle.Settings(counts, _core.huffman(counts), **settings)
        self.size = size
        if sample:
            self.settings.keep = _core.keep_limits(counts, sample)
        draw = lambda rows: PaddedMatrix.of(rng.normal(0, 0.5, (rows, size)).astype(np.float32))  # noqa: E731
        self.input, self.nodes = draw(vocabulary * prototypes), draw(vocabulary - 1)
        self.occurrences = rng.dirichlet(np.full(prototypes, 0.3), vocabulary).astype(np.float32)
        self.occurrences *= counts[:, None]
        self.oracle = {
            "input": self.input.view.reshape(vocabulary, prototypes, size).astype(np.float64),
            "nodes": self.nodes.view.astype(np.float64),
            "occurrences": self.occurrences.astype(np.float64),
        }

    def train(self, tokens, *, key=12345, block=64, alpha=0.05, alpha_step=1e-6, threads=1, calls=1, loss=True):
        s = self.settings
        totals = {"loss": 0.0, "predictions": 0, "kept": 0}
        blocks = -(-len(tokens) // block)
        edges = [min(len(tokens), block * (blocks * i // calls)) for i in range(calls + 1)]
        for begin, end in itertools.pairwise(edges):
            done = _core.adagram_train(
                tokens,
                begin=begin,
                end=end,
                block=block,
                threads=threads,
                alpha=alpha,
                alpha_step=alpha_step,
                min_alpha=0.0,
                key=key,
                vector_size=self.size,
                input=self.input.padded,
                nodes=self.nodes.padded,
                occurrences=self.occurrences,
                counts=s.counts,
                keep=s.keep,
                tree=s.tree,
                window=s.window,
                shrink_windows=s.shrink_windows,
                concentration=s.alpha,
                discount=s.d,
                sense_threshold=s.sense_threshold,
                compute_loss=loss,
            )
            if done["diverged"]:
                raise FloatingPointError
            for name in totals:
                totals[name] += done[name]
        return totals

    def compare(self, tokens, *, key=12345, block=64, alpha=0.05, alpha_step=1e-6, calls=1):
        totals = self.train(tokens, key=key, block=block, alpha=alpha, alpha_step=alpha_step, calls=calls)
        expected = oracle.train(
            self.oracle, tokens, self.settings, key, block, lambda first: alpha - alpha_step * first
        )
        assert totals["predictions"] == expected.predictions
        assert totals["kept"] == expected.kept
        assert totals["loss"] == pytest.approx(expected.loss, rel=1e-5, abs=1e-6)
        found = {"input": self.input.view, "nodes": self.nodes.view, "occurrences": self.occurrences}
        for name, values in found.items():
            close = {"rtol": 1e-3, "atol": 1e-4 if name != "occurrences" else 1e-2}
            np.testing.assert_allclose(values, self.oracle[name].reshape(values.shape), err_msg=name, **close)
        assert not self.input.padded[:, self.size :].any()
        assert not self.nodes.padded[:, self.size :].any()


@pytest.mark.parametrize("prototypes", [1, 2, 5, 16, 35])
@pytest.mark.parametrize("size", [1, 15, 17, 100])
def test_matches_oracle(prototypes, size):
    rng = np.random.default_rng(size)
    pair = Pair(rng, 50, size, prototypes, shrink_windows=True)
    pair.compare(random_stream(rng, 50, 100))


@pytest.mark.parametrize("vocabulary", [1, 2, 3, 7])
def test_tiny_vocabularies(vocabulary):
    rng = np.random.default_rng(vocabulary)
    pair = Pair(rng, vocabulary, 10, 3)
    pair.compare(random_stream(rng, vocabulary, 60), alpha=0.01)


@pytest.mark.parametrize("window", [1, 9, 40, 2**40])
def test_windows(window):
    """Windows of more context words than one step takes."""
    rng = np.random.default_rng(3)
    for shrink_windows in (True, False):
        pair = Pair(rng, 60, 12, 4, window=window, shrink_windows=shrink_windows)
        pair.compare(random_stream(rng, 60, 100, ends=0.02), alpha=0.003)


@pytest.mark.parametrize("settings", [{"d": 0.5}, {"alpha": 3.0}, {"sense_threshold": 0.2}, {"sense_threshold": 0.0}])
def test_priors_and_thresholds(settings):
    rng = np.random.default_rng(4)
    pair = Pair(rng, 30, 9, 20, **settings)
    pair.compare(random_stream(rng, 30, 100))


@pytest.mark.parametrize("block", [1, 7, 10**6])
def test_windows_reach_beyond_their_block(block):
    rng = np.random.default_rng(5)
    pair = Pair(rng, 40, 9, 3, sample=0.002)
    assert pair.settings.keep.min() < 2**31
    pair.compare(random_stream(rng, 40, 200, ends=0.02), block=block, calls=3)


@pytest.mark.parametrize("tokens", [[], [-1], [-1, -1], [0], [0, -1, 0], [-1, 0, 1, -1]])
def test_streams_with_little_in_them(tokens):
    Pair(np.random.default_rng(6), 2, 4, 3).compare(np.array(tokens, np.int32))


def test_calls_do_not_change_the_result():
    tokens = random_stream(np.random.default_rng(7), 100, 1000)
    results = []
    for calls in (1, 4, 11):
        pair = Pair(np.random.default_rng(8), 100, 20, 4, sample=0.01)
        pair.train(tokens, calls=calls, loss=calls == 4)
        results.append((pair.input.view, pair.occurrences))
    for found in results[1:]:
        np.testing.assert_array_equal(found[0], results[0][0])
        np.testing.assert_array_equal(found[1], results[0][1])


def test_several_threads_train_every_block():
    """Updates race by design: what depends on the vectors agrees about, the rest exactly."""
    tokens = random_stream(np.random.default_rng(9), 300, 10000)
    found = []
    for threads in (1, 2, 3):
        pair = Pair(np.random.default_rng(10), 300, 16, 3, sample=0.01)
        totals = pair.train(tokens, threads=threads, alpha=0.01, alpha_step=0)
        assert np.isfinite(pair.input.view).all()
        found.append((totals["predictions"], totals["kept"], totals["loss"], pair.nodes.view))
    for other in found[1:]:
        assert other[:2] == found[0][:2]
        assert other[2] == pytest.approx(found[0][2], rel=0.02)
        assert np.abs(other[3] - found[0][3]).mean() < 0.1 * np.abs(found[0][3]).mean()


def test_divergence_is_noticed():
    rng = np.random.default_rng(11)
    pair = Pair(rng, 20, 8, 3)
    pair.input.view[:] = np.inf
    with pytest.raises(FloatingPointError):
        pair.train(random_stream(rng, 20, 200))


def test_gradients_are_derivatives():
    rng = np.random.default_rng(12)
    pair = Pair(rng, 9, 4, 3)
    senses, nodes = pair.oracle["input"][2], pair.oracle["nodes"]
    q = rng.dirichlet(np.ones(3))
    paths = [word2vec.path_of(word, pair.settings) for word in (0, 5, 5, 8)]
    by_senses, by_nodes = oracle.gradients(senses, nodes, oracle.errors(senses, nodes, q, paths), paths)
    found = numeric_gradient(lambda x: oracle.objective(x, nodes, q, paths), senses)
    np.testing.assert_allclose(by_senses, found, rtol=1e-6, atol=1e-8)
    found = numeric_gradient(lambda x: oracle.objective(senses, x, q, paths), nodes)
    np.testing.assert_allclose(by_nodes, found, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("prototypes", [1, 2, 7])
@pytest.mark.parametrize("d", [0.0, 0.4])
def test_stick_lengths(prototypes, d):
    n = np.random.default_rng(13).gamma(0.5, 50, (4, prototypes))
    found = stick_lengths(n, 0.1, d)
    np.testing.assert_allclose(found, [oracle.expected_pi(row, 0.1, d) for row in n], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tokens": np.array([0, 5], np.int32)}, ValueError, "below the vocabulary's size"),
        ({"end": 9}, ValueError, "begin and end"),
        ({"window": 0}, ValueError, "window"),
        ({"input": np.zeros((5, 16), np.float32)}, ValueError, "shape"),
        ({"occurrences": np.zeros((3, 2), np.float64)}, TypeError, "float32"),
        ({"occurrences": np.zeros((3, 0), np.float32)}, ValueError, "prototypes"),
        ({"counts": np.ones(2, np.int64)}, ValueError, "shape"),
        ({"concentration": 0.0}, ValueError, "concentration"),
        ({"discount": 1.0}, ValueError, "discount"),
        ({"nodes": None}, TypeError, "incompatible"),
    ],
)
def test_wrong_arguments(change, error, message):
    counts = np.array([3, 2, 1], np.int64)
    arguments = {
        "tokens": np.array([0, 1], np.int32),
        "begin": 0,
        "end": 2,
        "block": 8,
        "threads": 1,
        "alpha": 0.1,
        "alpha_step": 0.0,
        "min_alpha": 0.0,
        "key": 1,
        "vector_size": 16,
        "input": PaddedMatrix(6, 16).padded,
        "nodes": PaddedMatrix(2, 16).padded,
        "occurrences": np.ones((3, 2), np.float32),
        "counts": counts,
        "keep": None,
        "tree": _core.huffman(counts),
        "window": 2,
        "shrink_windows": True,
        "concentration": 0.1,
        "discount": 0.0,
        "sense_threshold": 1e-10,
        "compute_loss": False,
    }
    arguments.update(change)
    with pytest.raises(error, match=message):
        _core.adagram_train(arguments.pop("tokens"), **arguments)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "test_matches_oracle or test_tiny_vocabularies or test_priors")
