"""Doc2Vec: vectors of documents (Le and Mikolov 2014, "Distributed representations of sentences and documents")."""

import copy
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.matrix import Matrix, PaddedMatrix, draw_rows
from lexigrad.embed.training import Kernel, check_rates, epoch_key, lock_factors, one_source, whole
from lexigrad.embed.word2vec import Word2Vec
from lexigrad.io.vector_file import pack_words, unpack_words
from lexigrad.progress import Hook
from lexigrad.text.corpus import Corpus, CorpusSource
from lexigrad.text.documents import Documents, Tag
from lexigrad.text.encoding import TokenStream
from lexigrad.text.vocabulary import TrimRule, Vocabulary

_CALL_SECONDS = 0.1  # what one call of the compiled inference is sized for
_FIRST_CALL = 64  # documents
_DOCUMENTS_SEED = 7919  # added to the seed, so that documents do not begin where words do
_PADDING_SEED = 104729


class Doc2Vec(Word2Vec):
    """Vectors of documents, trained to predict their words (Le and Mikolov 2014).

    Every document has one tag or more, and every tag t a vector d_t (``dv``). Each word w of the document is predicted,
    by negative sampling or hierarchical softmax (see :class:`Word2Vec`), from

    * PV-DBOW (``dm=0``): d_t, for each tag alone; with ``dbow_words=1`` skip-gram trains word vectors besides;
    * PV-DM (``dm=1``): the mean (or sum) of the vectors of all tags and of the words around w;
    * PV-DM with concatenation (``dm_concat=1``): d_t of exactly ``dm_tag_count`` tags and the ``window`` words before
      and after w, side by side; a vector of its own stands for words beyond the document's edges.

    Tags are ints or strings. Any ints will do: there is a row for each tag that occurs, and none for gaps between them.
    Where all are 0, 1, ..., tag i has row i.

    With ``workers=1`` and one seed vectors are the same to the bit, as with :class:`Word2Vec`; inference is for any
    number of workers.

    Args:
        documents: an iterable of :class:`TaggedDocument` (or objects with ``words`` and ``tags``) that can be walked
            more than once; or text files as :class:`Word2Vec` takes them, where each line is a document and its tag
            the line's number, counted from 0. None makes a model to be trained later by ``build_vocab`` and ``train``.
        corpus_file: the same for a single text file, as in gensim.
        vector_size: floats in a vector.
        dm_mean: 0 for the sum of the context's vectors, 1 for their mean; None is 1.
        dm: 1 for PV-DM, 0 for PV-DBOW.
        dbow_words: 1 to train word vectors with PV-DBOW.
        dm_concat: 1 for concatenation, with a window that does not shrink.
        dm_tag_count: the tags of every document with ``dm_concat``.
        epochs: passes over the corpus, and of inference.
        alpha, min_alpha, window, min_count, max_vocab_size, max_final_vocab, sample, seed, workers, hs, negative,
        ns_exponent, trim_rule, compute_loss, callbacks, shrink_windows, progress, checkpoint, checkpoint_seconds: as
            for :class:`Word2Vec`.
        comment, dv_mapfile: taken so that gensim code runs; without effect.

    Attributes:
        dv: the tags and their vectors.
        wv: the words and theirs.

    Raises:
        ValueError, TypeError, FloatingPointError, TrainingInterrupted: as :class:`Word2Vec` does; a document without
            exactly ``dm_tag_count`` known tags is a ValueError with ``dm_concat``.

    Example:
        >>> texts = [["sun", "moon", "star"], ["bread", "milk", "salt"]] * 50
        >>> documents = [TaggedDocument(words, [i]) for i, words in enumerate(texts)]
        >>> model = Doc2Vec(documents, dm=0, vector_size=16, min_count=1, workers=1)
        >>> model.dv[7].shape, model.infer_vector(["moon", "sun"]).shape
        ((16,), (16,))
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = (
        *(name for name in Word2Vec._SETTINGS if name not in ("sg", "cbow_mean", "loss")),
        "dm",
        "dm_mean",
        "dbow_words",
        "dm_concat",
        "dm_tag_count",
    )
    _MATRICES: ClassVar[Mapping[str, str]] = {
        **Word2Vec._MATRICES,
        "_documents": "document_vectors",
        "_padding": "padding_vector",
    }
    _DRAWN: ClassVar[Mapping[str, int]] = {"_input": 0, "_documents": _DOCUMENTS_SEED, "_padding": _PADDING_SEED}
    _EVERY_END = True

    _documents: PaddedMatrix  # behind dv.vectors
    _padding: PaddedMatrix  # what stands for words beyond a document's edges

    def __init__(
        self,
        documents: CorpusSource | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        vector_size: int = 100,
        dm_mean: int | None = None,
        dm: int = 1,
        dbow_words: int = 0,
        dm_concat: int = 0,
        dm_tag_count: int = 1,
        dv_mapfile: Any = None,
        comment: str | None = None,
        trim_rule: TrimRule | None = None,
        callbacks: Iterable[Any] = (),
        window: int = 5,
        epochs: int = 10,
        shrink_windows: bool = True,
        *,
        alpha: float = 0.025,
        min_alpha: float = 0.0001,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        max_final_vocab: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        compute_loss: bool = False,
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> None:
        del dv_mapfile, comment
        self.dbow_words = int(bool(dbow_words))
        self.dm_concat = int(bool(dm and dm_concat))
        self.dm_tag_count = whole("dm_tag_count", dm_tag_count, 0)
        super().__init__(
            vector_size=vector_size,
            alpha=alpha,
            min_alpha=min_alpha,
            window=window,
            min_count=min_count,
            max_vocab_size=max_vocab_size,
            max_final_vocab=max_final_vocab,
            sample=sample,
            seed=seed,
            workers=workers,
            sg=0 if dm else 1,
            hs=hs,
            negative=negative,
            ns_exponent=ns_exponent,
            cbow_mean=1 if dm_mean is None else dm_mean,
            epochs=epochs,
            compute_loss=compute_loss,
            shrink_windows=shrink_windows,
        )
        self.dv = KeyedVectors(self.vector_size)
        self._source: Documents | None = None  # that is being read or trained on
        self._inference: _core.Doc2VecTrainer | None = None
        source = one_source(documents, corpus_file)
        self._fit(source, trim_rule, callbacks, progress, checkpoint, checkpoint_seconds)

    def __repr__(self) -> str:
        kind = "dbow" if self.sg else "dm-concat" if self.dm_concat else "dm-mean" if self.cbow_mean else "dm-sum"
        return (
            f"{type(self).__name__}({kind}, {len(self.dv)} tags, {len(self.wv)} words, "
            f"vector_size={self.vector_size}, alpha={self.alpha})"
        )

    @property
    def dm(self) -> int:
        """1 for PV-DM, 0 for PV-DBOW."""
        return 1 - self.sg

    @property
    def dbow(self) -> int:
        """1 for PV-DBOW, 0 for PV-DM."""
        return self.sg

    @property
    def dm_mean(self) -> int:
        """1 for the mean of a context's vectors, 0 for their sum."""
        return self.cbow_mean

    @property
    def layer1_size(self) -> int:
        """Floats that predict a word: ``vector_size``, or with ``dm_concat`` that of all places together."""
        return self.vector_size * (self.dm_tag_count + 2 * self.window) if self.dm_concat else self.vector_size

    def __getitem__(self, tag: Any) -> Matrix:
        """The same as ``dv[tag]``."""
        return self.dv[tag]

    # Documents that are not in the corpus

    def infer_vector(
        self,
        doc_words: Sequence[str],
        alpha: float | None = None,
        min_alpha: float | None = None,
        epochs: int | None = None,
    ) -> Matrix:
        """The vector of a new document (vector_size,): what :meth:`infer_vectors` gives for it alone."""
        if isinstance(doc_words, str):
            raise TypeError(f"expected the document's list of words, not the string {doc_words[:40]!r}: split it first")
        vector: Matrix = self.infer_vectors([doc_words], alpha, min_alpha, epochs)[0]
        return vector

    def infer_vectors(
        self,
        documents: Iterable[Iterable[str]],
        alpha: float | None = None,
        min_alpha: float | None = None,
        epochs: int | None = None,
    ) -> Matrix:
        """The vectors of many new documents (documents, vector_size), on all workers.

        Each document is trained for itself, with all that the model has learnt left as it is. Its vector depends on
        the seed and its words, and neither on the other documents nor on the number of workers. Unknown words are
        skipped; a document without a known word keeps the vector that all begin with.

        Args:
            documents: lists of words.
            alpha, min_alpha: learning rates of the first and the last pass; default the model's.
            epochs: passes; default the model's.

        Raises:
            RuntimeError: there is no vocabulary yet.
            TypeError: a document is a string.
            ValueError: a learning rate or ``epochs`` is out of range, or ``dm_tag_count`` is not 1.
            FloatingPointError: a vector grew to infinity: the learning rate is too high.
        """
        if len(self.wv) == 0:
            raise RuntimeError("there is no vocabulary yet: call build_vocab and train before inferring vectors")
        if self.dm_concat and self.dm_tag_count != 1:
            raise ValueError(f"new documents have one tag each, but dm_tag_count is {self.dm_tag_count}")
        first = self.alpha if alpha is None else float(alpha)
        last = self.min_alpha if min_alpha is None else float(min_alpha)
        check_rates(first, last)
        passes = whole("epochs", self.epochs if epochs is None else epochs, 1)
        tokens, offsets = self._known_words(documents)
        vectors = PaddedMatrix(len(offsets) - 1, self.vector_size)
        if len(vectors.view):
            draw_rows(vectors.view[:1], self.seed)
            vectors.view[1:] = vectors.view[0]
        self._infer(tokens, offsets, vectors, first, last, [epoch_key(self.seed, i) for i in range(passes)])
        return np.ascontiguousarray(vectors.view)

    def similarity_unseen_docs(
        self,
        doc_words1: Sequence[str],
        doc_words2: Sequence[str],
        alpha: float | None = None,
        min_alpha: float | None = None,
        epochs: int | None = None,
    ) -> np.float32:
        """The cosine of the inferred vectors of two new documents; arguments as in :meth:`infer_vectors`."""
        for words in (doc_words1, doc_words2):
            if isinstance(words, str):
                raise TypeError(f"expected a document's list of words, not the string {words[:40]!r}: split it first")
        a, b = self.infer_vectors([doc_words1, doc_words2], alpha, min_alpha, epochs)
        length = np.linalg.norm(a) * np.linalg.norm(b)
        return np.float32(a @ b / length if length else 0.0)

    def _known_words(self, documents: Iterable[Iterable[str]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of the known words of all documents, and where each document begins."""
        index = self.wv.key_to_index
        ids: list[int] = []
        offsets = [0]
        for place, words in enumerate(documents):
            if isinstance(words, str | bytes):
                raise TypeError(
                    f"document {place} (counted from 0) must be a list of words, not the string {words[:40]!r}"
                )
            ids.extend(index[word] for word in words if word in index)
            offsets.append(len(ids))
        return np.array(ids, np.int32), np.array(offsets, np.int64)

    def _infer(
        self,
        tokens: NDArray[np.int32],
        offsets: NDArray[np.int64],
        vectors: PaddedMatrix,
        alpha: float,
        min_alpha: float,
        keys: list[int],
    ) -> None:
        """Train the vectors, so many in a call that Ctrl-C is heard in between."""
        self._adopt_replaced_vectors()
        if self._inference is None:
            self._inference = _trainer(self)
        begin, count = 0, _FIRST_CALL
        while begin < len(vectors.view):
            end = min(begin + count, len(vectors.view))
            started = time.monotonic()
            diverged = self._inference.infer(
                tokens[offsets[begin] : offsets[end]],
                offsets=offsets[begin : end + 1] - offsets[begin],
                vectors=vectors.padded[begin:end],
                threads=self.workers,
                epochs=len(keys),
                alpha=alpha,
                min_alpha=min_alpha,
                keys=keys,
            )
            if diverged:
                raise FloatingPointError(
                    f"inference diverged: some vectors are infinite or not a number (alpha={alpha}); take a smaller "
                    "alpha"
                )
            seconds = max(time.monotonic() - started, 1e-6)
            begin, count = end, max(self.workers, int(min(4 * count, count * _CALL_SECONDS / seconds)))

    # What the base asks for

    def _matrix_rows(self, words: int) -> dict[str, int]:
        return {
            **super()._matrix_rows(words),
            "_documents": len(self.dv),
            "_padding": self.dm_concat,
        }

    def _matrix_size(self, name: str) -> int:
        return self.layer1_size if name in ("_output", "_nodes") else self.vector_size

    def _keyed(self) -> dict[str, KeyedVectors]:
        return {**super()._keyed(), "_documents": self.dv}

    def _kernel(self, stream: TokenStream) -> Kernel:
        assert self._source is not None
        return _Doc2VecKernel(self, stream, self._source)

    def _read(self, source: CorpusSource) -> Corpus:
        self._source = Documents(source)
        return self._source.corpus

    def _train(self, *arguments: Any) -> tuple[int, int]:
        try:
            return super()._train(*arguments)
        finally:
            self._source = None

    def _take_vocabulary(self, vocabulary: Vocabulary) -> None:
        self._set_tags([] if self._source is None else self._source.tags())
        super()._take_vocabulary(vocabulary)

    def _extend_vocabulary(self, vocabulary: Vocabulary) -> None:
        self._adopt_replaced_vectors()
        if self._source is not None:
            known = self.dv.key_to_index
            self._set_tags([*self.dv.index_to_key, *(tag for tag in self._source.tags() if tag not in known)])
        super()._extend_vocabulary(vocabulary)

    def _adopt_replaced_vectors(self) -> None:
        before = [getattr(self, name) for name in self._MATRICES]
        super()._adopt_replaced_vectors()
        if any(getattr(self, name) is not matrix for name, matrix in zip(self._MATRICES, before, strict=True)):
            self._inference = None

    def _set_words(self, vocabulary: Vocabulary) -> None:
        super()._set_words(vocabulary)
        self._inference = None

    def _set_tags(self, tags: list[Tag]) -> None:
        self.dv.index_to_key = tags
        self.dv.key_to_index = {tag: row for row, tag in enumerate(tags)}
        self.dv.rows_as_keys = not any(isinstance(tag, int) for tag in tags)

    def _copy_keyed(self) -> None:
        super()._copy_keyed()
        self.dv = copy.copy(self.dv)
        self.dv.expandos = dict(self.dv.expandos)
        self.dv.vectors = self._documents.view

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_source": None, "_inference": None}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        tags = self.dv.index_to_key
        whole_tags = np.array([isinstance(tag, int) for tag in tags], np.uint8)
        strings, string_offsets = pack_words([tag for tag in tags if isinstance(tag, str)])
        return {
            **super()._arrays(),
            "tag_is_integer": whole_tags,
            "integer_tags": np.array([tag for tag in tags if isinstance(tag, int)], np.int64),
            "string_tags": strings,
            "string_tag_offsets": string_offsets,
            "document_vectors_lockf": np.asarray(self.dv.vectors_lockf, np.float32),
        }

    def _restore(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        strings = unpack_words(arrays["string_tags"], arrays["string_tag_offsets"])
        whole_tags, integers = arrays["tag_is_integer"], arrays["integer_tags"]
        if whole_tags.ndim != 1 or integers.shape != (np.count_nonzero(whole_tags),) or integers.dtype != np.int64:
            raise ValueError("tag_is_integer must tell for each tag whether it is one of integer_tags")
        if len(whole_tags) != len(integers) + len(strings):
            raise ValueError(f"{len(whole_tags)} tags, but {len(integers)} integers and {len(strings)} strings")
        in_turn = {True: iter(integers.tolist()), False: iter(strings)}
        tags: list[Tag] = [next(in_turn[bool(integer)]) for integer in whole_tags]
        if len(set(tags)) != len(tags):
            raise ValueError("a tag is there twice")
        self._set_tags(tags)
        super()._restore(arrays, state)
        self.dv.vectors_lockf = np.array(arrays["document_vectors_lockf"], np.float32)


class _Doc2VecKernel(Kernel):
    """``_core.Doc2VecTrainer`` on one corpus."""

    def __init__(self, model: Doc2Vec, stream: TokenStream, documents: Documents) -> None:
        super().__init__(stream, model.workers, model.seed, _flops_per_token(model))
        self.trainer = _trainer(model)
        self.compute_loss = model.compute_loss
        self.ends = np.flatnonzero(stream.ids == -1)
        tag_offsets, tags = documents.rows(model.dv.key_to_index)
        found = len(tag_offsets) - 1
        if len(self.ends) != found:
            raise ValueError(f"the corpus changed while it was read: {found} documents became {len(self.ends)}")
        if model.dm_concat:
            _check_tag_counts(tag_offsets, model.dm_tag_count)
        alone = len(tags) == len(self.ends) and bool((tags == np.arange(len(tags))).all())
        self.tag_offsets = None if alone else tag_offsets
        self.tags = None if alone else tags

    def train(self, begin: int, end: int, **schedule: Any) -> dict[str, Any]:
        return self.trainer.train(
            self.stream.ids,
            begin=begin,
            end=end,
            block=self.block,
            threads=self.workers,
            ends=self.ends,
            tag_offsets=self.tag_offsets,
            tags=self.tags,
            compute_loss=self.compute_loss,
            **schedule,
        )


def _check_tag_counts(tag_offsets: NDArray[np.int64], expected: int) -> None:
    counts = np.diff(tag_offsets)
    wrong = np.flatnonzero(counts != expected)
    if len(wrong):
        raise ValueError(
            f"dm_concat needs dm_tag_count={expected} known tags of every document, but document {wrong[0]} (counted "
            f"from 0) has {counts[wrong[0]]}"
        )


def _trainer(model: Doc2Vec) -> _core.Doc2VecTrainer:
    counts = np.ascontiguousarray(model.wv.expandos["count"], np.int64)
    return _core.Doc2VecTrainer(
        vector_size=model.vector_size,
        input=model._input.padded,
        rows=model._output.padded if model.negative else None,
        nodes=model._nodes.padded if model.hs else None,
        lock=lock_factors(model.wv.vectors_lockf, len(counts)),
        keep=_core.keep_limits(counts, model.sample) if model.sample > 0 else None,
        alias=_core.alias_table(counts, model.ns_exponent) if model.negative else None,
        tree=_core.huffman(counts) if model.hs else None,
        negative=model.negative,
        documents=model._documents.padded,
        document_lock=lock_factors(model.dv.vectors_lockf, len(model.dv)),
        window=model.window,
        shrink_windows=model.shrink_windows and not model.dm_concat,
        dbow=bool(model.dbow),
        mean=bool(model.dm_mean),
        train_words=bool(model.dbow_words),
        padding=model._padding.padded if model.dm_concat else None,
        tag_count=model.dm_tag_count,
    )


def _flops_per_token(model: Doc2Vec) -> float:
    outputs = (1 + model.negative if model.negative else 0) + (len(model.wv).bit_length() if model.hs else 0)
    context = 1 + 2.0 * model.window if model.dbow_words else 1.0
    return 6.0 * model.layer1_size * outputs * context
