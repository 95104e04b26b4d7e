"""Reading and writing .gz, .bz2, .xz and .zst files like plain ones."""

import bz2
import contextlib
import gzip
import lzma
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

COMPRESSED_SUFFIXES = frozenset({".gz", ".bz2", ".xz", ".zst"})


def is_compressed(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends like one of a compressed file."""
    return Path(path).suffix.lower() in COMPRESSED_SUFFIXES


def open_binary(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading bytes, decompressed where its suffix says so.

    Raises:
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: a .zst file, and ``zstandard`` is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if suffix == ".bz2":
        return cast(BinaryIO, bz2.open(path, "rb"))
    if suffix == ".xz":
        return cast(BinaryIO, lzma.open(path, "rb"))
    if suffix == ".zst":
        return cast(BinaryIO, _zstandard().open(path, "rb"))
    return open(path, "rb")


@contextlib.contextmanager
def compressing(file: BinaryIO, path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Wrap a file open for writing so that what is written is compressed as the suffix of ``path`` says."""
    suffix = Path(path).suffix.lower()
    if suffix == ".gz":
        # No name and no time in the header: the same vectors give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6) as packed:
            yield cast(BinaryIO, packed)
    elif suffix == ".bz2":
        with bz2.open(file, "wb") as packed:
            yield cast(BinaryIO, packed)
    elif suffix == ".xz":
        with lzma.open(file, "wb") as packed:
            yield cast(BinaryIO, packed)
    elif suffix == ".zst":
        with _zstandard().open(file, "wb") as packed:
            yield cast(BinaryIO, packed)
    else:
        yield file


def _zstandard() -> Any:
    try:
        import zstandard
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("a .zst file needs zstandard: pip install 'lexigrad[zstd]'") from error
    return zstandard
