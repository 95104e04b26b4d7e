"""Softmax cross-entropy over a sample of the classes: training with vocabularies too large for all of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.ops.softmax import check_reduction, cross_entropy
from lexigrad.sparse import SparseRows
from lexigrad.tensor import Tensor, record

Array = NDArray[Any]


def sampled_softmax_loss(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: NDArray[np.int64],
    sampled: NDArray[np.int64],
    log_expected: Array,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of each target against itself and the sampled classes (Jean et al. 2015).

    With Q(c) the expected count of class c in the sample, the logits are  hidden . weight[c] + bias[c] - log Q(c).
    A sampled class that is the row's own target takes no part in that row. The gradients of weight and bias have
    the target's and the sampled rows only.

    Args:
        hidden: (N, D) float32.
        weight: (V, D).
        bias: (V,) or None.
        target: (N,) classes, or ``ignore_index``.
        sampled: (K,) classes, each at most once.
        log_expected: (V,) log Q.
        reduction: "mean" over the targets that count, "sum" or "none".
    """
    check_reduction(reduction)
    kept = target != ignore_index
    own = np.where(kept, target, 0)
    x, own_rows, sampled_rows = hidden.data, weight.data[own], weight.data[sampled]
    logits = np.empty((len(x), 1 + len(sampled)), x.dtype)
    logits[:, 0] = np.einsum("nd,nd->n", x, own_rows) - log_expected[own]
    np.matmul(x, sampled_rows.T, out=logits[:, 1:])
    logits[:, 1:] -= log_expected[sampled].astype(x.dtype)
    if bias is not None:
        logits[:, 0] += bias.data[own]
        logits[:, 1:] += bias.data[sampled]
    logits[:, 1:][own[:, None] == sampled] = -np.inf
    # The target is class 0 of the row. A tape of its own gives the loss and the logits' gradient.
    inner = Tensor(logits, requires_grad=hidden.requires_grad or weight.requires_grad)
    loss = cross_entropy(inner, np.where(kept, 0, -100), reduction=reduction)

    def backward(dloss: Array) -> tuple[Array | SparseRows | None, ...]:
        inner.grad = None
        loss.backward(dloss, retain_graph=True)
        dlogits = inner.grad
        assert isinstance(dlogits, np.ndarray)
        first, rest = dlogits[:, 0], dlogits[:, 1:]
        classes = np.concatenate([own, sampled])
        dhidden = first[:, None] * own_rows + rest @ sampled_rows
        dweight = SparseRows(classes, np.concatenate([first[:, None] * x, rest.T @ x]), weight.shape)
        if bias is None:
            return dhidden, dweight
        return dhidden, dweight, SparseRows(classes, np.concatenate([first, rest.sum(axis=0)]), bias.shape)

    inputs = (hidden, weight) if bias is None else (hidden, weight, bias)
    return record(loss.data, inputs, backward)
