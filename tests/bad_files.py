"""Damaged files for the tests of every reader of word vectors."""

import gzip
import pickle
import random
import warnings

import numpy as np
import pytest

WORDS = ["king", "naïve", "東京", "e-mail", "x"]
VECTORS = np.array(
    [[0.1, -3.0, 1e-5], [1e20, 0.0, -0.0], [2.5, 1.0, 7e-30], [123456.0, 3e6, 1.1], [1 / 3, 1e-45, 9.0]],
    np.float32,
)

HUGE = (-1, 0, 2**31 - 1, 2**63 - 1, 2**64 + 1, 10**29)


def same(result, words, vectors):
    """Whether a reader's result holds these words and, bit for bit, these vectors."""
    assert result.words == list(words)
    assert result.vectors.dtype == np.float32
    assert result.vectors.shape == np.shape(vectors)
    np.testing.assert_array_equal(result.vectors.view(np.uint32), np.float32(vectors).view(np.uint32))


def put(path, data):
    """Write a new file (to cut an old one short costs some file systems milliseconds)."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def outcome(read, path, data):
    """What the reader returns for the data, or its ValueError; any other exception fails the test."""
    put(path, data)
    try:
        return read(path)
    except ValueError as error:
        return error


def refused(read, path, data, *matches):
    """The reader refuses the data with a ValueError that names the file (and its place, in ``matches``)."""
    put(path, data)
    with pytest.raises(ValueError, match="(?s)" + ".*".join(matches)) as caught:
        read(path)
    assert str(path) in str(caught.value) or path.stem.split("_")[0] in str(caught.value)
    assert len(str(caught.value)) < 2000


def agree(read, oracle, path, data):
    """The reader accepts what the oracle accepts, with the same result, and refuses the rest."""
    put(path, data)
    try:
        expected = oracle(data)
    except ValueError:
        with pytest.raises(ValueError, match=r"\w"):
            read(path)
        return False
    same(read(path), *expected)
    return True


def mutations(data, count, seed=0):
    """Copies of the data with bytes changed, inserted, removed, repeated, or a telling piece put in."""
    rng = random.Random(seed)
    pieces = [
        b"\0",
        b"\n",
        b" ",
        b"\r\n",
        b"nan",
        b"inf",
        b"-1",
        b"1e99",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\t",
        b"0 0\n",
    ]
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(len(changed) + 1)
            kind = rng.randrange(5)
            if kind == 0 and at < len(changed):
                changed[at] = rng.randrange(256)
            elif kind == 1:
                changed[at:at] = rng.choice(pieces)
            elif kind == 2:
                del changed[at : at + rng.choice((1, 1, 4, 13))]
            elif kind == 3:
                changed[at:at] = changed[at : at + rng.choice((1, 7, 20))]
            else:
                changed[at : at + 1] = rng.choice(pieces)
        yield bytes(changed)


def pickles():
    """What pickles of every protocol, and gensim's, begin with."""
    for protocol in range(6):
        yield pickle.dumps({"vectors": [1.0, 2.0]}, protocol)
    yield pickle.dumps(np.arange(3.0), 0)


def quiet(read):
    """The reader without its warning that repeated words were left out."""

    def run(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return read(path)

    return run


def gzipped(data):
    return gzip.compress(data, 1)
