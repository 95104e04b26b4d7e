"""Sentences, counts, vocabularies and streams in plain Python."""

import re
from collections import Counter

END_OF_SENTENCE = -1


def sentences_of(data):
    """The token lists of a text, given as bytes; empty sentences are left out."""
    lines = data.decode().removeprefix("\ufeff").split("\n")
    sentences = [[token for token in re.split("[ \t\r\v\f]+", line) if token] for line in lines]
    return [tokens for tokens in sentences if tokens]


def count(sentences):
    """Word to count, in order of first appearance."""
    return Counter(token for tokens in sentences for token in tokens)


def count_with_limit(sentences, limit, keep=lambda word, count, least: count >= least):
    """The same in bounded memory: rare words go when a sentence, or 10,000 words of one, leaves too many."""
    counts, least = {}, 1
    for tokens in sentences:
        for begin in range(0, len(tokens), 10_000):
            for token in tokens[begin : begin + 10_000]:
                counts[token] = counts.get(token, 0) + 1
            if len(counts) > limit:
                counts = {word: n for word, n in counts.items() if keep(word, n, least)}
                least += 1
    return counts


def select(counts, min_count, max_final_vocab=None):
    """Words by falling count, then by code points."""
    if max_final_vocab is not None and max_final_vocab < len(counts):
        min_count = max(min_count, sorted(counts.values(), reverse=True)[max_final_vocab] + 1)
    kept = [word for word, n in counts.items() if n >= min_count]
    return sorted(kept, key=lambda word: (-counts[word], word))


def stream(sentences, words):
    """The ids of the known words, and an end after each sentence that has one."""
    index = {word: i for i, word in enumerate(words)}
    ids = []
    for tokens in sentences:
        known = [index[token] for token in tokens if token in index]
        ids += [*known, END_OF_SENTENCE] if known else []
    return ids
