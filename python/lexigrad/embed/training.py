"""What the trainers of embeddings share: where a run stands, its random keys, its arguments' checks."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lexigrad.progress import Hook, Progress
from lexigrad.text.corpus import CorpusSource


@dataclass
class Run:
    """Where a training run stands: all that must be known to go on to the same result."""

    epochs: int
    start_alpha: float
    end_alpha: float
    scale: float  # length that the learning rate's schedule sees, relative to the stream's
    first_key: int  # random numbers of epoch e belong to first_key + e
    stream_length: int
    epoch: int = 0
    position: int = 0
    epoch_loss: float = 0.0
    epoch_predictions: int = 0

    @property
    def done(self) -> bool:
        return self.epoch >= self.epochs

    @property
    def epoch_alpha(self) -> float:
        """The learning rate at the beginning of the epoch."""
        return self.start_alpha - (self.start_alpha - self.end_alpha) * self.epoch / self.epochs

    @property
    def alpha_step(self) -> float:
        """How much the learning rate falls with each token of the stream."""
        return (self.start_alpha - self.end_alpha) / self.epochs / max(1.0, self.stream_length * self.scale)

    @property
    def least_alpha(self) -> float:
        return min(self.start_alpha, self.end_alpha)

    @property
    def alpha(self) -> float:
        """The learning rate now."""
        return max(self.least_alpha, self.epoch_alpha - self.alpha_step * self.position)


def epoch_key(seed: int, epoch: int) -> int:
    """64 bits that no other seed and epoch has (SplitMix64's mixing function on each in turn)."""
    return _mix(_mix(seed & _MASK) + epoch & _MASK)


_MASK = (1 << 64) - 1


def _mix(z: int) -> int:
    z = (z + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def vocabulary_progress(progress: Hook | None) -> Callable[[int, int | None, int], None] | None:
    """The ``on_progress`` of counting and encoding that reports to a ``progress`` callable."""
    if progress is None:
        return None
    began = time.monotonic()

    def report(done: int, total: int | None, words: int) -> None:
        nan = float("nan")
        expected = int(words * total / done) if total and done else 0
        progress(Progress(0, 1, words, expected, nan, nan, time.monotonic() - began, "vocabulary"))

    return report


def one_source(iterable: CorpusSource | None, file: str | os.PathLike[str] | None) -> CorpusSource | None:
    """The corpus, under whichever of gensim's two names it was given; None if under neither."""
    if iterable is not None and file is not None:
        raise TypeError("give the corpus once: as token lists or as corpus_file, not both")
    return iterable if file is None else file


def whole(name: str, value: Any, least: int) -> int:
    """An argument that must be a whole number of at least ``least``."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = least - 1
    if number < least or number != value or number > 2**62:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return number


def check_rates(start: float, end: float) -> None:
    """Learning rates at the beginning and the end of a run."""
    if not (start > 0 and end >= 0 and np.isfinite(start) and np.isfinite(end)):
        raise ValueError(f"learning rates must be above 0, and finite, not {start} falling to {end}")
