"""Speech recognition on tones: what is learnt, saved, and said to bad sounds."""

from typing import Any

import numpy as np
import pytest

from lexigrad import TrainingInterrupted
from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.models import Callback, NGram, SpeechRecognizer

SMALL: dict[str, Any] = {"hidden_size": 24, "n_mels": 16, "dropout": 0.0, "masking": False, "stack": 4}
FAST: dict[str, Any] = {"epochs": 24, "lr": 0.02, "batch_size": 8, "schedule": "linear"}
TONES = {"low": 300, "mid": 900, "high": 2500}


def sounds(count: int, seed: int = 0, most: int = 3) -> tuple[list[Any], list[str]]:
    """Tones of a quarter of a second, with pauses."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        words = rng.choice(list(TONES), rng.integers(1, most + 1)).tolist()
        parts = []
        for word in words:
            parts.append(np.zeros(rng.integers(400, 900)))
            parts.append(0.5 * np.sin(2 * np.pi * TONES[word] * np.arange(2000) / 8000))
        sound = np.concatenate(parts)
        X.append((sound + 0.01 * rng.standard_normal(len(sound))).astype(np.float32))
        y.append(" ".join(words))
    return X, y


@pytest.fixture(scope="module")
def recognizer() -> SpeechRecognizer:
    return SpeechRecognizer("word", **SMALL).fit(*sounds(64), **FAST)


def weights(model: SpeechRecognizer) -> dict[str, Any]:
    assert model.network is not None
    return model.network.state_dict()


def same(a: SpeechRecognizer, b: SpeechRecognizer) -> bool:
    return all(np.array_equal(array, weights(b)[name]) for name, array in weights(a).items())


def test_it_learns_words(recognizer: SpeechRecognizer) -> None:
    X, y = sounds(20, seed=2)
    assert recognizer.score(X, y) > 0.95
    rates = recognizer.evaluate(X, y, beam_size=8, language_model=NGram(2).fit([text.split() for text in y]))
    assert rates.words < 0.05
    assert rates.characters <= 0.05
    assert recognizer.names == ["", "high", "low", "mid"]
    assert repr(recognizer) == "SpeechRecognizer(3 words, lstm of 1 x 24)"


def test_it_learns_characters() -> None:
    X, y = sounds(48, most=1)
    y = [{"low": "ab", "mid": "ba", "high": "c"}[text] for text in y]
    recognizer = SpeechRecognizer(**SMALL, cell="gru").fit(X, y, **{**FAST, "epochs": 30})
    assert recognizer.score(X, y) > 0.9
    assert recognizer.names == ["", "a", "b", "c"]


def test_a_language_model_decides_between_what_sounds_alike(recognizer: SpeechRecognizer) -> None:
    """A model that all but rules "mid" out, with much weight."""
    X, _ = sounds(6, seed=3)
    language = NGram(1).fit([["low", "high"]] * 50 + [["mid"]])
    plain = recognizer.predict(X, beam_size=8)
    assert any("mid" in text for text in plain)
    heavy = recognizer.predict(X, beam_size=8, language_model=language, weight=50.0)
    assert not any("mid" in text for text in heavy)


def test_predictions_do_not_depend_on_the_batch(recognizer: SpeechRecognizer) -> None:
    X, _ = sounds(9, seed=4)
    assert recognizer.predict(X, batch_size=1) == recognizer.predict(X) == recognizer.predict(X, batch_size=4)
    assert recognizer.predict([]) == []


def test_silence_noise_and_clipped_sound_have_an_answer(recognizer: SpeechRecognizer) -> None:
    X, y = sounds(3, seed=5)
    assert recognizer.predict([np.zeros(0), np.zeros(4000, np.float32), X[0], np.zeros(1, np.int16)]) == [
        "",
        "",
        y[0],
        "",
    ]
    assert len(recognizer.predict([np.clip(50 * X[0], -1, 1)])) == 1
    whole = (32767 * X[0]).astype(np.int16)
    assert recognizer.predict([whole, (8000, whole)]) == [y[0], y[0]]
    assert len(recognizer.predict([np.tile(X[0], 30)])[0].split()) > 20  # much longer than any that it has heard


def test_saved_and_loaded(recognizer: SpeechRecognizer, tmp_path: Any) -> None:
    path = tmp_path / "speech.safetensors"
    recognizer.save(path)
    loaded = SpeechRecognizer.load(path)
    X, _ = sounds(5, seed=6)
    assert same(loaded, recognizer)
    assert loaded.predict(X, beam_size=4) == recognizer.predict(X, beam_size=4)
    assert loaded.get_params() == recognizer.get_params()
    whole = path.read_bytes()
    for end in [*range(0, len(whole), max(1, len(whole) // 60)), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"speech\.safetensors"):
            SpeechRecognizer.load(path)
    path.write_bytes(whole)
    arrays, metadata = read_safetensors(path)
    for name, value in (("vocabulary.mean", np.zeros(3, np.float32)), ("network.out.bias", np.zeros(9, np.float32))):
        write_safetensors(path, {**arrays, name: value}, metadata)
        with pytest.raises(ValueError, match="damaged"):
            SpeechRecognizer.load(path)


class Stop(Callback):
    left = 5

    def on_update_end(self, model: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_interrupted_and_resumed_to_the_same_weights(tmp_path: Any) -> None:
    path = tmp_path / "state.safetensors"
    data, judged = sounds(24), sounds(4, seed=1)
    settings = {**SMALL, "masking": True, "dropout": 0.3, "num_layers": 2}
    options = {**FAST, "epochs": 3}
    whole = SpeechRecognizer("word", **settings).fit(*data, judged, **options)
    with pytest.raises(TrainingInterrupted):
        SpeechRecognizer("word", **settings).fit(*data, judged, callbacks=[Stop()], checkpoint=path, **options)
    with pytest.raises(ValueError, match="data"):
        SpeechRecognizer.load(path).resume(*sounds(24, seed=9), judged)
    assert same(SpeechRecognizer.load(path).resume(*data, judged), whole)


def test_it_is_an_estimator() -> None:
    sklearn = pytest.importorskip("sklearn.base")
    copy = sklearn.clone(SpeechRecognizer("word", **SMALL))
    assert copy.get_params() == SpeechRecognizer("word", **SMALL).get_params()


def test_wrong_sounds(recognizer: SpeechRecognizer) -> None:
    for sound, error, message in (
        (
            (16000, np.zeros(9, np.float32)),
            ValueError,
            "sound 0 has 16000 samples a second, but the",
        ),
        (np.zeros((9, 2), np.float32), ValueError, "sound 0: audio must be mono"),
        (np.array([0.0, np.nan]), ValueError, "sound 0: audio must be finite"),
        (np.array([1, 2, 3]), TypeError, "sound 0: audio must be floats or int16"),
        (np.array([0.0, 3000.0]), ValueError, "must lie within"),
    ):
        with pytest.raises(error, match=message):
            recognizer.predict([sound])
    with pytest.raises(ValueError, match="needs a search"):
        recognizer.predict([np.zeros(9)], language_model=NGram(1).fit([["low"]]))
    fresh = SpeechRecognizer("word", **SMALL)
    with pytest.raises(RuntimeError, match="not trained"):
        fresh.predict([np.zeros(9)])
    X, y = sounds(2)
    for sounds_, texts, error, message in (
        (X, y[:1], ValueError, "there are 2 sounds, but texts of 1"),
        (X, ["low", 3], TypeError, "the text of sound 1 must be a str"),
        ([X[0][:400]], ["low low mid"], ValueError, "sound 0 has 2 steps of 40 ms, but its text"),
        ([X[0]], [""], ValueError, "no texts"),
        ([], [], ValueError, "no texts"),
    ):
        with pytest.raises(error, match=message):
            fresh.fit(sounds_, texts)


def test_a_failed_fit_leaves_the_model_as_it_was(recognizer: SpeechRecognizer) -> None:
    X, _ = sounds(4, seed=7)
    before = recognizer.predict(X)
    for data, validation in ((([X[0][:400]], ["low low new"]), None), ((X, ["low"] * 4), (X, ["low"]))):
        with pytest.raises(ValueError, match="sound"):
            recognizer.fit(*data, validation)
    assert recognizer.predict(X) == before
    assert recognizer.names == ["", "high", "low", "mid"]


def test_wrong_settings() -> None:
    for settings, message in (
        ({"unit": "phone"}, "unit must be one of"),
        ({"cell": "rnn"}, "cell must be one of"),
        ({"stack": 0}, "stack"),
        ({"sample_rate": 0}, "sample_rate"),
    ):
        with pytest.raises(ValueError, match=message):
            SpeechRecognizer(**settings)
