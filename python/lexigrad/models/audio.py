"""Sound as features: the logarithm of its power in bands of the mel scale over time."""

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lexigrad.embed.training import whole

Floats = NDArray[np.float32]

_FLOOR = 1e-10  # of powers, before the logarithm
SILENCE = math.log(_FLOOR)  # all features of no sound at all
_BLOCK = 4096  # frames that are transformed at once


def log_mel(audio: ArrayLike, sample_rate: int, n_mels: int = 40, n_fft: int = 256, hop_length: int = 80) -> Floats:
    """log(mel power) of mono sound, (frames, n_mels): librosa's ``melspectrogram`` with its defaults, transposed.

    Frames of ``n_fft`` samples under a Hann window, centred at every ``hop_length``-th sample, with zeros around the
    sound; their power spectrum; its sums in ``n_mels`` triangular bands of Slaney's mel scale, each of area 1
    (Slaney 1998, "Auditory Toolbox"). Powers below 1e-10, as of silence, count as 1e-10.

    Args:
        audio: (n,) samples: floats, or int16, which is divided by 32768.
        sample_rate: in Hz.
        n_mels, n_fft, hop_length: see above; at 8 kHz the defaults are 32 ms and 10 ms.

    Returns:
        1 + n // hop_length frames; none for no samples.

    Raises:
        ValueError: the samples are not (n,), or NaN or infinite, or a size is below 1.
        TypeError: the samples are neither floats nor int16.
    """
    samples = as_samples(audio)
    size, hop = whole("n_fft", n_fft, 2), whole("hop_length", hop_length, 1)
    bands = mel_bands(whole("sample_rate", sample_rate, 1), size, whole("n_mels", n_mels, 1))
    if len(samples) == 0:
        return np.zeros((0, n_mels), np.float32)
    padded = np.pad(samples, size // 2)
    if len(padded) < size:
        padded = np.pad(padded, (0, size - len(padded)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    result = np.empty((len(frames), n_mels), np.float32)
    for begin in range(0, len(frames), _BLOCK):
        spectrum = np.fft.rfft(frames[begin : begin + _BLOCK] * window)
        power = spectrum.real**2 + spectrum.imag**2
        result[begin : begin + _BLOCK] = np.log(np.maximum(power @ bands.T, _FLOOR))
    return result


def as_samples(audio: ArrayLike) -> Floats:
    """Samples as float32; errors as of :func:`log_mel`."""
    array = np.asarray(audio)
    if array.ndim != 1:
        raise ValueError(f"audio must be mono, of shape (n,), not {array.shape}")
    if array.dtype == np.int16:
        return array.astype(np.float32) / np.float32(32768)
    if array.dtype.kind != "f":
        if array.size:
            raise TypeError(f"audio must be floats or int16, not {array.dtype}")
        return np.zeros(0, np.float32)
    if not np.isfinite(array).all():
        place = int((~np.isfinite(array)).argmax())
        raise ValueError(f"audio must be finite, but sample {place} is {array[place]}")
    return array.astype(np.float32)


@functools.lru_cache(maxsize=8)
def mel_bands(sample_rate: int, n_fft: int, n_mels: int) -> NDArray[Any]:
    """Weights of the frequencies 0 .. sample_rate / 2 in each band, (n_mels, n_fft // 2 + 1)."""
    frequencies = np.arange(n_fft // 2 + 1) * sample_rate / n_fft
    edges = _hertz(np.linspace(0, _mel(sample_rate / 2), n_mels + 2))
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    weights.setflags(write=False)
    return np.asarray(weights)


# Slaney's mel scale: linear to 1000 Hz, logarithmic above.
_LINEAR = 200 / 3  # Hz of a mel below
_KNEE = 1000.0
_STEP = math.log(6.4) / 27  # of the logarithm of a mel above


def _mel(hertz: float) -> float:
    return hertz / _LINEAR if hertz < _KNEE else _KNEE / _LINEAR + math.log(hertz / _KNEE) / _STEP


def _hertz(mel: NDArray[Any]) -> NDArray[Any]:
    knee = _KNEE / _LINEAR
    return np.where(mel < knee, mel * _LINEAR, _KNEE * np.exp(_STEP * (np.maximum(mel, knee) - knee)))
