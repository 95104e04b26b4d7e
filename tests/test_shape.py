"""Shapes, parts and compositions."""

import numpy as np
import pytest
from tensors import check, torch

from lexigrad.ops import shape as ops
from lexigrad.tensor import Tensor

CASES = {
    "reshape": (lambda x: x.reshape(5, -1), lambda x: x.reshape(5, -1)),
    "reshape tuple": (lambda x: x.reshape((4, 15)), lambda x: x.reshape((4, 15))),
    "view": (lambda x: x.transpose(0, 1).contiguous().view(4, -1), lambda x: x.transpose(0, 1).reshape(4, -1)),
    "cat": (lambda x: ops.cat([x, x[:, :1]], dim=1), lambda x: torch.cat([x, x[:, :1]], dim=1)),
    "flatten": (lambda x: x.flatten(), lambda x: x.flatten()),
    "flatten some": (lambda x: x.flatten(1), lambda x: x.flatten(1)),
    "transpose": (lambda x: x.transpose(0, -1), lambda x: x.transpose(0, -1)),
    "T": (lambda x: x.T, lambda x: x.permute(2, 1, 0)),
    "mT": (lambda x: x.mT, lambda x: x.mT),
    "permute": (lambda x: x.permute(1, 2, 0), lambda x: x.permute(1, 2, 0)),
    "permute negative": (lambda x: x.permute((-1, 0, 1)), lambda x: x.permute((-1, 0, 1))),
    "unsqueeze": (lambda x: x.unsqueeze(-1), lambda x: x.unsqueeze(-1)),
    "squeeze": (lambda x: x.unsqueeze(1).squeeze(1), lambda x: x),
    "squeeze all": (lambda x: x.unsqueeze(1).squeeze(), lambda x: x),
    "broadcast_to": (
        lambda x: x.unsqueeze(1).broadcast_to(2, 3, 6, 4, 5),
        lambda x: x.unsqueeze(1).broadcast_to(2, 3, 6, 4, 5),
    ),
    "pad": (lambda x: ops.pad(x, (1, 2, 0, 3)), lambda x: torch.nn.functional.pad(x, (1, 2, 0, 3))),
    "pad value": (lambda x: ops.pad(x, (1, 0), 2.5), lambda x: torch.nn.functional.pad(x, (1, 0), value=2.5)),
    "split": (lambda x: x.split(2), lambda x: x.split(2)),
    "split sizes": (lambda x: x.split([1, 0, 3], 1), lambda x: x.split([1, 0, 3], 1)),
    "split uneven": (lambda x: x.split(3, dim=-1), lambda x: x.split(3, -1)),
    "split in one": (lambda x: x.split(30), lambda x: x.split(30)),
    "iterate": (lambda x: [part * i for i, part in enumerate(x)], lambda x: [part * i for i, part in enumerate(x)]),
}
INDICES = {
    "integer": 1,
    "negative": -1,
    "slice": slice(1, None),
    "step": (slice(None), slice(None, None, 2)),
    "back": (..., slice(0, 3)),
    "new axis": (None, 0, ..., None),
    "several": (2, slice(1, 3), 4),
    "one element": (0, 1, 2),
    "rows": [0, 2, 2, -1],
    "repeated pairs": ([0, 0, 2], [1, 1, 3]),
    "mixed": (slice(None), [3, 0, 3]),
    "no rows": np.zeros(0, int),
    "matrix of rows": np.array([[0, 1], [1, 1]]),
    "mask": np.array([True, False, True]),
    "mask of all": np.arange(60).reshape(3, 4, 5) % 7 == 0,
}


def values():
    return np.random.default_rng(0).standard_normal((3, 4, 5))


@pytest.mark.parametrize("name", CASES)
def test_shapes(name):
    ours, theirs = CASES[name]
    check(ours, [values()], theirs)


@pytest.mark.parametrize("name", INDICES)
def test_index(name):
    index = INDICES[name]
    check(lambda x: x[index], [values()], lambda x: x[index])


def test_index_with_tensors():
    x = Tensor(values(), requires_grad=True)
    np.testing.assert_array_equal(x[Tensor([0, 2])].data, x.data[[0, 2]])
    np.testing.assert_array_equal(x[x > 0].data, x.data[x.data > 0])
    assert x[Tensor(1), Tensor([2, 3])].shape == (2, 5)
    x[Tensor(np.array(1))].sum().backward()
    assert x.grad.sum() == 20


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_concatenate_and_stack(axis):
    x, y = values(), values() + 1
    check(lambda a, b: ops.concatenate([a, b, a], axis), [x, y], lambda a, b: torch.cat([a, b, a], axis))
    check(lambda a, b: ops.stack([a, b, a], axis), [x, y], lambda a, b: torch.stack([a, b, a], axis))


def test_concatenate_different_lengths():
    x, y = values(), values()[:, :0]
    check(lambda a, b: ops.concatenate([a, b, a[:, 1:]], 1), [x, y], lambda a, b: torch.cat([a, b, a[:, 1:]], 1))


def test_masked_fill():
    mask = np.array([True, False, False, True, False])
    check(lambda x: x.masked_fill(mask, 2.5), [values()], lambda x: x.masked_fill(torch.tensor(mask), 2.5))
    x = Tensor(values().astype(np.float32), requires_grad=True)
    out = x.masked_fill(x > 0, -np.inf)
    assert out.dtype == np.float32
    assert np.isneginf(out.data[x.data > 0]).all()
    with pytest.raises(TypeError, match="booleans, not float32"):
        x.masked_fill(x, 0.0)
    with pytest.raises(ValueError, match=r"broadcastable to \(3, 4, 5\), not of shape \(2,\)"):
        x.masked_fill(np.ones(2, bool), 0.0)


def test_views_are_views():
    x = Tensor(values())
    for view in (x.reshape(12, 5), x.transpose(0, 1), x[1:], x.split(1)[2], x.unsqueeze(0), x.broadcast_to(2, 3, 4, 5)):
        assert np.shares_memory(view.data, x.data)


def test_looking_up_every_row_costs_what_the_rows_do():
    """Each row's gradient is added in place: 2,000 lookups make no 2,000 arrays of all rows."""
    x = Tensor(np.ones((2000, 50), np.float32), requires_grad=True)
    y = x * 2
    total = y[0]
    for t in range(1, 2000):
        total = total + y[t]
    total.sum().backward()
    np.testing.assert_array_equal(x.grad, np.full((2000, 50), 2))


@pytest.mark.parametrize(
    "broken",
    [
        lambda x: x.reshape(7, -1),
        lambda x: x.transpose(0, 3),
        lambda x: x.permute(0, 1),
        lambda x: x.permute(0, 1, 1),
        lambda x: x.unsqueeze(5),
        lambda x: x.squeeze(3),
        lambda x: x.flatten(2, 1),
        lambda x: x.split(0),
        lambda x: x.split([1, 1]),
        lambda x: x.split([4, -1]),
        lambda x: ops.pad(x, (1, 2, 3)),
        lambda x: ops.pad(x, (-1, 2)),
        lambda x: ops.pad(x, [1] * 8),
        lambda x: ops.concatenate([]),
        lambda x: ops.stack([]),
        lambda x: ops.concatenate([x, x[0]]),
        lambda x: ops.stack([x, x[:2]]),
        lambda x: ops.concatenate([x], 3),
        lambda x: x.broadcast_to(3, 4, 6),
    ],
)
def test_errors(broken):
    with pytest.raises(ValueError, match=r"\w"):
        broken(Tensor(values(), requires_grad=True))


def test_index_errors():
    x = Tensor(values())
    with pytest.raises(IndexError):
        x[3]
    with pytest.raises(IndexError):
        x[0.5]
    with pytest.raises(TypeError, match="item"):
        list(Tensor(1.0))
