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

_ZSTD_STEP = 1 << 10  # bytes; small, because a bomb unpacks to some 30,000 times as many

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
        return cast(BinaryIO, io.BufferedReader(_ZstdFrames(open(path, "rb"))))
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


class _ZstdFrames(io.RawIOBase):
    """What all frames of a .zst file hold.

    The reader of ``zstandard`` stops after the first one, and takes a file that is cut off for a whole one;
    here that is an EOFError, as with the other formats.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zstandard = _zstandard()
        self._frame: Any = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def readinto(self, buffer: Any) -> int:
        while not self._ready and self._decompress():
            pass
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        self._file.close()
        super().close()

    def _decompress(self) -> bool:
        """Take the next bytes of the file; False at its end."""
        if not self._packed:
            self._packed = self._file.read(_ZSTD_STEP)
        if not self._packed:
            if self._frame is not None:
                raise EOFError("compressed file ended before the end-of-stream marker was reached")
            return False
        if self._frame is None:
            self._frame = self._zstandard.ZstdDecompressor().decompressobj()
        try:
            self._ready = memoryview(self._frame.decompress(self._packed))
        except self._zstandard.ZstdError as error:
            raise OSError(str(error)) from error
        self._packed = self._frame.unused_data
        if self._frame.eof:
            self._frame = None
        return True


def _zstandard() -> Any:
    try:
        import zstandard
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("a .zst file needs zstandard: pip install 'lexigrad[zstd]'") from error
    return zstandard
