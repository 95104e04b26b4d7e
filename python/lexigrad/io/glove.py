"""GloVe's files: vectors as text, a word and its numbers a line without a header; and those of Stanford's programs:
vocabulary, counts and all parameters."""

import os
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexigrad.io.atomic import atomic_write
from lexigrad.io.blocks import ByteBlocks
from lexigrad.io.compressed import compressing
from lexigrad.io.vector_file import (
    VectorFile,
    WordList,
    check_limit,
    checked_vectors,
    refuse_words,
    write_rows,
)
from lexigrad.io.word2vec import read_headless_text

_RECORD = np.dtype([("row", "<i4"), ("column", "<i4"), ("value", "<f8")])  # words are numbered from 1
_RECORDS_WRITTEN = 1 << 20
_SPLITS = re.compile(r"[ \t\n\0]")


def read_glove(
    path: str | os.PathLike[str],
    *,
    limit: int | None = None,
    unicode_errors: str = "strict",
    encoding: str = "utf8",
) -> VectorFile:
    """Read a GloVe text file, plain or .gz, .bz2, .xz or .zst.

    The first line tells the number of dimensions D: its last fields that are numbers, all but the word. In
    every line the last D fields are the numbers and the rest is the word, which may hold spaces (glove.840B
    has ". . ." and "at name@domain.com"); but a field before them that is a number too makes the line one of
    too many numbers. All else is accepted and refused as by ``read_word2vec``; a file that begins with a
    word2vec header is refused. Nothing says how many vectors there should be: a plain file cut exactly at the
    end of a line is read as a whole one.

    Args:
        limit: read this many vectors, from the front, and nothing behind them; None reads all.
        unicode_errors: "strict", "replace" or "ignore", as for ``read_word2vec``.
        encoding: of the words; any in which ASCII is as it is.

    Returns:
        words, vectors float32 (n, D), and None for the counts.

    Raises:
        ValueError: the file is refused; the message names it and the line and byte.
    """
    limit = check_limit(limit)
    with ByteBlocks(path) as source:
        words = WordList(source.path, encoding, unicode_errors)
        source.refuse_foreign()
        source.skip_byte_order_mark()
        vectors = read_headless_text(source, limit, words)
        return VectorFile(*words.keep_first(vectors))


def write_glove(path: str | os.PathLike[str], words: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Write vectors, float32 (n, D), as GloVe text; the suffixes .gz, .bz2, .xz and .zst compress. Atomic.

    Raises:
        TypeError: a word is not a string.
        ValueError: a word that is empty or holds a space, tab, line break or NUL, NaN or infinity, or no
            vectors.
    """
    rows, _ = checked_vectors(words, vectors)
    refuse_words(words, _SPLITS, "GloVe text")
    with atomic_write(path) as raw, compressing(raw, path) as file:
        write_rows(file, rows, [word + " " for word in words], " ")


def read_glove_vocabulary(path: str | os.PathLike[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Read a vocabulary of Stanford's ``vocab_count``: lines of a word and its count.

    Raises:
        ValueError: a line is something else, or a word comes twice; the message names the file and the line.
    """
    counts: dict[str, int] = {}
    with ByteBlocks(path) as source:
        source.refuse_foreign()
        number = 0
        while source.peek(1):
            number += 1
            line = source.take_line("a word and its count")
            try:
                word, count = line.decode("utf8").split(" ")
                frequency = int(count)
            except ValueError:
                raise source.fault(f"line {number}: expected a word and its count, not {line[:80]!r}") from None
            if not word or not 0 <= frequency < 1 << 63 or word in counts:
                problem = "comes twice" if word in counts else f"has the count {count[:30]}"
                raise source.fault(f"line {number}: the word {word[:80]!r} {problem}")
            counts[word] = frequency
        if not counts:
            raise source.fault("has no words")
    return list(counts), np.array(list(counts.values()), np.int64)


def write_glove_vocabulary(path: str | os.PathLike[str], words: Sequence[str], counts: NDArray[np.int64]) -> None:
    """Write lines of a word and its count. Atomic.

    Raises:
        ValueError: a word that is empty or holds a space, tab, line break or NUL.
    """
    refuse_words(words, _SPLITS, "GloVe's vocabulary")
    with atomic_write(path) as file:
        for word, count in zip(words, counts.tolist(), strict=True):
            file.write(f"{word} {count}\n".encode())


def read_cooccurrences(
    path: str | os.PathLike[str], words: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Read what Stanford's ``cooccur`` or ``shuffle`` wrote, in any order: (offsets, columns, values) by row.

    Args:
        words: how many the vocabulary has.

    Raises:
        ValueError: the file's size is not that of records, a word is not one of the vocabulary, a value is not above
            0 and finite, or a pair comes twice.
    """
    name = os.fspath(path)
    size = os.path.getsize(path)
    if size % _RECORD.itemsize:
        raise ValueError(f"{name}: {size} bytes are no whole number of records of {_RECORD.itemsize} bytes")
    records = np.memmap(path, _RECORD, "r") if size else np.empty(0, _RECORD)
    rows, columns, values = (np.ascontiguousarray(records[field]) for field in _RECORD.names or ())
    wrong = (rows < 1) | (rows > words) | (columns < 1) | (columns > words) | ~((values > 0) & np.isfinite(values))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ValueError(
            f"{name}: record {place}, at byte {place * _RECORD.itemsize}, is ({rows[place]}, {columns[place]}, "
            f"{values[place]}): expected two words from 1 to {words} and a value above 0"
        )
    order = np.lexsort((columns, rows))
    rows, columns = rows[order] - 1, columns[order] - 1
    twice = (rows[1:] == rows[:-1]) & (columns[1:] == columns[:-1])
    if twice.any():
        place = int(order[int(np.argmax(twice)) + 1])
        raise ValueError(f"{name}: the pair of record {place} comes twice")
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(rows, minlength=words))])
    return offsets, columns, values[order].astype(np.float32)


def write_cooccurrences(
    path: str | os.PathLike[str],
    offsets: NDArray[np.int64],
    columns: NDArray[np.int32],
    values: NDArray[np.float32],
    *,
    seed: int | None = None,
) -> None:
    """Write counts as Stanford's ``cooccur`` does, or with ``seed`` shuffled, as its ``shuffle`` does. Atomic."""
    order = None if seed is None else np.random.default_rng(seed).permutation(len(columns))
    with atomic_write(path) as file:
        for begin in range(0, len(columns), _RECORDS_WRITTEN):
            places = np.arange(begin, min(begin + _RECORDS_WRITTEN, len(columns)))
            if order is not None:
                places = order[places]
            records = np.empty(len(places), _RECORD)
            records["row"] = np.searchsorted(offsets, places, side="right")
            records["column"] = columns[places] + 1
            records["value"] = values[places]
            file.write(records.tobytes())


def read_glove_binary(path: str | os.PathLike[str], words: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read the parameters that Stanford's ``glove -binary 1`` wrote: float64, for words and then for contexts,
    each with its bias at the end.

    Returns:
        Two float32 (words, D + 1).

    Raises:
        ValueError: the file's size is not that of so many words, or a number is not finite.
    """
    name = os.fspath(path)
    numbers, rest = divmod(os.path.getsize(path), 8)
    if words < 1 or rest or numbers % (2 * words) or numbers // (2 * words) < 2:
        raise ValueError(f"{name}: {8 * numbers + rest} bytes are not two vectors and biases for each of {words} words")
    with np.errstate(over="ignore"):
        values = np.fromfile(path, "<f8").astype(np.float32).reshape(2, words, -1)
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: number {int(np.argmax(~np.isfinite(values.ravel())))} is not finite")
    return values[0], values[1]


def write_glove_binary(path: str | os.PathLike[str], words: NDArray[np.float32], contexts: NDArray[np.float32]) -> None:
    """Write what :func:`read_glove_binary` reads. Atomic."""
    with atomic_write(path) as file:
        for side in (words, contexts):
            file.write(side.astype("<f8").tobytes())
