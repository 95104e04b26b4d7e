"""What the trainers of embeddings share: where a run stands, its random keys, its arguments' checks."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.progress import Hook, Progress
from lexigrad.text.corpus import CorpusSource
from lexigrad.text.encoding import TokenStream

_CALL_SECONDS = 0.1  # what one call of a kernel is sized for: Ctrl-C, progress and checkpoints wait that long
_LOOK_BACK = 1 << 18  # tokens before a call's first whose memory is given back again: windows may have looked there
_LONGEST_BLOCK = 4096
_BLOCK_FLOPS = 1e9  # a block of the corpus is at most about a tenth of a second of work


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


class Kernel(ABC):
    """A compiled trainer of one model on one corpus: block after block, as many in a call as fill _CALL_SECONDS.

    Args:
        stream: the corpus.
        workers: threads.
        seed: of all random numbers.
        flops_per_token: arithmetic of an average token, which bounds the length of a block.

    Attributes:
        diverged: whether the last call met a number that is not finite.
    """

    def __init__(self, stream: TokenStream, workers: int, seed: int, flops_per_token: float) -> None:
        self.stream = stream
        self.workers = workers
        self.seed = seed
        self.block = int(max(1, min(_LONGEST_BLOCK, _BLOCK_FLOPS / flops_per_token)))
        self.diverged = False
        self._blocks = workers  # of the next call

    @abstractmethod
    def train(self, begin: int, end: int, **schedule: Any) -> dict[str, Any]:
        """Train the tokens [begin, end); gives loss, predictions, kept and diverged.

        ``schedule`` holds alpha, alpha_step, min_alpha and key.
        """

    def advance(self, run: Run) -> int:
        """Train the next blocks of the epoch; returns the words kept by subsampling."""
        begin = run.position
        end = min(run.stream_length, begin + self._blocks * self.block)
        started = time.monotonic()
        done = self.train(
            begin,
            end,
            alpha=run.epoch_alpha,
            alpha_step=run.alpha_step,
            min_alpha=run.least_alpha,
            key=epoch_key(self.seed, run.first_key + run.epoch),
        )
        seconds = max(time.monotonic() - started, 1e-6)
        self.stream.release(begin - _LOOK_BACK, end)
        run.position = end
        run.epoch_loss += done["loss"]
        run.epoch_predictions += int(done["predictions"])
        self.diverged = bool(done["diverged"])
        grown = min(4 * self._blocks, self._blocks * _CALL_SECONDS / seconds, run.stream_length)
        self._blocks = max(self.workers, int(grown))
        return int(done["kept"])


def lock_factors(factors: NDArray[Any], size: int) -> NDArray[np.float32] | None:
    """``vectors_lockf``: one factor for all rows, or one for each; None where all are 1."""
    factors = np.asarray(factors, np.float32)
    if factors.ndim != 1 or len(factors) not in (1, size):
        raise ValueError(f"vectors_lockf must have shape (1,) or ({size},), not {factors.shape}")
    if (factors == 1).all():
        return None
    return np.ascontiguousarray(np.broadcast_to(factors, size))


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
