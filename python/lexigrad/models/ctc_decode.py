"""What was said, from CTC's scores of each frame: the best labels by themselves, or a search over label sequences."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        ValueError: ``beam_size`` is below 1.
    """
    if beam_size < 1:
        raise ValueError(f"beam_size must be at least 1, not {beam_size}")
    beams: dict[Prefix, tuple[float, float]] = {(): (0.0, -math.inf)}  # ends in a blank, or in the last label
    priors: dict[Prefix, float] = {(): 0.0}
    following: dict[Prefix, NDArray[Any]] = {}

    def prior(prefix: Prefix) -> float:
        if prefix not in priors:
            before = prefix[:-1]
            if scorer is not None and before not in following:
                following[before] = scorer(before)
            step = weight * float(following[before][prefix[-1]]) if scorer is not None else 0.0
            priors[prefix] = prior(before) + step + bonus
        return priors[prefix]

    for row in log_probs:
        values = [float(value) for value in row]
        candidates = [int(k) for k in np.argsort(-row, kind="stable")[: _CLASSES + 1] if k != blank]
        ways: dict[Prefix, list[float]] = {}
        for prefix, (of_blank, of_label) in beams.items():
            total = _log_add(of_blank, of_label)
            kept = ways.setdefault(prefix, [-math.inf, -math.inf])
            kept[0] = _log_add(kept[0], total + values[blank])
            last = prefix[-1] if prefix else blank
            if prefix:
                kept[1] = _log_add(kept[1], of_label + values[last])
            for k in candidates:
                longer = ways.setdefault((*prefix, k), [-math.inf, -math.inf])
                longer[1] = _log_add(longer[1], (of_blank if k == last else total) + values[k])
        ranked = sorted(ways.items(), key=lambda way: -(_log_add(*way[1]) + prior(way[0])))
        beams = {prefix: (pair[0], pair[1]) for prefix, pair in ranked[:beam_size]}
    found = []
    for prefix, pair in beams.items():
        end = weight * float(scorer(prefix)[blank]) if scorer is not None else 0.0
        found.append((list(prefix), _log_add(*pair) + prior(prefix) + end))
    return sorted(found, key=lambda one: -one[1])


def _log_add(a: float, b: float) -> float:
    if a < b:
        a, b = b, a
    return a if b == -math.inf else a + math.log1p(math.exp(b - a))
