"""Matrices as the training kernels want them: rows padded to 16 floats, each starting at 64 bytes."""

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64
_FLOATS = _ALIGNMENT // 4
_ROWS_DRAWN = 1024  # at a time

Matrix = NDArray[np.float32]


class PaddedMatrix:
    """A float32 matrix whose rows are padded with zeros to a multiple of 16 floats.

    Attributes:
        padded: (rows, stride), C-contiguous, 64-byte aligned: what kernels train.
        view: (rows, size), the same memory without the padding: what users see.
    """

    def __init__(self, rows: int, size: int) -> None:
        stride = -(-size // _FLOATS) * _FLOATS
        raw = np.zeros(rows * stride + _FLOATS, np.float32)
        skipped = -raw.ctypes.data // 4 % _FLOATS
        self.padded: Matrix = raw[skipped : skipped + rows * stride].reshape(rows, stride)
        self.view: Matrix = self.padded[:, :size]

    @classmethod
    def of(cls, values: Matrix) -> "PaddedMatrix":
        """A padded copy of a (rows, size) matrix."""
        matrix = cls(*values.shape)
        matrix.view[:] = values
        return matrix

    def grown(self, added: int) -> "PaddedMatrix":
        """A copy with further rows of zeros at the end."""
        rows, size = self.view.shape
        matrix = PaddedMatrix(rows + added, size)
        matrix.padded[:rows] = self.padded
        return matrix


def draw_rows(matrix: Matrix, seed: int, first: int = 0) -> None:
    """Make the rows from ``first`` on uniform in (-1 / size, 1 / size), as gensim draws first vectors.

    A row does not depend on ``first``, nor on how many follow it.
    """
    random = np.random.default_rng(seed)
    rows, size = matrix.shape
    for begin in range(0, rows, _ROWS_DRAWN):
        block = random.random((min(_ROWS_DRAWN, rows - begin), size), dtype=np.float32)
        block *= 2.0
        block -= 1.0
        block /= size
        fresh = max(first - begin, 0)
        matrix[begin + fresh : begin + len(block)] = block[fresh:]


def unit_rows(rows: Matrix) -> Matrix:
    """The rows scaled to length 1, as a new array; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)
