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
_ALONE = 0.5  # of the epochs: words are trained without topics
_CLUSTERED = 20_000  # documents, whose clusters the topics begin as
_SHARPNESS = 10.0  # of the first mixtures: weight of a cosine of 1
_FOLD_IN = 50  # steps that infer a mixture
_AT_ONCE = 1 << 16  # words gathered at a time
_ESTIMATES = 3  # steps that estimate p(word | topic)
_SMOOTHING = 0.01  # occurrences of every word that each topic has beforehand


class LDA2Vec(EmbeddingModel):
    """Skip-gram in which a word predicts its neighbours together with its document, a mixture of topics.

    Moody 2016, "Mixing Dirichlet topic models and word embeddings to make lda2vec". With v and u a word's two vectors,
    t_k the topics' and p a document's mixture, training maximises for each word j, with the words y around it,

    * sum_y log s(u_y . c) + sum over ``negative`` words n of log s(-u_n . c), c = v_j + sum_k p_k t_k,
    * and for each document ``strength`` * sum_k (``prior`` - 1) log p_k, which makes mixtures sparse (``prior`` < 1).

    The words of a window share their negative samples. For the first half of the epochs words are trained alone; then
    the topics begin as clusters of documents, and each document's mixture with the topics nearest to it. Stop words are
    best left out of the corpus.

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

    def _train(self, stream: TokenStream, *arguments: Any) -> tuple[int, int]:
        self._topic_words = np.zeros((0, 0), np.float32)
        try:
            return super()._train(stream, *arguments)
        finally:
            if self._topics_begun:
                self._topic_words = self._counted(stream)

    def _counted(self, stream: TokenStream) -> NDArray[np.float32]:
        """p(word | topic) by the corpus, given the documents' mixtures."""
        documents = _Documents(stream)
        p, phi = self.document_mixtures, self._predicted().astype(np.float32)
        for _ in range(_ESTIMATES):
            counts = np.full((len(self.wv), self.topics), _SMOOTHING)
            for first, last in documents.stretches():
                ids, owner = documents.words(first, last)
                share = p[owner] * phi.T[ids]
                share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-30)
                order = np.argsort(ids, kind="stable")
                starts = np.flatnonzero(np.diff(ids[order], prepend=-1))
                if len(starts):
                    counts[ids[order][starts]] += np.add.reduceat(share[order], starts, axis=0)
            phi = (counts / counts.sum(axis=0)).T.astype(np.float32)
        return np.ascontiguousarray(phi)

    def _take_vocabulary(self, vocabulary: Vocabulary) -> None:
        self._forget_documents()
        super()._take_vocabulary(vocabulary)

    def _forget_documents(self) -> None:
        self._topics_begun = False
        self._topic_words = np.zeros((0, 0), np.float32)  # p(word | topic) by the corpus, once training has ended
        self._weights = np.zeros((0, self.topics), np.float32)  # of the topics in each document, before the softmax
        self._lengths = np.zeros(0, np.int64)  # known words in each document

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return super()._arrays() | {
            "document_weights": self._weights,
            "document_lengths": self._lengths,
            "topic_words": self._topic_words,
        }

    def _restore(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        weights, lengths = arrays["document_weights"], arrays["document_lengths"]
        if weights.dtype != np.float32 or weights.shape != (len(lengths), self.topics):
            raise ValueError(
                f"document_weights of {weights.dtype} {weights.shape} where float32 {(len(lengths), self.topics)} is "
                "expected"
            )
        if lengths.dtype != np.int64 or lengths.ndim != 1 or not (np.isfinite(weights).all() and (lengths >= 0).all()):
            raise ValueError("document_lengths must be int64 and not negative, and document_weights finite")
        found = arrays["topic_words"]
        if found.dtype != np.float32 or found.shape not in ((0, 0), (self.topics, len(arrays["count"]))):
            raise ValueError(f"topic_words of {found.dtype} {found.shape} where a row for each topic is expected")
        if not (np.isfinite(found).all() and (found >= 0).all()):
            raise ValueError("topic_words must be finite and not negative")
        self._weights, self._lengths, self._topic_words = np.array(weights), np.array(lengths), np.array(found)
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
        """p(word | topic) (topics, words).

        While the model trains, and where training left documents aside, what a topic's vector predicts: negative
        sampling makes u_w . c an estimate of log p(w | c) - log(counts_w^ns_exponent) but for a constant, so that
        log p(w | k) = u_w . (t_k + v) + ns_exponent log counts_w + const, v the mean word vector.

        Once training has ended, the shares of each word's occurrences in the corpus that go to the topics by the
        mixtures of their documents, by a few steps of expectation maximisation that begin there.

        Raises:
            RuntimeError: there is no vocabulary yet.
        """
        self._check_trained()
        if self._topic_words.shape == (self.topics, len(self.wv)):
            return self._topic_words.astype(np.float64)
        return self._predicted()

    def _predicted(self) -> NDArray[np.float64]:
        """p(word | topic) by the vectors."""
        counts = self.wv.expandos["count"].astype(np.float64)
        mean = counts @ self.wv.vectors / max(counts.sum(), 1)
        scores = (self.topic_vectors + mean) @ self.output_vectors.T.astype(np.float64)
        return np.asarray(_softmax(scores + self.ns_exponent * np.log(np.maximum(counts, 1))))

    def topic_words(self, topic: int, topn: int = 10, relevance: float = 0.6) -> list[tuple[str, float]]:
        """The words that say most about a topic, with their probabilities p(word | topic).

        Args:
            topic: which.
            topn: how many words.
            relevance: weight of a word's probability in the topic; the rest goes to how much greater it is there than
                in the corpus: words are ordered by relevance log p(w | k) + (1 - relevance) log(p(w | k) / p(w))
                (Sievert and Shirley 2014, whose readers did best at 0.6). 1 orders by probability.

        Raises:
            ValueError: there is no such topic, or ``relevance`` is not from 0 to 1.
        """
        if not 0 <= topic < self.topics:
            raise ValueError(f"topic must be from 0 to {self.topics - 1}, not {topic}")
        if not 0 <= relevance <= 1:
            raise ValueError(f"relevance must be from 0 to 1, not {relevance}")
        p = self.topic_word_distributions()[topic]
        counts = np.maximum(self.wv.expandos["count"].astype(np.float64), 1)
        scores = np.log(np.maximum(p, 1e-300)) - (1 - relevance) * np.log(counts)
        best = np.argsort(-scores, kind="stable")[: whole("topn", topn, 0)]
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
        self.documents = _Documents(stream)
        ends = self.documents.ends
        if len(model._weights) != len(ends):  # another corpus: its documents are unknown as yet
            model._weights = np.zeros((len(ends), model.topics), np.float32)
        model._lengths = np.diff(ends, prepend=-1) - 1
        counts = np.ascontiguousarray(model.wv.expandos["count"], np.int64)
        self.fixed: dict[str, Any] = {
            "block": self.block,
            "threads": model.workers,
            "vector_size": size,
            "input": model._input.padded,
            "rows": model._output.padded,
            "topic_vectors": model._topics.padded,
            "weights": model._weights,
            "ends": ends,
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
        if not self.model._topics_begun and run.epoch >= min(max(1, int(_ALONE * run.epochs)), run.epochs - 1):
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
        """Topics begin as clusters of documents, documents with weights by their nearness to these.

        A document points to where the output vectors of its rarer words do; a topic begins as what the word vectors of
        its documents have in common.
        """
        model, documents = self.model, self.documents
        counts = model.wv.expandos["count"].astype(np.float64)
        rarity = np.log(counts.sum() / np.maximum(counts, 1))[:, None].astype(np.float32)
        output, word = (
            np.asarray(rarity * (vectors - counts @ vectors / counts.sum()), np.float32)
            for vectors in (model.output_vectors, model._input.view)
        )
        directions = np.concatenate([documents.sums(output, *stretch) for stretch in documents.stretches()])
        some = np.flatnonzero(directions.any(axis=1))
        if len(some) == 0:  # nothing tells the documents apart
            return
        some = some[:: -(-len(some) // _CLUSTERED)]
        groups = cluster_directions(directions[some], min(model.topics, len(some)), np.random.default_rng(model.seed))
        centres = np.zeros((model.topics, model.vector_size), np.float32)
        for centre, group in zip(centres, groups, strict=False):
            if len(group):
                centre[:] = unit_rows(directions[some[group]]).mean(axis=0)
        model._weights[:] = _SHARPNESS * (unit_rows(directions) @ unit_rows(centres).T)
        p = model.document_mixtures
        sums, weight = np.zeros_like(centres), np.zeros((model.topics, 1), np.float32)
        for first, last in documents.stretches():
            sums += p[first:last].T @ documents.sums(word, first, last)
            weight += p[first:last].T @ documents.sums(rarity, first, last)
        model.topic_vectors[:] = sums / np.maximum(weight, 1e-9)


class _Documents:
    """The documents of a stream in which every document has an end, in stretches that memory holds."""

    def __init__(self, stream: TokenStream) -> None:
        self.ids = stream.ids
        self.ends = np.flatnonzero(stream.ids == -1)

    def stretches(self) -> Iterable[tuple[int, int]]:
        """Documents [first, last) of about _AT_ONCE words."""
        first = 0
        while first < len(self.ends):
            last = max(first + 1, int(np.searchsorted(self.ends, self._begin(first) + _AT_ONCE)))
            yield first, last
            first = last

    def words(self, first: int, last: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The words of documents [first, last), and the document that each is in."""
        ids = np.asarray(self.ids[self._begin(first) : self.ends[last - 1] + 1])
        known = ids >= 0
        return ids[known], first + np.cumsum(~known)[known]

    def sums(self, rows: Matrix, first: int, last: int) -> Matrix:
        """The sums of their words' rows (last - first, columns)."""
        found = np.zeros((last - first, rows.shape[1]), np.float32)
        ids, owner = self.words(first, last)
        starts = np.flatnonzero(np.diff(owner, prepend=-1))
        if len(starts):
            found[owner[starts] - first] = np.add.reduceat(rows[ids], starts, axis=0)
        return found

    def _begin(self, document: int) -> int:
        return int(self.ends[document - 1]) + 1 if document else 0
