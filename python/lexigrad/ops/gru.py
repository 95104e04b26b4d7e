"""Gated recurrent units, all steps at once."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lexigrad import _core
from lexigrad.ops.elementwise import sigmoid, tanh
from lexigrad.ops.matmul import linear
from lexigrad.ops.recurrent import Call, States, Weights, composed
from lexigrad.ops.shape import split
from lexigrad.tensor import Array, Operand, Tensor, record


def gru(
    x: Operand,
    h0: Operand | None,
    weights: Weights,
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
) -> States:
    """x (T, B, I) -> all hidden states (T, B, D H), and the last ones (D, B, H).

    r, z = sigmoid of W_ih x + b_ih + W_hh h + b_hh;  n = tanh(W_in x + b_in + r (W_hn h + b_hn));
    h' = (1 - z) n + z h. Cho et al. 2014, with the reset gate after the product, as in cuDNN and PyTorch.

    Args:
        h0: (D, B, H), by default zeros.
        weights: w_ih (3H, I), w_hh (3H, H), b_ih (3H,) and b_hh (3H,), gates in the order r z n, of the D = 1
            direction or of both, the second of which runs backwards; the biases may be None.
        lengths: of the B sequences, from 0 to T. Later steps change no state, and their output is zero.
        batch_first: x and the output are (B, T, ...).

    Raises:
        TypeError: operands differ in dtype, or are no floats.
        ValueError: a shape does not fit, or a length is not between 0 and T.
    """
    call = Call(x, (h0,), weights, lengths, batch_first)
    if not call.fused:
        return composed(call, _step)
    inputs, sizes, (h_first,), arrays = call.arrays()
    threads = _core.num_threads()

    def forward(save: bool) -> tuple[Any, ...]:
        return _core.gru_forward(inputs, sizes, h_first, None, arrays, batch_first, save, threads)

    y, h, _, gates, _ = forward(call.save)
    saved = [gates]  # backward writes into it: a second one computes it again

    def backward(dy: Array, dh: Array) -> tuple[Array | None, ...]:
        gates = saved.pop() if saved else forward(True)[3]
        dy, dh = np.ascontiguousarray(dy), np.ascontiguousarray(dh)
        given = (inputs, sizes, h_first, None, arrays, batch_first, y, gates, None)
        return call.given(_core.gru_backward(*given, dy, dh, None, call.wanted(), threads))

    return record((y, h), call.inputs, backward)


def _step(inputs: Tensor, states: States, w_hh: Tensor, b_hh: Tensor | None) -> States:
    (h,) = states
    size = h.shape[1]
    r, z, n = split(inputs, size, dim=1)
    hr, hz, hn = split(linear(h, w_hh, b_hh), size, dim=1)
    r, z = sigmoid(r + hr), sigmoid(z + hz)
    n = tanh(n + r * hn)
    return (n + z * (h - n),)
