"""Matrices as the training kernels want them: rows padded to 16 floats, each starting at 64 bytes."""

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64
_FLOATS = _ALIGNMENT // 4

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


def unit_rows(rows: Matrix) -> Matrix:
    """The rows scaled to length 1, as a new array; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)
