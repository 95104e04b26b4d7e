"""What is drawn from logits, against the definitions in plain NumPy."""

import numpy as np
import pytest

from lexigrad.models import Sampler
from lexigrad.models.decode import sample

LOGITS = np.array([0.5, -1.0, 2.0, 2.0, -np.inf, 0.0, 1.5], np.float32)


def softmax(logits, temperature=1.0):
    values = np.exp((logits.astype(np.float64) - logits.max()) / temperature)
    return values / values.sum()


def expected(temperature, top_k, top_p):
    p = softmax(LOGITS, temperature)
    order = sorted(range(len(p)), key=lambda i: -p[i])
    if top_k is not None:
        p[order[top_k:]] = 0
        p /= p.sum()
    if top_p is not None:
        kept, total = [], 0.0
        for i in order:
            if total >= top_p:
                break
            kept.append(i)
            total += p[i]
        p[[i for i in order if i not in kept]] = 0
    return p / p.sum()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("top_k", [None, 2, 3, 100])
@pytest.mark.parametrize("top_p", [None, 0.1, 0.7, 0.95, 1.0])
def test_distribution(temperature, top_k, top_p):
    sampler = Sampler(temperature, top_k, top_p, seed=1)
    wanted = expected(temperature, top_k, top_p)
    np.testing.assert_allclose(sampler.probabilities(LOGITS), wanted, rtol=1e-6, atol=1e-12)
    drawn = np.bincount([sampler.draw(LOGITS) for _ in range(2000)], minlength=len(LOGITS)) / 2000
    assert (drawn[wanted == 0] == 0).all()
    np.testing.assert_allclose(drawn, wanted, atol=5 * np.sqrt(0.25 / 2000))


def test_temperature_zero_takes_the_most_probable():
    sampler = Sampler(temperature=0)
    assert {sampler.draw(LOGITS) for _ in range(20)} == {2}
    np.testing.assert_array_equal(sampler.probabilities(LOGITS), np.eye(7)[2])
    assert {Sampler(1e-300).draw(np.float32([0, 1, 0.5])) for _ in range(20)} == {1}


def test_seeds():
    first, second = Sampler(seed=3), Sampler(seed=3)
    assert [first.draw(LOGITS) for _ in range(50)] == [second.draw(LOGITS) for _ in range(50)]
    assert Sampler(top_k=1).draw(np.float32([7])) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature must be 0 or above"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"top_p": 0}, "top_p must be above 0"),
        ({"top_p": 1.5}, "top_p must be above 0"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(ValueError, match=message):
        Sampler(**options)


def test_sample_writes_each_row_to_its_end():
    """A writer that says what follows each id: rows end at the end or at their limits."""

    class Chain:
        def __init__(self):
            self.rows = 3

        def step(self, ids):
            assert len(ids) == self.rows
            scores = np.full((len(ids), 6), -np.inf, np.float32)
            scores[np.arange(len(ids)), {0: 2, 2: 3, 3: 4, 4: 1}[int(ids[0])]] = 0
            return scores, np.ones((len(ids), 1), np.float32)

        def select(self, rows):
            self.rows = len(rows)

    assert sample(Chain(), np.array([9, 1, 2]), Sampler(seed=1), begin=0, end=1) == [[2, 3, 4], [2], [2, 3]]
