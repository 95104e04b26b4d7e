"""AdaGram: several vectors for words of several meanings (Bartunov et al. 2016), under AdaGram.jl's names."""

import copy
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lexigrad import _core
from lexigrad.embed.clustering import cluster_directions
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.matrix import Matrix, PaddedMatrix, unit_rows
from lexigrad.embed.model import EmbeddingModel
from lexigrad.embed.training import Kernel, check_rates, lock_factors, one_source, whole
from lexigrad.progress import Hook
from lexigrad.text.corpus import CorpusSource
from lexigrad.text.encoding import TokenStream
from lexigrad.text.vocabulary import RULE_DEFAULT, RULE_DISCARD, TrimRule, Vocabulary, WordCounts

_LEAST_RATE = 1e-4  # the learning rate at the end of a run, relative to the first one
_MOST_PROTOTYPES = 1 << 20


class AdaGram(EmbeddingModel):
    """Adaptive skip-gram: finds out how many senses each word has, and trains a vector for each.

    Bartunov, Kondrashkin, Osokin and Vetrov 2016, "Breaking sticks and ambiguities with adaptive skip-gram". A word x
    has at most ``prototypes`` senses k, each with a vector v_xk and a prior probability pi_xk by breaking a stick:

    * beta_xk ~ Beta(1 - d, alpha + k d), pi_xk = beta_xk (1 - beta_x1) ... (1 - beta_x,k-1);
    * p(y | x, k): the binary decisions of a Huffman tree over the counts, as in ``Word2Vec(hs=1)``.

    Training goes through the corpus once or a few times. Of each occurrence it infers the probability of every sense
    from the words around it, moves the vectors by these probabilities, and the senses' shares n_xk towards them.

    Senses are numbered from 0 (AdaGram.jl: from 1). ``wv`` maps each word to the vector of its most probable sense;
    :meth:`sense_keyedvectors` has all of them.

    With ``workers=1`` and one seed the vectors are the same to the bit in every process on CPUs of the same kind;
    with more workers threads update rows without locks and results differ in detail.

    Args:
        sentences, corpus_file: the corpus, as in :class:`lexigrad.Word2Vec`.
        vector_size: floats in a vector (AdaGram.jl: dim).
        window: the farthest distance between a word and its context.
        min_count: words that occur less often are ignored (min-freq).
        prototypes: the most senses that a word can have; memory grows with it.
        alpha: concentration of the prior: the larger, the more senses are found; 0.05 to 0.2 are useful. Not the
            learning rate, which is ``start_lr``.
        d: discount of the Pitman-Yor process, at least 0 and below 1; 0 is the Dirichlet process of the paper.
        sample: occurrences of frequent words are dropped as in :class:`lexigrad.Word2Vec`; 0 keeps all (subsample).
        remove_top_k: so many of the most frequent words are ignored.
        stopwords: words to ignore.
        regex: words in which this is not found are ignored; None for no such rule.
        init_count: occurrences that the first sense of each word begins with; None or not above 0 for all of the
            word's.
        sense_threshold: senses of a smaller probability take no part in a step (sense-treshold).
        start_lr: the learning rate at the beginning; it falls linearly to 1e-4 of that.
        shrink_windows: whether each word draws its own window from 1..window (context-cut).
        epochs, workers, seed, max_vocab_size, max_final_vocab, trim_rule, compute_loss, callbacks, progress,
            checkpoint, checkpoint_seconds: as in :class:`lexigrad.Word2Vec`. The loss is the mean over pairs of a word
            and a context word of -log p(context | sense), averaged over the senses by their probability.

    Raises:
        ValueError: an argument is out of range, the corpus is empty or no word is left.
        TypeError: the corpus is not of a kind that ``Word2Vec`` takes.
        FloatingPointError: the vectors grew to infinity: the learning rate is too high.
        TrainingInterrupted: Ctrl-C; its ``.model`` is the model so far.

    Example:
        >>> sentences = [["the", "apple", "pie"], ["an", "apple", "computer"]] * 100
        >>> model = AdaGram(sentences, vector_size=16, min_count=1, epochs=5)
        >>> model.disambiguate("apple", ["pie"]).shape
        (5,)
    """

    _SETTINGS = (
        "vector_size",
        "window",
        "min_count",
        "prototypes",
        "alpha",
        "d",
        "sample",
        "remove_top_k",
        "stopwords",
        "regex",
        "init_count",
        "sense_threshold",
        "start_lr",
        "shrink_windows",
        "epochs",
        "workers",
        "seed",
        "max_vocab_size",
        "max_final_vocab",
        "compute_loss",
    )
    _MATRICES: ClassVar[Mapping[str, str]] = {"_input": "vectors", "_nodes": "node_vectors"}
    _DRAWN: ClassVar[Mapping[str, int]] = {"_input": 0, "_nodes": 1}

    _nodes: PaddedMatrix
    _occurrences: NDArray[np.float32]  # (words, prototypes)

    def __init__(
        self,
        sentences: CorpusSource | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        vector_size: int = 100,
        window: int = 4,
        min_count: int = 20,
        prototypes: int = 5,
        alpha: float = 0.1,
        d: float = 0.0,
        sample: float = 0.0,
        remove_top_k: int = 0,
        stopwords: Iterable[str] = (),
        regex: str | None = None,
        init_count: float | None = None,
        sense_threshold: float = 1e-10,
        start_lr: float = 0.025,
        shrink_windows: bool = False,
        epochs: int = 1,
        workers: int = 1,
        seed: int = 1,
        max_vocab_size: int | None = None,
        max_final_vocab: int | None = None,
        trim_rule: TrimRule | None = None,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        *,
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> None:
        self.prototypes = whole("prototypes", prototypes, 1)
        if self.prototypes > _MOST_PROTOTYPES:
            raise ValueError(f"prototypes must be at most {_MOST_PROTOTYPES}, not {prototypes}")
        self._occurrences = np.empty((0, self.prototypes), np.float32)
        self.start_lr = float(start_lr)
        check_rates(self.start_lr, 0.0)
        self._set_common(
            vector_size=vector_size,
            alpha=self.start_lr,
            min_alpha=self.start_lr * _LEAST_RATE,
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
        self.alpha = float(alpha)
        if not (self.alpha > 0 and np.isfinite(self.alpha)):
            raise ValueError(f"alpha, the concentration of the prior, must be above 0, not {alpha}")
        self.d = float(d)
        if not 0 <= self.d < 1:
            raise ValueError(f"d must be at least 0 and below 1, not {d}")
        self.sense_threshold = float(sense_threshold)
        if not 0 <= self.sense_threshold < 1:
            raise ValueError(f"sense_threshold must be at least 0 and below 1, not {sense_threshold}")
        self.init_count = None if init_count is None else float(init_count)
        if self.init_count is not None and not np.isfinite(self.init_count):
            raise ValueError(f"init_count must be finite, not {init_count}")
        self.remove_top_k = whole("remove_top_k", remove_top_k, 0)
        if isinstance(stopwords, str):
            raise TypeError(f"stopwords must be words, not the string {stopwords!r}")
        self.stopwords = sorted(set(stopwords))
        self.regex = regex
        if regex is not None:
            try:
                re.compile(regex)
            except re.error as error:
                raise ValueError(f"regex {regex!r} is not a regular expression: {error}") from error
        self.shrink_windows = bool(shrink_windows)
        source = one_source(sentences, corpus_file)
        self._fit(source, trim_rule, callbacks, progress, checkpoint, checkpoint_seconds)

    # What the base class asks for

    def _rates(self) -> tuple[float, float]:
        return self.start_lr, self.start_lr * _LEAST_RATE

    def _matrix_rows(self, words: int) -> dict[str, int]:
        return {"_input": words * self.prototypes, "_nodes": max(words - 1, 0)}

    def _kernel(self, stream: TokenStream) -> Kernel:
        return _AdaGramKernel(self, stream)

    def _limits(self, trim_rule: TrimRule | None) -> dict[str, Any]:
        limits = super()._limits(trim_rule)
        if self.stopwords or self.regex:
            limits["trim_rule"] = _word_rule(frozenset(self.stopwords), re.compile(self.regex or ""), trim_rule)
        return limits

    def _select(self, counts: WordCounts, trim_rule: TrimRule | None) -> Vocabulary:
        vocabulary = super()._select(counts, trim_rule)
        if self.remove_top_k == 0:
            return vocabulary
        if self.remove_top_k >= len(vocabulary):
            raise ValueError(f"remove_top_k={self.remove_top_k} leaves none of the {len(vocabulary)} words")
        return Vocabulary(
            vocabulary.words[self.remove_top_k :],
            vocabulary.counts[self.remove_top_k :],
            raw_words=vocabulary.raw_words,
            sentences=vocabulary.sentences,
            min_count=vocabulary.min_count,
        )

    def _draw_first_vectors(self, known: Mapping[str, int]) -> None:
        """Senses and nodes become uniform in (-1, 1) / (2 vector_size), as AdaGram.jl draws them."""
        super()._draw_first_vectors(known)
        for name in self._DRAWN:
            getattr(self, name).view[known.get(name, 0) :] /= 2
        self._occurrences = self._occurrences[: known.get("_input", 0) // self.prototypes]

    def _set_words(self, vocabulary: Vocabulary) -> None:
        fresh = self._first_occurrences(vocabulary.counts[len(self._occurrences) :])
        self._occurrences = np.concatenate([self._occurrences, fresh])
        super()._set_words(vocabulary)
        self.wv.vectors = self._word_vectors()

    def _first_occurrences(self, counts: NDArray[np.int64]) -> NDArray[np.float32]:
        """All of a word's occurrences, or ``init_count``, in its first sense."""
        occurrences = np.zeros((len(counts), self.prototypes), np.float32)
        occurrences[:, 0] = self.init_count if self.init_count is not None and self.init_count > 0 else counts
        return occurrences

    # wv holds copies of vectors, which are made anew when senses have changed.

    def _keyed(self) -> dict[str, KeyedVectors]:
        return {}

    def _word_vectors(self) -> Matrix:
        """The vector of each word's most probable sense (words, vector_size)."""
        best = self._expected_pi(slice(None)).argmax(axis=1)
        return np.asarray(self.vectors[np.arange(len(best)), best])

    def _forget_norms(self) -> None:
        self.wv.vectors = self._word_vectors()
        self.wv.norms = None

    def _copy_keyed(self) -> None:
        self.wv = copy.copy(self.wv)
        self.wv.expandos = dict(self.wv.expandos)
        self.wv.vectors = self._word_vectors()

    def _adopt_replaced_vectors(self) -> None:
        if len(self.wv) != len(self._occurrences):
            raise ValueError(
                f"wv must hold the {len(self._occurrences)} words of the vocabulary, not {len(self.wv)}: add words "
                "with build_vocab(..., update=True)"
            )

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return super()._arrays() | {"occurrences": self._occurrences}

    def _restore(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        occurrences, words = arrays["occurrences"], len(arrays["count"])
        if occurrences.dtype != np.float32 or occurrences.shape != (words, self.prototypes):
            raise ValueError(
                f"occurrences of {occurrences.dtype} {occurrences.shape} where float32 {(words, self.prototypes)} is "
                "expected"
            )
        if not (np.isfinite(occurrences).all() and (occurrences >= 0).all()):
            raise ValueError("occurrences of senses must be finite and not negative")
        self._occurrences = np.array(occurrences)
        super()._restore(arrays, state)

    # Senses

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors of all senses (words, prototypes, vector_size): ``vectors[row, sense]``, a view."""
        padded = self._input.padded
        shape = (len(self._occurrences), self.prototypes, padded.shape[1])
        return padded.reshape(shape)[:, :, : self.vector_size]

    @property
    def occurrences(self) -> NDArray[np.float32]:
        """How many of each word's occurrences are in each sense (words, prototypes), as far as training has found."""
        return self._occurrences

    def expected_pi(self, word: str | int) -> NDArray[np.float64]:
        """The prior probability of each sense of a word (prototypes,): E pi_xk of the stick-breaking process.

        Args:
            word: a word, or its row.

        Raises:
            KeyError: the word is not in the vocabulary.
        """
        return self._expected_pi(self._row(word))

    def _row(self, word: str | int) -> int:
        return int(self.wv.get_index(word))

    def _expected_pi(self, rows: int | slice) -> NDArray[np.float64]:
        return stick_lengths(self._occurrences[rows], self.alpha, self.d)

    def sense_counts(self, min_prob: float = 1e-3) -> NDArray[np.int64]:
        """How many senses each word has (words,): those whose prior probability is at least ``min_prob``."""
        return np.asarray(np.count_nonzero(self._expected_pi(slice(None)) >= min_prob, axis=1))

    def senses(self, word: str | int, min_prob: float = 1e-3) -> list[tuple[int, float]]:
        """The senses of a word with a prior probability of at least ``min_prob``: (sense, probability).

        Raises:
            KeyError: the word is not in the vocabulary.
        """
        probabilities = self.expected_pi(word)
        return [(int(k), float(probabilities[k])) for k in np.flatnonzero(probabilities >= min_prob)]

    def sense_vector(self, word: str | int, sense: int) -> NDArray[np.float32]:
        """The vector of a sense (vector_size,), a view.

        Raises:
            KeyError: the word is not in the vocabulary.
            ValueError: there is no such sense.
        """
        if not 0 <= sense < self.prototypes:
            raise ValueError(f"sense must be from 0 to {self.prototypes - 1}, not {sense}")
        return np.asarray(self.vectors[self._row(word), sense])

    def disambiguate(
        self, word: str | int, context_words: Iterable[str | int], use_prior: bool = True, min_prob: float = 1e-3
    ) -> NDArray[np.float64]:
        """The probability of each sense of a word between some context words (prototypes,).

        q_k is proportional to E pi_xk times the product over the context words y of p(y | x, k).

        Args:
            word: a word, or its row.
            context_words: words around it, in any order; unknown ones are skipped.
            use_prior: else all senses are as probable before the context is seen.
            min_prob: senses with a smaller prior probability get 0; without effect where ``use_prior`` is False.

        Raises:
            KeyError: the word is not in the vocabulary.
            TypeError: the context words are one string.
        """
        if isinstance(context_words, str):
            raise TypeError(f"context_words must be a list of words, not the string {context_words!r}: split it first")
        row = self._row(word)
        log_q = np.zeros(self.prototypes)
        if use_prior:
            prior = self._expected_pi(row)
            if (prior < min_prob).all():
                raise ValueError(f"min_prob={min_prob} leaves no sense: the most probable one has {prior.max():.3g}")
            with np.errstate(divide="ignore"):
                log_q = np.log(np.where(prior < min_prob, 0.0, prior))
        offsets, nodes, labels = self._tree()
        for context in context_words:
            if context not in self.wv:
                continue
            other = self._row(context)
            path = slice(offsets[other], offsets[other + 1])
            scores = self.vectors[row].astype(np.float64) @ self._nodes.view[nodes[path]].T.astype(np.float64)
            log_q -= np.logaddexp(0, (1 - 2 * labels[path]) * scores).sum(axis=1)
        q = np.exp(log_q - log_q.max())
        return np.asarray(q / q.sum())

    def nearest_neighbors(
        self, word: str | int, sense: int, topn: int = 10, min_count: float = 1.0
    ) -> list[tuple[str, int, float]]:
        """The senses whose vectors are the most similar to that of a sense: (word, sense, cosine similarity).

        Args:
            word, sense: the sense to compare with.
            topn: how many.
            min_count: senses with fewer occurrences are left out.

        Raises:
            KeyError: the word is not in the vocabulary.
            ValueError: there is no such sense.
        """
        query, own = self.sense_vector(word, sense), self._row(word) * self.prototypes + sense
        wanted = np.flatnonzero(self._occurrences.ravel() >= min_count)
        wanted = wanted[wanted != own]
        similarities = unit_rows(self._input.view[wanted]) @ unit_rows(query[None])[0]
        best = np.argsort(-similarities, kind="stable")[: whole("topn", topn, 0)]
        return [
            (self.wv.index_to_key[row], int(k), float(similarity))
            for row, k, similarity in zip(*np.divmod(wanted[best], self.prototypes), similarities[best], strict=True)
        ]

    def clustering(self, k: int, min_prob: float = 1e-3) -> list[list[tuple[str, int]]]:
        """Group the senses by the directions of their vectors: spherical k-means.

        Args:
            k: clusters.
            min_prob: senses with a smaller prior probability are left out.

        Returns:
            The members of each cluster as (word, sense), the nearest to its centre first; the largest cluster first.

        Raises:
            ValueError: there are fewer senses than clusters.
        """
        rows, senses = self._senses_above(min_prob)
        groups = cluster_directions(self.vectors[rows, senses], whole("k", k, 1), np.random.default_rng(self.seed))
        return [[(self.wv.index_to_key[rows[i]], int(senses[i])) for i in group] for group in groups]

    @property
    def sv(self) -> KeyedVectors:
        """The senses with a prior probability of at least 1e-3, as :meth:`sense_keyedvectors` gives them."""
        return self.sense_keyedvectors()

    def sense_keyedvectors(self, min_prob: float = 1e-3) -> KeyedVectors:
        """All senses with a prior probability of at least ``min_prob``, as vectors of their own.

        The keys are ``word#sense``, by falling count of the words. Its ``save_word2vec_format`` writes the senses as
        text or binary.
        """
        rows, senses = self._senses_above(min_prob)
        found = KeyedVectors(self.vector_size)
        if len(rows):
            words = self.wv.index_to_key
            keys = [f"{words[row]}#{sense}" for row, sense in zip(rows, senses, strict=True)]
            found.add_vectors(keys, self.vectors[rows, senses])
            found.expandos["count"] = np.rint(self._occurrences[rows, senses]).astype(np.int64)
        return found

    def _senses_above(self, min_prob: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows, senses = np.nonzero(self._expected_pi(slice(None)) >= min_prob)
        return rows, senses

    def _tree(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        counts = np.ascontiguousarray(self.wv.expandos["count"], np.int64)
        return _core.huffman(counts)


def stick_lengths(occurrences: ArrayLike, alpha: float, d: float) -> NDArray[np.float64]:
    """E pi (..., T) of sticks beta_k ~ Beta(1 - d + n_k, alpha + k d + sum_{r > k} n_r); the last takes what is left.

    Args:
        occurrences: n (..., T).
        alpha: concentration.
        d: discount.
    """
    n = np.asarray(occurrences, np.float64)
    later = np.cumsum(n[..., ::-1], axis=-1)[..., ::-1] - n
    stay = 1 - d + n
    broken = stay / (stay + alpha + d * np.arange(1, n.shape[-1] + 1) + later)
    broken[..., -1] = 1
    left = np.cumprod(1 - broken, axis=-1)
    lengths = broken
    lengths[..., 1:] *= left[..., :-1]
    return lengths


def _word_rule(stopwords: frozenset[str], pattern: re.Pattern[str], also: TrimRule | None) -> TrimRule:
    """A trim rule that discards stop words and words without the pattern, and leaves the others to another rule."""

    def rule(word: str, count: int, min_count: int) -> int:
        if word in stopwords or not pattern.search(word):
            return RULE_DISCARD
        return RULE_DEFAULT if also is None else also(word, count, min_count)

    return rule


class _AdaGramKernel(Kernel):
    """``_core.adagram_train`` with what it needs for one model and one corpus."""

    def __init__(self, model: AdaGram, stream: TokenStream) -> None:
        words = len(model.wv)
        paths = 2.0 * model.window * words.bit_length()
        super().__init__(stream, model.workers, model.seed, 4.0 * model.vector_size * paths * (model.prototypes + 2))
        if lock_factors(model.wv.vectors_lockf, words) is not None:
            raise ValueError("AdaGram trains all senses of all words: wv.vectors_lockf must be 1")
        counts = np.ascontiguousarray(model.wv.expandos["count"], np.int64)
        self.fixed: dict[str, Any] = {
            "block": self.block,
            "threads": model.workers,
            "vector_size": model.vector_size,
            "input": model._input.padded,
            "nodes": model._nodes.padded,
            "occurrences": model._occurrences,
            "counts": counts,
            "keep": _core.keep_limits(counts, model.sample) if model.sample > 0 else None,
            "tree": _core.huffman(counts),
            "window": model.window,
            "shrink_windows": model.shrink_windows,
            "concentration": model.alpha,
            "discount": model.d,
            "sense_threshold": model.sense_threshold,
            "compute_loss": model.compute_loss,
        }

    def train(self, begin: int, end: int, **schedule: Any) -> dict[str, Any]:
        return _core.adagram_train(self.stream.ids, begin=begin, end=end, **schedule, **self.fixed)
