"""Learning-rate schedules: PyTorch's rates, alone and one after the other, and resuming."""

import math

import numpy as np
import pytest

from kernel_checks import skip_without_torch
from lexigrad.optim import SGD, CosineAnnealingLR, LambdaLR, LinearLR, ReduceLROnPlateau, StepLR
from lexigrad.tensor import Tensor


def optimizer_of(rates=(0.5, 0.1)):
    return SGD([{"params": [Tensor([1.0], requires_grad=True)], "lr": rate} for rate in rates])


CASES = [
    (StepLR, {"step_size": 3}),
    (StepLR, {"step_size": 1, "gamma": 0.9}),
    (LinearLR, {}),
    (LinearLR, {"start_factor": 0.01, "end_factor": 0.5, "total_iters": 10}),
    (CosineAnnealingLR, {"T_max": 7}),
    (CosineAnnealingLR, {"T_max": 5, "eta_min": 0.01}),
    (LambdaLR, {"lr_lambda": lambda step: 1 / (1 + step)}),
    (LambdaLR, {"lr_lambda": [lambda step: 0.9**step, lambda step: 1 + step]}),
]


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_rates_are_pytorchs(kind, options):
    torch = skip_without_torch()
    theirs = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in (0.5, 0.1)])
    ours, other = kind(optimizer_of(), **options), getattr(torch.optim.lr_scheduler, kind.__name__)(theirs, **options)
    for _ in range(25):
        np.testing.assert_allclose(ours.get_last_lr(), other.get_last_lr(), rtol=1e-9, atol=1e-12)
        ours.step()
        other.step()


@pytest.mark.filterwarnings("ignore:Detected call of")
def test_schedules_can_be_chained():
    torch = skip_without_torch()
    mine, theirs = optimizer_of(), torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in (0.5, 0.1)])
    ours = [LinearLR(mine, 0.1), StepLR(mine, 4, 0.5)]
    others = [torch.optim.lr_scheduler.LinearLR(theirs, 0.1), torch.optim.lr_scheduler.StepLR(theirs, 4, 0.5)]
    for _ in range(12):
        for a, b in zip(ours, others, strict=True):
            a.step()
            b.step()
        rates = [group["lr"] for group in theirs.param_groups]
        np.testing.assert_allclose([group["lr"] for group in mine.param_groups], rates, rtol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max", "factor": 0.5, "patience": 1},
        {"patience": 0, "threshold": 0.3, "threshold_mode": "abs", "cooldown": 2},
        {"mode": "max", "patience": 1, "threshold_mode": "abs", "min_lr": 0.05},
        {"patience": 2, "min_lr": [0.2, 0.01], "factor": 0.3},
    ],
)
def test_plateaus_are_pytorchs(options):
    torch = skip_without_torch()
    theirs = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in (0.5, 0.1)])
    ours, other = (
        ReduceLROnPlateau(optimizer_of(), **options),
        torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options),
    )
    rng = np.random.default_rng(1)
    for value in [*rng.uniform(1, 2, 20), *np.ones(20), math.nan, 0.1]:
        ours.step(value)
        other.step(value)
        np.testing.assert_allclose(ours.get_last_lr(), [group["lr"] for group in theirs.param_groups], rtol=1e-12)


@pytest.mark.parametrize(("kind", "options"), [*CASES, (ReduceLROnPlateau, {"patience": 0})])
def test_a_loaded_state_goes_on_exactly(kind, options):
    plateau = kind is ReduceLROnPlateau
    arguments = (1.0,) if plateau else ()
    optimizer = optimizer_of()
    schedule = kind(optimizer, **options)
    for _ in range(4):
        schedule.step(*arguments)
    resumed_optimizer = optimizer_of()
    resumed = kind(resumed_optimizer, **options)
    resumed_optimizer.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    for _ in range(6):
        assert schedule.get_last_lr() == resumed.get_last_lr()
        schedule.step(*arguments)
        resumed.step(*arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: StepLR(o, 0), "step_size must be at least 1"),
        (lambda o: LinearLR(o, 0), "start_factor must be above 0"),
        (lambda o: LinearLR(o, end_factor=2), "end_factor must be in"),
        (lambda o: LinearLR(o, total_iters=0), "total_iters must be at least 1"),
        (lambda o: CosineAnnealingLR(o, 0), "T_max must be at least 1"),
        (lambda o: LambdaLR(o, [lambda step: 1.0]), "lr_lambda must be one function or 2"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), "factor must be below 1"),
        (lambda o: ReduceLROnPlateau(o, "least"), "mode must be"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), "threshold_mode must be"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1]), "min_lr must be a number or 2"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make(optimizer_of())
