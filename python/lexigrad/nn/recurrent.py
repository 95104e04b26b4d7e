"""Recurrent layers and cells, under PyTorch's names."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lexigrad.nn import init
from lexigrad.nn.module import Module, Parameter
from lexigrad.ops.dropout import check_probability, dropout
from lexigrad.ops.gru import gru
from lexigrad.ops.lstm import lstm
from lexigrad.ops.operands import as_tensor
from lexigrad.ops.recurrent import States, Stream, Weights
from lexigrad.ops.rnn import check_nonlinearity, rnn
from lexigrad.ops.shape import concatenate, squeeze, unsqueeze
from lexigrad.tensor import Operand, Tensor

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class _Recurrent(Module):
    """What the layers share: stacked layers in one or two directions, the parameters of each under PyTorch's names.

    The initial values are uniform within +-1 / sqrt(hidden_size).
    """

    _gates: int
    _kernel: str  # of ``Stream``

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        variational: bool = False,
        rng: init.Rng = None,
    ) -> None:
        _check_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        check_probability(dropout)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.variational = variational
        self.rng = np.random.default_rng(rng)
        for layer in range(num_layers):
            size = input_size if layer == 0 else hidden_size * self._directions
            for suffix in self._suffixes(layer):
                _set_parameters(self, self._gates, size, hidden_size, bias, suffix, self.rng)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self._directions]

    def _weights(self, layer: int) -> list[Tensor | None]:
        return [getattr(self, name + suffix) for suffix in self._suffixes(layer) for name in _NAMES]

    def _layer(
        self, x: Tensor, states: list[Tensor | None], weights: Weights, lengths: ArrayLike | None
    ) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def stream(self, states: Any = None) -> Stream:
        """These layers step by step, without gradients and dropout: ``stream(x)`` takes x (1, B, I), gives (1, B, H).

        It begins from the last states of a forward pass, or from zeros, and keeps its own.

        Raises:
            ValueError: the layers are bidirectional, and read a sequence from its end.
            TypeError: the parameters are not float32.
        """
        if self.bidirectional:
            raise ValueError("bidirectional layers read a sequence from its end as well: they cannot stream")
        layers = [self._weights(layer) for layer in range(self.num_layers)]
        weights = [[None if tensor is None else tensor.data for tensor in layer] for layer in layers]
        if any(array is not None and array.dtype != np.float32 for layer in weights for array in layer):
            raise TypeError("a stream computes in float32, and not all parameters are: convert them with .float()")
        kinds: list[Any] = [] if states is None else [states] if isinstance(states, Tensor) else state_pair(states)
        arrays = [np.ascontiguousarray(as_tensor(kind).data, np.float32) for kind in kinds]
        initial = [[kind[layer : layer + 1] for kind in arrays] for layer in range(self.num_layers)]
        return Stream(self._kernel, weights, initial)

    def _run(self, x: Operand, initial: list[Operand | None], lengths: ArrayLike | None) -> tuple[Tensor, list[Tensor]]:
        """The output, and each kind of last state of all layers."""
        x = as_tensor(x)
        batched = x.ndim != 2
        states = [self._checked_state(state, x) for state in initial]
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            shape = "(B, T, {0}) or (T, {0})" if self.batch_first else "(T, B, {0}) or (T, {0})"
            raise ValueError(f"x must have shape {shape.format(self.input_size)}, not {x.shape}")
        if not batched:
            axis = 0 if self.batch_first else 1
            x = unsqueeze(x, axis)
            states = [None if state is None else unsqueeze(state, 1) for state in states]
        last = []
        for layer in range(self.num_layers):
            if layer > 0 and self.training and self.dropout > 0:
                shared = [1 if self.batch_first else 0] if self.variational else []
                x = dropout(x, self.dropout, shared_axes=shared, rng=self.rng)
            own = slice(layer * self._directions, (layer + 1) * self._directions)
            of_layer = [state if state is None or self.num_layers == 1 else state[own] for state in states]
            x, *after = self._layer(x, of_layer, self._weights(layer), lengths)
            last.append(after)
        final = last[0] if self.num_layers == 1 else [concatenate(kind) for kind in zip(*last, strict=True)]
        if not batched:
            return squeeze(x, axis), [squeeze(state, 1) for state in final]
        return x, final

    def _checked_state(self, state: Operand | None, x: Tensor) -> Tensor | None:
        if state is None:
            return None
        state = as_tensor(state)
        batch = [] if x.ndim == 2 else [x.shape[0 if self.batch_first else 1]]
        expected = (self.num_layers * self._directions, *batch, self.hidden_size)
        if state.shape != expected:
            raise ValueError(f"initial states must have shape {expected}, not {state.shape}")
        return state

    def extra_repr(self) -> str:
        settings = {
            "num_layers": (self.num_layers, 1),
            "bias": (self.bias, True),
            "batch_first": (self.batch_first, False),
            "dropout": (self.dropout, 0.0),
            "bidirectional": (self.bidirectional, False),
            "variational": (self.variational, False),
        }
        changed = [f"{name}={value}" for name, (value, default) in settings.items() if value != default]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *changed])


class RNN(_Recurrent):
    """The simple recurrent network: h' = tanh or relu of W_ih x + b_ih + W_hh h + b_hh. Elman 1990.

    Args:
        input_size, hidden_size: I and H.
        num_layers: layers, each of which reads the output of the one below.
        nonlinearity: "tanh" or "relu".
        bias: with b_ih and b_hh.
        batch_first: x and the output are (B, T, ...) instead of (T, B, ...); states stay (layers, B, H).
        dropout: probability, on the output of each layer but the last.
        bidirectional: a second direction reads each sequence from its end; the output is [forward; backward].
        variational: dropout between layers drops the same units at all time steps (Gal and Ghahramani 2016).
        rng: seed or generator of initial values and dropout.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: (H, I), (H, H), (H,), (H,) of the first layer;
            ``_l1`` and so on for the others, with ``_reverse`` for the second direction.

    >>> y, h = RNN(10, 20)(np.zeros((5, 3, 10), np.float32))
    >>> y.shape, h.shape
    ((5, 3, 20), (1, 3, 20))
    """

    _gates = 1

    @property
    def _kernel(self) -> str:  # type: ignore[override]
        return f"rnn_{self.nonlinearity}"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        variational: bool = False,
        rng: init.Rng = None,
    ) -> None:
        check_nonlinearity(nonlinearity)
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            variational=variational,
            rng=rng,
        )

    def forward(
        self, x: Operand, h0: Operand | None = None, *, lengths: ArrayLike | None = None
    ) -> tuple[Tensor, Tensor]:
        """x (T, B, I) or (T, I) -> the output (T, B, D H) and the last states (layers D, B, H).

        Args:
            h0: initial states, (layers D, B, H); by default zeros.
            lengths: of the B sequences, in any order, from 0 to T. Later steps change nothing, in either direction:
                the last states are those at each sequence's end, and the output there is zero.
        """
        y, (h,) = self._run(x, [h0], lengths)
        return y, h

    def _layer(
        self, x: Tensor, states: list[Tensor | None], weights: Weights, lengths: ArrayLike | None
    ) -> tuple[Tensor, ...]:
        return rnn(x, states[0], weights, self.nonlinearity, lengths, self.batch_first)

    def extra_repr(self) -> str:
        return super().extra_repr() + (", nonlinearity=relu" if self.nonlinearity == "relu" else "")


class GRU(_Recurrent):
    """Gated recurrent units: r, z = sigmoid of W_ih x + b_ih + W_hh h + b_hh;
    n = tanh(W_in x + b_in + r (W_hn h + b_hn));  h' = (1 - z) n + z h. Cho et al. 2014.

    Arguments and attributes as in ``RNN``, without ``nonlinearity``; the weights have the rows of r, z and n one below
    the other: (3H, I) and (3H, H).

    >>> y, h = GRU(10, 20, num_layers=2)(np.zeros((5, 3, 10), np.float32))
    >>> y.shape, h.shape
    ((5, 3, 20), (2, 3, 20))
    """

    _gates, _kernel = 3, "gru"

    def forward(
        self, x: Operand, h0: Operand | None = None, *, lengths: ArrayLike | None = None
    ) -> tuple[Tensor, Tensor]:
        """x (T, B, I) or (T, I) -> the output (T, B, D H) and the last states (layers D, B, H); see ``RNN``."""
        y, (h,) = self._run(x, [h0], lengths)
        return y, h

    def _layer(
        self, x: Tensor, states: list[Tensor | None], weights: Weights, lengths: ArrayLike | None
    ) -> tuple[Tensor, ...]:
        return gru(x, states[0], weights, lengths, self.batch_first)


class LSTM(_Recurrent):
    """Long short-term memory: i, f, o = sigmoid and g = tanh of W_ih x + b_ih + W_hh h + b_hh;
    c' = f c + i g;  h' = o tanh(c'). Hochreiter and Schmidhuber 1997; the forget gate Gers et al. 2000.

    Arguments and attributes as in ``RNN``, without ``nonlinearity``; the weights have the rows of i, f, g and o one
    below the other: (4H, I) and (4H, H).

    >>> y, (h, c) = LSTM(10, 20, bidirectional=True)(np.zeros((5, 3, 10), np.float32), lengths=[5, 0, 2])
    >>> y.shape, h.shape, c.shape
    ((5, 3, 40), (2, 3, 20), (2, 3, 20))
    """

    _gates, _kernel = 4, "lstm"

    def forward(
        self, x: Operand, states: tuple[Operand, Operand] | None = None, *, lengths: ArrayLike | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (T, B, I) or (T, I) -> the output (T, B, D H) and the last states h and c, (layers D, B, H) each.

        Args:
            states: the initial h and c; by default zeros.
            lengths: see ``RNN``.
        """
        y, (h, c) = self._run(x, [None, None] if states is None else state_pair(states), lengths)
        return y, (h, c)

    def _layer(
        self, x: Tensor, states: list[Tensor | None], weights: Weights, lengths: ArrayLike | None
    ) -> tuple[Tensor, ...]:
        return lstm(x, states[0], states[1], weights, lengths, self.batch_first)


class _Cell(Module):
    """What the cells share: one step for a batch (B, I), or for one input (I,), with the layers' kernels."""

    _gates: int

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, rng: init.Rng = None) -> None:
        _check_sizes(input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        _set_parameters(self, self._gates, input_size, hidden_size, bias, "", np.random.default_rng(rng))

    def _step(self, x: Tensor, states: list[Tensor | None], weights: Weights) -> tuple[Tensor, ...]:
        """The output and the states after one step of a layer."""
        raise NotImplementedError

    def _run(self, x: Operand, initial: list[Operand | None]) -> list[Tensor]:
        x = as_tensor(x)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ValueError(f"x must have shape (B, {self.input_size}) or ({self.input_size},), not {x.shape}")
        missing = 3 - x.ndim  # axes: time, and for one input the batch
        expected = (*x.shape[:-1], self.hidden_size)
        states: list[Tensor | None] = []
        for state in initial:
            if state is not None and as_tensor(state).shape != expected:
                raise ValueError(f"the state must have shape {expected}, not {as_tensor(state).shape}")
            states.append(None if state is None else _with_axes(as_tensor(state), missing))
        _, *after = self._step(_with_axes(x, missing), states, [getattr(self, name) for name in _NAMES])
        return [_without_axes(state, missing) for state in after]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """One step of an ``RNN``: x (B, I) or (I,), h (B, H) or (H,) -> h.

    Attributes:
        weight_ih, weight_hh, bias_ih, bias_hh: (H, I), (H, H), (H,), (H,).
    """

    _gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        rng: init.Rng = None,
    ) -> None:
        check_nonlinearity(nonlinearity)
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, rng=rng)

    def forward(self, x: Operand, h: Operand | None = None) -> Tensor:
        return self._run(x, [h])[0]

    def _step(self, x: Tensor, states: list[Tensor | None], weights: Weights) -> States:
        return rnn(x, states[0], weights, self.nonlinearity)


class GRUCell(_Cell):
    """One step of a ``GRU``: x (B, I) or (I,), h (B, H) or (H,) -> h.

    Attributes:
        weight_ih, weight_hh, bias_ih, bias_hh: (3H, I), (3H, H), (3H,), (3H,).
    """

    _gates = 3

    def forward(self, x: Operand, h: Operand | None = None) -> Tensor:
        return self._run(x, [h])[0]

    def _step(self, x: Tensor, states: list[Tensor | None], weights: Weights) -> States:
        return gru(x, states[0], weights)


class LSTMCell(_Cell):
    """One step of an ``LSTM``: x (B, I) or (I,), the states h and c, (B, H) or (H,) each -> (h, c).

    Attributes:
        weight_ih, weight_hh, bias_ih, bias_hh: (4H, I), (4H, H), (4H,), (4H,).
    """

    _gates = 4

    def forward(self, x: Operand, states: tuple[Operand, Operand] | None = None) -> tuple[Tensor, Tensor]:
        h, c = self._run(x, [None, None] if states is None else state_pair(states))
        return h, c

    def _step(self, x: Tensor, states: list[Tensor | None], weights: Weights) -> States:
        return lstm(x, states[0], states[1], weights)


def _set_parameters(
    module: Module, gates: int, input_size: int, hidden_size: int, bias: bool, suffix: str, rng: np.random.Generator
) -> None:
    """Weights and biases with the names that PyTorch gives them, biases None without ``bias``."""
    bound = 1 / math.sqrt(hidden_size)
    shapes = [(gates * hidden_size, input_size), (gates * hidden_size, hidden_size)] + 2 * [(gates * hidden_size,)]
    for name, shape in zip(_NAMES, shapes, strict=True):
        wanted = bias or name.startswith("weight")
        parameter = Parameter(np.empty(shape, np.float32)) if wanted else None
        if parameter is not None:
            init.uniform_(parameter, -bound, bound, rng=rng)
        setattr(module, name + suffix, parameter)


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer):
            raise TypeError(f"{name} must be an integer, not {size!r}")
        if size < 1:
            raise ValueError(f"{name} must be at least 1, not {size}")


def state_pair(states: Any) -> list[Operand | None]:
    """The states h and c of an LSTM as a list; TypeError if they are no pair."""
    if not isinstance(states, tuple | list) or len(states) != 2:
        raise TypeError(f"the states of an LSTM are a pair (h, c), not {type(states).__name__}")
    return list(states)


def _with_axes(tensor: Tensor, count: int) -> Tensor:
    for _ in range(count):
        tensor = unsqueeze(tensor, 0)
    return tensor


def _without_axes(tensor: Tensor, count: int) -> Tensor:
    for _ in range(count):
        tensor = squeeze(tensor, 0)
    return tensor
