"""Log-mel features against librosa's, and special sounds."""

import numpy as np
import pytest

from lexigrad.models.audio import SILENCE, log_mel, mel_bands

CASES = [(8000, 256, 80, 40, 4000), (16000, 512, 160, 80, 9001), (22050, 2048, 512, 128, 5000), (8000, 200, 80, 9, 357)]


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_librosa(case):
    librosa = pytest.importorskip("librosa")
    rate, size, hop, bands, samples = case
    rng = np.random.default_rng(sum(case))
    sound = (0.3 * rng.standard_normal(samples) * np.sin(np.arange(samples) / 900)).astype(np.float32)
    options = {"sr": rate, "n_fft": size, "hop_length": hop, "n_mels": bands}
    power = librosa.feature.melspectrogram(y=sound, **options)
    ours = log_mel(sound, rate, bands, size, hop)
    assert ours.shape == power.T.shape
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, np.log(np.maximum(power.T, 1e-10)), atol=2e-3)
    np.testing.assert_allclose(
        mel_bands(rate, size, bands), librosa.filters.mel(sr=rate, n_fft=size, n_mels=bands), atol=1e-6
    )


def test_a_tone_is_in_its_band():
    tone = np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000)
    bands = log_mel(tone, 8000)[10].argmax()
    edges = mel_bands(8000, 256, 40)
    assert edges[bands].argmax() * 8000 / 256 == pytest.approx(1000, abs=70)


def test_integers_are_scaled():
    rng = np.random.default_rng(1)
    whole = rng.integers(-32768, 32767, 500).astype(np.int16)
    np.testing.assert_array_equal(log_mel(whole, 8000), log_mel(whole / np.float32(32768), 8000))


def test_silence_and_nothing():
    np.testing.assert_allclose(log_mel(np.zeros(500), 8000), SILENCE, rtol=1e-6)
    assert log_mel(np.zeros(0), 8000).shape == (0, 40)
    assert log_mel([], 8000).shape == (0, 40)
    assert log_mel(np.ones(1, np.float32), 8000).shape == (1, 40)


@pytest.mark.parametrize(
    ("audio", "error", "message"),
    [
        (np.zeros((2, 5)), ValueError, r"must be mono, of shape \(n,\), not \(2, 5\)"),
        (np.zeros(5, np.int32), TypeError, "floats or int16, not int32"),
        (np.array([0, np.nan]), ValueError, "sample 1 is nan"),
        (np.array([np.inf]), ValueError, "sample 0 is inf"),
    ],
)
def test_wrong_sounds(audio, error, message):
    with pytest.raises(error, match=message):
        log_mel(audio, 8000)
    with pytest.raises(ValueError, match="n_mels"):
        log_mel(np.zeros(5), 8000, n_mels=0)
