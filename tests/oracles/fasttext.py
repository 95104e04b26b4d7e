"""fastText in plain float64 NumPy: the same draws in the same order as ``cpp/kernels/fasttext.cpp``.

A model is a dict of float64 arrays: ``input`` (V, D), ``buckets`` (B, D), ``rows`` (V, D) and ``nodes`` (V - 1, D);
``ngrams[w]`` are the rows of ``buckets`` that word w has besides its own row of ``input``.
"""

import numpy as np

from oracles import word2vec
from oracles.word2vec import SHARED, SHARED_BY_MEANS, Stream, Totals, below, draw_at, mix, negative_samples


def gather(tokens, begin, end, s, key):
    """The kept words of a block and around it, -1 between sentences and at both ends; where the block's own lie."""

    def kept(p):
        return s.keep is None or s.keep[tokens[p]] == 0xFFFFFFFF or draw_at(key, p) >> 32 <= int(s.keep[tokens[p]])

    def neighbours(positions):
        found = []
        for p in positions:
            if tokens[p] < 0 or len(found) == s.window:
                break
            found += [int(tokens[p])] if kept(p) else []
        return found

    before = neighbours(range(begin - 1, -1, -1))[::-1]
    own = [int(tokens[p]) for p in range(begin, end) if tokens[p] < 0 or kept(p)]
    after = neighbours(range(end, len(tokens)))
    return [-1, *before, *own, *after, -1], 1 + len(before), 1 + len(before) + len(own)


def window_around(words, at, s, random):
    """The places [low, high) of a centre's window."""
    draw = random.next()
    size = 1 + below(min(s.window, 0xFFFFFFFF), draw) if s.shrink_windows else s.window
    low = high = at
    while low > at - size and words[low - 1] >= 0:
        low -= 1
    while high < at + size and words[high + 1] >= 0:
        high += 1
    return low, high + 1


class Nearby:
    """The vectors of the words around: what they were when they came, and what training makes of them."""

    def __init__(self, model, ngrams):
        self.model = model
        self.ngrams = ngrams
        self.vectors = np.zeros_like(model["input"])
        self.before = np.zeros_like(model["input"])
        self.last = {}
        self.next = 1

    def take(self, word, place):
        if word not in self.last:
            rows = [self.model["input"][word], *self.model["buckets"][self.ngrams[word]]]
            self.vectors[word] = self.before[word] = np.mean(rows, axis=0)
        self.last[word] = place

    def give_back(self, words):
        for word in words:
            step = self.vectors[word] - self.before[word]
            self.model["input"][word] += step
            np.add.at(self.model["buckets"], self.ngrams[word], step)
            del self.last[word]

    def move_on(self, words, low, high):
        self.give_back([word for word, place in self.last.items() if place < low])
        for place in range(self.next, high):
            if words[place] >= 0:
                self.take(words[place], place)
        self.next = max(self.next, high)


def train_cbow(model, nearby, s, words, windows, samples, alpha, totals):
    centres = [c for c, window in enumerate(windows) if window]
    if not centres:
        return
    size = np.array([1.0 + len(ngrams) for ngrams in nearby.ngrams])
    contexts = [[word for _, word in windows[c]] for c in centres]
    counts = [size[context].sum() for context in contexts]
    sums = [size[context] @ nearby.vectors[context] for context in contexts]
    hidden = np.array([total / count if s.mean else total for total, count in zip(sums, counts, strict=True)])
    times = np.eye(len(windows))[centres]
    step = word2vec.train_outputs(model, s, words, samples, hidden, times, alpha, totals)
    for context, count, change in zip(contexts, counts, step, strict=True):
        np.add.at(nearby.vectors, context, change if s.mean else change / count)


def train(model, ngrams, tokens, s, key, block, alpha):
    """Train on the whole stream, block by block; ``alpha`` is a function of a block's first position."""
    totals = Totals()
    for begin in range(0, len(tokens), block):
        words, first, last = gather(tokens, begin, min(begin + block, len(tokens)), s, key)
        random = Stream(mix(key ^ mix(begin)))
        nearby = Nearby(model, ngrams)
        centres = [at for at in range(first, last) if words[at] >= 0]
        shared = SHARED if s.skip_gram else SHARED_BY_MEANS
        for i in range(0, len(centres), shared):
            group = centres[i : i + shared]
            bounds = [window_around(words, at, s, random) for at in group]
            windows = [
                [(place, words[place]) for place in range(low, high) if place != at]
                for at, (low, high) in zip(group, bounds, strict=True)
            ]
            ids = [words[at] for at in group]
            samples = negative_samples(ids, s, random) if s.negative else None
            nearby.move_on(words, group[0] - s.window, max(high for _, high in bounds))
            if s.skip_gram:
                around = {**model, "input": nearby.vectors}
                word2vec.train_centres(around, s, ids, windows, samples, alpha(begin), totals)
            else:
                train_cbow(model, nearby, s, ids, windows, samples, alpha(begin), totals)
            totals.kept += len(group)
        nearby.give_back(list(nearby.last))
    return totals
