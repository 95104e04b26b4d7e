"""Counts of words near words, and PPMI, in plain NumPy."""

import numpy as np


def cooccurrence(tokens, vocabulary, window, harmonic=False, symmetric=True):
    """(V, V): entry (a, b) sums the weights of the b after (and before) each a, within a sentence."""
    counts = np.zeros((vocabulary, vocabulary))
    for i, a in enumerate(tokens):
        for d in range(1, window + 1):
            if a < 0 or i + d >= len(tokens) or tokens[i + d] < 0:
                break
            b = tokens[i + d]
            counts[a, b] += 1 / d if harmonic else 1
            if symmetric:
                counts[b, a] += 1 / d if harmonic else 1
    return counts


def ppmi(counts, shift=1.0, smoothing=0.75):
    joint = counts / counts.sum()
    row = joint.sum(1, keepdims=True)
    column = counts.sum(0) ** smoothing * (counts.sum(0) > 0)
    column = column / column.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(joint / (row * column)) - np.log(shift)
    return np.where(counts > 0, np.maximum(information, 0), 0)
