"""What clipping is good for: descent on the error surface of a recurrent network of one unit, which has a cliff.

Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks", section 2.3 and figure 6;
Goodfellow, Bengio and Courville 2016, "Deep Learning", section 10.11.1.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lexigrad.ops.elementwise import sigmoid
from lexigrad.optim.clip import clip_grad_norm_
from lexigrad.optim.optimizers import SGD
from lexigrad.tensor import Operand, Tensor

STEPS = 50
START = 1 / (1 + math.exp(-0.5))  # h_0
TARGET = 0.7


def cliff_error(w: Operand, b: Operand) -> Tensor:
    """(h_50 - 0.7)^2 for  h_t = sigmoid(w h_{t-1} + b),  h_0 = sigmoid(0.5): the surface of Pascanu et al. 2013.

    For w above 4 the unit has two stable states. Where their border passes h_0, a small step of w or b changes the end
    of the sequence from one to the other: there the error has a cliff, and its gradient explodes.

    Args:
        w, b: numbers, arrays or tensors, which are broadcast.
    """
    h: Operand = START
    for _ in range(STEPS):
        h = sigmoid(w * h + b)  # type: ignore[operator]
    return (h - TARGET) ** 2  # type: ignore[operator, return-value]


def descend_cliff(w: float, b: float, lr: float, max_norm: float | None, updates: int) -> NDArray[np.float64]:
    """The values of w, b and the error, (updates + 1, 3), in gradient descent from a first w and b.

    Args:
        max_norm: clip each gradient to this norm; None for no clipping.
    """
    parameters = [Tensor([float(value)], requires_grad=True) for value in (w, b)]
    optimizer = SGD(parameters, lr=lr)
    path = []
    for update in range(updates + 1):
        error = cliff_error(*parameters)
        path.append([*(parameter.item() for parameter in parameters), error.item()])
        if update < updates:
            optimizer.zero_grad()
            error.backward()
            if max_norm is not None:
                clip_grad_norm_(parameters, max_norm)
            optimizer.step()
    return np.array(path)
