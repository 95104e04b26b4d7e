"""safetensors files: named arrays behind a JSON header, written in a stream, read with or without mmap.

The format (https://huggingface.co/docs/safetensors): eight bytes, the header's size; the header, a JSON
object of name -> {"dtype", "shape", "data_offsets"} with strings under "__metadata__"; then the arrays,
without a gap.
"""

import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lexigrad.io.atomic import atomic_write
from lexigrad.io.blocks import foreign

MAX_HEADER_BYTES = 1 << 24
METADATA_KEY = "lexigrad"
COPY_BYTES = 1 << 22

_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "C64": np.dtype("<c8"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_BFLOAT16 = "BF16"  # the upper half of a float32, which NumPy lacks: read as float32, never written


class _Entry(NamedTuple):
    dtype: np.dtype[Any]  # of what is stored
    shape: tuple[int, ...]
    begin: int
    end: int
    is_bfloat16: bool


def write_safetensors(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]
) -> None:
    """Write arrays of any shape and strides and a JSON-able ``metadata``, which is stored as one string.

    Nothing is held in memory twice: an array that is not contiguous is copied a few megabytes at a time.
    Atomic: a crash leaves the old file or the new one. The ``safetensors`` package reads the file.

    Raises:
        TypeError: metadata that JSON cannot hold.
        ValueError: a dtype that the format lacks, a name that is "__metadata__", a NaN in the metadata, or a
            header of more than 16 MiB.
    """
    header: dict[str, Any] = {
        "__metadata__": {METADATA_KEY: json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)}
    }
    # Larger items first, so that every array begins at a multiple of its item size.
    names = sorted(arrays, key=lambda name: (-np.asarray(arrays[name]).dtype.itemsize, name))
    end = 0
    for name in names:
        array = np.asarray(arrays[name])
        begin, end = end, end + array.nbytes
        header[_checked_name(name)] = {
            "dtype": _dtype_name(name, array.dtype),
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES:
        raise ValueError(f"the names and metadata take {len(text)} bytes; at most {MAX_HEADER_BYTES} are written")
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            for piece in _pieces(np.asarray(arrays[name])):
                file.write(piece)


def read_safetensors(
    path: str | os.PathLike[str], *, mmap: bool = False
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read a safetensors file: its arrays by name, and its metadata.

    The whole header is checked against the file's size before anything is allocated: arrays must follow each
    other without gap or overlap and fill the file. Metadata that ``write_safetensors`` did not write are the
    strings that the file has.

    bfloat16, which PyTorch writes and NumPy lacks, becomes float32, which holds its values exactly.

    Args:
        mmap: return read-only views into the file, which load from disk as they are used, instead of copies.
            (An array that does not begin at a multiple of its item size, which other programs may write, is
            copied, and so is bfloat16.)

    Raises:
        ValueError: the file is not as described; the message names it and the array.
    """
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{os.fspath(path)}: not a regular file")
        start, header = _read_header(file, os.fspath(path), status.st_size)
        metadata = _metadata(header.pop("__metadata__", {}), os.fspath(path))
        entries = _entries(header, os.fspath(path), status.st_size - start)
        if mmap:
            return _map(file, os.fspath(path), start, entries), metadata
        file.seek(start)
        ordered = sorted(entries, key=lambda name: entries[name].begin)
        arrays = {name: _read_array(file, os.fspath(path), name, entries[name]) for name in ordered}
        return {name: arrays[name] for name in entries}, metadata


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"an array cannot be named {name!r}: choose another string")
    return name


def _dtype_name(name: str, dtype: np.dtype[Any]) -> str:
    known = _NAMES.get(dtype.newbyteorder("<"))
    if known is None:
        raise ValueError(
            f"{name} has dtype {dtype}, which safetensors cannot hold: convert it to one of {list(_NAMES)}"
        )
    return known


def _pieces(array: NDArray[Any]) -> Iterator[memoryview]:
    """The bytes of an array in C order and little-endian, without a copy where they lie so."""
    dtype = array.dtype.newbyteorder("<")
    if array.size == 0:
        return
    if array.flags.c_contiguous and array.dtype == dtype:
        yield array.reshape(-1).view(np.uint8).data
    elif array.ndim > 1 and array.nbytes > COPY_BYTES and array[0].nbytes > COPY_BYTES:
        for part in array:
            yield from _pieces(part)
    elif array.ndim:
        step = max(1, COPY_BYTES * len(array) // array.nbytes)
        for begin in range(0, len(array), step):
            yield from _pieces(np.ascontiguousarray(array[begin : begin + step], dtype))
    else:
        yield from _pieces(np.ascontiguousarray(array, dtype))


def _read_header(file: BinaryIO, path: str, size: int) -> tuple[int, dict[str, Any]]:
    """Where the arrays begin, and the header."""
    start = file.read(16)
    if remedy := foreign(start):
        raise ValueError(f"{path}: {remedy}")
    file.seek(8)
    length = int.from_bytes(start[:8], "little")
    if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
        raise ValueError(
            f"{path}: declares a header of {length} bytes, but has {size} in all and at most "
            f"{MAX_HEADER_BYTES} are read: it is cut short or not a safetensors file"
        )
    try:
        header = json.loads(file.read(length).decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: the header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise ValueError(f"{path}: the header is {type(header).__name__}, not a JSON object")
    return 8 + length, header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _metadata(stored: Any, path: str) -> dict[str, Any]:
    if not isinstance(stored, dict) or not all(isinstance(value, str) for value in stored.values()):
        raise ValueError(f"{path}: __metadata__ must be an object of strings")
    if METADATA_KEY not in stored:
        return stored
    try:
        metadata = json.loads(stored[METADATA_KEY])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: the metadata are not JSON ({error})") from error
    if not isinstance(metadata, dict):
        raise ValueError(f"{path}: the metadata are {type(metadata).__name__}, not a JSON object")
    return metadata


def _entries(header: dict[str, Any], path: str, size: int) -> dict[str, _Entry]:
    """The arrays, once they are known to fill ``size`` bytes exactly."""
    entries = {name: _entry(f"{path}: array {name!r}", described) for name, described in header.items()}
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != end:
            raise ValueError(f"{path}: array {name!r} begins at byte {entry.begin} of the data, not at {end}")
        end = entry.end
    if end != size:
        raise ValueError(f"{path}: the arrays take {end} bytes, but the file has {size} for them")
    return entries


def _entry(place: str, described: Any) -> _Entry:
    if not isinstance(described, dict) or described.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{place} must have dtype, shape and data_offsets, no more and no less")
    name, shape, offsets = described["dtype"], described["shape"], described["data_offsets"]
    is_bfloat16 = name == _BFLOAT16
    dtype = np.dtype("<u2") if is_bfloat16 else _DTYPES.get(name) if isinstance(name, str) else None
    if dtype is None:
        raise ValueError(f"{place} has dtype {name!r:.40}; those that are read are {', '.join([*_DTYPES, _BFLOAT16])}")
    if not _are_sizes(shape) or len(shape) > 32:
        raise ValueError(f"{place} has shape {shape!r:.80}, not a list of at most 32 sizes")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"{place} has data_offsets {offsets!r:.80}, not a begin and an end")
    begin, end = offsets
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize >= 1 << 63:
        raise ValueError(f"{place} has shape {shape!r:.80}, larger than any array")
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{place} has shape {shape!r:.80} and dtype {name}, but {end - begin} bytes")
    return _Entry(dtype, tuple(shape), begin, end, is_bfloat16)


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and 0 <= size < 1 << 63 for size in value)


def _read_array(file: BinaryIO, path: str, name: str, entry: _Entry) -> NDArray[Any]:
    array = np.empty(entry.shape, entry.dtype)
    room = array.reshape(-1).view(np.uint8).data
    while room:
        count = file.readinto(room)  # type: ignore[attr-defined]
        if not count:
            raise ValueError(f"{path}: ends inside array {name!r}: it was cut short while it was read")
        room = room[count:]
    _check_bools(path, name, array)
    return _widened(array) if entry.is_bfloat16 else array


def _widened(halves: NDArray[Any]) -> NDArray[np.float32]:
    """The float32 of which these are the upper halves."""
    return (halves.astype(np.uint32) << np.uint32(16)).view(np.float32)


def _map(file: BinaryIO, path: str, start: int, entries: dict[str, _Entry]) -> dict[str, NDArray[Any]]:
    data = np.memmap(file, np.uint8, "r")[start:]
    arrays: dict[str, NDArray[Any]] = {}
    for name, entry in entries.items():
        mapped = data[entry.begin : entry.end].view(entry.dtype).reshape(entry.shape)
        mapped = _widened(mapped) if entry.is_bfloat16 else mapped
        arrays[name] = mapped if mapped.flags.aligned else np.array(mapped)
        arrays[name].flags.writeable = False
        _check_bools(path, name, arrays[name])
    return arrays


def _check_bools(path: str, name: str, array: NDArray[Any]) -> None:
    """Other bytes than 0 and 1 would be neither true nor false to NumPy."""
    if array.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
        raise ValueError(f"{path}: array {name!r} has dtype BOOL, but bytes other than 0 and 1")
