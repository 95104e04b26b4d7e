"""The adding problem in small: which layers learn it, and the benchmark's own parts."""

import numpy as np
import pytest

from benchmarks import bench_adding_problem as adding


def test_sequences_have_a_mark_in_either_half():
    x, sums = adding.sequences(np.random.default_rng(0), 11, 400)
    numbers, marks = x[..., 0], x[..., 1]
    assert x.shape == (11, 400, 2)
    assert x.dtype == sums.dtype == np.float32
    assert (marks[:5].sum(0) == 1).all()
    assert (marks[5:].sum(0) == 1).all()
    np.testing.assert_allclose((numbers * marks).sum(0)[:, None], sums)
    assert (marks.sum(1) > 0).all()
    np.testing.assert_allclose(((sums - 1) ** 2).mean(), 1 / 6, 0.1)


@pytest.mark.parametrize(("layer", "updates"), [("identity-ReLU RNN", 3000), ("GRU", 600), ("LSTM", 800)])
def test_layers_that_learn_it(layer, updates):
    done = adding.train(layer, steps=30, seed=1, hidden=24, updates=updates)
    assert done["errors"][-1] < adding.LEARNT
    assert done["updates"] == 100 * len(done["errors"]) <= updates


def test_a_plain_rnn_does_not():
    done = adding.train("tanh RNN", steps=100, seed=1, hidden=24, updates=300)
    assert done["updates"] == 300
    assert min(done["errors"]) > 0.1


def test_report():
    rows = [
        {"layer": "LSTM", "steps": 300, "seed": 2, "updates": 600, "errors": [0.2, 0.004], "seconds": 3.0},
        {"layer": "tanh RNN", "steps": 300, "seed": 1, "updates": 10000, "errors": [0.2, 0.16], "seconds": 70.4},
    ]
    head, _, first, second = [line.split("|") for line in adding.report(rows)]
    assert [cell.strip() for cell in head[1:4]] == ["layer", "T", "seed"]
    assert [cell.strip() for cell in first[1:-1]] == ["tanh RNN", "300", "1", "not in 10,000 updates", "0.1600", "70"]
    assert [cell.strip() for cell in second[1:-1]] == ["LSTM", "300", "2", "600 updates", "0.0040", "3"]
