"""GloVe's text files: a word and its numbers a line, no header."""

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
