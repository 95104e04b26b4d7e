"""lda2vec in plain float64 NumPy: the same draws in the same order as ``cpp/kernels/lda2vec.cpp``.

A model is a dict of float64 arrays: ``input`` and ``rows`` (V, D), ``topics`` (K, D) and ``weights`` (documents, K).
"""

from dataclasses import dataclass

import numpy as np

from oracles import word2vec
from oracles.word2vec import MASK, MOST_PREDICTIONS, Stream, Totals, below, mix, sigmoid, softplus

STRETCH = 32  # centres for which a document's vector stays as it is


@dataclass
class Settings:
    alias: np.ndarray  # (V, 2) uint32: threshold, alias
    window: int = 5
    shrink_windows: bool = True
    negative: int = 5
    train_topics: bool = True
    prior: float = 0.1
    strength: float = 1.0
    document_rate: float = 5.0
    keep: np.ndarray | None = None  # uint32 limits


def mixture(weights):
    e = np.exp(weights - weights.max())
    return e / e.sum()


def targets(context, s, random):
    """What a word predicts: rows' ids, how often each is met, how often it is positive; draws of positives go."""
    ids = list(dict.fromkeys(context))
    positives = len(ids)
    hits = [float(context.count(word)) for word in ids]
    visits = list(hits)
    for _ in range(s.negative):
        draw = random.next()
        column = below(len(s.alias), draw)
        threshold, alias = (int(v) for v in s.alias[column])
        drawn = column if draw & 0xFFFFFFFF <= threshold else alias
        if drawn in ids[:positives]:
            continue
        if drawn not in ids:
            ids.append(drawn)
            visits.append(0.0)
            hits.append(0.0)
        visits[ids.index(drawn)] += len(context)
    return ids, np.array(visits), np.array(hits)


def log_likelihood(c, rows, visits, hits):
    """sum of hits log s(x) + (visits - hits) log s(-x), x = u . c"""
    x = rows @ c
    return float((hits * x - visits * softplus(x)).sum())


def likelihood_gradients(c, rows, visits, hits):
    """Its derivatives by c and by the rows."""
    g = hits - visits * sigmoid(rows @ c)
    return g @ rows, np.outer(g, c)


def log_prior(weights, prior):
    """Logarithm of the Dirichlet density of a document's mixture, but for a constant."""
    return float((prior - 1) * np.log(mixture(weights)).sum())


def weight_gradients(weights, topics, by_document, prior, strength):
    """Derivatives by the weights of (p @ topics) . by_document + strength * log_prior."""
    p = mixture(weights)
    along = topics @ by_document
    return p * (along - p @ along) + strength * (prior - 1) * (1 - len(p) * p)


def train_stretch(model, s, document, length, centres, random, rate, totals):
    weights = model["weights"][document]
    p = mixture(weights) if s.train_topics else np.zeros(len(weights))
    d = p @ model["topics"]
    total = np.zeros_like(d)
    for sentence, i in centres:
        word = sentence[i][1]
        context = [other for _, other in word2vec.window_around(sentence, i, s, random)]
        for first in range(0, len(context), MOST_PREDICTIONS):
            some = context[first : first + MOST_PREDICTIONS]
            ids, visits, hits = targets(some, s, random)
            c = model["input"][word] + d
            rows = model["rows"][ids]
            totals.loss -= log_likelihood(c, rows, visits, hits)
            totals.predictions += len(some)
            step, by_rows = likelihood_gradients(c, rows, visits, hits)
            model["rows"][ids] += rate * by_rows
            model["input"][word] += rate * step
            total += rate * step
        totals.kept += 1
    if s.train_topics:
        share = s.strength * rate * len(centres) / length
        step = weight_gradients(weights, model["topics"], total, s.prior, share)
        model["topics"] += np.outer(p, total)
        weights += s.document_rate * step


def train(model, tokens, s, key, block, rate):
    """Train on the whole stream, block by block; ``rate`` is a function of a block's first position."""
    totals = Totals()
    ends = np.flatnonzero(np.asarray(tokens) == -1)
    lengths = np.diff(ends, prepend=-1) - 1
    for first, centres in word2vec.centres_of_blocks(tokens, s, key, block):
        random = Stream(mix(key ^ mix(first)) & MASK)
        by_document = {}
        for sentence, i in centres:
            by_document.setdefault(int(np.searchsorted(ends, sentence[i][0])), []).append((sentence, i))
        for document, some in sorted(by_document.items()):
            for begin in range(0, len(some), STRETCH):
                stretch = some[begin : begin + STRETCH]
                train_stretch(model, s, document, lengths[document], stretch, random, rate(first), totals)
    return totals
