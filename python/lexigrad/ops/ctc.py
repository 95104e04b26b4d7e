"""Connectionist temporal classification: the loss of a label sequence that is shorter than its input."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lexigrad import _core
from lexigrad.ops.softmax import check_reduction
from lexigrad.tensor import Tensor, is_grad_enabled, record

Array = NDArray[Any]


def ctc_loss(
    log_probs: Tensor,
    targets: ArrayLike | Tensor,
    input_lengths: ArrayLike | Tensor,
    target_lengths: ArrayLike | Tensor,
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
        log_probs: (T, B, V), or (T, V) for one sample; float32.
        targets: labels, never ``blank``: padded (B, L), or all samples' one after the other (sum of lengths,).
        input_lengths: (B,) frames of each sample, at most T; a number for one sample.
        target_lengths: (B,) labels of each sample.
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by its target's length, at least 1, and takes the mean over the batch;
            "sum"; or "none" for a loss of each sample.
        zero_infinity: infinite losses count as 0.
        from_logits: ``log_probs`` are logits: takes their log_softmax on the way, in the same pass.

    Raises:
        TypeError: ``log_probs`` are not float32, or labels or lengths are not integers.
        ValueError: shapes do not fit, or a length or label is out of range.
    """
    check_reduction(reduction)
    if log_probs.dtype != np.float32:
        raise TypeError(f"log_probs must be float32, not {log_probs.dtype}")
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

    def losses_and_gradient(with_gradient: bool) -> tuple[Array, Array | None]:
        return _core.ctc(x, labels, offsets, frames, blank, from_logits, with_gradient)

    losses, gradient = losses_and_gradient(log_probs.requires_grad and is_grad_enabled())
    kept = [gradient]  # backward gives it away, and computes it anew if it is called again
    share = 1 / (np.maximum(lengths, 1) * max(batch, 1)) if reduction == "mean" else np.ones(batch)
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


def _integers(values: ArrayLike | Tensor, name: str) -> NDArray[np.int64]:
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
