"""FastTextClassifier: labels of texts from the mean of their words' rows (Joulin et al. 2017)."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.embed.fasttext_model import FastTextModel
from lexigrad.embed.matrix import Matrix, PaddedMatrix
from lexigrad.embed.ngram_model import NgramModel
from lexigrad.embed.sampling import program_tree
from lexigrad.embed.training import Kernel, whole
from lexigrad.io.fasttext import FastTextFile, Settings, read_fasttext, write_fasttext
from lexigrad.io.vector_file import pack_words, unpack_words
from lexigrad.progress import Hook
from lexigrad.text.corpus import CorpusSource
from lexigrad.text.encoding import TokenStream
from lexigrad.text.ngrams import END_OF_SENTENCE, word_hash
from lexigrad.text.vocabulary import TrimRule, Vocabulary, WordCounts

Loss = Literal["softmax", "hs", "ns", "ova"]
_END = END_OF_SENTENCE.decode()
_NS_EXPONENT = 0.5  # the fastText program's power of the labels' counts


class FastTextClassifier(NgramModel):
    """A linear classifier of texts that is trained as word vectors are.

    A text's vector is the mean of the rows of its words, of their character n-grams and of all sequences of 2 to
    ``word_ngrams`` of its words; the end of a line counts as the word ``</s>``. From it the label is predicted: by
    softmax over the labels, hierarchical softmax or negative sampling, where of several labels of a text one is drawn
    each time, or by a binary decision on each label ("ova"). Names and defaults are gensim's where it has one, values
    those of the fastText program's supervised models.

    With ``workers=1`` and one seed results are the same to the bit; with more, threads update rows without locks.

    Args:
        corpus: text files (a path, paths or a glob pattern) or an iterable of token lists that can be walked more than
            once. The words of a line or list that begin with ``label_prefix`` are its labels; lines without one are
            skipped. None makes a model to be trained later by ``build_vocab`` and ``train``.
        vector_size: floats in a vector.
        alpha, min_alpha: the learning rate at the beginning, and at the end, to which it falls linearly.
        epochs: passes over the corpus.
        min_count, min_count_label: rarer words, and labels, are ignored.
        word_ngrams: words of the longest sequences that have rows; 1 for none.
        min_n, max_n: characters of the shortest and longest n-grams of words; none with ``max_n`` 0.
        bucket: rows that n-grams of both kinds share, where there are any.
        loss: "softmax", "hs", "ns" or "ova".
        negative: negative samples with "ns".
        label_prefix: what labels begin with.
        seed, workers, compute_loss, callbacks, progress, checkpoint, checkpoint_seconds: as for :class:`Word2Vec`.

    Attributes:
        labels: with their prefix, by falling count.
        wv: the words and their vectors, :class:`FastTextVectors`.

    Raises:
        ValueError: an argument is out of range, or the corpus has no labels.
        TypeError, FloatingPointError, TrainingInterrupted: as :class:`Word2Vec` does.

    Example:
        >>> texts = [["__label__fruit", "ripe", "plum"], ["__label__tool", "sharp", "saw"]] * 50
        >>> model = FastTextClassifier(texts, vector_size=8, alpha=0.5, workers=1)
        >>> model.predict("a ripe plum")[0]
        ('__label__fruit',)
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = (
        "vector_size",
        "alpha",
        "min_alpha",
        "epochs",
        "min_count",
        "min_count_label",
        "word_ngrams",
        "min_n",
        "max_n",
        "bucket",
        "loss",
        "negative",
        "label_prefix",
        "seed",
        "workers",
        "compute_loss",
    )
    _MATRICES: ClassVar[Mapping[str, str]] = {"_input": "vectors_vocab", "_output": "label_vectors"}
    _EVERY_END = True

    _output: PaddedMatrix

    def __init__(
        self,
        corpus: CorpusSource | None = None,
        *,
        vector_size: int = 100,
        alpha: float = 0.1,
        min_alpha: float = 0.0,
        epochs: int = 5,
        min_count: int = 1,
        min_count_label: int = 0,
        word_ngrams: int = 1,
        min_n: int = 0,
        max_n: int = 0,
        bucket: int = 2_000_000,
        loss: Loss = "softmax",
        negative: int = 5,
        label_prefix: str = "__label__",
        seed: int = 1,
        workers: int = 3,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> None:
        self.min_count_label = whole("min_count_label", min_count_label, 0)
        self.word_ngrams = whole("word_ngrams", word_ngrams, 1)
        self.negative = whole("negative", negative, 1)
        self.loss = loss
        if loss not in get_args(Loss):
            raise ValueError(f"loss must be one of {', '.join(get_args(Loss))}, not {loss!r}")
        self.label_prefix = label_prefix
        if not isinstance(label_prefix, str) or not label_prefix or len(label_prefix.split()) != 1:
            raise ValueError(f"label_prefix must be a string without white space, not {label_prefix!r}")
        self._set_ngrams(min_n, max_n, bucket)
        self.labels: list[str] = []
        self.label_counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._asked: FastTextModel | None = None
        self._set_common(
            vector_size=vector_size,
            alpha=alpha,
            min_alpha=min_alpha,
            window=5,
            min_count=min_count,
            max_vocab_size=None,
            max_final_vocab=None,
            sample=0.0,
            seed=seed,
            workers=workers,
            epochs=epochs,
            compute_loss=compute_loss,
        )
        self.wv = self._new_vectors()
        self._fit(corpus, None, callbacks, progress, checkpoint, checkpoint_seconds)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.labels)} labels, {len(self.wv)} words, vector_size={self.vector_size})"

    @property
    def _hashes(self) -> bool:
        return self._has_characters or self.word_ngrams > 1

    # Answers

    def predict(self, text: str | Sequence[str], k: int = 1, threshold: float = 0.0) -> tuple[Any, Any]:
        """The most probable labels of a line of text, and their probabilities: see :meth:`FastTextModel.predict`.

        Raises:
            RuntimeError: there is no vocabulary yet.
        """
        return self.model.predict(text, k, threshold)

    def test(self, path: str | os.PathLike[str], k: int = 1, threshold: float = 0.0) -> tuple[int, float, float]:
        """Lines, precision and recall of the labels of a file: see :meth:`FastTextModel.test`."""
        return self.model.test(path, k, threshold)

    def get_sentence_vector(self, text: str) -> Matrix:
        """The vector of a line (vector_size,) that its labels are predicted from."""
        return self.model.get_sentence_vector(text)

    @property
    def model(self) -> FastTextModel:
        """The model as the fastText program knows it, on the same matrices."""
        if self._asked is None:
            self._asked = FastTextModel(self._file(), label_prefix=self.label_prefix)
        return self._asked

    # The program's files

    @classmethod
    def load_fasttext_format(
        cls, path: str | os.PathLike[str], label_prefix: str = "__label__"
    ) -> "FastTextClassifier":
        """Read a .bin file of a classifier that the fastText program, or :meth:`save_fasttext_format`, wrote.

        The model can be trained further.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, of another kind, quantised, or has words that are not UTF-8.
        """
        file = read_fasttext(path)
        s = file.settings
        if s.model != "sup":
            raise ValueError(f"{os.fspath(path)}: this is no classifier: FastText reads it")
        labels = [label.decode() for label in file.labels]
        loss: Any = s.loss
        model = cls(
            vector_size=s.dim,
            epochs=max(s.epoch, 1),
            min_count=max(s.minCount, 0),
            word_ngrams=max(s.wordNgrams, 1),
            min_n=max(s.minn, 0),
            max_n=max(s.maxn, 0),
            bucket=s.bucket,
            loss=loss,
            negative=max(s.neg, 1),
            label_prefix=label_prefix,
        )
        model._sizes = len(file.words), len(labels)
        model._input = PaddedMatrix.of(file.vectors_vocab)
        model._buckets = PaddedMatrix.of(file.vectors_ngrams[: model._bucket_rows])
        model._output = PaddedMatrix.of(file.output)
        counts = np.concatenate([file.word_counts, file.label_counts])
        words = [*(word.decode() for word in file.words), *labels]
        model._set_words(Vocabulary(words, counts, raw_words=file.tokens))
        return model

    def save_fasttext_format(self, path: str | os.PathLike[str]) -> None:
        """Write a .bin file that the fastText program reads; atomically.

        Raises:
            RuntimeError: there is no vocabulary yet.
        """
        write_fasttext(path, self._file())

    def _file(self) -> FastTextFile:
        if not self.labels:
            raise RuntimeError("there is no vocabulary yet: call build_vocab and train, or give a corpus")
        settings = Settings(
            dim=self.vector_size,
            ws=self.window,
            epoch=self.epochs,
            minCount=self.min_count,
            neg=self.negative,
            wordNgrams=self.word_ngrams,
            loss=self.loss,
            model="sup",
            bucket=self._bucket_rows,
            minn=self.min_n if self._has_characters else 0,
            maxn=self.max_n if self._has_characters else 0,
            lrUpdateRate=100,
            t=1e-4,
        )
        return FastTextFile(
            settings,
            [word.encode() for word in self.wv.index_to_key],
            np.asarray(self.wv.expandos["count"]),
            [label.encode() for label in self.labels],
            self.label_counts,
            self.corpus_total_words,
            self._input.view,
            self._buckets.view,
            self._output.view,
        )

    # What the base asks for

    def _kernel(self, stream: TokenStream) -> Kernel:
        return _ClassifierKernel(self, stream)

    def _matrix_rows(self, words: int) -> dict[str, int]:
        return dict(zip(("_input", "_output"), self._sizes, strict=True))

    _sizes: tuple[int, int] = (0, 0)  # words and labels

    def _select(self, counts: WordCounts, trim_rule: TrimRule | None) -> Vocabulary:
        """The words and behind them the labels; the end of a line is among the words."""
        if len(counts) == 0:
            raise ValueError(
                "the corpus is empty: it has no words, so there is nothing to learn from; check its source"
            )
        every = counts.by_falling_count(np.arange(len(counts)))
        texts = counts.words_of(every)
        found = counts.counts[every]
        is_label = np.array([text.startswith(self.label_prefix) for text in texts])
        is_end = np.array([text == _END for text in texts])
        labels = np.flatnonzero(is_label & (found >= self.min_count_label))
        words = np.flatnonzero(~is_label & ~is_end & (found >= self.min_count))
        if len(labels) == 0:
            raise ValueError(
                f"the corpus has no labels: words that begin with {self.label_prefix!r}"
                + (f" and occur {self.min_count_label} times" if self.min_count_label > 1 else "")
            )
        if len(words) == 0:
            raise ValueError(f"no word is left: none but labels occurs min_count={self.min_count} times")
        ends = counts.sentences + int(found[is_end].sum())
        place_of_end = int(np.searchsorted(-found[words], -ends))
        names = [texts[i] for i in words]
        names.insert(place_of_end, _END)
        end = every[is_end][0] if is_end.any() else -2
        self._sizes = len(names), len(labels)
        return Vocabulary(
            [*names, *(texts[i] for i in labels)],
            np.concatenate([np.insert(found[words], place_of_end, ends), found[labels]]),
            raw_words=counts.raw_words,
            sentences=counts.sentences,
            origin=(
                counts,
                np.concatenate([np.insert(every[words], place_of_end, end), every[labels]]).astype(np.int32),
            ),
        )

    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(
            [*self.wv.index_to_key, *self.labels], np.concatenate([self.wv.expandos["count"], self.label_counts])
        )

    def _extend_vocabulary(self, vocabulary: Vocabulary) -> None:
        raise ValueError("a classifier's vocabulary cannot grow: call build_vocab without update")

    def _set_words(self, vocabulary: Vocabulary) -> None:
        words, _ = self._sizes
        self.labels = vocabulary.words[words:]
        counts = np.array(vocabulary.counts)
        self.label_counts = counts[words:]
        self.wv.take_rows(vocabulary.words[:words], counts[:words], self._input.view, self._buckets.view)
        self.corpus_count = vocabulary.sentences
        self.corpus_total_words = vocabulary.raw_words
        self._asked = None

    def _forget_norms(self) -> None:
        super()._forget_norms()
        self._asked = None

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_asked": None}

    def _arrays(self) -> dict[str, NDArray[Any]]:
        labels, label_offsets = pack_words(self.labels)
        return {
            **super()._arrays(),
            "labels": labels,
            "label_offsets": label_offsets,
            "label_count": self.label_counts,
        }

    def _restore(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        words = unpack_words(arrays["keys"], arrays["key_offsets"])
        labels = unpack_words(arrays["labels"], arrays["label_offsets"])
        keys, key_offsets = pack_words([*words, *labels])
        counts = np.concatenate([arrays["count"], arrays["label_count"]])
        self._sizes = len(words), len(labels)
        super()._restore({**arrays, "keys": keys, "key_offsets": key_offsets, "count": counts}, state)


class _ClassifierKernel(Kernel):
    """``_core.fasttext_classifier_train`` with what it needs for one model and one corpus."""

    def __init__(self, model: FastTextClassifier, stream: TokenStream) -> None:
        labels = len(model.labels)
        scored = {"softmax": labels, "ova": labels, "ns": 1 + model.negative, "hs": labels.bit_length()}[model.loss]
        lines = max(1, stream.sentences)
        rows = 1 + len(model.wv.ngram_buckets) / max(1, len(model.wv)) + model.word_ngrams
        super().__init__(
            stream,
            model.workers,
            model.seed,
            model.vector_size * (4 * rows + 6 * scored * lines / max(1, stream.words)),
        )
        words = model.wv.index_to_key
        counts = np.ascontiguousarray(model.label_counts)
        hashed = [word_hash(word.encode()) if model.word_ngrams > 1 else 0 for word in words]
        self.fixed: dict[str, Any] = {
            "block": self.block,
            "threads": model.workers,
            "vector_size": model.vector_size,
            "input": model._input.padded,
            "buckets": model._buckets.padded,
            "offsets": model.wv.ngram_offsets,
            "ngrams": model.wv.ngram_buckets,
            "hashes": np.array(hashed, np.int32),
            "word_ngrams": model.word_ngrams,
            "end_word": model.wv.key_to_index.get(_END, -1),
            "end_hash": word_hash(END_OF_SENTENCE),
            "label_count": labels,
            "rows": None if model.loss == "hs" else model._output.padded,
            "nodes": model._output.padded[: labels - 1] if model.loss == "hs" else None,
            "alias": _core.alias_table(counts, _NS_EXPONENT) if model.loss == "ns" else None,
            "tree": program_tree(counts) if model.loss == "hs" else None,
            "negative": model.negative if model.loss == "ns" else 0,
            "softmax": model.loss == "softmax",
            "one_vs_all": model.loss == "ova",
            "compute_loss": model.compute_loss,
        }

    def train(self, begin: int, end: int, **schedule: Any) -> dict[str, Any]:
        return _core.fasttext_classifier_train(self.stream.ids, begin=begin, end=end, **schedule, **self.fixed)
