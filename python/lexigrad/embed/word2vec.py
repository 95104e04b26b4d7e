"""Word2Vec: word vectors by skip-gram or CBOW (Mikolov et al. 2013), under gensim's names."""

import copy
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.embed.callbacks import StopTraining, TrainingInterrupted
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.matrix import Matrix, PaddedMatrix
from lexigrad.embed.score import SentenceScorer, score_all
from lexigrad.embed.training import Run, check_rates, epoch_key, one_source, vocabulary_progress, whole
from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.io.vector_file import pack_words, unpack_words
from lexigrad.progress import Hook, Progress
from lexigrad.text.corpus import Corpus, CorpusSource, as_corpus
from lexigrad.text.encoding import TokenStream, count, encode, scan
from lexigrad.text.vocabulary import TrimRule, Vocabulary, WordCounts, select, update

_FORMAT = "lexigrad.Word2Vec"
_VERSION = 1
_CALL_SECONDS = 0.1  # what one call of the kernel is sized for: Ctrl-C, progress and checkpoints wait that long
_LOOK_BACK = 1 << 18  # tokens before a call's first whose memory is given back again: windows may have looked there
_LONGEST_BLOCK = 4096
_ROWS_DRAWN = 1024  # first vectors made at a time
_BLOCK_FLOPS = 1e9  # a block of the corpus is at most about a tenth of a second of work


class Word2Vec:
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
        self.vector_size = whole("vector_size", vector_size, 1)
        self.alpha = float(alpha)
        self.min_alpha = float(min_alpha)
        self.window = whole("window", window, 1)
        self.min_count = whole("min_count", min_count, 0)
        self.max_vocab_size = None if max_vocab_size is None else whole("max_vocab_size", max_vocab_size, 1)
        self.max_final_vocab = None if max_final_vocab is None else whole("max_final_vocab", max_final_vocab, 1)
        self.sample = float(sample)
        self.seed = whole("seed", seed, 0)
        self.workers = whole("workers", workers, 1)
        self.sg = int(bool(sg))
        self.hs = int(bool(hs))
        self.negative = whole("negative", negative, 0)
        self.ns_exponent = float(ns_exponent)
        self.cbow_mean = int(bool(cbow_mean))
        self.epochs = whole("epochs", epochs, 1)
        self.compute_loss = bool(compute_loss)
        self.shrink_windows = bool(shrink_windows)
        self.loss = loss
        self._check_settings()

        self.wv = KeyedVectors(self.vector_size)
        self.corpus_count = 0  # sentences
        self.corpus_total_words = 0  # words, unknown ones included
        self.train_count = 0
        self.total_train_time = 0.0
        self.epoch_losses: list[float] = []
        self._input = PaddedMatrix(0, self.vector_size)
        self._output = PaddedMatrix(0, self.vector_size)
        self._nodes = PaddedMatrix(0, self.vector_size)
        self._epochs_begun = 0
        self._loss_total = 0.0
        self._run: Run | None = None

        source = one_source(sentences, corpus_file)
        if source is None:
            return
        corpus = as_corpus(source)
        vocabulary, stream = self._encode_new(corpus, trim_rule, progress)
        with stream:
            self._take_vocabulary(vocabulary)
            del vocabulary
            self._start_run(stream, self.epochs, self.alpha, self.min_alpha, 1.0)
            self._train(stream, tuple(callbacks), progress, checkpoint, checkpoint_seconds)

    def __repr__(self) -> str:
        return f"Word2Vec({len(self.wv)} words, vector_size={self.vector_size}, alpha={self.alpha})"

    # Vocabulary

    def build_vocab(
        self,
        corpus_iterable: CorpusSource | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        update: bool = False,
        progress_per: int = 10000,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        *,
        progress: Hook | None = None,
    ) -> None:
        """Count a corpus and make the vocabulary and the first vectors.

        Args:
            corpus_iterable, corpus_file: the corpus, as in the constructor.
            update: add the words of this corpus to the vocabulary there is: known words keep their vectors and add
                their counts, new ones that pass ``min_count`` follow with fresh vectors.
            trim_rule, progress: as in the constructor.
            progress_per, keep_raw_vocab: taken so that gensim code runs; without effect.
        """
        del progress_per, keep_raw_vocab
        source = one_source(corpus_iterable, corpus_file)
        if source is None:
            raise TypeError("build_vocab needs a corpus: corpus_iterable or corpus_file")
        self._take_counts(self._count(as_corpus(source), trim_rule, progress), update, trim_rule)

    def build_vocab_from_freq(
        self,
        word_freq: dict[str, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: TrimRule | None = None,
        update: bool = False,
    ) -> None:
        """Make the vocabulary from counts {word: count}; other arguments as in :meth:`build_vocab`."""
        del keep_raw_vocab
        self._take_counts(WordCounts.from_frequencies(word_freq, corpus_count or 0), update, trim_rule)

    def _take_counts(self, counts: WordCounts, updating: bool, trim_rule: TrimRule | None) -> None:
        if not updating:
            self._take_vocabulary(select(counts, **self._limits(trim_rule)))
        elif len(self.wv) == 0:
            raise RuntimeError("there is no vocabulary to update yet: call build_vocab without update=True first")
        else:
            self._extend_vocabulary(update(self._vocabulary(), counts, **self._limits(trim_rule)))

    def _count(self, corpus: Corpus, trim_rule: TrimRule | None, progress: Hook | None) -> WordCounts:
        return count(
            corpus,
            max_vocab_size=self.max_vocab_size,
            trim_rule=trim_rule,
            workers=self.workers,
            on_progress=vocabulary_progress(progress),
        )

    def _limits(self, trim_rule: TrimRule | None) -> dict[str, Any]:
        return {"min_count": self.min_count, "max_final_vocab": self.max_final_vocab, "trim_rule": trim_rule}

    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.wv.index_to_key, self.wv.expandos["count"])

    def _take_vocabulary(self, vocabulary: Vocabulary) -> None:
        size = len(vocabulary)
        self._input = PaddedMatrix(size, self.vector_size)
        self._draw_first_vectors(0)
        self._output = PaddedMatrix(size if self.negative or self.loss else 0, self.vector_size)
        self._nodes = PaddedMatrix(max(size - 1, 0) if self.hs else 0, self.vector_size)
        self._epochs_begun = 0
        self._run = None
        self._set_words(vocabulary)

    def _extend_vocabulary(self, vocabulary: Vocabulary) -> None:
        self._adopt_replaced_vectors()
        added = len(vocabulary) - len(self.wv)
        self._input = self._input.grown(added)
        self._draw_first_vectors(len(self.wv))
        if self.negative or self.loss:
            self._output = self._output.grown(added)
        if self.hs:
            self._nodes = self._nodes.grown(added)
        if len(self.wv.vectors_lockf) > 1:
            self.wv.vectors_lockf = np.append(self.wv.vectors_lockf, np.ones(added, np.float32))
        self._run = None
        self._set_words(vocabulary)

    def _draw_first_vectors(self, known: int) -> None:
        """Rows from ``known`` on become uniform in (-1 / vector_size, 1 / vector_size), as gensim draws them."""
        random = np.random.default_rng(self.seed)
        size = len(self._input.view)
        for begin in range(0, size, _ROWS_DRAWN):
            block = random.random((min(_ROWS_DRAWN, size - begin), self.vector_size), dtype=np.float32)
            block *= 2.0
            block -= 1.0
            block /= self.vector_size
            fresh = max(known - begin, 0)
            self._input.view[begin + fresh : begin + len(block)] = block[fresh:]

    def _set_words(self, vocabulary: Vocabulary) -> None:
        self.wv.index_to_key = vocabulary.words
        self.wv.key_to_index = vocabulary.index
        self.wv.vectors = self._input.view
        self.wv.expandos["count"] = np.array(vocabulary.counts)
        self.corpus_count = vocabulary.sentences
        self.corpus_total_words = vocabulary.raw_words

    def _encode_new(
        self, corpus: Corpus, trim_rule: TrimRule | None, progress: Hook | None
    ) -> tuple[Vocabulary, TokenStream]:
        """Counting and encoding for the constructor: in one pass, unless ``max_vocab_size`` bounds the counting.

        What the pass needed is freed on return, so that its tables and the matrices are not there at the same time.
        """
        if self.max_vocab_size is not None:
            vocabulary = select(self._count(corpus, trim_rule, progress), **self._limits(trim_rule))
            return vocabulary, encode(corpus, vocabulary, workers=self.workers)
        with scan(corpus, workers=self.workers, on_progress=vocabulary_progress(progress)) as scanned:
            vocabulary = select(scanned.counts, **self._limits(trim_rule))
            return vocabulary, scanned.finish(vocabulary)

    # Training

    def train(
        self,
        corpus_iterable: CorpusSource | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool | None = None,
        callbacks: Iterable[Any] = (),
        *,
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> tuple[int, int]:
        """Train on a corpus with the vocabulary that there is; may be called again to go on.

        Args:
            corpus_iterable, corpus_file: the corpus, as in the constructor. Words without a vector are skipped.
            total_examples, total_words: the sentences or words of one epoch that the learning rate's schedule
                reckons with; default: those of the corpus.
            epochs: passes; default ``model.epochs``.
            start_alpha, end_alpha: learning rates of this call; default ``model.alpha`` and ``model.min_alpha``.
            compute_loss: default ``model.compute_loss``.
            callbacks, progress, checkpoint, checkpoint_seconds: as in the constructor.
            word_count, queue_factor, report_delay: taken so that gensim code runs; without effect.

        Returns:
            The words trained (known and kept by subsampling) and the words seen, of all epochs.

        Raises:
            RuntimeError: there is no vocabulary yet.
        """
        del word_count, queue_factor, report_delay
        source = one_source(corpus_iterable, corpus_file)
        if source is None:
            raise TypeError("train needs a corpus: corpus_iterable or corpus_file")
        if len(self.wv) == 0:
            raise RuntimeError("there is no vocabulary yet: call build_vocab before train")
        if compute_loss is not None:
            self.compute_loss = bool(compute_loss)
        passes = whole("epochs", self.epochs if epochs is None else epochs, 1)
        first = self.alpha if start_alpha is None else float(start_alpha)
        last = self.min_alpha if end_alpha is None else float(end_alpha)
        check_rates(first, last)
        with encode(
            as_corpus(source), self._vocabulary(), workers=self.workers, on_progress=vocabulary_progress(progress)
        ) as stream:
            scale = 1.0
            if total_words is not None:
                scale = whole("total_words", total_words, 1) / max(1, stream.raw_words)
            elif total_examples is not None:
                scale = whole("total_examples", total_examples, 1) / max(1, stream.sentences)
            self._start_run(stream, passes, first, last, scale)
            return self._train(stream, tuple(callbacks), progress, checkpoint, checkpoint_seconds)

    def resume(
        self,
        corpus: CorpusSource,
        callbacks: Iterable[Any] = (),
        *,
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> tuple[int, int]:
        """Finish a run that was interrupted, or that a checkpoint was loaded from.

        With one worker the vectors are, to the bit, those of a run without the interruption.

        Args:
            corpus: the corpus of that run. Other arguments and the result as in :meth:`train`.

        Raises:
            RuntimeError: no run is unfinished.
            ValueError: the corpus is not the one of that run.
        """
        if self._run is None or self._run.done:
            raise RuntimeError("no training is unfinished: call train")
        with encode(
            as_corpus(corpus), self._vocabulary(), workers=self.workers, on_progress=vocabulary_progress(progress)
        ) as stream:
            if len(stream.ids) != self._run.stream_length:
                raise ValueError(
                    f"this corpus is not the one that training began with: it has {len(stream.ids)} known words and "
                    f"sentence ends, that one had {self._run.stream_length}; give the same corpus, or call train"
                )
            return self._train(stream, tuple(callbacks), progress, checkpoint, checkpoint_seconds)

    @property
    def training_unfinished(self) -> bool:
        """Whether the last call of ``train`` was interrupted, so that :meth:`resume` can finish it."""
        return self._run is not None and not self._run.done

    def _start_run(self, stream: TokenStream, epochs: int, start: float, end: float, scale: float) -> None:
        self._run = Run(epochs, start, end, scale, self._epochs_begun, len(stream.ids))
        self.train_count += 1
        self.epoch_losses = []
        self._loss_total = 0.0

    def _train(
        self,
        stream: TokenStream,
        callbacks: Sequence[Any],
        progress: Hook | None,
        checkpoint: str | os.PathLike[str] | None,
        checkpoint_seconds: float,
    ) -> tuple[int, int]:
        run = self._run
        assert run is not None
        self._adopt_replaced_vectors()
        kernel = _Kernel(self, stream)
        began = saved = time.monotonic()
        first_epoch = run.epoch
        kept = 0
        for callback in callbacks:
            callback.on_train_begin(self)
        try:
            while not run.done:
                if run.position == 0:
                    self._epochs_begun = max(self._epochs_begun, run.first_key + run.epoch + 1)
                    for callback in callbacks:
                        callback.on_epoch_begin(self)
                while run.position < run.stream_length:
                    kept += kernel.advance(run)
                    self._check_finite(kernel)
                    if progress:
                        progress(self._progress(run, stream, time.monotonic() - began))
                    if checkpoint is not None and time.monotonic() - saved >= checkpoint_seconds:
                        self.save(checkpoint)
                        saved = time.monotonic()
                self._end_epoch(run)
                for callback in callbacks:
                    callback.on_epoch_end(self)
        except StopTraining:
            self._run = None
        except KeyboardInterrupt as interrupt:
            if checkpoint is not None:
                self.save(checkpoint)
            raise TrainingInterrupted(self) from interrupt
        finally:
            self.total_train_time += time.monotonic() - began
            self.wv.norms = None
        for callback in callbacks:
            callback.on_train_end(self)
        if checkpoint is not None:
            self.save(checkpoint)
        return kept, stream.raw_words * (run.epoch - first_epoch)

    def _end_epoch(self, run: Run) -> None:
        if self.compute_loss:
            self.epoch_losses.append(run.epoch_loss / run.epoch_predictions if run.epoch_predictions else 0.0)
            self._loss_total += run.epoch_loss
        self.wv.norms = None
        run.epoch += 1
        run.position = 0
        run.epoch_loss = 0.0
        run.epoch_predictions = 0

    def _check_finite(self, kernel: "_Kernel") -> None:
        if kernel.diverged:
            raise FloatingPointError(
                f"training diverged: some vectors are infinite or not a number (alpha={self.alpha}, "
                f"sg={self.sg}); begin again with a smaller alpha"
            )

    def _progress(self, run: Run, stream: TokenStream, seconds: float) -> Progress:
        fraction = run.position / max(1, run.stream_length)
        loss = run.epoch_loss / run.epoch_predictions if self.compute_loss and run.epoch_predictions else float("nan")
        return Progress(
            epoch=run.epoch,
            epochs=run.epochs,
            words_done=int((run.epoch + fraction) * stream.raw_words),
            words_total=run.epochs * stream.raw_words,
            alpha=run.alpha,
            loss=loss,
            seconds=seconds,
            stage="training",
        )

    def _adopt_replaced_vectors(self) -> None:
        """Take over vectors that the user put in the place of ours."""
        if self.wv.vectors is self._input.view:
            return
        vectors = np.asarray(self.wv.vectors, np.float32)
        expected = (len(self.wv), self.vector_size)
        if vectors.shape != expected or len(self._input.view) != len(self.wv):
            raise ValueError(
                f"wv must hold the {len(self._input.view)} words of the vocabulary, with vectors of shape {expected}, "
                f"not {len(self.wv)} words and {vectors.shape}: add words with build_vocab(..., update=True)"
            )
        self._input = PaddedMatrix.of(vectors)
        self.wv.vectors = self._input.view

    def get_latest_training_loss(self) -> float:
        """The loss of the last call of ``train``, summed over all its predictions (0.0 without ``compute_loss``)."""
        return self._loss_total + (self._run.epoch_loss if self._run else 0.0)

    @property
    def running_training_loss(self) -> float:
        """The same; callbacks set it to 0.0 to begin a new sum."""
        return self.get_latest_training_loss()

    @running_training_loss.setter
    def running_training_loss(self, value: float) -> None:
        self._loss_total = float(value) - (self._run.epoch_loss if self._run else 0.0)

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
        counts = np.ascontiguousarray(self.wv.expandos["count"], np.int64)
        scorer = SentenceScorer(
            self.wv.vectors, self.syn1, counts, self.window, skip_gram=bool(self.sg), mean=bool(self.cbow_mean)
        )
        return score_all(scorer, sentences, self.wv.key_to_index, most, self.workers)

    # Copies

    def __getstate__(self) -> dict[str, Any]:
        """For ``copy`` and ``multiprocessing``: matrices without the padding, whose place in memory matters."""
        self._adopt_replaced_vectors()
        state = dict(self.__dict__)
        for name in ("_input", "_output", "_nodes"):
            state[name] = np.ascontiguousarray(state[name].view)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in ("_input", "_output", "_nodes"):
            setattr(self, name, PaddedMatrix.of(state[name]))
        self.wv = copy.copy(self.wv)
        self.wv.expandos = dict(self.wv.expandos)
        self.wv.vectors = self._input.view

    def init_sims(self, replace: bool = False) -> None:
        """As ``wv.init_sims``, which gensim deprecates."""
        self.wv.init_sims(replace)

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the whole model, also in the middle of training, to one safetensors file, atomically.

        Raises:
            OSError: the file cannot be written; one that was there before is still whole.
        """
        keys, key_offsets = pack_words(self.wv.index_to_key)
        arrays: dict[str, NDArray[Any]] = {
            "vectors": self.wv.vectors,
            "count": self.wv.expandos.get("count", np.empty(0, np.int64)),
            "keys": keys,
            "key_offsets": key_offsets,
            "vectors_lockf": np.asarray(self.wv.vectors_lockf, np.float32),
        }
        if len(self.syn1neg):
            arrays["output_vectors"] = self.syn1neg
        if len(self.syn1):
            arrays["node_vectors"] = self.syn1
        state = {name: getattr(self, name) for name in _STATE}
        metadata = {
            "format": _FORMAT,
            "version": _VERSION,
            "settings": {name: getattr(self, name) for name in _SETTINGS},
            "state": state | {"run": asdict(self._run) if self._run else None},
        }
        write_safetensors(path, arrays, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Word2Vec":
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
            return cls._restore(arrays, metadata)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: damaged {_FORMAT} file: {error}") from error

    @classmethod
    def _restore(cls, arrays: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> "Word2Vec":
        settings, state = dict(metadata["settings"]), dict(metadata["state"])
        model = cls(**{name: settings[name] for name in _SETTINGS})
        words = unpack_words(arrays["keys"], arrays["key_offsets"])
        vectors = arrays["vectors"]
        if vectors.shape != (len(words), model.vector_size):
            raise ValueError(f"vectors of shape {vectors.shape} for {len(words)} words of {model.vector_size} floats")
        nothing = np.empty((0, model.vector_size), np.float32)
        model._input = PaddedMatrix.of(vectors)
        model._output = PaddedMatrix.of(arrays.get("output_vectors", nothing))
        model._nodes = PaddedMatrix.of(arrays.get("node_vectors", nothing))
        wanted = (len(words) if model.negative or model.loss else 0, max(len(words) - 1, 0) if model.hs else 0)
        found = (len(model._output.view), len(model._nodes.view))
        if found != wanted:
            raise ValueError(f"{found} output and node vectors where {wanted} are expected")
        model._set_words(Vocabulary(words, arrays["count"]))
        model.wv.vectors_lockf = np.array(arrays["vectors_lockf"], np.float32)
        run = state.pop("run")
        for name in _STATE:
            setattr(model, name, state[name])
        model._run = Run(**run) if run else None
        return model

    # Checks

    def _check_settings(self) -> None:
        if self.loss not in (None, "softmax"):
            raise ValueError(f"loss must be 'softmax' or None, not {self.loss!r}")
        if self.loss == "softmax":
            self.hs = self.negative = 0
        elif not self.hs and not self.negative:
            raise ValueError(
                "hs=0 and negative=0 leave nothing to train: set negative to 5, hs to 1 or loss to 'softmax'"
            )
        if not (self.sample >= 0 and np.isfinite(self.sample)):
            raise ValueError(f"sample must be 0 or above, not {self.sample}")
        if not np.isfinite(self.ns_exponent):
            raise ValueError(f"ns_exponent must be finite, not {self.ns_exponent}")
        check_rates(self.alpha, self.min_alpha)


_SETTINGS = [
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
]
_STATE = [
    "corpus_count",
    "corpus_total_words",
    "train_count",
    "total_train_time",
    "epoch_losses",
    "_epochs_begun",
    "_loss_total",
]


class _Kernel:
    """The compiled trainer, with what it needs for one model and one corpus."""

    def __init__(self, model: Word2Vec, stream: TokenStream) -> None:
        counts = np.ascontiguousarray(model.wv.expandos["count"], np.int64)
        self.stream = stream
        self.seed = model.seed
        self.workers = model.workers
        self.diverged = False
        self.block = _block_length(model, stream)
        self.blocks = model.workers  # of the next call; grows to fill _CALL_SECONDS
        self.fixed: dict[str, Any] = {
            "block": self.block,
            "threads": model.workers,
            "vector_size": model.vector_size,
            "input": model._input.padded,
            "rows": model._output.padded if model.negative or model.loss else None,
            "nodes": model._nodes.padded if model.hs else None,
            "lock": _lock_factors(model.wv.vectors_lockf, len(counts)),
            "keep": _core.keep_limits(counts, model.sample) if model.sample > 0 else None,
            "alias": _core.alias_table(counts, model.ns_exponent) if model.negative else None,
            "tree": _core.huffman(counts) if model.hs else None,
            "negative": model.negative,
            "softmax": model.loss == "softmax",
            "window": model.window,
            "shrink_windows": model.shrink_windows,
            "skip_gram": bool(model.sg),
            "mean": bool(model.cbow_mean),
            "compute_loss": model.compute_loss,
        }

    def advance(self, run: Run) -> int:
        """Train the next blocks of the epoch; returns the words kept by subsampling."""
        begin = run.position
        end = min(run.stream_length, begin + self.blocks * self.block)
        started = time.monotonic()
        done = _core.word2vec_train(
            self.stream.ids,
            begin=begin,
            end=end,
            alpha=run.epoch_alpha,
            alpha_step=run.alpha_step,
            min_alpha=run.least_alpha,
            key=epoch_key(self.seed, run.first_key + run.epoch),
            **self.fixed,
        )
        seconds = max(time.monotonic() - started, 1e-6)
        self.stream.release(begin - _LOOK_BACK, end)
        run.position = end
        run.epoch_loss += done["loss"]
        run.epoch_predictions += int(done["predictions"])
        self.diverged = bool(done["diverged"])
        grown = min(4 * self.blocks, self.blocks * _CALL_SECONDS / seconds, run.stream_length)
        self.blocks = max(self.workers, int(grown))
        return int(done["kept"])


def _block_length(model: Word2Vec, stream: TokenStream) -> int:
    """Tokens in a block: as long as is useful, but no more than about a tenth of a second of work."""
    size = len(model.wv)
    outputs = (
        size if model.loss else (1 + model.negative if model.negative else 0) + (size.bit_length() if model.hs else 0)
    )
    mean_sentence = stream.words / max(1, stream.sentences)
    context = min(2.0 * model.window, 4.0 * mean_sentence + 1) if model.sg else 1.0
    flops = 6.0 * model.vector_size * outputs * context
    return int(max(1, min(_LONGEST_BLOCK, _BLOCK_FLOPS / flops)))


def _lock_factors(factors: NDArray[Any], size: int) -> NDArray[np.float32] | None:
    """``wv.vectors_lockf``: one factor for all words, or one for each; None where all are 1."""
    factors = np.asarray(factors, np.float32)
    if factors.ndim != 1 or len(factors) not in (1, size):
        raise ValueError(f"vectors_lockf must have shape (1,) or ({size},), not {factors.shape}")
    if (factors == 1).all():
        return None
    return np.ascontiguousarray(np.broadcast_to(factors, size))
