"""LDA2Vec: words, topics and documents in one space (Moody 2016)."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.embed.clustering import cluster_directions
from lexigrad.embed.coherence import coherence
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.matrix import Matrix, PaddedMatrix, unit_rows
from lexigrad.embed.model import EmbeddingModel
from lexigrad.embed.training import Kernel, Run, lock_factors, one_source, whole
from lexigrad.progress import Hook
from lexigrad.text.corpus import CorpusSource
from lexigrad.text.encoding import TokenStream
from lexigrad.text.vocabulary import TrimRule, Vocabulary

_MOST_TOPICS = 1 << 20
_DOCUMENT_RATE = 5.0  # of documents' weights, relative to vectors: each is seen in its document alone
_CLUSTERED = 20_000  # the most frequent words, whose clusters the topics begin as
_SHARPNESS = 10.0  # of the first mixtures: weight of a cosine of 1
_FOLD_IN = 50  # steps that infer a mixture
_AT_ONCE = 1 << 16  # words gathered at a time


class LDA2Vec(EmbeddingModel):
    """Skip-gram in which a word predicts its neighbours together with its document, a mixture of topics.

    Moody 2016, "Mixing Dirichlet topic models and word embeddings to make lda2vec". With v and u a word's two vectors,
    t_k the topics' and p a document's mixture, training maximises for each word j, with the words y around it,

    * sum_y log s(u_y . c) + sum over ``negative`` words n of log s(-u_n . c), c = v_j + sum_k p_k t_k,
    * and for each document ``strength`` * sum_k (``prior`` - 1) log p_k, which makes mixtures sparse (``prior`` < 1).

    The words of a window share their negative samples. For the first quarter of the epochs words are trained alone;
    then the topics begin as clusters of their vectors, and each document's mixture with the topics nearest to it.
    Stop words are best left out of the corpus.

    With ``workers=1`` and one seed the model is the same to the bit in every process on CPUs of the same kind.

    Args:
        documents: text files where each line is a document, or an iterable of token lists, as the sentences of
            :class:`lexigrad.Word2Vec`.
        corpus_file: a single text file.
        topics: how many.
        prior: concentration of the documents' Dirichlet distribution; None for 1 / topics.
        strength: weight of its logarithm.
        vector_size, alpha, window, min_count, max_vocab_size, max_final_vocab, sample, seed, workers, min_alpha,
            negative, ns_exponent, epochs, shrink_windows, trim_rule, compute_loss, callbacks, progress, checkpoint,
            checkpoint_seconds: as in :class:`lexigrad.Word2Vec`.

    Raises:
        ValueError: an argument is out of range, the corpus is empty or ``min_count`` leaves no word.
        TypeError, FloatingPointError, TrainingInterrupted: as :class:`lexigrad.Word2Vec` does.

    Example:
        >>> documents = [["pear", "plum", "apple"], ["saw", "drill", "hammer"]] * 100
        >>> model = LDA2Vec(documents, topics=2, vector_size=16, min_count=1, workers=1)
        >>> model.document_mixtures.shape
        (200, 2)
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = (
        "topics",
        "prior",
        "strength",
        "vector_size",
        "alpha",
        "window",
        "min_count",
        "max_vocab_size",
        "max_final_vocab",
        "sample",
        "seed",
        "workers",
        "min_alpha",
        "negative",
        "ns_exponent",
        "epochs",
        "shrink_windows",
        "compute_loss",
    )
    _MATRICES: ClassVar[Mapping[str, str]] = {
        "_input": "vectors",
        "_output": "output_vectors",
        "_topics": "topic_vectors",
    }
    _DRAWN: ClassVar[Mapping[str, int]] = {"_input": 0, "_topics": 1}
    _EVERY_END = True
    _STATE: ClassVar[tuple[str, ...]] = (*EmbeddingModel._STATE, "_topics_begun")

    _output: PaddedMatrix
    _topics: PaddedMatrix

    def __init__(
        self,
        documents: CorpusSource | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        topics: int = 20,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        negative: int = 5,
        ns_exponent: float = 0.75,
        epochs: int = 20,
        prior: float | None = None,
        strength: float = 1.0,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        trim_rule: TrimRule | None = None,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        *,
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> None:
        self.topics = whole("topics", topics, 1)
        if self.topics > _MOST_TOPICS:
            raise ValueError(f"topics must be at most {_MOST_TOPICS}, not {topics}")
        self.prior = 1.0 / self.topics if prior is None else float(prior)
        if not (self.prior > 0 and np.isfinite(self.prior)):
            raise ValueError(f"prior must be above 0, not {prior}")
        self.strength = float(strength)
        if not (self.strength >= 0 and np.isfinite(self.strength)):
            raise ValueError(f"strength must be 0 or above, not {strength}")
        self._set_common(
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
            epochs=epochs,
            compute_loss=compute_loss,
        )
        self.negative = whole("negative", negative, 1)
        self.ns_exponent = float(ns_exponent)
        if not np.isfinite(self.ns_exponent):
            raise ValueError(f"ns_exponent must be finite, not {self.ns_exponent}")
        self.shrink_windows = bool(shrink_windows)
        self._forget_documents()
        source = one_source(documents, corpus_file)
        self._fit(source, trim_rule, callbacks, progress, checkpoint, checkpoint_seconds)

    # What the base class asks for

    def _matrix_rows(self, words: int) -> dict[str, int]:
        return {"_input": words, "_output": words, "_topics": self.topics if words else 0}

    def _kernel(self, stream: TokenStream) -> Kernel:
        return _LDA2VecKernel(self, stream)

    def _take_vocabulary(self, vocabulary: Vocabulary) -> None:
        self._forget_documents()
        super()._take_vocabulary(vocabulary)

    def _forget_documents(self) -> None:
        self._topics_begun = False
        self._weights = np.zeros((0, self.topics), np.float32)  # of the topics in each document, before the softmax
        self._lengths = np.zeros(0, np.int64)  # known words in each document

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return super()._arrays() | {"document_weights": self._weights, "document_lengths": self._lengths}

    def _restore(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        weights, lengths = arrays["document_weights"], arrays["document_lengths"]
        if weights.dtype != np.float32 or weights.shape != (len(lengths), self.topics):
            raise ValueError(
                f"document_weights of {weights.dtype} {weights.shape} where float32 {(len(lengths), self.topics)} is "
                "expected"
            )
        if lengths.dtype != np.int64 or lengths.ndim != 1 or not (np.isfinite(weights).all() and (lengths >= 0).all()):
            raise ValueError("document_lengths must be int64 and not negative, and document_weights finite")
        self._weights, self._lengths = np.array(weights), np.array(lengths)
        super()._restore(arrays, state)

    # What was learnt

    @property
    def topic_vectors(self) -> Matrix:
        """The topics' vectors (topics, vector_size)."""
        return self._topics.view

    @property
    def tv(self) -> KeyedVectors:
        """The topics' vectors under the keys ``topic0``, ``topic1`` and so on."""
        found = KeyedVectors(self.vector_size)
        found.add_vectors([f"topic{k}" for k in range(len(self.topic_vectors))], self.topic_vectors)
        return found

    @property
    def output_vectors(self) -> Matrix:
        """The second vector u of every word (words, vector_size)."""
        return self._output.view

    @property
    def document_mixtures(self) -> NDArray[np.float32]:
        """The mixture of topics of each document of the corpus (documents, topics), in its order; rows sum to 1."""
        return np.asarray(_softmax(self._weights))

    def topic_word_distributions(self) -> NDArray[np.float64]:
        """p(word | topic) (topics, words): what a topic predicts beside an average word.

        Negative sampling makes u_w . c an estimate of log p(w | c) - log(counts_w^ns_exponent) but for a constant, so
        log p(w | k) = u_w . (t_k + v) + ns_exponent log counts_w + const, v the mean word vector.

        Raises:
            RuntimeError: there is no vocabulary yet.
        """
        self._check_trained()
        counts = self.wv.expandos["count"].astype(np.float64)
        mean = counts @ self.wv.vectors / max(counts.sum(), 1)
        scores = (self.topic_vectors + mean) @ self.output_vectors.T.astype(np.float64)
        return np.asarray(_softmax(scores + self.ns_exponent * np.log(np.maximum(counts, 1))))

    def topic_words(self, topic: int, topn: int = 10) -> list[tuple[str, float]]:
        """The most probable words of a topic, with probabilities.

        Raises:
            ValueError: there is no such topic.
        """
        if not 0 <= topic < self.topics:
            raise ValueError(f"topic must be from 0 to {self.topics - 1}, not {topic}")
        p = self.topic_word_distributions()[topic]
        best = np.argsort(-p, kind="stable")[: whole("topn", topn, 0)]
        return [(self.wv.index_to_key[i], float(p[i])) for i in best]

    def infer_mixtures(self, documents: Iterable[Iterable[str]]) -> NDArray[np.float64]:
        """The mixtures of topics of new documents (documents, topics).

        Expectation maximisation of the documents' likelihood under :meth:`topic_word_distributions`, with ``prior``
        occurrences of each topic added; the model stays as it is.

        Args:
            documents: token lists; words without a vector are skipped.
        """
        phi = self.topic_word_distributions()
        found = [self._fold_in(phi[:, ids]) for ids in self._encoded(documents)]
        return np.array(found).reshape(len(found), self.topics)

    def log_perplexity(self, documents: Iterable[Iterable[str]]) -> float:
        """The mean log likelihood of a known word of new documents, in nats: above, better; the perplexity is exp(-x).

        log p(w) = log sum_k p_k p(w | k), with the document's inferred mixture p.

        Raises:
            ValueError: no word of the documents is known.
        """
        phi = self.topic_word_distributions()
        total, words = 0.0, 0
        for ids in self._encoded(documents):
            if len(ids):
                total += float(np.log(self._fold_in(phi[:, ids]) @ phi[:, ids]).sum())
                words += len(ids)
        if words == 0:
            raise ValueError("no word of these documents is in the vocabulary: there is nothing to measure")
        return total / words

    def _fold_in(self, phi: NDArray[np.float64]) -> NDArray[np.float64]:
        """A mixture from p(word | topic) of a document's words (topics, n)."""
        p = np.full(self.topics, 1 / self.topics)
        for _ in range(_FOLD_IN):
            share = p[:, None] * phi
            p = self.prior + (share / np.maximum(share.sum(axis=0), 1e-300)).sum(axis=1)
            p /= p.sum()
        return p

    def _encoded(self, documents: Iterable[Iterable[str]]) -> Iterable[list[int]]:
        for document in documents:
            if isinstance(document, str):
                raise TypeError(f"a document must be a list of words, not the string {document[:40]!r}: split it first")
            yield [self.wv.key_to_index[word] for word in document if word in self.wv.key_to_index]

    def coherence(self, documents: Iterable[Iterable[str]], measure: str = "c_v", topn: int = 10) -> float:
        """How well the topics' words go together in some documents: see :func:`lexigrad.embed.coherence.coherence`."""
        words = [[word for word, _ in self.topic_words(k, topn)] for k in range(self.topics)]
        return coherence(words, documents, measure)

    def prepare(self) -> dict[str, Any]:
        """The arguments of ``pyLDAvis.prepare``, for the documents of the corpus that have a known word.

        Example:
            pyLDAvis.save_html(pyLDAvis.prepare(**model.prepare()), "topics.html")
        """
        some = self._lengths > 0
        return {
            "topic_term_dists": self.topic_word_distributions(),
            "doc_topic_dists": _softmax(self._weights[some].astype(np.float64)),
            "doc_lengths": self._lengths[some],
            "vocab": list(self.wv.index_to_key),
            "term_frequency": np.array(self.wv.expandos["count"]),
        }

    def _check_trained(self) -> None:
        if len(self.wv) == 0:
            raise RuntimeError("there is no vocabulary yet: call build_vocab and train first")


def _softmax(x: NDArray[Any]) -> NDArray[Any]:
    """Over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


class _LDA2VecKernel(Kernel):
    """``_core.lda2vec_train`` with what it needs for one model and one corpus."""

    def __init__(self, model: LDA2Vec, stream: TokenStream) -> None:
        size = model.vector_size
        targets = 2.0 * model.window + model.negative
        super().__init__(stream, model.workers, model.seed, 6.0 * size * targets + size * model.topics / 8.0)
        if lock_factors(model.wv.vectors_lockf, len(model.wv)) is not None:
            raise ValueError("LDA2Vec trains all words: wv.vectors_lockf must be 1")
        self.model = model
        self.ends = np.flatnonzero(stream.ids == -1)
        if len(model._weights) != len(self.ends):  # another corpus: its documents are unknown as yet
            model._weights = np.zeros((len(self.ends), model.topics), np.float32)
        model._lengths = np.diff(self.ends, prepend=-1) - 1
        counts = np.ascontiguousarray(model.wv.expandos["count"], np.int64)
        self.fixed: dict[str, Any] = {
            "block": self.block,
            "threads": model.workers,
            "vector_size": size,
            "input": model._input.padded,
            "rows": model._output.padded,
            "topic_vectors": model._topics.padded,
            "weights": model._weights,
            "ends": self.ends,
            "keep": _core.keep_limits(counts, model.sample) if model.sample > 0 else None,
            "alias": _core.alias_table(counts, model.ns_exponent),
            "negative": model.negative,
            "window": model.window,
            "shrink_windows": model.shrink_windows,
            "prior": model.prior,
            "strength": model.strength,
            "document_rate": _DOCUMENT_RATE,
            "compute_loss": model.compute_loss,
        }

    def advance(self, run: Run) -> int:
        if not self.model._topics_begun and run.epoch >= min(max(1, run.epochs // 4), run.epochs - 1):
            self._begin_topics()
            self.model._topics_begun = True
        return super().advance(run)

    def train(self, begin: int, end: int, **schedule: Any) -> dict[str, Any]:
        return _core.lda2vec_train(
            self.stream.ids,
            begin=begin,
            end=end,
            train_topics=self.model._topics_begun,
            **schedule,
            **self.fixed,
        )

    def _begin_topics(self) -> None:
        """Topics begin as the means of clusters of words, documents with weights by their distance to these."""
        words = self.model._input.view
        some = words[:_CLUSTERED]
        groups = cluster_directions(some, min(self.model.topics, len(some)), np.random.default_rng(self.model.seed))
        topics = self.model.topic_vectors
        for topic, group in zip(topics, groups, strict=False):
            if len(group):
                topic[:] = some[group].mean(axis=0)
        directions = unit_rows(topics)
        for first, last in self._stretches():
            sums = self._document_sums(first, last)
            self.model._weights[first:last] = _SHARPNESS * (unit_rows(sums) @ directions.T)

    def _stretches(self) -> Iterable[tuple[int, int]]:
        """Documents [first, last) of about _AT_ONCE words."""
        first = 0
        while first < len(self.ends):
            begin = self.ends[first - 1] + 1 if first else 0
            last = max(first + 1, int(np.searchsorted(self.ends, begin + _AT_ONCE)))
            yield first, last
            first = last

    def _document_sums(self, first: int, last: int) -> Matrix:
        """The sums of the documents' word vectors (last - first, vector_size)."""
        begin = self.ends[first - 1] + 1 if first else 0
        ids = np.asarray(self.stream.ids[begin : self.ends[last - 1] + 1])
        vectors = self.model._input.view[np.maximum(ids, 0)]
        vectors[ids < 0] = 0
        starts = np.concatenate([[begin], self.ends[first : last - 1] + 1]) - begin
        return np.asarray(np.add.reduceat(vectors, starts, axis=0))
