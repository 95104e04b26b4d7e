"""fastText's .bin files: settings, words and labels with their counts, and the two matrices.

The layout is that of version 12 of the fastText program, little-endian throughout::

    int32 magic 793712314, int32 version 12 (11 lacks subwords of supervised models)
    int32 dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate; float64 t
    int32 entries, words, labels; int64 tokens, pruned
    entries: UTF-8 text, a zero byte, int64 count, int8 kind (0 word, 1 label); words come first
    uint8 quantised; int64 rows, columns; float32 input matrix: words, then buckets
    uint8 quantised; int64 rows, columns; float32 output matrix: labels of supervised models, else words
"""

import mmap
import os
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lexigrad.io.atomic import atomic_write

_MAGIC, _VERSION, _OLD_VERSION = 793712314, 12, 11
_ENTRY_BYTES = 10  # of one with an empty word
_ROWS_AT_ONCE = 1 << 14
LOSSES = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
MODELS = {1: "cbow", 2: "sg", 3: "sup"}

Matrix = NDArray[np.float32]


class Settings(NamedTuple):
    """What fastText was trained with, under its own names."""

    dim: int
    ws: int
    epoch: int
    minCount: int
    neg: int
    wordNgrams: int
    loss: str
    model: str
    bucket: int
    minn: int
    maxn: int
    lrUpdateRate: int
    t: float


@dataclass
class FastTextFile:
    """What a .bin file holds.

    Attributes:
        settings: of its training.
        words, word_counts: by falling count; a word is UTF-8 bytes, as they are in the file.
        labels, label_counts: of a supervised model, with their prefix.
        tokens: words of the corpus.
        vectors_vocab: (words, settings.dim) a row for each word.
        vectors_ngrams: (settings.bucket, settings.dim) a row for each bucket of n-grams.
        output: (labels, settings.dim) of a supervised model, else (words, settings.dim).
    """

    settings: Settings
    words: list[bytes]
    word_counts: NDArray[np.int64]
    labels: list[bytes]
    label_counts: NDArray[np.int64]
    tokens: int
    vectors_vocab: Matrix
    vectors_ngrams: Matrix
    output: Matrix


class _Cursor:
    """Takes a file apart from the front; whatever is not there is a ValueError."""

    def __init__(self, path: str, data: mmap.mmap) -> None:
        self.path = path
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def fail(self, problem: str) -> ValueError:
        return ValueError(f"{self.path}: {problem} (at byte {self.at} of {len(self.data)})")

    def take(self, layout: str, what: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + layout)
        if self.left < size:
            raise self.fail(f"the file ends within {what}: it is cut off")
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += size
        return values

    def take_text(self, what: str) -> bytes:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise self.fail(f"the file ends within {what}: it is cut off")
        text = self.data[self.at : end]
        self.at = end + 1
        return text


def read_fasttext(path: str | os.PathLike[str]) -> FastTextFile:
    """Read a .bin file of the fastText program. Sizes are checked against the file's before anything is allocated.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, of another kind, or quantised; the message names it and the place.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size < 8:
            raise ValueError(f"{name}: too short for a .bin file of fastText")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parse(_Cursor(name, data))


def _parse(cursor: _Cursor) -> FastTextFile:
    settings = _parse_settings(cursor)
    entries, n_words, n_labels, tokens, pruned = cursor.take("iiiqq", "the sizes of the dictionary")
    if n_words < 0 or n_labels < 0 or entries != n_words + n_labels or entries > cursor.left // _ENTRY_BYTES:
        raise cursor.fail(f"a dictionary of {entries} entries, {n_words} words and {n_labels} labels cannot be")
    if pruned > 0:
        raise cursor.fail("quantised models are not supported; give the model from before `fasttext quantize`")
    found: list[list[bytes]] = [[], []]
    counts: list[list[int]] = [[], []]
    for place in range(entries):
        text = cursor.take_text(f"word {place}")
        count, kind = cursor.take("qb", f"word {place}")
        if kind != int(place >= n_words) or count < 0:
            raise cursor.fail(f"entry {place} is of kind {kind} with count {count}: words come first, then labels")
        found[kind].append(text)
        counts[kind].append(count)
    for texts in found:
        if len(set(texts)) != len(texts):
            twice = next(text for i, text in enumerate(texts) if text in set(texts[:i]))
            raise cursor.fail(f"the word {twice!r} is there twice")
    supervised = settings.model == "sup"
    matrices = [
        _parse_matrix(cursor, rows, settings.dim, what)
        for rows, what in (
            (n_words + settings.bucket, "input"),
            (n_labels if supervised else n_words, "output"),
        )
    ]
    if cursor.left:
        raise cursor.fail(f"{cursor.left} bytes follow the output matrix")
    return FastTextFile(
        settings,
        found[0],
        np.array(counts[0], np.int64),
        found[1],
        np.array(counts[1], np.int64),
        tokens,
        matrices[0][:n_words],
        matrices[0][n_words:],
        matrices[1],
    )


def _parse_settings(cursor: _Cursor) -> Settings:
    magic, version = cursor.take("ii", "the header")
    if magic != _MAGIC:
        raise cursor.fail("no .bin file of fastText: it begins otherwise")
    if version not in (_VERSION, _OLD_VERSION):
        raise cursor.fail(f"fastText's version {version} is not known, only {_OLD_VERSION} and {_VERSION}")
    *numbers, t = cursor.take("12id", "the settings")
    values = dict(zip(Settings._fields, [*numbers, t], strict=True))
    if values["loss"] not in LOSSES or values["model"] not in MODELS:
        raise cursor.fail(f"loss {values['loss']} or model {values['model']} is not known")
    if version == _OLD_VERSION and MODELS[values["model"]] == "sup":
        values["maxn"] = 0
    settings = Settings(**values)._replace(loss=LOSSES[values["loss"]], model=MODELS[values["model"]])
    hashed = settings.maxn > 0 or settings.wordNgrams > 1
    if settings.dim < 1 or settings.bucket < 0 or (hashed and settings.bucket == 0):
        raise cursor.fail(f"vectors of {settings.dim} dimensions and {settings.bucket} buckets cannot be")
    return settings


def _parse_matrix(cursor: _Cursor, rows: int, columns: int, what: str) -> Matrix:
    (quantised,) = cursor.take("B", f"the {what} matrix")
    if quantised:
        raise cursor.fail("quantised models are not supported; give the model from before `fasttext quantize`")
    shape = cursor.take("qq", f"the {what} matrix")
    if shape != (rows, columns):
        raise cursor.fail(f"the {what} matrix has shape {shape}, but {(rows, columns)} follows from the rest")
    size = rows * columns * 4
    if size > cursor.left:
        raise cursor.fail(f"the file ends within the {what} matrix: it is cut off")
    matrix = np.frombuffer(cursor.data, "<f4", rows * columns, cursor.at).reshape(shape).astype(np.float32)
    cursor.at += size
    for begin in range(0, rows, _ROWS_AT_ONCE):
        if not np.isfinite(matrix[begin : begin + _ROWS_AT_ONCE]).all():
            raise cursor.fail(f"the {what} matrix holds a number that is not finite, in row {begin} or soon after")
    return matrix


def write_fasttext(path: str | os.PathLike[str], model: FastTextFile) -> None:
    """Write a .bin file that the fastText program reads, atomically.

    Raises:
        ValueError: a word holds a zero byte, or sizes do not fit each other.
    """
    s = model.settings
    supervised = s.model == "sup"
    shapes = {
        "vectors_vocab": (model.vectors_vocab.shape, (len(model.words), s.dim)),
        "vectors_ngrams": (model.vectors_ngrams.shape, (s.bucket, s.dim)),
        "output": (model.output.shape, (len(model.labels) if supervised else len(model.words), s.dim)),
    }
    for name, (shape, expected) in shapes.items():
        if shape != expected:
            raise ValueError(f"{name} must have shape {expected}, not {shape}")
    texts = [*model.words, *model.labels]
    if any(b"\0" in text for text in texts):
        raise ValueError("fastText's words end with a zero byte and can hold none")
    numbers = [
        {text: number for number, text in {"loss": LOSSES, "model": MODELS}[field].items()}[value]
        if field in ("loss", "model")
        else value
        for field, value in s._asdict().items()
    ]
    counts = np.concatenate([model.word_counts, model.label_counts]).tolist()
    with atomic_write(path) as file:
        file.write(struct.pack("<ii12id", _MAGIC, _VERSION, *numbers))
        file.write(struct.pack("<iiiqq", len(texts), len(model.words), len(model.labels), model.tokens, -1))
        for place, (text, count) in enumerate(zip(texts, counts, strict=True)):
            file.write(text + struct.pack("<bqb", 0, count, place >= len(model.words)))
        for parts in ((model.vectors_vocab, model.vectors_ngrams), (model.output,)):
            file.write(struct.pack("<Bqq", 0, sum(map(len, parts)), s.dim))
            for part in parts:
                for begin in range(0, len(part), _ROWS_AT_ONCE):
                    file.write(np.ascontiguousarray(part[begin : begin + _ROWS_AT_ONCE], "<f4").data)
