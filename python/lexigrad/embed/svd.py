"""SVDEmbedding: word vectors by the singular value decomposition of a matrix of counts."""

import os
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.embed.cooccurrence import (
    MEMORY,
    SparseCounts,
    Weights,
    check_window,
    count_neighbours,
    sparse,
)
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.training import one_source, vocabulary_progress, whole
from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.io.vector_file import pack_words, unpack_words
from lexigrad.progress import Hook
from lexigrad.text.corpus import CorpusSource, as_corpus
from lexigrad.text.encoding import scan
from lexigrad.text.vocabulary import TrimRule, Vocabulary, select

Weighting = Literal["raw", "log", "ppmi"]
Solver = Literal["arpack", "randomized"]

_FORMAT = "lexigrad.SVDEmbedding"
_VERSION = 1


class SVDEmbedding:
    """Word vectors from counts: a matrix M of words and the words around them, and M = U S V^T (Levy, Goldberg and
    Dagan 2015, "Improving distributional similarity with lessons learned from word embeddings").

    With n(w, c) how often c stands within ``window`` words of w, the entries of M are

    * "raw": n(w, c);
    * "log": log(1 + n(w, c));
    * "ppmi": max(0, log(P(w, c) / (P(w) P'(c))) - log ``shift``), with the contexts' distribution smoothed:
      P'(c) proportional to n(c)^``smoothing``.

    The vectors are the first ``vector_size`` columns of U S^``eigenvalue_weighting``, each with the sign that makes its
    greatest entry positive.

    Args:
        sentences: the corpus, as for :class:`lexigrad.Word2Vec`. None makes a model without vectors.
        corpus_file: the same for a single text file.
        vector_size: floats in a vector; at most the number of words.
        window: the farthest distance between a word and its context.
        min_count, max_final_vocab, trim_rule: which words count, as for :class:`lexigrad.Word2Vec`.
        weighting: see above.
        shift: k of shifted PPMI, which plays the part of k negative samples; 1 shifts nothing.
        smoothing: exponent of the contexts' counts; 1 smooths nothing.
        eigenvalue_weighting: from 0 (U alone) to 1 (U S).
        weights: "flat" counts each pair as 1, "harmonic" as 1 / distance.
        solver: "arpack" is SciPy's truncated decomposition, exact; "randomized" is scikit-learn's, faster for many
            dimensions and approximate. Small matrices are decomposed whole.
        seed: of the solver's first vectors.
        workers: threads of counting; default as :func:`lexigrad.num_threads`. Counts do not depend on it.
        memory: bytes that counting may use, as for :func:`lexigrad.cooccurrence`.
        progress: called now and then with a :class:`lexigrad.progress.Progress`.

    Attributes:
        wv: the words and their vectors, a :class:`lexigrad.KeyedVectors`.
        singular_values: float32 (vector_size), falling.

    Raises:
        ValueError: an argument is out of range, the corpus is empty, no word is left, or there are fewer words than
            ``vector_size``.
        ImportError: SciPy, or for "randomized" scikit-learn, is not installed.

    Example:
        >>> model = SVDEmbedding([["to", "be", "or", "not", "to", "be"]] * 9, vector_size=2, min_count=1)
        >>> model.wv["be"].shape
        (2,)
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = (
        "vector_size",
        "window",
        "min_count",
        "max_final_vocab",
        "weighting",
        "shift",
        "smoothing",
        "eigenvalue_weighting",
        "weights",
        "solver",
        "seed",
    )

    def __init__(
        self,
        sentences: CorpusSource | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        vector_size: int = 100,
        window: int = 5,
        min_count: int = 5,
        *,
        max_final_vocab: int | None = None,
        trim_rule: TrimRule | None = None,
        weighting: Weighting = "ppmi",
        shift: float = 1.0,
        smoothing: float = 0.75,
        eigenvalue_weighting: float = 0.5,
        weights: Weights = "flat",
        solver: Solver = "arpack",
        seed: int = 1,
        workers: int | None = None,
        memory: int = MEMORY,
        progress: Hook | None = None,
    ) -> None:
        self.vector_size = whole("vector_size", vector_size, 1)
        self.window = check_window(window, weights)
        self.min_count = whole("min_count", min_count, 0)
        self.max_final_vocab = None if max_final_vocab is None else whole("max_final_vocab", max_final_vocab, 1)
        self.weighting = weighting
        self.shift = float(shift)
        self.smoothing = float(smoothing)
        self.eigenvalue_weighting = float(eigenvalue_weighting)
        self.weights = weights
        self.solver = solver
        self.seed = whole("seed", seed, 0)
        self._check_settings()
        self.wv = KeyedVectors(self.vector_size)
        self.singular_values: NDArray[np.float32] = np.empty(0, np.float32)
        source = one_source(sentences, corpus_file)
        if source is not None:
            threads = _core.num_threads() if workers is None else whole("workers", workers, 1)
            self._fit(source, trim_rule, threads, memory, progress)

    def _check_settings(self) -> None:
        if self.weighting not in ("raw", "log", "ppmi"):
            raise ValueError(f"weighting must be 'raw', 'log' or 'ppmi', not {self.weighting!r}")
        if self.solver not in ("arpack", "randomized"):
            raise ValueError(f"solver must be 'arpack' or 'randomized', not {self.solver!r}")
        if not (self.shift > 0 and np.isfinite(self.shift)):
            raise ValueError(f"shift must be above 0, not {self.shift}")
        for name in ("smoothing", "eigenvalue_weighting"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {getattr(self, name)}")

    def _fit(
        self, source: CorpusSource, trim_rule: TrimRule | None, threads: int, memory: int, progress: Hook | None
    ) -> None:
        sparse()
        with scan(as_corpus(source), workers=threads, on_progress=vocabulary_progress(progress)) as scanned:
            vocabulary = select(
                scanned.counts, min_count=self.min_count, max_final_vocab=self.max_final_vocab, trim_rule=trim_rule
            )
            size = len(vocabulary)
            if self.vector_size > size:
                raise ValueError(
                    f"vector_size={self.vector_size} is more than the vocabulary's {size} words can fill: lower it, or "
                    f"lower min_count={self.min_count}"
                )
            with scanned.finish(vocabulary) as stream:
                counts = count_neighbours(
                    stream, size, self.window, self.weights, True, workers=threads, memory=memory, progress=progress
                )
        matrix = weighted(counts, self.weighting, shift=self.shift, smoothing=self.smoothing, workers=threads).to_scipy(
            size
        )
        u, s = _decompose(matrix, self.vector_size, self.solver, self.seed)
        self.singular_values = s
        self._set_words(vocabulary, u * s**self.eigenvalue_weighting)

    def _set_words(self, vocabulary: Vocabulary, vectors: NDArray[np.float32]) -> None:
        self.wv.add_vectors(vocabulary.words, np.ascontiguousarray(vectors, np.float32))
        self.wv.expandos["count"] = np.array(vocabulary.counts)

    def __repr__(self) -> str:
        return f"SVDEmbedding({len(self.wv)} words, vector_size={self.vector_size}, weighting={self.weighting!r})"

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the model to one safetensors file, atomically.

        Raises:
            OSError: the file cannot be written; one that was there before is still whole.
        """
        keys, key_offsets = pack_words(self.wv.index_to_key)
        arrays: dict[str, NDArray[Any]] = {
            "count": np.asarray(self.wv.expandos.get("count", np.empty(0)), np.int64),
            "keys": keys,
            "key_offsets": key_offsets,
            "vectors": np.asarray(self.wv.vectors, np.float32).reshape(-1, self.vector_size),
            "singular_values": self.singular_values,
        }
        settings = {name: getattr(self, name) for name in self._SETTINGS}
        write_safetensors(path, arrays, {"format": _FORMAT, "version": _VERSION, "settings": settings})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a model that :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not one of ours or is damaged.
        """
        arrays, metadata = read_safetensors(path)
        if metadata.get("format") != _FORMAT or metadata.get("version") != _VERSION:
            raise ValueError(
                f"{os.fspath(path)}: expected a {_FORMAT} file of version {_VERSION}, found "
                f"{metadata.get('format')!r}, version {metadata.get('version')!r}"
            )
        try:
            model = cls(**{name: metadata["settings"][name] for name in cls._SETTINGS})
            words = unpack_words(arrays["keys"], arrays["key_offsets"])
            expected = {"vectors": (len(words), model.vector_size), "count": (len(words),)}
            for name, shape in expected.items():
                if arrays[name].shape != shape:
                    raise ValueError(f"{name} of shape {arrays[name].shape} where {shape} is expected")
            model.singular_values = np.array(arrays["singular_values"], np.float32)
            if words:
                model._set_words(Vocabulary(words, arrays["count"]), arrays["vectors"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: damaged {_FORMAT} file: {error}") from error
        return model


def weighted(
    counts: SparseCounts, weighting: Weighting, *, shift: float = 1.0, smoothing: float = 0.75, workers: int
) -> SparseCounts:
    """The matrix M of :class:`SVDEmbedding`, made of symmetric counts in place."""
    offsets, columns, values = counts
    if weighting == "log":
        np.log1p(values, out=values)
    if weighting != "ppmi":
        return counts
    sums = np.bincount(columns, values, minlength=len(offsets) - 1)  # of rows and of columns: counts are symmetric
    with np.errstate(divide="ignore", invalid="ignore"):  # a word without neighbours has no entry that asks for it
        logs = np.log(sums)
        column_logs = smoothing * logs - np.log((sums[sums > 0] ** smoothing).sum())
    kept = _core.positive_information(
        offsets,
        columns,
        values,
        row_logs=logs,
        column_logs=column_logs,
        log_shift=float(np.log(shift)),
        threads=workers,
    )
    return SparseCounts(offsets, columns[:kept], values[:kept])


def _decompose(matrix: Any, rank: int, solver: Solver, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """U (n, rank) and the singular values, falling."""
    if 3 * rank >= matrix.shape[0]:
        u, s, _ = np.linalg.svd(matrix.toarray(), full_matrices=False)
        u, s = u[:, :rank], s[:rank]
    elif solver == "arpack":
        from scipy.sparse.linalg import svds

        first = np.random.default_rng(seed).standard_normal(matrix.shape[0]).astype(np.float32)
        u, s, _ = svds(matrix, k=rank, v0=first, return_singular_vectors="u")
        order = np.argsort(-s)
        u, s = u[:, order], s[order]
    else:
        try:
            from sklearn.utils.extmath import randomized_svd
        except ImportError as error:
            raise ImportError("solver='randomized' is scikit-learn's: pip install 'lexigrad[svd]'") from error
        u, s, _ = randomized_svd(matrix, rank, random_state=seed)
    greatest = np.argmax(np.abs(u), axis=0)
    signs = np.sign(u[greatest, np.arange(rank)])
    return np.asarray(u * signs, np.float32), np.asarray(s, np.float32)
