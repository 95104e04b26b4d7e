"""Word2Vec.score against a float64 oracle and, where it is installed, against gensim."""

import itertools

import numpy as np
import pytest

import lexigrad as lg
from lexigrad import _core
from oracles import word2vec as oracle

WORDS = [f"w{i}" for i in range(40)]


def sentences(count=120, seed=0):
    rng = np.random.default_rng(seed)
    made = [rng.choice(WORDS, rng.integers(1, 25), p=np.arange(1, 41) / 820).tolist() for _ in range(count)]
    return [*made, [], ["w3"], ["unknown"], ["unknown", "w1", "w2"], WORDS * 30]


@pytest.fixture(params=[(1, 1, 1), (1, 1, 5), (0, 1, 4), (0, 0, 4), (1, 1, 60)])
def model(request):
    sg, mean, window = request.param
    settings = {"vector_size": 18, "min_count": 1, "workers": 1, "epochs": 20, "alpha": 0.1}
    return lg.Word2Vec(sentences(), sg=sg, cbow_mean=mean, window=window, hs=1, negative=0, **settings)


def expected(model, log_sigmoid=lambda x: -oracle.softplus(-x)):
    tree = _core.huffman(model.wv.expandos["count"])
    vectors, nodes = model.wv.vectors.astype(float), model.syn1.astype(float)
    known = [[model.wv.key_to_index[word] for word in s if word in model.wv] for s in sentences()]
    settings = {"window": model.window, "skip_gram": model.sg, "mean": model.cbow_mean}
    return [oracle.score(vectors, nodes, tree, ids, log_sigmoid=log_sigmoid, **settings) for ids in known]


def test_scores_are_the_oracles(model):
    np.testing.assert_allclose(model.score(sentences()), expected(model), rtol=1e-5, atol=1e-5)


def test_scores_are_gensims_but_for_its_table(model):
    models = pytest.importorskip("gensim.models")
    theirs = models.Word2Vec(
        vector_size=18, sg=model.sg, cbow_mean=model.cbow_mean, window=model.window, hs=1, negative=0
    )
    theirs.min_count = 1
    theirs.build_vocab_from_freq(dict(zip(model.wv.index_to_key, model.wv.expandos["count"].tolist(), strict=True)))
    theirs.wv.index_to_key, theirs.wv.key_to_index = model.wv.index_to_key, model.wv.key_to_index
    offsets, nodes, labels = _core.huffman(model.wv.expandos["count"])
    for word, (begin, end) in enumerate(itertools.pairwise(offsets)):
        theirs.wv.expandos["point"][word] = nodes[begin:end].astype(np.uint32)
        theirs.wv.expandos["code"][word] = (1 - labels[begin:end]).astype(np.uint8)
    theirs.wv.vectors = np.ascontiguousarray(model.wv.vectors)
    theirs.syn1 = np.ascontiguousarray(model.syn1)

    def looked_up(x):
        """log s(x) as gensim has it, whose 1000 / 6 / 2 is a whole number."""
        cell = np.clip(((x + 6) * 83).astype(int), 0, 999)
        return np.where(np.abs(x) < 6, -oracle.softplus(-(cell / 1000 * 12 - 6)), 0)

    found = theirs.score(sentences(), total_sentences=1000)
    np.testing.assert_allclose(found, expected(model, looked_up), rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(model.score(sentences()), found, rtol=0.025, atol=0.05)


def test_score_takes_generators_and_a_limit(model):
    whole = model.score(sentences())
    assert whole.shape == (len(sentences()),)
    np.testing.assert_allclose(model.score(iter(sentences()), total_sentences=7), whole[:7], rtol=1e-6)
    assert model.score([]).shape == (0,)
    assert model.score(sentences(), total_sentences=0).shape == (0,)


def test_score_leaves_the_model_alone(model):
    before = model.wv.vectors.copy(), model.syn1.copy()
    model.score(sentences())
    np.testing.assert_array_equal(before[0], model.wv.vectors)
    np.testing.assert_array_equal(before[1], model.syn1)


def test_score_refuses():
    with pytest.raises(RuntimeError, match="build_vocab"):
        lg.Word2Vec(hs=1, negative=0).score([["a"]])
    with pytest.raises(RuntimeError, match="hs=1"):
        lg.Word2Vec(sentences(), min_count=1).score([["a"]])
    one = lg.Word2Vec([["a"] * 5], min_count=1, hs=1, negative=0)
    assert one.score([["a", "a"]]).tolist() == [0.0]
    with pytest.raises(TypeError, match="split it"):
        one.score(["a sentence"])
    with pytest.raises(ValueError, match="total_sentences"):
        one.score([["a"]], total_sentences=-1)
