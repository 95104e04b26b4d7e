"""Where sentences come from: text files, or Python objects that give token lists."""

import errno
import glob
import operator
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any

CorpusSource = Any  # what as_corpus takes: too varied for a type that says more than its docstring


class Corpus:
    """Sentences that can be read again and again; made by :func:`as_corpus`.

    Attributes:
        paths: the files, in the order in which they are read; empty for a corpus of Python objects.
        sentences: the iterable of token lists, or None for a corpus of files.
    """

    def __init__(self, paths: tuple[str, ...] = (), sentences: Iterable[Iterable[str]] | None = None) -> None:
        self.paths = paths
        self.sentences = sentences

    @property
    def unit(self) -> str:
        """What :attr:`total` and progress count: ``"bytes"`` (on disk) or ``"sentences"``."""
        return "bytes" if self.sentences is None else "sentences"

    @property
    def total(self) -> int | None:
        """The size of the corpus in its unit; None where an iterable cannot tell."""
        if self.sentences is None:
            return sum(os.path.getsize(path) for path in self.paths)
        length = operator.length_hint(self.sentences, -1)
        return length if length >= 0 else None

    def __repr__(self) -> str:
        if self.sentences is None:
            shown = [repr(path) for path in self.paths[:3]]
            if len(self.paths) > 3:
                shown.append(f"... {len(self.paths)} files")
            return f"Corpus({', '.join(shown)})"
        count = "sentences" if self.total is None else f"{self.total} sentences"
        return f"Corpus({count} of a {type(self.sentences).__name__})"


def as_corpus(source: CorpusSource) -> Corpus:
    """Take whatever describes a corpus, and check it as far as that needs no reading.

    Files hold one sentence a line and words between ASCII whitespace (space, tab, ``\\r``, ``\\v``,
    ``\\f``), in UTF-8, of which a leading byte-order mark is skipped. Names that end in .gz, .bz2, .xz or
    .zst are decompressed while they are read. In token lists a token is any string, whitespace included;
    empty ones are skipped.

    Args:
        source: a path; a glob pattern such as ``"data/*.txt"`` (its regular files, sorted; ``**`` goes
            through directories); a list or tuple of these; an iterable of token lists that can be iterated
            over more than once, such as a list or an object with ``__iter__``; or a :class:`Corpus`.

    Raises:
        FileNotFoundError: a file does not exist, or a pattern matches nothing.
        IsADirectoryError: a path is that of a directory.
        ValueError: a path is neither, but a pipe or a device, which cannot be read twice.
        TypeError: an iterator, which gives its sentences only once, or something that is no corpus at all.
    """
    if isinstance(source, Corpus):
        return source
    if isinstance(source, str | os.PathLike):
        return Corpus(tuple(_files(source)))
    if isinstance(source, list | tuple) and source and isinstance(source[0], str | os.PathLike):
        for item in source:
            if not isinstance(item, str | os.PathLike):
                raise TypeError(
                    f"a corpus is a list of paths or a list of token lists, not of both: it holds "
                    f"{_shortened(source[0])} and an item of type {type(item).__name__}"
                )
        return Corpus(tuple(path for item in source for path in _files(item, in_list=True)))
    if isinstance(source, bytes | bytearray | memoryview) or not isinstance(source, Iterable):
        raise TypeError(
            f"a corpus must be a path, several paths or an iterable of token lists, not {type(source).__name__}"
        )
    if isinstance(source, Iterator):
        raise TypeError(
            f"a corpus is read more than once, but a {type(source).__name__} gives its sentences only once: "
            "pass a list, or an object of a class whose __iter__ starts anew"
        )
    return Corpus(sentences=source)


def _files(source: str | os.PathLike[str], *, in_list: bool = False) -> list[str]:
    """The files that a path or a glob pattern names; the errors of :func:`as_corpus`."""
    path = os.fspath(source)
    if not isinstance(path, str):
        raise TypeError(f"a path must be a str, not {type(path).__name__}: os.fsdecode makes it one")
    if os.path.exists(path):
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(
                errno.EISDIR,
                "a corpus is read from files, and this is a directory: try the pattern '*' in it",
                path,
            )
        if not stat.S_ISREG(mode):
            raise ValueError(f"{path} is not a regular file, and a corpus is read more than once: copy it to one")
        return [path]
    if glob.has_magic(path):
        matches = sorted(match for match in glob.glob(path, recursive=True) if os.path.isfile(match))
        if matches:
            return matches
        raise FileNotFoundError(errno.ENOENT, "no file matches this pattern", path)
    hint = ""
    if in_list or any(character.isspace() for character in path):
        hint = (
            "; if it is text and no path: a corpus is a path or an iterable of token lists, "
            "such as [['the', 'first', 'sentence'], ['the', 'second']]"
        )
    raise FileNotFoundError(errno.ENOENT, f"No such file{hint}", _shortened(path))


def _shortened(item: object) -> str:
    text = item if isinstance(item, str) else repr(item)
    return text if len(text) <= 200 else f"{text[:200]}..."
