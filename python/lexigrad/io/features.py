"""Files of features: an array of floats for each of many named things, in .npy, .npz or safetensors files."""

import math
import os
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lexigrad.io.atomic import atomic_write
from lexigrad.io.safetensors import read_safetensors

Array = NDArray[Any]

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_features(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Arrays by their names; those of a .npy file (N, ...) are its N rows, whose names are "0", "1", ...

    Nothing is unpickled, and nothing allocated for an array that is larger than what the file holds of it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the name ends in none of .npy, .npz and .safetensors, or the file is damaged; the message names it.
    """
    name = os.fspath(path)
    if name.endswith(".safetensors"):
        return dict(read_safetensors(name)[0])
    if not name.endswith((".npy", ".npz")):
        raise ValueError(f"{name}: the name of a file of features must end in .npy, .npz or .safetensors")
    with open(name, "rb") as file:
        try:
            return _read_rows(file, os.path.getsize(name)) if name.endswith(".npy") else _read_archive(file)
        except Exception as error:  # NumPy, zipfile and its decompressors have many for damaged bytes
            raise ValueError(f"{name}: not a file of NumPy's arrays, or a damaged one: {error}") from error


def write_features(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write named arrays as an .npz file, atomically."""
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def _read_rows(file: BinaryIO, size: int) -> dict[str, Array]:
    rows = _read_array(file, size)
    if not rows.ndim:
        raise ValueError("a single number has no rows")
    return {str(row): array for row, array in enumerate(rows)}


def _read_archive(file: BinaryIO) -> dict[str, Array]:
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            with archive.open(member) as content:
                arrays[member.filename.removesuffix(".npy")] = _read_array(content, member.file_size)
    return arrays


def _read_array(file: Any, size: int) -> Array:
    """The array of a .npy file of so many bytes."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of NumPy's format")
    shape, is_fortran, dtype = _HEADERS[version](file)
    if dtype.kind not in "fiu":
        raise ValueError(f"expected numbers, found {dtype}")
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count * dtype.itemsize > size:
        raise ValueError(f"{shape} values of {dtype} are more than there are")
    content = file.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise ValueError("it ends too early")
    array = np.frombuffer(content, dtype)
    return array.reshape(shape[::-1]).T if is_fortran else array.reshape(shape)
