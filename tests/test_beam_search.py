"""Beam search against an exhaustive search over small models."""

import itertools
from typing import Any

import numpy as np
import pytest

from lexigrad.models.beam_search import beam_search, coverage_penalty, length_penalty

BEGIN, END, SIZE = 0, 1, 4


class Table:
    """Writes by a table of probabilities that depend on the input, the place and the id before."""

    def __init__(self, seed: int, inputs: int, places: int = 3) -> None:
        rng = np.random.default_rng(seed)
        logits = rng.standard_normal((inputs, 8, SIZE, SIZE)) * 2
        self.table = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        looked = rng.random((inputs, 8, SIZE, places))
        self.looked = looked / looked.sum(-1, keepdims=True)
        self.inputs = np.arange(inputs)
        self.place = 0

    def step(self, ids: Any) -> tuple[Any, Any]:
        found = self.table[self.inputs, self.place, ids], self.looked[self.inputs, self.place, ids]
        self.place += 1
        return found

    def select(self, rows: Any) -> None:
        self.inputs = self.inputs[rows]

    def score(self, row: int, ids: tuple[int, ...], alpha: float, beta: float) -> float:
        """Of the ids and the end."""
        total, before = 0.0, BEGIN
        looked = []
        for place, following in enumerate((*ids, END)):
            total += self.table[row, place, before, following]
            looked.append(self.looked[row, place, before])
            before = following
        covered = sum(np.log(min(1.0, one)) for one in np.sum(looked, 0))
        return total / ((5 + len(ids) + 1) / 6) ** alpha + beta * covered


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (1.0, 0.0), (0.6, 0.2)])
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_of_all(seed: int, alpha: float, beta: float) -> None:
    inputs, limit = 3, 4
    found = beam_search(
        Table(seed, inputs),
        np.full(inputs, 3),
        np.full(inputs, limit),
        begin=BEGIN,
        end=END,
        beam_size=SIZE**limit,
        alpha=alpha,
        beta=beta,
    )
    model = Table(seed, inputs)
    others = [i for i in range(SIZE) if i != END]
    every = [ids for n in range(limit) for ids in itertools.product(others, repeat=n)]
    for row in range(inputs):
        scores = {ids: model.score(row, ids, alpha, beta) for ids in every}
        best = max(scores, key=scores.__getitem__)
        assert tuple(found[row][0].ids) == best
        assert found[row][0].score == pytest.approx(scores[best])
        assert found[row][0].attention.shape == (len(best) + 1, 3)


@pytest.mark.parametrize("beam_size", [1, 2, 3])
def test_a_batch_is_searched_like_each_input_alone(beam_size: int) -> None:
    places, limits = np.full(5, 3), np.array([6, 1, 7, 3, 5])
    options: dict[str, Any] = {"begin": BEGIN, "end": END, "beam_size": beam_size}
    together = beam_search(Table(9, 5), places, limits, **options)
    for row in range(5):
        one = Table(9, 5)
        one.inputs = one.inputs[row : row + 1]
        (alone,) = beam_search(one, places[row : row + 1], limits[row : row + 1], **options)
        assert [h.ids for h in alone] == [h.ids for h in together[row]]
        assert [h.score for h in alone] == pytest.approx([h.score for h in together[row]])
        assert all(len(h.ids) <= limits[row] for h in alone)
        assert [h.score for h in alone] == sorted((h.score for h in alone), reverse=True)


def test_one_hypothesis_takes_the_most_probable_id() -> None:
    model = Table(3, 1)
    (found,) = beam_search(Table(3, 1), np.array([3]), np.array([7]), begin=BEGIN, end=END, beam_size=1)
    before, ids = BEGIN, []
    for place in range(7):
        before = int(model.table[0, place, before].argmax())
        if before == END:
            break
        ids.append(before)
    assert found[0].ids == ids


def test_penalties() -> None:
    assert length_penalty(1, 0.7) == 1.0
    assert length_penalty(7, 1.0) == pytest.approx(2.0)
    looked = np.array([[0.5, 0.5, 0.0], [0.5, 0.1, 0.4]], np.float32)
    assert coverage_penalty(looked, 2.0) == pytest.approx(2 * (np.log(0.6) + np.log(0.4)))
    assert coverage_penalty(looked, 0.0) == 0.0
