"""Taggers: what they learn, save and say to bad input. What all models that read sentences share is tested here."""

import random
from typing import Any

import numpy as np
import pytest

from lexigrad import KeyedVectors, TrainingInterrupted
from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.models import Callback, SequenceTagger
from lexigrad.models.sequence import _LONGEST_SPELLING

SMALL: dict[str, Any] = {"hidden_size": 12, "char_size": 6, "dropout": 0.1}
FAST: dict[str, Any] = {"epochs": 8, "lr": 0.03, "batch_size": 16}
TAGS = {"the": "DET", "dog": "NOUN", "cat": "NOUN", "barks": "VERB", "sees": "VERB", "Kim": "NAME", "Lee": "NAME"}


def sentences(count: int, seed: int = 0) -> tuple[list[list[str]], list[list[str]]]:
    rng = random.Random(seed)
    X = [[rng.choice(list(TAGS)) for _ in range(rng.randint(0, 7))] for _ in range(count)]
    return X, [[TAGS[word] for word in words] for words in X]


@pytest.fixture(scope="module")
def data() -> tuple[list[list[str]], list[list[str]]]:
    return sentences(120)


@pytest.fixture(scope="module")
def tagger(data: Any) -> SequenceTagger:
    return SequenceTagger(**SMALL, crf=True).fit(*data, **FAST)


def weights(model: SequenceTagger) -> dict[str, Any]:
    assert model.network is not None
    return model.network.state_dict()


def same(a: SequenceTagger, b: SequenceTagger) -> bool:
    return all(np.array_equal(array, weights(b)[name]) for name, array in weights(a).items())


@pytest.mark.parametrize("settings", [{}, {"crf": True}, {"cell": "gru", "char_size": 0, "num_layers": 2}])
def test_it_learns_tags(data: Any, settings: dict[str, Any]) -> None:
    tagger = SequenceTagger(**{**SMALL, **settings}).fit(*data, validation=sentences(20, seed=1), **FAST)
    X, y = sentences(30, seed=2)
    assert tagger.score(X, y) > 0.99
    assert tagger.classes_ == ["DET", "NAME", "NOUN", "VERB"]
    assert len(tagger.history.validations["score"]) == 8


def test_context_decides_where_the_word_does_not() -> None:
    """'x' is A after 'a' and B after 'b', two words before."""
    rng = random.Random(1)
    X = [[rng.choice("ab"), "-", "x"] for _ in range(80)]
    y = [[first, "-", first.upper()] for first, _, _ in X]
    tagger = SequenceTagger(**SMALL).fit(X, y, **FAST)
    assert tagger.predict([["a", "-", "x"], ["b", "-", "x"]]) == [["a", "-", "A"], ["b", "-", "B"]]


def test_spelling_tells_what_unknown_words_are() -> None:
    rng = random.Random(2)

    def word(ending: str) -> str:
        return "".join(rng.choice("bcdfgh") for _ in range(4)) + ending

    X = [[word(rng.choice(["ing", "ed"])) for _ in range(5)] for _ in range(120)]
    y = [["G" if form.endswith("ing") else "P" for form in words] for words in X]
    tagger = SequenceTagger(**SMALL).fit(X[:100], y[:100], **FAST)
    assert tagger.score(X[100:], y[100:]) > 0.95


def test_a_crf_keeps_spans_whole() -> None:
    """Scores are F1 of spans where tags are BIO; I- never follows O in training."""
    X = [["in", "New", "York", "now"], ["New", "York"], ["now", "in"]] * 12
    y = [["O", "B-loc", "I-loc", "O"], ["B-loc", "I-loc"], ["O", "O"]] * 12
    tagger = SequenceTagger(**SMALL, crf=True).fit(X, y, 0.2, **FAST)
    assert tagger.score(X, y) == 1.0
    assert tagger.evaluate(X, y).spans.f1 == 1.0
    assert tagger.score([["now"]], [["O"]]) == 1.0  # nothing but O: accuracy


def test_probabilities(tagger: SequenceTagger, data: Any) -> None:
    X = data[0][:10]
    found = tagger.predict_proba(X)
    assert [array.shape for array in found] == [(len(words), 4) for words in X]
    for array in found:
        np.testing.assert_allclose(array.sum(1), 1, rtol=1e-5)
    named = [[tagger.classes_[k] for k in array.argmax(1)] for array in found]
    assert named == tagger.predict(X)


def test_predictions_do_not_depend_on_the_batch(tagger: SequenceTagger, data: Any) -> None:
    X = data[0]
    assert tagger.predict(X, batch_size=1) == tagger.predict(X) == tagger.predict(X, batch_size=1000)
    assert tagger.predict([]) == []
    assert tagger.predict([[], ["dog"], []]) == [[], ["NOUN"], []]


def test_unknown_words_and_long_sentences(tagger: SequenceTagger) -> None:
    long = ["dog"] * 500 + ["\u732b", "x" * 1000, ""]
    (tags,) = tagger.predict([long])
    assert len(tags) == 503
    assert tags[:500] == ["NOUN"] * 500
    half = _LONGEST_SPELLING // 2
    same_ends = ["a" * half + middle + "b" * half for middle in ("", "ccc")]
    a, b = tagger.predict_proba([[form] for form in same_ends])
    np.testing.assert_array_equal(a, b)


def test_vectors_are_a_start_and_their_words_are_known(data: Any) -> None:
    vectors = KeyedVectors(4)
    vectors.add_vectors(["Dog", "dog", "wolf"], np.stack([np.ones(4), -np.ones(4), np.arange(4)]).astype(np.float32))
    tagger = SequenceTagger(**SMALL)
    tagger.fit(*data, vectors=vectors, **{**FAST, "max_updates": 1, "lr": 1e-6})
    assert tagger.vector_size == 4
    assert tagger.words is not None
    assert {"wolf", "dog"} <= set(tagger.words)
    table = weights(tagger)["encoder.embed.weight"]
    learnt = table[tagger.words.index("dog")]
    assert np.ptp(learnt) < 1e-4  # all alike, as given
    assert table.shape == (len(tagger.words), 4)
    wolf = table[tagger.words.index("wolf")]
    np.testing.assert_allclose(wolf / wolf[1], np.arange(4), rtol=1e-3)


def test_saved_and_loaded(tagger: SequenceTagger, data: Any, tmp_path: Any) -> None:
    path = tmp_path / "tagger.safetensors"
    tagger.save(path)
    loaded = SequenceTagger.load(path)
    assert same(tagger, loaded)
    assert loaded.get_params() == tagger.get_params()
    assert loaded.predict(data[0]) == tagger.predict(data[0])
    assert repr(loaded) == repr(tagger) == "SequenceTagger(8 words, 4 labels, lstm of 1 x 12)"


def test_files_that_are_cut_or_wrong(tagger: SequenceTagger, tmp_path: Any) -> None:
    path = tmp_path / "tagger.safetensors"
    tagger.save(path)
    whole = path.read_bytes()
    for end in [*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"tagger\.safetensors"):
            SequenceTagger.load(path)
    path.write_bytes(whole)
    arrays, metadata = read_safetensors(path)
    for name, value in (
        ("vocabulary.labels", np.zeros(3, np.uint8)),
        ("vocabulary.vector_size", np.array([10**9])),
        ("vocabulary.words_offsets", np.zeros(1, np.int64)),
        ("network.out.weight", np.zeros((1, 1), np.float32)),
    ):
        write_safetensors(path, {**arrays, name: value}, metadata)
        with pytest.raises(ValueError, match="damaged"):
            SequenceTagger.load(path)


class Stop(Callback):
    def __init__(self, after: int) -> None:
        self.left = after

    def on_update_end(self, model: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_interrupted_and_resumed_to_the_same_weights(data: Any, tmp_path: Any) -> None:
    path = tmp_path / "state.safetensors"
    options = {**FAST, "epochs": 3}
    whole = SequenceTagger(**SMALL, crf=True).fit(*data, 0.2, **options)
    tagger = SequenceTagger(**SMALL, crf=True)
    with pytest.raises(TrainingInterrupted):
        tagger.fit(*data, 0.2, callbacks=[Stop(9)], checkpoint=path, **options)
    assert len(tagger.predict(data[0])) == len(data[0])
    loaded = SequenceTagger.load(path)
    assert loaded.training_unfinished
    assert same(loaded.resume(*data, 0.2), whole)
    other = SequenceTagger.load(path) if SequenceTagger.load(path).training_unfinished else tagger
    with pytest.raises(ValueError, match="data"):
        other.resume(*sentences(120, seed=9), 0.2)


def test_same_seed_same_weights(data: Any) -> None:
    options = {**FAST, "epochs": 1}
    a, b, c = (SequenceTagger(**SMALL, seed=seed).fit(*data, **options) for seed in (1, 1, 2))
    assert same(a, b)
    assert not same(a, c)


def test_it_is_an_estimator(data: Any) -> None:
    sklearn = pytest.importorskip("sklearn.base")
    tagger = SequenceTagger(**SMALL, crf=True, seed=5)
    copy = sklearn.clone(tagger)
    assert copy.get_params() == tagger.get_params()
    assert copy.network is None
    assert copy.set_params(hidden_size=7).hidden_size == 7
    assert copy.set_params() is copy
    with pytest.raises(ValueError, match="there is no setting 'depth'"):
        copy.set_params(depth=3)
    with pytest.raises(ValueError, match="hidden_size"):
        copy.set_params(hidden_size=0)


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (["the dog"], [["A", "B"]], TypeError, "sentence 0 must be a list of words"),
        ("the dog", [["A"]], TypeError, "not one str"),
        ([["dog", 3]], [["A", "B"]], TypeError, "sentence 0 must be a list of words"),
        ([["dog"]], [["A", "B"]], ValueError, "sentence 0 has 1 words, but 2 tags"),
        ([["dog"]], ["A"], TypeError, "tags of sentence 0 must be a list"),
        ([["dog"]], [], ValueError, "there are 1 sentences, but labels of 0"),
        ([[], []], [[], []], ValueError, "no sentences with words"),
        ([], [], ValueError, "no sentences with words"),
    ],
)
def test_wrong_data(X: Any, y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SequenceTagger(**SMALL).fit(X, y)


def test_wrong_settings(data: Any) -> None:
    for settings, message in (
        ({"cell": "rnn"}, "cell must be one of"),
        ({"char_size": -1}, "char_size"),
        ({"dropout": 1.5}, "p"),
        ({"min_count": 0}, "min_count"),
    ):
        with pytest.raises(ValueError, match=message):
            SequenceTagger(**{**SMALL, **settings})
    with pytest.raises(RuntimeError, match="not trained"):
        SequenceTagger().predict([["dog"]])
    with pytest.raises(RuntimeError, match="not trained"):
        SequenceTagger().save("x")
    with pytest.raises(RuntimeError, match="no training is unfinished"):
        SequenceTagger().resume(*data)
    for validation, message in ((1.5, "fraction between 0 and 1"), ((1, 2, 3), "must be a pair")):
        with pytest.raises(ValueError, match=message):
            SequenceTagger(**SMALL).fit(*data, validation)


def test_labels_that_training_does_not_have_are_errors(data: Any) -> None:
    tagger = SequenceTagger(**SMALL).fit(*data, ([["dog", "cat"]], [["NOUN", "NEW"]]), **{**FAST, "epochs": 6})
    assert tagger.history.validations["score"][-1] == 0.5
