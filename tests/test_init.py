"""Initialisers: distributions, seeds, shapes; the same bounds as PyTorch's."""

import numpy as np
import pytest

from lexigrad.nn import Parameter, init


def parameter(*shape):
    return Parameter(np.full(shape, np.nan, np.float32))


def bound(tensor):
    return abs(tensor.data).max()


def test_constants():
    assert (init.zeros_(parameter(2, 3)).data == 0).all()
    assert (init.ones_(parameter(4)).data == 1).all()
    assert (init.constant_(parameter(2), 2.5).data == 2.5).all()
    np.testing.assert_array_equal(init.identity_(parameter(2, 3), 0.5).data, 0.5 * np.eye(2, 3))


@pytest.mark.parametrize("shape", [(300, 200), (200, 100, 3)])
def test_distributions(shape):
    fan_in, fan_out = np.prod(shape[1:]), shape[0] * np.prod(shape[2:])
    uniform = [
        (init.uniform_(parameter(*shape), -0.3, 0.3, rng=0), 0.3),
        (init.xavier_uniform_(parameter(*shape), rng=0), np.sqrt(6 / (fan_in + fan_out))),
        (init.xavier_uniform_(parameter(*shape), 2.0, rng=0), 2 * np.sqrt(6 / (fan_in + fan_out))),
        (init.kaiming_uniform_(parameter(*shape), rng=0), np.sqrt(6 / fan_in)),
        (init.kaiming_uniform_(parameter(*shape), np.sqrt(5), rng=0), 1 / np.sqrt(fan_in)),
        (
            init.kaiming_uniform_(parameter(*shape), mode="fan_out", nonlinearity="tanh", rng=0),
            5 / 3 * np.sqrt(3 / fan_out),
        ),
    ]
    for tensor, limit in uniform:
        assert 0.99 * limit < bound(tensor) <= limit * (1 + 1e-6)
        assert abs(tensor.data.std() - limit / np.sqrt(3)) < 0.02 * limit
    normal = [
        (init.normal_(parameter(*shape), 0, 0.2, rng=0), 0.2),
        (init.xavier_normal_(parameter(*shape), rng=0), np.sqrt(2 / (fan_in + fan_out))),
        (init.kaiming_normal_(parameter(*shape), nonlinearity="relu", rng=0), np.sqrt(2 / fan_in)),
    ]
    for tensor, std in normal:
        assert abs(tensor.data.std() - std) < 0.02 * std
        assert bound(tensor) > 3 * std


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (4, 7), (4, 2, 3), (1, 1)])
def test_orthogonal(shape):
    matrix = init.orthogonal_(parameter(*shape), 2.0, rng=0).data.reshape(shape[0], -1)
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_seeds():
    generator = np.random.default_rng(1)
    one, same = init.normal_(parameter(5), rng=1).data, init.normal_(parameter(5), rng=generator).data
    np.testing.assert_array_equal(one, same)
    assert (init.normal_(parameter(5), rng=generator).data != one).any()
    assert (init.normal_(parameter(5)).data != init.normal_(parameter(5)).data).any()


def test_gains_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    for name in ("linear", "sigmoid", "tanh", "relu", "leaky_relu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert init.calculate_gain("leaky_relu", 0.2) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.2))


def test_errors():
    for function in (init.xavier_uniform_, init.kaiming_normal_, init.orthogonal_, init.identity_):
        with pytest.raises(ValueError, match=r"two axes.*\(3,\)"):
            function(parameter(3))
    with pytest.raises(ValueError, match="'fan_in' or 'fan_out', not 'out'"):
        init.kaiming_uniform_(parameter(2, 2), mode="out")
    with pytest.raises(ValueError, match="nonlinearity"):
        init.calculate_gain("square")
