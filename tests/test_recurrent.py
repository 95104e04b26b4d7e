"""nn.RNN, nn.LSTM, nn.GRU and their cells against PyTorch, in float64 against central differences, and on bad input."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import lexigrad as lg
from lexigrad import nn
from lexigrad.gradcheck import gradcheck
from lexigrad.ops import recurrent
from lexigrad.tensor import Tensor, no_grad

try:
    import torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")
LAYERS = [("LSTM", {}), ("GRU", {}), ("RNN", {}), ("RNN", {"nonlinearity": "relu"})]
VARIANTS = [
    {},
    {"bias": False},
    {"batch_first": True},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 3, "batch_first": True},
    {"bidirectional": True, "bias": False},
]


def pair_of(name, input_size=5, hidden_size=19, **options):
    """A layer of ours and PyTorch's with the same weights."""
    theirs = getattr(torch.nn, name)(input_size, hidden_size, **options)
    ours = getattr(nn, name)(input_size, hidden_size, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def flat(result):
    """Output and states as a list, of ours or PyTorch's."""
    return [tensor for part in result for tensor in flat(part)] if isinstance(result, tuple) else [result]


def close(ours, theirs, tolerance=1e-5):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, 0, tolerance * max(1e-6, np.abs(theirs).max(initial=0)))


def check(ours, theirs, x, states=None, lengths=None):
    """Results and all gradients, for random gradients of each result."""
    rng = np.random.default_rng(3)
    mine = [Tensor(array, requires_grad=True) for array in [x, *(states or [])]]
    other = [torch.tensor(array, requires_grad=True) for array in [x, *(states or [])]]

    def call(layer, operands, **options):
        x, *rest = operands
        initial = [] if not rest else [tuple(rest) if len(rest) == 2 else rest[0]]
        return layer(x, *initial, **options)

    if lengths is None:
        found, expected = flat(call(ours, mine)), flat(call(theirs, other))
    else:
        found = flat(call(ours, mine, lengths=lengths))
        first = ours.batch_first
        packed = torch.nn.utils.rnn.pack_padded_sequence(other[0], torch.tensor(lengths), first, enforce_sorted=False)
        y, last = call(theirs, [packed, *other[1:]])
        total = x.shape[1 if first else 0]
        expected = [torch.nn.utils.rnn.pad_packed_sequence(y, first, total_length=total)[0], *flat(last)]
    gradients = [rng.standard_normal(result.shape).astype(np.float32) for result in found]
    for a, b in zip(found, expected, strict=True):
        close(a.data, b)
    sum((a * g).sum() for a, g in zip(found, gradients, strict=True)).backward()
    sum((b * torch.tensor(g)).sum() for b, g in zip(expected, gradients, strict=True)).backward()
    for a, b in zip(mine, other, strict=True):
        close(a.grad, b.grad)
    for name, parameter in theirs.named_parameters():
        close(dict(ours.named_parameters())[name].grad, parameter.grad)


def operands(layer, T, B, seed=0):
    rng = np.random.default_rng(seed)
    directions = 2 if layer.bidirectional else 1
    x = rng.standard_normal((B, T, layer.input_size) if layer.batch_first else (T, B, layer.input_size))
    kinds = 2 if isinstance(layer, nn.LSTM) else 1
    states = [rng.standard_normal((layer.num_layers * directions, B, layer.hidden_size)) for _ in range(kinds)]
    return x.astype(np.float32), [state.astype(np.float32) for state in states]


@needs_torch
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_agrees_with_pytorch(name, options, variant):
    ours, theirs = pair_of(name, **options, **variant)
    for T, B in ((1, 1), (4, 3), (9, 8)):
        x, states = operands(ours, T, B, seed=T)
        for given in (None, states):
            ours.zero_grad()
            theirs.zero_grad()
            check(ours, theirs, x, given)
        ours.zero_grad()
        theirs.zero_grad()
        check(ours, theirs, x, states, np.random.default_rng(B).integers(1, T + 1, B).tolist())


@needs_torch
@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_pytorch_on_random_layers(seed):
    rng = np.random.default_rng(seed)
    name, options = LAYERS[seed % len(LAYERS)]
    options = options | {
        "num_layers": int(rng.integers(1, 4)),
        "bidirectional": bool(rng.integers(2)),
        "bias": bool(rng.integers(2)),
        "batch_first": bool(rng.integers(2)),
        "dropout": 0.0,
    }
    ours, theirs = pair_of(name, int(rng.integers(1, 40)), int(rng.integers(2, 150)), **options)
    T, B = int(rng.integers(1, 40)), int(rng.integers(1, 20))
    x, states = operands(ours, T, B, seed)
    lengths = rng.integers(1, T + 1, B).tolist() if rng.integers(3) else None
    check(ours, theirs, x, states if rng.integers(2) else None, lengths)


@needs_torch
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_unbatched(name, options):
    for variant in ({}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True}):
        ours, theirs = pair_of(name, **options, **variant)
        x, states = operands(ours, 6, 1)
        x, states = x.reshape(6, 5), [state[:, 0] for state in states]
        check(ours, theirs, x)
        ours.zero_grad()
        theirs.zero_grad()
        check(ours, theirs, x, states)


@needs_torch
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_cells(name, options):
    for bias in (True, False):
        ours, theirs = pair_of(f"{name}Cell", bias=bias, **options)
        rng = np.random.default_rng(0)
        for batch in ((), (1,), (7,)):
            x = rng.standard_normal((*batch, 5)).astype(np.float32)
            states = [rng.standard_normal((*batch, 19)).astype(np.float32) for _ in range(1 + (name == "LSTM"))]
            for given in (None, states):
                ours.zero_grad()
                theirs.zero_grad()
                check(ours, theirs, x, given)


@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_float64_is_the_same_layer(name, options):
    """The composed path: gradients by central differences, values beside the kernels', lengths included."""
    layer = getattr(nn, name)(3, 4, num_layers=2, bidirectional=True, rng=1, **options)
    x = np.random.default_rng(0).standard_normal((5, 3, 3))
    lengths = [5, 0, 2]
    fused = [tensor.data for tensor in flat(layer(x.astype(np.float32), lengths=lengths))]
    layer.double()
    for ours, wide in zip(fused, flat(layer(x, lengths=lengths)), strict=True):
        assert wide.dtype == np.float64
        np.testing.assert_allclose(ours, wide.data, 0, 1e-5)
    inputs = [Tensor(x, requires_grad=True), *layer.parameters()]
    assert gradcheck(lambda x, *_: tuple(flat(layer(x, lengths=lengths))), inputs)


@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_padding_changes_nothing(name, options):
    """Whatever stands behind the end of a sequence, NaN too: no result and no gradient knows it."""
    layer = getattr(nn, name)(3, 21, bidirectional=True, rng=1, **options)
    x = np.random.default_rng(0).standard_normal((6, 8, 3)).astype(np.float32)
    lengths = np.array([6, 0, 2, 1, 0, 6, 5, 3])
    results = []
    for padding in (0, np.nan):
        padded = x.copy()
        padded[np.arange(6)[:, None] >= lengths] = padding
        tensor = Tensor(padded, requires_grad=True)
        layer.zero_grad()
        found = flat(layer(tensor, lengths=lengths))
        sum((one * one).sum() for one in found).backward()
        results.append([one.data for one in found] + [tensor.grad] + [p.grad for p in layer.parameters()])
    for one, other in zip(*results, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, other)
    y, *_, dx = results[0][: len(found) + 1]
    for b, length in enumerate(lengths):
        assert not y[length:, b].any()
        assert not dx[length:, b].any()
        alone = flat(layer(x[:length, b : b + 1])) if length else None
        if alone:
            np.testing.assert_allclose(y[:length, b], alone[0].data[:, 0], 0, 1e-6)


def test_sequences_without_steps_keep_their_state():
    lstm = nn.LSTM(3, 4, rng=0)
    h0, c0 = (Tensor(np.full((1, 2, 4), value, np.float32), requires_grad=True) for value in (0.5, 2))
    y, (h, c) = lstm(np.ones((3, 2, 3), np.float32), (h0, c0), lengths=[0, 0])
    assert not y.data.any()
    assert (h.data == 0.5).all()
    assert (c.data == 2).all()
    (h.sum() + 2 * c.sum()).backward()
    assert (h0.grad == 1).all()
    assert (c0.grad == 2).all()
    assert all(not parameter.grad.any() for parameter in lstm.parameters())


@pytest.mark.parametrize(("input_size", "hidden_size", "T"), [(40, 70, 30), (8, 300, 4)])  # shared by rows, by units
@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_same_bits_for_any_number_of_threads(name, options, input_size, hidden_size, T):
    layer = getattr(nn, name)(input_size, hidden_size, bidirectional=True, rng=1, **options)
    results = []
    for threads in (1, 2, 3):
        lg.set_num_threads(threads)
        try:
            for B in (2, 11):
                rng = np.random.default_rng(B)
                x = Tensor(rng.standard_normal((T, B, input_size)), True, np.float32)
                layer.zero_grad()
                y, _ = layer(x, lengths=rng.integers(0, T + 1, B))
                (y * y).sum().backward()
                results.append([y.data, x.grad, *(parameter.grad for parameter in layer.parameters())])
        finally:
            lg.set_num_threads(0)
    for B in range(2):
        for other in results[B + 2 :: 2]:
            for one, same in zip(results[B], other, strict=True):
                np.testing.assert_array_equal(one, same)


def test_backward_twice_with_retain_graph():
    """The kernels write gradients over what forward saved: a second backward computes it again."""
    for name, options in LAYERS:
        layer = getattr(nn, name)(3, 4, rng=0, **options)
        y = layer(np.ones((5, 2, 3), np.float32))[0].sum()
        y.backward(retain_graph=True)
        once = [parameter.grad.copy() for parameter in layer.parameters()]
        y.backward()
        for parameter, gradient in zip(layer.parameters(), once, strict=True):
            np.testing.assert_allclose(parameter.grad, 2 * gradient, 1e-6)


def test_carried_state_is_one_long_sequence():
    gru = nn.GRU(3, 40, num_layers=2, rng=0)
    x = np.random.default_rng(0).standard_normal((6, 1, 3)).astype(np.float32)
    with no_grad():
        whole, last = gru(x)
        h, steps = None, []
        for t in range(6):
            y, h = gru(x[t : t + 1], h)
            steps.append(y.data)
    np.testing.assert_allclose(np.concatenate(steps), whole.data, 0, 1e-6)
    np.testing.assert_allclose(h.data, last.data, 0, 1e-6)


def test_dropout_between_layers():
    x = np.ones((50, 4, 8), np.float32)
    lstm = nn.LSTM(8, 16, num_layers=2, dropout=0.5, rng=0)
    first, second = lstm(x)[0].data, lstm(x)[0].data
    assert not np.array_equal(first, second)
    lstm.eval()
    np.testing.assert_array_equal(lstm(x)[0].data, lstm(x)[0].data)
    seen = []
    layer = nn.RNN(8, 16, num_layers=2, dropout=0.5, variational=True, rng=0)
    plain = layer._layer
    layer._layer = lambda x, *rest: (seen.append(x.data), plain(x, *rest))[1]
    layer(x)
    dropped = seen[1] == 0
    assert dropped.any()
    assert (dropped == dropped[:1]).all()  # the same units at all steps


def test_any_array_will_do():
    """Read-only, not contiguous and in Fortran order."""
    lstm = nn.LSTM(4, 5, rng=0)
    x = np.random.default_rng(0).standard_normal((3, 2, 4)).astype(np.float32)
    expected = lstm(x)[0].data
    frozen = x.copy()
    frozen.flags.writeable = False
    spread = np.zeros((6, 4, 8), np.float32)
    spread[::2, ::2, ::2] = x
    for same in (frozen, np.asfortranarray(x), spread[::2, ::2, ::2]):
        np.testing.assert_array_equal(lstm(same)[0].data, expected)


def test_empty_batch():
    for name in ("LSTM", "GRU", "RNN"):
        layer = getattr(nn, name)(4, 5, rng=0)
        y = layer(np.zeros((3, 0, 4), np.float32))[0]
        assert y.shape == (3, 0, 5)
        y.sum().backward()
        assert all(not parameter.grad.any() for parameter in layer.parameters())


def test_nan_stays_nan():
    for name, options in LAYERS:
        x = np.ones((3, 6, 4), np.float32)
        x[1, 2, 0] = np.nan
        y = getattr(nn, name)(4, 5, rng=0, **options)(x)[0].data
        assert np.isnan(y[1:, 2]).all()
        assert np.isfinite(np.delete(y, 2, axis=1)).all()


def test_denormals_are_flushed_and_the_mode_restored():
    gru = nn.GRU(1, 300, rng=0)
    for parameter in gru.parameters():
        parameter.data *= 1e-30
    y = gru(np.full((20, 8, 1), 1e-9, np.float32))[0].data
    assert not ((np.abs(y) < 1.2e-38) & (y != 0)).any()
    assert np.float32(1e-39) * np.float32(1) != 0  # this thread knows denormals again


@pytest.mark.parametrize(
    ("error", "text", "call"),
    [
        (ValueError, "x must have shape", lambda layer, x: layer(x[..., :2])),
        (ValueError, "x must have shape", lambda layer, x: layer(x[0, 0])),
        (ValueError, "at least one time step", lambda layer, x: layer(x[:0])),
        (ValueError, r"initial states must have shape \(1, 2, 5\)", lambda layer, x: layer(x, (x, x))),
        (TypeError, "pair", lambda layer, x: layer(x, x)),
        (TypeError, "float32", lambda layer, x: layer(x.astype(int))),
        (TypeError, "one dtype", lambda layer, x: layer(x.astype(float))),
        (ValueError, "between 0 and 3", lambda layer, x: layer(x, lengths=[4, 1])),
        (ValueError, "between 0 and 3", lambda layer, x: layer(x, lengths=[-1, 1])),
        (ValueError, r"shape \(2,\)", lambda layer, x: layer(x, lengths=[1, 1, 1])),
        (TypeError, "integers", lambda layer, x: layer(x, lengths=[1.5, 1.0])),
        (ValueError, "hidden_size", lambda layer, x: nn.LSTM(3, 0)),
        (ValueError, "hidden_size must be at least 1, not 0", lambda layer, x: nn.GRUCell(3, 0)),
        (TypeError, "hidden_size must be an integer, not 4.0", lambda layer, x: nn.RNN(3, 4.0)),
        (TypeError, "input_size must be an integer, not '3'", lambda layer, x: nn.LSTMCell("3", 4)),
        (ValueError, "num_layers", lambda layer, x: nn.GRU(3, 3, num_layers=0)),
        (ValueError, "nonlinearity", lambda layer, x: nn.RNN(3, 3, nonlinearity="sigmoid")),
        (ValueError, "probability", lambda layer, x: nn.LSTM(3, 3, dropout=1.5)),
        (ValueError, "x must have shape", lambda layer, x: nn.LSTMCell(3, 3)(x)),
        (ValueError, "the state must have shape", lambda layer, x: nn.GRUCell(4, 3)(x[0], x[0])),
    ],
)
def test_mistakes(error, text, call):
    with pytest.raises(error, match=text):
        call(nn.LSTM(4, 5), np.zeros((3, 2, 4), np.float32))


def test_lengths_as_anything():
    for lengths in ([2, 0], (2, 0), np.array([2, 0], np.uint8), Tensor(np.array([2, 0]))):
        np.testing.assert_array_equal(recurrent.as_lengths(lengths, 3, 2), [2, 0])


def test_no_leak_over_varying_shapes():
    resource = pytest.importorskip("resource")
    rng = np.random.default_rng(0)
    layers = [nn.LSTM(20, 30, num_layers=2), nn.GRU(20, 30, bidirectional=True), nn.RNN(20, 30)]

    def steps(count):
        for step in range(count):
            x = rng.standard_normal((rng.integers(1, 12), rng.integers(1, 9), 20)).astype(np.float32)
            layer = layers[step % 3]
            layer(x)[0].sum().backward()
            layer.zero_grad()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = steps(300)
    assert steps(900) - before < 8_000  # kilobytes


def test_several_threads_at_once():
    lstm = nn.LSTM(16, 80, rng=0)
    x = np.random.default_rng(0).standard_normal((20, 3, 16)).astype(np.float32)
    expected = lstm(x)[0].data
    wrong = []

    def work():
        for _ in range(20):
            if not np.array_equal(lstm(x)[0].data, expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


FORK = """
import os, numpy as np, lexigrad as lg
from lexigrad import nn
lg.set_num_threads(2)
lstm = nn.LSTM(64, 256, rng=0)
x = np.ones((30, 2, 64), np.float32)
expected = lstm(x)[0].data
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(lstm(x)[0].data, expected) else 1)
assert os.waitpid(child, 0)[1] == 0
"""


def test_fork_after_use():
    done = subprocess.run([sys.executable, "-c", FORK], env=dict(os.environ), timeout=120, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(("name", "options"), LAYERS)
@pytest.mark.parametrize("more", [{}, {"num_layers": 3}, {"bias": False, "num_layers": 2, "dropout": 0.5}])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_stream_is_the_layer_step_by_step(name, options, more, batch):
    layer = getattr(nn, name)(5, 19, **options, **more, rng=1)
    x = np.random.default_rng(0).standard_normal((9, batch, 5), np.float32)
    with no_grad():
        expected, _ = layer.eval()(x)
        _, states = layer(x[:4])
    whole, rest = layer.train().stream(), layer.stream(states)
    for t in range(9):
        np.testing.assert_allclose(whole(x[t : t + 1])[0], expected.data[t], 1e-5, 1e-6)
        if t >= 4:
            np.testing.assert_allclose(rest(x[t : t + 1])[0], expected.data[t], 1e-5, 1e-6)


def test_what_cannot_stream():
    with pytest.raises(ValueError, match="cannot stream"):
        nn.GRU(2, 3, bidirectional=True).stream()
    with pytest.raises(TypeError, match=r"with \.float\(\)"):
        nn.GRU(2, 3).double().stream()
    with pytest.raises(TypeError, match="a pair"):
        nn.LSTM(2, 3).stream([1])
    with pytest.raises(ValueError, match="h0"):
        nn.GRU(2, 3).stream(Tensor(np.zeros((1, 1, 4), np.float32)))(np.zeros((1, 1, 2), np.float32))
