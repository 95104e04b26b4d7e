"""What was said, from CTC's scores of each frame: the best labels by themselves, or a search over label sequences."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core

Prefix = tuple[int, ...]
Scorer = Callable[[Prefix], NDArray[Any]]  # log p(label | labels before), (V,), and of the end at the blank's place

_CLASSES = 40  # labels of a frame that a prefix may go on with


def greedy_decode(scores: NDArray[Any], blank: int = 0) -> list[int]:
    """The best label of each frame, repetitions merged and blanks left out.

    Args:
        scores: (T, V) logits or log-probabilities.
        blank: the class that stands for no label.
    """
    best = scores.argmax(1) if len(scores) else np.zeros(0, np.int64)
    new = np.ones(len(best), bool)
    new[1:] = best[1:] != best[:-1]
    return [int(label) for label in best[new & (best != blank)]]


def prefix_beam_search(
    log_probs: NDArray[Any],
    beam_size: int = 16,
    blank: int = 0,
    scorer: Scorer | None = None,
    weight: float = 0.5,
    bonus: float = 0.0,
) -> list[tuple[list[int], float]]:
    """The most probable label sequences, each summed over its alignments (Graves 2012; Hannun et al. 2014).

    Sequences are ranked by  log p(labels | frames) + weight log p(labels) + bonus len(labels),  the second term where
    there is a language model.

    Args:
        log_probs: (T, V) log-probabilities.
        beam_size: sequences that are kept after each frame.
        blank: the class that stands for no label.
        scorer: the language model.
        weight, bonus: see above.

    Returns:
        Label sequences and their scores, the best first.

    Raises:
        ValueError: ``beam_size``, ``weight`` or ``bonus`` is out of range, or log-probabilities are none.
    """
    if beam_size < 1:
        raise ValueError(f"beam_size must be at least 1, not {beam_size}")
    if not 0 <= weight < math.inf or not math.isfinite(bonus):
        raise ValueError(f"weight must be 0 or above, and weight and bonus finite, not {weight!r} and {bonus!r}")
    rows = np.ascontiguousarray(log_probs, np.float32)
    beams = _core.PrefixBeams(rows.shape[-1], blank, beam_size, _CLASSES, scorer is not None, weight, bonus)
    read = 0
    while True:
        if scorer is not None:
            for prefix in beams.missing():
                beams.supply(np.ascontiguousarray(scorer(tuple(prefix)), np.float64))
        if read == len(rows):
            return beams.results()
        read = beams.advance(rows, read)
