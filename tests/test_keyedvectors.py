"""KeyedVectors: every method against NumPy and, where it is installed, against gensim."""

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import lexigrad
from lexigrad import KeyedVectors
from oracles import similarity as oracle

WORDS = [f"word{i}" for i in range(60)]


def filled(words, vectors):
    result = KeyedVectors(vectors.shape[1], dtype=vectors.dtype)
    result.index_to_key = list(words)
    result.key_to_index = {word: i for i, word in enumerate(words)}
    result.vectors = vectors
    return result


def random_vectors(count=60, size=13, seed=0):
    return np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)


def padded(vectors, stride):
    buffer = np.full((len(vectors), stride), np.nan, np.float32)
    buffer[:, : vectors.shape[1]] = vectors
    return buffer[:, : vectors.shape[1]]


@pytest.fixture(params=["plain", "padded", "float64", "float16", "columns"])
def kv(request):
    vectors = random_vectors()
    if request.param == "padded":
        vectors = padded(vectors, 16)
    elif request.param == "columns":
        vectors = np.asfortranarray(vectors)
    elif request.param.startswith("float"):
        vectors = vectors.astype(request.param)
    return filled(WORDS, vectors)


@pytest.fixture
def both():
    """Ours and gensim's, of the same vectors."""
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    theirs = models.KeyedVectors(13)
    theirs.add_vectors(WORDS, random_vectors())
    return filled(WORDS, random_vectors()), theirs


def assert_same_neighbours(ours, theirs):
    assert [key for key, _ in ours] == [key for key, _ in theirs]
    np.testing.assert_allclose([s for _, s in ours], [s for _, s in theirs], atol=2e-6)
    assert all(type(score) is float for _, score in ours)


# Against gensim


@pytest.mark.parametrize(
    "arguments",
    [
        {"positive": "word3"},
        {"positive": ["word3"]},
        {"positive": 3},
        {"positive": np.int64(3)},
        {"positive": ["word3", "word4"], "negative": ["word5"]},
        {"positive": ["word3", "word4"], "negative": "word5"},
        {"positive": [("word3", 0.3), "word4"], "negative": [("word5", -2.0)]},
        {"positive": [("word3", 2), (np.arange(13, dtype=np.float32), 0.5)]},
        {"positive": np.arange(13, dtype=np.float32)},
        {"positive": random_vectors(2)},
        {"negative": ["word1"]},
        {"positive": ["word3"], "topn": 1},
        {"positive": ["word3"], "topn": 0},
        {"positive": ["word3"], "topn": -2},
        {"positive": ["word3"], "topn": 1000},
        {"positive": ["word3"], "restrict_vocab": 10},
        {"positive": ["word3"], "restrict_vocab": 1000},
        {"positive": ["word30"], "clip_start": 5, "clip_end": 20},
        {"positive": ["word10"], "clip_start": 5, "clip_end": 20},
        {"positive": ["word10"], "clip_end": 0},
        {"positive": ["word10"], "clip_start": 5, "clip_end": 20, "restrict_vocab": 12},
        {"positive": ["word10"], "clip_start": 50, "clip_end": 20},
    ],
)
def test_most_similar_like_gensim(both, arguments):
    ours, theirs = both
    assert_same_neighbours(ours.most_similar(**arguments), theirs.most_similar(**arguments))


@pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`")
def test_all_similarities_like_gensim(both):
    for arguments in ({}, {"restrict_vocab": 7}, {"clip_start": 3, "clip_end": 50}):
        a, b = (kv.most_similar(["word3"], topn=None, **arguments) for kv in both)
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, atol=2e-6)
    a, b = (kv.most_similar_cosmul(["word3"], ["word4"], topn=None) for kv in both)
    np.testing.assert_allclose(a, b, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:Call to deprecated")
def test_old_names_like_gensim(both):
    ours, theirs = both
    for kv in both:
        kv.init_sims()
    np.testing.assert_allclose(ours.norms, theirs.norms, rtol=1e-6)
    for norm in (False, True):
        np.testing.assert_allclose(ours.word_vec("word3", norm), theirs.word_vec("word3", norm), rtol=1e-6)
    assert ours.words_closer_than("word1", "word30") == theirs.words_closer_than("word1", "word30")
    for kv in both:
        kv.init_sims(replace=True)
    np.testing.assert_allclose(ours.vectors, theirs.vectors, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`")
def test_other_queries_like_gensim(both):
    ours, theirs = both
    vector = random_vectors(1, seed=9)[0]
    calls = [
        lambda kv: kv.similar_by_word("word7", 5, 30),
        lambda kv: kv.similar_by_key("word7", topn=3),
        lambda kv: kv.similar_by_vector(vector, 5, 30),
        lambda kv: kv.most_similar_cosmul(["word1", "word2"], ["word3"], 4),
        lambda kv: kv.most_similar_cosmul("word1"),
        lambda kv: kv.most_similar_cosmul("word1", "word2"),
    ]
    for call in calls:
        a, b = call(ours), call(theirs)
        assert [key for key, _ in a] == [key for key, _ in b]
        np.testing.assert_allclose([s for _, s in a], [s for _, s in b], rtol=1e-4)


def test_cosmul_looks_at_the_first_words_only():
    kv = filled(WORDS, random_vectors())
    everything = [key for key, _ in kv.most_similar_cosmul(["word1", "word2"], ["word3"], 100)]
    first = [key for key, _ in kv.most_similar_cosmul(["word1", "word2"], ["word3"], 100, 40)]
    assert first == [key for key in everything if int(key[4:]) < 40]


def test_values_like_gensim(both):
    ours, theirs = both
    vector = random_vectors(1, seed=9)[0]
    calls = [
        lambda kv: kv["word1"],
        lambda kv: kv[4],
        lambda kv: kv[["word1", "word2"]],
        lambda kv: kv.get_vector("word1", norm=True),
        lambda kv: kv.get_normed_vectors(),
        lambda kv: kv.get_mean_vector(["word1", "word2", "none"]),
        lambda kv: kv.get_mean_vector(["word1", vector], [1.0, -3.0]),
        lambda kv: kv.get_mean_vector(["word1", 2], np.array([0.5, 3]), pre_normalize=False),
        lambda kv: kv.get_mean_vector(["word1", "word2"], post_normalize=True),
        lambda kv: kv.get_mean_vector(["none"]),
        lambda kv: kv.similarity("word1", "word2"),
        lambda kv: kv.distance("word1", "word2"),
        lambda kv: kv.n_similarity(["word1", "word2"], ["word3", "word4", "word5"]),
        lambda kv: kv.distances("word1"),
        lambda kv: kv.distances(vector),
        lambda kv: kv.distances("word1", ["word2", "word3"]),
        lambda kv: kv.cosine_similarities(vector, random_vectors()),
        lambda kv: kv.relative_cosine_similarity("word1", "word2", topn=5),
        lambda kv: [similarity for similarity, _ in kv.rank_by_centrality(WORDS[:9])],
    ]
    for call in calls:
        a, b = call(ours), call(theirs)
        assert np.asarray(a).dtype == np.float32 or isinstance(a, float | list)
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, atol=2e-6)
    equal = [
        lambda kv: kv.doesnt_match(WORDS[:9]),
        lambda kv: kv.rank("word1", "word30"),
        lambda kv: kv.closer_than("word1", "word30"),
        lambda kv: kv.most_similar_to_given("word1", WORDS[5:20]),
        lambda kv: [word for _, word in kv.rank_by_centrality(WORDS[:9])],
        lambda kv: (len(kv), "word1" in kv, "none" in kv, 5 in kv, 60 in kv, -1 in kv, str(kv)),
        lambda kv: (kv.get_index("word5"), kv.get_index("none", 7), kv.has_index_for("none")),
        lambda kv: (kv.index_to_key, kv.key_to_index, kv.vector_size),
    ]
    for call in equal:
        assert call(ours) == call(theirs)


def test_attributes_and_order_like_gensim(both):
    for kv in both:
        for i, word in enumerate(WORDS):
            kv.set_vecattr(word, "count", [3, 9, 4, 1][i % 4])
        kv.set_vecattr("word2", "weight", 0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kv.sort_by_descending_frequency()
    ours, theirs = both
    assert ours.index_to_key == theirs.index_to_key
    assert ours.key_to_index == theirs.key_to_index
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)
    assert set(ours.expandos) == set(theirs.expandos)
    for name, values in ours.expandos.items():
        np.testing.assert_array_equal(values, theirs.expandos[name])
        assert values.dtype == theirs.expandos[name].dtype
    for kv in both:
        with pytest.raises(TypeError):
            kv.set_vecattr("word1", "count", "many")


def test_resizing_like_gensim(both):
    for kv in both:
        kv.set_vecattr("word1", "count", 5)
        kv.index_to_key += ["a", "b"]
        kv.key_to_index |= {"a": 60, "b": 61}
        kv.resize_vectors(seed=4)
    ours, theirs = both
    np.testing.assert_allclose(ours.vectors, theirs.vectors, rtol=1e-6)
    np.testing.assert_array_equal(ours.expandos["count"], theirs.expandos["count"])


# Every layout of the vectors


def test_neighbours_against_the_oracle(kv):
    exact = oracle.cosines(kv.vectors, kv.vectors[5])
    expected = oracle.find_neighbours(exact, 10, 0, 60, [5])
    found = kv.most_similar("word5")
    assert [key for key, _ in found] == [WORDS[i] for i in expected]
    np.testing.assert_allclose([s for _, s in found], exact[expected], atol=1e-5)
    np.testing.assert_allclose(1 - kv.distances("word5"), exact, atol=1e-5)


def test_a_batch_is_the_same_as_one_by_one(kv):
    assert kv.most_similar_batch(WORDS) == [kv.most_similar(word) for word in WORDS]
    positive, negative = [["word1", "word2"], "word3", kv.vectors[7]], [["word4"], None, []]
    single = [kv.most_similar(p, n, topn=3) for p, n in zip(positive, negative, strict=True)]
    assert kv.most_similar_batch(positive, negative, topn=3) == single
    clipped = [kv.most_similar(word, clip_start=4, clip_end=30) for word in WORDS]
    assert kv.most_similar_batch(WORDS, clip_start=4, clip_end=30) == clipped
    assert kv.most_similar_batch(kv.vectors, restrict_vocab=9) == [
        kv.similar_by_vector(v, restrict_vocab=9) for v in kv.vectors
    ]
    assert kv.most_similar_batch([]) == []
    assert kv.most_similar_batch(["word1", "word2"], topn=0) == [[], []]


def test_any_number_of_threads_gives_the_same(kv):
    results = []
    for threads in (1, 2, 3):
        lexigrad.set_num_threads(threads)
        results.append((kv.most_similar("word5", topn=60), kv.most_similar("word5", topn=None).tolist()))
    lexigrad.set_num_threads(0)
    assert results[0] == results[1] == results[2]


def test_lengths_and_unit_vectors(kv):
    exact = np.linalg.norm(kv.vectors.astype(np.float64), axis=1)
    tolerance = 2e-3 if kv.vectors.dtype == np.float16 else 1e-6
    assert kv.norms is None
    kv.fill_norms()
    np.testing.assert_allclose(kv.norms, exact, rtol=tolerance)
    before, neighbours = kv.vectors, kv.most_similar("word5", topn=60)
    kv.unit_normalize_all()
    assert kv.vectors is before
    np.testing.assert_allclose(np.linalg.norm(kv.vectors.astype(np.float64), axis=1), 1, rtol=tolerance)
    after = dict(kv.most_similar("word5", topn=60))
    np.testing.assert_allclose([after[k] for k, _ in neighbours], [s for _, s in neighbours], atol=2 * tolerance)


def test_copies_of_all_kinds(kv):
    expected = kv.most_similar("word5")
    kv.set_vecattr("word3", "count", 4)
    for other in (pickle.loads(pickle.dumps(kv)), copy.deepcopy(kv), copy.copy(kv)):
        assert other.most_similar("word5") == expected
        assert other.get_vecattr("word3", "count") == 4


# Changing vectors


def test_add_vectors():
    kv = filled(WORDS[:3], random_vectors(3))
    kv.set_vecattr("word0", "count", 7)
    old = kv.vectors.copy()
    kv.most_similar("word0")
    new = random_vectors(4, seed=1)
    kv.add_vectors(["word2", "a", "b", "a"], new, extras={"weight": np.array([1.0, 2.0, 3.0, 4.0])})
    assert kv.index_to_key == ["word0", "word1", "word2", "a", "b"]
    np.testing.assert_array_equal(kv.vectors, [*old, new[1], new[2]])
    assert kv.expandos["count"].tolist() == [7, 0, 0, 0, 0]
    assert kv.expandos["weight"].tolist() == [0, 0, 0, 2, 3]
    assert kv.most_similar("a", topn=9)[0][1] <= 1
    assert len(kv.most_similar("a", topn=9)) == 4

    kv.add_vectors(["word2", "a", "a"], new[:3], replace=True)
    np.testing.assert_array_equal(kv["word2"], new[0])
    np.testing.assert_array_equal(kv["a"], new[2])
    kv["b"] = new[3]
    kv[["c", "word0"]] = new[:2]
    np.testing.assert_array_equal(kv[["b", "c", "word0"]], [new[3], new[0], new[1]])
    kv.add_vectors("d", new[0])
    assert kv.rank("c", "d") == 1
    kv.add_vectors([], [])
    assert len(kv) == len(kv.vectors) == 7


def test_add_vector_fills_free_places_first():
    kv = KeyedVectors(3, count=2)
    assert (len(kv), kv.index_to_key) == (2, [None, None])
    assert kv.add_vector("a", [1, 2, 3]) == 0
    assert kv.most_similar("a") == []
    assert [kv.add_vector(key, [1, 2, 4]) for key in ("b", "c")] == [1, 2]
    assert kv.key_to_index == {"a": 0, "b": 1, "c": 2}
    assert kv.vectors.tolist() == [[1, 2, 3], [1, 2, 4], [1, 2, 4]]
    with pytest.raises(ValueError, match="present already"):
        kv.add_vector("a", [1, 2, 3])


def test_searches_see_every_change():
    kv = filled(["a", "b", "c"], np.array([[1, 0], [1, 0.1], [0, 1]], np.float32))
    assert kv.most_similar("a")[0][0] == "b"
    kv["b"] = np.array([-1.0, 0])
    assert kv.most_similar("a")[0][0] == "c"
    kv.vectors[1] = [2, 0]
    kv.fill_norms(force=True)
    assert kv.most_similar("a")[0] == ("b", 1.0)
    kv.vectors = np.array([[1, 0], [0, 1], [5, 0]], np.float32)
    assert kv.most_similar("a")[0] == ("c", 1.0)
    kv.vectors[2] = [0, 3]
    kv.norms = None
    assert kv.most_similar("b")[0] == ("c", 1.0)


def test_read_only_vectors_are_copied_before_a_change():
    vectors = random_vectors(3)
    vectors.setflags(write=False)
    kv = filled(WORDS[:3], vectors)
    kv["word1"] = np.zeros(13)
    kv.unit_normalize_all()
    np.testing.assert_array_equal(vectors, random_vectors(3))
    assert not kv["word1"].any()


def test_vectors_that_are_handed_out_cannot_be_changed():
    kv = filled(WORDS, random_vectors())
    with pytest.raises(ValueError, match="read-only"):
        kv["word1"][0] = 1
    kv.vectors[1, 0] = 1


def test_vectors_for_all():
    kv = filled(WORDS, padded(random_vectors(), 16))
    kv.set_vecattr("word4", "count", 8)
    part = kv.vectors_for_all(["word4", "none", "word2", "word4"], copy_vecattrs=True)
    assert part.index_to_key == ["word4", "word2"]
    np.testing.assert_array_equal(part.vectors, kv[["word4", "word2"]])
    assert part.expandos["count"].tolist() == [8, 0]
    assert len(kv.vectors_for_all(iter(["none"]))) == 0
    assert kv.vectors_for_all(["word1"]).expandos == {}


# Special vectors


def test_zero_nan_and_infinity():
    vectors = random_vectors()
    vectors[10] = 0
    vectors[11] = np.nan
    vectors[12, 3] = np.inf
    kv = filled(WORDS, vectors)
    everything = kv.most_similar("word0", topn=100)
    assert len(everything) == 57
    assert ("word10", 0.0) in everything
    assert kv.most_similar("word11") == kv.most_similar("word12") == []
    assert {score for _, score in kv.most_similar("word10")} == {0.0}
    assert kv.similarity("word0", "word10") == 0
    assert np.isnan(kv.similarity("word0", "word11"))
    assert kv.distances("word0", ["word10"]).tolist() == [1]
    assert len(kv.most_similar_cosmul("word0", "word1", topn=100)) == 56
    assert not kv.get_vector("word10", norm=True).any()
    assert not kv.get_normed_vectors()[10].any()
    assert kv.rank("word0", "word1") <= 58
    assert kv.doesnt_match(["word0", "word1", "word11"]) in WORDS
    assert len(kv.most_similar_batch(WORDS, topn=3)) == 60
    assert kv.cosine_similarities(np.zeros(3), np.ones((2, 3))).tolist() == [0, 0]


@pytest.mark.parametrize(("count", "size"), [(1, 1), (1, 300), (2, 1), (70, 1)])
def test_small_shapes(count, size):
    kv = filled([f"word{i}" for i in range(count)], random_vectors(count, size))
    assert len(kv.most_similar("word0")) == min(count - 1, 10)
    assert len(kv.most_similar(kv.vectors[0].copy(), topn=100)) == count
    assert kv.most_similar("word0", topn=None).shape == (count,)


def test_an_empty_mapping():
    kv = KeyedVectors(5)
    assert len(kv) == 0
    assert kv.most_similar(np.ones(5)) == []
    assert kv.most_similar_batch([np.ones(5)]) == [[]]
    assert kv.get_normed_vectors().shape == (0, 5)
    kv.sort_by_descending_frequency()
    assert str(kv) == "KeyedVectors<vector_size=5, 0 keys>"
    assert repr(kv) == "<KeyedVectors: 0 keys, vector_size=5, float32>"


def test_keys_that_are_integers():
    kv = KeyedVectors(2)
    kv.add_vectors([7, "x", 0], [[1, 0], [0, 1], [1, 1]])
    assert kv.get_index(7) == 0
    assert kv.get_index(0) == 2  # a key comes before a row of the same number
    assert kv.get_index(1) == 1
    assert kv.most_similar(7, topn=1)[0][0] == 0


# Mistakes


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda kv: kv["none"], KeyError, "'none' not present in vocabulary"),
        (lambda kv: kv.most_similar("none"), KeyError, "not present"),
        (lambda kv: kv.most_similar([["word1"]]), TypeError, "most_similar_batch"),
        (lambda kv: kv.most_similar(["word1"], topn=2.5), TypeError, "topn"),
        (lambda kv: kv.most_similar(), ValueError, "nothing"),
        (lambda kv: kv.most_similar([]), ValueError, "nothing"),
        (lambda kv: kv.most_similar(np.ones(12)), ValueError, r"shape \(13,\)"),
        (lambda kv: kv.most_similar_cosmul([]), ValueError, "no input"),
        (lambda kv: kv.most_similar_batch("word1"), TypeError, "string"),
        (lambda kv: kv.most_similar_batch(["word1"], []), ValueError, "as many"),
        (lambda kv: kv.most_similar_batch(["word1", "none"]), KeyError, "none"),
        (lambda kv: kv[[]], ValueError, "no keys"),
        (lambda kv: kv.get_mean_vector([]), ValueError, "no input"),
        (lambda kv: kv.get_mean_vector("word1"), TypeError, "list of keys"),
        (lambda kv: kv.get_mean_vector(["word1"], [1, 2]), ValueError, "weights"),
        (lambda kv: kv.get_mean_vector(["none"], ignore_missing=False), KeyError, "none"),
        (lambda kv: kv.n_similarity([], ["word1"]), ValueError, "no input"),
        (lambda kv: kv.doesnt_match([]), ValueError, "empty"),
        (lambda kv: kv.doesnt_match(["none"]), ValueError, "empty"),
        (lambda kv: kv.most_similar_to_given("word1", []), ValueError, "no keys"),
        (lambda kv: kv.get_vecattr("word1", "none"), KeyError, "none"),
        (lambda kv: kv.sort_by_descending_frequency(), ValueError, "count"),
        (lambda kv: kv.add_vectors(["a"], np.ones((1, 12))), ValueError, r"\(1, 13\)"),
        (lambda kv: kv.add_vectors(["a", "b"], np.ones((1, 13))), ValueError, r"\(2, 13\)"),
        (lambda kv: kv.add_vectors(["a"], np.ones(13), {"x": np.ones(2)}), ValueError, "extras"),
        (lambda kv: kv.add_vector("a", np.ones(2)), ValueError, r"\(13,\)"),
        (lambda kv: setattr(kv, "vectors", np.ones((3, 4))), ValueError, r"\(n, 13\)"),
        (lambda kv: kv.save_word2vec_format("x", total_vec=5), ValueError, "total_vec"),
        (lambda kv: kv.save_word2vec_format("x", fvocab="y"), ValueError, "'count'"),
        (lambda kv: KeyedVectors(0), ValueError, "vector_size"),
        (lambda kv: KeyedVectors(3, -1), ValueError, "count"),
    ],
)
def test_mistakes(call, error, message):
    pytest.importorskip("lexigrad.io.word2vec", reason="the file formats are not there")
    kv = filled(WORDS, random_vectors())
    with pytest.raises(error, match=message):
        call(kv)
    assert len(kv) == len(kv.vectors) == 60


# Approximate search


def test_approximate_index():
    pytest.importorskip("usearch.index", reason="usearch is not installed")
    from lexigrad.embed.approximate import ApproximateIndex

    vectors = random_vectors(500, 20)
    vectors[7] = np.nan
    kv = filled([f"word{i}" for i in range(500)], padded(vectors, 32))
    index = ApproximateIndex(kv, expansion_search=500)
    assert len(index) == 499
    found = kv.most_similar("word5", topn=10, indexer=index)
    assert found[0] == ("word5", pytest.approx(1, abs=1e-5))
    exact = dict(kv.most_similar("word5", topn=10))
    assert len(exact.keys() & {key for key, _ in found}) >= 8
    assert all(score == pytest.approx(exact[key], abs=1e-5) for key, score in found if key in exact)
    assert 450 <= len(index.most_similar(kv["word1"], 10**6)) <= 499  # a graph that threads build may miss a node
    assert index.most_similar(kv["word1"], 0) == []


def test_approximate_index_without_usearch(monkeypatch):
    from lexigrad.embed.approximate import ApproximateIndex

    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ModuleNotFoundError, match=r"lexigrad\[ann\]"):
        ApproximateIndex(filled(WORDS, random_vectors()))


def test_import_brings_in_no_extras():
    code = "import sys, lexigrad; print([m for m in ('scipy', 'usearch', 'safetensors') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# Files


@pytest.mark.parametrize("name", ["plain.kv", "padded.kv"])
@pytest.mark.parametrize("mmap", [None, "r"])
def test_save_and_load(tmp_path, name, mmap):
    pytest.importorskip("lexigrad.io.safetensors", reason="the file formats are not there")
    vectors = random_vectors(60)
    kv = filled([*WORDS[:57], "", "naïve\n", 12], padded(vectors, 16) if name == "padded.kv" else vectors)
    kv.set_vecattr("word3", "count", 5)
    kv.save(tmp_path / name)
    other = KeyedVectors.load(tmp_path / name, mmap=mmap)
    assert other.index_to_key == kv.index_to_key
    np.testing.assert_array_equal(other.vectors, kv.vectors)
    assert other.expandos["count"].tolist() == kv.expandos["count"].tolist()
    assert other.most_similar("word5") == kv.most_similar("word5")
    other["word5"] = np.ones(13)
    other.add_vectors(["new"], np.ones((1, 13)))
    assert KeyedVectors.load(tmp_path / name)["word5"].tolist() == kv["word5"].tolist()


def test_what_cannot_be_saved(tmp_path):
    pytest.importorskip("lexigrad.io.safetensors", reason="the file formats are not there")
    kv = KeyedVectors(3, count=2)
    kv.add_vector("a", [1, 2, 3])
    with pytest.raises(ValueError, match="free places"):
        kv.save(tmp_path / "x")
    kv = filled(["a"], np.ones((1, 3), np.float32))
    kv.set_vecattr("a", "tag", "text")
    with pytest.raises(TypeError, match="objects"):
        kv.save(tmp_path / "x")
    with pytest.raises(ValueError, match="mmap"):
        KeyedVectors.load(tmp_path / "x", mmap="w")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vectors": np.zeros(3, np.float32)}, "matrix"),
        ({"vectors": np.zeros((2, 2), np.int32)}, "matrix"),
        ({"vectors": np.zeros((3, 2), np.float32)}, "key_offsets"),
        ({"keys": np.zeros(2, np.int8)}, "bytes"),
        ({"keys": np.frombuffer(b"aa", np.uint8)}, "different"),
        ({"keys": np.frombuffer(b"\xff\xfe", np.uint8)}, "utf-8"),
        ({"key_offsets": np.array([0, 1])}, "key_offsets"),
        ({"key_offsets": np.array([0, 3, 2])}, "key_offsets"),
        ({"key_offsets": np.array([0, 1, 9])}, "key_offsets"),
        ({"key_offsets": np.array([-1, 1, 2])}, "key_offsets"),
        ({"key_is_integer": np.ones(1, np.uint8)}, "key_is_integer"),
        ({"key_is_integer": np.ones(2, np.uint8)}, "invalid literal"),
        ({"vecattr.count": np.zeros(3)}, "vecattr.count"),
    ],
)
def test_damaged_files(tmp_path, change, message):
    safetensors = pytest.importorskip("lexigrad.io.safetensors", reason="the file formats are not there")
    arrays = {
        "vectors": np.zeros((2, 2), np.float32),
        "keys": np.frombuffer(b"ab", np.uint8),
        "key_offsets": np.array([0, 1, 2]),
    }
    metadata = {"format": "lexigrad.KeyedVectors", "version": 1}
    safetensors.write_safetensors(tmp_path / "x.kv", arrays, metadata)
    assert KeyedVectors.load(tmp_path / "x.kv").index_to_key == ["a", "b"]
    safetensors.write_safetensors(tmp_path / "x.kv", arrays | change, metadata)
    with pytest.raises(ValueError, match=message) as caught:
        KeyedVectors.load(tmp_path / "x.kv")
    assert "x.kv" in str(caught.value)
    safetensors.write_safetensors(tmp_path / "x.kv", arrays, {})
    with pytest.raises(ValueError, match=r"KeyedVectors\.save"):
        KeyedVectors.load(tmp_path / "x.kv")


@pytest.mark.parametrize("binary", [False, True])
def test_word2vec_files_and_gensim(tmp_path, both, binary):
    pytest.importorskip("lexigrad.io.word2vec", reason="the file formats are not there")
    for kv, name in zip(both, ("ours", "theirs"), strict=True):
        for i, word in enumerate(WORDS):
            kv.set_vecattr(word, "count", i // 2)
        kv.save_word2vec_format(tmp_path / name, tmp_path / f"{name}.vocab", binary=binary)
    theirs = both[1]
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert (tmp_path / "ours.vocab").read_bytes() == (tmp_path / "theirs.vocab").read_bytes()
    for vocab in (None, str(tmp_path / "ours.vocab")):
        a = KeyedVectors.load_word2vec_format(tmp_path / "theirs", vocab, binary=binary)
        b = type(theirs).load_word2vec_format(str(tmp_path / "ours"), vocab, binary=binary)
        assert a.index_to_key == b.index_to_key
        np.testing.assert_array_equal(a.vectors, b.vectors)
        np.testing.assert_array_equal(a.expandos["count"], b.expandos["count"])
        assert a.expandos["count"].dtype == b.expandos["count"].dtype


def test_intersect_and_other_formats(tmp_path):
    pytest.importorskip("lexigrad.io.word2vec", reason="the file formats are not there")
    kv, other = filled(WORDS[:3], random_vectors(3)), filled(["word2", "x"], random_vectors(2, seed=5))
    other.save_word2vec_format(tmp_path / "v.bin", binary=True)
    kv.most_similar("word0")
    kv.intersect_word2vec_format(tmp_path / "v.bin", binary=True)
    np.testing.assert_array_equal(kv["word2"], other["word2"])
    np.testing.assert_array_equal(kv["word1"], random_vectors(3)[1])
    assert kv.vectors_lockf.tolist() == [1, 1, 0]
    assert kv.index_to_key == WORDS[:3]
    with pytest.raises(ValueError, match="size 13"):
        KeyedVectors(4).intersect_word2vec_format(tmp_path / "v.bin", binary=True)
    kv.save_glove(tmp_path / "glove.txt")
    np.testing.assert_allclose(KeyedVectors.load_glove(tmp_path / "glove.txt").vectors, kv.vectors, rtol=1e-5)
    kv.save_projector(tmp_path / "projector")
    assert len(list(tmp_path.glob("projector*"))) == 2


def test_what_gensim_saves_is_named(tmp_path, both):
    both[1].save(str(tmp_path / "theirs"))
    np.save(tmp_path / "array.npy", random_vectors())
    for path, match in ((tmp_path / "theirs", "pickle.*save_word2vec_format"), (tmp_path / "array.npy", "NumPy array")):
        for load in (KeyedVectors.load, lexigrad.Word2Vec.load):
            with pytest.raises(ValueError, match=match):
                load(path)
