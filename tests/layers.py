"""What the tests of recurrent layers share: a layer against the float64 oracle, on any sizes, lengths and threads."""

import numpy as np

from lexigrad import _core
from oracles import recurrent as oracle

W = _core.width
SIZES = [  # T, B, I, H
    (1, 1, 1, 1),
    (3, 1, 5, W - 1),
    (4, 2, 3, W + 1),
    (5, 3, 2 * W, 2 * W),
    (6, 4, 7, 2 * W + 1),
    (5, 5, 9, 4 * W + 3),
    (3, 13, 31, 50),
    (60, 1, 4, 6),
    (3, 70, 8, 5),
    (2, 7, 300, 20),
    (2, 7, 5, 270),
    (1, 100, 6, 6),
    (14, 1, 3, 2 * W + 3),
    (15, 3, 4, 9 * W),
]


def float32(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


class Layer:
    """Random operands of a layer, and gradients of its results."""

    def __init__(self, cell, gates, T, B, I, H, directions=1, lengths=None, seed=0):  # noqa: E741
        rng = np.random.default_rng(seed)
        self.cell, self.x, self.lengths = cell, float32(rng, T, B, I), lengths
        self.states = [float32(rng, directions, B, H) for _ in range(cell.STATES)]
        shapes = [(gates * H, I), (gates * H, H), (gates * H,), (gates * H,)] * directions
        self.weights = [float32(rng, *shape) / np.float32(np.sqrt(H)) for shape in shapes]
        self.dy = float32(rng, T, B, directions * H)
        self.dstates = [float32(rng, directions, B, H) for _ in range(cell.STATES)]

    def expected(self, **options):
        """Output, last states, gradients of x, initial states and weights, in float64."""
        wide = [w.astype(float) for w in self.weights]
        T, B, _ = self.x.shape
        lengths = [T] * B if self.lengths is None else self.lengths
        y, last, saved = oracle.layer_forward(self.cell, self.x.astype(float), lengths, self.states, wide, **options)
        dx, dstates, dweights = oracle.layer_backward(self.cell, self.x, lengths, wide, saved, self.dy, self.dstates)
        return [y, *last, dx, *dstates, *dweights]

    def found(self, name, threads, batch_first=False):
        """The same by the kernels."""

        def turned(array):
            return np.ascontiguousarray(array.swapaxes(0, 1)) if batch_first else array

        lengths = None if self.lengths is None else np.asarray(self.lengths, np.int64)
        states = [*self.states, None][:2]
        common = (turned(self.x), lengths, *states, self.weights, batch_first)
        y, h, c, gates, cells = getattr(_core, f"{name}_forward")(*common, True, threads)
        plain = getattr(_core, f"{name}_forward")(*common, False, threads)
        np.testing.assert_array_equal(plain[0], y)
        assert plain[3] is None
        dstates = [*self.dstates, None][:2]
        wanted = [True, True, len(self.states) == 2] + [True] * len(self.weights)
        dx, dh, dc, *dweights = getattr(_core, f"{name}_backward")(
            *common, y, gates, cells, turned(self.dy), *dstates, wanted, threads
        )
        last, first = ([h, c], [dh, dc]) if len(self.states) == 2 else ([h], [dh])
        return [turned(y), *last, turned(dx), *first, *dweights]


def check(found, expected, tolerance=1e-5):
    for ours, exact in zip(found, expected, strict=True):
        assert ours.shape == exact.shape
        np.testing.assert_allclose(ours, exact, 0, tolerance * max(1e-3, np.abs(exact).max()))


def check_sizes(cell, name, gates, **options):
    """Every size, one and two directions, with and without lengths, against the oracle; the same bits for any number of
    threads and either layout."""
    for number, (T, B, I, H) in enumerate(SIZES):  # noqa: E741
        for directions in (1, 2):
            lengths = (
                np.random.default_rng(number).integers(0, T + 1, B).tolist() if directions == number % 2 + 1 else None
            )
            layer = Layer(cell, gates, T, B, I, H, directions, lengths, seed=number)
            found = layer.found(name, 1)
            check(found, layer.expected(**options))
            for threads, batch_first in ((2, False), (3, True)):
                for one, other in zip(found, layer.found(name, threads, batch_first), strict=True):
                    np.testing.assert_array_equal(one, other)


def check_oracle(cell, gates, **options):
    """The oracle's gradients by central differences."""
    layer = Layer(cell, gates, 4, 3, 2, 3, 2, [4, 0, 2])
    layer.x = layer.x.astype(float)
    layer.weights = [w.astype(float) for w in layer.weights]
    layer.states = [s.astype(float) for s in layer.states]
    _, *rest = layer.expected(**options)
    gradients = rest[cell.STATES :]

    def loss():
        y, *last = layer.expected(**options)[: 1 + cell.STATES]
        return (y * layer.dy).sum() + sum((a * b).sum() for a, b in zip(last, layer.dstates, strict=True))

    rng = np.random.default_rng(1)
    for operand, gradient in zip([layer.x, *layer.states, *layer.weights], gradients, strict=True):
        direction = rng.standard_normal(operand.shape)
        operand += 1e-6 * direction
        above = loss()
        operand -= 2e-6 * direction
        below = loss()
        operand += 1e-6 * direction
        np.testing.assert_allclose((above - below) / 2e-6, (gradient * direction).sum(), 1e-6, 1e-7)
