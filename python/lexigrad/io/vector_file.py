"""What the readers and writers of word vectors share: the rows, the words, and what is refused."""

import codecs
import itertools
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lexigrad import _core
from lexigrad.io.blocks import ByteBlocks

MAX_DIMENSIONS = 1 << 20
MAX_WORD_BYTES = 1 << 20
FLOATS_PER_WRITE = 1 << 20

# NumPy, and with it gensim, writes a float32 scalar from here on as 1e+16 (or 1e+06, since NumPy 2.4).
SCIENTIFIC_FROM = 1e16 if str(np.float32(1e6)) == "1000000.0" else 1e6

Parsed = tuple[bytes, NDArray[np.int64], int, str, bool]
Parse = Callable[[NDArray[np.uint8], NDArray[np.float32], int, int, bool], Parsed]


class VectorFile(NamedTuple):
    """Word vectors as a file holds them: row i of ``vectors``, float32 (n, D), belongs to ``words[i]``.

    ``counts`` is int64 (n,) where the file, or one beside it, tells how often each word occurred; else None.
    """

    words: list[str]
    vectors: NDArray[np.float32]
    counts: NDArray[np.int64] | None = None


def parse_binary(block: NDArray[np.uint8], vectors: NDArray[np.float32], begin: int, end: int, last: bool) -> Parsed:
    """Rows of word2vec's binary format from a block into ``vectors[begin:end]``."""
    return _core.parse_binary_rows(block, vectors, begin, end, _core.num_threads())


def parse_text(block: NDArray[np.uint8], vectors: NDArray[np.float32], begin: int, end: int, last: bool) -> Parsed:
    """Lines of a word and its numbers."""
    return _core.parse_text_rows(block, vectors, begin, end, _core.num_threads(), last, True)


def parse_numbers(block: NDArray[np.uint8], vectors: NDArray[np.float32], begin: int, end: int, last: bool) -> Parsed:
    """Lines of numbers alone."""
    return _core.parse_text_rows(block, vectors, begin, end, _core.num_threads(), last, False)


class WordList:
    """The words of a file in order, decoded, each one once.

    With ``errors="strict"`` a word that cannot be decoded or that stands in the file twice raises ValueError.
    With any other error handler different bytes may become the same word, or none at all: the first of equal
    words is kept, the rows of the others and of empty words are listed in ``dropped``.
    """

    def __init__(self, path: str, encoding: str, errors: str) -> None:
        _check_codec(encoding, errors)
        self.words: list[str] = []
        self.dropped: list[int] = []
        self._path, self._encoding, self._errors = path, encoding, errors
        self._whole_blocks = errors == "strict" and codecs.lookup(encoding).name == "utf-8"
        self._seen: set[str] = set() if errors == "strict" else {""}

    def extend(self, block: bytes, place: Callable[[int], str]) -> None:
        """Add a block's words, each followed by a line break; ``place(i)`` tells where word i stands."""
        words = self._decode(block, place)
        if self._errors == "strict":
            known = len(self._seen)
            self._seen.update(words)
            if len(self._seen) < known + len(words):
                self._seen = set(self.words)
                self._find_repeated(words, place)
        else:
            if len(set(words)) != len(words) or not self._seen.isdisjoint(words):
                self._find_repeated(words, place)
            self._seen.update(words)
        self.words += words

    def keep_first(self, vectors: NDArray[Any]) -> tuple[list[str], NDArray[Any]]:
        """The words and their rows without what was dropped, which is told in one UserWarning."""
        if not self.dropped:
            return self.words, vectors
        first = self.dropped[0]
        warnings.warn(
            f"{self._path}: {len(self.dropped)} words that decoding with errors={self._errors!r} left empty "
            f"or equal to an earlier word are left out, the first of them {self.words[first]!r}, word "
            f"{first + 1} of the file",
            stacklevel=4,
        )
        words = self.words
        for row in self.dropped:
            words[row] = ""
        return [word for word in words if word], np.delete(vectors, self.dropped, axis=0)

    def _decode(self, block: bytes, place: Callable[[int], str]) -> list[str]:
        if self._whole_blocks:
            try:
                return block.decode().split("\n")[:-1]
            except UnicodeDecodeError:
                pass
        words = []
        for row, word in enumerate(block.split(b"\n")[:-1]):
            try:
                words.append(word.decode(self._encoding, self._errors))
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{self._path}: {place(row)}: the word {word[:40]!r} is not {self._encoding} "
                    f"({error.reason} at its byte {error.start}): give another encoding, or "
                    "unicode_errors='replace' or 'ignore'"
                ) from error
        return words

    def _find_repeated(self, words: list[str], place: Callable[[int], str]) -> None:
        for row, word in enumerate(words):
            if word not in self._seen:
                self._seen.add(word)
            elif self._errors == "strict":
                raise ValueError(
                    f"{self._path}: {place(row)}: the word {word[:40]!r} stands in the file already; "
                    "unicode_errors='replace' keeps the first of repeated words"
                )
            else:
                self.dropped.append(len(self.words) + row)


class Layout(NamedTuple):
    """How the rows of a file are laid out: ``parse`` reads them; ``row`` is what people call one."""

    parse: Parse
    row: str
    dim: int
    first_row: int = 1


def read_rows(
    source: ByteBlocks,
    layout: Layout,
    words: WordList | None,
    limit: int | None,
    declared: int | None = None,
) -> NDArray[np.float32]:
    """Read rows up to the end, an empty line, ``limit`` or ``declared``: float32 (n, D). Their words go to
    ``words``.

    Where the file's size vouches for what is declared the matrix is allocated at once, else it grows as rows
    arrive.

    Raises:
        ValueError: a row is malformed, a number is NaN or infinite, or fewer rows follow than are declared.
    """
    wanted = min((most for most in (limit, declared) if most is not None), default=None)
    vouched = wanted if declared is not None and source.size is not None else None
    vectors = np.empty((vouched or 0, layout.dim), np.float32)
    done = 0
    while wanted is None or done < wanted:
        if done == len(vectors):
            vectors.resize((_grown(source, layout.dim, done, wanted), layout.dim), refcheck=False)
        found, starts, consumed, fault, blank = layout.parse(source.block, vectors, done, len(vectors), source.ended)
        if words is not None:
            words.extend(found, _places(layout, done, source.offset, starts))
        done += len(starts)
        source.consume(consumed)
        place = f"{layout.row} {done + layout.first_row} (byte {source.offset})"
        if fault:
            raise source.fault(f"{place}: {fault}")
        if blank or (source.ended and done < len(vectors)):
            if declared is not None:
                raise source.fault(f"ends in {place}, after {done} of the {declared} vectors that it declares")
            break
        if done < len(vectors):
            source.read_more()
    vectors.resize((done, layout.dim), refcheck=False)
    return vectors


def _places(layout: Layout, done: int, offset: int, starts: NDArray[np.int64]) -> Callable[[int], str]:
    return lambda row: f"{layout.row} {done + row + layout.first_row} (byte {offset + starts[row]})"


def _grown(source: ByteBlocks, dim: int, done: int, wanted: int | None) -> int:
    """The rows to make room for once ``done`` are full: as a plain file's size suggests, else half more."""
    rows = max(done * 3 // 2 + 1, (1 << 18) // dim)
    if source.size is not None and done:
        rows = max(done * 9 // 8 + 1, int(1.01 * done * source.size / source.offset))
    return rows if wanted is None else min(rows, wanted)


def parse_count(digits: bytes) -> int | None:
    """The whole number from 0 to 2**63 - 1 that these digits spell, or None."""
    if not digits.isdigit() or len(digits) > 19 or int(digits) > np.iinfo(np.int64).max:
        return None
    return int(digits)


def check_limit(limit: int | None) -> int | None:
    """``limit`` itself, once it is None or a whole number from 1 on.

    Raises:
        TypeError: it is something else than a whole number.
        ValueError: it is below 1.
    """
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, (int, np.integer)):
        raise TypeError(f"limit must be None or a whole number, not {limit!r}")
    if limit < 1:
        raise ValueError(f"limit must be None (all vectors) or at least 1, not {limit}")
    return int(limit)


def check_dimensions(source: ByteBlocks, dim: int, place: str) -> None:
    """Refuse a number of dimensions that no vectors have.

    Raises:
        ValueError: it is below 1 or above MAX_DIMENSIONS.
    """
    if not 1 <= dim <= MAX_DIMENSIONS:
        raise source.fault(f"{place}: vectors of {dim} dimensions; from 1 to {MAX_DIMENSIONS} are read")


def as_datatype(path: str, vectors: NDArray[np.float32], datatype: DTypeLike) -> NDArray[Any]:
    """The vectors in another floating type.

    Raises:
        TypeError: it is not a floating type.
        ValueError: a number is too large for it.
    """
    dtype = np.dtype(datatype)
    if dtype == np.float32:
        return vectors
    if dtype.kind != "f":
        raise TypeError(f"datatype must be a floating type such as numpy.float32, not {dtype}")
    with np.errstate(over="ignore"):
        converted = vectors.astype(dtype)
    if not np.isfinite(converted).all():
        raise ValueError(f"{path}: a number is too large for {dtype}: use float32")
    return converted


def checked_vectors(
    words: Sequence[str], vectors: NDArray[Any], counts: NDArray[Any] | Sequence[int] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64] | None]:
    """What a writer was given, as float32 rows (n, D) and int64 counts (n,).

    Raises:
        TypeError: a word is not a string.
        ValueError: the lengths differ, there is nothing to write, a word occurs twice, or a number is NaN or
            infinite.
    """
    rows = np.asarray(vectors)
    if rows.ndim != 2 or rows.shape[0] != len(words):
        raise ValueError(f"vectors must have shape ({len(words)}, D), one row a word, not {rows.shape}")
    if rows.size == 0:
        raise ValueError(f"there is nothing to write: vectors have shape {rows.shape}")
    padded_rows = rows.dtype == np.float32 and rows.strides[1] == 4 and rows.strides[0] >= 4 * rows.shape[1]
    if not padded_rows or rows.strides[0] % 4:
        rows = np.ascontiguousarray(rows, np.float32)
    for begin, end in row_ranges(rows):
        finite = np.isfinite(rows[begin:end]).all(axis=1)
        if not finite.all():
            row = begin + int(np.argmin(finite))
            raise ValueError(f"the vector of {words[row]!r} (row {row}) holds NaN or infinity and cannot be written")
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"words must be strings, not {type(word).__name__} ({word!r})")
    if len(set(words)) != len(words):
        seen: set[str] = set()
        repeated = next(word for word in words if word in seen or seen.add(word))  # type: ignore[func-returns-value]
        raise ValueError(f"the word {repeated!r} occurs more than once")
    return rows, None if counts is None else checked_counts(counts, len(words))


def checked_counts(counts: NDArray[Any] | Sequence[int], size: int) -> NDArray[np.int64]:
    """Counts as int64 (size,).

    Raises:
        TypeError: they are not whole numbers.
        ValueError: there are more or fewer, or one is negative.
    """
    array = np.asarray(counts)
    if array.dtype.kind not in "iu":
        raise TypeError(f"counts must be whole numbers, not {array.dtype}")
    if array.shape != (size,):
        raise ValueError(f"counts must have shape ({size},), one a word, not {array.shape}")
    if array.size and (array.min() < 0 or array.max() > np.iinfo(np.int64).max):
        raise ValueError("counts must be from 0 to 2**63 - 1")
    return array.astype(np.int64)


def refuse_words(words: Sequence[str], pattern: re.Pattern[str], layout: str) -> None:
    """Refuse words in which the pattern is found, since they could not be read back.

    Raises:
        ValueError: there is such a word.
    """
    for word in words:
        if not word:
            raise ValueError(f"an empty word cannot be written as {layout}")
        if pattern.search(word):
            raise ValueError(
                f"the word {word[:40]!r} cannot be written as {layout}: what separates its fields is in it"
            )


def row_ranges(rows: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Ranges of rows that are worth one write each."""
    step = max(1, FLOATS_PER_WRITE // rows.shape[1])
    for begin in range(0, len(rows), step):
        yield begin, min(len(rows), begin + step)


def write_rows(file: BinaryIO, rows: NDArray[np.float32], labels: Sequence[str] | None, separator: str | None) -> None:
    """Write each row as its label and its numbers: text between separators, or bytes where that is None."""
    for begin, end in row_ranges(rows):
        text, offsets = pack_words([""] * (end - begin) if labels is None else labels[begin:end])
        if separator is None:
            file.write(_core.format_binary_rows(text, offsets, rows[begin:end]))
        else:
            threads = _core.num_threads()
            file.write(_core.format_text_rows(text, offsets, rows[begin:end], separator, SCIENTIFIC_FROM, threads))


def pack_words(words: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All words as UTF-8 bytes, one uint8 array, and offsets, int64 (n + 1,): word i lies from offsets[i] on.

    Raises:
        ValueError: a word cannot be encoded (it holds half of a surrogate pair).
    """
    try:
        encoded = [word.encode() for word in words]
    except UnicodeEncodeError as error:
        raise ValueError(f"the word {error.object[:40]!r} is not Unicode text: {error.reason}") from error
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(words)), out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def unpack_words(keys: NDArray[np.uint8], offsets: NDArray[np.int64]) -> list[str]:
    """The words that ``pack_words`` packed.

    Raises:
        ValueError: the arrays have another type or shape, the offsets do not rise from 0 to the number of
            bytes, a word is not UTF-8, or a word occurs twice.
    """
    if keys.dtype != np.uint8 or keys.ndim != 1 or offsets.dtype != np.int64 or offsets.ndim != 1:
        raise ValueError("keys must be uint8 (bytes,) and key_offsets int64 (words + 1,)")
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(keys) or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(f"key_offsets must rise from 0 to {len(keys)}, the number of bytes in keys")
    bounds = offsets.tolist()
    data = keys.tobytes()
    words = []
    for begin, end in itertools.pairwise(bounds):
        try:
            words.append(data[begin:end].decode())
        except UnicodeDecodeError as error:
            raise ValueError(f"word {len(words)} of keys (byte {begin}) is not UTF-8: {error.reason}") from error
    if len(set(words)) != len(words):
        raise ValueError("a word occurs in keys more than once")
    return words


def _check_codec(encoding: str, errors: str) -> None:
    try:
        b"\xff".decode("ascii", errors)
    except (LookupError, TypeError) as error:
        raise ValueError(f"unicode_errors={errors!r}: {error}; use 'strict', 'replace' or 'ignore'") from error
    except UnicodeDecodeError:
        pass
    try:
        readable = b"a".decode(encoding) == "a"
    except (LookupError, UnicodeDecodeError) as error:
        raise ValueError(f"encoding={encoding!r}: {error}; use a text encoding such as 'utf8' or 'latin-1'") from error
    if not readable:
        raise ValueError(f"encoding={encoding!r}: use an encoding in which ASCII is as it is, such as 'utf8'")
