"""FastText: word vectors with character n-grams (Bojanowski et al. 2017), under gensim's names."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from lexigrad import _core
from lexigrad.embed.fasttext_model import FastTextModel
from lexigrad.embed.matrix import PaddedMatrix, draw_rows
from lexigrad.embed.ngram_model import NgramModel
from lexigrad.embed.sampling import program_tree
from lexigrad.embed.score import Tree
from lexigrad.embed.training import Kernel, one_source
from lexigrad.embed.word2vec import Word2Vec, Word2VecKernel
from lexigrad.io.fasttext import FastTextFile, Settings, read_fasttext, write_fasttext
from lexigrad.progress import Hook
from lexigrad.text.corpus import CorpusSource
from lexigrad.text.encoding import TokenStream
from lexigrad.text.vocabulary import TrimRule, Vocabulary

_BUCKETS_SEED = 3  # what the n-grams' rows add to the seed


class FastText(NgramModel, Word2Vec):
    """Word vectors that are made of the vectors of character n-grams, so that words never seen have one too.

    A word w predicts, or is predicted, as in :class:`Word2Vec`, but for v_w: that is the mean of a row of the word's
    own and of a row for each of its n-grams of ``min_n`` to ``max_n`` characters, taken with an angle bracket at either
    end, which words share; hashes of the n-grams name the rows. CBOW takes the mean of all the rows of its window.
    As in the fastText program every row takes the whole step of the mean. Rows that no word of the vocabulary has are
    zero.

    Args:
        word_ngrams: 1; 0 for no n-grams, which is Word2Vec.
        min_n, max_n: characters of the shortest and of the longest n-grams; none with ``max_n`` 0 or below ``min_n``.
        bucket: rows of n-grams.
        sentences, corpus_file, sg, hs, vector_size, alpha, window, min_count, max_vocab_size, sample, seed, workers,
            min_alpha, negative, ns_exponent, cbow_mean, epochs, trim_rule, callbacks, max_final_vocab, shrink_windows,
            compute_loss, loss, progress, checkpoint, checkpoint_seconds: as for :class:`Word2Vec`. The fastText
            program's own defaults are sg=1, alpha=0.05, sample=1e-4, ns_exponent=0.5.
        hashfxn, null_word, sorted_vocab, batch_words: taken so that gensim code runs; without effect.

    Attributes:
        wv: the words and their vectors, :class:`FastTextVectors`.

    Raises:
        ValueError, TypeError, FloatingPointError, TrainingInterrupted: as :class:`Word2Vec` does.

    Example:
        >>> model = FastText([["night", "nights", "knight"]] * 100, vector_size=16, min_count=1, bucket=1000, workers=1)
        >>> model.wv["nightly"].shape
        (16,)
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = (*Word2Vec._SETTINGS, "min_n", "max_n", "bucket", "word_ngrams")
    _MATRICES: ClassVar[Mapping[str, str]] = {**Word2Vec._MATRICES, "_input": "vectors_vocab"}

    def __init__(
        self,
        sentences: CorpusSource | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        sg: int = 0,
        hs: int = 0,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        word_ngrams: int = 1,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Any = None,
        epochs: int = 5,
        null_word: int = 0,
        min_n: int = 3,
        max_n: int = 6,
        sorted_vocab: int = 1,
        bucket: int = 2_000_000,
        trim_rule: TrimRule | None = None,
        batch_words: int = 10000,
        callbacks: Iterable[Any] = (),
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        compute_loss: bool = False,
        loss: Literal["softmax"] | None = None,
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> None:
        del hashfxn, null_word, sorted_vocab, batch_words
        if word_ngrams not in (0, 1):
            raise ValueError(f"word_ngrams must be 1, or 0 for no character n-grams, not {word_ngrams!r}")
        self.word_ngrams = int(word_ngrams)
        self._set_ngrams(min_n, max_n, bucket)
        super().__init__(
            vector_size=vector_size,
            alpha=alpha,
            window=window,
            min_count=min_count,
            max_vocab_size=max_vocab_size,
            sample=sample,
            seed=seed,
            workers=workers,
            min_alpha=min_alpha,
            sg=sg,
            hs=hs,
            negative=negative,
            ns_exponent=ns_exponent,
            cbow_mean=cbow_mean,
            epochs=epochs,
            compute_loss=compute_loss,
            max_final_vocab=max_final_vocab,
            shrink_windows=shrink_windows,
            loss=loss,
        )
        self.wv = self._new_vectors()
        source = one_source(sentences, corpus_file)
        self._fit(source, trim_rule, callbacks, progress, checkpoint, checkpoint_seconds)

    @property
    def _has_characters(self) -> bool:
        return self.word_ngrams > 0 and super()._has_characters

    # The program's files

    @classmethod
    def load_fasttext_format(cls, path: str | os.PathLike[str], unicode_errors: str = "strict") -> "FastText":
        """Read a .bin file of word vectors that the fastText program, or :meth:`save_fasttext_format`, wrote.

        The model can be trained further.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, of another kind, quantised, a classifier's (:class:`FastTextClassifier`
                reads those) or has words that are not UTF-8, or that are equal once they are decoded.
        """
        file = read_fasttext(path)
        s = file.settings
        if s.model == "sup":
            raise ValueError(f"{os.fspath(path)}: this is a classifier: FastTextModel or FastTextClassifier reads it")
        model = cls(
            sg=int(s.model == "sg"),
            hs=int(s.loss == "hs"),
            negative=max(s.neg, 1) if s.loss in ("ns", "ova") else 0,
            loss="softmax" if s.loss == "softmax" else None,
            vector_size=s.dim,
            window=max(s.ws, 1),
            epochs=max(s.epoch, 1),
            min_count=max(s.minCount, 0),
            sample=s.t if s.t >= 0 and np.isfinite(s.t) else 0,
            min_n=max(s.minn, 0),
            max_n=max(s.maxn, 0),
            bucket=s.bucket,
            alpha=0.05,
            ns_exponent=0.5,
        )
        words = [word.decode(errors=unicode_errors) for word in file.words]
        output = {"_output": file.output} if s.loss != "hs" else {"_nodes": file.output[: max(len(words) - 1, 0)]}
        for name, values in {"_input": file.vectors_vocab, **output}.items():
            setattr(model, name, PaddedMatrix.of(values))
        model._buckets = PaddedMatrix.of(file.vectors_ngrams[: model._bucket_rows])
        model._set_words(Vocabulary(words, file.word_counts, raw_words=file.tokens))
        return model

    def save_fasttext_format(self, path: str | os.PathLike[str]) -> None:
        """Write a .bin file that the fastText program reads; atomically.

        Raises:
            RuntimeError: there is no vocabulary yet.
            ValueError: a word holds a zero byte.
        """
        write_fasttext(path, self._file())

    @property
    def model(self) -> FastTextModel:
        """The model as the fastText program knows it, on the same matrices."""
        return FastTextModel(self._file())

    def _file(self) -> FastTextFile:
        if len(self.wv) == 0:
            raise RuntimeError("there is no vocabulary yet: call build_vocab and train, or give a corpus")
        settings = Settings(
            dim=self.vector_size,
            ws=self.window,
            epoch=self.epochs,
            minCount=self.min_count,
            neg=self.negative,
            wordNgrams=1,
            loss="hs" if self.hs else "softmax" if self.loss else "ns",
            model="sg" if self.sg else "cbow",
            bucket=self._bucket_rows,
            minn=self.min_n if self._has_characters else 0,
            maxn=self.max_n if self._has_characters else 0,
            lrUpdateRate=100,
            t=self.sample,
        )
        output = np.zeros((len(self.wv), self.vector_size), np.float32)
        trained = self._nodes if self.hs else self._output
        output[: len(trained.view)] = trained.view
        return FastTextFile(
            settings,
            [word.encode() for word in self.wv.index_to_key],
            np.asarray(self.wv.expandos["count"]),
            [],
            np.empty(0, np.int64),
            self.corpus_total_words,
            self._input.view,
            self._buckets.view,
            output,
        )

    # What the base asks for

    def _kernel(self, stream: TokenStream) -> Kernel:
        return _FastTextKernel(self, stream)

    def _tree(self) -> Tree:
        return program_tree(np.ascontiguousarray(self.wv.expandos["count"], np.int64))

    def _take_vocabulary(self, vocabulary: Vocabulary) -> None:
        super()._take_vocabulary(vocabulary)
        self._draw_buckets()

    def _extend_vocabulary(self, vocabulary: Vocabulary) -> None:
        super()._extend_vocabulary(vocabulary)
        self._draw_buckets()

    def _draw_buckets(self) -> None:
        """The rows that words have become random; they are zero until one has them."""
        rows = np.unique(self.wv.ngram_buckets)
        rows = rows[~self._buckets.view[rows].any(axis=1)]
        drawn = np.empty((len(rows), self.vector_size), np.float32)
        draw_rows(drawn, self.seed + _BUCKETS_SEED)
        self._buckets.view[rows] = drawn
        self.wv.adjust_vectors()

    def _set_words(self, vocabulary: Vocabulary) -> None:
        self.wv.take_rows(vocabulary.words, np.array(vocabulary.counts), self._input.view, self._buckets.view)
        self.corpus_count = vocabulary.sentences
        self.corpus_total_words = vocabulary.raw_words


class _FastTextKernel(Word2VecKernel):
    """``_core.fasttext_train`` with what it needs for one model and one corpus."""

    def __init__(self, model: FastText, stream: TokenStream) -> None:
        super().__init__(model, stream)
        if self.fixed.pop("lock") is not None:
            raise ValueError("FastText has no factors on the updates of words: leave wv.vectors_lockf as it was")
        self.fixed |= {
            "buckets": model._buckets.padded,
            "offsets": model.wv.ngram_offsets,
            "ngrams": model.wv.ngram_buckets,
        }

    def train(self, begin: int, end: int, **schedule: Any) -> dict[str, Any]:
        return _core.fasttext_train(self.stream.ids, begin=begin, end=end, **schedule, **self.fixed)
