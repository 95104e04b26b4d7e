"""The simple recurrent network, all steps at once."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lexigrad import _core
from lexigrad.ops.elementwise import relu, tanh
from lexigrad.ops.matmul import linear
from lexigrad.ops.recurrent import Call, States, Weights, composed
from lexigrad.tensor import Array, Operand, Tensor, record

_ACTIVATIONS = {"tanh": tanh, "relu": relu}
_KERNELS = {
    "tanh": (_core.rnn_tanh_forward, _core.rnn_tanh_backward),
    "relu": (_core.rnn_relu_forward, _core.rnn_relu_backward),
}


def rnn(
    x: Operand,
    h0: Operand | None,
    weights: Weights,
    nonlinearity: str = "tanh",
    lengths: ArrayLike | None = None,
    batch_first: bool = False,
) -> States:
    """x (T, B, I) -> all hidden states (T, B, D H), and the last ones (D, B, H).

    h' = tanh or relu of W_ih x + b_ih + W_hh h + b_hh. Elman 1990.

    Args:
        h0: (D, B, H), by default zeros.
        weights: w_ih (H, I), w_hh (H, H), b_ih (H,) and b_hh (H,) of the D = 1 direction or of both, the second of
            which runs backwards; the biases may be None.
        nonlinearity: "tanh" or "relu".
        lengths: of the B sequences, from 0 to T. Later steps change no state, and their output is zero.
        batch_first: x and the output are (B, T, ...).

    Raises:
        TypeError: operands differ in dtype, or are no floats.
        ValueError: a shape does not fit, a length is not between 0 and T, or the nonlinearity is neither.
    """
    check_nonlinearity(nonlinearity)
    call = Call(x, (h0,), weights, lengths, batch_first)
    if not call.fused:
        activation = _ACTIVATIONS[nonlinearity]

        def step(inputs: Tensor, states: States, w_hh: Tensor, b_hh: Tensor | None) -> States:
            return (activation(inputs + linear(states[0], w_hh, b_hh)),)

        return composed(call, step)
    forwards, backwards = _KERNELS[nonlinearity]
    inputs, sizes, (h_first,), arrays = call.arrays()
    threads = _core.num_threads()

    def forward(save: bool) -> tuple[Any, ...]:
        return forwards(inputs, sizes, h_first, None, arrays, batch_first, save, threads)

    y, h, _, gates, _ = forward(call.save)
    saved = [gates]  # backward writes into it: a second one computes it again

    def backward(dy: Array, dh: Array) -> tuple[Array | None, ...]:
        gates = saved.pop() if saved else forward(True)[3]
        dy, dh = np.ascontiguousarray(dy), np.ascontiguousarray(dh)
        given = (inputs, sizes, h_first, None, arrays, batch_first, y, gates, None)
        return call.given(backwards(*given, dy, dh, None, call.wanted(), threads))

    return record((y, h), call.inputs, backward)


def check_nonlinearity(nonlinearity: str) -> None:
    """Raise ValueError unless it is "tanh" or "relu"."""
    if nonlinearity not in _ACTIVATIONS:
        raise ValueError(f'nonlinearity must be "tanh" or "relu", not {nonlinearity!r}')
