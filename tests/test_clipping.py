"""Descent at the cliff of a one-unit recurrent network."""

import numpy as np

from lexigrad import Tensor, gradcheck
from lexigrad.diagnostics import cliff_error, descend_cliff


def test_the_error_is_that_of_the_unit():
    h, w, b = 1 / (1 + np.exp(-0.5)), 4.0, -2.0
    for _ in range(50):
        h = 1 / (1 + np.exp(-(w * h + b)))
    np.testing.assert_allclose(cliff_error(w, b).item(), (h - 0.7) ** 2, 1e-5)
    assert cliff_error(np.full((3, 1), w), np.full(4, b)).shape == (3, 4)
    values = [Tensor(np.array(value), requires_grad=True) for value in (3.0, -1.4)]
    assert gradcheck(cliff_error, values)


def test_there_is_a_cliff():
    """Where w is large, a small step of b changes the error from that of one stable state to that of the other."""
    errors = cliff_error(6.0, np.linspace(-3.3, -3.2, 11)).data
    assert errors.max() > 0.3
    assert errors.min() < 0.1
    assert np.abs(np.diff(errors)).max() > 0.2


def test_clipping_keeps_the_descent_in_the_valley():
    plain = descend_cliff(4.8, -2.0, 0.5, None, 80)
    clipped = descend_cliff(4.8, -2.0, 0.5, 0.2, 80)
    assert plain.shape == clipped.shape == (81, 3)
    steps = [np.linalg.norm(np.diff(path[:, :2], axis=0), axis=1) for path in (plain, clipped)]
    np.testing.assert_array_equal(plain[:5], clipped[:5])  # before the cliff nothing is clipped
    assert steps[0].max() > 2
    assert steps[1].max() <= 0.5 * 0.2 * (1 + 1e-5)
    assert clipped[:, 2].min() < 0.005 < plain[-1, 2]
