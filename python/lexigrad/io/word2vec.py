"""word2vec's own text and binary files, as word2vec.c and gensim read and write them."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lexigrad import _core
from lexigrad.io.atomic import atomic_write
from lexigrad.io.blocks import ByteBlocks
from lexigrad.io.compressed import compressing
from lexigrad.io.vector_file import (
    Layout,
    VectorFile,
    WordList,
    as_datatype,
    check_dimensions,
    check_limit,
    checked_vectors,
    parse_binary,
    parse_count,
    parse_text,
    read_rows,
    refuse_words,
    write_rows,
)

MAX_HEADER_BYTES = 1 << 10
PEEK_BYTES = 1 << 16

HEADER = re.compile(rb"\s*([+-]?\d{1,400})\s+([+-]?\d{1,400})\s*")
_SPLITS_TEXT = re.compile(r"[ \t\n\0]")
_SPLITS_BINARY = re.compile(r"[ \n\0]")


def read_word2vec(
    path: str | os.PathLike[str],
    *,
    binary: bool = False,
    limit: int | None = None,
    encoding: str = "utf8",
    unicode_errors: str = "strict",
    no_header: bool = False,
    fvocab: str | os.PathLike[str] | None = None,
    datatype: DTypeLike = np.float32,
) -> VectorFile:
    """Read a word2vec file, text or ``binary``, plain or .gz, .bz2, .xz or .zst.

    Accepted are what word2vec.c writes (a line break after each binary record, a space before each line break
    of a text), what gensim writes, a UTF-8 byte order mark at the front, CRLF, tabs for spaces in a text, a
    text's words with spaces inside (the last D fields of a line are its numbers, the rest is the word) and
    white space at the end.

    Refused with a ValueError that names the file and the line or record and byte: a header that is not two
    whole numbers from 1 on, or that declares more than the file can hold; fewer or more vectors than it
    declares; an empty word, one of more than 1 MiB or with a NUL; a line with fewer or more numbers; NaN,
    infinity and numbers beyond float32 (those below it become 0); more than 1,048,576 dimensions; a pickle.
    So is a word that is not valid in ``encoding`` or stands in the file twice, unless ``unicode_errors`` is
    "replace" or "ignore": then the first of equal words is kept, later and empty ones are left out, and one
    UserWarning says how many.

    With ``no_header`` nothing says how many vectors there should be: a text cut exactly at the end of a line is
    read as a whole one. A compressed one that is cut is refused.

    Args:
        binary: whether the numbers are stored as float32 bytes.
        limit: read this many vectors, from the front, and nothing behind them; None reads all.
        encoding: of the words; any in which ASCII is as it is.
        unicode_errors: "strict", "replace" or "ignore".
        no_header: the text begins with the first word at once (as GloVe's do).
        fvocab: a file of lines "word count", as word2vec.c's -save-vocab writes; every word read must be in
            it.
        datatype: floating type of the result.

    Returns:
        words, vectors (n, D), and counts int64 (n,) where ``fvocab`` is given, else None.
    """
    if binary and no_header:
        raise ValueError("no_header=True is for text: a binary file cannot be read without its header")
    limit = check_limit(limit)
    with ByteBlocks(path) as source:
        words = WordList(source.path, encoding, unicode_errors)
        source.refuse_foreign()
        source.skip_byte_order_mark()
        if no_header:
            vectors = read_headless_text(source, limit, words)
        else:
            vectors = _read_with_header(source, binary, limit, words)
        kept, vectors = words.keep_first(vectors)
        vectors = as_datatype(source.path, vectors, datatype)
    counts = None if fvocab is None else read_counts(fvocab, kept, encoding, unicode_errors)
    return VectorFile(kept, vectors, counts)


def read_headless_text(source: ByteBlocks, limit: int | None, words: WordList) -> NDArray[np.float32]:
    """Read lines of a word and its numbers; the first line tells how many numbers there are.

    Raises:
        ValueError: as ``read_word2vec``; or the file holds no vector.
    """
    line = source.peek_line("a line of a word and numbers")
    dim = _core.count_text_columns(np.frombuffer(line, np.uint8), True)
    if not dim:
        raise source.fault(f"line 1 is {line[:40]!r}: expected a word and its numbers")
    if dim == 1 and HEADER.fullmatch(line):
        raise source.fault(f"line 1 is {line[:40]!r}, a word2vec header: read it as word2vec text with a header")
    check_dimensions(source, dim, "line 1")
    vectors = read_rows(source, Layout(parse_text, "line", dim), words, limit)
    if limit is None:
        source.expect_end(f"line {len(vectors) + 1} is empty")
    return vectors


def write_word2vec(
    path: str | os.PathLike[str],
    words: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    binary: bool = False,
    counts: NDArray[np.int64] | Sequence[int] | None = None,
    fvocab: str | os.PathLike[str] | None = None,
    header: bool = True,
    prefix: str = "",
    append: bool = False,
) -> None:
    """Write vectors, float32 (n, D), byte for byte as gensim does, in the order given.

    The file is complete or not there: an exception on the way leaves what was there before. The suffixes .gz,
    .bz2, .xz and .zst compress. A word that could not be read back (empty, with a line break or NUL, or with
    a space) is refused.

    Args:
        counts: int64 (n,), how often each word occurred; needed for ``fvocab``.
        fvocab: a second file, of lines "word count".
        header: whether the first line tells n and D.
        prefix: put before each word.
        append: add to an existing file.

    Raises:
        TypeError: a word is not a string.
        ValueError: a word that cannot be written, NaN or infinity, no vectors, or lengths that differ.
    """
    rows, checked = checked_vectors(words, vectors, counts)
    written = [prefix + word for word in words] if prefix else words
    refuse_words(written, _SPLITS_BINARY if binary else _SPLITS_TEXT, "word2vec " + ("binary" if binary else "text"))
    if fvocab is not None and checked is None:
        raise ValueError("fvocab needs counts, one a word")
    with contextlib.ExitStack() as stack:
        if fvocab is not None and checked is not None:
            vocabulary = stack.enter_context(_writing(fvocab, append))
            lines = (f"{word} {count}\n" for word, count in zip(written, checked.tolist(), strict=True))
            vocabulary.write("".join(lines).encode())
        file = stack.enter_context(_writing(path, append))
        if header:
            file.write(f"{rows.shape[0]} {rows.shape[1]}\n".encode())
        write_rows(file, rows, [word + " " for word in written], None if binary else " ")


def read_counts(
    path: str | os.PathLike[str], words: Sequence[str], encoding: str = "utf8", unicode_errors: str = "strict"
) -> NDArray[np.int64]:
    """The counts of these words, int64 (n,), from a file of lines "word count" that may hold other words too.

    Raises:
        ValueError: a line is something else, a word of ``words`` is missing or stands there twice.
    """
    rows = {word: row for row, word in enumerate(words)}
    counts = np.full(len(words), -1, np.int64)
    with ByteBlocks(path) as source:
        source.refuse_foreign()
        source.skip_byte_order_mark()
        number = 0
        while source.peek(1):
            number += 1
            place = f"line {number} (byte {source.offset})"
            line = source.take_line("a line of a word and a count")
            if line.strip():
                _take_count(source, place, line, rows, counts, encoding, unicode_errors)
    missing = np.flatnonzero(counts < 0)
    if missing.size:
        raise ValueError(
            f"{os.fspath(path)}: has no count for {missing.size} of the {len(words)} words, the first of "
            f"them {words[missing[0]]!r}: give the vocabulary that was saved with these vectors"
        )
    return counts


def _take_count(
    source: ByteBlocks,
    place: str,
    line: bytes,
    rows: dict[str, int],
    counts: NDArray[np.int64],
    encoding: str,
    unicode_errors: str,
) -> None:
    name, _, digits = line.rstrip().replace(b"\t", b" ").rpartition(b" ")
    count = parse_count(digits)
    if not name or count is None:
        raise source.fault(f"{place}: expected a word and its count, found {line[:40]!r}")
    try:
        row = rows.get(name.rstrip().decode(encoding, unicode_errors))
    except UnicodeDecodeError as error:
        raise source.fault(f"{place}: the word {name[:40]!r} is not {encoding} ({error.reason})") from error
    if row is None:
        return
    if counts[row] >= 0:
        if unicode_errors != "strict":
            return
        raise source.fault(f"{place}: a second count for {name[:40]!r}")
    counts[row] = count


def _read_with_header(source: ByteBlocks, binary: bool, limit: int | None, words: WordList) -> NDArray[np.float32]:
    count, dim = _read_header(source)
    _check_size(source, count, dim, count if limit is None else min(count, limit), binary)
    if not binary:
        layout = Layout(parse_text, "line", dim, first_row=2)
    elif _looks_like_text(source, dim):
        raise source.fault(f"line 2 (byte {source.offset}) is text, not a binary record: pass binary=False")
    else:
        layout = Layout(parse_binary, "record", dim)
    try:
        vectors = read_rows(source, layout, words, limit, count)
    except ValueError as error:
        if binary or words.words:
            raise
        raise ValueError(f"{error} (if its numbers are stored as bytes, pass binary=True)") from error
    if limit is None:
        source.expect_end(f"line 1 declares {count} vectors of {dim} dimensions")
    return vectors


def _looks_like_text(source: ByteBlocks, dim: int) -> bool:
    line, _, rest = source.peek(PEEK_BYTES).partition(b"\n")
    whole = bool(rest) or source.ended
    return whole and dim > 1 and _core.count_text_columns(np.frombuffer(line, np.uint8), True) == dim


def _read_header(source: ByteBlocks) -> tuple[int, int]:
    line = source.peek_line("a header of two whole numbers, vectors and dimensions,", MAX_HEADER_BYTES)
    match = HEADER.fullmatch(line)
    if match is None:
        raise source.fault(
            f"line 1 is {line[:40]!r}, not a header of two whole numbers, vectors and dimensions: "
            "for a text without a header (GloVe's) pass no_header=True"
        )
    count, dim = int(match[1]), int(match[2])
    if count < 1:
        raise source.fault(f"line 1 declares {count} vectors; at least 1 is needed")
    check_dimensions(source, dim, "line 1")
    source.take_line("a header")
    return count, dim


def _check_size(source: ByteBlocks, count: int, dim: int, wanted: int, binary: bool) -> None:
    """Whether a plain file can hold what its header declares.

    A row takes at least a byte for its word, a space and four bytes a number or, as text, a byte for the
    word, two for each number and a line break, which the last line may lack.
    """
    least = source.offset + (wanted * (2 + 4 * dim) if binary else wanted * (2 + 2 * dim) - 1)
    if source.size is not None and source.size < least:
        raise source.fault(
            f"line 1 declares {count} vectors of {dim} dimensions; {wanted} of them take at least {least} "
            f"bytes, but the file has {source.size}: it is cut short, or its header is wrong"
        )


@contextlib.contextmanager
def _writing(path: str | os.PathLike[str], append: bool) -> Iterator[BinaryIO]:
    with atomic_write(path) as raw:
        if append and os.path.exists(path):
            with open(path, "rb") as old:
                shutil.copyfileobj(old, raw, 1 << 20)
        with compressing(raw, path) as file:
            yield file
