"""The operations of ``lexigrad.ops`` under one roof."""

from lexigrad.ops.dropout import dropout
from lexigrad.ops.elementwise import (
    abs,
    add,
    clip,
    div,
    exp,
    log,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    relu,
    sigmoid,
    sqrt,
    sub,
    tanh,
    where,
)
from lexigrad.ops.embedding import embedding
from lexigrad.ops.layer_norm import layer_norm
from lexigrad.ops.matmul import linear, matmul
from lexigrad.ops.reduce import argmax, logsumexp, max, mean, min, sum, var
from lexigrad.ops.shape import (
    broadcast_to,
    concatenate,
    flatten,
    masked_fill,
    pad,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
    unsqueeze,
)

__all__ = [
    "abs", "add", "argmax", "broadcast_to", "clip", "concatenate", "div", "dropout", "embedding", "exp", "flatten",
    "layer_norm", "linear", "log", "logsumexp", "masked_fill", "matmul", "max", "maximum", "mean", "min", "minimum",
    "mul", "neg", "pad", "permute", "pow", "relu", "reshape", "sigmoid", "split", "sqrt", "squeeze", "stack", "sub",
    "sum", "swapaxes", "tanh", "transpose", "unsqueeze", "var", "where",
]  # fmt: skip
