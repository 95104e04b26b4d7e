"""GloVe text: whole, odd and damaged files."""

import functools
import os
import tracemalloc

import numpy as np
import pytest
from bad_files import VECTORS, WORDS, agree, gzipped, mutations, outcome, pickles, put, quiet, refused, same

from lexigrad.io import blocks
from lexigrad.io.glove import read_glove, write_glove
from oracles import vector_file as oracle

DATA = "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in zip(WORDS, VECTORS, strict=True)).encode()


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
def test_what_is_written_reads_back(tmp_path, suffix):
    path = tmp_path / f"glove.txt{suffix}"
    write_glove(path, WORDS, VECTORS)
    same(read_glove(path), WORDS, VECTORS)
    same(read_glove(path, limit=2), WORDS[:2], VECTORS[:2])
    if not suffix:
        assert path.read_bytes() == DATA


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_gensim_reads_it(tmp_path):
    keyedvectors = pytest.importorskip("gensim.models.keyedvectors")
    write_glove(tmp_path / "v", WORDS, VECTORS)
    loaded = keyedvectors.KeyedVectors.load_word2vec_format(str(tmp_path / "v"), no_header=True)
    assert loaded.index_to_key == WORDS
    np.testing.assert_array_equal(loaded.vectors, VECTORS)


@pytest.mark.parametrize("count", [1, 3, 5000])
@pytest.mark.parametrize("packed", [False, True])
def test_the_matrix_grows_with_the_file(tmp_path, monkeypatch, count, packed):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 12)
    path = tmp_path / ("v.gz" if packed else "v")
    vectors = np.random.default_rng(0).standard_normal((count, 37)).astype(np.float32)
    vectors[: count // 2] = np.rint(vectors[: count // 2])  # short lines first: the rows are underestimated
    words = [f"w{i}" for i in range(count)]
    write_glove(path, words, vectors)
    same(read_glove(path), words, vectors)
    same(read_glove(path, limit=4000), words[:4000], vectors[:4000])


def test_words_with_spaces(tmp_path):
    path = tmp_path / "v"
    words = ["the", ". . .", "at name@domain.com", "3 2/3", "• x", "5", "\x85", "nan", "New  York"]
    put(path, "".join(f"{word} {i} -{i}.5\n" for i, word in enumerate(words)).encode())
    same(read_glove(path), words, [[i, -i - 0.5] for i in range(len(words))])
    put(path, b". . . 1.5 2\nb 3 4\n")
    same(read_glove(path), [". . .", "b"], [[1.5, 2], [3, 4]])
    refused(read_glove, path, b"the 1 2\nrow 7 1 2\n", r"line 2 \(byte 8\)", "found more")


def test_readings(tmp_path):
    path = tmp_path / "v"
    for data in (
        DATA.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + DATA,
        DATA.replace(b"\n", b" \n"),
        DATA.replace(b" ", b"\t"),
        DATA + b"\n\n \n",
        DATA[:-1],
    ):
        put(path, data)
        same(read_glove(path), WORDS, VECTORS)


def test_truncated_at_every_byte(tmp_path):
    ends = [at + back for at, byte in enumerate(DATA) if byte == 10 for back in (0, 1)]
    accepted = [
        agree(read_glove, functools.partial(oracle.read_text, header=False), tmp_path / "v", DATA[:size])
        for size in range(len(DATA))
    ]
    assert all(accepted[end] for end in ends if end < len(DATA))
    assert not accepted[0]
    packed = gzipped(DATA)
    for size in range(len(packed)):
        refused(read_glove, tmp_path / "v.gz", packed[:size], r"v\.gz: ")
    packed = pytest.importorskip("zstandard").compress(DATA)
    for size in range(len(packed)):
        refused(read_glove, tmp_path / "v.zst", packed[:size], r"v\.zst: ")


def test_zstandard_files_of_several_frames(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    for cut in range(len(DATA) + 1):
        put(tmp_path / "v.zst", zstandard.compress(DATA[:cut]) + zstandard.compress(DATA[cut:]))
        same(read_glove(tmp_path / "v.zst"), WORDS, VECTORS)
    put(tmp_path / "v.zst", zstandard.compress(DATA + b"\0" * (200 << 20)))
    tracemalloc.start()
    refused(read_glove, tmp_path / "v.zst", (tmp_path / "v.zst").read_bytes(), "line 6")
    assert tracemalloc.get_traced_memory()[1] < 150e6
    tracemalloc.stop()


def test_mutations_agree_with_the_oracle(tmp_path):
    reading = functools.partial(oracle.read_text, header=False)
    path = tmp_path / "v"
    accepted = [agree(read_glove, reading, path, changed) for changed in mutations(DATA, 3000)]
    assert 100 < sum(accepted) < 2900
    for changed in mutations(DATA, 1500, seed=1):
        result = outcome(quiet(functools.partial(read_glove, unicode_errors="ignore")), path, changed)
        assert "v: " in str(result) if isinstance(result, ValueError) else np.isfinite(result.vectors).all()


def test_a_word2vec_header_is_named(tmp_path):
    refused(read_glove, tmp_path / "v", b"5 3\n" + DATA, "line 1", "word2vec header")


def test_bad_files(tmp_path):
    path = tmp_path / "v"
    refused(read_glove, path, b"", "line 1 is b''")
    refused(read_glove, path, b"\n\n", "line 1 is b''")
    refused(read_glove, path, b"no numbers at all\n", "expected a word and its numbers")
    refused(read_glove, path, DATA.replace(b"\xc3\xaf", b"\xff"), r"line 2 \(byte \d+\)", "not utf8")
    refused(read_glove, path, DATA + b"king 1 2 3\n", r"line 6 \(byte \d+\)", "already")
    refused(read_glove, path, DATA.replace(b"x ", b"a\0b "), r"line 5", "NUL")
    refused(read_glove, path, DATA.replace(b"x ", b" "), r"line 5", "empty")
    refused(read_glove, path, DATA.replace(b"x ", b"w" * 5_000_000 + b" "), r"line 5", "1048576")
    refused(read_glove, path, b"w" * 5_000_000 + b" 1 2\n", r"line 1", "1048576")
    refused(read_glove, path, b"7" * (20 << 20), "byte 0", "16777216")
    refused(read_glove, path, DATA + b"7" * (20 << 20), "line 6", "16777216")
    refused(read_glove, path, DATA.replace(b"1.1", b"nan"), r"line 4 \(byte \d+\): number 3 .* not a number")
    refused(read_glove, path, DATA.replace(b"1.1", b"-inf"), r"line 4 \(byte \d+\): number 3 .* infinite")
    refused(read_glove, path, DATA.replace(b" 1.1", b""), r"line 4 \(byte \d+\): .*found 2")
    refused(read_glove, path, DATA.replace(b"\nx", b"\n\nx"), r"line 5 is empty, but more follows from byte \d+")
    refused(read_glove, path, b"w" + b" 1" * ((1 << 20) + 1) + b"\n", "line 1", "1048577 dimensions")
    for data in pickles():
        refused(read_glove, path, data, "pickle|expected a word")


def test_a_bomb_costs_little(tmp_path):
    path = tmp_path / "v.gz"
    for body in (b"\0" * (200 << 20), b"w 1\n" * (20 << 20), b"w 1 2 3\n" + b"\n" * (100 << 20)):
        put(path, gzipped(body))
        tracemalloc.start()
        with pytest.raises(ValueError, match=r"v\.gz: "):
            read_glove(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100e6


def test_words_that_cannot_be_written(tmp_path):
    for word in ("", "a b", "a\tb", "a\nb", "a\0"):
        with pytest.raises(ValueError, match="cannot be written as GloVe text"):
            write_glove(tmp_path / "v", ["x", word], VECTORS[:2])
    assert os.listdir(tmp_path) == []
