"""Classifiers: what they learn, save and say to bad input; what they share with taggers is tested there."""

import random
from typing import Any

import numpy as np
import pytest

from lexigrad.models import SequenceClassifier, SequenceTagger
from lexigrad.models.sequence import words_of

SMALL: dict[str, Any] = {"hidden_size": 12, "min_count": 1}
FAST: dict[str, Any] = {"epochs": 8, "lr": 0.02, "batch_size": 16}


def texts(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Positive if "good" stands in it, but not after "not"."""
    rng = random.Random(seed)
    X, y = [], []
    for _ in range(count):
        words = [rng.choice(["a", "film", "of", "the", "year"]) for _ in range(rng.randint(1, 9))]
        kind = rng.choice(["good", "not good", "bad"])
        words.insert(rng.randint(0, len(words)), kind)
        X.append(" ".join(words))
        y.append("pos" if kind == "good" else "neg")
    return X, y


@pytest.fixture(scope="module")
def classifier() -> SequenceClassifier:
    return SequenceClassifier(**SMALL).fit(*texts(200), texts(40, seed=1), **FAST)


@pytest.mark.parametrize("settings", [{"pooling": "mean"}, {"cell": "gru", "char_size": 4, "num_layers": 2}])
def test_it_learns_labels(settings: dict[str, Any]) -> None:
    classifier = SequenceClassifier(**{**SMALL, **settings}).fit(*texts(200), **{**FAST, "epochs": 12})
    assert classifier.score(*texts(60, seed=2)) > 0.95


def test_predictions(classifier: SequenceClassifier) -> None:
    X, y = texts(60, seed=2)
    assert classifier.score(X, y) > 0.95
    assert classifier.predict(["good film", "not good film", "Good FILM"]) == ["pos", "neg", "pos"]
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert classifier.predict(X, batch_size=1) == classifier.predict(X)
    assert classifier.predict([["good", "film"]]) == ["pos"]
    assert classifier.classes_ == ["neg", "pos"]
    assert classifier.predict([]) == []


def test_empty_and_unknown_texts_have_an_answer(classifier: SequenceClassifier) -> None:
    a, b, c = classifier.predict_proba(["", "zebra", "   "])
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, c)
    assert len(classifier.predict(["good " * 2000])) == 1


def test_long_texts_are_cut_in_the_middle() -> None:
    classifier = SequenceClassifier(**SMALL, max_length=5).fit(*texts(60), **{**FAST, "epochs": 1})
    a, b = classifier.predict_proba(["a b c d e", "a b x x x x c d e"])
    np.testing.assert_array_equal(a, b)


def test_saved_and_loaded(classifier: SequenceClassifier, tmp_path: Any) -> None:
    path = tmp_path / "classifier.safetensors"
    classifier.save(path)
    loaded = SequenceClassifier.load(path)
    X, _ = texts(30, seed=3)
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    assert loaded.get_params() == classifier.get_params()
    with pytest.raises(ValueError, match=r"expected a lexigrad\.SequenceTagger file"):
        SequenceTagger.load(path)


def test_in_a_pipeline_of_scikit_learn() -> None:
    model_selection = pytest.importorskip("sklearn.model_selection")
    X, y = texts(90)
    classifier = SequenceClassifier(**SMALL)
    scores = model_selection.cross_val_score(classifier, X, y, cv=3, params={"epochs": 8, "lr": 0.03})
    assert scores.shape == (3,)
    assert (scores > 0.5).all()


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (["a", "b"], ["x", "x"], ValueError, "all texts have the label 'x'"),
        (["a", "b"], ["x", 1], TypeError, "the label of text 1 must be a str"),
        (["a", "b"], "xy", ValueError, "labels"),
        ([["a", 1], "b"], ["x", "y"], TypeError, "text 0 must be a str or a list of words"),
        (["", ""], ["x", "y"], ValueError, "no sentences with words"),
    ],
)
def test_wrong_data(X: Any, y: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SequenceClassifier(**SMALL).fit(X, y)


def test_wrong_settings(classifier: SequenceClassifier) -> None:
    with pytest.raises(ValueError, match="pooling must be one of"):
        SequenceClassifier(pooling="first")
    with pytest.raises(ValueError, match="max_length"):
        SequenceClassifier(max_length=1)
    with pytest.raises(ValueError, match="there are 1 texts, but 0 labels"):
        classifier.score(["a"], [])


def test_a_failed_fit_leaves_the_model_as_it_was() -> None:
    X, y = texts(60)
    classifier = SequenceClassifier(**SMALL).fit(X, y, **{**FAST, "epochs": 1})
    before = classifier.predict_proba(X)
    for data, validation in (((["a"], ["b"]), None), ((X, y), (["a"], [])), ((X, y), (["a"], [1]))):
        with pytest.raises((TypeError, ValueError)):
            classifier.fit(*data, validation)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


def test_words_and_marks() -> None:
    assert words_of("It's GOOD, isn't it?") == ["It's", "GOOD", ",", "isn't", "it", "?"]
