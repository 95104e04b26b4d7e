"""Reading and writing .gz, .bz2, .xz and .zst files like plain ones."""

import bz2
import contextlib
import gzip
import io
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
        return cast(BinaryIO, io.BufferedReader(_ZstandardFile(path), 1 << 16))
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


class _ZstandardFile(io.RawIOBase):
    """The content of all frames; unlike zstandard's own stream it notices when a file ends inside a frame."""

    _PIECE_BYTES = 1 << 10  # which a hostile frame can blow up to 32 MB, and no more

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._decompressor = _zstandard().ZstdDecompressor()
        self._file = io.BufferedReader(io.FileIO(path))
        self._frame: Any = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if not self._packed:
                self._packed = self._file.read(self._PIECE_BYTES)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the file ends inside a zstandard frame")
                return 0
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            self._ready = memoryview(self._frame.decompress(self._packed))
            self._packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _zstandard() -> Any:
    try:
        import zstandard
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("a .zst file needs zstandard: pip install 'lexigrad[zstd]'") from error
    return zstandard
