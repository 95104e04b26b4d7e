"""What models that train on a stream of words share: vocabulary, runs, checkpoints, copies and files."""

import copy
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.callbacks import StopTraining, TrainingInterrupted
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.matrix import PaddedMatrix, draw_rows
from lexigrad.embed.training import Kernel, Run, check_rates, one_source, vocabulary_progress, whole
from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.io.vector_file import pack_words, unpack_words
from lexigrad.progress import Hook, Progress
from lexigrad.text.corpus import Corpus, CorpusSource, as_corpus
from lexigrad.text.encoding import TokenStream, count, encode, scan
from lexigrad.text.vocabulary import TrimRule, Vocabulary, WordCounts, select, update

_VERSION = 1


class EmbeddingModel(ABC):
    """Base of the models that train on a stream of words under gensim's names.

    A model says which settings it saves (``_SETTINGS``), which matrices it trains and under which names they are
    saved (``_MATRICES``, ``_matrix_rows``), which of them begin random (``_DRAWN``), and brings a kernel (``_kernel``).
    It calls ``_set_common`` first in its constructor and ``_fit`` last.

    Attributes:
        wv: the words and their vectors.
        corpus_count: sentences of the corpus that the vocabulary was made from.
        corpus_total_words: its words, unknown ones included.
        epoch_losses: mean loss per prediction of each epoch of the last run, with ``compute_loss``.
        train_count, total_train_time: runs so far, and their seconds.
    """

    _SETTINGS: ClassVar[tuple[str, ...]]  # constructor arguments that are kept with the model, all attributes too
    _MATRICES: ClassVar[Mapping[str, str]] = {"_input": "vectors"}  # attribute, and its name in files
    _DRAWN: ClassVar[Mapping[str, int]] = {"_input": 0}  # matrices that begin random, and what the seed has added
    _EVERY_END: ClassVar[bool] = False  # whether streams have the ends of sentences without a known word
    _STATE: ClassVar[tuple[str, ...]] = (
        "corpus_count",
        "corpus_total_words",
        "train_count",
        "total_train_time",
        "epoch_losses",
        "_epochs_begun",
        "_loss_total",
    )

    _input: PaddedMatrix  # behind wv.vectors

    def _set_common(
        self,
        *,
        vector_size: int,
        alpha: float,
        min_alpha: float,
        window: int,
        min_count: int,
        max_vocab_size: int | None,
        max_final_vocab: int | None,
        sample: float,
        seed: int,
        workers: int,
        epochs: int,
        compute_loss: bool,
    ) -> None:
        """Check and keep the settings that all models have, and begin without a vocabulary."""
        self.vector_size = whole("vector_size", vector_size, 1)
        self.alpha = float(alpha)
        self.min_alpha = float(min_alpha)
        check_rates(self.alpha, self.min_alpha)
        self.window = whole("window", window, 1)
        self.min_count = whole("min_count", min_count, 0)
        self.max_vocab_size = None if max_vocab_size is None else whole("max_vocab_size", max_vocab_size, 1)
        self.max_final_vocab = None if max_final_vocab is None else whole("max_final_vocab", max_final_vocab, 1)
        self.sample = float(sample)
        if not (self.sample >= 0 and np.isfinite(self.sample)):
            raise ValueError(f"sample must be 0 or above, not {self.sample}")
        self.seed = whole("seed", seed, 0)
        self.workers = whole("workers", workers, 1)
        self.epochs = whole("epochs", epochs, 1)
        self.compute_loss = bool(compute_loss)

        self.wv = KeyedVectors(self.vector_size)
        self.corpus_count = 0
        self.corpus_total_words = 0
        self.train_count = 0
        self.total_train_time = 0.0
        self.epoch_losses: list[float] = []
        for name in self._MATRICES:
            setattr(self, name, PaddedMatrix(0, self._matrix_size(name)))
        self._epochs_begun = 0
        self._loss_total = 0.0
        self._run: Run | None = None

    def _fit(
        self,
        source: CorpusSource | None,
        trim_rule: TrimRule | None,
        callbacks: Iterable[Any],
        progress: Hook | None,
        checkpoint: str | os.PathLike[str] | None,
        checkpoint_seconds: float,
    ) -> None:
        """What a constructor does with its corpus: vocabulary and training."""
        if source is None:
            return
        vocabulary, stream = self._encode_new(self._read(source), trim_rule, progress)
        with stream:
            self._take_vocabulary(vocabulary)
            del vocabulary
            self._start_run(stream, self.epochs, *self._rates(), 1.0)
            self._train(stream, tuple(callbacks), progress, checkpoint, checkpoint_seconds)

    def __repr__(self) -> str:
        rate, _ = self._rates()
        return f"{type(self).__name__}({len(self.wv)} words, vector_size={self.vector_size}, alpha={rate})"

    # What a model brings

    @abstractmethod
    def _kernel(self, stream: TokenStream) -> Kernel:
        """The compiled trainer for this model and this corpus."""

    @abstractmethod
    def _matrix_rows(self, words: int) -> dict[str, int]:
        """Rows of each of ``_MATRICES`` for so many words."""

    def _rates(self) -> tuple[float, float]:
        """The learning rates at the beginning and the end of a run."""
        return self.alpha, self.min_alpha

    def _matrix_size(self, name: str) -> int:
        """Floats in a row of one of ``_MATRICES``."""
        return self.vector_size

    def _keyed(self) -> dict[str, KeyedVectors]:
        """The matrices that users see, and may replace, as the vectors of some keys."""
        return {"_input": self.wv}

    def _read(self, source: CorpusSource) -> Corpus:
        """The corpus that a source describes."""
        return as_corpus(source)

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
        self._take_counts(self._count(self._read(source), trim_rule, progress), update, trim_rule)

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
            self._take_vocabulary(self._select(counts, trim_rule))
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

    def _select(self, counts: WordCounts, trim_rule: TrimRule | None) -> Vocabulary:
        """The words that get a vector."""
        return select(counts, **self._limits(trim_rule))

    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.wv.index_to_key, self.wv.expandos["count"])

    def _take_vocabulary(self, vocabulary: Vocabulary) -> None:
        for name, rows in self._matrix_rows(len(vocabulary)).items():
            setattr(self, name, PaddedMatrix(rows, self._matrix_size(name)))
        self._draw_first_vectors({})
        self._epochs_begun = 0
        self._run = None
        self._set_words(vocabulary)

    def _extend_vocabulary(self, vocabulary: Vocabulary) -> None:
        self._adopt_replaced_vectors()
        known = {name: len(getattr(self, name).view) for name in self._MATRICES}
        for name, rows in self._matrix_rows(len(vocabulary)).items():
            matrix: PaddedMatrix = getattr(self, name)
            setattr(self, name, matrix.grown(rows - known[name]))
        self._draw_first_vectors(known)
        for name, keyed in self._keyed().items():
            if len(keyed.vectors_lockf) > 1:
                added = len(getattr(self, name).view) - known[name]
                keyed.vectors_lockf = np.append(keyed.vectors_lockf, np.ones(added, np.float32))
        self._run = None
        self._set_words(vocabulary)

    def _draw_first_vectors(self, known: Mapping[str, int]) -> None:
        """The rows of the matrices of ``_DRAWN``, from ``known[name]`` on, become random."""
        for name, offset in self._DRAWN.items():
            draw_rows(getattr(self, name).view, self.seed + offset, known.get(name, 0))

    def _set_words(self, vocabulary: Vocabulary) -> None:
        self.wv.index_to_key = vocabulary.words
        self.wv.key_to_index = vocabulary.index
        for name, keyed in self._keyed().items():
            keyed.vectors = getattr(self, name).view
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
            vocabulary = self._select(self._count(corpus, trim_rule, progress), trim_rule)
            return vocabulary, encode(corpus, vocabulary, workers=self.workers, every_end=self._EVERY_END)
        report = vocabulary_progress(progress)
        with scan(corpus, workers=self.workers, every_end=self._EVERY_END, on_progress=report) as scanned:
            vocabulary = self._select(scanned.counts, trim_rule)
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
            start_alpha, end_alpha: learning rates of this call; default those of the constructor.
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
        first, last = self._rates()
        first = first if start_alpha is None else float(start_alpha)
        last = last if end_alpha is None else float(end_alpha)
        check_rates(first, last)
        with self._encode(source, progress) as stream:
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
        with self._encode(corpus, progress) as stream:
            if len(stream.ids) != self._run.stream_length:
                raise ValueError(
                    f"this corpus is not the one that training began with: it has {len(stream.ids)} known words and "
                    f"sentence ends, that one had {self._run.stream_length}; give the same corpus, or call train"
                )
            return self._train(stream, tuple(callbacks), progress, checkpoint, checkpoint_seconds)

    def _encode(self, source: CorpusSource, progress: Hook | None) -> TokenStream:
        """A corpus by the vocabulary that there is."""
        return encode(
            self._read(source),
            self._vocabulary(),
            workers=self.workers,
            every_end=self._EVERY_END,
            on_progress=vocabulary_progress(progress),
        )

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
        kernel = self._kernel(stream)
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
            self._forget_norms()
        for callback in callbacks:
            callback.on_train_end(self)
        if checkpoint is not None:
            self.save(checkpoint)
        return kept, stream.raw_words * (run.epoch - first_epoch)

    def _end_epoch(self, run: Run) -> None:
        if self.compute_loss:
            self.epoch_losses.append(run.epoch_loss / run.epoch_predictions if run.epoch_predictions else 0.0)
            self._loss_total += run.epoch_loss
        self._forget_norms()
        run.epoch += 1
        run.position = 0
        run.epoch_loss = 0.0
        run.epoch_predictions = 0

    def _forget_norms(self) -> None:
        for keyed in self._keyed().values():
            keyed.norms = None

    def _check_finite(self, kernel: Kernel) -> None:
        if kernel.diverged:
            rate, _ = self._rates()
            raise FloatingPointError(
                f"training diverged: some vectors are infinite or not a number (learning rate {rate}); begin again "
                "with a smaller one"
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
        for name, keyed in self._keyed().items():
            own: PaddedMatrix = getattr(self, name)
            if keyed.vectors is own.view:
                continue
            vectors = np.asarray(keyed.vectors, np.float32)
            expected = (len(keyed), self.vector_size)
            if vectors.shape != expected or len(own.view) != len(keyed):
                raise ValueError(
                    f"wv must hold the {len(own.view)} words of the vocabulary, with vectors of shape {expected}, "
                    f"not {len(keyed)} words and {vectors.shape}: add words with build_vocab(..., update=True)"
                )
            setattr(self, name, PaddedMatrix.of(vectors))
            keyed.vectors = getattr(self, name).view

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

    # Copies

    def __getstate__(self) -> dict[str, Any]:
        """For ``copy`` and ``multiprocessing``: matrices without the padding, whose place in memory matters."""
        self._adopt_replaced_vectors()
        state = dict(self.__dict__)
        for name in self._MATRICES:
            state[name] = np.ascontiguousarray(state[name].view)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in self._MATRICES:
            setattr(self, name, PaddedMatrix.of(state[name]))
        self._copy_keyed()

    def _copy_keyed(self) -> None:
        """Give a copy of the model keyed vectors of its own, on its own matrices."""
        self.wv = copy.copy(self.wv)
        self.wv.expandos = dict(self.wv.expandos)
        self.wv.vectors = self._input.view

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the whole model, also in the middle of training, to one safetensors file, atomically.

        Raises:
            OSError: the file cannot be written; one that was there before is still whole.
        """
        metadata = {
            "format": self._format(),
            "version": _VERSION,
            "settings": {name: getattr(self, name) for name in self._SETTINGS},
            "state": {name: getattr(self, name) for name in self._STATE}
            | {"run": asdict(self._run) if self._run else None},
        }
        write_safetensors(path, self._arrays(), metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a model that :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not one of ours or is damaged.
        """
        arrays, metadata = read_safetensors(path)
        if metadata.get("format") != cls._format() or metadata.get("version") != _VERSION:
            raise ValueError(
                f"{os.fspath(path)}: expected a {cls._format()} file of version {_VERSION}, found "
                f"{metadata.get('format')!r}, version {metadata.get('version')!r}"
            )
        try:
            settings, state = dict(metadata["settings"]), dict(metadata["state"])
            model = cls(**{name: settings[name] for name in cls._SETTINGS})
            model._restore(arrays, state)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: damaged {cls._format()} file: {error}") from error
        return model

    @classmethod
    def _format(cls) -> str:
        return f"lexigrad.{cls.__name__}"

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays of the model, by their names in files."""
        self._adopt_replaced_vectors()
        keys, key_offsets = pack_words(self.wv.index_to_key)
        arrays: dict[str, NDArray[Any]] = {
            "count": self.wv.expandos.get("count", np.empty(0, np.int64)),
            "keys": keys,
            "key_offsets": key_offsets,
            "vectors_lockf": np.asarray(self.wv.vectors_lockf, np.float32),
        }
        matrices = {saved: getattr(self, name).view for name, saved in self._MATRICES.items()}
        return arrays | {saved: view for saved, view in matrices.items() if len(view) or saved == "vectors"}

    def _restore(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        """Take what :meth:`_arrays` and ``_STATE`` were, into a model without a vocabulary."""
        words = unpack_words(arrays["keys"], arrays["key_offsets"])
        for name, rows in self._matrix_rows(len(words)).items():
            expected = (rows, self._matrix_size(name))
            values = arrays.get(self._MATRICES[name], np.empty((0, expected[1]), np.float32))
            if values.shape != expected:
                raise ValueError(f"{self._MATRICES[name]} of shape {values.shape} where {expected} is expected")
            setattr(self, name, PaddedMatrix.of(values))
        self._set_words(Vocabulary(words, arrays["count"]))
        self.wv.vectors_lockf = np.array(arrays["vectors_lockf"], np.float32)
        run = state.pop("run")
        for name in self._STATE:
            setattr(self, name, state[name])
        self._run = Run(**run) if run else None
