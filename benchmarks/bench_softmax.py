"""Softmax cross-entropy, forward and backward, beside PyTorch's."""

from typing import Any

import numpy as np

from benchmarks import operations
from benchmarks.harness import OURS
from benchmarks.operations import TORCH, Prepared

CASES = [{"rows": 700, "classes": classes} for classes in (10_000, 50_000)]


def prepare(library: str, rows: int, classes: int) -> Prepared:
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((rows, classes), np.float32)
    target = rng.integers(0, classes, rows)
    x: Any
    if library == OURS:
        from lexigrad.ops.softmax import cross_entropy
        from lexigrad.tensor import Tensor

        x, y = Tensor(logits, requires_grad=True), target
    else:
        import torch

        x, y = torch.tensor(logits, requires_grad=True), torch.tensor(target)
        cross_entropy = torch.nn.functional.cross_entropy

    def call() -> Any:
        x.grad = None
        loss = cross_entropy(x, y)
        loss.backward()
        return loss

    def result() -> dict[str, float]:
        loss = call()
        return {"loss": float(loss.item()), "gradient": float(np.linalg.norm(np.asarray(x.grad)))}

    return call, result


def main(argv: list[str]) -> None:
    operations.run("softmax", __doc__ or "", CASES, lambda case: {TORCH: 5}, argv)
