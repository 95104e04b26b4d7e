"""The doc2vec kernel against its float64 oracle."""

import itertools

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, run_at
from lexigrad import _core
from lexigrad.embed.matrix import PaddedMatrix
from oracles import doc2vec as oracle

OBJECTIVES = {
    "negative": {"negative": 5},
    "hierarchical": {"negative": 0, "hs": True},
    "both": {"negative": 3, "hs": True},
}
KINDS = {
    "dbow": {"skip_gram": True},
    "dbow_words": {"skip_gram": True, "train_words": True},
    "mean": {"skip_gram": False},
    "sum": {"skip_gram": False, "mean": False},
    "concatenation": {"skip_gram": False, "concatenate": True, "shrink_windows": False, "window": 2},
}


def random_documents(rng, vocabulary, length, ends=0.1):
    """A stream in which every document has an end, some at once, and the last token is one."""
    tokens = rng.integers(0, vocabulary, length).astype(np.int32)
    tokens[rng.random(length) < ends] = -1
    tokens[-1] = -1
    return tokens


def random_tags(rng, documents, tags, most):
    """Some tags of each document, as a list of arrays; one may be there twice."""
    return [rng.integers(0, tags, rng.integers(0, most + 1)).astype(np.int32) for _ in range(documents)]


class Pair:
    """The same small model for the kernel (float32, padded) and the oracle (float64)."""

    def __init__(self, rng, vocabulary, size, tags, **settings):
        hs = settings.pop("hs", False)
        sample = settings.pop("sample", 0)
        counts = np.sort(rng.integers(1, 1000, vocabulary))[::-1].astype(np.int64)
        self.settings = s = oracle.Settings(**settings)
        self.size = size
        if s.negative:
            s.alias = _core.alias_table(counts, 0.75)
        if hs:
            s.tree = _core.huffman(counts)
        if sample:
            s.keep = _core.keep_limits(counts, sample)
        places = (s.tag_count + 2 * s.window) * size if s.concatenate else size
        shapes = {
            "input": (vocabulary, size),
            "documents": (tags, size),
            "padding": (1, size),
            "rows": (vocabulary, places),
            "nodes": (max(vocabulary - 1, 0), places),
        }
        self.kernel = {
            name: PaddedMatrix.of(rng.normal(0, 0.3, shape).astype(np.float32)) for name, shape in shapes.items()
        }
        self.oracle = {name: matrix.view.astype(np.float64) for name, matrix in self.kernel.items()}

    def trainer(self, **change):
        s = self.settings
        arguments = {
            "vector_size": self.size,
            "input": self.kernel["input"].padded,
            "rows": self.kernel["rows"].padded if s.negative else None,
            "nodes": self.kernel["nodes"].padded if s.tree else None,
            "lock": s.lock,
            "keep": s.keep,
            "alias": s.alias,
            "tree": s.tree,
            "negative": s.negative,
            "documents": self.kernel["documents"].padded,
            "document_lock": s.document_lock,
            "window": s.window,
            "shrink_windows": s.shrink_windows,
            "dbow": s.skip_gram,
            "mean": s.mean,
            "train_words": s.train_words,
            "padding": self.kernel["padding"].padded if s.concatenate else None,
            "tag_count": s.tag_count,
        }
        return _core.Doc2VecTrainer(**{**arguments, **change})

    def train(self, tokens, own_tags, *, block=64, alpha=0.05, calls=1, **change):
        schedule = {"alpha_step": 1e-6, "min_alpha": 0.0, "key": 12345, "threads": 1, "compute_loss": True}
        documents = {"ends": np.flatnonzero(tokens == -1), "tag_offsets": None, "tags": None}
        if own_tags is not None:
            documents["tag_offsets"] = np.cumsum([0, *map(len, own_tags)])
            documents["tags"] = np.concatenate([*own_tags, np.empty(0, np.int32)])
        totals = {"loss": 0.0, "predictions": 0, "kept": 0}
        trainer = self.trainer()
        blocks = -(-len(tokens) // block)
        edges = [min(len(tokens), block * (blocks * i // calls)) for i in range(calls + 1)]
        for begin, end in itertools.pairwise(edges):
            arguments = {"begin": begin, "end": end, "block": block, "alpha": alpha, **schedule, **documents, **change}
            done = trainer.train(tokens, **arguments)
            assert not done["diverged"]
            for name in totals:
                totals[name] += done[name]
        return totals

    def compare(self, tokens, tags=None, *, block=64, alpha=0.05, calls=1):
        totals = self.train(tokens, tags, block=block, alpha=alpha, calls=calls)
        rows = tags if tags is not None else np.arange(np.count_nonzero(tokens == -1))[:, None]
        expected = oracle.train(
            self.oracle, tokens, rows, self.settings, 12345, block, lambda first: alpha - 1e-6 * first
        )
        assert totals["predictions"] == expected.predictions
        assert totals["kept"] == expected.kept
        assert totals["loss"] == pytest.approx(expected.loss, rel=1e-5, abs=1e-6)
        for name, matrix in self.kernel.items():
            np.testing.assert_allclose(matrix.view, self.oracle[name], rtol=1e-4, atol=2e-5, err_msg=name)
            assert not matrix.padded[:, matrix.view.shape[1] :].any()


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 3, 16, 17, 31])
def test_matches_oracle(objective, kind, size):
    rng = np.random.default_rng(size)
    pair = Pair(rng, 50, size, 60, **OBJECTIVES[objective], **KINDS[kind])
    pair.compare(random_documents(rng, 50, 250))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "concatenation"])
@pytest.mark.parametrize("most", [1, 2, 7, 40])
def test_several_tags(kind, most):
    rng = np.random.default_rng(most)
    for tags in (1, 5, 60):
        pair = Pair(rng, 50, 10, tags, **KINDS[kind])
        tokens = random_documents(rng, 50, 200)
        pair.compare(tokens, random_tags(rng, np.count_nonzero(tokens == -1), tags, most), alpha=0.01)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_concatenation_of_several_tags(count):
    rng = np.random.default_rng(count)
    pair = Pair(rng, 50, 9, 20, tag_count=count, **KINDS["concatenation"])
    tokens = random_documents(rng, 50, 200)
    pair.compare(tokens, [rng.integers(0, 20, count).astype(np.int32) for _ in range(np.count_nonzero(tokens == -1))])


@pytest.mark.parametrize("kind", KINDS)
def test_locks_subsampling_and_calls(kind):
    rng = np.random.default_rng(5)
    lock, document_lock = (rng.random(n).astype(np.float32).round() for n in (40, 100))
    settings = {**KINDS[kind], "lock": lock, "document_lock": document_lock, "sample": 0.01}
    Pair(rng, 40, 11, 100, **settings).compare(random_documents(rng, 40, 400), block=32, calls=3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vocabulary", [1, 2])
def test_tiny_vocabularies(kind, vocabulary):
    rng = np.random.default_rng(vocabulary)
    for objective in OBJECTIVES.values():
        pair = Pair(rng, vocabulary, 5, 30, **objective, **KINDS[kind])
        pair.compare(random_documents(rng, vocabulary, 60, ends=0.3), alpha=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_several_threads_learn(kind):
    """Updates race by design: what is the same is what was seen."""
    rng = np.random.default_rng(1)
    tokens = random_documents(rng, 50, 3000)
    pair, other = (Pair(np.random.default_rng(2), 50, 20, 600, **KINDS[kind]) for _ in range(2))
    done, expected = pair.train(tokens, None, threads=3), other.train(tokens, None)
    assert (done["predictions"], done["kept"]) == (expected["predictions"], expected["kept"])
    assert done["loss"] == pytest.approx(expected["loss"], rel=0.05)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kind", KINDS)
def test_inference_matches_oracle(objective, kind):
    rng = np.random.default_rng(8)
    pair = Pair(rng, 50, 19, 3, sample=0.05, **OBJECTIVES[objective], **KINDS[kind])
    documents = [rng.integers(0, 50, n).astype(np.int32) for n in (30, 0, 1, 7)]
    offsets = np.cumsum([0, *map(len, documents)])
    first = rng.normal(0, 0.1, (len(documents), 19)).astype(np.float32)
    before = {name: matrix.padded.copy() for name, matrix in pair.kernel.items()}
    keys, alphas = [11, 12, 13], [0.05, 0.03, 0.01]
    found = {}
    for threads in (1, 3):
        vectors = PaddedMatrix.of(first)
        schedule = {"threads": threads, "epochs": 3, "alpha": 0.05, "min_alpha": 0.01, "keys": keys}
        tokens = np.concatenate(documents)
        assert not pair.trainer().infer(tokens, offsets=offsets, vectors=vectors.padded, **schedule)
        found[threads] = vectors.view.copy()
    np.testing.assert_array_equal(found[1], found[3])
    for words, start, vector in zip(documents, first, found[1], strict=True):
        expected = oracle.infer(pair.oracle, words, start.astype(float), pair.settings, keys, alphas)
        np.testing.assert_allclose(vector, expected, rtol=1e-4, atol=1e-5)
    for name, matrix in pair.kernel.items():
        np.testing.assert_array_equal(matrix.padded, before[name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ends": np.array([1, 3])}, "ends must be the positions"),
        ({"ends": np.array([2])}, "ends must be the positions"),
        ({"ends": np.array([2, 5, 9])}, "ends must be the positions"),
        ({"tag_offsets": np.array([0, 2, 1]), "tags": np.zeros(1, np.int32)}, "tag_offsets must rise"),
        ({"tag_offsets": np.array([0, 1, 2]), "tags": np.array([0, 9], np.int32)}, "tags must be rows"),
        ({"tag_offsets": np.array([0, 1, 2]), "tags": np.array([0, -1], np.int32)}, "tags must be rows"),
        ({"end": 7}, "begin and end"),
    ],
)
def test_refuses_documents_that_do_not_fit(change, message):
    pair = Pair(np.random.default_rng(0), 5, 4, 3)
    with pytest.raises(ValueError, match=message):
        pair.train(np.array([0, 1, -1, 2, 4, -1], np.int32), None, **change)


def test_refuses_more_documents_than_rows():
    pair = Pair(np.random.default_rng(0), 5, 4, 1)
    with pytest.raises(ValueError, match="every document needs a row"):
        pair.train(np.array([0, 1, -1, 2, 4, -1], np.int32), None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": np.array([0, -1], np.int32)}, "words of the vocabulary"),
        ({"tokens": np.array([0, 5], np.int32)}, "words of the vocabulary"),
        ({"offsets": np.array([0, 1])}, "offsets must rise"),
        ({"offsets": np.array([0, 3])}, "offsets must rise"),
        ({"keys": [1]}, "a key for each"),
    ],
)
def test_inference_refuses_what_does_not_fit(change, message):
    pair = Pair(np.random.default_rng(0), 5, 4, 3)
    arguments = {
        "tokens": np.array([0, 1], np.int32),
        "offsets": np.array([0, 2]),
        "vectors": PaddedMatrix(1, 4).padded,
        "threads": 1,
        "epochs": 2,
        "alpha": 0.1,
        "min_alpha": 0.1,
        "keys": [1, 2],
        **change,
    }
    with pytest.raises(ValueError, match=message):
        pair.trainer().infer(arguments.pop("tokens"), **arguments)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "both and (test_matches_oracle or test_inference_matches_oracle)")
