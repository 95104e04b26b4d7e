"""A linear-chain CRF in float64, written for reading: log Z, posteriors and the best path."""

import itertools

import numpy as np


def score(emissions, tags, transitions, start, end):
    total = start[tags[0]] + end[tags[-1]]
    for t, tag in enumerate(tags):
        total += emissions[t, tag]
        if t > 0:
            total += transitions[tags[t - 1], tag]
    return total


def loss(emissions, tags, transitions, start, end):
    """log Z - score(tags) of one sample, emissions (T, K)."""
    if len(tags) == 0:
        return 0.0
    return log_partition(emissions, transitions, start, end) - score(emissions, tags, transitions, start, end)


def log_partition(emissions, transitions, start, end):
    alpha = start + emissions[0]
    for row in emissions[1:]:
        alpha = np.logaddexp.reduce(alpha[:, None] + transitions, axis=0) + row
    return np.logaddexp.reduce(alpha + end)


def posteriors(emissions, transitions, start, end):
    """p(y_t = k), (T, K), and the expected number of each transition, (K, K)."""
    frames, tags = emissions.shape
    alpha, beta = np.zeros((frames, tags)), np.zeros((frames, tags))
    alpha[0], beta[-1] = start + emissions[0], end
    for t in range(1, frames):
        alpha[t] = np.logaddexp.reduce(alpha[t - 1][:, None] + transitions, axis=0) + emissions[t]
    for t in range(frames - 1, 0, -1):
        beta[t - 1] = np.logaddexp.reduce(transitions + emissions[t] + beta[t], axis=1)
    log_z = np.logaddexp.reduce(alpha[-1] + end)
    pairs = np.zeros((tags, tags))
    for t in range(1, frames):
        pairs += np.exp(alpha[t - 1][:, None] + transitions + emissions[t] + beta[t] - log_z)
    return np.exp(alpha + beta - log_z), pairs


def gradients(emissions, tags, transitions, start, end):
    """Of the loss, with respect to emissions, transitions, start and end."""
    single, pairs = posteriors(emissions, transitions, start, end)
    dstart, dend = single[0].copy(), single[-1].copy()
    for t, tag in enumerate(tags):
        single[t, tag] -= 1
        if t > 0:
            pairs[tags[t - 1], tag] -= 1
    dstart[tags[0]] -= 1
    dend[tags[-1]] -= 1
    return single, pairs, dstart, dend


def paths(emissions):
    return itertools.product(range(emissions.shape[1]), repeat=len(emissions))


def best(emissions, transitions, start, end):
    """The best tags and their score."""
    delta, pointers = start + emissions[0], []
    for row in emissions[1:]:
        ways = delta[:, None] + transitions
        pointers.append(ways.argmax(axis=0))
        delta = ways.max(axis=0) + row
    tags = [int((delta + end).argmax())]
    for pointer in pointers[::-1]:
        tags.append(int(pointer[tags[-1]]))
    return tags[::-1], (delta + end).max()
