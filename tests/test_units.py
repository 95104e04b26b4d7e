"""Texts as ids and back."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from lexigrad.text.units import Characters, Words, read_text

TEXT = "To be, or not to be:\nthat is — 𝄞 the question.\n"


def test_characters() -> None:
    units = Characters.of(TEXT)
    assert units.names == sorted(set(TEXT))
    ids = units.encode(TEXT)
    assert ids.dtype == np.int32
    assert [units.names[i] for i in ids] == list(TEXT)
    assert "".join(units.decode(ids)) == TEXT
    assert units.names[units.beginning] == "\n"
    assert Characters.of("abc").beginning is None
    assert len(units.encode("")) == 0


@pytest.mark.parametrize("unknown", ["\0", "Z", "z", "é", "\U0010ffff", "\ud800"])
def test_unknown_characters_are_named(unknown: str) -> None:
    with pytest.raises(ValueError, match=r"the character .* at place 6 is not one of the \d+ that the model knows"):
        Characters.of(TEXT).encode("To be," + unknown)


def test_words() -> None:
    units = Words.of("the cat\nthe  dog\n\nthe end")
    assert units.names == ["<eos>", "the", "cat", "dog", "end"]
    ids = units.encode("the dog\nend")
    assert [units.names[i] for i in ids] == ["the", "dog", "<eos>", "end"]
    assert "".join(units.decode(ids)) == "the dog \nend "
    assert units.names[units.beginning] == "<eos>"
    with pytest.raises(ValueError, match=r"the word 'lion' \(number 1\) is not one of the 5"):
        units.encode("the lion")


def test_rare_words() -> None:
    units = Words.of("a a b a c\n", min_count=2)
    assert units.names == ["a", "<unk>"]
    np.testing.assert_array_equal(units.encode("b a x"), [1, 0, 1])
    assert Words.of("<unk> a <unk>", min_count=2).names == ["<unk>"]
    assert Words.of("a <unk>").encode("x").tolist() == [0]


def test_damaged_names() -> None:
    with pytest.raises(ValueError, match="order"):
        Characters(["b", "a"])
    with pytest.raises(ValueError, match="order"):
        Characters(["a", "a"])
    with pytest.raises(ValueError, match="length 1"):
        Characters(["a", "bc"])
    with pytest.raises(ValueError, match="twice"):
        Words(["a", "a"])


def test_reading(tmp_path: Path) -> None:
    assert read_text(TEXT) == TEXT
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert read_text(tmp_path / "a.txt") == read_text(tmp_path / "a.txt.gz") == TEXT
    (tmp_path / "bad.txt").write_bytes(b"good \xff bad")
    with pytest.raises(ValueError, match=r"bad.txt: byte 5 is not UTF-8"):
        read_text(tmp_path / "bad.txt")
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "missing.txt")
    with pytest.raises(TypeError, match=r"pathlib\.Path to read, not list"):
        read_text(["a"])
