"""Files as iterables of token lists, under gensim's names. To train on a file give its path, which is faster."""

import codecs
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lexigrad.io.compressed import open_binary

_BLOCK = 1 << 16


class LineSentence:
    """The sentences of a text file, one a line: UTF-8, words between ASCII white space; may be compressed.

    Args:
        source: a path.
        max_sentence_length: longer sentences come in parts of so many words.
        limit: lines to read; None for all.

    Raises:
        ValueError: ``max_sentence_length`` is less than 1; when iterated over: a line is not UTF-8.
    """

    def __init__(
        self, source: str | os.PathLike[str], max_sentence_length: int = 10000, limit: int | None = None
    ) -> None:
        if max_sentence_length < 1:
            raise ValueError(f"max_sentence_length must be at least 1, not {max_sentence_length}")
        self.source = source
        self.max_sentence_length = max_sentence_length
        self.limit = limit

    def __iter__(self) -> Iterator[list[str]]:
        with _opened(self.source) as file:
            for line in itertools.islice(file, self.limit):
                words = _decoded(line.split(), self.source)
                for begin in range(0, len(words), self.max_sentence_length):
                    yield words[begin : begin + self.max_sentence_length]


class PathLineSentences:
    """The same for all files of a directory, in the order of their names, or for one file.

    Raises:
        FileNotFoundError: there is no such file or directory.
        ValueError: as :class:`LineSentence`.
    """

    def __init__(
        self, source: str | os.PathLike[str], max_sentence_length: int = 10000, limit: int | None = None
    ) -> None:
        path = Path(source)
        if not path.exists():
            raise FileNotFoundError(f"{os.fspath(source)}: neither a file nor a directory")
        files = sorted(item for item in path.iterdir() if item.is_file()) if path.is_dir() else [path]
        self.input_files = [str(file) for file in files]
        self._parts = [LineSentence(file, max_sentence_length, limit) for file in self.input_files]

    def __iter__(self) -> Iterator[list[str]]:
        return itertools.chain.from_iterable(self._parts)


class Text8Corpus:
    """A text without lines, such as text8, as sentences of ``max_sentence_length`` words; may be compressed."""

    def __init__(self, fname: str | os.PathLike[str], max_sentence_length: int = 10000) -> None:
        if max_sentence_length < 1:
            raise ValueError(f"max_sentence_length must be at least 1, not {max_sentence_length}")
        self.fname = fname
        self.max_sentence_length = max_sentence_length

    def __iter__(self) -> Iterator[list[str]]:
        words: list[str] = []
        rest = b""
        with _opened(self.fname) as file:
            for block in iter(lambda: file.read(_BLOCK), b""):
                whole, rest = _whole_words(rest + block)
                words += _decoded(whole, self.fname)
                while len(words) > self.max_sentence_length:
                    yield words[: self.max_sentence_length]
                    del words[: self.max_sentence_length]
        words += _decoded(rest.split(), self.fname)
        for begin in range(0, len(words), self.max_sentence_length):
            yield words[begin : begin + self.max_sentence_length]


def _whole_words(text: bytes) -> tuple[list[bytes], bytes]:
    """The words of a text but for the one at its end, which may go on."""
    words = text.split()
    if not words or text[-1:].isspace():
        return words, b""
    return words[:-1], words[-1]


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    """The file, behind its byte order mark."""
    file = open_binary(path)
    if file.read(3) != codecs.BOM_UTF8:
        file.seek(0)
    return file


def _decoded(words: list[bytes], path: str | os.PathLike[str]) -> list[str]:
    try:
        return [word.decode() for word in words]
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(path)}: {error.object[:40]!r} is not valid UTF-8: convert the file") from error
