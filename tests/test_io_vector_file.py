"""Numbers, words and checks that the vector file formats share."""

from decimal import Decimal

import numpy as np
import pytest

import lexigrad
from lexigrad import _core
from lexigrad.io import blocks
from lexigrad.io.vector_file import (
    SCIENTIFIC_FROM,
    as_datatype,
    check_limit,
    checked_counts,
    checked_vectors,
    pack_words,
    unpack_words,
)
from oracles import vector_file as oracle


def format_column(values, threads=2):
    values = np.asarray(values, np.float32)[:, None]
    offsets = np.zeros(len(values) + 1, np.int64)
    text = _core.format_text_rows(np.zeros(0, np.uint8), offsets, values, " ", SCIENTIFIC_FROM, threads)
    return text.decode().split("\n")[:-1]


def parse_column(texts, threads=2):
    block = np.frombuffer("".join(text + "\n" for text in texts).encode(), np.uint8)
    out = np.full((len(texts), 1), -7, np.float32)
    _, starts, consumed, fault, blank = _core.parse_text_rows(block, out, 0, len(texts), threads, False, False)
    assert (len(starts), consumed, fault, blank) == (len(texts), len(block), "", False)
    return out[:, 0]


def random_bits(count, seed):
    bits = np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint64).astype(np.uint32)
    return bits.view(np.float32)


def test_numbers_are_written_as_numpy_writes_them():
    spread = np.random.default_rng(1).standard_normal(200_000) * 10.0 ** np.random.default_rng(2).integers(
        -8, 18, 200_000
    )
    edges = [
        0.0,
        -0.0,
        1e-4,
        9.9999e-5,
        1e16,
        9.999999e15,
        999999.94,
        1e6,
        1e5,
        np.inf,
        -np.inf,
        np.nan,
        -3.0,
        0.1,
    ]
    powers = [*(2.0 ** np.arange(-149, 128)), *(10.0 ** np.arange(-45, 39))]
    for values in (random_bits(1_000_000, 0), spread, edges, powers):
        values = np.asarray(values, np.float32)
        assert format_column(values) == [oracle.format_number(value) for value in values]


def test_short_decimals_round_to_the_nearest_float():
    rng = np.random.default_rng(4)
    digits, decimals = rng.integers(0, 10 ** rng.integers(1, 16, 200_000)), rng.integers(0, 12, 200_000)
    texts = [f"{digit}e-{places}" for digit, places in zip(digits, decimals, strict=True)]
    plain = [f"{Decimal(text):f}" for text in texts]
    np.testing.assert_array_equal(parse_column(plain), parse_column(texts))


def test_every_written_number_reads_back_to_the_same_bits():
    values = random_bits(500_000, 3)
    values = values[np.isfinite(values)]
    np.testing.assert_array_equal(parse_column(format_column(values)).view(np.uint32), values.view(np.uint32))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E+2", 100.0),
        ("-0", -0.0),
        ("1e-60", 0.0),
        ("0." + "0" * 60 + "1", 0.0),
        ("1e-99999999999999999999", 0.0),
        ("0." + "0" * 60 + "1e61", 1.0),
        ("1" + "0" * 60 + "e-60", 1.0),
        ("1.4e-45", 1.4e-45),
        ("0.1" + "0" * 300, 0.1),
        ("3.4028235e38", 3.4028235e38),
        ("16777217", 16777216.0),  # halfway between two floats: to the even one
        ("16777219", 16777220.0),
        ("16777217.0000001", 16777218.0),
        ("000000000000000000001.5", 1.5),
        ("123456789012345678", 123456789012345678.0),
    ],
)
def test_numbers_in_other_spellings(text, value):
    parsed = parse_column([text])
    assert parsed.view(np.uint32) == np.float32([value]).view(np.uint32)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        "inf",
        "-Infinity",
        "1e39",
        "1e99999999999999999999",
        "1" + "0" * 60,
        "0x10",
        "1,5",
        "+-1",
        "1_0",
        "--1",
        "1e",
        "e5",
        "1e5x",
        "1e9223372036854775807",
        "\u0661",
    ],
)
def test_what_is_no_finite_number(text):
    block = np.frombuffer(f"{text}\n".encode(), np.uint8)
    _, starts, consumed, fault, blank = _core.parse_text_rows(block, np.zeros((1, 1), np.float32), 0, 1, 1, True, False)
    assert (len(starts), consumed) == (0, 0)
    assert blank if not text else fault


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(threads):
    vectors = np.random.default_rng(0).standard_normal((3000, 17)).astype(np.float32)
    labels, offsets = pack_words([f"w{i} " for i in range(3000)])
    text = _core.format_text_rows(labels, offsets, vectors, " ", SCIENTIFIC_FROM, threads)
    assert text == _core.format_text_rows(labels, offsets, vectors, " ", SCIENTIFIC_FROM, 1)
    out = np.zeros_like(vectors)
    parsed = _core.parse_text_rows(np.frombuffer(text, np.uint8), out, 0, 3000, threads, False, True)
    assert parsed[0] == b"".join(b"w%d\n" % i for i in range(3000))
    np.testing.assert_array_equal(out, vectors)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_first_of_several_faults_is_reported(threads):
    lines = [b"w%d 1 2\n" % i for i in range(20_000)]
    lines[7000] = lines[9000] = lines[19_000] = b"bad 1 x\n"
    out = np.zeros((20_000, 2), np.float32)
    block = np.frombuffer(b"".join(lines), np.uint8)
    words, starts, consumed, fault, _ = _core.parse_text_rows(block, out, 0, 20_000, threads, False, True)
    assert len(starts) == 7000
    assert consumed == len(b"".join(lines[:7000]))
    assert words.count(b"\n") == 7000
    assert fault == "expected a number, found 'x'"


def test_strided_rows_are_written_as_they_are():
    padded = np.arange(48, dtype=np.float32).reshape(6, 8)
    labels, offsets = pack_words(["a "] * 6)
    whole = _core.format_binary_rows(labels, offsets, np.ascontiguousarray(padded[:, :5]))
    assert _core.format_binary_rows(labels, offsets, padded[:, :5]) == whole


def test_the_bindings_check_their_arrays():
    out, block = np.zeros((2, 3), np.float32), np.zeros(4, np.uint8)
    with pytest.raises(TypeError, match="block must have dtype uint8"):
        _core.parse_binary_rows(block.view(np.int8), out, 0, 2, 1)
    with pytest.raises(TypeError, match="vectors must have dtype float32"):
        _core.parse_binary_rows(block, out.astype(np.float64), 0, 2, 1)
    for begin, end in ((-1, 2), (0, 3), (2, 1)):
        with pytest.raises(ValueError, match="begin and end"):
            _core.parse_text_rows(block, out, begin, end, 1, True, True)
    with pytest.raises(ValueError, match="at least one column"):
        _core.parse_binary_rows(block, np.zeros((2, 0), np.float32), 0, 2, 1)
    labels = np.zeros(4, np.uint8)
    for offsets in ([0, 5, 4], [0, 2, 5], [-1, 2, 4], [0, 4]):
        with pytest.raises(ValueError, match="offsets must"):
            _core.format_binary_rows(labels, np.array(offsets, np.int64), out)
    read_only = np.zeros((2, 3), np.float32)
    read_only.flags.writeable = False
    with pytest.raises(TypeError, match="writeable"):
        _core.parse_binary_rows(block, read_only, 0, 2, 1)


def test_packed_words_come_back():
    for words in ([], [""], ["a"], ["king", "", "東京", "a\nb c\0", "é" * 1000]):
        keys, offsets = pack_words(words)
        assert keys.dtype == np.uint8
        assert offsets.dtype == np.int64
        assert unpack_words(keys, offsets) == words


@pytest.mark.parametrize(
    ("keys", "offsets"),
    [
        (b"abc", [0, 1, 2]),
        (b"abc", [1, 2, 3]),
        (b"abc", [0, 2, 1, 3]),
        (b"abc", [0, 2**62, 3]),
        (b"abc", [0, -1, 3]),
        (b"abc", []),
        (b"\xff", [0, 1]),
        ("é".encode(), [0, 1, 2]),
        (b"aa", [0, 1, 2]),
    ],
)
def test_packed_words_that_are_damaged(keys, offsets):
    with pytest.raises(ValueError, match="key"):
        unpack_words(np.frombuffer(keys, np.uint8), np.array(offsets, np.int64))


def test_packed_words_of_another_type():
    with pytest.raises(ValueError, match="uint8"):
        unpack_words(np.zeros(3, np.int8), np.array([0, 3]))
    with pytest.raises(ValueError, match="int64"):
        unpack_words(np.zeros(3, np.uint8), np.array([0, 3], np.int32))
    with pytest.raises(ValueError, match="not Unicode text"):
        pack_words(["\ud800"])


def test_limits():
    assert check_limit(None) is None
    assert check_limit(np.int64(3)) == 3
    for limit in (0, -1):
        with pytest.raises(ValueError, match="limit"):
            check_limit(limit)
    for limit in (2.0, "3", True):
        with pytest.raises(TypeError, match="limit"):
            check_limit(limit)


def test_what_writers_refuse():
    with pytest.raises(ValueError, match=r"shape \(2, D\)"):
        checked_vectors(["a", "b"], np.zeros((3, 2)))
    with pytest.raises(ValueError, match="nothing to write"):
        checked_vectors([], np.zeros((0, 2)))
    with pytest.raises(ValueError, match="'b' occurs more than once"):
        checked_vectors(["a", "b", "b"], np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"'b' \(row 1\) holds NaN"):
        checked_vectors(["a", "b"], np.array([[1, 2], [1, np.nan]]))
    with pytest.raises(TypeError, match="not int"):
        checked_vectors(["a", 5], np.zeros((2, 2)))
    with pytest.raises(ValueError, match="counts must have shape"):
        checked_vectors(["a"], np.zeros((1, 2)), [1, 2])
    with pytest.raises(TypeError, match="whole numbers"):
        checked_counts([1.5], 1)
    with pytest.raises(ValueError, match="from 0"):
        checked_counts([-1], 1)


def test_vectors_are_not_copied_where_their_rows_are_contiguous():
    padded = np.zeros((4, 16), np.float32)[:, :10]
    rows, _ = checked_vectors(["a", "b", "c", "d"], padded)
    assert rows.base is padded.base or rows is padded
    for strided in (
        np.zeros((4, 16), np.float32)[:, ::2],
        np.zeros((8, 4), np.float32).T,
        np.zeros((4, 8))[::-1],
    ):
        assert checked_vectors(["a", "b", "c", "d"], strided)[0].flags.c_contiguous


def test_datatypes():
    vectors = np.array([[0.5, 7e4]], np.float32)
    assert as_datatype("f", vectors, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="f: a number is too large for float16"):
        as_datatype("f", vectors, np.float16)
    with pytest.raises(TypeError, match="floating"):
        as_datatype("f", vectors, np.int32)


def test_blocks_come_in_order_and_the_file_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8)
    data = bytes(range(256)) * 5
    (tmp_path / "data").write_bytes(data)
    with blocks.ByteBlocks(tmp_path / "data") as source:
        assert source.size == len(data)
        got = b""
        while not source.ended:
            source.read_more()
            take = min(5, len(source.block))
            got += source.block[:take].tobytes()
            source.consume(take)
        assert got + source.block.tobytes() == data
        assert source.offset == len(got)
    assert lexigrad.num_threads() >= 1
