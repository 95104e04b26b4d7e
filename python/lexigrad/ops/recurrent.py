"""What the recurrent operations share: operands, lengths, and the same layers composed of small operations.

The kernels compute in float32. float64, which serves for checks, and empty batches go through ``composed``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lexigrad import _core
from lexigrad.ops.elementwise import where
from lexigrad.ops.matmul import linear
from lexigrad.ops.operands import as_tensor
from lexigrad.ops.shape import concatenate, stack, swapaxes
from lexigrad.tensor import Array, Operand, Tensor, is_grad_enabled

Weights = Sequence[Tensor | None]  # w_ih, w_hh, b_ih, b_hh of one direction, or of two
States = tuple[Tensor, ...]
Step = Callable[[Tensor, States, Tensor, Tensor | None], States]  # W x + b_ih, states, w_hh, b_hh -> states


class Call:
    """The checked operands of a recurrent operation.

    Attributes:
        x: (T, B, I), or (B, T, I) if ``batch_first``.
        states: the initial states, (directions, B, H) or None: zeros.
        lengths: (B,) int64, or None: every sequence has T steps.
        fused: the kernels can do it.
        save: gradients will be needed.
    """

    def __init__(
        self,
        x: Operand,
        states: Sequence[Operand | None],
        weights: Weights,
        lengths: ArrayLike | None,
        batch_first: bool,
    ) -> None:
        self.x = as_tensor(x)
        self.states = [None if state is None else as_tensor(state) for state in states]
        self.weights = list(weights)
        self.batch_first = batch_first
        self.inputs = [tensor for tensor in (self.x, *self.states, *self.weights) if tensor is not None]
        _check_dtypes(self.x, self.inputs)
        if self.x.ndim != 3:
            raise ValueError(f"x must have shape {'(B, T, I)' if batch_first else '(T, B, I)'}, not {self.x.shape}")
        self.T, self.B = self.x.shape[1::-1] if batch_first else self.x.shape[:2]
        if self.T == 0:
            raise ValueError(f"x must have at least one time step; it has shape {self.x.shape}")
        self.lengths = None if lengths is None else as_lengths(lengths, self.T, self.B)
        self.fused = self.x.dtype == np.float32 and self.B > 0
        self.save = is_grad_enabled() and any(tensor._requires_grad for tensor in self.inputs)

    def arrays(self) -> tuple[Array, Array | None, list[Array | None], list[Array | None]]:
        """x, lengths, initial states and weights, C-contiguous."""
        return (
            np.ascontiguousarray(self.x.data),
            self.lengths,
            [None if state is None else np.ascontiguousarray(state.data) for state in self.states],
            [None if weight is None else np.ascontiguousarray(weight.data) for weight in self.weights],
        )

    def wanted(self) -> list[bool]:
        """Whether x, each state (two places) and each weight needs a gradient."""
        states = [*self.states, None][:2]
        return [tensor is not None and tensor._requires_grad for tensor in (self.x, *states, *self.weights)]

    def given(self, gradients: Sequence[Array | None]) -> tuple[Array | None, ...]:
        """The gradients, in the places of ``wanted``, of those operands that there are."""
        places = [self.x, *[*self.states, None][:2], *self.weights]
        return tuple(g for g, tensor in zip(gradients, places, strict=True) if tensor is not None)


_KERNELS: dict[str, Callable[..., Any]] = {
    "lstm": _core.lstm_forward,
    "gru": _core.gru_forward,
    "rnn_tanh": _core.rnn_tanh_forward,
    "rnn_relu": _core.rnn_relu_forward,
}


class Stream:
    """Recurrent layers step by step, without gradients: each call takes the next input and remembers the states.

    What a step costs beside its products is one call of the kernel for each layer. The weights are looked at in each
    step, not copied.

    Args:
        kernel: "lstm", "gru", "rnn_tanh" or "rnn_relu".
        layers: w_ih, w_hh, b_ih and b_hh of each layer, float32 and C-contiguous.
        states: the initial states of each layer, h or h and c of shape (1, B, H); zeros where there are none.
    """

    def __init__(
        self, kernel: str, layers: Sequence[Sequence[Array | None]], states: Sequence[Sequence[Array]] = ()
    ) -> None:
        self._forward, self._layers = _KERNELS[kernel], [list(weights) for weights in layers]
        self._states: list[tuple[Array | None, Array | None]] = [(None, None)] * len(layers)
        for place, given in enumerate(states):
            h, c = [*given, None, None][:2]
            self._states[place] = (h, c)

    def __call__(self, x: Array) -> Array:
        """x (1, B, I) -> the output of the last layer (1, B, H)."""
        threads = _core.num_threads()
        for place, weights in enumerate(self._layers):
            h, c = self._states[place]
            x, h, c, _, _ = self._forward(x, None, h, c, weights, False, False, threads)
            self._states[place] = (h, c)
        return x


def _check_dtypes(x: Tensor, operands: Sequence[Tensor]) -> None:
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(f"x must have dtype float32 (or float64, slowly), not {x.dtype}")
    for tensor in operands:
        if tensor.dtype != x.dtype:
            raise TypeError(
                f"x, states and weights must have one dtype, not {x.dtype} and {tensor.dtype}: convert x, or the "
                "module with .float() or .double()"
            )


def as_lengths(lengths: ArrayLike, T: int, B: int) -> Array:
    """Lengths of sequences as int64 (B,), each from 0 to T.

    Raises:
        TypeError: they are no integers.
        ValueError: there are not B of them, or one is negative or above T.
    """
    array = np.asarray(lengths.data if isinstance(lengths, Tensor) else lengths)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers, not {array.dtype}")
    if array.shape != (B,):
        raise ValueError(f"lengths must have shape ({B},), one for each sequence, not {array.shape}")
    if array.size and (array.min() < 0 or array.max() > T):
        raise ValueError(f"lengths must lie between 0 and {T}, not {array.min()} .. {array.max()}")
    return np.ascontiguousarray(array, np.int64)


def composed(call: Call, step: Step) -> States:
    """The layer as a loop of small operations: the output and the last states."""
    x = swapaxes(call.x, 0, 1) if call.batch_first else call.x
    outputs, last = [], []
    for d in range(len(call.weights) // 4):
        w_ih, w_hh, b_ih, b_hh = call.weights[4 * d : 4 * d + 4]
        assert w_ih is not None
        assert w_hh is not None
        zeros = Tensor(np.zeros((call.B, w_hh.shape[1]), x.dtype))
        states: States = tuple(zeros if state is None else state[d] for state in call.states)
        inputs = linear(x, w_ih, b_ih)
        h: list[Tensor] = [zeros] * call.T
        for t in range(call.T)[:: -1 if d else 1]:
            after = step(inputs[t], states, w_hh, b_hh)
            h[t] = after[0]
            if call.lengths is not None:
                active = (call.lengths > t)[:, None]
                after = tuple(where(active, new, old) for new, old in zip(after, states, strict=True))
                h[t] = where(active, h[t], zeros)
            states = after
        outputs.append(stack(h))
        last.append(states)
    y = concatenate(outputs, dim=2)
    return (swapaxes(y, 0, 1) if call.batch_first else y, *(stack(states) for states in zip(*last, strict=True)))
