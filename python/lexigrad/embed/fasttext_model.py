"""Models of the fastText program (Bojanowski et al. 2017, Joulin et al. 2017): vectors of any word, labels of texts."""

import itertools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.fasttext_vectors import FastTextVectors, subword_rows
from lexigrad.embed.matrix import Matrix
from lexigrad.embed.sampling import program_tree
from lexigrad.io.fasttext import FastTextFile, read_fasttext, write_fasttext
from lexigrad.text.ngrams import END_OF_SENTENCE, word_hash, word_ngrams

_SPACE = b" \n\r\t\v\f\0"
_LOG_FLOOR = 1e-5  # fastText's logarithm is that of x + 1e-5


class FastTextModel:
    """A model of the fastText program: word vectors with subwords, or a classifier of texts.

    Everything answers as the program does. :class:`FastText` and :class:`FastTextClassifier` train such models.

    Args:
        file: what :func:`lexigrad.io.fasttext.read_fasttext` gives.
        unicode_errors: what to do about words that are not UTF-8: "strict", "replace" or "ignore".
        label_prefix: what labels begin with; files do not tell.

    Attributes:
        wv: the words and their vectors, :class:`FastTextVectors`.
        labels: of a supervised model, with their prefix; else empty.
        settings: what the model was trained with, under fastText's names.

    Raises:
        ValueError: a word is not UTF-8.

    Example:
        >>> model = FastTextModel.load_fasttext_format("cc.en.300.bin")  # doctest: +SKIP
        >>> model.wv["unheard-of"].shape  # doctest: +SKIP
        (300,)
    """

    def __init__(self, file: FastTextFile, unicode_errors: str = "strict", label_prefix: str = "__label__") -> None:
        self._file = file
        self._label_prefix = label_prefix.encode()
        self.settings = file.settings
        self.labels = [_text(label, unicode_errors) for label in file.labels]
        s = file.settings
        self.wv = FastTextVectors(s.dim, s.minn, s.maxn, s.bucket)
        words = _distinct([_text(word, unicode_errors) for word in file.words])
        self.wv.take_rows(words, file.word_counts, file.vectors_vocab, file.vectors_ngrams, encoded=file.words)
        self._ids = {word: row for row, word in enumerate(file.words)}
        self._label_ids = {label: row for row, label in enumerate(file.labels)}
        self._tree = _paths(file.label_counts) if self.settings.loss == "hs" and self.labels else None

    @classmethod
    def load_fasttext_format(cls, path: str | os.PathLike[str], unicode_errors: str = "strict") -> "FastTextModel":
        """Read a .bin file of the fastText program.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, of another kind, quantised, or has words that are not UTF-8.
        """
        return cls(read_fasttext(path), unicode_errors)

    def save_fasttext_format(self, path: str | os.PathLike[str]) -> None:
        """Write a .bin file that the fastText program reads; atomically."""
        write_fasttext(path, self._file)

    # The names of the program's own Python package

    def save_model(self, path: str | os.PathLike[str]) -> None:
        """The same as :meth:`save_fasttext_format`."""
        self.save_fasttext_format(path)

    def is_quantized(self) -> bool:
        """False: quantised models are not read."""
        return False

    @property
    def words(self) -> list[str]:
        """The words by falling count."""
        return list(self.wv.index_to_key)

    def get_words(self, include_freq: bool = False) -> Any:
        """The words; with ``include_freq`` a tuple of them and their counts."""
        return (self.words, self._file.word_counts) if include_freq else self.words

    def get_labels(self, include_freq: bool = False) -> Any:
        """The labels, or without any the words; with ``include_freq`` a tuple of them and their counts."""
        if self.settings.model != "sup":
            return self.get_words(include_freq)
        return (list(self.labels), self._file.label_counts) if include_freq else list(self.labels)

    def get_dimension(self) -> int:
        """Floats in a vector."""
        return self.settings.dim

    def get_word_id(self, word: str) -> int:
        """The word's row, or -1."""
        return self.wv.key_to_index.get(word, -1)

    def get_subwords(self, word: str) -> tuple[list[str], NDArray[np.int64]]:
        """What a word's vector is the mean of: the word, if it is there, and its n-grams; and their rows."""
        own = [word] if word in self.wv.key_to_index else []
        return [*own, *self.wv.get_subwords(word)], self.wv.subword_rows(word)

    def get_input_vector(self, ind: int) -> Matrix:
        """A row of the input matrix, where the n-grams' rows follow the words'."""
        words = len(self._file.words)
        row = self._file.vectors_vocab[ind] if ind < words else self._file.vectors_ngrams[ind - words]
        return np.array(row)

    def get_input_matrix(self) -> Matrix:
        """The rows of the words and behind them those of the n-grams, as a new array."""
        return np.concatenate([self._file.vectors_vocab, self._file.vectors_ngrams])

    def get_output_matrix(self) -> Matrix:
        """The rows of the labels, or of the words as they are predicted."""
        return np.array(self._file.output)

    def get_nearest_neighbors(self, word: str, k: int = 10) -> list[tuple[float, str]]:
        """The words whose vectors have the greatest cosines with that of any word: (cosine, word)."""
        return [(score, name) for name, score in self.wv.most_similar(word, topn=k)]

    def get_analogies(self, wordA: str, wordB: str, wordC: str, k: int = 10) -> list[tuple[float, str]]:
        """The words nearest to A - B + C: (cosine, word)."""
        found = self.wv.most_similar(positive=[wordA, wordC], negative=[wordB], topn=k)
        return [(score, name) for name, score in found]

    def __getitem__(self, word: str) -> Matrix:
        """The same as :meth:`get_word_vector`."""
        return self.get_word_vector(word)

    def __contains__(self, word: str) -> bool:
        return word in self.wv.key_to_index

    def __repr__(self) -> str:
        return f"FastTextModel({self.settings.model}, {len(self.wv)} words, {len(self.labels)} labels)"

    def get_word_vector(self, word: str) -> Matrix:
        """The vector of any word (dim,); zeros where it has none."""
        return self._mean(self.wv.subword_rows(word))

    def get_sentence_vector(self, text: str) -> Matrix:
        """The vector of a line (dim,): of a supervised model what it predicts from, else the mean of the words'
        vectors, each of length 1."""
        if self.settings.model == "sup":
            return self._hidden(_one_line(text))
        vectors = [self.get_word_vector(_text(word, "replace")) for word in _split(_one_line(text))]
        lengths = [float(np.linalg.norm(vector)) for vector in vectors]
        units = [vector / length for vector, length in zip(vectors, lengths, strict=True) if length > 0]
        return np.mean(units, axis=0, dtype=np.float32) if units else np.zeros(self.settings.dim, np.float32)

    # Labels

    def predict(self, text: str | Sequence[str], k: int = 1, threshold: float = 0.0) -> tuple[Any, Any]:
        """The most probable labels of a line of text, and their probabilities.

        Args:
            text: a line, or a list of lines.
            k: how many labels; -1 for all.
            threshold: labels less probable than this are left out.

        Returns:
            a tuple of labels and float64 (k,) of probabilities, by falling probability; for a list of lines a list of
            the one and a list of the other. A line without a known word, or n-gram, has none.

        Raises:
            RuntimeError: the model was not trained on labels.
            ValueError: a text has several lines, or k is neither -1 nor at least 1.
        """
        self._need_labels()
        if k != -1 and k < 1:
            raise ValueError(f"k must be at least 1, or -1 for all labels, not {k}")
        lines = [text] if isinstance(text, str) else text
        found = [self._best(_one_line(line), k, threshold) for line in lines]
        labels = [tuple(self.labels[i] for i in best) for best, _ in found]
        probabilities = [values for _, values in found]
        return (labels[0], probabilities[0]) if isinstance(text, str) else (labels, probabilities)

    def test(self, path: str | os.PathLike[str], k: int = 1, threshold: float = 0.0) -> tuple[int, float, float]:
        """How good the labels of a file's lines are predicted; a label is a word that is one of the model's.

        Returns:
            the lines that have both labels and words; the precision and the recall of the k labels predicted for each
            (NaN where nothing was predicted or no line has labels).

        Raises:
            RuntimeError: the model was not trained on labels.
            FileNotFoundError: there is no such file.
        """
        self._need_labels()
        lines = right = predicted = expected = 0
        with open(path, "rb") as file:
            for line in file:
                gold = {self._label_ids[word] for word in _split(line) if word in self._label_ids}
                if not gold or not len(self._line_rows(line)):
                    continue
                best, _ = self._best(line, k, threshold)
                lines += 1
                expected += len(gold)
                predicted += len(best)
                right += len(gold.intersection(best.tolist()))
        return lines, right / predicted if predicted else np.nan, right / expected if expected else np.nan

    def _need_labels(self) -> None:
        if self.settings.model != "sup":
            raise RuntimeError(f"this is a model of kind {self.settings.model!r}, which has words and no labels")

    def _best(self, line: bytes, k: int, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if not len(self._line_rows(line)):
            return np.empty(0, np.int64), np.empty(0)
        probabilities = self._probabilities(self._hidden(line))
        best = np.argsort(-probabilities, kind="stable")[: len(probabilities) if k == -1 else k]
        best = best[probabilities[best] >= threshold]
        return best, probabilities[best]

    def _probabilities(self, hidden: Matrix) -> NDArray[np.float64]:
        """Of each label (labels,), as fastText reckons them."""
        scores = (self._file.output @ hidden).astype(np.float64)
        if self.settings.loss == "softmax":
            likelihood = np.exp(scores - scores.max())
            return np.asarray(likelihood / likelihood.sum())
        decisions = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
        if self._tree is None:  # one against all, and negative sampling
            return np.asarray(decisions)
        logs = [
            sum(np.log((decisions[node] if right else 1 - decisions[node]) + _LOG_FLOOR) for node, right in path)
            for path in self._tree
        ]
        return np.exp(np.array(logs, np.float64))

    def _hidden(self, line: bytes) -> Matrix:
        return self._mean(self._line_rows(line))

    def _mean(self, rows: NDArray[np.int64]) -> Matrix:
        words = len(self._file.words)
        own = self._file.vectors_vocab[rows[rows < words]].sum(axis=0)
        ngrams = self._file.vectors_ngrams[rows[rows >= words] - words].sum(axis=0)
        return np.asarray((own + ngrams) / max(len(rows), 1), np.float32)

    def _line_rows(self, line: bytes) -> NDArray[np.int64]:
        """The rows of the input matrix that a line's words, their character n-grams and the word n-grams have."""
        s = self.settings
        words = [word for word in [*_split(line), END_OF_SENTENCE] if word not in self._label_ids]
        known = [word for word in words if word in self._ids or not word.startswith(self._label_prefix)]
        ids = [self._ids.get(word, -1) for word in known]
        _, rows = subword_rows(known, ids, s.minn, s.maxn, s.bucket, len(self._file.words))
        if s.wordNgrams < 2:
            return rows
        pairs = word_ngrams([word_hash(word) for word in known], s.wordNgrams, s.bucket)
        return np.concatenate([rows, np.array(pairs, np.int64) + len(self._file.words)])


def _paths(counts: NDArray[np.int64]) -> list[list[tuple[int, bool]]]:
    """Each label's path from the root: the row of each inner node, and whether to the right."""
    offsets, nodes, labels = program_tree(counts)
    steps = list(zip(nodes.tolist(), labels.astype(bool).tolist(), strict=True))
    return [steps[begin:end] for begin, end in itertools.pairwise(offsets.tolist())]


def _one_line(text: str) -> bytes:
    if "\n" in text:
        raise ValueError(
            f"expected a single line, but there is a line break in {text[:60]!r}: split it, or take it out"
        )
    return text.encode()


def _split(line: bytes) -> list[bytes]:
    return line.translate(bytes.maketrans(_SPACE, b" " * len(_SPACE))).split()


def _text(word: bytes, errors: str) -> str:
    try:
        return word.decode(errors=errors)
    except UnicodeDecodeError as error:
        raise ValueError(f"the word {word!r} is not UTF-8: unicode_errors='replace' reads it all the same") from error


def _distinct(words: list[str]) -> list[str]:
    """Words that replacing has made equal get a number."""
    seen: dict[str, int] = {}
    distinct = []
    for word in words:
        seen[word] = seen.get(word, 0) + 1
        distinct.append(word if seen[word] == 1 else f"{word}#{seen[word]}")
    return distinct
