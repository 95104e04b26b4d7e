"""AdaGram in plain float64 NumPy: the same draws in the same order as ``cpp/kernels/adagram.cpp``, a centre a time.

A model is a dict of float64 arrays: ``input`` (V, T, D), ``nodes`` (V - 1, D) and ``occurrences`` (V, T).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma

from oracles import word2vec
from oracles.word2vec import MOST_PREDICTIONS, MOST_ROWS, Stream, Totals, mix, sigmoid, softplus


@dataclass
class Settings:
    counts: np.ndarray
    tree: tuple  # offsets, nodes, labels
    window: int = 4
    shrink_windows: bool = False
    alpha: float = 0.1
    d: float = 0.0
    sense_threshold: float = 1e-10
    keep: np.ndarray | None = None  # uint32 limits


def sticks(n, alpha, d):
    """The parameters of the variational Beta distributions: (a, b), each (T - 1,)."""
    T = len(n)
    a = [1 - d + n[k] for k in range(T - 1)]
    b = [alpha + (k + 1) * d + n[k + 1 :].sum() for k in range(T - 1)]
    return np.array(a), np.array(b)


def expected_log_pi(n, alpha, d):
    a, b = sticks(n, alpha, d)
    stay, passed = digamma(a) - digamma(a + b), digamma(b) - digamma(a + b)
    return np.append(stay, 0) + np.concatenate([[0], np.cumsum(passed)])


def expected_pi(n, alpha, d):
    a, b = sticks(n, alpha, d)
    stay = a / (a + b)
    return np.append(stay, 1) * np.concatenate([[1], np.cumprod(1 - stay)])


def log_likelihood(senses, nodes, labels):
    """log p of a path's decisions under each sense (T,)."""
    return -softplus((1 - 2 * labels) * (senses @ nodes.T)).sum(axis=1)


def posterior(model, s, word, context):
    """q and log p(context | sense)."""
    evidence = np.zeros(model["input"].shape[1])
    for other in context:
        path, labels = word2vec.path_of(other, s)
        evidence += log_likelihood(model["input"][word], model["nodes"][path], labels)
    log_q = expected_log_pi(model["occurrences"][word], s.alpha, s.d) + evidence
    q = np.exp(log_q - log_q.max())
    return q / q.sum(), evidence


def objective(senses, nodes, q, paths):
    """What one step ascends: sum_k q_k sum of log p over the paths, each (node rows, labels)."""
    return sum(float(q @ log_likelihood(senses, nodes[path], labels)) for path, labels in paths)


def errors(senses, nodes, q, paths):
    """Its derivatives by the scores, for each path (T, nodes)."""
    return [q[:, None] * (labels - sigmoid(senses @ nodes[path].T)) for path, labels in paths]


def gradients(senses, nodes, by_scores, paths):
    """Its derivatives by the senses' vectors (T, D) and the nodes' (V - 1, D)."""
    by_senses, by_nodes = np.zeros_like(senses), np.zeros_like(nodes)
    for (path, _), g in zip(paths, by_scores, strict=True):
        by_senses += g @ nodes[path]
        np.add.at(by_nodes, path, g.T @ senses)
    return by_senses, by_nodes


def train_centre(model, s, word, context, rate, totals):
    q, evidence = posterior(model, s, word, context)
    active = np.flatnonzero(q >= s.sense_threshold)
    for begin in range(0, len(context), MOST_PREDICTIONS):
        paths = [word2vec.path_of(other, s) for other in context[begin : begin + MOST_PREDICTIONS]]
        senses = model["input"][word].copy()
        by_scores = errors(senses, model["nodes"], q, paths)
        for group in range(0, len(active), MOST_ROWS):  # a group sees nodes that the one before it has changed
            some = active[group : group + MOST_ROWS]
            rows = [g[some] for g in by_scores]
            by_senses, by_nodes = gradients(senses[some], model["nodes"], rows, paths)
            model["input"][word, some] += rate * by_senses
            model["nodes"] += rate * by_nodes
    n = model["occurrences"][word]
    n += min(rate, 1) * (q * s.counts[word] - n)
    totals.loss -= float(q @ evidence)
    totals.predictions += len(context)
    totals.kept += 1


def train(model, tokens, s, key, block, rate):
    """Train on the whole stream, block by block; ``rate`` is a function of a block's first position."""
    totals = Totals()
    for first, centres in word2vec.centres_of_blocks(tokens, s, key, block):
        random = Stream(mix(key ^ mix(first)))
        for sentence, i in centres:
            context = [word for _, word in word2vec.window_around(sentence, i, s, random)]
            train_centre(model, s, sentence[i][1], context, rate(first), totals)
    return totals
