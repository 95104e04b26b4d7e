"""Paragraph vectors in plain float64 NumPy: the same draws in the same order as ``cpp/kernels/doc2vec.cpp``.

A model is a dict of float64 arrays: ``input`` (V, D), ``documents`` (tags, D), ``padding`` (1, D), and ``rows`` (V, P)
and ``nodes`` (V - 1, P), where P is D, or that of all places side by side with concatenation.
"""

from dataclasses import dataclass

import numpy as np

from oracles import word2vec
from oracles.word2vec import (
    SHARED,
    SHARED_BY_MEANS,
    Stream,
    Totals,
    mix,
    negative_samples,
    train_outputs,
    window_around,
)


@dataclass
class Settings(word2vec.Settings):
    """``skip_gram`` stands for PV-DBOW."""

    train_words: bool = False
    concatenate: bool = False
    tag_count: int = 1
    document_lock: np.ndarray | None = None
    frozen: bool = False  # only document vectors learn


class Frozen(np.ndarray):
    """An array that stays as it is, whatever is assigned to its items."""

    def __setitem__(self, key, value):
        pass


def rows_predict(model, s, matrix, lock, rows, times, words, samples, alpha, totals):
    """One step in which the rows of a matrix, each once, predict the centres ``times`` (M, C)."""
    if lock is None and not s.negative:  # in place: a centre sees what the one before it has changed
        for c, word in enumerate(words):
            a = model[matrix][rows]
            model[matrix][rows] += outputs(model, s, [word], None, a, times[:, [c]], alpha, totals)
        return
    step = outputs(model, s, words, samples, model[matrix][rows], times, alpha, totals)
    model[matrix][rows] += (1 if lock is None else lock[rows][:, None]) * step


def outputs(model, s, words, samples, a, times, alpha, totals):
    """``word2vec.train_outputs``, whose output rows stay as they are where all but documents is frozen."""
    trained = {name: model[name].view(Frozen) for name in ("rows", "nodes")} if s.frozen else model
    return train_outputs(trained, s, words, samples, a, times, alpha, totals)


def train_tags(model, s, tags, words, samples, alpha, totals):
    """PV-DBOW: every tag predicts every word, so many at a time."""
    most = min(30, max(SHARED, 16 * len(model["input"]) // (1 + s.negative)))
    rows, predictions = {}, 0

    def flush():
        if rows:
            times = np.array(list(rows.values()))
            rows_predict(model, s, "documents", s.document_lock, list(rows), times, words, samples, alpha, totals)

    for c in range(len(words)):
        for tag in tags[c]:
            if predictions == most or (tag not in rows and len(rows) == word2vec.MOST_ROWS):
                flush()
                rows, predictions = {}, 0
            rows.setdefault(tag, np.zeros(len(words)))[c] += 1
            predictions += 1
    flush()


def train_context(model, s, tags, words, windows, samples, alpha, totals):
    """PV-DM: what stands around a word and its tags predict it together."""
    groups = []
    for c, window in enumerate(windows):
        context = [("documents", tag) for tag in tags[c]]
        if s.concatenate:
            context += [("input", place[1]) if place else ("padding", 0) for place in window]
        else:
            context += [("input", word) for _, word in window]
        if context:
            groups.append((c, context))
    if not groups:
        return
    vectors = [np.array([model[name][row] for name, row in context]) for _, context in groups]
    if s.concatenate:
        hidden = np.array([v.reshape(-1) for v in vectors])
    else:
        hidden = np.array([v.mean(axis=0) if s.mean else v.sum(axis=0) for v in vectors])
    times = np.eye(len(words))[[c for c, _ in groups]]
    steps = outputs(model, s, words, samples, hidden, times, alpha, totals)
    locks = {"input": s.lock, "documents": s.document_lock, "padding": None}
    for (_, context), step in zip(groups, steps, strict=True):
        parts = step.reshape(len(context), -1) if s.concatenate else [step] * len(context)
        share = 1 if s.concatenate or s.mean else 1 / len(context)
        for (name, row), part in zip(context, parts, strict=True):
            if s.frozen and name != "documents":
                continue
            lock = 1 if locks[name] is None else locks[name][row]
            model[name][row] += share * lock * part


def places_around(sentence, i, window):
    places = [*range(i - window, i), *range(i + 1, i + window + 1)]
    return [sentence[j] if 0 <= j < len(sentence) else None for j in places]


def train(model, tokens, tags, s, key, block, alpha):
    """Train on the whole stream; ``tags[d]`` are the rows of document d, ``alpha`` a function of a block's begin."""
    totals = Totals()
    blocks = {}
    for document, sentence in enumerate(word2vec.kept_words(tokens, s, key)):
        for i, (position, _) in enumerate(sentence):
            blocks.setdefault(position // block * block, []).append((document, sentence, i))
    for first, centres in sorted(blocks.items()):
        random = Stream(mix(key ^ mix(first)))
        shared = SHARED if s.skip_gram else SHARED_BY_MEANS
        for begin in range(0, len(centres), shared):
            group = centres[begin : begin + shared]
            words = [sentence[i][1] for _, sentence, i in group]
            windows = [window_around(sentence, i, s, random) for _, sentence, i in group]
            if s.concatenate:
                windows = [places_around(sentence, i, s.window) for _, sentence, i in group]
            samples = negative_samples(words, s, random) if s.negative else None
            own = [tags[document] for document, _, _ in group]
            if s.skip_gram:
                if s.train_words:
                    word2vec.train_centres(model, s, words, windows, samples, alpha(first), totals)
                train_tags(model, s, own, words, samples, alpha(first), totals)
            else:
                train_context(model, s, own, words, windows, samples, alpha(first), totals)
            totals.kept += len(group)
    return totals


def infer(model, words, vector, s, keys, alphas):
    """The vector of a new document after a pass with each of the keys, at the rate that goes with it."""
    alone = dict(model) | {"documents": vector[None].copy()}
    frozen = Settings(**{**vars(s), "frozen": True, "train_words": False, "lock": None, "document_lock": None})
    for key, alpha in zip(keys, alphas, strict=True):
        train(alone, words, [[0]], frozen, key, max(1, len(words)), lambda _, alpha=alpha: alpha)
    return alone["documents"][0]
