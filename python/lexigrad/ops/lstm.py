"""Long short-term memory, all steps at once."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lexigrad import _core
from lexigrad.ops.elementwise import sigmoid, tanh
from lexigrad.ops.matmul import linear
from lexigrad.ops.recurrent import Call, States, Weights, composed
from lexigrad.ops.shape import split
from lexigrad.tensor import Array, Operand, Tensor, record


def lstm(
    x: Operand,
    h0: Operand | None,
    c0: Operand | None,
    weights: Weights,
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
) -> States:
    """x (T, B, I) -> all hidden states (T, B, D H), and the last hidden and cell states (D, B, H).

    i, f, o = sigmoid and g = tanh of W_ih x + b_ih + W_hh h + b_hh;  c' = f c + i g;  h' = o tanh(c').
    Hochreiter and Schmidhuber 1997; the forget gate Gers et al. 2000.

    Args:
        h0, c0: (D, B, H), by default zeros.
        weights: w_ih (4H, I), w_hh (4H, H), b_ih (4H,) and b_hh (4H,), gates in the order i f g o, of the D = 1
            direction or of both, the second of which runs backwards; the biases may be None.
        lengths: of the B sequences, from 0 to T. Later steps change no state, and their output is zero.
        batch_first: x and the output are (B, T, ...).

    Raises:
        TypeError: operands differ in dtype, or are no floats.
        ValueError: a shape does not fit, or a length is not between 0 and T.
    """
    call = Call(x, (h0, c0), weights, lengths, batch_first)
    if not call.fused:
        return composed(call, _step)
    inputs, sizes, (h_first, c_first), arrays = call.arrays()
    threads = _core.num_threads()

    def forward(save: bool) -> tuple[Any, ...]:
        return _core.lstm_forward(inputs, sizes, h_first, c_first, arrays, batch_first, save, threads)

    y, h, c, gates, cells = forward(call.save)
    saved = [(gates, cells)]  # backward writes into it: a second one computes it again

    def backward(dy: Array, dh: Array, dc: Array) -> tuple[Array | None, ...]:
        gates, cells = saved.pop() if saved else forward(True)[3:]
        dy, dh, dc = (np.ascontiguousarray(gradient) for gradient in (dy, dh, dc))
        given = (inputs, sizes, h_first, c_first, arrays, batch_first, y, gates, cells)
        return call.given(_core.lstm_backward(*given, dy, dh, dc, call.wanted(), threads))

    return record((y, h, c), call.inputs, backward)


def _step(inputs: Tensor, states: States, w_hh: Tensor, b_hh: Tensor | None) -> States:
    h, c = states
    i, f, g, o = split(inputs + linear(h, w_hh, b_hh), h.shape[1], dim=1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c
