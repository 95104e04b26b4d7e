"""Connectionist temporal classification: the loss of a label sequence that is shorter than its input.

The kernel computes in float32. float64, which serves for checks, goes through the same recursion in small operations.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.ops.elementwise import where
from lexigrad.ops.operands import as_tensor
from lexigrad.ops.reduce import logsumexp
from lexigrad.ops.shape import concatenate, stack
from lexigrad.ops.softmax import check_reduction, log_softmax
from lexigrad.tensor import Operand, Tensor, is_grad_enabled, record

Array = NDArray[Any]


def ctc_loss(
    log_probs: Operand,
    targets: Operand,
    input_lengths: Operand,
    target_lengths: Operand,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
    *,
    from_logits: bool = False,
) -> Tensor:
    """-log p(targets), summed over all alignments of the labels with the frames (Graves et al. 2006).

    The arguments are those of PyTorch's ``ctc_loss``. A target that does not fit into its frames, or that the
    log-probabilities rule out, has an infinite loss and the gradient 0, never NaN.

    The gradient is the true one with respect to ``log_probs``. (PyTorch's has exp(log_probs) added, which the
    backward of a log_softmax before it cancels.)

    Args:
        log_probs: (T, B, V), or (T, V) for one sample; float32 (or float64, slowly).
        targets: labels, never ``blank``: padded (B, L), or all samples' one after the other (sum of lengths,).
        input_lengths: (B,) frames of each sample, at most T; a number for one sample.
        target_lengths: (B,) labels of each sample.
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by its target's length, at least 1, and takes the mean over the batch;
            "sum"; or "none" for a loss of each sample.
        zero_infinity: infinite losses count as 0.
        from_logits: ``log_probs`` are logits: takes their log_softmax on the way, in the same pass.

    Raises:
        TypeError: ``log_probs`` are no such floats, or labels or lengths are not integers.
        ValueError: shapes do not fit, or a length or label is out of range.
    """
    check_reduction(reduction)
    log_probs = as_tensor(log_probs)
    if log_probs.dtype not in (np.float32, np.float64):
        raise TypeError(f"log_probs must be float32 (or float64, slowly), not {log_probs.dtype}")
    if log_probs.ndim not in (2, 3):
        raise ValueError(f"log_probs must have shape (T, B, V) or (T, V), not {log_probs.shape}")
    x = np.ascontiguousarray(log_probs.data.reshape(log_probs.shape[0], -1, log_probs.shape[-1]))
    batch = x.shape[1]
    frames = _integers(input_lengths, "input_lengths").reshape(-1)
    lengths = _integers(target_lengths, "target_lengths").reshape(-1)
    for name, given in (("input_lengths", frames), ("target_lengths", lengths)):
        if given.shape != (batch,):
            raise ValueError(f"{name} must have shape ({batch},), one for each sample, not {given.shape}")
    labels = _concatenated(_integers(targets, "targets"), lengths, batch)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    share = 1 / (np.maximum(lengths, 1) * max(batch, 1)) if reduction == "mean" else np.ones(batch)
    if log_probs.dtype == np.float64:
        scores = (log_softmax(log_probs) if from_logits else log_probs).reshape(x.shape)
        single = _composed(scores, labels, offsets, frames, blank)
        if zero_infinity:
            single = where(np.isposinf(single.data), 0.0, single)
        return single.reshape(log_probs.shape[1:-1]) if reduction == "none" else (single * share).sum()

    def losses_and_gradient(with_gradient: bool) -> tuple[Array, Array | None]:
        return _core.ctc(x, labels, offsets, frames, blank, from_logits, with_gradient)

    losses, gradient = losses_and_gradient(log_probs.requires_grad and is_grad_enabled())
    kept = [gradient]  # backward gives it away, and computes it anew if it is called again
    if zero_infinity:
        losses = np.where(np.isposinf(losses), 0, losses)

    def backward(dloss: Array) -> tuple[Array]:
        gradient = kept.pop() if kept else losses_and_gradient(True)[1]
        assert gradient is not None
        gradient *= (dloss.reshape(-1) * share).astype(np.float32)[:, None]
        return (gradient if gradient.shape == log_probs.shape else gradient.reshape(log_probs.shape),)

    if reduction == "none":
        value = losses.astype(np.float32).reshape(log_probs.shape[1:-1])
    else:
        value = np.asarray((losses * share).sum() if batch else np.nan, np.float32)
    return record(value, (log_probs,), backward)


def _integers(values: Operand, name: str) -> NDArray[np.int64]:
    array = np.asarray(values.data if isinstance(values, Tensor) else values)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    return np.ascontiguousarray(array, np.int64)


def _concatenated(targets: NDArray[np.int64], lengths: NDArray[np.int64], batch: int) -> NDArray[np.int64]:
    """The samples' labels one after the other, without padding."""
    if (lengths < 0).any():
        raise ValueError(f"target_lengths must not be negative, but there is a {lengths.min()}")
    if targets.ndim == 2 and len(targets) == batch:
        if lengths.size and lengths.max() > targets.shape[1]:
            raise ValueError(f"targets of shape {targets.shape} are shorter than a target_length of {lengths.max()}")
        return np.ascontiguousarray(targets[np.arange(targets.shape[1]) < lengths[:, None]])
    if targets.ndim == 1 and len(targets) == lengths.sum():
        return targets
    raise ValueError(
        f"targets must have shape ({batch}, L), padded, or ({lengths.sum()},), the samples' one after the other, "
        f"not {targets.shape}"
    )


def _composed(x: Tensor, labels: NDArray[np.int64], offsets: Array, frames: NDArray[np.int64], blank: int) -> Tensor:
    """The losses (B,) of log-probabilities (T, B, V), by the forward recursion of Graves et al. 2006."""
    T, B, V = x.shape
    if not 0 <= blank < V:
        raise ValueError(f"blank must be in [0, {V}), not {blank}")
    if ((frames < 0) | (frames > T)).any():
        raise ValueError(f"input_lengths must be in [0, {T}], not {frames.min()} .. {frames.max()}")
    if ((labels < 0) | (labels >= V) | (labels == blank)).any():
        raise ValueError(f"targets must be in [0, {V}) and not the blank, {blank}")
    losses = [Tensor(np.zeros(0))]
    for b in range(B):
        target = labels[offsets[b] : offsets[b + 1]]
        states = np.full(2 * len(target) + 1, blank)
        states[1::2] = target
        never = np.full(len(states), -np.inf)
        if frames[b] == 0:
            losses.append(Tensor(np.array([np.inf if len(target) else 0.0])))
            continue
        skips = np.zeros(len(states), bool)  # the way from two states before: over a blank, to another label
        skips[2:] = (states[2:] != blank) & (states[2:] != states[:-2])
        scores = x[: frames[b], b][:, states]
        alpha = concatenate([scores[0, :2], never[2:]])
        for t in range(1, int(frames[b])):
            before = concatenate([never[:1], alpha[:-1]])
            skipped = where(skips, concatenate([never[:2], alpha[:-2]])[: len(states)], -np.inf)
            alpha = logsumexp(stack([alpha, before, skipped]), 0) + scores[t]
        losses.append(-logsumexp(alpha[-2:], 0, True))
    return concatenate(losses)
