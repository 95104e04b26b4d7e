"""Counts of words near words and in documents, against plain NumPy; spilling to disk; bad input."""

import numpy as np
import pytest

import lexigrad as lg
from lexigrad import _core
from lexigrad.cli import main
from lexigrad.text.vocabulary import Vocabulary
from oracles import cooccurrence as oracle

pytest.importorskip("scipy")


def random_text(words=30, sentences=60, longest=25, seed=0):
    rng = np.random.default_rng(seed)
    draw = np.minimum(rng.geometric(0.15, 10_000) - 1, words - 1)
    return [
        [f"w{word}" for word in draw[i * longest : i * longest + rng.integers(0, longest)]] for i in range(sentences)
    ]


def tokens_of(text, vocabulary):
    tokens = []
    for sentence in text:
        known = [vocabulary.index[word] for word in sentence if word in vocabulary]
        tokens += [*known, -1] if known else []
    return tokens


def same(a, b):
    for x, y in ((a.indptr, b.indptr), (a.indices, b.indices), (a.data, b.data)):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("window", [1, 2, 7, 1000])
@pytest.mark.parametrize("weights", ["flat", "harmonic"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_cooccurrence(window, weights, symmetric):
    text = random_text()
    matrix, vocabulary = lg.cooccurrence(text, window=window, weights=weights, symmetric=symmetric, min_count=3)
    assert matrix.dtype == np.float32
    assert matrix.has_sorted_indices
    expected = oracle.cooccurrence(
        tokens_of(text, vocabulary), len(vocabulary), window, weights == "harmonic", symmetric
    )
    np.testing.assert_allclose(matrix.toarray(), expected, rtol=1e-6)


def test_any_number_of_threads_gives_the_same_bits():
    text = random_text(words=500, sentences=300)
    first, _ = lg.cooccurrence(text, weights="harmonic", min_count=1, workers=1)
    for workers in (2, 3, 8):
        same(lg.cooccurrence(text, weights="harmonic", min_count=1, workers=workers)[0], first)


@pytest.mark.parametrize("memory", [1, 20_000, 40_000])
def test_little_memory_spills_and_merges(memory):
    text = random_text(words=200, sentences=400)
    whole, _ = lg.cooccurrence(text, window=4, min_count=1)
    small, _ = lg.cooccurrence(text, window=4, min_count=1, memory=memory)
    same(small, whole)
    small.data[:] = 0  # mapped from a file, but the user's own


def test_a_given_vocabulary_decides_the_order():
    matrix, vocabulary = lg.cooccurrence([["a", "x", "b", "a"]], ["b", "a", "never"], window=1)
    assert vocabulary.words == ["b", "a", "never"]
    assert matrix.toarray().tolist() == [[0, 2, 0], [2, 0, 0], [0, 0, 0]]


def test_one_word_alone():
    matrix, _ = lg.cooccurrence([["a"]], min_count=1)
    assert matrix.shape == (1, 1)
    assert matrix.nnz == 0
    assert lg.cooccurrence([["a", "a"]], min_count=1, window=3)[0].toarray().tolist() == [[2.0]]


def test_files_and_progress(tmp_path):
    path = tmp_path / "text.txt"
    text = random_text()
    path.write_text("\n".join(" ".join(sentence) for sentence in text))
    seen = []
    same(lg.cooccurrence(path, progress=seen.append)[0], lg.cooccurrence(text)[0])
    assert seen[-1].stage == "counting"
    assert seen[-1].words_done == seen[-1].words_total


@pytest.mark.parametrize("memory", [1, 1 << 20])
def test_term_document(memory):
    text = [*random_text(sentences=40), [], ["rare"], [], ["w0", "w0"], []]
    matrix, vocabulary = lg.term_document(text, min_count=2, memory=memory)
    expected = np.zeros((len(vocabulary), len(text)))
    for place, document in enumerate(text):
        for word in document:
            if word in vocabulary:
                expected[vocabulary.index[word], place] += 1
    np.testing.assert_array_equal(matrix.toarray(), expected)
    assert "rare" not in vocabulary


def test_term_document_of_a_file_and_given_words(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("a b a\n\nc\nb x\n")
    assert lg.term_document(path, ["x", "a", "never"])[0].toarray().tolist() == [[0, 0, 1], [2, 0, 0], [0, 0, 0]]


def test_one_hot_vectors_have_no_similarity():
    rows = lg.one_hot(["b", "a", "b"], Vocabulary(["a", "b", "c"], np.ones(3, np.int64)))
    assert (rows @ rows.T).toarray().tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    assert lg.one_hot([], ["a"]).shape == (0, 1)
    with pytest.raises(KeyError, match="'z' is not in the vocabulary"):
        lg.one_hot(["z"], ["a"])
    with pytest.raises(TypeError, match="not the string"):
        lg.one_hot("ab", ["a", "b"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"window": 0}, ValueError, "window must be a whole number of at least 1"),
        ({"weights": "square"}, ValueError, "weights must be 'flat' or 'harmonic'"),
        ({"memory": 0}, ValueError, "memory must be"),
        ({"workers": 0}, ValueError, "workers must be"),
        ({"min_count": 9}, ValueError, "no word is left"),
        ({"vocabulary": ["a", "b", "a"]}, ValueError, "the word 'a' twice"),
        ({"vocabulary": []}, ValueError, "empty"),
        ({"vocabulary": "ab"}, TypeError, "not the string"),
        ({"vocabulary": [1]}, TypeError, "type int"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        lg.cooccurrence([["a", "b"]], **{"min_count": 1, **options})
    with pytest.raises(ValueError, match="empty"):
        lg.cooccurrence([])


def test_the_compiled_counter_checks_its_input():
    tokens = np.array([0, 5, -1], np.int32)
    options = {"begin": 0, "end": 3, "vocabulary": 6, "weights": [1.0], "symmetric": True, "threads": 1}
    _core.CooccurrenceCounter(tokens, **options)
    for wrong in ({"vocabulary": 5}, {"end": 4}, {"begin": -1}, {"vocabulary": 0}, {"threads": 0}):
        with pytest.raises(ValueError, match="must"):
            _core.CooccurrenceCounter(tokens, **{**options, **wrong})
    offsets, columns, values = np.array([0, 1]), np.array([3], np.int32), np.ones(1, np.float32)
    with pytest.raises(ValueError, match="column is out of range"):
        _core.CooccurrenceMerger([(offsets, columns, values)], vocabulary=1, threads=1)
    with pytest.raises(ValueError, match="offsets must rise"):
        _core.CooccurrenceMerger([(np.array([0, 2]), columns, values)], vocabulary=1, threads=1)


# SVD


@pytest.mark.parametrize(
    "settings",
    [
        {"weighting": "raw"},
        {"weighting": "log", "eigenvalue_weighting": 1.0},
        {},
        {"shift": 3.0, "smoothing": 1.0, "eigenvalue_weighting": 0.0},
        {"solver": "randomized"},
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [4, 20])  # 20 of 30 words: decomposed whole
def test_svd(settings, size):
    if settings.get("solver") == "randomized":
        pytest.importorskip("sklearn")
    text = random_text(sentences=300)
    model = lg.SVDEmbedding(text, vector_size=size, window=2, min_count=1, **settings)
    counts, vocabulary = lg.cooccurrence(text, window=2, min_count=1)
    dense = counts.toarray().astype(float)
    weighting = settings.get("weighting", "ppmi")
    if weighting == "ppmi":
        dense = oracle.ppmi(dense, settings.get("shift", 1.0), settings.get("smoothing", 0.75))
    elif weighting == "log":
        dense = np.log1p(dense)
    u, s, _ = np.linalg.svd(dense)
    np.testing.assert_allclose(model.singular_values, s[:size], rtol=1e-3, atol=1e-3)
    power = settings.get("eigenvalue_weighting", 0.5)
    expected = u[:, :size] * s[:size] ** power
    similarity = np.abs(np.sum(expected[:, :3] * model.wv.vectors[:, :3], axis=0))
    np.testing.assert_allclose(similarity, np.sum(expected[:, :3] ** 2, axis=0), rtol=0.02)
    assert model.wv.index_to_key == vocabulary.words
    again = lg.SVDEmbedding(text, vector_size=size, window=2, min_count=1, workers=2, **settings)
    np.testing.assert_array_equal(again.wv.vectors, model.wv.vectors)


def test_svd_is_saved_and_loaded(tmp_path):
    model = lg.SVDEmbedding(random_text(), vector_size=5, min_count=1, weighting="log")
    path = tmp_path / "svd.safetensors"
    model.save(path)
    loaded = lg.SVDEmbedding.load(path)
    np.testing.assert_array_equal(loaded.wv.vectors, model.wv.vectors)
    np.testing.assert_array_equal(loaded.singular_values, model.singular_values)
    assert loaded.wv.index_to_key == model.wv.index_to_key
    assert loaded.wv.get_vecattr("w0", "count") == model.wv.get_vecattr("w0", "count")
    assert loaded.weighting == "log"
    whole = path.read_bytes()
    for length in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"svd\.safetensors"):
            lg.SVDEmbedding.load(path)
    lg.SVDEmbedding().save(path)
    assert len(lg.SVDEmbedding.load(path).wv) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vector_size": 31}, r"more than the vocabulary's \d+ words"),
        ({"weighting": "tf"}, "weighting must be"),
        ({"solver": "lanczos"}, "solver must be"),
        ({"shift": 0}, "shift must be above 0"),
        ({"smoothing": 1.5}, "smoothing must be from 0 to 1"),
        ({"eigenvalue_weighting": float("nan")}, "eigenvalue_weighting must be"),
    ],
)
def test_svd_bad_input(settings, message):
    with pytest.raises(ValueError, match=message):
        lg.SVDEmbedding(random_text(), **{"vector_size": 2, "min_count": 1, **settings})


def test_svd_of_words_that_never_meet():
    model = lg.SVDEmbedding([["a"], ["b"]], vector_size=2, min_count=1)
    assert not model.wv.vectors.any()


def test_train_svd(tmp_path, capsys):
    text, out = tmp_path / "text.txt", tmp_path / "vectors.txt"
    text.write_text("\n".join(" ".join(sentence) for sentence in random_text()))
    assert main(["train", "svd", str(text), "-o", str(out), "--size", "4", "--window", "2", "--quiet"]) == 0
    model = lg.SVDEmbedding(str(text), vector_size=4, window=2)
    np.testing.assert_allclose(lg.KeyedVectors.load_word2vec_format(out)["w1"], model.wv["w1"], rtol=1e-5, atol=1e-6)
    assert main(["train", "svd", str(text), "-o", str(out), "--size", "1000"]) == 1
    assert "lower it" in capsys.readouterr().err
