"""The operations of ``lexigrad.ops`` under one roof."""

from lexigrad.ops.attention import additive_scores, attend, dot_attention
from lexigrad.ops.ctc import ctc_loss
from lexigrad.ops.dropout import dropout
from lexigrad.ops.elementwise import (
    abs,
    add,
    clamp,
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
from lexigrad.ops.embedding import embedding, one_hot
from lexigrad.ops.gru import gru
from lexigrad.ops.layer_norm import layer_norm
from lexigrad.ops.losses import binary_cross_entropy, binary_cross_entropy_with_logits, mse_loss, nll_loss
from lexigrad.ops.lstm import lstm
from lexigrad.ops.matmul import linear, matmul
from lexigrad.ops.reduce import amax, amin, argmax, argmin, logsumexp, max, mean, min, sum, var
from lexigrad.ops.rnn import rnn
from lexigrad.ops.shape import (
    broadcast_to,
    cat,
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
from lexigrad.ops.softmax import cross_entropy, log_softmax, softmax

__all__ = [
    "abs", "add", "additive_scores", "amax", "amin", "argmax", "argmin", "attend", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "broadcast_to", "cat", "clamp", "clip", "concatenate", "cross_entropy",
    "ctc_loss", "div", "dot_attention", "dropout", "embedding", "exp", "flatten", "gru", "layer_norm", "linear",
    "log", "log_softmax", "logsumexp", "lstm", "masked_fill", "matmul", "max", "maximum", "mean", "min", "minimum",
    "mse_loss", "mul", "neg", "nll_loss", "one_hot", "pad", "permute", "pow", "relu", "reshape", "rnn", "sigmoid",
    "softmax", "split", "sqrt", "squeeze", "stack", "sub", "sum", "swapaxes", "tanh", "transpose", "unsqueeze", "var",
    "where",
]  # fmt: skip
