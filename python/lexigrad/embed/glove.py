"""GloVe: word vectors whose products tell the logarithms of counts (Pennington, Socher and Manning 2014)."""

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.embed.cooccurrence import (
    MEMORY,
    SparseCounts,
    Weights,
    as_vocabulary,
    check_window,
    count_neighbours,
)
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.matrix import Matrix, PaddedMatrix
from lexigrad.embed.model import EmbeddingModel
from lexigrad.embed.training import Kernel, Run, one_source, whole
from lexigrad.io.glove import (
    read_cooccurrences,
    read_glove_binary,
    read_glove_vocabulary,
    write_glove_binary,
    write_glove_vocabulary,
)
from lexigrad.progress import Hook
from lexigrad.text.corpus import CorpusSource
from lexigrad.text.encoding import TokenStream
from lexigrad.text.vocabulary import TrimRule, Vocabulary

Output = Literal["sum", "word", "context", "concatenation"]
OUTPUTS: tuple[Output, ...] = ("sum", "word", "context", "concatenation")

_BLOCK_GROUPS = 256  # some milliseconds of work
_ROWS_DRAWN = 1024


class GloVe(EmbeddingModel):
    """Word vectors by weighted least squares on the logarithms of co-occurrence counts.

    Every word i has a vector w_i and a bias b_i as a centre and u_i, c_i as a context. With x_ij the weighted count of
    word j near word i (:func:`lexigrad.cooccurrence`), training minimises

        sum over x_ij > 0 of  f(x_ij) (w_i . u_j + b_i + c_j - log x_ij)^2 / 2,    f(x) = min(1, (x / x_max)^exponent)

    by AdaGrad, whose sums of squares begin at 1, with gradients cut off at 100, over the entries in random order:
    groups of 16 neighbours in a row of the counts are shuffled anew for each epoch. With ``workers=1`` and one seed the
    vectors are the same to the bit; with more workers threads update rows without locks and results differ in detail.

    Args:
        sentences, corpus_file, min_count, max_vocab_size, max_final_vocab, trim_rule, workers, seed, callbacks,
            progress, checkpoint, checkpoint_seconds: as for :class:`lexigrad.Word2Vec`.
        vector_size: floats in a vector.
        alpha: the learning rate (eta in Stanford's program; its alpha is ``exponent`` here).
        window: the farthest distance that counts.
        epochs: passes over the entries.
        x_max, exponent: see above. A smaller corpus asks for a smaller ``x_max``: 10 for some ten million words.
        weights: "harmonic" counts a pair as 1 / distance, "flat" as 1.
        symmetric: whether words before the centre count too.
        output: what ``wv`` holds: the "sum" w + u, "word" w, "context" u, or their "concatenation".
        memory: bytes that counting may use, as for :func:`lexigrad.cooccurrence`.
        compute_loss: whether ``epoch_losses`` is kept: the mean of the terms above.

    Attributes:
        wv: words and their vectors, made from the matrices below after each epoch.
        word_vectors, context_vectors: w and u (vocabulary, vector_size).
        word_biases, context_biases: b and c (vocabulary,).

    Raises:
        As :class:`lexigrad.Word2Vec`.

    Example:
        >>> model = GloVe([["to", "be", "or", "not", "to", "be"]] * 9, vector_size=4, min_count=1, x_max=10)
        >>> model.wv["be"].shape
        (4,)
    """

    _SETTINGS = (
        "vector_size",
        "alpha",
        "window",
        "min_count",
        "max_vocab_size",
        "seed",
        "workers",
        "epochs",
        "compute_loss",
        "max_final_vocab",
        "x_max",
        "exponent",
        "weights",
        "symmetric",
        "output",
        "memory",
    )
    _MATRICES: ClassVar[Mapping[str, str]] = {
        "_input": "vectors",
        "_context": "context_vectors",
        "_input_squares": "vectors_squares",
        "_context_squares": "context_vectors_squares",
    }

    _context: PaddedMatrix
    _input_squares: PaddedMatrix
    _context_squares: PaddedMatrix

    def __init__(
        self,
        sentences: CorpusSource | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        vector_size: int = 100,
        alpha: float = 0.05,
        window: int = 10,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        seed: int = 1,
        workers: int = 3,
        epochs: int = 25,
        trim_rule: TrimRule | None = None,
        compute_loss: bool = True,
        callbacks: Iterable[Any] = (),
        max_final_vocab: int | None = None,
        *,
        x_max: float = 100.0,
        exponent: float = 0.75,
        weights: Weights = "harmonic",
        symmetric: bool = True,
        output: Output = "sum",
        memory: int = MEMORY,
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> None:
        self.output = output
        self._biases = np.zeros((0, 4), np.float32)  # b, c and their sums of squares
        self._set_common(
            vector_size=vector_size,
            alpha=alpha,
            min_alpha=alpha,
            window=window,
            min_count=min_count,
            max_vocab_size=max_vocab_size,
            max_final_vocab=max_final_vocab,
            sample=0.0,
            seed=seed,
            workers=workers,
            epochs=epochs,
            compute_loss=compute_loss,
        )
        check_window(window, weights)
        self.x_max = float(x_max)
        if not (self.x_max > 0 and np.isfinite(self.x_max)):
            raise ValueError(f"x_max must be above 0, not {self.x_max}")
        self.exponent = float(exponent)
        if not (self.exponent >= 0 and np.isfinite(self.exponent)):
            raise ValueError(f"exponent must be 0 or above, not {self.exponent}")
        self.weights = weights
        self.symmetric = bool(symmetric)
        if output not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, not {output!r}")
        self.memory = whole("memory", memory, 1)
        self._counts: SparseCounts | None = None
        if output == "concatenation":
            self.wv.vector_size = 2 * self.vector_size
        source = one_source(sentences, corpus_file)
        self._fit(source, trim_rule, callbacks, progress, checkpoint, checkpoint_seconds)

    @property
    def word_vectors(self) -> Matrix:
        return self._input.view

    @property
    def context_vectors(self) -> Matrix:
        return self._context.view

    @property
    def word_biases(self) -> NDArray[np.float32]:
        return self._biases[:, 0]

    @property
    def context_biases(self) -> NDArray[np.float32]:
        return self._biases[:, 1]

    def fit(
        self,
        counts: Any,
        words: Vocabulary | Sequence[str],
        callbacks: Iterable[Any] = (),
        *,
        progress: Hook | None = None,
    ) -> None:
        """Train on counts that are there already, with a new vocabulary.

        Args:
            counts: SciPy sparse matrix (words, words), entries above 0.
            words: what its rows and columns stand for.

        Raises:
            ValueError: the matrix does not fit the words, or has an entry that is not above 0 and finite.
        """
        vocabulary = as_vocabulary(words)
        rows = counts.tocsr()
        size = len(vocabulary)
        if rows.shape != (size, size):
            raise ValueError(f"counts must have shape {(size, size)}, one row and column a word, not {rows.shape}")
        values = np.ascontiguousarray(rows.data, np.float32)
        if not ((values > 0) & np.isfinite(values)).all():
            raise ValueError("counts must be above 0 and finite: call eliminate_zeros() on them first")
        offsets, columns = (np.ascontiguousarray(rows.indptr, np.int64), np.ascontiguousarray(rows.indices, np.int32))
        self._take_vocabulary(vocabulary)
        self._counts = SparseCounts(offsets, columns, values)
        entries = cast(TokenStream, _Entries(len(values)))
        self._start_run(entries, self.epochs, self.alpha, self.alpha, 1.0)
        self._train(entries, tuple(callbacks), progress, None, 0.0)
        self._run = None

    # What the base asks for

    def _matrix_rows(self, words: int) -> dict[str, int]:
        return dict.fromkeys(self._MATRICES, words)

    def _kernel(self, stream: TokenStream) -> Kernel:
        assert self._counts is not None
        return _GloVeKernel(self, stream, self._counts)

    def _train(
        self,
        stream: TokenStream,
        callbacks: Sequence[Any],
        progress: Hook | None,
        checkpoint: str | os.PathLike[str] | None,
        checkpoint_seconds: float,
    ) -> tuple[int, int]:
        if self._counts is None:
            self._counts = count_neighbours(
                stream,
                len(self.wv),
                self.window,
                self.weights,
                self.symmetric,
                workers=self.workers,
                memory=self.memory,
                progress=progress,
            )
        try:
            return super()._train(stream, callbacks, progress, checkpoint, checkpoint_seconds)
        finally:
            self._counts = None
            self._refresh()

    def _end_epoch(self, run: Run) -> None:
        self._refresh()
        super()._end_epoch(run)

    def _refresh(self) -> None:
        """Make ``wv.vectors`` from the matrices."""
        w, u = self._input.view, self._context.view
        if self.output == "sum":
            self.wv.vectors = w + u
        elif self.output == "concatenation":
            self.wv.vectors = np.concatenate([w, u], axis=1)
        else:
            self.wv.vectors = w if self.output == "word" else u
        self.wv.norms = None

    def _keyed(self) -> dict[str, KeyedVectors]:
        """None: ``wv.vectors`` is made from the matrices, and users may not replace it."""
        return {}

    def _set_words(self, vocabulary: Vocabulary) -> None:
        super()._set_words(vocabulary)
        self._refresh()

    def _draw_first_vectors(self, known: Mapping[str, int]) -> None:
        """New rows become uniform in (-1/2, 1/2) / vector_size; their biases begin at 0."""
        random = np.random.default_rng(self.seed)
        size, old = len(self._input.view), known.get("_input", 0)
        for matrix in (self._input.view, self._context.view):
            for begin in range(0, size, _ROWS_DRAWN):
                block = random.random((min(_ROWS_DRAWN, size - begin), self.vector_size), dtype=np.float32)
                fresh = max(old - begin, 0)
                matrix[begin + fresh : begin + len(block)] = ((block - np.float32(0.5)) / self.vector_size)[fresh:]
        biases = np.zeros((size, 4), np.float32)
        biases[:old] = self._biases[:old]
        self._biases = biases

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return super()._arrays() | {"biases": self._biases}

    def _restore(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        super()._restore(arrays, state)
        biases = arrays["biases"]
        if biases.shape != (len(self.wv), 4):
            raise ValueError(f"biases of shape {biases.shape} where {(len(self.wv), 4)} is expected")
        self._biases = np.array(biases, np.float32)

    def _copy_keyed(self) -> None:
        self.wv = copy.copy(self.wv)
        self.wv.expandos = dict(self.wv.expandos)
        self._refresh()

    # Stanford's files

    def fit_stanford(
        self,
        cooccurrence_file: str | os.PathLike[str],
        vocab_file: str | os.PathLike[str],
        callbacks: Iterable[Any] = (),
        *,
        progress: Hook | None = None,
    ) -> None:
        """Train on the files of Stanford's ``cooccur`` (shuffled or not) and ``vocab_count``.

        Raises:
            ValueError: a file is malformed, or they do not belong together.
        """
        words, counts = read_glove_vocabulary(vocab_file)
        matrix = SparseCounts(*read_cooccurrences(cooccurrence_file, len(words))).to_scipy(len(words))
        self.fit(matrix, Vocabulary(words, counts, raw_words=int(counts.sum())), callbacks, progress=progress)

    def save_stanford(self, binary_file: str | os.PathLike[str], vocab_file: str | os.PathLike[str]) -> None:
        """Write all parameters as Stanford's ``glove -binary 1`` does, and the vocabulary.

        Text with the vectors of ``wv`` alone is written by ``write_vectors`` or ``save_word2vec_format``.
        """
        write_glove_vocabulary(vocab_file, self.wv.index_to_key, self.wv.expandos["count"])
        sides = [
            np.column_stack([matrix, biases])
            for matrix, biases in (
                (self.word_vectors, self.word_biases),
                (self.context_vectors, self.context_biases),
            )
        ]
        write_glove_binary(binary_file, *sides)

    @classmethod
    def load_stanford(
        cls,
        binary_file: str | os.PathLike[str],
        vocab_file: str | os.PathLike[str],
        output: Output = "sum",
    ) -> "GloVe":
        """Read what Stanford's ``glove -binary 1`` or :meth:`save_stanford` wrote.

        Raises:
            ValueError: a file is malformed, or they do not belong together.
        """
        words, counts = read_glove_vocabulary(vocab_file)
        w, u = read_glove_binary(binary_file, len(words))
        model = cls(vector_size=w.shape[1] - 1, output=output)
        model._take_vocabulary(Vocabulary(words, counts, raw_words=int(counts.sum())))
        model._input.view[:], model._biases[:, 0] = w[:, :-1], w[:, -1]
        model._context.view[:], model._biases[:, 1] = u[:, :-1], u[:, -1]
        model._refresh()
        return model


class _Entries:
    """Stands for a stream of words where only counts are known: entries are what is trained and reported."""

    def __init__(self, entries: int) -> None:
        self.ids = range(entries)
        self.words = self.raw_words = entries
        self.sentences = 0

    def release(self, begin: int, end: int) -> None:
        pass


class _GloVeKernel(Kernel):
    """``_core.glove_train``; a stretch of the stream stands for the same share of the shuffled groups of entries."""

    def __init__(self, model: GloVe, stream: TokenStream, counts: SparseCounts) -> None:
        entries_per_token = len(counts.values) / max(1, len(stream.ids))
        super().__init__(stream, model.workers, model.seed, 16.0 * model.vector_size * max(entries_per_token, 1e-3))
        groups = -(-np.diff(counts.offsets) // _core.GLOVE_GROUP)
        self.first_groups = np.concatenate([np.zeros(1, np.int64), np.cumsum(groups)])
        self.groups = int(self.first_groups[-1])
        if self.groups > np.iinfo(np.int32).max:
            raise ValueError(f"GloVe takes at most 2^31 groups of 16 counts in a row, not {self.groups}")
        self.order: NDArray[np.int32] = np.empty(0, np.int32)
        self.order_key = -1
        self.fixed: dict[str, Any] = {
            "block": _BLOCK_GROUPS,
            "threads": model.workers,
            "offsets": counts.offsets,
            "columns": counts.columns,
            "values": counts.values,
            "group_rows": np.repeat(np.arange(len(groups), dtype=np.int32), groups),
            "first_groups": self.first_groups[:-1],
            "vector_size": model.vector_size,
            "words": model._input.padded,
            "contexts": model._context.padded,
            "word_squares": model._input_squares.padded,
            "context_squares": model._context_squares.padded,
            "biases": model._biases,
            "x_max": model.x_max,
            "exponent": model.exponent,
        }

    def train(self, begin: int, end: int, **schedule: Any) -> dict[str, Any]:
        if schedule["key"] != self.order_key:
            self.order_key = schedule["key"]
            self.order = np.random.default_rng(self.order_key).permutation(np.arange(self.groups, dtype=np.int32))
        length = len(self.stream.ids)
        first, last = (place * self.groups // length for place in (begin, end))
        done = _core.glove_train(self.order, begin=first, end=last, alpha=schedule["alpha"], **self.fixed)
        done["kept"] = end - begin
        return done
