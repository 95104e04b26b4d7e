"""Norms of the Jacobians between hidden states, against Jacobians by central differences and by hand."""

import numpy as np
import pytest

from lexigrad import nn, no_grad
from lexigrad.diagnostics import gradient_flow, layers_for_long_sequences
from lexigrad.nn import init

LAYERS = [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("GRU", {}), ("LSTM", {})]


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def last_states(layer, x, states):
    """Each kind of last state of one sequence, (layers D, H), in float64."""
    given = [state[:, None] for state in states]
    with no_grad():
        after = layer(x[:, None], given if len(given) == 2 else given[0])[1]
    return [state.data[:, 0] for state in (after if isinstance(after, tuple) else (after,))]


def jacobian(layer, x, states, kind, place):
    """Of a kind of state at a place among layers and directions, after all steps of x by before them."""
    size, eps = layer.hidden_size, 1e-6
    columns = np.empty((size, size))
    for j in range(size):
        moved = []
        for sign in (1, -1):
            initial = [state.copy() for state in states]
            initial[kind][place, j] += sign * eps
            moved.append(last_states(layer, x, initial)[kind][place])
        columns[:, j] = (moved[0] - moved[1]) / (2 * eps)
    return columns


@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_norms_are_those_of_jacobians_by_differences(name, options):
    layer = getattr(nn, name)(3, 5, num_layers=2, bidirectional=True, rng=0, **options).double()
    kinds = 2 if name == "LSTM" else 1
    x, states = random(7, 2, 3), [random(4, 2, 5, seed=1 + kind) for kind in range(kinds)]
    for ord in (2, "fro"):
        for place in range(4):
            flow = gradient_flow(
                layer, x, states if kinds == 2 else states[0], layer=place // 2, reverse=place % 2 == 1, ord=ord
            )
            assert flow.norms.shape == (8, 2)
            assert (flow.cell_norms is not None) == (name == "LSTM")
            for b in range(2):
                of_b = [state[:, b] for state in states]
                for kind, norms in enumerate([flow.norms, flow.cell_norms][:kinds]):
                    whole = jacobian(layer, x[:, b], of_b, kind, place)
                    np.testing.assert_allclose(norms[7, b], np.linalg.norm(whole, ord), 1e-6, 1e-9)
                    np.testing.assert_allclose(norms[0, b], np.linalg.norm(np.eye(5), ord))


@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_each_distance_is_that_of_the_end_of_the_sequence(name, options):
    """From step k on, a sequence that begins with the state at k has the same norms."""
    layer = getattr(nn, name)(3, 6, rng=0, **options)
    x = random(9, 1, 3).astype(np.float32)
    whole = gradient_flow(layer, x)
    for k in (1, 4, 8):
        with no_grad():
            states = layer(x[:k])[1]
        end = gradient_flow(layer, x[k:], states)
        for norms, of_whole in zip(end[:2], whole[:2], strict=True):
            if norms is not None:
                np.testing.assert_allclose(norms, of_whole[: 10 - k], 1e-5)


def test_float32_and_layouts_give_the_same():
    x = random(6, 4, 3)
    wide = nn.GRU(3, 8, num_layers=2, rng=0).double()
    expected = gradient_flow(wide, x, layer=1).norms
    first = nn.GRU(3, 8, num_layers=2, batch_first=True, dropout=0.5, rng=0)
    found = gradient_flow(first, x.swapaxes(0, 1).astype(np.float32), layer=1).norms
    np.testing.assert_allclose(found, expected, 1e-5)
    with no_grad():
        alone = gradient_flow(first, np.asfortranarray(x[:, 2], np.float32), layer=1).norms
    np.testing.assert_allclose(alone, expected[:, 2:3], 1e-5)


def test_products_of_the_simple_rnn():
    """dh_t/dh_k = product of diag(1 - h_i^2) W, and the bound."""
    layer = nn.RNN(2, 4, rng=0)
    x = random(5, 1, 2).astype(np.float32)
    with no_grad():
        h = layer(x)[0].data[:, 0].astype(float)
    w = layer.weight_hh_l0.data.astype(float)
    product, flow = np.eye(4), gradient_flow(layer, x)
    for distance, at in enumerate(h[::-1], 1):
        product = product @ (np.diag(1 - at**2) @ w)
        np.testing.assert_allclose(flow.norms[distance, 0], np.linalg.norm(product, 2), 1e-5)
    np.testing.assert_allclose(flow.bound, np.linalg.norm(w, 2) ** np.arange(6.0), 1e-6)


@pytest.mark.parametrize("gain", [0.9, 1.0, 1.3])
def test_no_norm_exceeds_the_bound(gain):
    for nonlinearity in ("tanh", "relu"):
        layer = nn.RNN(3, 16, nonlinearity=nonlinearity, rng=0)
        init.orthogonal_(layer.weight_hh_l0, gain, rng=1)
        for ord in (2, "fro"):
            flow = gradient_flow(layer, random(20, 3, 3).astype(np.float32), ord=ord)
            assert (flow.norms <= flow.bound[:, None] * (1 + 1e-5)).all()
            assert (flow.norms[1:] > 0).any()
    assert gradient_flow(nn.GRU(3, 4), np.ones((3, 3), np.float32)).bound is None


def test_far_beyond_the_range_of_float32():
    """A scaled identity without inputs: the norm at distance d is gain^d, where float32 ends at 1e-38 and 1e38."""
    for gain in (0.1, 10.0):
        layer = nn.RNN(1, 3, nonlinearity="relu", bias=False)
        init.identity_(layer.weight_hh_l0, gain)
        start = np.full((1, 1, 3), gain ** np.float32(-20), np.float32)  # the states themselves stay within it
        flow = gradient_flow(layer, np.zeros((40, 1, 1), np.float32), start)
        np.testing.assert_allclose(flow.norms[:, 0], gain ** np.arange(41.0), 1e-4)
    dead = nn.RNN(1, 3, nonlinearity="relu", bias=False)
    flow = gradient_flow(dead, np.zeros((4, 1, 1), np.float32), np.full((1, 1, 3), -1, np.float32))
    assert flow.norms[0] == 1
    assert np.isfinite(flow.norms).all()


def test_layers_for_long_sequences():
    layers = layers_for_long_sequences(2, 32, 100, rng=0)
    assert list(layers) == ["tanh RNN", "identity-ReLU RNN", "GRU", "LSTM"]
    x = np.random.default_rng(0).random((100, 2, 2), np.float32)
    flows = {name: gradient_flow(layer, x) for name, layer in layers.items()}
    assert (flows["tanh RNN"].norms[100] < 1e-12).all()
    assert (flows["identity-ReLU RNN"].norms[100] == 1).all()
    assert (flows["GRU"].norms[100] > 0.1).all()
    assert (flows["LSTM"].cell_norms[100] > 0.1).all()
    bias = layers["LSTM"].bias_ih_l0.data
    assert (bias[32:64] >= 0).all()
    assert (bias[32:64] <= np.log(99)).all()
    assert not bias[64:].any()
    with pytest.raises(ValueError, match="at least 3, not 2"):
        layers_for_long_sequences(2, 3, 2)


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (TypeError, "RNN, GRU or LSTM, not Linear", lambda x: gradient_flow(nn.Linear(3, 4), x)),
        (TypeError, "one dtype", lambda x: gradient_flow(nn.RNN(3, 4).double(), x)),
        (TypeError, "pair", lambda x: gradient_flow(nn.LSTM(3, 4), x, x)),
        (ValueError, r"of 2 values, not \(5, 2, 3\)", lambda x: gradient_flow(nn.RNN(2, 4), x)),
        (ValueError, r"not \(0, 2, 3\)", lambda x: gradient_flow(nn.RNN(3, 4), x[:0])),
        (ValueError, r"\(1, 2, 4\)", lambda x: gradient_flow(nn.RNN(3, 4), x, x)),
        (ValueError, r"0 \.\. 0, not 1", lambda x: gradient_flow(nn.RNN(3, 4), x, layer=1)),
        (ValueError, "bidirectional", lambda x: gradient_flow(nn.RNN(3, 4), x, reverse=True)),
        (ValueError, 'ord must be 2 or "fro"', lambda x: gradient_flow(nn.RNN(3, 4), x, ord=1)),
        (FloatingPointError, "not finite", lambda x: gradient_flow(nn.RNN(3, 4), x * np.nan)),
    ],
)
def test_mistakes(error, text, call):
    with pytest.raises(error, match=text):
        call(np.ones((5, 2, 3), np.float32))
