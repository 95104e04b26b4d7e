"""Sequences of different lengths in batches with little padding."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_POOL = 50  # batches whose sequences are sorted together


def length_batches(
    lengths: ArrayLike, batch_size: int, rng: np.random.Generator | None = None
) -> list[NDArray[np.int64]]:
    """Indices of sequences in batches of similar lengths; each index once.

    With ``rng``, for training: sequences are shuffled, those of 50 batches at a time sorted by length and cut into
    batches, and the batches shuffled; so neighbours change from epoch to epoch. Without, for prediction: all are
    sorted by length, the longest first, so that memory runs out at once or not at all.

    Args:
        lengths: (n,) of the sequences.
        batch_size: sequences of a batch; the last one may have fewer.

    Raises:
        ValueError: ``batch_size`` is below 1, or lengths have other than one axis.
    """
    sizes = np.asarray(lengths)
    if sizes.ndim != 1:
        raise ValueError(f"lengths must have shape (n,), not {sizes.shape}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if rng is None:
        return _cut(np.argsort(-sizes, kind="stable"), batch_size)
    order = rng.permutation(len(sizes))
    batches: list[NDArray[np.int64]] = []
    for pool in _cut(order, batch_size * _POOL):
        batches += _cut(pool[np.argsort(-sizes[pool], kind="stable")], batch_size)
    return [batches[place] for place in rng.permutation(len(batches))]


def pad_sequences(
    sequences: Sequence[ArrayLike], value: float = 0, dtype: Any = np.int64, length: int | None = None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Sequences, (T_b,) or (T_b, D) each, as one array (T, B) or (T, B, D), and their lengths (B,).

    Args:
        value: of the places past a sequence's end.
        dtype: of the array.
        length: T; by default that of the longest sequence.

    Raises:
        ValueError: there are no sequences, one is longer than ``length``, or their other axes differ.
    """
    if not len(sequences):
        raise ValueError("there are no sequences to make a batch of")
    arrays = [np.asarray(sequence, dtype) for sequence in sequences]
    lengths = np.array([len(array) for array in arrays], np.int64)
    longest = int(lengths.max()) if length is None else length
    if lengths.max() > longest:
        raise ValueError(f"a sequence of length {lengths.max()} does not fit into {longest} steps")
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"sequences of one batch must be alike but for their lengths, not of {sorted(shapes)}")
    batch = np.full((longest, len(arrays), *shapes.pop()), value, dtype)
    for place, array in enumerate(arrays):
        batch[: len(array), place] = array
    return batch, lengths


def _cut(indices: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [indices[begin : begin + size] for begin in range(0, len(indices), size)]
