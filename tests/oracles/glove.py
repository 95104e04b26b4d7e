"""GloVe in plain float64 NumPy: the same steps in the same order as ``cpp/kernels/glove.cpp``.

A model is a dict of float64 arrays: ``words``, ``contexts`` and their ``_squares`` (V, D), ``biases`` (V, 4).
"""

import numpy as np

GROUP = 16
CLIP = 100


def loss(w, u, b, c, x, x_max, exponent):
    """f(x) (w . u + b + c - log x)^2 / 2"""
    return min(1, (x / x_max) ** exponent) * (w @ u + b + c - np.log(x)) ** 2 / 2


def gradients(w, u, b, c, x, x_max, exponent):
    """dw, du, db (and dc, the same)"""
    g = min(1, (x / x_max) ** exponent) * (w @ u + b + c - np.log(x))
    return g * u, g * w, g


def groups(counts):
    """(row, columns) of each group of entries of a dense matrix."""
    found = []
    for row in range(len(counts)):
        columns = np.flatnonzero(counts[row])
        found += [(row, columns[i : i + GROUP]) for i in range(0, len(columns), GROUP)]
    return found


def adagrad(parameter, squares, step):
    parameter -= step / np.sqrt(1 + squares)
    squares += step**2


def train(model, counts, order, rate, x_max, exponent):
    """One pass over all groups; returns the loss."""
    total = 0.0
    every = groups(counts)
    for number in order:
        row, columns = every[number]
        for column in columns:
            w, u, x = model["words"][row], model["contexts"][column], counts[row, column]
            own, other = model["biases"][row], model["biases"][column]
            total += loss(w, u, own[0], other[1], x, x_max, exponent)
            dw, du, db = gradients(w, u, own[0], other[1], x, x_max, exponent)
            adagrad(w, model["word_squares"][row], rate * np.clip(dw, -CLIP, CLIP))
            adagrad(u, model["context_squares"][column], rate * np.clip(du, -CLIP, CLIP))
            adagrad(own[0:1], own[2:3], rate * db)
            adagrad(other[1:2], other[3:4], rate * db)
    return total
