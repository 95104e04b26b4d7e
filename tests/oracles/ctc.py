"""CTC in float64, written for reading: the recursions of Graves et al. 2006 on probabilities' logarithms."""

import numpy as np


def ctc(log_probs, target, blank=0):
    """Loss of one sample, log_probs (T, V), and its gradient with respect to them."""
    frames = len(log_probs)
    states = [blank]
    for label in target:
        states += [int(label), blank]
    gradient = np.zeros(log_probs.shape)
    if frames == 0:
        return (0.0 if len(states) == 1 else np.inf), gradient
    alpha = _forward(log_probs, states, blank)
    beta = _forward(log_probs[::-1], states[::-1], blank)[::-1, ::-1]  # with the frame's own probability
    total = np.logaddexp.reduce(alpha[-1, -2:])
    if total == -np.inf:
        return np.inf, gradient
    for t in range(frames):
        for s, label in enumerate(states):
            if alpha[t, s] > -np.inf and beta[t, s] > -np.inf:
                gradient[t, label] -= np.exp(alpha[t, s] + beta[t, s] - log_probs[t, label] - total)
    return -total, gradient


def _forward(log_probs, states, blank):
    alpha = np.full((len(log_probs), len(states)), -np.inf)
    alpha[0, :2] = log_probs[0, states[:2]]
    for t in range(1, len(log_probs)):
        for s, label in enumerate(states):
            ways = [alpha[t - 1, s]]
            if s >= 1:
                ways.append(alpha[t - 1, s - 1])
            if s >= 2 and label not in (blank, states[s - 2]):
                ways.append(alpha[t - 1, s - 2])
            alpha[t, s] = np.logaddexp.reduce(ways) + log_probs[t, label]
    return alpha


def brute_force(log_probs, target, blank=0):
    """The loss by adding up every path through the classes; for a few frames only."""
    frames, classes = log_probs.shape
    total = -np.inf
    for path in np.ndindex(*(classes,) * frames):
        merged = [k for i, k in enumerate(path) if i == 0 or k != path[i - 1]]
        if [k for k in merged if k != blank] == list(target):
            total = np.logaddexp(total, sum(log_probs[t, k] for t, k in enumerate(path)))
    return -total
