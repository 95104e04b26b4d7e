"""scikit-learn's view of the models: its own checks, pipelines, clones and files."""

import inspect
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexigrad.models import SequenceClassifier, SequenceTagger, SpeechRecognizer

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from lexigrad.sklearn import (
    Doc2VecTransformer,
    FastTextTransformer,
    GloVeTransformer,
    LDA2VecTransformer,
    Word2VecTransformer,
)

SMALL: dict[str, Any] = {"vector_size": 10, "min_count": 1, "epochs": 20}
TRANSFORMERS = [
    Word2VecTransformer(**SMALL, sg=1, alpha=0.1, sample=0),
    FastTextTransformer(**SMALL, bucket=500, alpha=0.1, sample=0),
    GloVeTransformer(**SMALL, x_max=10),
    Doc2VecTransformer(**SMALL, dm=0, alpha=0.1, sample=0),
    LDA2VecTransformer(2, **SMALL, alpha=0.1, sample=0),
]
MODELS = [SequenceClassifier(), SequenceTagger(), SpeechRecognizer()]


WITHOUT_DATA = (  # of scikit-learn's checks those that do not fit to a matrix of numbers
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
)
MODELS_FAIL = {
    "check_no_attributes_set_in_init": "an untrained model has more than its settings, such as its history",
    "check_do_not_raise_errors_in_init_or_set_params": "a setting out of range is found before the training",
    "check_set_params": "a setting out of range is found before the training, and then none is changed",
}


def checks() -> Any:
    """What scikit-learn chooses; its warning says that it has little for estimators of texts and sounds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        return parametrize_with_checks([*TRANSFORMERS, *MODELS])


@checks()
def test_checks_that_scikit_learn_chooses(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("name", WITHOUT_DATA)
@pytest.mark.parametrize("estimator", [*TRANSFORMERS, *MODELS], ids=lambda estimator: type(estimator).__name__)
def test_checks_without_data(name: str, estimator: Any, request: Any) -> None:
    check = getattr(estimator_checks, name, None)
    if check is None:
        pytest.skip("this version of scikit-learn has no such check")
    if estimator in MODELS and name in MODELS_FAIL:
        request.applymarker(pytest.mark.xfail(reason=MODELS_FAIL[name], strict=True))
    check(type(estimator).__name__, clone(estimator))


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], list[str]]:
    """Of animals and of ships, six words each."""
    rng = np.random.default_rng(0)
    words = {"animals": "cat dog horse cow goat hen", "ships": "sail mast deck hull keel helm"}
    topics = {topic: names.split() for topic, names in words.items()}
    labels = [str(label) for label in rng.choice(list(topics), 120)]
    return [" ".join(rng.choice(topics[label], 6)) for label in labels], labels


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_pipelines(transformer: Any, texts: Any, tmp_path: Path) -> None:
    X, y = texts
    pipeline = make_pipeline(clone(transformer), StandardScaler(), LogisticRegression()).fit(X[:80], y[:80])
    assert pipeline.score(X[80:], y[80:]) > 0.9
    fitted = pipeline[0]
    vectors = fitted.transform(X)
    assert vectors.dtype == np.float32
    names = list(fitted.get_feature_names_out())
    assert vectors.shape == (len(X), len(names))
    assert names[0] == type(transformer).__name__.lower() + "0"
    np.testing.assert_array_equal(fitted.transform([text.split() for text in X]), vectors)
    np.testing.assert_array_equal(clone(transformer).fit_transform(X[:80]), vectors[:80])

    fitted.save(tmp_path / "model")
    loaded = type(transformer).load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), vectors)
    assert loaded.get_params() == transformer.get_params()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), vectors)


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_settings_are_those_of_the_model(transformer: Any) -> None:
    theirs = inspect.signature(transformer._kind).parameters
    for name, value in type(transformer)().get_params().items():
        assert name == "workers" or theirs[name].default == value, name


def test_beside_tf_idf_and_in_a_search(texts: Any) -> None:
    X, y = texts
    union = FeatureUnion([("words", TfidfVectorizer()), ("vectors", clone(TRANSFORMERS[0]))])
    search = GridSearchCV(
        make_pipeline(union, LogisticRegression()), {"featureunion__vectors__vector_size": [2, 8]}, cv=2
    ).fit(X, y)
    assert search.best_score_ > 0.9
    assert search.best_estimator_[0].transform(X[:3]).shape[1] in (12 + 2, 12 + 8)


def test_unknown_words_and_empty_texts(texts: Any) -> None:
    words, subwords = (clone(TRANSFORMERS[i]).fit(texts[0]) for i in (0, 1))
    assert not words.transform(["unheard", "", []]).any()
    assert subwords.transform(["unheard"]).any()
    assert words.transform([]).shape == (0, 10)


def test_bad_texts(texts: Any) -> None:
    new = clone(TRANSFORMERS[0])
    with pytest.raises(NotFittedError):
        new.transform(texts[0])
    with pytest.raises(TypeError, match="not one str"):
        new.fit("cat dog")
    with pytest.raises(TypeError, match="text 1 must be a str or a list of words"):
        new.fit([["cat"], ["dog", 3]])
    with pytest.raises(ValueError, match="vector_size"):
        new.set_params(vector_size=0).fit(texts[0])


def test_a_classifier_in_cross_validation(texts: Any) -> None:
    X, y = texts

    options = {"epochs": 2, "lr": 0.02, "batch_size": 8}
    scores = cross_val_score(SequenceClassifier(hidden_size=8, dropout=0.0), X, y, cv=2, params=options)
    assert scores.min() > 0.9


def test_scikit_learn_is_not_imported_before() -> None:
    code = "import sys, lexigrad, lexigrad.models; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
