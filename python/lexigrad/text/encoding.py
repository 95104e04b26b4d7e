"""Corpora to streams of word ids, in one pass that also counts the words."""

import contextlib
import errno
import mmap
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from lzma import LZMAError
from types import TracebackType
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.io.compressed import is_compressed, open_binary
from lexigrad.text.corpus import Corpus
from lexigrad.text.vocabulary import TrimRule, Vocabulary, WordCounts, keeps

Progress = Callable[[int, int | None, int], object]
Fault = tuple[str, int, int, int]  # kind, index of the piece, offset, errno

_PIECE_BYTES = 1 << 17  # what one thread reads at a time
_BATCH_BYTES = 1 << 24  # what one call into C++ reads: some tens of milliseconds
_BATCH_FILES = 64  # and from how many files at most
_LIST_WORDS = 1 << 15  # what one thread takes of a corpus of Python objects
_FINISH_PIECES = 256  # what one call into C++ rewrites
_UNKNOWN = -2


class TokenStream:
    """A corpus as word ids, mapped from an anonymous temporary file that goes with the object.

    Attributes:
        ids: int32, read-only: the ids of the known words in the order of the corpus, and -1 at the end of
            each sentence that has one, or of every sentence where ``every_end`` asked for it.
        words: the number of known words.
        raw_words, sentences: the size of the whole corpus, unknown words included.
    """

    def __init__(self, file: IO[bytes], length: int, *, words: int, raw_words: int, sentences: int) -> None:
        self.words = words
        self.raw_words = raw_words
        self.sentences = sentences
        self._file: IO[bytes] | None = file
        self._map: mmap.mmap | None = None
        self.ids: NDArray[np.int32] = np.empty(0, np.int32)
        os.ftruncate(file.fileno(), length * 4)
        if length > 0:
            self._map = mmap.mmap(file.fileno(), length * 4, access=mmap.ACCESS_READ)
            self.ids = np.frombuffer(self._map, np.int32)
        self.ids.flags.writeable = False

    def release(self, begin: int, end: int) -> None:
        """Let go of the memory behind ``ids[begin:end]``; what is read again comes back from the file."""
        if self._map is None or not hasattr(mmap, "MADV_DONTNEED"):
            return
        first = max(begin, 0) * 4 // mmap.PAGESIZE * mmap.PAGESIZE
        last = min(end * 4, len(self._map))
        if first < last:
            self._map.madvise(mmap.MADV_DONTNEED, first, last - first)

    def close(self) -> None:
        """Give the file back. Views of ``ids`` held elsewhere stay valid and keep the space."""
        self.ids = np.empty(0, np.int32)
        if self._map is not None:
            with contextlib.suppress(BufferError):
                self._map.close()
            self._map = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "TokenStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TokenStream({self.words} of {self.raw_words} words, {self.sentences} sentences)"


class ScannedCorpus:
    """A corpus that has been counted and spooled; :meth:`finish` turns it into a stream.

    Attributes:
        counts: the words and how often they occur.
    """

    def __init__(self, scanner: _core.CorpusScanner, spool: IO[bytes]) -> None:
        raw_words, sentences, _, _ = scanner.totals()
        self._scanner = scanner
        self._spool: IO[bytes] | None = spool
        self.counts = WordCounts(scanner.merge(), raw_words, sentences)

    def finish(self, vocabulary: Vocabulary) -> TokenStream:
        """Encode the corpus by a vocabulary. Works once: the spooled ids are rewritten in place.

        Raises:
            RuntimeError: it is finished or closed already.
            OSError: the temporary file cannot be read or written.
        """
        if self._spool is None:
            raise RuntimeError("this corpus has been finished or closed: scan it again, or use encode")
        spool, self._spool = self._spool, None
        try:
            places = vocabulary.places_in(self.counts)
            final_ids = np.full(len(self.counts), _UNKNOWN, np.int32)
            known = np.flatnonzero(places >= 0)
            final_ids[places[known]] = known
            self._scanner.start_finish(final_ids, len(final_ids))
            more = True
            while more:
                more, fault = self._scanner.finish(_FINISH_PIECES)
                _raise_fault(fault)
            _, _, words, length = self._scanner.final_totals()
            return TokenStream(
                spool, length, words=words, raw_words=self.counts.raw_words, sentences=self.counts.sentences
            )
        except BaseException:
            spool.close()
            raise

    def close(self) -> None:
        """Give the temporary file back, unless a stream owns it."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def __enter__(self) -> "ScannedCorpus":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ScannedCorpus({self.counts!r})"


def scan(
    corpus: Corpus, *, workers: int | None = None, every_end: bool = False, on_progress: Progress | None = None
) -> ScannedCorpus:
    """Count the words of a corpus and, in the same pass, spool their ids to a temporary file of 4 bytes a
    word.

    The file lies in ``tempfile.gettempdir()`` (set TMPDIR to move it) and has no name: nothing is left of
    it when the process ends, however it ends. Results do not depend on ``workers``.

    Args:
        corpus: from :func:`as_corpus`.
        workers: threads; default as :func:`lexigrad.num_threads`.
        every_end: whether sentences (lines) without a known word have an end in the stream too.
        on_progress: called now and then with (done, total, words): bytes read of files, or sentences of an
            iterable, in all (None if unknown), and words counted so far.

    Raises:
        ValueError: a file is not UTF-8, holds a word of more than 64 MiB, is cut off or not in the format
        that its
            name says; a token holds a lone surrogate.
        TypeError: a sentence is not a list of tokens, or a token not a str.
        OSError: a file cannot be read, or the temporary file not written.
    """
    with _spool() as (spool, keep):
        scanner = _core.CorpusScanner(_threads(workers), spool.fileno(), None, every_end)
        _read(scanner, corpus, on_progress)
        scanned = ScannedCorpus(scanner, spool)
        keep()
        return scanned


def encode(
    corpus: Corpus,
    vocabulary: Vocabulary,
    *,
    workers: int | None = None,
    every_end: bool = False,
    on_progress: Progress | None = None,
) -> TokenStream:
    """Encode a corpus by a vocabulary; arguments and errors as in :func:`scan`."""
    with _spool() as (spool, keep):
        table = _core.WordTable(vocabulary.words, vocabulary.counts)
        scanner = _core.CorpusScanner(_threads(workers), spool.fileno(), table, every_end)
        _read(scanner, corpus, on_progress)
        raw_words, sentences, words, length = scanner.totals()
        stream = TokenStream(spool, length, words=words, raw_words=raw_words, sentences=sentences)
        keep()
        return stream


def count(
    corpus: Corpus,
    *,
    max_vocab_size: int | None = None,
    trim_rule: TrimRule | None = None,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> WordCounts:
    """Count the words of a corpus; arguments and errors as in :func:`scan`.

    Args:
        max_vocab_size: bounds the memory, as gensim does: after each sentence (or 10,000 words of one)
            that leaves more distinct words, those that occur less than once go, next time those that occur
            less than twice, and so on. What is left has lost what it had before it went. Counts on one
            thread, so that the result is the same for any number of workers.
        trim_rule: decides which words go then, as in :func:`select`; without ``max_vocab_size`` it has no
            part.
    """
    if max_vocab_size is not None and max_vocab_size < 1:
        raise ValueError(f"max_vocab_size must be 1 or more, or None, not {max_vocab_size}")
    scanner = _core.CorpusScanner(_threads(workers), -1, None)
    if max_vocab_size is not None:
        keep = None
        if trim_rule is not None:
            rule = trim_rule

            def keep(word: str, count: int, least: int) -> bool:
                return keeps(word, count, least, rule)

        scanner.limit_table(max_vocab_size, keep)
    _read(scanner, corpus, on_progress)
    raw_words, sentences, _, _ = scanner.totals()
    return WordCounts(scanner.merge(), raw_words, sentences)


def _threads(workers: int | None) -> int:
    if workers is None:
        return _core.num_threads()
    if workers < 1:
        raise ValueError(f"workers must be 1 or more, not {workers}")
    return min(workers, 1024)


@contextlib.contextmanager
def _spool() -> Iterator[tuple[IO[bytes], Callable[[], object]]]:
    """A temporary file without a name, closed at the end unless the second item has been called."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile(buffering=0))
        yield file, stack.pop_all


def _read(scanner: _core.CorpusScanner, corpus: Corpus, on_progress: Progress | None) -> None:
    total = corpus.total if on_progress else None

    def report(done: int) -> None:
        if on_progress:
            on_progress(done, total, scanner.totals()[0])

    if corpus.sentences is not None:
        reader = _core.SentenceReader(scanner, corpus.sentences, _LIST_WORDS)
        more = True
        while more:
            more, fault = reader.read()
            _raise_fault(fault)
            report(reader.sentences)
        return
    batch = _FileBatch(scanner)
    with batch:
        done = 0
        for path in corpus.paths:
            if is_compressed(path):
                batch.flush()
                for position in _read_compressed(scanner, path):
                    report(done + position)
                done += os.path.getsize(path)
            else:
                for size in batch.add(path):
                    done += size
                    report(done)
        batch.flush()
        report(done)


class _FileBatch:
    """Pieces of plain files, gathered until they are worth a call: many small files share one."""

    def __init__(self, scanner: _core.CorpusScanner) -> None:
        self._scanner = scanner
        self._files = contextlib.ExitStack()
        self._pieces: list[tuple[int, int, int, int]] = []
        self._paths: dict[int, str] = {}
        self._size = 0

    def add(self, path: str) -> Iterator[int]:
        """Add a file; yields the number of bytes each time that some have been read."""
        file = self._open(path)
        size = os.fstat(file).st_size
        begin = 0
        while begin < size:
            end = min(begin + _PIECE_BYTES, size)
            self._pieces.append((file, begin, end, size))
            self._size += end - begin
            begin = end
            if self._size >= _BATCH_BYTES:
                yield self.flush(keep=file)
        if len(self._paths) >= _BATCH_FILES:
            yield self.flush()

    def flush(self, keep: int | None = None) -> int:
        """Scan what has been gathered and close its files, but for one; returns the number of bytes."""
        fault = self._scanner.scan_files(self._pieces)
        _raise_fault(fault, [self._paths[piece[0]] for piece in self._pieces])
        size, self._size = self._size, 0
        self._pieces = []
        for file in [file for file in self._paths if file != keep]:
            os.close(file)
            del self._paths[file]
        return size

    def _open(self, path: str) -> int:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._paths[file] = path
        return file

    def __enter__(self) -> "_FileBatch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._paths:
            os.close(file)
        self._paths = {}


def _read_compressed(scanner: _core.CorpusScanner, path: str) -> Iterator[int]:
    """Scan a compressed file; yields how many of its bytes have been read, as far as that is known."""
    with open_binary(path) as file:
        while data := _decompressed(file, path):
            _raise_fault(scanner.scan_bytes(data, False, _PIECE_BYTES), [path], " of its decompressed text")
            yield _position(file)
        _raise_fault(scanner.scan_bytes(b"", True, _PIECE_BYTES), [path], " of its decompressed text")


def _decompressed(file: BinaryIO, path: str) -> bytes:
    try:
        return file.read(_BATCH_BYTES // 4)
    except EOFError as error:
        raise ValueError(f"{path} is cut off: its compressed data end too early") from error
    except (OSError, zlib.error, LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path} is damaged, or not in the format that its name says: {error}") from error


def _position(file: BinaryIO) -> int:
    try:
        return os.lseek(file.fileno(), 0, os.SEEK_CUR)
    except OSError:
        return 0


def _raise_fault(fault: Fault | None, paths: list[str] | None = None, where: str = "") -> None:
    """Raise what stopped the scanner."""
    if fault is None:
        return
    kind, piece, offset, number = fault
    if kind == "spool":
        directory = tempfile.gettempdir()
        raise OSError(
            number,
            f"{os.strerror(number)}: the word ids go to a temporary file of 4 bytes a word; "
            "set TMPDIR to a directory with room for it",
            directory,
        )
    path = paths[piece] if paths and len(paths) > 1 else (paths or [""])[0]
    if kind == "read":
        raise OSError(number or errno.EIO, os.strerror(number), path)
    if kind == "shrank":
        raise ValueError(f"{path} became shorter while it was read: it ends at byte {offset}")
    if kind == "long":
        raise ValueError(f"{path}: the word at byte {offset}{where} is longer than 64 MiB; is this text?")
    raise ValueError(
        f"{path}: byte {offset}{where} is not valid UTF-8; convert the file, for instance with iconv "
        "(iconv -c -f utf-8 -t utf-8 drops what is not valid)"
    )
