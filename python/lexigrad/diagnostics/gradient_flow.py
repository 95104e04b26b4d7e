"""How far gradients reach back in time: the norms of dh_t/dh_k, and what bounds them.

Bengio, Simard and Frasconi 1994, "Learning long-term dependencies with gradient descent is difficult"; Pascanu, Mikolov
and Bengio 2013, "On the difficulty of training recurrent neural networks".
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lexigrad.nn import init
from lexigrad.nn.recurrent import GRU, LSTM, RNN, state_pair
from lexigrad.ops.gru import gru
from lexigrad.ops.lstm import lstm
from lexigrad.ops.operands import as_tensor
from lexigrad.ops.recurrent import States, Weights
from lexigrad.ops.rnn import rnn
from lexigrad.ops.shape import concatenate, swapaxes, unsqueeze
from lexigrad.tensor import Array, Operand, Tensor, enable_grad, no_grad

Layer = RNN | GRU | LSTM
Order = Literal[2, "fro"]
Norms = NDArray[np.float64]


class GradientFlow(NamedTuple):
    """Norms of the Jacobians between hidden states, by their distance: index d is for t - k = d.

    Attributes:
        norms: (T + 1, B), of dh_t/dh_k for each sequence; 1, or sqrt(H) in Frobenius' norm, at distance 0.
        cell_norms: (T + 1, B), of dc_t/dc_k, between the cell states of an LSTM; None for other layers.
        bound: (T + 1,), which no norm of the simple RNN exceeds; None for gated layers.
    """

    norms: Norms
    cell_norms: Norms | None
    bound: Norms | None


def gradient_flow(
    module: Layer, x: Operand, states: Any = None, *, layer: int = 0, reverse: bool = False, ord: Order = 2
) -> GradientFlow:
    """The norms of dh_t/dh_k against the distance t - k: t is the last step, and k goes back to the initial state.

    The Jacobians are exact. Their rows are products of vectors with Jacobians, a batch of H for each sequence (2 H for
    an LSTM), which go back step by step through the layer's own backward pass and are scaled on the way, so that norms
    far below and above float32's range come out right. It takes as long as training on a batch of that size.

    For the simple RNN,  dh_t/dh_k = product over i in (k, t] of diag(f'(a_i)) W_hh  has at most the norm

        (beta_W beta_h)^(t - k)      beta_W = greatest singular value of W_hh, beta_h = 1 = greatest slope of f

    for f = tanh or relu (Pascanu et al. 2013): below 1 it makes gradients vanish for certain, above 1 it allows them to
    explode. In Frobenius' norm the bound is sqrt(H) times that. Gated layers carry h_k past W_hh, and have no such
    bound.

    Args:
        module: an ``RNN``, ``GRU`` or ``LSTM``. Its dropout is left out.
        x: the input as the layer takes it: (T, B, I), (B, T, I) if it is ``batch_first``, or (T, I).
        states: the initial states as the layer takes them, by default zeros.
        layer: which of stacked layers; the ones below it give it its input.
        reverse: of a bidirectional layer the direction that begins at the end; t is then its last step, the first one.
        ord: 2, the greatest singular value, or "fro", the root of the sum of squares.

    Raises:
        TypeError: the module is none of these, or x has another dtype than its weights.
        ValueError: a shape does not fit, there is no such layer or direction, or ``ord`` is another.
        FloatingPointError: the states overflow, or x has NaN.

    >>> flow = gradient_flow(RNN(8, 16), np.ones((50, 2, 8), np.float32))
    >>> flow.norms.shape, flow.bound.shape
    ((51, 2), (51,))
    """
    if not isinstance(module, RNN | GRU | LSTM):
        raise TypeError(f"module must be an RNN, GRU or LSTM, not {type(module).__name__}")
    if ord not in (2, "fro"):
        raise ValueError(f'ord must be 2 or "fro", not {ord!r}')
    weights = _weights(module, layer, reverse)
    with no_grad():
        inputs, initial = _operands(module, x, states, layer, reverse)
        trajectory = _trajectory(module, inputs, initial, weights)
    with enable_grad():
        norms = _norms(module, inputs, trajectory, weights, ord)
    cell_norms = norms[1] if isinstance(module, LSTM) else None
    return GradientFlow(norms[0], cell_norms, _bound(weights, len(inputs), ord) if isinstance(module, RNN) else None)


def layers_for_long_sequences(
    input_size: int, hidden_size: int, steps: int, *, rng: init.Rng = None
) -> dict[str, Layer]:
    """A plain tanh RNN, and three layers that begin as the literature advises for sequences of so many steps.

    - "tanh RNN": as ``RNN`` begins.
    - "identity-ReLU RNN": W_hh the identity, biases 0, W_ih normal with standard deviation 0.1 (Le, Jaitly and Hinton
      2015, who have 0.001: learning then takes many times longer to begin).
    - "GRU", "LSTM": the bias of the gate that keeps the old state is log(u), u uniform between 1 and steps - 1, so that
      units forget in all the times that occur; an LSTM's input gate has the opposite. (Tallec and Ollivier 2018, "Can
      recurrent neural networks warp time?".)

    Raises:
        ValueError: a size is below 1, or there are fewer than 3 steps.
    """
    if steps < 3:
        raise ValueError(f"steps must be at least 3, not {steps}")
    rng = np.random.default_rng(rng)
    plain = RNN(input_size, hidden_size, rng=rng)
    identity = RNN(input_size, hidden_size, nonlinearity="relu", rng=rng)
    gated, cells = GRU(input_size, hidden_size, rng=rng), LSTM(input_size, hidden_size, rng=rng)
    for layer in (identity, gated, cells):
        for name, parameter in layer.named_parameters():
            if name.startswith("bias"):
                init.zeros_(parameter)
    weights = dict(identity.named_parameters())
    init.identity_(weights["weight_hh_l0"])
    init.normal_(weights["weight_ih_l0"], 0, 0.1, rng=rng)
    keep = np.log(rng.uniform(1, steps - 1, (2, hidden_size)))
    keeping = slice(hidden_size, 2 * hidden_size)  # z among r z n, and f among i f g o
    dict(gated.named_parameters())["bias_ih_l0"].data[keeping] = keep[0]
    bias = dict(cells.named_parameters())["bias_ih_l0"].data
    bias[keeping], bias[:hidden_size] = keep[1], -keep[1]
    return {"tanh RNN": plain, "identity-ReLU RNN": identity, "GRU": gated, "LSTM": cells}


def _weights(module: Layer, layer: int, reverse: bool) -> Weights:
    """w_ih, w_hh, b_ih and b_hh of one layer in one direction, as constants."""
    if not 0 <= layer < module.num_layers:
        raise ValueError(f"layer must be in 0 .. {module.num_layers - 1}, not {layer}")
    if reverse and not module.bidirectional:
        raise ValueError("reverse needs a bidirectional layer")
    weights = module._weights(layer)[4:] if reverse else module._weights(layer)[:4]
    return [None if weight is None else weight.detach() for weight in weights]


def _operands(module: Layer, x: Operand, states: Any, layer: int, reverse: bool) -> tuple[Array, list[Array]]:
    """What one layer in one direction reads, in the order in which it does, (T, B, I), and begins with, (B, H) each."""
    x = as_tensor(x)
    if x.ndim not in (2, 3) or x.shape[-1] != module.input_size or not x.data.size:
        raise ValueError(
            f"x must have at least one step and sequence, each of {module.input_size} values, not {x.shape}"
        )
    kinds = 2 if isinstance(module, LSTM) else 1
    given = [None] * kinds if states is None else state_pair(states) if kinds == 2 else [states]
    initial = [module._checked_state(state, x) for state in given]
    if x.ndim == 2:
        x = unsqueeze(x, 0 if module.batch_first else 1)
        initial = [None if state is None else unsqueeze(state, 1) for state in initial]
    for below in range(layer):
        own = slice(below * module._directions, (below + 1) * module._directions)
        of_layer = [None if state is None else state[own] for state in initial]
        x = module._layer(x, of_layer, module._weights(below), None)[0]
    x = swapaxes(x, 0, 1) if module.batch_first else x
    place = layer * module._directions + reverse
    zeros = np.zeros((x.shape[1], module.hidden_size), x.dtype)
    return x.data[:: -1 if reverse else 1], [zeros if state is None else state.data[place] for state in initial]


def _trajectory(module: Layer, x: Array, initial: list[Array], weights: Weights) -> list[list[Array]]:
    """The states (B, H) before each step."""
    before = [initial]
    for inputs in x:
        states = _step(module, Tensor(inputs[None]), [Tensor(state[None]) for state in before[-1]], weights)
        before.append([state.data[0] for state in states])
    if not all(np.isfinite(state).all() for state in before[-1]):
        raise FloatingPointError("the states after the last step are not finite: they overflow, or x has NaN")
    return before[:-1]


def _norms(module: Layer, x: Array, trajectory: list[list[Array]], weights: Weights, ord: Order) -> Norms:
    """The norms (T + 1, B) of dh_t/dh_k, and of dc_t/dc_k where there is one."""
    (T, B), H, kinds = x.shape[:2], module.hidden_size, len(trajectory[0])
    size = kinds * H
    rows = np.tile(np.eye(size, dtype=x.dtype), (B, 1))  # d state_t / d state_k, one sequence below the other
    log_scale = np.zeros(B)
    norms = np.empty((kinds, T + 1, B))
    norms[:, 0] = np.linalg.norm(np.eye(H), ord)
    for k in range(T)[::-1]:
        before = [Tensor(np.repeat(state, size, axis=0)[None], requires_grad=True) for state in trajectory[k]]
        after = _step(module, Tensor(np.repeat(x[k], size, axis=0)[None]), before, weights)
        concatenate(after, dim=2).backward(rows[None])
        rows = np.concatenate([np.asarray(state.grad)[0] for state in before], axis=1)
        greatest = np.abs(rows).reshape(B, -1).max(axis=1)
        scale = np.where(greatest > 0, greatest, 1).astype(x.dtype)
        rows /= np.repeat(scale, size)[:, None]
        log_scale += np.log(scale.astype(np.float64))
        blocks = rows.reshape(B, kinds, H, kinds, H).astype(np.float64)
        with np.errstate(over="ignore"):
            scales = np.exp(log_scale)
        for kind in range(kinds):
            norms[kind, T - k] = np.linalg.norm(blocks[:, kind, :, kind], ord, axis=(1, 2)) * scales
    return norms


def _step(module: Layer, x: Tensor, states: Sequence[Tensor], weights: Weights) -> States:
    """The states (1, N, H) after one step of x (1, N, I)."""
    if isinstance(module, LSTM):
        return lstm(x, states[0], states[1], weights)[1:]
    if isinstance(module, GRU):
        return gru(x, states[0], weights)[1:]
    return rnn(x, states[0], weights, module.nonlinearity)[1:]


def _bound(weights: Weights, T: int, ord: Order) -> Norms:
    """(beta_W beta_h)^d for the distances d = 0 .. T."""
    w_hh = weights[1]
    assert w_hh is not None
    beta = np.linalg.norm(w_hh.data.astype(np.float64), 2)
    start = 1.0 if ord == 2 else np.sqrt(len(w_hh.data))
    with np.errstate(over="ignore"):
        return np.asarray(start * beta ** np.arange(T + 1, dtype=np.float64))
