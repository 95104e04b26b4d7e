"""Detecting, reading and writing every format."""

import itertools

import numpy as np
import pytest
from bad_files import VECTORS, WORDS, mutations, outcome, pickles, quiet, refused, same

from lexigrad.io.convert import FORMATS, convert, detect_format, format_of_name, read_vectors, write_vectors
from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.io.vector_file import pack_words

NAMES = {
    "v.bin": "word2vec-binary",
    "v.bin.gz": "word2vec-binary",
    "v.txt": "word2vec-text",
    "v.vec.bz2": "word2vec-text",
    "glove.6B.txt": "glove",
    "glove.txt.xz": "glove",
    "v_tensor.tsv": "projector",
    "v.tsv.gz": "projector",
    "v.safetensors": "safetensors",
}
COUNTS = np.array([50, 40, 30, 20, 10])


@pytest.mark.parametrize(("source", "target"), list(itertools.product(NAMES, NAMES)))
def test_every_format_to_every_other(tmp_path, source, target):
    (tmp_path / "to").mkdir()
    source, target = tmp_path / source, tmp_path / "to" / target
    write_vectors(source, WORDS, VECTORS, counts=COUNTS)
    assert convert(source, target) == VECTORS.shape
    result = read_vectors(target)
    same(result, WORDS, VECTORS)
    with_counts = ("projector", "safetensors")
    if format_of_name(source) in with_counts and format_of_name(target) in with_counts:
        np.testing.assert_array_equal(result.counts, COUNTS)
    else:
        assert result.counts is None
    same(read_vectors(target, limit=2), WORDS[:2], VECTORS[:2])


@pytest.mark.parametrize("name", NAMES)
def test_formats_are_told_by_the_content(tmp_path, name):
    path = tmp_path / name
    assert format_of_name(path) == NAMES[name]
    write_vectors(path, WORDS, VECTORS)
    if NAMES[name] != "projector":
        assert detect_format(path) == NAMES[name]
        if not name.endswith(("gz", "bz2", "xz")):
            assert detect_format(path.rename(tmp_path / "nameless")) == NAMES[name]
    assert set(NAMES.values()) == set(FORMATS)


@pytest.mark.parametrize("dim", [1, 2, 300, 40_000])
def test_text_and_binary_are_told_apart_at_any_size(tmp_path, dim):
    vectors = np.random.default_rng(dim).standard_normal((3, dim)).astype(np.float32)
    for format in ("word2vec-binary", "word2vec-text", "glove"):
        write_vectors(tmp_path / "v", ["1", "b", "c"], vectors, format=format)
        assert detect_format(tmp_path / "v") == format
        same(read_vectors(tmp_path / "v"), ["1", "b", "c"], vectors)


def test_the_format_may_be_given(tmp_path):
    write_vectors(tmp_path / "v.txt", WORDS, VECTORS, format="glove")
    same(read_vectors(tmp_path / "v.txt", format="glove"), WORDS, VECTORS)
    convert(tmp_path / "v.txt", tmp_path / "w", source_format="glove", target_format="word2vec-binary", limit=3)
    same(read_vectors(tmp_path / "w", format="word2vec-binary"), WORDS[:3], VECTORS[:3])
    for call in (
        lambda: read_vectors(tmp_path / "v.txt", format="text"),
        lambda: write_vectors(tmp_path / "x", WORDS, VECTORS, format="text"),
        lambda: convert(tmp_path / "v.txt", tmp_path / "x", target_format="text"),
    ):
        with pytest.raises(ValueError, match="format must be one of"):
            call()
    for name in ("x", "x.npy", "x.safetensors.gz"):
        with pytest.raises(ValueError, match="does not tell the format"):
            convert(tmp_path / "v.txt", tmp_path / name)


def test_files_of_other_kinds(tmp_path):
    path = tmp_path / "v.bin"
    for data in pickles():
        refused(read_vectors, path, data, "pickle|neither")
    refused(read_vectors, path, b"\xba\x16\x4f\x2f" + bytes(40), "fastText")
    refused(read_vectors, path, b"\x93NUMPY\1\0", "NumPy")
    refused(read_vectors, path, b"", "neither")
    refused(read_vectors, path, bytes(100), "neither")
    refused(read_vectors, path, b"<html>\n", "neither")
    for data in (b"5", b"5 3", b"5 3\n", b"-1 -1\na b", b"0 0\n", b"2 %d\n" % 2**63, b"9" * 40 + b" 3\n"):
        refused(read_vectors, path, data, "v.bin: ")
    with pytest.raises(FileNotFoundError):
        detect_format(tmp_path / "absent")


def test_safetensors_that_hold_no_word_vectors(tmp_path):
    path = tmp_path / "v.safetensors"
    keys, offsets = pack_words(WORDS)
    arrays = {"vectors": VECTORS, "keys": keys, "key_offsets": offsets}
    metadata = {"format": "lexigrad.KeyedVectors", "version": 1}
    for others in ({}, {"format": "lexigrad.KeyedVectors"}, metadata | {"version": 2}):
        write_safetensors(path, arrays, others)
        with pytest.raises(ValueError, match=r"v\.safetensors: its metadata"):
            read_vectors(path)
    nan = VECTORS.copy()
    nan[1, 1] = np.nan
    for change, message in (
        ({"vectors": None}, "lacks the arrays vectors"),
        ({"vectors": VECTORS[:4]}, "shape"),
        ({"vectors": VECTORS[0]}, "shape"),
        ({"vectors": nan}, "'naïve'"),
        ({"keys": keys[:-1]}, "key_offsets"),
        ({"keys": keys.astype(np.int64)}, "keys must be uint8"),
        ({"count": COUNTS[:2]}, "counts"),
        ({"count": COUNTS - 30}, "counts"),
        ({"count": COUNTS * 0.5}, "counts"),
    ):
        changed = {name: array for name, array in (arrays | change).items() if array is not None}
        write_safetensors(path, changed, metadata)
        with pytest.raises(ValueError, match=f"v.safetensors: .*{message}"):
            read_vectors(path)


def test_the_safetensors_layout(tmp_path):
    path = tmp_path / "v.safetensors"
    write_vectors(path, WORDS, VECTORS, counts=COUNTS)
    arrays, metadata = read_safetensors(path, mmap=True)
    assert metadata == {"format": "lexigrad.KeyedVectors", "version": 1}
    assert arrays["keys"].tobytes() == "".join(WORDS).encode()
    assert arrays["key_offsets"].tolist() == [0, 4, 10, 16, 22, 23]
    np.testing.assert_array_equal(arrays["vectors"], VECTORS)
    np.testing.assert_array_equal(arrays["count"], COUNTS)


@pytest.mark.parametrize("name", ["v.bin", "v.txt", "glove.txt", "v.safetensors"])
def test_mutations_raise_nothing_but_value_errors(tmp_path, name):
    path = tmp_path / name
    write_vectors(path, WORDS, VECTORS)
    for changed in mutations(path.read_bytes(), 800):
        result = outcome(quiet(read_vectors), path, changed)
        if isinstance(result, ValueError):
            assert name in str(result)
        else:
            assert len(result.words) == len(result.vectors)
            assert np.isfinite(result.vectors).all()
