"""CTC of logits, forward and backward, beside PyTorch's log_softmax and ctc_loss."""

from typing import Any

import numpy as np

from benchmarks import operations
from benchmarks.harness import OURS
from benchmarks.operations import TORCH, Prepared

CASES = [{"T": 200, "B": 16, "V": 30, "L": 30}]


def prepare(library: str, T: int, B: int, V: int, L: int) -> Prepared:
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((T, B, V), np.float32)
    targets, frames, lengths = rng.integers(1, V, (B, L)), np.full(B, T), np.full(B, L)
    x: Any
    if library == OURS:
        from lexigrad.ops.ctc import ctc_loss
        from lexigrad.tensor import Tensor

        x = Tensor(logits, requires_grad=True)

        def loss_of() -> Any:
            return ctc_loss(x, targets, frames, lengths, from_logits=True)
    else:
        import torch

        x = torch.tensor(logits, requires_grad=True)
        arguments = [torch.tensor(array) for array in (targets, frames, lengths)]

        def loss_of() -> Any:
            return torch.nn.functional.ctc_loss(x.log_softmax(-1), *arguments)

    def call() -> Any:
        x.grad = None
        loss = loss_of()
        loss.backward()
        return loss

    def result() -> dict[str, float]:
        loss = call()
        return {"loss": float(loss.item()), "gradient": float(np.linalg.norm(np.asarray(x.grad)))}

    return call, result


def main(argv: list[str]) -> None:
    operations.run("ctc", __doc__ or "", CASES, lambda case: {TORCH: 8}, argv)
