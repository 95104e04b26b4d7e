"""Beam search over a model that writes one token after another, for a batch of inputs at once."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


class Writer(Protocol):
    """A model in the middle of writing: N rows, each of which has written something."""

    def step(self, ids: Rows) -> tuple[Floats, Floats]:
        """Let each row go on with an id (N,): log probabilities of what follows (N, V), and attention (N, S)."""

    def select(self, rows: Rows) -> None:
        """Go on with these rows, in this order; some may be dropped and some be there more than once."""


class Hypothesis(NamedTuple):
    """What a beam search found for an input.

    Attributes:
        ids: without the end.
        score: log probability over its length penalty, and the coverage penalty.
        log_probability: of the ids and the end.
        attention: (len(ids) + 1, S), what each id and the end looked at.
    """

    ids: list[int]
    score: float
    log_probability: float
    attention: Floats


def length_penalty(length: int, alpha: float) -> float:
    """lp(Y) = ((5 + |Y|) / 6)^alpha (Wu et al. 2016, eq. 14): 1 for alpha = 0."""
    return float(((5 + length) / 6) ** alpha)


def coverage_penalty(attention: Floats, beta: float) -> float:
    """cp(X, Y) = beta sum_i log min(sum_j a_ji, 1), i over the source and j over what was written (ibid.)."""
    covered = np.minimum(attention.sum(0), 1.0)
    return float(beta * np.log(np.maximum(covered, 1e-9)).sum()) if beta else 0.0


class _Beam:
    """The search for one input: K hypotheses that go on, and those that have ended."""

    def __init__(self, size: int, places: int, limit: int, alpha: float, beta: float) -> None:
        self.size, self.places, self.limit, self.alpha, self.beta = size, places, limit, alpha, beta
        self.ids: list[list[int]] = [[]] * size
        self.attention: list[list[Floats]] = [[]] * size
        self.scores = np.full(size, -np.inf)
        self.scores[0] = 0.0  # all are the same at first: one of them goes on
        self.ended: list[Hypothesis] = []

    def advance(self, scores: NDArray[np.float64], parents: Rows, ids: Rows, attention: Floats, end: int) -> Rows:
        """Take the best continuations, best first; returns the parents of those that go on."""
        going: list[tuple[float, int, int]] = []
        for score, parent, token in zip(scores.tolist(), parents.tolist(), ids.tolist(), strict=True):
            if token == end:
                self._finish(score, parent, attention[parent])
            else:
                going.append((score, parent, token))
            if len(going) == self.size:
                break
        self.ids = [[*self.ids[parent], token] for _, parent, token in going]
        self.attention = [[*self.attention[parent], attention[parent, : self.places]] for _, parent, _ in going]
        self.scores = np.array([score for score, _, _ in going])
        return np.array([parent for _, parent, _ in going], np.int64)

    def _finish(self, log_probability: float, parent: int, attention: Floats) -> None:
        if not np.isfinite(log_probability):
            return
        looked = np.array([*self.attention[parent], attention[: self.places]])
        score = log_probability / length_penalty(len(looked), self.alpha) + coverage_penalty(looked, self.beta)
        self.ended.append(Hypothesis(self.ids[parent], score, log_probability, looked))

    def done(self) -> bool:
        """Whether nothing better can come: penalties never make a score better than the longest length does."""
        if len(self.ids[0]) >= self.limit:
            return True
        if len(self.ended) < self.size:
            return False
        possible = self.scores[0] / length_penalty(self.limit + 1, self.alpha)
        return bool(max(one.score for one in self.ended) >= possible) or len(self.ended) >= 2 * self.size

    def best(self) -> list[Hypothesis]:
        """What has ended, the best first; where nothing has, what was going on when the limit came."""
        if not self.ended:
            for k, score in enumerate(self.scores.tolist()):
                if np.isfinite(score):
                    looked = np.array(self.attention[k])
                    normal = score / length_penalty(len(looked), self.alpha) + coverage_penalty(looked, self.beta)
                    self.ended.append(Hypothesis(self.ids[k], normal, score, looked))
        return sorted(self.ended, key=lambda one: -one.score)[: self.size]


def beam_search(
    writer: Writer,
    places: Rows,
    limits: Rows,
    *,
    begin: int,
    end: int,
    beam_size: int = 5,
    alpha: float = 0.6,
    beta: float = 0.0,
) -> list[list[Hypothesis]]:
    """The most probable sequences of a batch of inputs, by Wu et al. 2016.

    Args:
        writer: has a row for each of the B inputs, and has written nothing.
        places: (B,) positions of each input that attention can look at.
        limits: (B,) tokens that each output may have at most, at least 1.
        begin, end: the id that each output begins after, and the one that ends it.
        beam_size: hypotheses that go on, K; 1 takes the most probable token at each step.
        alpha: of the length penalty; 0 prefers short outputs, 1 the mean log probability of a token.
        beta: of the coverage penalty, which wants each position of the input to be looked at.

    Returns:
        for each input at most K hypotheses, the best first.
    """
    beams = [
        _Beam(beam_size, places, limit, alpha, beta)
        for places, limit in zip(places.tolist(), limits.tolist(), strict=True)
    ]
    active = list(range(len(beams)))
    writer.select(np.repeat(np.arange(len(beams)), beam_size))
    ids = np.full(len(beams) * beam_size, begin, np.int64)
    while active:
        log_probabilities, attention = writer.step(ids)
        vocabulary = log_probabilities.shape[1]
        before = np.stack([beams[b].scores for b in active])
        totals = before[:, :, None] + log_probabilities.reshape(len(active), beam_size, vocabulary).astype(np.float64)
        scores, chosen = _most(totals.reshape(len(active), -1), 2 * beam_size)
        looked = attention.reshape(len(active), beam_size, -1)
        rows, following, going = [], [], []
        for row, b in enumerate(active):
            parents = beams[b].advance(
                scores[row], chosen[row] // vocabulary, chosen[row] % vocabulary, looked[row], end
            )
            if len(parents) < beam_size or beams[b].done():
                continue
            going.append(b)
            rows.append(row * beam_size + parents)
            following += [ids[-1] for ids in beams[b].ids]
        active = going
        if active:
            writer.select(np.concatenate(rows))
            ids = np.array(following, np.int64)
    return [beam.best() for beam in beams]


def _most(values: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], Rows]:
    """The greatest ``count`` of each row, in falling order, and where they stand."""
    count = min(count, values.shape[1])
    places = np.argpartition(-values, count - 1, axis=1)[:, :count]
    found = np.take_along_axis(values, places, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(places, order, axis=1)
