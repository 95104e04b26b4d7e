"""The kernel of fastText's classifier against its float64 oracle."""

import itertools

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, run_at
from lexigrad import _core
from lexigrad.embed.matrix import PaddedMatrix
from oracles import fasttext_classifier as oracle

BUCKETS = 40


def random_lines(rng, words, labels, length):
    """Lines of a few words that begin with up to two labels; some have none, some nothing at all."""
    tokens = []
    while len(tokens) < length:
        tokens += (words + rng.integers(0, labels, rng.integers(0, 3))).tolist()
        tokens += rng.integers(0, words, rng.integers(0, 9)).tolist()
        tokens += [words + int(rng.integers(labels))] if rng.random() < 0.1 else []
        tokens.append(-1)
    return np.array(tokens[:length], np.int32)


class Pair:
    """The same small model for the kernel (float32, padded) and the oracle (float64)."""

    def __init__(self, rng, size, loss, words=30, labels=7, word_ngrams=1, end=True, most_ngrams=4):
        counts = np.sort(rng.integers(1, 1000, labels))[::-1].astype(np.int64)
        numbers = rng.integers(0, most_ngrams + 1, words)
        self.offsets = np.append(0, np.cumsum(numbers)).astype(np.int64)
        self.ngrams = rng.integers(0, BUCKETS, self.offsets[-1]).astype(np.int32)
        self.settings = oracle.Settings(
            words=words,
            ngrams=np.split(self.ngrams, self.offsets[1:-1]),
            hashes=rng.integers(-(2**31), 2**31, words).tolist(),
            end_word=words - 1 if end else -1,
            end_hash=-77,
            buckets=BUCKETS,
            word_ngrams=word_ngrams,
            loss=loss,
            alias=_core.alias_table(counts, 0.5) if loss == "ns" else None,
            tree=_core.huffman(counts) if loss == "hs" else None,
        )
        self.size = size
        shapes = {"input": words, "buckets": BUCKETS, "output": labels - (loss == "hs")}
        self.kernel = {
            name: PaddedMatrix.of(rng.normal(0, 0.5, (rows, size)).astype(np.float32)) for name, rows in shapes.items()
        }
        self.oracle = {name: matrix.view.astype(np.float64) for name, matrix in self.kernel.items()}
        self.labels = labels

    def arguments(self):
        s = self.settings
        return {
            "vector_size": self.size,
            "input": self.kernel["input"].padded,
            "buckets": self.kernel["buckets"].padded,
            "offsets": self.offsets,
            "ngrams": self.ngrams,
            "hashes": np.array(s.hashes, np.int32),
            "word_ngrams": s.word_ngrams,
            "end_word": s.end_word,
            "end_hash": s.end_hash,
            "label_count": self.labels,
            "rows": None if s.loss == "hs" else self.kernel["output"].padded,
            "nodes": self.kernel["output"].padded if s.loss == "hs" else None,
            "alias": s.alias,
            "tree": s.tree,
            "negative": s.negative if s.loss == "ns" else 0,
            "softmax": s.loss == "softmax",
            "one_vs_all": s.loss == "ova",
        }

    def train(self, tokens, *, key=12345, block=16, alpha=0.1, alpha_step=1e-4, threads=1, calls=1, loss=True):
        totals = {"loss": 0.0, "predictions": 0, "kept": 0}
        blocks = -(-len(tokens) // block)
        edges = [min(len(tokens), block * (blocks * i // calls)) for i in range(calls + 1)]
        for begin, end in itertools.pairwise(edges):
            done = _core.fasttext_classifier_train(
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

    def compare(self, tokens, *, key=12345, block=16, alpha=0.1, alpha_step=1e-4, calls=1):
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


LOSSES = ["softmax", "ns", "hs", "ova"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("word_ngrams", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 17, 100])
def test_matches_oracle(loss, size, word_ngrams):
    rng = np.random.default_rng(size)
    pair = Pair(rng, size, loss, word_ngrams=word_ngrams, end=word_ngrams != 4)
    pair.compare(random_lines(rng, 30, 7, 300))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", [1, 2, 60])
def test_few_and_many_labels(loss, labels):
    rng = np.random.default_rng(labels)
    Pair(rng, 12, loss, labels=labels).compare(random_lines(rng, 30, labels, 200))


def test_a_long_line():
    """More rows than are asked for at a time."""
    rng = np.random.default_rng(3)
    tokens = rng.integers(0, 30, 500).astype(np.int32)
    tokens[[0, 250, 300]] = 31, -1, 33
    for most_ngrams in (0, 4):
        Pair(rng, 20, "softmax", word_ngrams=3, most_ngrams=most_ngrams).compare(tokens)


@pytest.mark.parametrize("tokens", [[], [-1], [-1, -1], [31], [0], [31, -1], [31, 0], [0, -1, -1, 0, 31]])
def test_streams_with_little_in_them(tokens):
    for end in (True, False):
        Pair(np.random.default_rng(4), 4, "softmax", end=end).compare(np.array(tokens, np.int32))


def test_softmax_follows_the_gradient():
    """Central differences of the loss of one line: the gradient of a mean, unlike that of word vectors."""
    rng = np.random.default_rng(5)
    tokens = np.array([32, 4, 9, 4], np.int32)
    pair = Pair(rng, 5, "softmax", word_ngrams=2)
    before = {name: values.copy() for name, values in pair.oracle.items()}
    alpha, step = 1e-3, 1e-5
    pair.train(tokens, alpha=alpha, alpha_step=0)

    def loss(name, row, column, change):
        model = {key: values.copy() for key, values in before.items()}
        model[name][row, column] += change
        own, ngrams = oracle.rows_of([4, 9, 4], pair.settings)
        hidden = (model["input"][own].sum(axis=0) + model["buckets"][ngrams].sum(axis=0)) / (len(own) + len(ngrams))
        scores = model["output"] @ hidden
        return np.log(np.exp(scores).sum()) - scores[2]

    for name, row in [("input", 4), ("input", 9), ("input", 29), ("output", 2), ("output", 0)]:
        for column in range(5):
            slope = (loss(name, row, column, step) - loss(name, row, column, -step)) / (2 * step)
            change = pair.kernel[name].view[row, column] - before[name][row, column]
            assert change / alpha == pytest.approx(-slope, rel=0.02, abs=2e-3)


def test_calls_and_blocks_do_not_change_the_result():
    tokens = random_lines(np.random.default_rng(6), 30, 7, 1000)
    results = []
    for calls in (1, 4):
        pair = Pair(np.random.default_rng(7), 20, "softmax", word_ngrams=2)
        pair.train(tokens, calls=calls, loss=calls == 4)
        results.append(pair.kernel["buckets"].view)
    np.testing.assert_array_equal(results[0], results[1])


def test_several_threads_train_every_line():
    tokens = random_lines(np.random.default_rng(8), 30, 7, 5000)
    counts = []
    for threads in (1, 2, 5):
        pair = Pair(np.random.default_rng(9), 16, "hs")
        totals = pair.train(tokens, threads=threads)
        counts.append((totals["predictions"], totals["kept"]))
        assert all(np.isfinite(matrix.view).all() for matrix in pair.kernel.values())
    assert len(set(counts)) == 1


def test_divergence_is_noticed():
    pair = Pair(np.random.default_rng(10), 8, "softmax")
    pair.kernel["input"].view[:] = np.inf
    with pytest.raises(FloatingPointError):
        pair.train(random_lines(np.random.default_rng(10), 30, 7, 100))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"tokens": np.array([31, 37], np.int32)}, ValueError, "below the vocabulary's size"),
        ({"end": 9}, ValueError, "begin and end"),
        ({"label_count": 0}, ValueError, "a label"),
        ({"end_word": 30}, ValueError, "end_word"),
        ({"rows": None}, ValueError, "output rows"),
        ({"hashes": np.zeros(3, np.int32)}, ValueError, "hashes must have shape"),
        ({"softmax": False}, ValueError, "one loss"),
        ({"one_vs_all": True}, ValueError, "one loss"),
        ({"ngrams": np.zeros(1, np.int32)}, ValueError, "number of n-grams"),
        ({"buckets": np.zeros((40, 32), np.float32)}, ValueError, "buckets must have shape"),
        ({"vector_size": 40}, ValueError, "multiple of 16"),
    ],
)
def test_wrong_arguments(change, error, message):
    arguments = Pair(np.random.default_rng(11), 16, "softmax").arguments()
    arguments |= {"tokens": np.array([31, 1], np.int32), "begin": 0, "end": 2, "block": 8, "threads": 1, "alpha": 0.1}
    arguments |= {"alpha_step": 0.0, "min_alpha": 0.0, "key": 1, "compute_loss": False}
    arguments |= change
    with pytest.raises(error, match=message):
        _core.fasttext_classifier_train(arguments.pop("tokens"), **arguments)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "test_matches_oracle or test_few_and_many_labels")
