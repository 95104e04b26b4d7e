"""LineSentence and its like against gensim's and against a file's path."""

import bz2
import gzip
import itertools
import pickle

import numpy as np
import pytest

import lexigrad as lg
from lexigrad.text import LineSentence, PathLineSentences, Text8Corpus

LINES = [
    "to be or not to be",
    "",
    "  that\tis  the question ",
    "naïve 東京",
    " ".join(f"w{i}" for i in range(25)),
    "end",
]
TEXT = "\n".join(LINES)


@pytest.fixture(params=["text", "text.gz", "text.bz2"])
def path(tmp_path, request):
    packed = {"gz": gzip.compress, "bz2": bz2.compress}.get(request.param[5:], bytes)
    (tmp_path / request.param).write_bytes(packed(TEXT.encode()))
    return tmp_path / request.param


@pytest.mark.parametrize("arguments", [{}, {"max_sentence_length": 10}, {"limit": 4}, {"limit": 0}])
def test_lines_like_gensim(path, arguments):
    word2vec = pytest.importorskip("gensim.models.word2vec")
    for ours, theirs in ((LineSentence, word2vec.LineSentence), (PathLineSentences, word2vec.PathLineSentences)):
        for source in [path] if ours is LineSentence else [path, path.parent]:
            expected = [sentence for sentence in theirs(str(source), **arguments) if sentence]
            sentences = ours(source, **arguments)
            assert list(sentences) == list(sentences) == expected
            assert list(pickle.loads(pickle.dumps(sentences))) == expected


@pytest.mark.parametrize("length", [4, 10, 10000])  # with 1 gensim's last sentence has two words
def test_running_text_like_gensim(path, length):
    word2vec = pytest.importorskip("gensim.models.word2vec")
    assert list(Text8Corpus(path, length)) == list(word2vec.Text8Corpus(str(path), length))


def test_running_text_longer_than_a_block(tmp_path):
    words = [f"word{i}é" for i in range(30000)]
    (tmp_path / "text").write_text(" ".join(words))
    sentences = list(Text8Corpus(tmp_path / "text", 7000))
    assert [len(sentence) for sentence in sentences] == [7000] * 4 + [2000]
    assert list(itertools.chain.from_iterable(sentences)) == words


def test_training_on_lines_is_training_on_the_file(tmp_path):
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    settings = {"min_count": 1, "workers": 1, "vector_size": 8}
    one, two = (lg.Word2Vec(s, **settings) for s in (tmp_path / "text", LineSentence(tmp_path / "text")))
    assert one.wv.index_to_key == two.wv.index_to_key
    np.testing.assert_array_equal(one.wv.vectors, two.wv.vectors)


def test_bad_input(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(LineSentence(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        PathLineSentences(tmp_path / "none")
    for kind in (LineSentence, PathLineSentences, Text8Corpus):
        (tmp_path / "bad").write_bytes(b"good\nb\xffd\n")
        with pytest.raises(ValueError, match=r"bad: .*UTF-8"):
            list(kind(tmp_path / "bad"))
        with pytest.raises(ValueError, match="at least 1"):
            kind(tmp_path / "bad", max_sentence_length=0)
