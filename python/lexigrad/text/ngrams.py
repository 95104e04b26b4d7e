"""Character n-grams of words and word n-grams of lines, hashed into buckets as the fastText program does."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

END_OF_SENTENCE = b"</s>"  # what fastText takes for a line's end; it has no n-grams

_PRIME, _BASIS = np.uint32(16777619), np.uint32(2166136261)  # FNV-1a
_WORD_NGRAM_FACTOR = 116049371
_MASK = (1 << 64) - 1


class Ngrams(NamedTuple):
    """The n-grams of some words, one word after the other: word i has those from offsets[i] to offsets[i + 1].

    Attributes:
        offsets: int64 (words + 1,).
        begins, ends: int64, where each n-gram lies in its word between angle brackets, in bytes.
        buckets: int64, the bucket of each.
    """

    offsets: NDArray[np.int64]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    buckets: NDArray[np.int64]


def character_ngrams(words: Sequence[bytes], minn: int, maxn: int, bucket: int) -> Ngrams:
    """The n-grams of ``minn`` to ``maxn`` characters of each word between angle brackets.

    The order is fastText's: by their begin, then by length. A bracket alone is none, and END_OF_SENTENCE has none.

    Args:
        words: UTF-8. Each byte that begins no character belongs to the one before, valid or not.
        bucket: buckets.
    """
    bracketed = [b"" if word == END_OF_SENTENCE else b"<" + word + b">" for word in words]
    data = np.frombuffer(b"".join(bracketed), np.uint8)
    lengths = np.array([len(text) for text in bracketed], np.int64)
    origins = np.cumsum(lengths) - lengths
    starts = np.flatnonzero(data & 0xC0 != 0x80)  # of characters
    stops = np.append(starts[1:], len(data))
    word_of = np.repeat(np.arange(len(words)), lengths)[starts]
    first = np.append(True, word_of[1:] != word_of[:-1])[: len(starts)]
    last = np.append(word_of[1:] != word_of[:-1], True)[: len(starts)]
    signed = data.view(np.int8).astype(np.uint32)  # fastText's chars are signed

    state = np.full(len(starts), _BASIS)
    found = []
    for n in range(1, maxn + 1):
        begins = np.arange(max(len(starts) - n + 1, 0))
        begins = begins[word_of[begins] == word_of[begins + n - 1]]
        if not len(begins):  # no word is so long, whatever a file demands
            break
        tails = begins + n - 1
        for byte in range(int((stops - starts)[tails].max(initial=0))):
            within = starts[tails] + byte < stops[tails]
            some = begins[within]
            state[some] = (state[some] ^ signed[starts[tails[within]] + byte]) * _PRIME
        if n == 1:
            begins = begins[~(first | last)[begins]]
        if n >= minn:
            found.append(np.stack([begins, begins + n - 1, state[begins] % np.uint32(bucket)]).astype(np.int64))
    every = np.concatenate([*found, np.empty((3, 0), np.int64)], axis=1)
    every = every[:, np.argsort(every[0], kind="stable")]
    owners = word_of[every[0]]
    offsets = np.append(0, np.cumsum(np.bincount(owners, minlength=len(words))))
    return Ngrams(offsets, starts[every[0]] - origins[owners], stops[every[1]] - origins[owners], every[2])


def word_hash(word: bytes) -> int:
    """fastText's hash of a word, as a signed number of 32 bits."""
    state = int(_BASIS)
    for byte in word:
        signed = byte | 0xFFFFFF00 if byte >= 0x80 else byte
        state = (state ^ signed) * int(_PRIME) & 0xFFFFFFFF
    return state - (1 << 32) if state >= 1 << 31 else state


def word_ngrams(hashes: Sequence[int], n: int, bucket: int) -> list[int]:
    """The buckets of all sequences of 2 to ``n`` words of a line, from the words' hashes."""
    buckets = []
    for begin in range(len(hashes)):
        state = hashes[begin] & _MASK
        for value in hashes[begin + 1 : begin + n]:
            state = (state * _WORD_NGRAM_FACTOR + value) & _MASK
            buckets.append(state % bucket)
    return buckets
