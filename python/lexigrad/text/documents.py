"""Documents with tags: where their words come from, and which tags each has."""

import operator
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lexigrad.io.compressed import open_binary
from lexigrad.text.corpus import Corpus, CorpusSource, as_corpus

Tag = str | int

_CHUNK_BYTES = 1 << 22


class TaggedDocument(NamedTuple):
    """A document's words and the tags whose vectors it trains; the same as gensim's."""

    words: Sequence[str]
    tags: Sequence[Tag]


class Documents:
    """A corpus of documents, and after it has been read their tags.

    Args:
        source: text files, as :func:`as_corpus` takes them, where each line is a document whose tag is its number,
            counted from 0; or an iterable of objects with ``words`` and ``tags`` that can be walked more than once.

    Raises:
        FileNotFoundError, IsADirectoryError, ValueError, TypeError: as :func:`as_corpus` does.

    Attributes:
        corpus: the words alone.
        numbered: whether the tags are the numbers of lines.
    """

    def __init__(self, source: CorpusSource) -> None:
        corpus = as_corpus(source)
        self.numbered = corpus.sentences is None
        self._lines: int | None = None
        self._index: dict[Tag, int] = {}  # by first appearance
        self._found = array("q")  # places in the index
        self._offsets = array("q", [0])
        self.corpus = corpus if corpus.sentences is None else Corpus(sentences=_Words(self, corpus.sentences))

    def __len__(self) -> int:
        """Documents read so far; of files, all lines."""
        if not self.numbered:
            return len(self._offsets) - 1
        if self._lines is None:
            self._lines = sum(map(_lines_of, self.corpus.paths))
        return self._lines

    def tags(self) -> list[Tag]:
        """All tags: the ints by size, then the strings by first appearance."""
        if self.numbered:
            return list(range(len(self)))
        return [
            *sorted(tag for tag in self._index if isinstance(tag, int)),
            *(t for t in self._index if type(t) is str),
        ]

    def rows(self, index: dict[Tag, int]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The rows of each document's tags, and where each document's begin; tags without a row are left out.

        Returns:
            int64 (documents + 1,) offsets and int32 rows: document d has ``rows[offsets[d]:offsets[d + 1]]``.
        """
        if self.numbered:
            places = np.arange(len(self))
            offsets = np.arange(len(self) + 1)
            row_of = np.fromiter((index.get(line, -1) for line in range(len(self))), np.int32, len(self))
        else:
            places = np.array(self._found, np.int64)
            offsets = np.array(self._offsets, np.int64)
            row_of = np.fromiter((index.get(tag, -1) for tag in self._index), np.int32, len(self._index))
        rows = row_of[places]
        known = rows >= 0
        before = np.concatenate([[0], np.cumsum(known)])
        return np.ascontiguousarray(before[offsets], np.int64), np.ascontiguousarray(rows[known])

    def _begin(self) -> None:
        self._index.clear()
        self._found = array("q")
        self._offsets = array("q", [0])

    def _add(self, tags: Any) -> None:
        place = len(self._offsets) - 1
        if isinstance(tags, str | bytes) or not isinstance(tags, Iterable):
            raise TypeError(f"the tags of document {place} (counted from 0) must be a list of tags, not {tags!r}")
        for tag in tags:
            if isinstance(tag, np.integer):
                tag = int(tag)
            if not isinstance(tag, str | int) or isinstance(tag, bool):
                raise TypeError(f"a tag must be a str or an int, not {tag!r}: see document {place} (counted from 0)")
            if isinstance(tag, int) and not -(2**63) <= tag < 2**63:
                raise ValueError(f"a tag that is an int must fit 64 bits, not {tag}: give it as a str")
            self._found.append(self._index.setdefault(tag, len(self._index)))
        self._offsets.append(len(self._found))


class _Words:
    """The words of documents, whose tags are noted on the way."""

    def __init__(self, documents: Documents, source: Iterable[Any]) -> None:
        self._documents = documents
        self._source = source

    def __iter__(self) -> Iterator[Any]:
        documents = self._documents
        documents._begin()
        for place, document in enumerate(self._source):
            try:
                words, tags = document.words, document.tags
            except AttributeError:
                raise TypeError(
                    f"document {place} (counted from 0) must have words and tags, such as TaggedDocument(words, tags), "
                    f"but is of type {type(document).__name__}"
                ) from None
            documents._add(tags)
            yield words

    def __length_hint__(self) -> Any:
        length = operator.length_hint(self._source, -1)
        return length if length >= 0 else NotImplemented


def _lines_of(path: str) -> int:
    """The lines of a file; what follows the last line break is one too."""
    lines, last = 0, b"\n"
    with open_binary(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n")
