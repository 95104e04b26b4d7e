"""A step of a GRU and its gradient in plain float64 NumPy. Weights as PyTorch's: gates r z n."""

import numpy as np

from oracles.lstm import sigmoid

STATES = 1


def gru_forward(x, states, w_ih, w_hh, b_ih, b_hh):
    (h,) = states
    r, z, n = np.split(x @ w_ih.T + b_ih, 3, axis=1)
    hr, hz, m = np.split(h @ w_hh.T + b_hh, 3, axis=1)
    r, z = sigmoid(r + hr), sigmoid(z + hz)
    n = np.tanh(n + r * m)
    return ((1 - z) * n + z * h,), (x, h, r, z, n, m)


def gru_backward(grads, saved, w_ih, w_hh):
    """The gradients of x, of the state before and of the four parameters."""
    (dh,) = grads
    x, h, r, z, n, m = saved
    dn = dh * (1 - z) * (1 - n * n)
    dr = dn * m * r * (1 - r)
    dz = dh * (h - n) * z * (1 - z)
    of_x = np.concatenate([dr, dz, dn], axis=1)
    of_h = np.concatenate([dr, dz, dn * r], axis=1)
    return of_x @ w_ih, (dh * z + of_h @ w_hh,), [of_x.T @ x, of_h.T @ h, of_x.sum(0), of_h.sum(0)]


forward, backward = gru_forward, gru_backward
