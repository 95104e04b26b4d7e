"""Clipping and Adam over 10 million parameters, beside PyTorch's clip_grad_norm_ with its fused and its default Adam.

Ours clips within Adam's pass: ``step(max_norm=...)``.
"""

from typing import Any

import numpy as np

from benchmarks import operations
from benchmarks.harness import OURS
from benchmarks.operations import Prepared

FUSED, DEFAULT = "PyTorch, fused", "PyTorch, default"
SIZES = (4_000_000, 4_000_000, 1_000_000, 999_000, 1_000)
CASES = [{"clipped": clipped} for clipped in (True, False)]


def prepare(library: str, clipped: bool) -> Prepared:
    rng = np.random.default_rng(1)
    values = [rng.standard_normal(size, np.float32) for size in SIZES]
    gradients = [0.01 * rng.standard_normal(size, np.float32) for size in SIZES]
    max_norm = 5.0 if clipped else 1e6
    parameters: list[Any]
    if library == OURS:
        from lexigrad.optim import Adam
        from lexigrad.tensor import Tensor

        parameters = [Tensor(value, requires_grad=True) for value in values]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        ours = Adam(parameters)

        def call() -> object:
            return ours.step(max_norm=max_norm)
    else:
        import torch

        parameters = [torch.tensor(value, requires_grad=True) for value in values]
        originals = [torch.tensor(gradient) for gradient in gradients]
        for parameter, original in zip(parameters, originals, strict=True):
            parameter.grad = original
        theirs = torch.optim.Adam(parameters, fused=True if library == FUSED else None)

        def call() -> object:
            torch.nn.utils.clip_grad_norm_(parameters, max_norm)
            return theirs.step()

    def result() -> dict[str, float]:
        call()
        moved = [np.asarray(p.data) - value for p, value in zip(parameters, _values(), strict=True)]
        return {"change": float(np.sqrt(sum(float((m.astype(np.float64) ** 2).sum()) for m in moved)))}

    return call, result


def _values() -> list[Any]:
    rng = np.random.default_rng(1)
    return [rng.standard_normal(size, np.float32) for size in SIZES]


def main(argv: list[str]) -> None:
    targets = {FUSED: 1.35, DEFAULT: 3.0}
    operations.run("optimizers", __doc__ or "", CASES, lambda case: targets, argv, lambda case: (FUSED, DEFAULT))
