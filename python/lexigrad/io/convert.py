"""Word vectors in whatever format a file has: detect it, read it, write another."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lexigrad import _core
from lexigrad.io.blocks import ByteBlocks, is_safetensors
from lexigrad.io.compressed import is_compressed
from lexigrad.io.glove import read_glove, write_glove
from lexigrad.io.projector import read_projector, write_projector
from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.io.vector_file import (
    VectorFile,
    check_limit,
    checked_counts,
    checked_vectors,
    pack_words,
    unpack_words,
)
from lexigrad.io.word2vec import HEADER, read_word2vec, write_word2vec

Format = Literal["word2vec-binary", "word2vec-text", "glove", "projector", "safetensors"]
FORMATS: tuple[Format, ...] = get_args(Format)

SAFETENSORS_FORMAT = "lexigrad.KeyedVectors"
SAFETENSORS_VERSION = 1

_PEEK_BYTES = 1 << 20
_FASTTEXT_MAGIC = b"\xba\x16\x4f\x2f"
_PROJECTOR_ENDS = ("_tensor", "_metadata")


def detect_format(path: str | os.PathLike[str]) -> Format:
    """The format of an existing file of word vectors, told by what is in it.

    A .tsv file is a projector file by its name. Else the file begins with a safetensors header, with a
    word2vec header (followed by a line of text, or not), or with a line of a word and numbers (GloVe).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of these; the message says what it is where that is known.
    """
    if _inner_suffix(path) == ".tsv":
        return "projector"
    with ByteBlocks(path) as source:
        source.refuse_foreign()
        start = source.peek(16)
        if start.startswith(_FASTTEXT_MAGIC):
            raise source.fault("this is a fastText model: write its vectors as .vec text with fastText's own tools")
        if is_safetensors(start):
            return "safetensors"
        source.skip_byte_order_mark()
        data = source.peek(_PEEK_BYTES)
        line, line_break, rest = data.partition(b"\n")
        if line_break and HEADER.fullmatch(line):
            return "word2vec-text" if _is_row(rest, int(line.split()[1])) else "word2vec-binary"
        if (line_break or len(data) < _PEEK_BYTES) and _columns(line):
            return "glove"
        raise source.fault(
            f"begins with {line[:40]!r}: neither a word2vec header, nor a word and its numbers, nor safetensors"
        )


def format_of_name(path: str | os.PathLike[str]) -> Format:
    """The format that a file's name stands for, to write it.

    .bin is word2vec binary; .txt and .vec are word2vec text, but GloVe text where the name begins with
    "glove"; .tsv is for the projector. All but .safetensors may end in .gz, .bz2, .xz or .zst.

    Raises:
        ValueError: the name ends like none of these.
    """
    suffix = _inner_suffix(path)
    if suffix == ".safetensors" and not is_compressed(path):
        return "safetensors"
    if suffix == ".bin":
        return "word2vec-binary"
    if suffix in (".txt", ".vec"):
        return "glove" if Path(path).name.lower().startswith("glove") else "word2vec-text"
    if suffix == ".tsv":
        return "projector"
    raise ValueError(
        f"{os.fspath(path)}: the name does not tell the format: end it in .bin, .txt, .vec, .tsv or "
        f".safetensors, or give the format, one of {', '.join(FORMATS)}"
    )


def read_vectors(
    path: str | os.PathLike[str],
    *,
    limit: int | None = None,
    unicode_errors: str = "strict",
    encoding: str = "utf8",
    format: Format | None = None,
) -> VectorFile:
    """Read word vectors of any format; the arguments are those of ``read_word2vec``.

    Of a projector pair either file may be named (x_tensor.tsv or x_metadata.tsv), or x.tsv for both.

    Raises:
        ValueError: the file is malformed, or of no known format.
    """
    kind = detect_format(path) if format is None else _checked_format(format)
    options: dict[str, Any] = {"limit": limit, "unicode_errors": unicode_errors, "encoding": encoding}
    if kind == "glove":
        return read_glove(path, **options)
    if kind == "projector":
        return read_projector(_projector_files(path), **options)
    if kind == "safetensors":
        return _read_safetensors(path, limit)
    return read_word2vec(path, binary=kind == "word2vec-binary", **options)


def write_vectors(
    path: str | os.PathLike[str],
    words: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    counts: NDArray[np.int64] | None = None,
    format: Format | None = None,
) -> None:
    """Write word vectors, float32 (n, D), in the format given or named by the path (see ``format_of_name``).

    ``counts`` go where the format has a place for them: projector metadata and safetensors.

    Raises:
        TypeError: a word is not a string.
        ValueError: the format cannot hold these words or numbers, or the name tells no format.
    """
    kind = format_of_name(path) if format is None else _checked_format(format)
    if kind == "glove":
        write_glove(path, words, vectors)
    elif kind == "projector":
        write_projector(_projector_files(path), words, vectors, counts)
    elif kind == "safetensors":
        _write_safetensors(path, words, vectors, counts)
    else:
        write_word2vec(path, words, vectors, binary=kind == "word2vec-binary")


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    limit: int | None = None,
    unicode_errors: str = "strict",
    encoding: str = "utf8",
    source_format: Format | None = None,
    target_format: Format | None = None,
) -> tuple[int, int]:
    """Read word vectors from ``source`` and write them to ``target``; returns how many, and their dimensions.

    Raises:
        ValueError: ``source`` is malformed, or ``target`` cannot hold what is in it.
    """
    kind = format_of_name(target) if target_format is None else _checked_format(target_format)
    words, vectors, counts = read_vectors(
        source, limit=limit, unicode_errors=unicode_errors, encoding=encoding, format=source_format
    )
    write_vectors(target, words, vectors, counts=counts, format=kind)
    return vectors.shape[0], vectors.shape[1]


def _checked_format(format: Format) -> Format:
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    return format


def _inner_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix in front of that of the compression."""
    name = Path(path)
    return (name.with_suffix("") if is_compressed(name) else name).suffix.lower()


def _projector_files(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Both files of a pair of which one, or the stem (x.tsv), is named."""
    name = os.fspath(path)
    stem, dot, ending = name.rpartition(".tsv")
    if not dot:
        stem, ending = name, ""
    for end in _PROJECTOR_ENDS:
        stem = stem.removesuffix(end)
    tensor, metadata = (f"{stem}{end}.tsv{ending}" for end in _PROJECTOR_ENDS)
    return tensor, metadata


def _columns(line: bytes) -> int:
    return _core.count_text_columns(np.frombuffer(line, np.uint8), True)


def _is_row(text: bytes, dim: int) -> bool:
    """Whether what follows a word2vec header is text: numbers to the end of the line, or of what is seen."""
    line, line_break, _ = text.partition(b"\n")
    if not line_break:
        line = line.rpartition(b" ")[0] or line
    found = _columns(line)
    return found >= dim if line_break or len(text) < _PEEK_BYTES // 2 else found > 1


def _read_safetensors(path: str | os.PathLike[str], limit: int | None) -> VectorFile:
    limit = check_limit(limit)
    arrays, metadata = read_safetensors(path, mmap=limit is not None)
    name = os.fspath(path)
    if metadata.get("format") != SAFETENSORS_FORMAT or metadata.get("version") != SAFETENSORS_VERSION:
        raise ValueError(
            f"{name}: its metadata are not those of version {SAFETENSORS_VERSION} of {SAFETENSORS_FORMAT}: "
            "not word vectors, or of a newer lexigrad"
        )
    missing = {"vectors", "keys", "key_offsets"} - arrays.keys()
    if missing:
        raise ValueError(f"{name}: lacks the arrays {', '.join(sorted(missing))}")
    try:
        words = unpack_words(arrays["keys"], arrays["key_offsets"])
        counts = checked_counts(arrays["count"], len(words)) if "count" in arrays else None
        vectors, _ = checked_vectors(words, arrays["vectors"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error
    rows = slice(limit)
    kept = np.array(vectors[rows]) if limit is not None else vectors
    return VectorFile(words[rows], kept, None if counts is None else counts[rows])


def _write_safetensors(
    path: str | os.PathLike[str],
    words: Sequence[str],
    vectors: NDArray[np.float32],
    counts: NDArray[np.int64] | None,
) -> None:
    rows, checked = checked_vectors(words, vectors, counts)
    keys, offsets = pack_words(words)
    arrays: dict[str, NDArray[Any]] = {"vectors": rows, "keys": keys, "key_offsets": offsets}
    if checked is not None:
        arrays["count"] = checked
    write_safetensors(path, arrays, {"format": SAFETENSORS_FORMAT, "version": SAFETENSORS_VERSION})
