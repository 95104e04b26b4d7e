"""Linear-chain conditional random fields: the loss of a sequence of tags, the posteriors of tags and the best path.

The kernels compute in float32. float64, which serves for checks, goes through the same recursion in small operations.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lexigrad import _core
from lexigrad.ops.operands import as_tensor
from lexigrad.ops.recurrent import as_lengths
from lexigrad.ops.reduce import logsumexp
from lexigrad.ops.shape import stack, unsqueeze
from lexigrad.tensor import Array, Operand, Tensor, is_grad_enabled, record

REDUCTIONS = ("mean", "sum", "token_mean", "none")

Longs = NDArray[np.int64]


class Decoded(NamedTuple):
    """The best tags (T, B), -1 past the lengths, and their scores (B,)."""

    tags: Longs
    scores: NDArray[np.float64]


def crf_loss(
    emissions: Operand,
    tags: Operand,
    transitions: Operand,
    start_transitions: Operand,
    end_transitions: Operand,
    lengths: ArrayLike | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log p(tags) of a linear-chain conditional random field (Lafferty, McCallum and Pereira 2001).

    With  score(y) = start[y_0] + sum_t emissions[t, y_t] + sum_t transitions[y_{t-1}, y_t] + end[y_last]  and
    Z = sum over all y of exp(score(y)), the loss is  log Z - score(tags).  Impossible tags, of score -infinity, have an
    infinite loss and the gradient 0.

    Args:
        emissions: (T, B, K) scores of K tags; float32 (or float64, slowly).
        tags: (T, B) integers; those past the lengths may be anything.
        transitions: (K, K) scores, from a row's tag to a column's.
        start_transitions, end_transitions: (K,) scores of the first and the last tag.
        lengths: (B,) of the sequences; None: all T. An empty sequence has the loss 0.
        reduction: "mean" over the batch, "sum", "token_mean", which divides the sum by the sum of lengths, or "none"
            for a loss of each sequence.

    Raises:
        TypeError: tensors of other dtypes, tags or lengths that are no integers.
        ValueError: shapes do not fit, a tag or length is out of range, or the reduction is unknown.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, not {reduction!r}")
    inputs, frames = _checked(emissions, transitions, start_transitions, end_transitions, lengths)
    x = inputs[0]
    labels = _tags(tags, x.shape, frames)
    share = 1.0
    if reduction == "mean":
        share = 1 / max(1, x.shape[1])
    elif reduction == "token_mean":
        share = 1 / max(1, int(frames.sum()))
    if x.dtype == np.float64:
        single = _composed(inputs, labels, frames)
        return single if reduction == "none" else single.sum() * share
    arrays = [np.ascontiguousarray(tensor.data) for tensor in inputs]

    def losses_and_gradients(with_gradient: bool) -> tuple[Array, tuple[Array, ...] | None]:
        return _core.crf(arrays[0], labels, frames, arrays[1], arrays[2], arrays[3], with_gradient)

    losses, found = losses_and_gradients(is_grad_enabled() and any(tensor.requires_grad for tensor in inputs))
    kept = [found]  # backward gives it away, and computes it anew if it is called again

    def backward(dloss: Array) -> tuple[Array, ...]:
        gradients = kept.pop() if kept else losses_and_gradients(True)[1]
        assert gradients is not None
        factors = np.broadcast_to(np.asarray(dloss, np.float32) * np.float32(share), losses.shape)
        demissions, *shares = gradients
        demissions *= factors[:, None]
        return demissions, *((factors.reshape(-1, *[1] * (part.ndim - 1)) * part).sum(axis=0) for part in shares)

    value = losses.astype(np.float32) if reduction == "none" else np.asarray(losses.sum() * share, np.float32)
    return record(value, inputs, backward)


def crf_decode(
    emissions: Operand,
    transitions: Operand,
    start_transitions: Operand,
    end_transitions: Operand,
    lengths: ArrayLike | None = None,
) -> Decoded:
    """The tags of the greatest score (Viterbi 1967); arguments and errors as of :func:`crf_loss`, in float32."""
    return Decoded(*_core.crf_decode(*_singles(emissions, transitions, start_transitions, end_transitions, lengths)))


def crf_marginals(
    emissions: Operand,
    transitions: Operand,
    start_transitions: Operand,
    end_transitions: Operand,
    lengths: ArrayLike | None = None,
) -> Array:
    """p(y_t = k), (T, B, K), zero past the lengths; arguments and errors as of :func:`crf_loss`, in float32."""
    x, frames, between, start, end = _singles(emissions, transitions, start_transitions, end_transitions, lengths)
    gradients = _core.crf(x, None, frames, between, start, end, True)[1]
    assert gradients is not None
    return gradients[0]


def _checked(
    emissions: Operand, transitions: Operand, start: Operand, end: Operand, lengths: ArrayLike | None
) -> tuple[list[Tensor], Longs]:
    """The tensors, and the lengths (B,)."""
    inputs = [as_tensor(operand) for operand in (emissions, transitions, start, end)]
    x = inputs[0]
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(f"emissions must be float32 (or float64, slowly), not {x.dtype}")
    if x.ndim != 3:
        raise ValueError(f"emissions must have shape (T, B, K), not {x.shape}")
    steps, batch, size = x.shape
    shapes = {"transitions": (size, size), "start_transitions": (size,), "end_transitions": (size,)}
    for (name, shape), tensor in zip(shapes.items(), inputs[1:], strict=True):
        if tensor.dtype != x.dtype:
            raise TypeError(f"{name} must be {x.dtype} as the emissions, not {tensor.dtype}")
        if tensor.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, not {tensor.shape}")
    return inputs, np.full(batch, steps, np.int64) if lengths is None else as_lengths(lengths, steps, batch)


def _singles(
    emissions: Operand, transitions: Operand, start: Operand, end: Operand, lengths: ArrayLike | None
) -> tuple[Any, Longs, Any, Any, Any]:
    """What the kernels take, in float32."""
    inputs, frames = _checked(emissions, transitions, start, end, lengths)
    x, *scores = (np.ascontiguousarray(tensor.data, np.float32) for tensor in inputs)
    return x, frames, scores[0], scores[1], scores[2]


def _tags(tags: Operand, shape: tuple[int, ...], frames: Longs) -> Longs:
    """Tags (T, B), 0 past the lengths."""
    array = np.asarray(tags.data if isinstance(tags, Tensor) else tags)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"tags must be integers, not {array.dtype}")
    if array.shape != shape[:2]:
        raise ValueError(f"tags must have shape {shape[:2]}, not {array.shape}")
    labels = np.where(np.arange(shape[0])[:, None] < frames, array, 0).astype(np.int64)
    wrong = (labels < 0) | (labels >= shape[2])
    if wrong.any():
        raise ValueError(f"tags must be in [0, {shape[2]}), but there is a {labels[wrong][0]}")
    return labels


def _composed(inputs: list[Tensor], tags: Longs, frames: Longs) -> Tensor:
    """The losses (B,) by the forward recursion."""
    emissions, transitions, start, end = inputs
    losses = []
    for b, length in enumerate(frames):
        if length == 0:
            losses.append(Tensor(np.zeros(())))
            continue
        x, y = emissions[: int(length), b], tags[:length, b]
        alpha = start + x[0]
        score = start[y[0]] + x[np.arange(length), y].sum() + transitions[y[:-1], y[1:]].sum() + end[y[-1]]
        for t in range(1, int(length)):
            alpha = logsumexp(unsqueeze(alpha, 1) + transitions, 0) + x[t]
        losses.append(logsumexp(alpha + end) - score)
    return stack(losses) if losses else Tensor(np.zeros(0))
