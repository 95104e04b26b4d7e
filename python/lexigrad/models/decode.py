"""Choosing what to write next from the scores of all that might come."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.models.beam_search import Rows, Writer


class Sampler:
    """Draws ids from logits, at a temperature, from the most probable ones alone if asked to.

    Args:
        temperature: logits are divided by it: below 1 safer, above 1 bolder; 0 takes the most probable id always.
        top_k: draw from the k most probable ids alone (Fan et al. 2018).
        top_p: draw from the fewest ids that have this probability together (Holtzman et al. 2020, "nucleus"). After
            ``top_k``, where both are given.
        seed: of the draws, or a generator; None: the system's entropy.

    Raises:
        ValueError: temperature is negative or not finite, top_k below 1, top_p not in (0, 1].
    """

    def __init__(
        self,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        if not 0 <= temperature < math.inf:
            raise ValueError(f"temperature must be 0 or above, and finite, not {temperature!r}")
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k!r}")
        if top_p is not None and not 0 < top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {top_p!r}")
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.rng = np.random.default_rng(seed)

    def draw(self, logits: NDArray[Any]) -> int:
        """An id, from logits (V,)."""
        if self.temperature == 0:
            return int(logits.argmax())
        probabilities = self._unnormalised(logits)
        cumulative = probabilities.cumsum()
        place = int(cumulative.searchsorted(self.rng.random() * cumulative[-1], side="right"))
        return place if place < len(logits) else int(probabilities.nonzero()[0][-1])  # the product was rounded up

    def probabilities(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """The distribution that :meth:`draw` draws from, (V,)."""
        if self.temperature == 0:
            return np.eye(1, len(logits), int(logits.argmax())).reshape(-1)
        values = self._unnormalised(logits)
        values /= values.sum()
        return values

    def _unnormalised(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        values = logits.astype(np.float64)
        values -= values.max()
        values /= self.temperature
        np.exp(values, out=values)
        if self.top_k is not None and self.top_k < len(values):
            kept = np.argpartition(values, -self.top_k)[-self.top_k :]
            values[_others(len(values), kept)] = 0
        if self.top_p is not None and self.top_p < 1:
            order = np.argsort(-values, kind="stable")
            sums = values[order].cumsum()
            count = int(sums.searchsorted(self.top_p * sums[-1])) + 1
            values[order[count:]] = 0
        return values


def _others(size: int, kept: NDArray[np.intp]) -> NDArray[np.bool_]:
    mask = np.ones(size, bool)
    mask[kept] = False
    return mask


def sample(writer: Writer, limits: Rows, sampler: Sampler, *, begin: int, end: int) -> list[list[int]]:
    """Write by drawing one id after another.

    Args:
        writer: has a row for each of the B inputs, and has written nothing.
        limits: (B,) tokens that each output may have at most, at least 1.
        sampler: draws for one row after the other in each step.
        begin, end: the id that each output begins after, and the one that ends it.

    Returns:
        the ids of each output, without the end.
    """
    written: list[list[int]] = [[] for _ in limits]
    active = np.arange(len(limits))
    last = np.full(len(limits), begin, np.int64)
    while len(active):
        scores, _ = writer.step(last)
        last = np.array([sampler.draw(row) for row in scores], np.int64)
        for b, token in zip(active, last, strict=True):
            if token != end:
                written[b].append(int(token))
        going = np.flatnonzero((last != end) & (np.array([len(written[b]) for b in active]) < limits[active]))
        if len(going) < len(active):
            active, last = active[going], last[going]
            writer.select(going)
    return written
