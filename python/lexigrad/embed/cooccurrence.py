"""Counts as SciPy sparse matrices: one-hot rows, words near words, words in documents."""

import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.embed.training import vocabulary_progress, whole
from lexigrad.progress import Hook, Progress
from lexigrad.text.corpus import Corpus, CorpusSource, as_corpus
from lexigrad.text.encoding import TokenStream, encode, scan
from lexigrad.text.vocabulary import TrimRule, Vocabulary, select

Weights = Literal["flat", "harmonic"]
WEIGHTS: tuple[Weights, ...] = ("flat", "harmonic")
MEMORY = 2 << 30

_CALL_ENTRIES = 1 << 22  # that one call into C++ may give: some tens of milliseconds, at most 100 MB
_TOKEN_BYTES = 8  # of the stream and of the index of its places
_ENTRY_BYTES = 8  # a column and a value
_LONGEST_STRETCH = (1 << 32) - 1


class SparseCounts(NamedTuple):
    """A sparse matrix of counts, row by row; its arrays may lie in a temporary file that goes with them.

    Row r holds ``columns[offsets[r]:offsets[r + 1]]``, which rise, and their ``values``.
    """

    offsets: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[np.float32]

    def to_scipy(self, width: int) -> Any:
        """As a ``scipy.sparse.csr_array`` with so many columns, on the same memory."""
        shape = (len(self.offsets) - 1, width)
        short = len(self.columns) <= np.iinfo(np.int32).max  # else SciPy wants columns of int64 too, and copies
        offsets = self.offsets.astype(np.int32) if short else self.offsets
        return sparse().csr_array((self.values, self.columns, offsets), shape=shape)


def sparse() -> Any:
    """``scipy.sparse``, or an error that says how to get it."""
    try:
        import scipy.sparse
    except ImportError as error:
        raise ImportError("counts are SciPy sparse matrices: pip install 'lexigrad[svd]'") from error
    return scipy.sparse


def one_hot(words: Iterable[str], vocabulary: Vocabulary | Sequence[str]) -> Any:
    """One-hot rows of some words.

    Args:
        words: any, also again and again.
        vocabulary: the words that columns stand for.

    Returns:
        ``scipy.sparse.csr_array``, float32 (words, vocabulary): a single 1 in each row.

    Raises:
        KeyError: a word is not in the vocabulary.

    Example:
        >>> one_hot(["b", "a"], ["a", "b", "c"]).toarray().tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    index = as_vocabulary(vocabulary).index
    if isinstance(words, str):
        raise TypeError(f"expected a list of words, not the string {words!r}")
    places = []
    for word in words:
        if word not in index:
            raise KeyError(f"word {word!r} is not in the vocabulary of {len(index)} words")
        places.append(index[word])
    rows = len(places)
    entries = (np.ones(rows, np.float32), np.array(places, np.int32), np.arange(rows + 1, dtype=np.int32))
    return sparse().csr_array(entries, shape=(rows, len(index)))


def cooccurrence(
    corpus: CorpusSource,
    vocabulary: Vocabulary | Sequence[str] | None = None,
    *,
    window: int = 5,
    weights: Weights = "flat",
    symmetric: bool = True,
    min_count: int = 5,
    max_final_vocab: int | None = None,
    trim_rule: TrimRule | None = None,
    workers: int | None = None,
    memory: int = MEMORY,
    progress: Hook | None = None,
) -> tuple[Any, Vocabulary]:
    """Count which words stand near which.

    Entry (a, b) is the sum, over all occurrences of a, of the weights of the b that follow it in its sentence within
    ``window`` words; with ``symmetric`` also of those that precede it. Words outside the vocabulary are left out
    before distances are counted, as by Stanford's GloVe. Sums are float64 and kept as float32, so that counts are
    exact below 2^24; the result does not depend on ``workers``.

    Args:
        corpus: text files or an iterable of token lists, as for :class:`lexigrad.Word2Vec`.
        vocabulary: the words that are counted; None takes those of the corpus that ``min_count``,
            ``max_final_vocab`` and ``trim_rule`` leave, by falling frequency.
        window: the farthest distance that counts.
        weights: "flat" counts each pair as 1, "harmonic" as 1 / distance.
        workers: threads; default as :func:`lexigrad.num_threads`.
        memory: bytes that counting may use, about: what needs more goes to temporary files (set TMPDIR to move
            them) and is merged there; the result then lies in such a file, mapped. At least a row of the vocabulary's
            size for each worker is needed.
        progress: called now and then with a :class:`lexigrad.progress.Progress`.

    Returns:
        ``scipy.sparse.csr_array``, float32 (vocabulary, vocabulary), and the vocabulary.

    Raises:
        ValueError: an argument is out of range, the corpus is empty or no word is left.
        ImportError: SciPy is not installed.

    Example:
        >>> matrix, vocabulary = cooccurrence([["a", "b", "a"]], ["a", "b"], window=1)
        >>> matrix.toarray().tolist()
        [[0.0, 2.0], [2.0, 0.0]]
    """
    sparse()
    threads = _threads(workers)
    window = check_window(window, weights)
    limits = {"min_count": min_count, "max_final_vocab": max_final_vocab, "trim_rule": trim_rule}
    found, stream = _encoded(as_corpus(corpus), vocabulary, limits, threads, progress)
    with stream:
        counts = count_neighbours(
            stream, len(found), window, weights, symmetric, workers=threads, memory=memory, progress=progress
        )
    return counts.to_scipy(len(found)), found


def term_document(
    documents: CorpusSource,
    vocabulary: Vocabulary | Sequence[str] | None = None,
    *,
    min_count: int = 1,
    max_final_vocab: int | None = None,
    trim_rule: TrimRule | None = None,
    workers: int | None = None,
    memory: int = MEMORY,
    progress: Hook | None = None,
) -> tuple[Any, Vocabulary]:
    """Count which words stand in which documents.

    Args:
        documents: token lists, one a document; or text files, one document a line, where blank lines are none.
            Other arguments as in :func:`cooccurrence`; here all words count unless ``min_count`` is raised.

    Returns:
        ``scipy.sparse.csc_array``, float32 (vocabulary, documents), with a column for each document, those without a
        word of the vocabulary too; and the vocabulary.

    Raises:
        ValueError: an argument is out of range, the corpus is empty or no word is left.
        ImportError: SciPy is not installed.

    Example:
        >>> matrix, vocabulary = term_document([["a", "b", "a"], [], ["b"]])
        >>> vocabulary.words, matrix.toarray().tolist()
        (['a', 'b'], [[2.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    """
    scipy_sparse = sparse()
    threads = _threads(workers)
    corpus = as_corpus(documents)
    blank: list[int] = []
    if corpus.sentences is not None:
        corpus = Corpus(sentences=_Watched(corpus.sentences, blank))
    with scan(corpus, workers=threads, on_progress=vocabulary_progress(progress)) as scanned:
        # All words at first, so that no document is without one: the stream would leave it out.
        every = select(scanned.counts, min_count=0)
        if vocabulary is None:
            chosen = select(scanned.counts, min_count=min_count, max_final_vocab=max_final_vocab, trim_rule=trim_rule)
        else:
            chosen = as_vocabulary(vocabulary)
        spool = _RowSpool(memory)
        with scanned.finish(every) as stream:
            for first, last in _whole_sentences(stream, max(1, memory // (4 * _TOKEN_BYTES))):
                spool.add(*_core.sentence_rows(stream.ids[first:last], vocabulary=len(every), threads=threads))
                stream.release(first, last)
    counts = spool.finish(blank)
    by_document = counts.to_scipy(len(every))
    if chosen.words == every.words:
        picked = by_document
    else:
        places = np.array([every.index.get(word, len(every)) for word in chosen.words])
        shape = (len(every) + 1, len(chosen))  # the last row stands for words that no document has
        picker = scipy_sparse.csr_array(
            (np.ones(len(places), np.float32), (places, np.arange(len(places)))), shape=shape
        )
        picked = scipy_sparse.csr_array(by_document @ picker[: len(every)])
        picked.sort_indices()
    return picked.T, chosen


def count_neighbours(
    stream: TokenStream,
    vocabulary: int,
    window: int,
    weights: Weights,
    symmetric: bool,
    *,
    workers: int,
    memory: int = MEMORY,
    progress: Hook | None = None,
) -> SparseCounts:
    """The counts of :func:`cooccurrence` for a stream of word ids."""
    memory = whole("memory", memory, 1)
    length = len(stream.ids)
    stretch = min(max(memory // 2 // _TOKEN_BYTES, window, 1 << 10), _LONGEST_STRETCH)
    parts = max(1, -(-length // stretch))
    distances = np.arange(1, min(window, max(length, 1)) + 1)
    factors = np.ones(len(distances)) if weights == "flat" else 1 / distances
    report = _Report(stream, vocabulary, parts + (parts > 1), progress)
    runs = []
    for part in range(parts):
        begin, end = part * stretch, min((part + 1) * stretch, length)
        counter = _core.CooccurrenceCounter(
            stream.ids,
            begin=begin,
            end=end,
            vocabulary=vocabulary,
            weights=factors.tolist(),
            symmetric=symmetric,
            threads=workers,
        )
        runs.append(_all_rows(counter, vocabulary, 0 if parts > 1 else memory, report, part))
        stream.release(begin, end)
    if parts == 1:
        return runs[0]
    merger = _core.CooccurrenceMerger(
        [(run.offsets, run.columns, run.values) for run in runs], vocabulary=vocabulary, threads=workers
    )
    return _all_rows(merger, vocabulary, memory // 2, report, parts)


def check_window(window: int, weights: str) -> int:
    """The window and its weights, checked."""
    if weights not in WEIGHTS:
        raise ValueError(f"weights must be 'flat' or 'harmonic', not {weights!r}")
    return whole("window", window, 1)


def as_vocabulary(words: Vocabulary | Sequence[str]) -> Vocabulary:
    """A vocabulary, or one of some words, all different."""
    if isinstance(words, Vocabulary):
        return words
    if isinstance(words, str):
        raise TypeError(f"a vocabulary is a list of words, not the string {words!r}")
    listed = list(words)
    for word in listed:
        if not isinstance(word, str):
            raise TypeError(f"a vocabulary is a list of words, but it holds one of type {type(word).__name__}")
    if len(set(listed)) < len(listed):
        seen: set[str] = set()
        twice = next(word for word in listed if word in seen or seen.add(word))  # type: ignore[func-returns-value]
        raise ValueError(f"the vocabulary has the word {twice!r} twice")
    if not listed:
        raise ValueError("the vocabulary is empty")
    return Vocabulary(listed, np.zeros(len(listed), np.int64))


def _encoded(
    corpus: Corpus,
    vocabulary: Vocabulary | Sequence[str] | None,
    limits: dict[str, Any],
    threads: int,
    progress: Hook | None,
) -> tuple[Vocabulary, TokenStream]:
    report = vocabulary_progress(progress)
    if vocabulary is not None:
        given = as_vocabulary(vocabulary)
        return given, encode(corpus, given, workers=threads, on_progress=report)
    with scan(corpus, workers=threads, on_progress=report) as scanned:
        chosen = select(scanned.counts, **limits)
        return chosen, scanned.finish(chosen)


def _threads(workers: int | None) -> int:
    return _core.num_threads() if workers is None else whole("workers", workers, 1)


class _RowSource(Protocol):
    def rows(self, first: int, entries: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]: ...


def _all_rows(
    source: _RowSource, rows: int, memory: int, report: Callable[[int, int], None], part: int
) -> SparseCounts:
    spool = _RowSpool(memory)
    done = 0
    while done < rows:
        sizes, columns, values = source.rows(done, _CALL_ENTRIES)
        spool.add(sizes, columns, values)
        done += len(sizes)
        report(part, done)
    return spool.finish()


class _RowSpool:
    """Rows one after another: in memory while they fit into ``memory`` bytes, else in temporary files."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._size = 0
        self._sizes: list[NDArray[np.int64]] = []
        self._columns: list[NDArray[np.int32]] = []
        self._values: list[NDArray[np.float32]] = []
        self._files: tuple[IO[bytes], IO[bytes]] | None = None

    def add(self, sizes: NDArray[np.int64], columns: NDArray[np.int32], values: NDArray[np.float32]) -> None:
        self._sizes.append(sizes)
        self._columns.append(columns)
        self._values.append(values)
        self._size += len(columns)
        if self._files is not None or self._size * _ENTRY_BYTES > self._memory:
            self._spill()

    def finish(self, empty: Sequence[int] = ()) -> SparseCounts:
        """All rows, with further ones that are empty at the places ``empty`` of the result."""
        sizes = np.concatenate(self._sizes) if self._sizes else np.empty(0, np.int64)
        if empty:
            sizes = np.insert(sizes, np.asarray(empty) - np.arange(len(empty)), 0)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        if self._files is None:
            columns = _joined(self._columns, np.int32)
            return SparseCounts(offsets, columns, _joined(self._values, np.float32))
        columns, values = (
            _mapped(file, dtype) for file, dtype in zip(self._files, (np.int32, np.float32), strict=True)
        )
        return SparseCounts(offsets, columns, values)

    def _spill(self) -> None:
        if self._files is None:
            self._files = (tempfile.TemporaryFile(buffering=0), tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
        for columns in self._columns:
            columns.tofile(self._files[0])
        for values in self._values:
            values.tofile(self._files[1])
        self._columns.clear()
        self._values.clear()


def _joined(arrays: list[Any], dtype: Any) -> Any:
    """The arrays one after another; the list is emptied."""
    joined = arrays[0] if len(arrays) == 1 else np.concatenate([*arrays, np.empty(0, dtype)])
    arrays.clear()
    return joined


def _mapped(file: IO[bytes], dtype: Any) -> Any:
    """A file without a name as an array; it goes with the array."""
    with file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return np.empty(0, dtype)
        return np.frombuffer(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY), dtype)


class _Watched:
    """Token lists that notes the places of the empty ones, which a corpus skips."""

    def __init__(self, sentences: Iterable[Iterable[str]], blank: list[int]) -> None:
        self._sentences = sentences
        self._blank = blank

    def __iter__(self) -> Iterator[Iterable[str]]:
        self._blank.clear()
        for place, sentence in enumerate(self._sentences):
            tokens = sentence if isinstance(sentence, str | list | tuple) else list(sentence)
            if not any(tokens):
                self._blank.append(place)
            yield tokens


def _whole_sentences(stream: TokenStream, tokens: int) -> Iterator[tuple[int, int]]:
    """Stretches of about so many tokens that end with a sentence."""
    ids, begin = stream.ids, 0
    while begin < len(ids):
        end = min(begin + tokens, len(ids))
        while end < len(ids) and ids[end - 1] >= 0:
            ahead = np.flatnonzero(ids[end : end + (1 << 16)] < 0)
            end = end + int(ahead[0]) + 1 if len(ahead) else min(end + (1 << 16), len(ids))
        yield begin, end
        begin = end


class _Report:
    """Progress of counting: the share of the rows done, told in words of the corpus."""

    def __init__(self, stream: TokenStream, rows: int, parts: int, progress: Hook | None) -> None:
        self._words = stream.words
        self._rows = rows
        self._parts = parts
        self._progress = progress
        self._began = time.monotonic()

    def __call__(self, part: int, rows: int) -> None:
        if self._progress is None:
            return
        done = int(self._words * (part + rows / self._rows) / self._parts)
        nan = float("nan")
        self._progress(Progress(0, 1, done, self._words, nan, nan, time.monotonic() - self._began, "counting"))
