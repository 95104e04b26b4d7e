"""Files for TensorBoard's embedding projector: one .tsv of numbers, one .tsv of words."""

import os
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.io.atomic import atomic_write
from lexigrad.io.blocks import ByteBlocks
from lexigrad.io.compressed import compressing
from lexigrad.io.vector_file import (
    MAX_WORD_BYTES,
    Layout,
    VectorFile,
    WordList,
    check_dimensions,
    check_limit,
    checked_vectors,
    parse_count,
    parse_numbers,
    read_rows,
    refuse_words,
    write_rows,
)

Path = str | os.PathLike[str]

_SPLITS = re.compile(r"[\t\n\r\0]")


def projector_paths(prefix_or_paths: Path | tuple[Path, Path]) -> tuple[str, str]:
    """The files of numbers, prefix_tensor.tsv, and of words, prefix_metadata.tsv; or the pair given."""
    if isinstance(prefix_or_paths, tuple):
        tensor, metadata = prefix_or_paths
        return os.fspath(tensor), os.fspath(metadata)
    prefix = os.fspath(prefix_or_paths)
    return f"{prefix}_tensor.tsv", f"{prefix}_metadata.tsv"


def write_projector(
    prefix_or_paths: Path | tuple[Path, Path],
    words: Sequence[str],
    vectors: NDArray[np.float32],
    counts: NDArray[np.int64] | Sequence[int] | None = None,
) -> None:
    """Write vectors, float32 (n, D), for https://projector.tensorflow.org, as gensim's word2vec2tensor does.

    Numbers go to prefix_tensor.tsv, words to prefix_metadata.tsv, or to the two paths given. With ``counts``
    the words get a second column and, as the projector wants it for more than one, a line of column names.
    Each file is written whole before either takes its name.

    Raises:
        TypeError: a word is not a string.
        ValueError: a word that is empty or holds a tab, line break or NUL, NaN or infinity, or no vectors.
    """
    rows, checked = checked_vectors(words, vectors, counts)
    refuse_words(words, _SPLITS, "projector metadata")
    lines = list(words)
    if checked is not None:
        pairs = zip(words, checked.tolist(), strict=True)
        lines = ["word\tcount", *(f"{word}\t{count}" for word, count in pairs)]
    tensor, metadata = projector_paths(prefix_or_paths)
    with atomic_write(tensor) as raw_numbers, atomic_write(metadata) as raw_words:
        with compressing(raw_numbers, tensor) as file:
            write_rows(file, rows, None, "\t")
        with compressing(raw_words, metadata) as file:
            file.write("".join(line + "\n" for line in lines).encode())


def read_projector(
    prefix_or_paths: Path | tuple[Path, Path],
    *,
    limit: int | None = None,
    unicode_errors: str = "strict",
    encoding: str = "utf8",
) -> VectorFile:
    """Read what ``write_projector`` writes.

    Metadata of one column are words; of more, the first line names the columns, the first holds the words and
    one named "count", where there is one, whole numbers. Refused are a different number of lines in the two
    files, an empty or repeated word, one with a NUL, bad ``encoding``, lines of unequal length, NaN and
    infinity.

    Returns:
        words, vectors float32 (n, D), and counts int64 (n,) or None.

    Raises:
        ValueError: a file is refused; the message names it and the line.
    """
    limit = check_limit(limit)
    tensor, metadata = projector_paths(prefix_or_paths)
    with ByteBlocks(tensor) as source:
        source.refuse_foreign()
        source.skip_byte_order_mark()
        line = source.peek_line("a line of numbers")
        dim = _core.count_text_columns(np.frombuffer(line, np.uint8), False)
        check_dimensions(source, dim, "line 1")
        vectors = read_rows(source, Layout(parse_numbers, "line", dim), None, limit)
        if limit is None:
            source.expect_end(f"line {len(vectors) + 1} is empty")
    with ByteBlocks(metadata) as source:
        words = WordList(source.path, encoding, unicode_errors)
        source.refuse_foreign()
        source.skip_byte_order_mark()
        counts = _read_metadata(source, len(vectors), words)
        if limit is None:
            source.expect_end(f"line 1 to the last tell {len(vectors)} words, one for each line of {tensor}")
    if counts is not None and words.dropped:
        counts = np.delete(counts, words.dropped)
    kept, vectors = words.keep_first(vectors)
    return VectorFile(kept, vectors, counts)


def _read_metadata(source: ByteBlocks, size: int, words: WordList) -> NDArray[np.int64] | None:
    """Add ``size`` words; their counts where a column has them."""
    number, names = 1, _columns(source.peek_line("a word"))
    if len(names) > 1:
        source.take_line("column names")
        number += 1
    column = names.index(b"count") if b"count" in names[1:] else 0
    counts = np.zeros(size, np.int64)
    for row in range(size):
        place = f"line {number + row} (byte {source.offset})"
        if not source.peek(1):
            raise source.fault(f"ends before {place}; {size} words are needed, one for each vector")
        fields = _columns(source.take_line("a line of metadata"))
        if len(fields) != len(names):
            raise source.fault(f"{place}: expected {len(names)} columns, found {len(fields)}")
        if not 0 < len(fields[0]) <= MAX_WORD_BYTES or b"\0" in fields[0]:
            raise source.fault(f"{place}: the word is empty, holds a NUL byte or has more than {MAX_WORD_BYTES} bytes")
        words.extend(fields[0] + b"\n", lambda _, place=place: place)  # type: ignore[misc]
        count = parse_count(fields[column]) if column else 0
        if count is None:
            raise source.fault(f"{place}: expected a count, found {fields[column][:40]!r}")
        counts[row] = count
    return counts if column else None


def _columns(line: bytes) -> list[bytes]:
    return line.rstrip(b"\r").split(b"\t")
