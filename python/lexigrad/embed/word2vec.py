"""Word2Vec: word vectors by skip-gram or CBOW (Mikolov et al. 2013), under gensim's names."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.embed.matrix import Matrix, PaddedMatrix
from lexigrad.embed.model import EmbeddingModel
from lexigrad.embed.score import SentenceScorer, Tree, score_all
from lexigrad.embed.training import Kernel, lock_factors, one_source, whole
from lexigrad.progress import Hook
from lexigrad.text.corpus import CorpusSource
from lexigrad.text.encoding import TokenStream
from lexigrad.text.vocabulary import TrimRule


class Word2Vec(EmbeddingModel):
    """Word vectors trained by skip-gram or CBOW, with negative sampling, hierarchical or full softmax.

    Every word w has an input vector v_w (``wv.vectors``) and an output vector u_w (``output_vectors``). With c the
    words of a window and o its centre, training maximises, by stochastic gradient ascent, the mean of log p(o | c):

    * negative sampling: log s(u_o . v_c) + sum over ``negative`` words n drawn from counts^ns_exponent of
      log s(-u_n . v_c), with s(x) = 1 / (1 + exp(-x));
    * hierarchical softmax: the binary decisions of a Huffman tree over the counts;
    * full softmax: exp(u_o . v_c) / sum_w exp(u_w . v_c), exactly.

    Skip-gram takes each word of the window as c in turn, CBOW the mean (or sum) of them all. Two neighbouring
    centres share their negative samples and are trained in one step; the vectors are as good as with samples of
    their own (see the README's table).

    With ``workers=1`` and one seed the vectors are the same to the bit in every process on CPUs of the same kind;
    with more workers threads update rows without locks (Recht et al. 2011, "Hogwild") and results differ in detail.

    Args:
        sentences: the corpus: a path, paths or a glob pattern of text files (one sentence a line, words between white
            space; .gz, .bz2, .xz and .zst are unpacked on the way), or an iterable of token lists that can be walked
            more than once. None makes a model to be trained later by ``build_vocab`` and ``train``.
        corpus_file: the same for a single text file, as in gensim.
        vector_size: floats in a vector.
        alpha: the learning rate at the beginning; it falls linearly to ``min_alpha``.
        window: the farthest distance between centre and context; with ``shrink_windows`` each centre draws its own
            uniformly from 1..window.
        min_count: words that occur less often are ignored.
        max_vocab_size: bounds the memory of counting by dropping rare words on the way; None counts exactly.
        max_final_vocab: raises ``min_count`` until at most so many words are left.
        sample: occurrences of frequent words are dropped as if no word had a share above about this; 0 keeps all.
        seed: of the first vectors and of all that training draws.
        workers: threads.
        min_alpha: the learning rate at the end.
        sg: 1 for skip-gram, 0 for CBOW.
        hs: 1 for hierarchical softmax.
        negative: negative samples for each prediction; 0 for none.
        ns_exponent: power of the counts that negative samples are drawn by.
        cbow_mean: 1 for the mean of the window's vectors, 0 for their sum.
        epochs: passes over the corpus.
        trim_rule: called with (word, count, min_count), decides what becomes of a word: see ``text.vocabulary``.
        compute_loss: whether to compute the loss: ``epoch_losses``, ``get_latest_training_loss``.
        callbacks: objects like ``CallbackAny2Vec``; one may raise ``StopTraining``.
        shrink_windows: see ``window``.
        loss: "softmax" for the exact softmax over the vocabulary in place of ``hs`` and ``negative``; its cost grows
            with the vocabulary.
        progress: called now and then with a :class:`lexigrad.progress.Progress`.
        checkpoint: a file to which the state is saved every ``checkpoint_seconds``, on Ctrl-C and at the end, and
            from which ``Word2Vec.load(checkpoint).resume(corpus)`` goes on.
        checkpoint_seconds: seconds between checkpoints.
        hashfxn, sorted_vocab, null_word, batch_words, comment: taken so that gensim code runs; without effect.

    Raises:
        ValueError: an argument is out of range, the corpus is empty or ``min_count`` leaves no word.
        TypeError: the corpus is not of a kind named above.
        FloatingPointError: the vectors grew to infinity: the learning rate is too high.
        TrainingInterrupted: Ctrl-C; its ``.model`` is the model so far.

    Example:
        >>> model = Word2Vec([["to", "be", "or", "not", "to", "be"]] * 100, vector_size=16, min_count=1, workers=1)
        >>> model.wv["be"].shape
        (16,)
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = (
        "vector_size",
        "alpha",
        "window",
        "min_count",
        "max_vocab_size",
        "sample",
        "seed",
        "workers",
        "min_alpha",
        "sg",
        "hs",
        "negative",
        "ns_exponent",
        "cbow_mean",
        "epochs",
        "compute_loss",
        "max_final_vocab",
        "shrink_windows",
        "loss",
    )
    _MATRICES: ClassVar[Mapping[str, str]] = {
        "_input": "vectors",
        "_output": "output_vectors",
        "_nodes": "node_vectors",
    }

    _output: PaddedMatrix
    _nodes: PaddedMatrix

    def __init__(
        self,
        sentences: CorpusSource | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Any = None,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: TrimRule | None = None,
        sorted_vocab: int = 1,
        batch_words: int = 10000,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        loss: Literal["softmax"] | None = None,
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> None:
        del hashfxn, null_word, sorted_vocab, batch_words, comment
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
        self.sg = int(bool(sg))
        self.hs = int(bool(hs))
        self.negative = whole("negative", negative, 0)
        self.ns_exponent = float(ns_exponent)
        self.cbow_mean = int(bool(cbow_mean))
        self.shrink_windows = bool(shrink_windows)
        self.loss = loss
        self._check_objective()
        source = one_source(sentences, corpus_file)
        self._fit(source, trim_rule, callbacks, progress, checkpoint, checkpoint_seconds)

    def _check_objective(self) -> None:
        if self.loss not in (None, "softmax"):
            raise ValueError(f"loss must be 'softmax' or None, not {self.loss!r}")
        if self.loss == "softmax":
            self.hs = self.negative = 0
        elif not self.hs and not self.negative:
            raise ValueError(
                "hs=0 and negative=0 leave nothing to train: set negative to 5, hs to 1 or loss to 'softmax'"
            )
        if not np.isfinite(self.ns_exponent):
            raise ValueError(f"ns_exponent must be finite, not {self.ns_exponent}")

    def _matrix_rows(self, words: int) -> dict[str, int]:
        return {
            "_input": words,
            "_output": words if self.negative or self.loss else 0,
            "_nodes": max(words - 1, 0) if self.hs else 0,
        }

    def _kernel(self, stream: TokenStream) -> Kernel:
        return Word2VecKernel(self, stream)

    def _tree(self) -> Tree:
        """The paths of hierarchical softmax."""
        return _core.huffman(np.ascontiguousarray(self.wv.expandos["count"], np.int64))

    @property
    def layer1_size(self) -> int:
        """The same as ``vector_size``."""
        return self.vector_size

    # The other matrix

    @property
    def syn1neg(self) -> Matrix:
        """Output vectors (vocabulary, vector_size) of negative sampling and full softmax; empty without them."""
        return self._output.view

    @property
    def syn1(self) -> Matrix:
        """Vectors (vocabulary - 1, vector_size) of the Huffman tree's inner nodes; empty without ``hs``."""
        return self._nodes.view

    @property
    def output_vectors(self) -> Matrix:
        """The second vector u of every word (vocabulary, vector_size): the same as ``syn1neg``."""
        return self.syn1neg

    def predict_output_word(
        self, context_words_list: Sequence[str | int], topn: int = 10
    ) -> list[tuple[str, float]] | None:
        """The words that most likely stand in the middle of some context words, with probabilities.

        Args:
            context_words_list: words, or rows of ``wv.vectors``; unknown ones are skipped.
            topn: how many.

        Returns:
            ``topn`` pairs (word, probability by softmax over ``output_vectors``); None if no context word is known.

        Raises:
            RuntimeError: the model was trained without negative sampling and full softmax.
            TypeError: the words are one string.
        """
        if len(self.syn1neg) == 0:
            raise RuntimeError("predict_output_word needs output vectors: train with negative > 0 or loss='softmax'")
        if isinstance(context_words_list, str):
            raise TypeError(f"expected a list of words, not the string {context_words_list!r}")
        rows = [self.wv.get_index(word) for word in context_words_list if word in self.wv]
        if not rows:
            return None
        hidden = self.wv.vectors[rows].sum(axis=0)
        if self.cbow_mean:
            hidden /= len(rows)
        scores = self.syn1neg @ hidden
        likelihood = np.exp(scores - scores.max())
        likelihood /= likelihood.sum()
        best = np.argsort(-likelihood, kind="stable")[:topn]
        return [(self.wv.index_to_key[i], float(likelihood[i])) for i in best]

    def score(
        self,
        sentences: Iterable[Iterable[str]],
        total_sentences: int = 1_000_000,
        chunksize: int = 100,
        queue_factor: int = 2,
        report_delay: float = 1,
    ) -> NDArray[np.float64]:
        """The log probability of each sentence, the sum of log p(o | c) over all its windows, whole ones.

        Taddy 2015, "Document classification by inversion of distributed language representations". Words without a
        vector are skipped. Here each decision of the tree counts by its exact logarithm; gensim looks it up in a table
        of 1,000 values and leaves out decisions whose u . v is beyond 6.

        Args:
            sentences: token lists; a generator will do.
            total_sentences: the first so many are scored.
            chunksize, queue_factor, report_delay: taken so that gensim code runs; without effect.

        Returns:
            float64 (sentences,).

        Raises:
            RuntimeError: the model has no vocabulary yet or was trained without hierarchical softmax.
            TypeError: a sentence is a string.
        """
        del chunksize, queue_factor, report_delay
        if len(self.wv) == 0:
            raise RuntimeError("there is no vocabulary yet: call build_vocab and train before score")
        if not self.hs:
            raise RuntimeError("score needs hierarchical softmax: train with hs=1 and negative=0")
        most = whole("total_sentences", total_sentences, 0)
        scorer = SentenceScorer(
            self.wv.vectors, self.syn1, self._tree(), self.window, skip_gram=bool(self.sg), mean=bool(self.cbow_mean)
        )
        return score_all(scorer, sentences, self.wv.key_to_index, most, self.workers)

    def init_sims(self, replace: bool = False) -> None:
        """As ``wv.init_sims``, which gensim deprecates."""
        self.wv.init_sims(replace)


class Word2VecKernel(Kernel):
    """``_core.word2vec_train`` with what it needs for one model and one corpus."""

    def __init__(self, model: Word2Vec, stream: TokenStream) -> None:
        super().__init__(stream, model.workers, model.seed, _flops_per_token(model, stream))
        counts = np.ascontiguousarray(model.wv.expandos["count"], np.int64)
        self.fixed: dict[str, Any] = {
            "block": self.block,
            "threads": model.workers,
            "vector_size": model.vector_size,
            "input": model._input.padded,
            "rows": model._output.padded if model.negative or model.loss else None,
            "nodes": model._nodes.padded if model.hs else None,
            "lock": lock_factors(model.wv.vectors_lockf, len(counts)),
            "keep": _core.keep_limits(counts, model.sample) if model.sample > 0 else None,
            "alias": _core.alias_table(counts, model.ns_exponent) if model.negative else None,
            "tree": model._tree() if model.hs else None,
            "negative": model.negative,
            "softmax": model.loss == "softmax",
            "window": model.window,
            "shrink_windows": model.shrink_windows,
            "skip_gram": bool(model.sg),
            "mean": bool(model.cbow_mean),
            "compute_loss": model.compute_loss,
        }

    def train(self, begin: int, end: int, **schedule: Any) -> dict[str, Any]:
        return _core.word2vec_train(self.stream.ids, begin=begin, end=end, **schedule, **self.fixed)


def _flops_per_token(model: Word2Vec, stream: TokenStream) -> float:
    size = len(model.wv)
    outputs = (
        size if model.loss else (1 + model.negative if model.negative else 0) + (size.bit_length() if model.hs else 0)
    )
    mean_sentence = stream.words / max(1, stream.sentences)
    context = min(2.0 * model.window, 4.0 * mean_sentence + 1) if model.sg else 1.0
    return 6.0 * model.vector_size * outputs * context
