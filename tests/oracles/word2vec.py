"""word2vec in plain float64 NumPy: the same draws in the same order as ``cpp/kernels/word2vec.cpp``, one step a time.

A model is a dict of float64 arrays: ``input`` (V, D), ``rows`` (V, D) and ``nodes`` (V - 1, D).
"""

from dataclasses import dataclass

import numpy as np

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
SHARED = 3  # neighbouring centres that are trained in one step and share their negative samples
SHARED_BY_MEANS = 2  # the same for CBOW
MOST_ROWS = 16  # input rows of one skip-gram step
MOST_PREDICTIONS = 30  # predictions of one skip-gram step
MOST_SAMPLES = 16  # negative samples of one step for each word of the vocabulary


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


def negative_samples(words, s, random):
    """What centres are predicted against: rows' ids, how often each centre meets each and its labels, both (C, N)."""
    ids = list(dict.fromkeys(words))
    times = [0.0] * len(ids)
    for _ in range(s.negative):
        draw = random.next()
        column = below(len(s.alias), draw)
        threshold, alias = (int(v) for v in s.alias[column])
        drawn = column if draw & 0xFFFFFFFF <= threshold else alias
        if drawn not in ids:
            ids.append(drawn)
            times.append(1.0)
        else:
            times[ids.index(drawn)] += 1
    weights = np.tile(times, (len(words), 1))
    weights[np.arange(len(words)), [ids.index(word) for word in words]] = 1
    labels = np.array([[float(drawn == word) for drawn in ids] for word in words])
    return ids, weights, labels


def logistic_gradient(x, weights, positives, alpha, totals):
    """Of predictions that are made ``weights`` times, ``positives`` times of them rightly."""
    totals.loss += float((weights * softplus(x) - positives * x).sum())
    return alpha * (positives - weights * sigmoid(x))


def logistic_step(outputs, ids, weights, positives, a, alpha, totals):
    """One step of logistic regression of the rows ``a`` on ``outputs[ids]``; returns the inputs' step."""
    b = outputs[ids]
    g = logistic_gradient(a @ b.T, weights, positives, alpha, totals)
    outputs[ids] += g.T @ a
    return g @ b


def softmax_step(outputs, word, times, a, alpha, totals):
    x = a @ outputs.T
    x -= x.max(axis=1, keepdims=True)
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    totals.loss -= float((times * np.log(p[:, word])).sum())
    g = -alpha * p
    g[:, word] += alpha
    g *= times[:, None]
    step = g @ outputs
    outputs += g.T @ a
    return step


def path_of(word, s):
    offsets, nodes, labels = s.tree
    path = slice(offsets[word], offsets[word + 1])
    return nodes[path], labels[path].astype(float)


def train_outputs(model, s, words, samples, a, times, alpha, totals):
    """One step of the inputs ``a`` (M, D); input m predicts centre c ``times[m, c]`` times. Returns their step."""
    step = np.zeros_like(a)
    for c, word in enumerate(words):
        some = np.flatnonzero(times[:, c])
        once = times[some, c]
        if s.tree is not None and len(path_of(word, s)[0]) and len(some):
            nodes, labels = path_of(word, s)
            weights = np.tile(once[:, None], len(nodes))
            step[some] += logistic_step(model["nodes"], nodes, weights, weights * labels, a[some], alpha, totals)
        if s.softmax and len(some):
            step[some] += softmax_step(model["rows"], word, once, a[some], alpha, totals)
    if s.negative:
        ids, weights, labels = samples
        step += logistic_step(model["rows"], ids, times @ weights, times @ labels, a, alpha, totals)
    totals.predictions += int(times.sum())
    return step


def skip_gram_steps(windows, vocabulary, negative):
    """The words of the windows, each once a step, with how often each predicts each centre: (words, times (M, C))."""
    rows = {}
    most = min(MOST_PREDICTIONS, max(SHARED, MOST_SAMPLES * vocabulary // (1 + negative)))
    positions = sorted({place: word for window in windows for place, word in window}.items())
    predictions = 0
    for place, word in positions:
        within = np.array([place in dict(window) for window in windows], float)
        if predictions + SHARED > most or (word not in rows and len(rows) == MOST_ROWS):
            yield list(rows), np.array(list(rows.values()))
            rows, predictions = {}, 0
        rows[word] = rows.get(word, 0) + within
        predictions += int(within.sum())
    if rows:
        yield list(rows), np.array(list(rows.values()))


def train_centres(model, s, words, windows, samples, alpha, totals):
    """One group of centres; a window is a list of (place, word)."""
    lock = np.ones(len(model["input"])) if s.lock is None else s.lock
    if s.skip_gram:
        for rows, times in skip_gram_steps(windows, len(model["input"]), s.negative):
            if s.lock is None and not s.negative:  # in place, so a centre sees what the one before it has changed
                for c, word in enumerate(words):
                    a = model["input"][rows]
                    model["input"][rows] += train_outputs(model, s, [word], None, a, times[:, [c]], alpha, totals)
                continue
            step = train_outputs(model, s, words, samples, model["input"][rows], times, alpha, totals)
            model["input"][rows] += lock[rows][:, None] * step
        return
    centres = [c for c, window in enumerate(windows) if window]
    if not centres:
        return
    contexts = [[word for _, word in windows[c]] for c in centres]
    hidden = np.array([model["input"][context].sum(axis=0) / (len(context) if s.mean else 1) for context in contexts])
    step = train_outputs(model, s, words, samples, hidden, np.eye(len(windows))[centres], alpha, totals)
    for m, context in enumerate(contexts):
        share = 1 if s.mean else 1 / len(context)
        np.add.at(model["input"], context, share * lock[context][:, None] * step[m])


def window_around(sentence, i, s, random):
    draw = random.next()
    size = 1 + below(min(s.window, 0xFFFFFFFF), draw) if s.shrink_windows else s.window
    return [sentence[j] for j in range(max(0, i - size), min(len(sentence), i + size + 1)) if j != i]


def centres_of_blocks(tokens, s, key, block):
    """The centres of each block, as (its first position, [(sentence, index)])."""
    blocks = {}
    for sentence in kept_words(tokens, s, key):
        for i, (position, _) in enumerate(sentence):
            blocks.setdefault(position // block * block, []).append((sentence, i))
    return sorted(blocks.items())


def train(model, tokens, s, key, block, alpha):
    """Train on the whole stream, block by block; ``alpha`` is a function of a block's first position."""
    totals = Totals()
    for first, centres in centres_of_blocks(tokens, s, key, block):
        random = Stream(mix(key ^ mix(first)))
        shared = SHARED if s.skip_gram else SHARED_BY_MEANS
        for begin in range(0, len(centres), shared):
            group = centres[begin : begin + shared]
            words = [sentence[i][1] for sentence, i in group]
            windows = [window_around(sentence, i, s, random) for sentence, i in group]
            samples = negative_samples(words, s, random) if s.negative else None
            train_centres(model, s, words, windows, samples, alpha(first), totals)
            totals.kept += len(group)
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
