"""What is taken for a corpus, and what is refused."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from lexigrad.text import Corpus, as_corpus, scan


@pytest.fixture
def directory(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("one two\n")
    (tmp_path / "b.txt").write_text("three\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.txt").write_text("four\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(source):
    with scan(as_corpus(source)) as scanned:
        return scanned.counts.words


class Restartable:
    def __init__(self, sentences):
        self.sentences = sentences

    def __iter__(self):
        yield from self.sentences


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a.txt", ["one", "two"]),
        (Path("a.txt"), ["one", "two"]),
        (["b.txt", Path("a.txt")], ["three", "one", "two"]),
        (("b.txt", "a.txt"), ["three", "one", "two"]),
        ("*.txt", ["one", "two", "three"]),
        ("*", ["one", "two", "three"]),
        ("**/*.txt", ["one", "two", "three", "four"]),
        (["sub/*.txt", "b.txt"], ["four", "three"]),
        ([["five", "six"], ("five", "seven")], ["five", "six", "seven"]),
        ((["five"], ["six"]), ["five", "six"]),
        (Restartable([["five"], iter(["six"])]), ["five", "six"]),
        ([np.array(["five", "six"])], ["five", "six"]),
        (np.array([["five", "six"], ["seven", "six"]]), ["five", "six", "seven"]),
        ([["new york", "a\nb", "\0", "ü", "日本", "😀"]], ["new york", "a\nb", "\0", "ü", "日本", "😀"]),
        ([[], ["", "five", ""], []], ["five"]),
        ([], []),
        ([[]], []),
    ],
)
def test_sources(directory, source, expected):
    assert words(source) == expected


def test_a_corpus_stays_what_it_is(directory):
    corpus = as_corpus("a.txt")
    assert as_corpus(corpus) is corpus
    assert isinstance(corpus, Corpus)


def test_a_name_with_magic_characters_that_exists_is_a_path(directory):
    Path("[a].txt").write_text("odd")
    assert words("[a].txt") == ["odd"]


@pytest.mark.parametrize(
    ("source", "error", "pattern"),
    [
        ("missing.txt", FileNotFoundError, "No such file: 'missing.txt'"),
        ("missing*", FileNotFoundError, "no file matches this pattern"),
        ("sub*", FileNotFoundError, "no file matches this pattern"),
        ("sub", IsADirectoryError, "this is a directory"),
        (["a.txt", "sub"], IsADirectoryError, "this is a directory"),
        (["a.txt", "missing.txt"], FileNotFoundError, "missing.txt"),
        (["the first sentence", "the second"], FileNotFoundError, "an iterable of token lists"),
        (["the", "tokens"], FileNotFoundError, "an iterable of token lists"),
        ("the text itself\nwith lines " * 1000, FileNotFoundError, "an iterable of token lists"),
        ("", FileNotFoundError, "No such file"),
        ("nul\0", FileNotFoundError, "No such file"),
        (["a.txt", ["token"]], TypeError, "not of both"),
        (os.devnull, ValueError, "not a regular file"),
        (b"a.txt", TypeError, "not bytes"),
        (5, TypeError, "not int"),
        (None, TypeError, "not NoneType"),
        ((tokens for tokens in [["five"]]), TypeError, "only once: pass a list"),
        (map(str.split, ["five six"]), TypeError, "only once: pass a list"),
        (iter([["five"]]), TypeError, "only once: pass a list"),
    ],
)
def test_refused_sources(directory, source, error, pattern):
    with pytest.raises(error, match=pattern):
        as_corpus(source)


def test_an_open_file_is_refused(directory):
    with open("a.txt") as file, pytest.raises(TypeError, match="only once"):
        as_corpus(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(directory):
    os.mkfifo("pipe")
    with pytest.raises(ValueError, match="not a regular file"):
        as_corpus("pipe")


@pytest.mark.parametrize(
    ("source", "error", "pattern"),
    [
        ([["a"], "b c"], TypeError, r"sentence 1 .* is 'b c', not a list of tokens: split it"),
        (Restartable(["b c"]), TypeError, r"sentence 0 .* is 'b c'"),
        (np.array(["b c"]), TypeError, r"sentence 0 .* is .*'b c'"),
        ({"b": 1}, TypeError, r"sentence 0 .* is 'b'"),
        ([["a"], b"b"], TypeError, r"sentence 1 .* is b'b'"),
        ([["a"], 5], TypeError, r"sentence 1 .* is of type int: expected a list of tokens"),
        ([["a"], None], TypeError, r"sentence 1 .* NoneType"),
        ([["a"], ["b", 5]], TypeError, r"sentence 1 .* a token of type int at place 1"),
        ([["a"], ("b", b"c")], TypeError, r"sentence 1 .* a token of type bytes at place 1"),
        ([["a"], [None]], TypeError, "a token of type NoneType at place 0"),
        ([["a"], [["b"]]], TypeError, "a token of type list at place 0"),
        ([["a", "b\ud800"]], ValueError, r"sentence 0 .* token 1, a lone surrogate"),
    ],
)
def test_refused_sentences(source, error, pattern):
    with pytest.raises(error, match=pattern):
        scan(as_corpus(source))


def test_an_exception_in_the_middle_passes_through():
    class Failing:
        def __iter__(self):
            yield from [["a", "b"]] * 100_000
            raise KeyError("gone")

    class FailingTokens:
        def __iter__(self):
            yield "a"
            raise ZeroDivisionError

    with pytest.raises(KeyError, match="gone"):
        scan(as_corpus(Failing()))
    with pytest.raises(ZeroDivisionError):
        scan(as_corpus([["a"], FailingTokens()]))


def test_totals_and_representation(directory):
    assert (as_corpus("*.txt").total, as_corpus("*.txt").unit) == (14, "bytes")
    assert (as_corpus([["a"]] * 3).total, as_corpus([["a"]] * 3).unit) == (3, "sentences")
    assert as_corpus(Restartable([])).total is None
    assert repr(as_corpus("a.txt")) == "Corpus('a.txt')"
    assert repr(as_corpus(["a.txt"] * 5)) == "Corpus('a.txt', 'a.txt', 'a.txt', ... 5 files)"
    assert repr(as_corpus([["a"]] * 3)) == "Corpus(3 sentences of a list)"
    assert pickle.loads(pickle.dumps(as_corpus("a.txt"))).paths == ("a.txt",)
