"""A recurrent layer over all steps, one sequence after the other: forward and backward in plain float64 NumPy.

``cell`` is a module of oracles (lstm, gru, rnn); x is (T, B, I), weights are w_ih, w_hh, b_ih and b_hh of each
direction, one after the other, and states hold (D, B, H) each.
"""

import numpy as np


def steps_of(length, direction):
    return range(length)[:: -1 if direction else 1]


def layer_forward(cell, x, lengths, states, weights, **options):
    """The output, the last states, and for each direction and sequence what its steps saved."""
    T, B, _ = x.shape
    D, H = len(weights) // 4, weights[1].shape[1]
    y, last, saved = np.zeros((T, B, D * H)), [np.array(s, float) for s in states], {}
    for d in range(D):
        own = weights[4 * d : 4 * d + 4]
        for b in range(B):
            state = tuple(s[d, b : b + 1].copy() for s in last)
            saved[d, b] = []
            for t in steps_of(lengths[b], d):
                state, kept = cell.forward(x[t, b : b + 1], state, *own, **options)
                saved[d, b].append(kept)
                y[t, b, d * H : (d + 1) * H] = state[0]
            for s, new in zip(last, state, strict=True):
                s[d, b] = new
    return y, last, saved


def layer_backward(cell, x, lengths, weights, saved, dy, dlast):
    """The gradients of x, of the initial states and of the weights."""
    H = weights[1].shape[1]
    dx, dstates = np.zeros(x.shape), [np.array(s, float) for s in dlast]
    dweights = [np.zeros(w.shape) for w in weights]
    for (d, b), kept in saved.items():
        w_ih, w_hh = weights[4 * d : 4 * d + 2]
        grads = tuple(s[d, b : b + 1].copy() for s in dstates)
        for t, step in reversed(list(zip(steps_of(lengths[b], d), kept, strict=True))):
            grads = (grads[0] + dy[t, b, d * H : (d + 1) * H], *grads[1:])
            dx_t, grads, parts = cell.backward(grads, step, w_ih, w_hh)
            dx[t, b] += dx_t[0]
            for total, part in zip(dweights[4 * d : 4 * d + 4], parts, strict=True):
                total += part
        for s, new in zip(dstates, grads, strict=True):
            s[d, b] = new
    return dx, dstates, dweights
