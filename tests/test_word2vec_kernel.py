"""The word2vec kernel against its float64 oracle, and what both are built from."""

import itertools

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, run_at
from lexigrad import _core
from lexigrad.embed.matrix import PaddedMatrix
from oracles import word2vec as oracle


def random_stream(rng, vocabulary, length, ends=0.1):
    tokens = rng.integers(0, vocabulary, length).astype(np.int32)
    tokens[rng.random(length) < ends] = -1
    return tokens


class Pair:
    """The same small model for the kernel (float32, padded) and the oracle (float64)."""

    def __init__(self, rng, vocabulary, size, **settings):
        hs = settings.pop("hs", False)
        sample = settings.pop("sample", 0)
        counts = np.sort(rng.integers(1, 1000, vocabulary))[::-1].astype(np.int64)
        self.settings = oracle.Settings(**settings)
        self.size = size
        if self.settings.negative:
            self.settings.alias = _core.alias_table(counts, 0.75)
        if hs:
            self.settings.tree = _core.huffman(counts)
        if sample:
            self.settings.keep = _core.keep_limits(counts, sample)
        shapes = {"input": vocabulary, "rows": vocabulary, "nodes": max(vocabulary - 1, 0)}
        self.kernel = {
            name: PaddedMatrix.of(rng.normal(0, 0.5, (rows, size)).astype(np.float32)) for name, rows in shapes.items()
        }
        self.oracle = {name: matrix.view.astype(np.float64) for name, matrix in self.kernel.items()}

    def train(self, tokens, *, key=12345, block=64, alpha=0.05, alpha_step=1e-6, threads=1, calls=1, loss=True):
        s = self.settings
        totals = {"loss": 0.0, "predictions": 0, "kept": 0}
        blocks = -(-len(tokens) // block)
        edges = [min(len(tokens), block * (blocks * i // calls)) for i in range(calls + 1)]
        for begin, end in itertools.pairwise(edges):
            done = _core.word2vec_train(
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
                input=self.kernel["input"].padded,
                rows=self.kernel["rows"].padded if s.negative or s.softmax else None,
                nodes=self.kernel["nodes"].padded if s.tree else None,
                lock=s.lock,
                keep=s.keep,
                alias=s.alias,
                tree=s.tree,
                negative=s.negative,
                softmax=s.softmax,
                window=s.window,
                shrink_windows=s.shrink_windows,
                skip_gram=s.skip_gram,
                mean=s.mean,
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
        for name, matrix in self.kernel.items():
            np.testing.assert_allclose(matrix.view, self.oracle[name], rtol=1e-4, atol=2e-5, err_msg=name)
            assert not matrix.padded[:, self.size :].any()


OBJECTIVES = {
    "negative": {"negative": 5},
    "many_negatives": {"negative": 11},
    "one_negative": {"negative": 1},
    "hierarchical": {"negative": 0, "hs": True},
    "both": {"negative": 3, "hs": True},
    "softmax": {"negative": 0, "softmax": True},
}


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("skip_gram", [True, False])
@pytest.mark.parametrize("size", [1, 3, 15, 16, 17, 33, 100])
def test_matches_oracle(objective, skip_gram, size):
    rng = np.random.default_rng(size)
    pair = Pair(rng, 50, size, skip_gram=skip_gram, **OBJECTIVES[objective])
    pair.compare(random_stream(rng, 50, 300))


@pytest.mark.parametrize("skip_gram", [True, False])
@pytest.mark.parametrize("vocabulary", [1, 2, 3, 7])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_tiny_vocabularies(objective, vocabulary, skip_gram):
    """Negative samples collide with the word and with each other, and windows repeat words."""
    rng = np.random.default_rng(vocabulary)
    pair = Pair(rng, vocabulary, 10, skip_gram=skip_gram, **OBJECTIVES[objective])
    pair.compare(random_stream(rng, vocabulary, 60), alpha=0.01)


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("shrink_windows", [True, False])
@pytest.mark.parametrize("window", [1, 2, 9, 40, 1000, 2**40])
def test_windows(window, shrink_windows, mean):
    rng = np.random.default_rng(3)
    for skip_gram in (True, False):
        pair = Pair(rng, 200, 12, skip_gram=skip_gram, window=window, shrink_windows=shrink_windows, mean=mean)
        pair.compare(random_stream(rng, 200, 400, ends=0.005), alpha=0.002)


@pytest.mark.parametrize("block", [1, 2, 7, 100, 10**6])
def test_windows_reach_beyond_their_block(block):
    """Subsampled words left and right of a block are the same as in one pass, whatever the blocks."""
    rng = np.random.default_rng(4)
    pair = Pair(rng, 40, 9, sample=0.002)
    assert pair.settings.keep.min() < 2**31
    pair.compare(random_stream(rng, 40, 500, ends=0.02), block=block, calls=3)


def test_frozen_words():
    rng = np.random.default_rng(5)
    for skip_gram in (True, False):
        pair = Pair(rng, 30, 8, skip_gram=skip_gram)
        pair.settings.lock = rng.choice([0.0, 0.5, 1.0], 30).astype(np.float32)
        before = pair.kernel["input"].view.copy()
        pair.compare(random_stream(rng, 30, 300))
        frozen = pair.settings.lock == 0
        np.testing.assert_array_equal(pair.kernel["input"].view[frozen], before[frozen])


@pytest.mark.parametrize("tokens", [[], [-1], [-1, -1, -1], [0], [0, -1, 0], [-1, 0, 1, -1]])
def test_streams_with_little_in_them(tokens):
    pair = Pair(np.random.default_rng(6), 2, 4)
    pair.compare(np.array(tokens, np.int32))


def test_calls_and_blocks_do_not_change_the_result():
    """One worker: the same bits however the epoch is cut into calls."""
    tokens = random_stream(np.random.default_rng(7), 100, 3000)
    results = []
    for calls in (1, 4, 11):
        pair = Pair(np.random.default_rng(8), 100, 20, sample=0.01)
        pair.train(tokens, calls=calls, loss=calls == 4)
        results.append(pair.kernel["input"].view)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_several_threads_train_every_block():
    """Updates race by design, so only what does not depend on the vectors can be compared."""
    tokens = random_stream(np.random.default_rng(9), 500, 20000)
    counts = []
    for threads in (1, 2, 3, 7):
        pair = Pair(np.random.default_rng(10), 500, 16, sample=0.01)
        totals = pair.train(tokens, threads=threads, alpha=0.01, alpha_step=0)
        counts.append((totals["predictions"], totals["kept"]))
        assert np.isfinite(pair.kernel["input"].view).all()
    assert len(set(counts)) == 1


def test_divergence_is_noticed():
    rng = np.random.default_rng(11)
    pair = Pair(rng, 20, 8)
    tokens = random_stream(rng, 20, 200)
    pair.kernel["input"].view[:] = np.inf
    with pytest.raises(FloatingPointError):
        pair.train(tokens)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tokens": np.array([0, 5], np.int32)}, ValueError, "below the vocabulary's size"),
        ({"tokens": np.array([0, 1], np.int64)}, TypeError, "int32"),
        ({"begin": -1}, ValueError, "begin and end"),
        ({"end": 9}, ValueError, "begin and end"),
        ({"window": 0}, ValueError, "window"),
        ({"block": 0}, ValueError, "block"),
        ({"rows": None}, ValueError, "output rows"),
        ({"alias": None}, ValueError, "alias"),
        ({"negative": -1}, ValueError, "negative"),
        ({"input": np.zeros((3, 16), np.float64)}, TypeError, "float32"),
        ({"vector_size": 40}, ValueError, "multiple of 16"),
    ],
)
def test_wrong_arguments(change, error, message):
    matrix = PaddedMatrix(3, 16)
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
        "input": matrix.padded,
        "rows": PaddedMatrix(3, 16).padded,
        "nodes": None,
        "lock": None,
        "keep": None,
        "alias": _core.alias_table(np.array([3, 2, 1]), 0.75),
        "tree": None,
        "negative": 2,
        "softmax": False,
        "window": 2,
        "shrink_windows": True,
        "skip_gram": True,
        "mean": True,
        "compute_loss": False,
    }
    arguments.update(change)
    with pytest.raises(error, match=message):
        _core.word2vec_train(arguments.pop("tokens"), **arguments)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "test_matches_oracle or test_tiny_vocabularies")


# What training draws from


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("exponent", [0.75, 0.0, 1.0, -0.5])
def test_alias_table_is_the_distribution(size, exponent):
    counts = np.random.default_rng(size).integers(1, 10**6, size)
    table = _core.alias_table(counts, exponent)
    stays = np.where(table[:, 0] == 2**32 - 1, 1.0, table[:, 0] / 2**32)
    found = stays / size
    np.add.at(found, table[:, 1].astype(np.int64), (1 - stays) / size)
    weights = counts.astype(float) ** exponent
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sample", [1e-5, 1e-3, 0.5, 1.0, 20.0])
def test_keep_limits(sample):
    counts = np.array([10**9, 10**6, 1000, 5, 1])
    limits = _core.keep_limits(counts, sample)
    np.testing.assert_allclose(limits / (2**32 - 1), oracle.keep_probability(counts, sample), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 100])
def test_huffman_is_an_optimal_prefix_code(size):
    counts = np.sort(np.random.default_rng(size).integers(1, 1000, size))[::-1].astype(np.int64)
    offsets, nodes, labels = _core.huffman(counts)
    paths = [list(zip(nodes[a:b].tolist(), labels[a:b].tolist(), strict=True)) for a, b in itertools.pairwise(offsets)]
    lengths = np.array([len(path) for path in paths])
    assert (counts * lengths).sum() == (counts * oracle.huffman_lengths(counts)).sum()
    assert len({tuple(label for _, label in path) for path in paths}) == size
    # Words that share a prefix of decisions share the nodes on the way, and no others.
    at = {}
    for path in paths:
        for depth, (node, _) in enumerate(path):
            prefix = tuple(label for _, label in path[:depth])
            assert at.setdefault(prefix, node) == node
    assert sorted(at.values()) == list(range(size - 1))
