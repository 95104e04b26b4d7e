"""TensorBoard projector files: whole, odd and damaged."""

import os

import numpy as np
import pytest
from bad_files import VECTORS, WORDS, gzipped, mutations, outcome, pickles, put, quiet, refused, same

from lexigrad.io.projector import projector_paths, read_projector, write_projector

NUMBERS = "".join("\t".join(map(str, row)) + "\n" for row in VECTORS).encode()
NAMES = "".join(f"{word}\n" for word in WORDS).encode()
COUNTED = b"word\tcount\n" + "".join(f"{word}\t{i}\n" for i, word in enumerate(WORDS)).encode()


@pytest.fixture
def prefix(tmp_path):
    return tmp_path / "v"


def read_with(prefix):
    """A reader of one of the two files, the other being whole."""
    tensor, metadata = projector_paths(prefix)

    def read(path):
        with open(tensor if path.name.endswith("metadata.tsv") else metadata, "wb") as other:
            other.write(NUMBERS if path.name.endswith("metadata.tsv") else NAMES)
        return read_projector(prefix)

    return read, prefix.with_name("v_tensor.tsv"), prefix.with_name("v_metadata.tsv")


def test_what_is_written_reads_back(prefix, tmp_path):
    write_projector(prefix, WORDS, VECTORS)
    assert sorted(os.listdir(tmp_path)) == ["v_metadata.tsv", "v_tensor.tsv"]
    assert (tmp_path / "v_tensor.tsv").read_bytes() == NUMBERS
    assert (tmp_path / "v_metadata.tsv").read_bytes() == NAMES
    same(read_projector(prefix), WORDS, VECTORS)
    assert read_projector(prefix).counts is None
    same(read_projector(prefix, limit=2), WORDS[:2], VECTORS[:2])


def test_counts_and_words_with_spaces(tmp_path):
    paths = (tmp_path / "a.tsv.gz", tmp_path / "b.tsv")
    write_projector(paths, ["New York", "x y"], VECTORS[:2], [7, 2**63 - 1])
    assert paths[1].read_bytes() == b"word\tcount\nNew York\t7\nx y\t9223372036854775807\n"
    result = read_projector(paths)
    same(result, ["New York", "x y"], VECTORS[:2])
    assert result.counts.tolist() == [7, 2**63 - 1]
    assert read_projector(paths, limit=1).counts.tolist() == [7]


def test_gensim_writes_the_same_bytes(prefix, tmp_path):
    pytest.importorskip("gensim")
    from gensim.scripts.word2vec2tensor import word2vec2tensor

    from lexigrad.io.word2vec import write_word2vec

    write_word2vec(tmp_path / "w", WORDS, VECTORS)
    word2vec2tensor(str(tmp_path / "w"), str(tmp_path / "g"))
    write_projector(prefix, WORDS, VECTORS)
    for ours, theirs in zip(projector_paths(prefix), projector_paths(tmp_path / "g"), strict=True):
        with open(ours, "rb") as a, open(theirs, "rb") as b:
            assert a.read() == b.read()


def test_readings(prefix):
    read, tensor, metadata = read_with(prefix)
    for data in (
        NUMBERS.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + NUMBERS,
        NUMBERS[:-1],
        NUMBERS + b"\n \n",
    ):
        put(tensor, data)
        same(read(tensor), WORDS, VECTORS)
    for data in (
        NAMES.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + NAMES,
        NAMES[:-1],
        NAMES + b"\r\n\n",
        COUNTED,
    ):
        put(metadata, data)
        same(read(metadata), WORDS, VECTORS)


def test_truncated_at_every_byte(prefix):
    read, tensor, metadata = read_with(prefix)
    for size in range(len(NUMBERS) - 3):  # "9.0\n" may lose three and still is 9
        refused(read, tensor, NUMBERS[:size], "v_(tensor|metadata).tsv: ")
    for size in range(len(NAMES) - 2):
        refused(read, metadata, NAMES[:size], "v_metadata.tsv: ")
    for size in range(len(COUNTED) - 1):
        refused(read, metadata, COUNTED[:size], "v_metadata.tsv: ")


def test_bad_numbers(prefix):
    read, tensor, _ = read_with(prefix)
    refused(read, tensor, b"", "0 dimensions")
    refused(read, tensor, NUMBERS.replace(b"2.5", b"nan"), r"line 3 \(byte \d+\): number 1 .* not a number")
    refused(read, tensor, NUMBERS.replace(b"2.5", b"1e40"), r"line 3 \(byte \d+\): number 1 .* beyond float32")
    refused(read, tensor, NUMBERS.replace(b"2.5", b"x"), r"line 3 \(byte \d+\): .*found 'x'")
    refused(read, tensor, NUMBERS.replace(b"2.5", b"\0"), r"line 3 \(byte \d+\): .*found '\?'")
    refused(read, tensor, NUMBERS.replace(b"2.5\t", b""), r"line 3 \(byte \d+\): expected 3 numbers, found 2")
    refused(
        read,
        tensor,
        NUMBERS.replace(b"2.5\t", b"1\t2\t"),
        r"line 3 \(byte \d+\): expected 3 numbers, found more",
    )
    refused(read, tensor, NUMBERS + b"1\t2\t3\n", "ends before line 6", "6 words are needed")
    refused(read, tensor, NUMBERS + b"\n1\t2\t3\n", "line 6 is empty, but more follows")
    refused(read, tensor, b"1" * (20 << 20), "16777216")
    for data in pickles():
        refused(read, tensor, data, "pickle|dimensions")


def test_bad_words(prefix):
    read, _, metadata = read_with(prefix)
    refused(read, metadata, b"", "ends before line 1")
    refused(read, metadata, NAMES + b"more\n", "more follows from byte")
    refused(read, metadata, NAMES.replace(b"\nx", b"\n"), r"line 5 \(byte \d+\): the word is empty")
    refused(read, metadata, NAMES.replace(b"x\n", b"a\0\n"), r"line 5 \(byte \d+\): .*NUL")
    refused(read, metadata, NAMES.replace(b"x\n", b"king\n"), r"line 5 \(byte \d+\): .*already")
    refused(read, metadata, NAMES.replace(b"x\n", b"\xff\n"), r"line 5 \(byte \d+\): .*not utf8")
    refused(read, metadata, NAMES.replace(b"x\n", b"x\t1\n"), r"line 5 \(byte \d+\): expected 1 columns, found 2")
    refused(read, metadata, NAMES.replace(b"x\n", b"w" * (17 << 20) + b"\n"), "16777216")
    refused(read, metadata, NAMES.replace(b"x\n", b"w" * 5_000_000 + b"\n"), "line 5", "1048576")
    for count in (b"-1", b"1.5", b"9223372036854775808", b"", b"\xff"):
        refused(read, metadata, COUNTED.replace(b"x\t4", b"x\t" + count), r"line 6 \(byte \d+\): expected a count")


def test_lenient_words(prefix):
    write_projector(prefix, WORDS, VECTORS, [1, 2, 3, 4, 5])
    metadata = prefix.with_name("v_metadata.tsv")
    put(metadata, metadata.read_bytes().replace(b"e-mail", b"\xff").replace(b"x\t", b"king\t"))
    with pytest.warns(UserWarning, match="2 words"):
        result = read_projector(prefix, unicode_errors="ignore")
    same(result, WORDS[:3], VECTORS[:3])
    assert result.counts.tolist() == [1, 2, 3]


def test_mutations_raise_nothing_but_value_errors(prefix):
    read, tensor, metadata = read_with(prefix)
    for path, data in ((tensor, NUMBERS), (metadata, NAMES), (metadata, COUNTED)):
        accepted = 0
        for changed in mutations(data, 700):
            result = outcome(quiet(read), path, changed)
            if isinstance(result, ValueError):
                assert "v_" in str(result)
            else:
                accepted += 1
                assert len(set(result.words)) == len(result.words) == len(result.vectors)
                assert np.isfinite(result.vectors).all()
        assert 0 < accepted < 700


def test_a_bomb_is_refused(tmp_path):
    tensor, metadata = tmp_path / "t.tsv.gz", tmp_path / "m.tsv.gz"
    put(metadata, gzipped(NAMES))
    for body in (b"\0" * (100 << 20), b"1\n" * (1 << 20), b"\n" * (50 << 20)):
        put(tensor, gzipped(body))
        with pytest.raises(ValueError, match=r"\.tsv\.gz: "):
            read_projector((tensor, metadata))


def test_words_that_cannot_be_written(prefix, tmp_path):
    for word in ("", "a\tb", "a\nb", "a\r", "a\0"):
        with pytest.raises(ValueError, match="cannot be written as projector metadata"):
            write_projector(prefix, ["x", word], VECTORS[:2])
    assert os.listdir(tmp_path) == []


def test_files_that_are_not_there(prefix):
    with pytest.raises(FileNotFoundError, match="v_tensor"):
        read_projector(prefix)
    write_projector(prefix, WORDS, VECTORS)
    prefix.with_name("v_metadata.tsv").unlink()
    with pytest.raises(FileNotFoundError, match="v_metadata"):
        read_projector(prefix)
