"""The fastText kernel against its float64 oracle."""

import itertools

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, run_at
from lexigrad import _core
from lexigrad.embed.matrix import PaddedMatrix
from oracles import fasttext as oracle
from oracles.word2vec import Settings

BUCKETS = 40


def random_stream(rng, vocabulary, length, ends=0.1):
    tokens = rng.integers(0, vocabulary, length).astype(np.int32)
    tokens[rng.random(length) < ends] = -1
    return tokens


class Pair:
    """The same small model for the kernel (float32, padded) and the oracle (float64)."""

    def __init__(self, rng, vocabulary, size, most_ngrams=6, **settings):
        hs = settings.pop("hs", False)
        sample = settings.pop("sample", 0)
        counts = np.sort(rng.integers(1, 1000, vocabulary))[::-1].astype(np.int64)
        self.settings = Settings(**settings)
        self.size = size
        if self.settings.negative:
            self.settings.alias = _core.alias_table(counts, 0.5)
        if hs:
            self.settings.tree = _core.huffman(counts)
        if sample:
            self.settings.keep = _core.keep_limits(counts, sample)
        numbers = rng.integers(0, most_ngrams + 1, vocabulary)
        self.offsets = np.append(0, np.cumsum(numbers)).astype(np.int64)
        self.ngrams = np.concatenate([rng.choice(BUCKETS, n, replace=False) for n in numbers]).astype(np.int32)
        shapes = {"input": vocabulary, "buckets": BUCKETS, "rows": vocabulary, "nodes": max(vocabulary - 1, 0)}
        self.kernel = {
            name: PaddedMatrix.of(rng.normal(0, 0.5, (rows, size)).astype(np.float32)) for name, rows in shapes.items()
        }
        self.oracle = {name: matrix.view.astype(np.float64) for name, matrix in self.kernel.items()}

    def train(self, tokens, *, key=12345, block=64, alpha=0.02, alpha_step=1e-6, threads=1, calls=1, loss=True):
        totals = {"loss": 0.0, "predictions": 0, "kept": 0}
        blocks = -(-len(tokens) // block)
        edges = [min(len(tokens), block * (blocks * i // calls)) for i in range(calls + 1)]
        for begin, end in itertools.pairwise(edges):
            done = _core.fasttext_train(
                tokens,
                **self.arguments(),
                begin=begin,
                end=end,
                block=block,
                threads=threads,
                alpha=alpha,
                alpha_step=alpha_step,
                min_alpha=0.0,
                key=key,
                compute_loss=loss,
            )
            if done["diverged"]:
                raise FloatingPointError
            for name in totals:
                totals[name] += done[name]
        return totals

    def arguments(self):
        s = self.settings
        return {
            "vector_size": self.size,
            "input": self.kernel["input"].padded,
            "buckets": self.kernel["buckets"].padded,
            "offsets": self.offsets,
            "ngrams": self.ngrams,
            "rows": self.kernel["rows"].padded if s.negative or s.softmax else None,
            "nodes": self.kernel["nodes"].padded if s.tree else None,
            "keep": s.keep,
            "alias": s.alias,
            "tree": s.tree,
            "negative": s.negative,
            "softmax": s.softmax,
            "window": s.window,
            "shrink_windows": s.shrink_windows,
            "skip_gram": s.skip_gram,
            "mean": s.mean,
        }

    def compare(self, tokens, *, key=12345, block=64, alpha=0.02, alpha_step=1e-6, calls=1):
        totals = self.train(tokens, key=key, block=block, alpha=alpha, alpha_step=alpha_step, calls=calls)
        ngrams = np.split(self.ngrams, self.offsets[1:-1])
        expected = oracle.train(
            self.oracle, ngrams, tokens, self.settings, key, block, lambda first: alpha - alpha_step * first
        )
        assert totals["predictions"] == expected.predictions
        assert totals["kept"] == expected.kept
        assert totals["loss"] == pytest.approx(expected.loss, rel=1e-5, abs=1e-6)
        for name, matrix in self.kernel.items():
            np.testing.assert_allclose(matrix.view, self.oracle[name], rtol=1e-4, atol=2e-5, err_msg=name)
            assert not matrix.padded[:, self.size :].any()


OBJECTIVES = {
    "negative": {"negative": 5},
    "hierarchical": {"negative": 0, "hs": True},
    "both": {"negative": 3, "hs": True},
    "softmax": {"negative": 0, "softmax": True},
}


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("skip_gram", [True, False])
@pytest.mark.parametrize("size", [1, 17, 100])
def test_matches_oracle(objective, skip_gram, size):
    rng = np.random.default_rng(size)
    pair = Pair(rng, 50, size, skip_gram=skip_gram, **OBJECTIVES[objective])
    pair.compare(random_stream(rng, 50, 200))


@pytest.mark.parametrize("skip_gram", [True, False])
@pytest.mark.parametrize("vocabulary", [1, 2, 5])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_tiny_vocabularies(objective, vocabulary, skip_gram):
    """Windows repeat words, and there are fewer words than places within a window's reach."""
    rng = np.random.default_rng(vocabulary)
    pair = Pair(rng, vocabulary, 10, skip_gram=skip_gram, **OBJECTIVES[objective])
    pair.compare(random_stream(rng, vocabulary, 60), alpha=0.005)


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("window", [1, 9, 2**40])
def test_windows(window, mean):
    rng = np.random.default_rng(3)
    for skip_gram, shrink_windows in itertools.product((True, False), repeat=2):
        pair = Pair(rng, 200, 12, skip_gram=skip_gram, window=window, shrink_windows=shrink_windows, mean=mean)
        pair.compare(random_stream(rng, 200, 150, ends=0.02), alpha=0.0005)


@pytest.mark.parametrize("block", [1, 7, 10**6])
def test_windows_reach_beyond_their_block(block):
    rng = np.random.default_rng(4)
    for skip_gram in (True, False):
        pair = Pair(rng, 40, 9, skip_gram=skip_gram, sample=0.002)
        pair.compare(random_stream(rng, 40, 200, ends=0.02), block=block, calls=3)


def test_many_ngrams():
    """More of them than are asked for at a time, some of them twice."""
    rng = np.random.default_rng(5)
    pair = Pair(rng, 30, 20, most_ngrams=BUCKETS)
    pair.ngrams[pair.offsets[3] :] %= 7
    pair.compare(random_stream(rng, 30, 200), alpha=0.001)


@pytest.mark.parametrize("tokens", [[], [-1], [-1, -1, -1], [0], [0, -1, 0], [-1, 0, 1, -1]])
def test_streams_with_little_in_them(tokens):
    pair = Pair(np.random.default_rng(6), 2, 4)
    pair.compare(np.array(tokens, np.int32))


def test_one_pair_of_words_follows_the_gradient():
    """A small step changes a row by n times the gradient of the log likelihood: fastText does not divide it by n."""
    rng = np.random.default_rng(7)
    pair = Pair(rng, 2, 5, negative=0, hs=True, window=1)
    before = {name: values.copy() for name, values in pair.oracle.items()}
    tokens, alpha = np.array([0, 1], np.int32), 1e-3
    pair.train(tokens, alpha=alpha, alpha_step=0)

    def likelihood(buckets):
        ngrams = np.split(pair.ngrams, pair.offsets[1:-1])
        total = 0.0
        for word, target in [(1, 0), (0, 1)]:
            hidden = np.mean([before["input"][word], *buckets[ngrams[word]]], axis=0)
            label = pair.settings.tree[2][target]
            total -= np.logaddexp(0, (1 - 2 * label) * (hidden @ before["nodes"][0]))
        return total

    step = 1e-5
    ngrams = np.split(pair.ngrams, pair.offsets[1:-1])
    for word, own in enumerate(ngrams):
        alone = [b for b in own if b not in ngrams[1 - word]]
        for b, i in itertools.product(alone[:2], range(5)):
            moved = before["buckets"].copy()
            moved[b, i] += step
            slope = (likelihood(moved) - likelihood(before["buckets"])) / step * (1 + len(own))
            change = pair.kernel["buckets"].view[b, i] - before["buckets"][b, i]
            assert change / alpha == pytest.approx(slope, rel=0.05, abs=5e-3)


def test_calls_and_blocks_do_not_change_the_result():
    """One worker: the same bits however the epoch is cut into calls."""
    tokens = random_stream(np.random.default_rng(7), 100, 2000)
    results = []
    for calls in (1, 4, 11):
        pair = Pair(np.random.default_rng(8), 100, 20, sample=0.01)
        pair.train(tokens, calls=calls, loss=calls == 4)
        results.append(pair.kernel["buckets"].view)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_several_threads_train_every_block():
    """Updates race by design, so only what does not depend on the vectors can be compared."""
    tokens = random_stream(np.random.default_rng(9), 500, 10000)
    counts = []
    for threads in (1, 2, 5):
        pair = Pair(np.random.default_rng(10), 500, 16, sample=0.01)
        totals = pair.train(tokens, threads=threads, alpha=0.01, alpha_step=0)
        counts.append((totals["predictions"], totals["kept"]))
        assert all(np.isfinite(matrix.view).all() for matrix in pair.kernel.values())
    assert len(set(counts)) == 1


def test_divergence_is_noticed():
    rng = np.random.default_rng(11)
    pair = Pair(rng, 20, 8)
    pair.kernel["buckets"].view[:] = np.inf
    with pytest.raises(FloatingPointError):
        pair.train(random_stream(rng, 20, 200))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tokens": np.array([0, 5], np.int32)}, ValueError, "below the vocabulary's size"),
        ({"end": 9}, ValueError, "begin and end"),
        ({"window": 0}, ValueError, "window"),
        ({"rows": None}, ValueError, "output rows"),
        ({"offsets": np.array([0, 1], np.int64)}, ValueError, "offsets must have shape"),
        ({"offsets": np.array([0, 1, 1, 3], np.int64)}, ValueError, "number of n-grams"),
        ({"offsets": np.array([0, 2, 1, 2], np.int64)}, ValueError, "must rise"),
        ({"ngrams": np.array([0, 40], np.int32)}, ValueError, "rows of buckets"),
        ({"ngrams": np.array([-1, 4], np.int32)}, ValueError, "rows of buckets"),
        ({"ngrams": np.array([0, 4], np.int64)}, TypeError, "int32"),
        ({"buckets": np.zeros((40, 32), np.float32)}, ValueError, "buckets must have shape"),
        ({"buckets": np.zeros((40, 16), np.float64)}, TypeError, "float32"),
        ({"vector_size": 40}, ValueError, "multiple of 16"),
    ],
)
def test_wrong_arguments(change, error, message):
    pair = Pair(np.random.default_rng(12), 3, 16, negative=2)
    arguments = pair.arguments() | {"offsets": np.array([0, 1, 1, 2], np.int64), "ngrams": np.array([0, 4], np.int32)}
    arguments |= {"tokens": np.array([0, 1], np.int32), "begin": 0, "end": 2, "block": 8, "threads": 1, "alpha": 0.1}
    arguments |= {"alpha_step": 0.0, "min_alpha": 0.0, "key": 1, "compute_loss": False}
    arguments |= change
    with pytest.raises(error, match=message):
        _core.fasttext_train(arguments.pop("tokens"), **arguments)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "test_matches_oracle or test_tiny_vocabularies")
