"""The bytes of a file, plain or compressed, in blocks of bounded size."""

import lzma
import os
import stat
import zlib
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.io.compressed import is_compressed, open_binary

BLOCK_BYTES = 1 << 21
MAX_LINE_BYTES = 1 << 24
MAX_BLANK_BYTES = 1 << 20

_PICKLE_STARTS = (
    b"\x80\x02",
    b"\x80\x03",
    b"\x80\x04",
    b"\x80\x05",
    b"ccopy_reg\n",
    b"cgensim.",
    b"(dp",
    b"(lp",
)
_BLANK = b" \t\r\n\v\f"
_FROM_TORCH = "write a PyTorch model's state_dict with safetensors.torch.save_file()"


def is_safetensors(start: bytes) -> bool:
    """Whether a file that begins so has a safetensors header: its length in 8 bytes, and JSON."""
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 40


def foreign(start: bytes) -> str | None:
    """What to do about a file that gensim or PyTorch pickled, told by its first 16 bytes; None for others."""
    if is_safetensors(start):  # whose length may look like the start of a pickle
        return None
    if start.startswith(_PICKLE_STARTS):
        return (
            "this is a pickle, such as gensim's own save() writes, and pickles can run code, so it is "
            f"not opened: load it with gensim and write it with save_word2vec_format(); {_FROM_TORCH}"
        )
    if start.startswith(b"PK\x03\x04"):
        return (
            "this is a zip file, such as torch.save() makes around a pickle, and pickles can run code, so it is "
            f"not opened: {_FROM_TORCH}"
        )
    if start.startswith(b"\x93NUMPY"):
        return (
            "this is a NumPy array, such as gensim's own save() writes beside its pickle: load that with "
            "gensim and write it with save_word2vec_format()"
        )
    return None


class ByteBlocks:
    """A file's decompressed bytes: ``block`` holds those that have been read and not yet consumed.

    ``offset`` is where the block begins in the decompressed bytes, ``ended`` says that nothing follows the
    block, and ``size`` is the size of a plain file on disk, or None where nothing vouches for it (compressed,
    a pipe).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.offset = 0
        self.ended = False
        self._file = open_binary(path)
        status = os.stat(path)
        plain = stat.S_ISREG(status.st_mode) and not is_compressed(path)
        self.size = status.st_size if plain else None
        room = BLOCK_BYTES if self.size is None else min(BLOCK_BYTES, self.size + 1)
        self._buffer = np.empty(room, np.uint8)
        self._begin = self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def block(self) -> NDArray[np.uint8]:
        """The bytes at hand, valid until the next call of ``read_more``."""
        return self._buffer[self._begin : self._end]

    def consume(self, count: int) -> None:
        """Drop bytes from the front of the block."""
        self._begin += count
        self.offset += count

    def read_more(self) -> None:
        """Fill the room behind the block; a block that has no room behind it gets twice the room.

        Raises:
            ValueError: the compressed data are damaged or end too early.
        """
        kept = self.block
        if len(kept) == len(self._buffer):
            self._buffer = np.empty(2 * len(kept), np.uint8)
        self._buffer[: len(kept)] = kept
        self._begin, self._end = 0, len(kept)
        while self._end < len(self._buffer) and not self.ended:
            count = self._read_into(self._buffer.data[self._end :])
            self._end += count
            self.ended = count == 0

    def peek(self, count: int) -> bytes:
        """The next ``count`` bytes, fewer at the end of the file, without consuming them."""
        while self._end - self._begin < count and not self.ended:
            self.read_more()
        return self.block[:count].tobytes()

    def peek_line(self, what: str, most: int = MAX_LINE_BYTES) -> bytes:
        """The next line without its line break, not consumed; empty at the end of the file.

        Raises:
            ValueError: it has more than ``most`` bytes; ``what`` says what was expected.
        """
        size = 256
        while True:
            start = self.peek(size)
            line, line_break, _ = start.partition(b"\n")
            if len(line) > most:
                raise self.fault(f"byte {self.offset}: expected {what} within {most} bytes")
            if line_break or len(start) < size:
                return line
            size = min(4 * size, most + 1)

    def take_line(self, what: str, most: int = MAX_LINE_BYTES) -> bytes:
        """The same, consumed together with its line break."""
        line = self.peek_line(what, most)
        self.consume(min(len(line) + 1, len(self.block)))
        return line

    def fault(self, message: str) -> ValueError:
        """An exception that names the file."""
        return ValueError(f"{self.path}: {message}")

    def refuse_foreign(self) -> None:
        """Name the remedy for files that people mistake for word vectors.

        Raises:
            ValueError: the file is a pickle (gensim's own ``save``) or a NumPy array.
        """
        if remedy := foreign(self.peek(16)):
            raise self.fault(remedy)

    def skip_byte_order_mark(self) -> None:
        """Skip a UTF-8 byte order mark at the front."""
        if self.peek(3) == b"\xef\xbb\xbf":
            self.consume(3)

    def expect_end(self, declared: str) -> None:
        """Make sure that nothing but a little white space follows.

        Raises:
            ValueError: something does.
        """
        blank = 0
        while True:
            rest = self.block.tobytes()
            leading = len(rest) - len(rest.lstrip(_BLANK))
            self.consume(leading)
            blank += leading
            if leading < len(rest) or blank > MAX_BLANK_BYTES:
                raise self.fault(f"{declared}, but more follows from byte {self.offset} on")
            if self.ended:
                return
            self.read_more()

    def _read_into(self, room: memoryview) -> int:
        try:
            return self._file.readinto(room) or 0  # type: ignore[attr-defined]
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise self._damaged(error) from error
        except MemoryError as error:
            raise self._damaged(error) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._damaged(error) from error
        except Exception as error:
            if type(error).__name__ != "ZstdError":
                raise
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> ValueError:
        return self.fault(
            f"cannot be decompressed beyond byte {self.offset + self._end} of its content "
            f"({type(error).__name__}: {error}); it is damaged, cut short or not what its name says"
        )
