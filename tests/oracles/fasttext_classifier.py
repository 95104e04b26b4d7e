"""fastText's classifier in plain float64 NumPy: the same draws as ``cpp/kernels/fasttext_classifier.cpp``.

A model is a dict of float64 arrays: ``input`` (W, D) of the words, ``buckets`` (B, D) and ``output`` (L, D) of the
labels, or of the inner nodes of their tree.
"""

from dataclasses import dataclass

import numpy as np

from lexigrad.text.ngrams import word_ngrams
from oracles import word2vec
from oracles.word2vec import Stream, Totals, below, mix, negative_samples


@dataclass
class Settings:
    words: int
    ngrams: list  # (W) the rows of buckets of each word's character n-grams
    hashes: list  # (W)
    end_word: int  # -1 for none
    end_hash: int
    buckets: int
    word_ngrams: int = 1
    loss: str = "softmax"  # softmax, ns, hs, ova
    negative: int = 5
    alias: np.ndarray | None = None
    tree: tuple | None = None


def lines(tokens):
    """(position, tokens) of each line."""
    begin = 0
    for end in [*np.flatnonzero(tokens < 0).tolist(), len(tokens)]:
        if begin < len(tokens):
            yield begin, tokens[begin:end].tolist()
        begin = end + 1


def rows_of(words, s):
    """The rows that predict a line's label: those of input, and those of buckets."""
    ngrams = [row for word in words for row in s.ngrams[word]]
    if s.word_ngrams > 1:
        ngrams += word_ngrams([*(s.hashes[word] for word in words), s.end_hash], s.word_ngrams, s.buckets)
    return [*words, *([s.end_word] if s.end_word >= 0 else [])], ngrams


def train_line(model, s, words, labels, random, alpha, totals):
    own, ngrams = rows_of(words, s)
    if not own and not ngrams:
        return
    count = len(own) + len(ngrams)
    hidden = (model["input"][own].sum(axis=0) + model["buckets"][ngrams].sum(axis=0))[None] / count
    output = model["output"]
    if s.loss == "ova":
        every = np.arange(len(output))
        targets = np.isin(every, labels).astype(float)[None]
        step = word2vec.logistic_step(output, every, np.ones_like(targets), targets, hidden, alpha, totals)
    else:
        label = labels[below(len(labels), random.next() if len(labels) > 1 else 0)]
        if s.loss == "softmax":
            step = word2vec.softmax_step(output, label, np.ones(1), hidden, alpha, totals)
        elif s.loss == "hs":
            nodes, decisions = word2vec.path_of(label, s)
            step = np.zeros_like(hidden)
            if len(nodes):
                once = np.ones((1, len(nodes)))
                step = word2vec.logistic_step(output, nodes, once, decisions[None], hidden, alpha, totals)
        else:
            ids, weights, targets = negative_samples([label], s, random)
            step = word2vec.logistic_step(output, ids, weights, targets, hidden, alpha, totals)
    np.add.at(model["input"], own, step[0] / count)
    np.add.at(model["buckets"], ngrams, step[0] / count)
    totals.predictions += 1


def train(model, tokens, s, key, block, alpha):
    """Train on the whole stream; ``alpha`` is a function of the first position of the block where a line begins."""
    totals = Totals()
    for position, line in lines(tokens):
        words = [token for token in line if token < s.words]
        labels = [token - s.words for token in line if token >= s.words]
        totals.kept += len(words)
        if labels:
            random = Stream(mix(key ^ mix(position)))
            train_line(model, s, words, labels, random, alpha(position // block * block), totals)
    return totals
