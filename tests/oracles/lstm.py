"""A step of an LSTM and its gradient in plain float64 NumPy. Weights as PyTorch's: gates i f g o."""

import numpy as np

STATES = 2  # h and c


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_forward(x, states, w_ih, w_hh, b_ih, b_hh):
    h, c = states
    i, f, g, o = np.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=1)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    after = f * c + i * g
    return (o * np.tanh(after), after), (x, h, c, i, f, g, o, after)


def lstm_backward(grads, saved, w_ih, w_hh):
    """The gradients of x, of the states before and of the four parameters."""
    dh, dc = grads
    x, h, c, i, f, g, o, after = saved
    t = np.tanh(after)
    dc = dc + dh * o * (1 - t * t)
    gates = np.concatenate(
        [dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * t * o * (1 - o)], axis=1
    )
    return gates @ w_ih, (gates @ w_hh, dc * f), [gates.T @ x, gates.T @ h, gates.sum(0), gates.sum(0)]


forward, backward = lstm_forward, lstm_backward
