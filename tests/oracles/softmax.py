"""Softmax, its logarithm and cross-entropy in float64, written for reading."""

import numpy as np


def softmax_forward(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_backward(y, dy):
    return y * (dy - (y * dy).sum(axis=1, keepdims=True))


def log_softmax_forward(x):
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def log_softmax_backward(y, dy):
    return dy - np.exp(y) * dy.sum(axis=1, keepdims=True)


def cross_entropy(x, targets, ignore_index=-100, weight=None, label_smoothing=0.0):
    """Losses (n,), the sum of the targets' weights, and the gradient of the losses' sum."""
    classes = x.shape[1]
    w = np.ones(classes) if weight is None else np.asarray(weight, np.float64)
    losses, gradient, total = np.zeros(len(x)), np.zeros(x.shape), 0.0
    log_p = log_softmax_forward(x)
    for i, target in enumerate(targets):
        if target == ignore_index:
            continue
        wanted = label_smoothing / classes * w
        wanted[target] += (1 - label_smoothing) * w[target]
        total += w[target]
        losses[i] = -(wanted * log_p[i]).sum()
        gradient[i] = np.exp(log_p[i]) * wanted.sum() - wanted
    return losses, total, gradient
