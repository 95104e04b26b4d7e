"""The optimisers' rules in float64, written for reading: new parameter and state from old ones and a gradient.

Each takes the number of the step, from 1 on, and changes ``state``, a dict, in place.
"""

import numpy as np


def sgd(p, g, state, t, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    g = g + weight_decay * p
    if momentum:
        v = g if t == 1 else momentum * state["momentum_buffer"] + (1 - dampening) * g
        state["momentum_buffer"] = v
        g = g + momentum * v if nesterov else v
    return p - lr * g


def adagrad(p, g, state, t, lr, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10):
    g = g + weight_decay * p
    state["sum"] = state.get("sum", initial_accumulator_value) + g**2
    return p - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(state["sum"]) + eps)


def rmsprop(p, g, state, t, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    g = g + weight_decay * p
    variance = state["square_avg"] = alpha * state.get("square_avg", 0) + (1 - alpha) * g**2
    if centered:
        state["grad_avg"] = alpha * state.get("grad_avg", 0) + (1 - alpha) * g
        variance = variance - state["grad_avg"] ** 2
    change = g / (np.sqrt(variance) + eps)
    if momentum:
        change = state["momentum_buffer"] = momentum * state.get("momentum_buffer", 0) + change
    return p - lr * change


def adam(p, g, state, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    g = g + weight_decay * p
    m = state["exp_avg"] = betas[0] * state.get("exp_avg", 0) + (1 - betas[0]) * g
    v = state["exp_avg_sq"] = betas[1] * state.get("exp_avg_sq", 0) + (1 - betas[1]) * g**2
    return p - lr * m / (1 - betas[0] ** t) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)


def adamw(p, g, state, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
    return adam(p * (1 - lr * weight_decay), g, state, t, lr, betas, eps)
