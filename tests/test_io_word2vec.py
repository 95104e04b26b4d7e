"""word2vec text and binary: whole, odd and damaged files, and gensim's opinion."""

import bz2
import functools
import io
import lzma
import os
import struct
import tracemalloc

import numpy as np
import pytest
from bad_files import (
    HUGE,
    VECTORS,
    WORDS,
    agree,
    gzipped,
    mutations,
    outcome,
    pickles,
    put,
    quiet,
    refused,
    same,
)

from lexigrad.io import blocks
from lexigrad.io.word2vec import read_counts, read_word2vec, write_word2vec
from oracles import vector_file as oracle

read_text = read_word2vec
read_binary = functools.partial(read_word2vec, binary=True)


def text_of(words=WORDS, vectors=VECTORS):
    lines = [f"{len(words)} {vectors.shape[1]}\n"]
    lines += [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, vectors, strict=True)]
    return "".join(lines).encode()


def binary_of(words=WORDS, vectors=VECTORS, ending=b""):
    records = [word.encode() + b" " + row.tobytes() + ending for word, row in zip(words, vectors, strict=True)]
    return b"%d %d\n" % (len(words), vectors.shape[1]) + b"".join(records)


BOTH = pytest.mark.parametrize(
    ("read", "data"), [(read_text, text_of()), (read_binary, binary_of())], ids=["text", "binary"]
)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_what_is_written_reads_back(tmp_path, binary, suffix):
    if suffix == ".zst":
        pytest.importorskip("zstandard")
    path = tmp_path / f"vectors{suffix}"
    write_word2vec(path, WORDS, VECTORS, binary=binary)
    same(read_word2vec(path, binary=binary), WORDS, VECTORS)
    if suffix in ("", ".gz", ".bz2", ".xz"):
        unpack = {
            "": bytes,
            ".gz": __import__("gzip").decompress,
            ".bz2": bz2.decompress,
            ".xz": lzma.decompress,
        }[suffix]
        assert unpack(path.read_bytes()) == (binary_of() if binary else text_of())


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("dim", [1, 2, 100])
def test_gensim_writes_the_same_bytes_and_reads_ours(tmp_path, binary, dim):
    keyedvectors = pytest.importorskip("gensim.models.keyedvectors")
    rng = np.random.default_rng(dim)
    words = [f"wörd{i}" for i in range(300)]
    vectors = (rng.standard_normal((300, dim)) * 10.0 ** rng.integers(-12, 12, (300, dim))).astype(np.float32)
    counts = np.sort(rng.integers(1, 10**9, 300))[::-1].copy()
    theirs = keyedvectors.KeyedVectors(dim)
    theirs.add_vectors(words, vectors)
    for word, count in zip(words, counts, strict=True):
        theirs.set_vecattr(word, "count", int(count))
    theirs.save_word2vec_format(str(tmp_path / "theirs"), fvocab=str(tmp_path / "their_vocab"), binary=binary)
    write_word2vec(tmp_path / "ours", words, vectors, binary=binary, counts=counts, fvocab=tmp_path / "our_vocab")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert (tmp_path / "our_vocab").read_bytes() == (tmp_path / "their_vocab").read_bytes()
    result = read_word2vec(tmp_path / "theirs", binary=binary, fvocab=tmp_path / "their_vocab")
    same(result, words, vectors)
    np.testing.assert_array_equal(result.counts, counts)
    loaded = keyedvectors.KeyedVectors.load_word2vec_format(str(tmp_path / "ours"), binary=binary)
    assert loaded.index_to_key == words
    np.testing.assert_array_equal(loaded.vectors.view(np.uint32), vectors.view(np.uint32))
    theirs.save_word2vec_format(str(tmp_path / "theirs"), binary=binary, write_header=False, prefix="*dt_", append=True)
    write_word2vec(tmp_path / "ours", words, vectors, binary=binary, header=False, prefix="*dt_", append=True)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1 << 22])
@BOTH
def test_any_size_of_block_gives_the_same(tmp_path, monkeypatch, read, data, block_bytes):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    for name, packed in (("v", data), ("v.gz", gzipped(data))):
        (tmp_path / name).write_bytes(packed)
        same(read(tmp_path / name), WORDS, VECTORS)
        same(read(tmp_path / name, limit=2), WORDS[:2], VECTORS[:2])


def test_what_word2vec_c_writes(tmp_path):
    path = tmp_path / "v"
    path.write_bytes(binary_of(ending=b"\n"))
    same(read_binary(path), WORDS, VECTORS)
    path.write_bytes(text_of().replace(b"\n", b" \n").replace(b"3 \n", b"3\n", 1))
    same(read_text(path), WORDS, VECTORS)


def test_readings_of_other_texts(tmp_path):
    path = tmp_path / "v"
    for data in (
        text_of().replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + text_of(),
        text_of().replace(b" ", b"\t"),
        text_of().replace(b" ", b"  "),
        text_of() + b"\n \r\n\n",
        text_of().removesuffix(b"\n"),
        text_of().replace(b"5 3\n", b" +5  3 \r\n", 1),
    ):
        path.write_bytes(data)
        same(read_text(path), WORDS, VECTORS)
    path.write_bytes(b"2 2\n. . . 1 2\nNew York\t3 4\n")
    same(read_text(path), [". . .", "New York"], [[1, 2], [3, 4]])
    path.write_bytes(b"\xef\xbb\xbf" + binary_of() + b"\n")
    same(read_binary(path), WORDS, VECTORS)


def test_no_header(tmp_path):
    path = tmp_path / "v"
    write_word2vec(path, WORDS, VECTORS, header=False)
    assert path.read_bytes() == text_of().partition(b"\n")[2]
    same(read_word2vec(path, no_header=True), WORDS, VECTORS)
    same(read_word2vec(path, no_header=True, limit=3), WORDS[:3], VECTORS[:3])
    same(read_word2vec(path, no_header=True, limit=9), WORDS, VECTORS)
    refused(read_text, path, path.read_bytes(), "line 1", "no_header=True")
    with pytest.raises(ValueError, match="no_header"):
        read_word2vec(path, no_header=True, binary=True)


@BOTH
def test_limit_reads_no_further(tmp_path, read, data):
    path = tmp_path / "v"
    path.write_bytes(data)
    for limit in range(1, 8):
        same(read(path, limit=limit), WORDS[:limit], VECTORS[:limit])
    cut = data[: data.index("東".encode())] + b"\xff rubbish"
    path.write_bytes(cut.ljust(len(data), b"\xff"))
    same(read(path, limit=2), WORDS[:2], VECTORS[:2])
    with pytest.raises(ValueError, match="limit must be"):
        read(path, limit=0)


@BOTH
def test_truncated_at_every_byte(tmp_path, read, data):
    path = tmp_path / "v"
    last_number = len(data) - 1 if read is read_text else len(data)  # all but the line break; "9.0" and "9." agree
    for size in range(len(data)):
        reading = oracle.read_binary if read is read_binary else functools.partial(oracle.read_text, header=True)
        accepted = agree(read, reading, path, data[:size])
        assert accepted == (read is read_text and size >= last_number - 2)
        if not accepted:
            refused(read, path, data[:size], "v: ")
        packed = tmp_path / "v.gz"
        put(packed, gzipped(data[:size]))
        if not accepted:
            with pytest.raises(ValueError, match=r"v\.gz: "):
                read(packed)
    whole = gzipped(data)
    for size in range(len(whole)):
        refused(read, tmp_path / "v.gz", whole[:size], r"v\.gz: ", "")


@pytest.mark.parametrize("read", [read_text, read_binary])
def test_header_integers(tmp_path, read):
    path, packed = tmp_path / "v", tmp_path / "v.gz"
    body = (text_of() if read is read_text else binary_of()).partition(b"\n")[2]
    for number in HUGE:
        for header in (f"{number} 3", f"5 {number}", f"{number} {number}", f"{2**31} {2**31}", f"{2**62} 4"):
            data = f"{header}\n".encode() + body
            tracemalloc.start()
            refused(read, path, data, "v: ", "line 1|record 1|line 2")
            refused(read, packed, gzipped(data), r"v\.gz: ")
            assert tracemalloc.get_traced_memory()[1] < 50e6
            tracemalloc.stop()
    for header in (
        b"",
        b"5",
        b"5 3 1",
        b"a b",
        b"5.0 3",
        b"0x5 3",
        b"5 3" * 1000,
        b"\xff\xff",
        "\u0665 \u0663".encode(),
    ):
        refused(read, path, header + b"\n" + body, "v: ", "header|declares")
    refused(read, path, b"", "v: line 1")


@BOTH
def test_more_than_is_declared(tmp_path, read, data):
    path = tmp_path / "v"
    refused(read, path, data.replace(b"5 3", b"4 3", 1), "line 1 declares 4 vectors", "more follows from byte")
    refused(read, path, data + b"\n\n x", "more follows from byte")
    refused(read, path, data + b"\n" * (1 << 21), "more follows")
    refused(read, path.with_suffix(".gz"), gzipped(data + b"\n" * (1 << 24)), "more follows")


@BOTH
def test_not_utf8(tmp_path, read, data):
    path = tmp_path / "v"
    bad = data.replace("ï".encode(), b"\xc3\x28").replace(b"e-mail", b"e\xff\xfe")
    refused(read, path, bad, r"(line 3|record 2) \(byte \d+\)", "not utf8", "unicode_errors")
    same(read(path, unicode_errors="replace"), ["king", "na�(ve", "東京", "e��", "x"], VECTORS)
    same(read(path, unicode_errors="ignore"), ["king", "na(ve", "東京", "e", "x"], VECTORS)
    path.write_bytes(data.replace("ï".encode(), b"\xef").replace("東京".encode(), b"t"))
    same(read(path, encoding="latin-1"), ["king", "naïve", "t", "e-mail", "x"], VECTORS)
    for encoding in ("nonsense", "base64", "utf-16", "cp500"):
        with pytest.raises(ValueError, match="encoding="):
            read(path, encoding=encoding)
    for errors in ("nonsense", "xmlcharrefreplace"):
        with pytest.raises(ValueError, match="unicode_errors="):
            read(path, unicode_errors=errors)


@BOTH
def test_repeated_words(tmp_path, read, data):
    path = tmp_path / "v"
    repeated = data.replace("東京".encode(), b"king")
    refused(read, path, repeated, r"(line 4|record 3) \(byte \d+\): the word 'king' stands in the file already")
    with pytest.warns(UserWarning, match="1 words .* 'king', word 3"):
        result = read(path, unicode_errors="replace")
    same(result, ["king", "naïve", "e-mail", "x"], VECTORS[[0, 1, 3, 4]])
    path.write_bytes(data.replace("東京".encode(), b"\xff").replace(b"e-mail", b"\xff\xfe").replace(b"king", b"x"))
    with pytest.warns(UserWarning, match="3 words"):
        result = read(path, unicode_errors="ignore")
    same(result, ["x", "naïve"], VECTORS[:2])


@BOTH
def test_words_that_are_refused(tmp_path, read, data):
    path = tmp_path / "v"
    refused(read, path, data.replace("東京".encode(), b""), r"(line 4|record 3) \(byte \d+\): the word is empty")
    refused(read, path, data.replace("東京".encode(), b"a\0b"), r"(line 4|record 3) \(byte \d+\).*NUL")
    huge = data.replace("東京".encode(), b"w" * 5_000_000)
    refused(read, path, huge, r"(line 4|record 3) \(byte \d+\)", "1048576")
    almost = "w" * (1 << 20)
    path.write_bytes(data.replace("東京".encode(), almost.encode()))
    assert read(path).words[2] == almost


def test_records_out_of_step_are_refused(tmp_path):
    refused(read_binary, tmp_path / "v", binary_of().replace("東京".encode(), b"a\nb"), "record 3", "line break")


@BOTH
def test_numbers_that_are_not_finite(tmp_path, read, data):
    path = tmp_path / "v"
    for value in (np.nan, np.inf, -np.inf):
        vectors = VECTORS.copy()
        vectors[3, 1] = value
        bad = text_of(vectors=vectors) if read is read_text else binary_of(vectors=vectors)
        refused(
            read,
            path,
            bad,
            r"(line 5|record 4) \(byte \d+\): number 2 of the vector is (not a number|infinite)",
        )


def test_lines_of_another_length(tmp_path):
    path = tmp_path / "v"
    refused(read_text, path, text_of().replace(b" 2.5", b""), r"line 4 \(byte \d+\): .* 3 numbers, found 2")
    refused(
        read_text,
        path,
        text_of().replace(b" 2.5", b" 2.5 7"),
        r"line 4 \(byte \d+\): .* 3 numbers, found more",
    )
    refused(read_text, path, text_of().replace(b"2.5", b"2,5"), "line 4", "found '2,5'|found 2")
    refused(read_text, path, text_of().replace(b"1.0", b"one"), "line 4", "found 'one'")
    refused(read_text, path, text_of().replace(b"2.5", b"1e39"), "line 4", "number 1 .* beyond float32")
    refused(read_text, path, text_of().replace(b"e-mail", b"\ne-mail"), r"ends in line 5 \(byte \d+\), after 3")
    refused(read_text, path, b"5 3\n" + b"7" * (17 << 20), "line 2", "16777216")


def test_text_taken_for_binary_and_the_other_way_round(tmp_path):
    path = tmp_path / "v"
    refused(read_binary, path, text_of(), "binary=False")
    refused(read_text, path, binary_of(), "binary=True")


@pytest.mark.parametrize("read", [read_text, read_binary, functools.partial(read_word2vec, no_header=True)])
def test_pickles_are_never_opened(tmp_path, read):
    for data in pickles():
        refused(read, tmp_path / "v", data, "pickle|header|a word and its numbers")
    refused(read, tmp_path / "v", next(iter(list(pickles())[2:])), "load it with gensim")
    array = io.BytesIO()
    np.save(array, VECTORS)
    refused(read, tmp_path / "v", array.getvalue(), "NumPy array")


@pytest.mark.parametrize("read", [read_text, read_binary, functools.partial(read_word2vec, no_header=True)])
def test_a_bomb_costs_little(tmp_path, read):
    path = tmp_path / "v.gz"
    for body in (b"\0" * (200 << 20), b"\n" * (50 << 20), b"w 1 " * (20 << 20), b" " * (50 << 20)):
        path.write_bytes(gzipped(b"2147483647 300\n" + body))
        tracemalloc.start()
        with pytest.raises(ValueError, match=r"v\.gz: "):
            read(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100e6


def test_damaged_compressed_files(tmp_path):
    for suffix, data in (
        (".gz", gzipped(text_of())),
        (".bz2", bz2.compress(text_of())),
        (".xz", lzma.compress(text_of())),
    ):
        path = tmp_path / f"v{suffix}"
        refused(read_text, path, text_of(), "cannot be decompressed")
        refused(read_text, path, data[:-9], "cannot be decompressed")
        refused(read_text, path, data[:20] + bytes(byte ^ 0x5A for byte in data[20:]), "cannot be decompressed")
    zstandard = pytest.importorskip("zstandard")
    data = zstandard.compress(text_of())
    refused(read_text, tmp_path / "v.zst", text_of(), "cannot be decompressed")
    refused(read_text, tmp_path / "v.zst", data[:10] + b"\xff" * 30, "v.zst: ")


@pytest.mark.parametrize("lenient", [False, True])
@BOTH
def test_mutations_agree_with_the_oracle(tmp_path, read, data, lenient):
    path = tmp_path / "v"
    if lenient:  # neither crashes nor raises anything but ValueError
        run = quiet(functools.partial(read, unicode_errors="replace"))
        for changed in mutations(data, 1500, seed=1):
            result = outcome(run, path, changed)
            assert "v: " in str(result) if isinstance(result, ValueError) else np.isfinite(result.vectors).all()
        return
    reading = oracle.read_binary if read is read_binary else functools.partial(oracle.read_text, header=True)
    accepted = [agree(read, reading, path, changed) for changed in mutations(data, 3000)]
    assert 100 < sum(accepted) < 2900


def test_words_that_cannot_be_written(tmp_path):
    path = tmp_path / "v"
    path.write_bytes(b"old")
    for word in ("", "a b", "a\nb", "a\0"):
        for binary in (False, True):
            with pytest.raises(ValueError, match="cannot be written"):
                write_word2vec(path, ["x", word], VECTORS[:2], binary=binary)
    with pytest.raises(ValueError, match="cannot be written"):
        write_word2vec(path, ["a\tb"], VECTORS[:1])
    with pytest.raises(ValueError, match="fvocab needs counts"):
        write_word2vec(path, WORDS, VECTORS, fvocab=tmp_path / "vocab")
    with pytest.raises(ValueError, match="Unicode"):
        write_word2vec(path, ["\ud800"], VECTORS[:1])
    assert os.listdir(tmp_path) == ["v"]
    assert path.read_bytes() == b"old"


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    from lexigrad.io import vector_file

    path = tmp_path / "v"
    for append in (False, True):
        write_word2vec(path, WORDS, VECTORS, binary=True)
        monkeypatch.setattr(
            vector_file, "pack_words", lambda words: (_ for _ in ()).throw(OSError(28, "No space left"))
        )
        with pytest.raises(OSError, match="No space"):
            write_word2vec(path, WORDS, VECTORS, binary=True, append=append)
        monkeypatch.undo()
        assert path.read_bytes() == binary_of()
    assert os.listdir(tmp_path) == ["v"]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_counts_beside_the_vectors(tmp_path, suffix):
    counts = [9, 8, 7, 6, 2**63 - 1]
    vectors, vocabulary = tmp_path / f"v{suffix}", tmp_path / f"vocab{suffix}"
    write_word2vec(vectors, WORDS, VECTORS, counts=counts, fvocab=vocabulary)
    result = read_word2vec(vectors, fvocab=vocabulary, limit=3)
    assert result.counts.tolist() == counts[:3]
    assert result.counts.dtype == np.int64


def test_damaged_counts(tmp_path):
    def read(path):
        return read_counts(path, WORDS)

    path = tmp_path / "vocab"
    good = "".join(f"{word} {i}\n" for i, word in enumerate(WORDS)).encode()
    path.write_bytes(b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n") + b"New York 3\n\n")
    assert read(path).tolist() == [0, 1, 2, 3, 4]
    for size in range(len(good) - 1):
        refused(read, path, good[:size], "vocab: ")
    for bad in (
        b"king 5\n",
        b"x\n",
        b"x -1\n",
        b"x 1.5\n",
        b"x 9223372036854775808\n",
        b"\xff 3\n",
        b"x " + b"9" * 6000,
    ):
        refused(read, path, good + bad, r"line 6 \(byte")
    refused(read, path, good + b"w" * (17 << 20), "16777216")
    path.write_bytes(good + b"\xff 3\nking 7\n")
    assert read_counts(path, WORDS, unicode_errors="replace").tolist() == [0, 1, 2, 3, 4]
    refused(read, path, struct.pack("<ii", 1, 2), "vocab: ")
    for data in pickles():
        refused(read, path, data, "pickle|a word and its count")


def test_files_that_are_not_there(tmp_path):
    for path in (tmp_path / "absent", tmp_path / "absent.gz"):
        with pytest.raises(FileNotFoundError):
            read_word2vec(path)
    with pytest.raises(OSError, match="absent"):
        write_word2vec(tmp_path / "absent" / "v", WORDS, VECTORS)
    with pytest.raises(IsADirectoryError):
        read_word2vec(tmp_path)


def test_datatypes(tmp_path):
    path = tmp_path / "v"
    write_word2vec(path, ["a"], np.array([[0.5, 2.0]]))
    for dtype in (np.float16, np.float64):
        assert read_word2vec(path, datatype=dtype).vectors.dtype == dtype
