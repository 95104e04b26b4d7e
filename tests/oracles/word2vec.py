"""word2vec in plain float64 NumPy: the same draws in the same order as ``cpp/kernels/word2vec.cpp``, one step a time.

A model is a dict of float64 arrays: ``input`` (V, D), ``rows`` (V, D) and ``nodes`` (V - 1, D).
"""

from dataclasses import dataclass

import numpy as np

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
MOST_ROWS = 16  # input rows of one step
MOST_DIRECT = 6  # with at most so many output rows skip-gram updates its input rows one after the other, in place


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def draw_at(key, index):
    return mix((key + (index + 1) * GOLDEN) & MASK)


class Stream:
    def __init__(self, key):
        self.state = key

    def next(self):
        self.state = (self.state + GOLDEN) & MASK
        return mix(self.state)


def below(n, draw):
    return ((draw >> 32) * n) >> 32


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0, x)


def keep_probability(counts, sample):
    counts = np.asarray(counts, float)
    threshold = sample * counts.sum() if sample < 1 else sample * (3 + np.sqrt(5)) / 2
    return np.minimum(1, (np.sqrt(counts / threshold) + 1) * threshold / counts)


def huffman_lengths(counts):
    """Code lengths of an optimal prefix code, by merging the two lightest groups over and over."""
    groups = [(count, [word]) for word, count in enumerate(counts)]
    lengths = np.zeros(len(counts), int)
    while len(groups) > 1:
        groups.sort(key=lambda group: group[0])
        (a, left), (b, right) = groups[:2]
        lengths[left + right] += 1
        groups[:2] = [(a + b, left + right)]
    return lengths


@dataclass
class Settings:
    window: int = 5
    shrink_windows: bool = True
    skip_gram: bool = True
    mean: bool = True
    negative: int = 5
    softmax: bool = False
    keep: np.ndarray | None = None  # uint32 limits
    alias: np.ndarray | None = None  # (V, 2) uint32: threshold, alias
    tree: tuple | None = None  # offsets, nodes, labels
    lock: np.ndarray | None = None


@dataclass
class Totals:
    loss: float = 0.0
    predictions: int = 0
    kept: int = 0


def kept_words(tokens, s, key):
    """(position, id) of the tokens that survive subsampling, sentence by sentence."""
    sentences = [[]]
    for position, word in enumerate(tokens):
        if word < 0:
            sentences.append([])
        elif s.keep is None or s.keep[word] == 0xFFFFFFFF or draw_at(key, position) >> 32 <= int(s.keep[word]):
            sentences[-1].append((position, int(word)))
    return sentences


def negative_samples(word, s, random):
    ids, weights = [word], [1.0]
    for _ in range(s.negative):
        draw = random.next()
        column = below(len(s.alias), draw)
        threshold, alias = (int(v) for v in s.alias[column])
        drawn = column if draw & 0xFFFFFFFF <= threshold else alias
        if drawn not in ids:
            ids.append(drawn)
            weights.append(1.0)
        elif ids.index(drawn) > 0:
            weights[ids.index(drawn)] += 1
    return ids, np.array(weights)


def logistic_gradient(x, labels, weights, alpha, totals):
    totals.loss += float((weights * softplus((1 - 2 * labels) * x)).sum())
    return alpha * weights * (labels - sigmoid(x))


def logistic_step(outputs, ids, labels, weights, a, alpha, totals):
    """One step of logistic regression of the rows ``a`` on ``outputs[ids]``; returns the inputs' step."""
    b = outputs[ids]
    g = logistic_gradient(a @ b.T, labels, weights, alpha, totals)
    outputs[ids] += g.T @ a
    return g @ b


def direct_logistic_step(outputs, ids, labels, weights, inputs, rows, alpha, totals):
    """The same on ``inputs[rows]`` themselves: a row that stands twice sees its first update at its second turn."""
    b = outputs[ids]
    g = logistic_gradient(inputs[rows] @ b.T, labels, weights, alpha, totals)
    for m, row in enumerate(rows):
        outputs[ids] += np.outer(g[m], inputs[row])
        inputs[row] += g[m] @ b


def softmax_step(outputs, word, a, alpha, totals):
    x = a @ outputs.T
    x -= x.max(axis=1, keepdims=True)
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    totals.loss -= float(np.log(p[:, word]).sum())
    g = -alpha * p
    g[:, word] += alpha
    step = g @ outputs
    outputs += g.T @ a
    return step


def path_of(word, s):
    offsets, nodes, labels = s.tree
    path = slice(offsets[word], offsets[word + 1])
    return nodes[path], labels[path].astype(float)


def samples_of(samples):
    ids, weights = samples
    return ids, np.array([1.0] + [0.0] * (len(ids) - 1)), weights


def train_outputs(model, s, word, samples, a, alpha, totals):
    step = np.zeros_like(a)
    if s.tree is not None and len(path_of(word, s)[0]):
        step += logistic_step(model["nodes"], *path_of(word, s), 1.0, a, alpha, totals)
    if s.negative:
        step += logistic_step(model["rows"], *samples_of(samples), a, alpha, totals)
    if s.softmax:
        step += softmax_step(model["rows"], word, a, alpha, totals)
    return step


def is_direct(s):
    if s.lock is not None or s.softmax or (s.tree is not None and s.negative):
        return False
    longest = 1 + s.negative if s.tree is None else max(np.diff(s.tree[0]))
    return longest <= MOST_DIRECT


def train_direct(model, s, word, samples, rows, alpha, totals):
    if s.negative:
        direct_logistic_step(model["rows"], *samples_of(samples), model["input"], rows, alpha, totals)
    elif len(path_of(word, s)[0]):
        direct_logistic_step(model["nodes"], *path_of(word, s), 1.0, model["input"], rows, alpha, totals)


def train_centre(model, s, context, word, samples, alpha, totals):
    lock = np.ones(len(model["input"])) if s.lock is None else s.lock
    if s.skip_gram:
        for first in range(0, len(context), MOST_ROWS):
            rows = context[first : first + MOST_ROWS]
            totals.predictions += len(rows)
            if is_direct(s):
                train_direct(model, s, word, samples, rows, alpha, totals)
                continue
            step = train_outputs(model, s, word, samples, model["input"][rows], alpha, totals)
            np.add.at(model["input"], rows, lock[rows][:, None] * step)
    elif context:
        totals.predictions += 1
        hidden = model["input"][context].sum(axis=0, keepdims=True)
        step = train_outputs(model, s, word, samples, hidden / len(context) if s.mean else hidden, alpha, totals)
        share = 1 if s.mean else 1 / len(context)
        np.add.at(model["input"], context, share * lock[context][:, None] * step)


def train(model, tokens, s, key, block, alpha):
    """Train on the whole stream, block by block; ``alpha`` is a function of a block's first position."""
    totals = Totals()
    sentences = kept_words(tokens, s, key)
    random = None
    current = -1
    for sentence in sentences:
        words = [word for _, word in sentence]
        for i, (position, word) in enumerate(sentence):
            if position // block != current:
                current = position // block
                random = Stream(mix(key ^ mix(current * block)))
            draw = random.next()
            size = 1 + below(min(s.window, 0xFFFFFFFF), draw) if s.shrink_windows else s.window
            samples = negative_samples(word, s, random) if s.negative else None
            context = words[max(0, i - size) : i] + words[i + 1 : i + 1 + size]
            train_centre(model, s, context, word, samples, alpha(current * block), totals)
            totals.kept += 1
    return totals


def score(vectors, nodes, tree, ids, *, window, skip_gram, mean, log_sigmoid):
    """Log probability of a sentence under hierarchical softmax: the sum over its windows of log p(centre | context)."""
    offsets, path_nodes, labels = tree
    total = 0.0
    for i, word in enumerate(ids):
        path = slice(offsets[word], offsets[word + 1])
        signs = 2.0 * labels[path] - 1
        context = vectors[[*ids[max(0, i - window) : i], *ids[i + 1 : i + 1 + window]]]
        if not skip_gram:
            hidden = context.sum(axis=0, keepdims=True)
            context = hidden / max(1, len(context)) if mean else hidden
        total += log_sigmoid(context @ nodes[path_nodes[path]].T * signs).sum()
    return total
