"""What training draws from, where the fastText program does it in its own way."""

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core


def program_tree(
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """The Huffman tree of the fastText program, laid out as ``_core.huffman`` lays out its own.

    Of equal counts the later comes first, and 1 is the label of a step to the right.

    Args:
        counts: falling.
    """
    offsets, nodes, labels = _core.huffman(np.ascontiguousarray(counts[::-1]))
    begins, lengths = offsets[:-1][::-1], np.diff(offsets)[::-1]
    turned = np.append(0, np.cumsum(lengths)).astype(np.int64)
    order = np.repeat(begins - turned[:-1], lengths) + np.arange(turned[-1])
    return turned, nodes[order], 1 - labels[order]
