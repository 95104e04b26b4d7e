"""A step of Luong's attention, forward and backward, beside the same from PyTorch's operations.

A decoder's state queries S encoder states:  weights = softmax(h W keys), context = weights keys, and the new state
is  tanh(C [context; h]).
"""

from typing import Any

import numpy as np

from benchmarks import operations
from benchmarks.harness import OURS
from benchmarks.operations import TORCH, Prepared

CASES = [{"S": 50, "B": 32, "H": 512}]


def prepare(library: str, S: int, B: int, H: int) -> Prepared:
    rng = np.random.default_rng(1)
    shapes = {"state": (B, H), "keys": (S, B, H), "general": (H, H), "combine": (H, 2 * H)}
    arrays = {name: rng.standard_normal(shape, np.float32) / H**0.5 for name, shape in shapes.items()}
    arrays["keys"] *= H**0.5
    mask = np.arange(S) < rng.integers(S // 2, S + 1, B)[:, None]
    step = _ours if library == OURS else _torch
    call, gradients = step(arrays, mask)

    def result() -> dict[str, float]:
        found = {"output": float(np.linalg.norm(call()))}
        return found | {name: float(np.linalg.norm(array)) for name, array in gradients().items()}

    return call, result


def _ours(arrays: dict[str, Any], mask: Any) -> Any:
    from lexigrad.ops.attention import dot_attention
    from lexigrad.ops.elementwise import tanh
    from lexigrad.ops.matmul import linear
    from lexigrad.ops.shape import concatenate
    from lexigrad.tensor import Tensor

    x = {name: Tensor(array, requires_grad=True) for name, array in arrays.items()}
    upstream = np.ones_like(arrays["state"])

    def call() -> Any:
        for tensor in x.values():
            tensor.grad = None
        context, _ = dot_attention(linear(x["state"], x["general"]), x["keys"], mask=mask)
        output = tanh(linear(concatenate([context, x["state"]], axis=1), x["combine"]))
        output.backward(upstream)
        return output.data

    return call, lambda: {name: tensor.grad for name, tensor in x.items()}


def _torch(arrays: dict[str, Any], mask: Any) -> Any:
    import torch

    x = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}
    hidden, upstream = ~torch.tensor(mask), torch.ones(arrays["state"].shape)

    def call() -> Any:
        for tensor in x.values():
            tensor.grad = None
        keys = x["keys"].transpose(0, 1)  # (B, S, H)
        query = x["state"] @ x["general"].T
        scores = torch.bmm(keys, query[:, :, None])[:, :, 0].masked_fill(hidden, -torch.inf)
        context = torch.bmm(scores.softmax(-1)[:, None], keys)[:, 0]
        output = torch.tanh(torch.cat([context, x["state"]], 1) @ x["combine"].T)
        output.backward(upstream)
        return output.detach().numpy()

    return call, lambda: {name: tensor.grad.numpy() for name, tensor in x.items()}


def main(argv: list[str]) -> None:
    operations.run("attention", __doc__ or "", CASES, lambda case: {TORCH: 3}, argv, tolerance=1e-3)
