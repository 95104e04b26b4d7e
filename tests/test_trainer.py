"""The trainer, on a task of its own: fitting a line."""

import math
import os
import signal
import threading
from typing import Any

import numpy as np
import pytest

from lexigrad import StopTraining, Tensor, nn, optim
from lexigrad.models.trainer import Callback, Snapshot, Task, Trainer, Training
from lexigrad.ops.losses import mse_loss


class Line(Task):
    """y = 3 x - 1 from noisy points, with dropout and something carried over, so that a snapshot has all its parts."""

    def __init__(self, p: float = 0.1, seed: int = 0, judgements: list[float] | None = None) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.standard_normal((60, 1)).astype(np.float32)
        self.y = 3 * self.x - 1
        self.size = len(self.x)
        self.network = nn.Sequential(
            nn.Linear(1, 8, rng=rng), nn.Tanh(), nn.Dropout(p, rng=rng), nn.Linear(8, 1, rng=rng)
        )
        self.judgements = judgements
        self.modes: list[bool] = []

    def batches(self, rng: np.random.Generator) -> list[Any]:
        return np.split(rng.permutation(self.size), 10)

    def loss(self, batch: Any) -> tuple[Tensor, int]:
        drift = self.carried.get("drift", np.zeros(1, np.float32))
        self.carried = {"drift": drift * 0.5 + self.x[batch].mean()}
        self.modes.append(self.network.training)
        return mse_loss(self.network(self.x[batch]) + drift, self.y[batch]), len(batch)

    def validate(self) -> dict[str, float]:
        assert not self.network.training
        if self.judgements is not None:
            return {"loss": self.judgements.pop(0)}
        return {"loss": mse_loss(self.network(self.x), self.y).item(), "zero": 0.0}


def weights(task: Task) -> list[Any]:
    return [parameter.data.copy() for parameter in task.network.parameters()]


def same(a: Task, b: Task) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def run(
    task: Task, snapshot: Snapshot | None = None, callbacks: Any = (), progress: Any = None, **options: Any
) -> Trainer:
    trainer = Trainer(task, Training.of(options), 1, snapshot)
    trainer.train(task, callbacks, progress)
    return trainer


class Stop(Callback):
    def __init__(self, update: int, error: type[BaseException] = StopTraining) -> None:
        self.left, self.error = update, error

    def on_update_end(self, model: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise self.error


def test_it_learns_and_draws_curves() -> None:
    task = Line(p=0.0)
    history = run(task, epochs=30, lr=0.03, log_every=7).history
    assert history.validations["loss"][-1] < 0.3 * history.validations["loss"][0]
    assert history.updates == [*range(7, 300, 7), 300]
    assert history.validated == list(range(10, 301, 10))
    assert len(history.losses) == len(history.rates) == len(history.updates)
    assert all(task.modes)
    assert not task.network.training


def test_each_epoch_shuffles_anew_and_a_seed_repeats_it() -> None:
    seen: list[Any] = []

    class Watched(Line):
        def batches(self, rng: np.random.Generator) -> list[Any]:
            seen.append(np.concatenate(super().batches(rng)))
            return np.split(seen[-1], 10)

    first, second = Watched(), Watched()
    run(first, epochs=2)
    run(second, epochs=2)
    assert same(first, second)
    np.testing.assert_array_equal(seen[0], seen[2])
    assert not np.array_equal(seen[0], seen[1])


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
@pytest.mark.parametrize("update", [1, 10, 13, 29])
def test_going_on_from_a_snapshot_is_exact(optimizer: str, update: int) -> None:
    momentum = {"momentum": 0.9} if optimizer in ("sgd", "rmsprop") else {}
    options = {
        "epochs": 3,
        "lr": 0.01,
        "optimizer": optimizer,
        "schedule": "cosine",
        "warmup": 5,
        "log_every": 4,
        **momentum,
    }
    whole = Line()
    history = run(whole, **options).history

    half = Line()
    trainer = Trainer(half, Training.of(options), 1)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(half, [Stop(update, KeyboardInterrupt)])
    assert not same(half, whole)
    snapshot = trainer.snapshot()
    rest = Line(seed=0)
    rest.network.load_state_dict(half.network.state_dict())
    assert run(rest, snapshot, **options).history == history
    assert same(rest, whole)


def test_a_snapshot_of_other_data_is_refused() -> None:
    task = Line()
    snapshot = run(task, epochs=1).snapshot()
    other = Line()
    other.size = 50
    with pytest.raises(ValueError, match="not the ones that training began with"):
        Trainer(other, Training(), 1, snapshot)


def test_early_stopping_keeps_the_best_weights() -> None:
    kept: list[Any] = []

    class Keep(Callback):
        def on_validation_end(self, model: Task) -> None:
            kept.append(weights(model))

    task = Line(judgements=[5.0, 3.0, 4.0, 3.0, 3.5, 1.0])
    history = run(task, callbacks=[Keep()], epochs=20, patience=3).history
    assert history.validations["loss"] == [5.0, 3.0, 4.0, 3.0, 3.5]
    for now, best in zip(weights(task), kept[1], strict=True):
        np.testing.assert_array_equal(now, best)


def test_greater_may_be_better() -> None:
    class Accuracy(Line):
        monitor, greater_is_better = "accuracy", True

        def validate(self) -> dict[str, float]:
            return {"accuracy": super().validate()["loss"]}

    task = Accuracy(judgements=[0.1, 0.3, 0.2, 0.2])
    assert run(task, epochs=9, patience=2).history.validations == {"accuracy": [0.1, 0.3, 0.2, 0.2]}


def test_validation_every_so_many_updates_and_at_the_end() -> None:
    assert run(Line(), epochs=2, validate_every=7).history.validated == [7, 14, 20]
    assert run(Line(), epochs=2, validate_every=5).history.validated == [5, 10, 15, 20]
    assert run(Line(), epochs=2, max_updates=12, validate_every=5).history.validated == [5, 10, 12]
    assert run(Line(), epochs=2, max_updates=12).history.validated == [10, 12]


def test_schedules() -> None:
    def rates(**options: Any) -> list[float]:
        return run(Line(), log_every=1, lr=0.1, **options).history.rates

    assert rates(epochs=1) == [0.1] * 10
    np.testing.assert_allclose(
        rates(epochs=4, schedule="decay", decay=0.5, decay_after=2)[::10], [0.1, 0.1, 0.05, 0.025]
    )
    np.testing.assert_allclose(rates(epochs=1, schedule="linear"), 0.1 * (1 - np.arange(10) / 10))
    np.testing.assert_allclose(rates(epochs=9, max_updates=4, schedule="linear"), 0.1 * (1 - np.arange(4) / 4))
    np.testing.assert_allclose(rates(epochs=1, schedule="cosine"), 0.05 * (1 + np.cos(np.pi * np.arange(10) / 10)))
    np.testing.assert_allclose(rates(epochs=1, warmup=4), [0.02, 0.04, 0.06, 0.08] + [0.1] * 6)
    task = Line(judgements=[3.0, 2.0, 2.0, 2.5, 1.0])
    plateau = run(task, log_every=10, lr=0.1, epochs=5, schedule="plateau", decay=0.25).history.rates
    np.testing.assert_allclose(plateau, [0.1, 0.1, 0.1, 0.025, 0.00625])


def test_the_rates_are_those_of_the_schedulers() -> None:
    optimizer = optim.SGD([Tensor([1.0], requires_grad=True)], lr=0.1)
    cosine = optim.CosineAnnealingLR(optimizer, 10)
    expected = []
    for _ in range(10):
        expected.append(cosine.get_last_lr()[0])
        cosine.step()
    np.testing.assert_allclose([Training(lr=0.1, schedule="cosine").rate(0, i, i / 10) for i in range(10)], expected)


def test_callbacks_are_called_in_order_and_may_stop() -> None:
    calls: list[str] = []

    class Record(Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                calls.append(name.removeprefix("on_").replace("_end", "!"))
            return super().__getattribute__(name)

    run(Line(), callbacks=[Record(), Stop(12)], epochs=5)
    epoch = ["epoch_begin", *["update!"] * 10, "validation!", "epoch!"]
    assert calls == ["train_begin", *epoch, "epoch_begin", "update!", "update!", "train!"]


def test_progress() -> None:
    seen: list[Any] = []
    run(Line(), progress=seen.append, epochs=2, max_updates=15)
    assert [now.words_done for now in seen] == [6 * i for i in range(1, 16)]
    assert {now.words_total for now in seen} == {90}
    assert seen[-1].unit == "tokens"
    assert seen[0].alpha == 1e-3
    assert math.isfinite(seen[0].loss)


def test_clipping_bounds_the_step() -> None:
    task = Line(p=0.0)
    before = weights(task)
    run(task, epochs=1, max_updates=1, optimizer="sgd", lr=1.0, max_norm=1e-3)
    moved = sum(((now - then) ** 2).sum() for now, then in zip(weights(task), before, strict=True))
    assert moved**0.5 == pytest.approx(1e-3, rel=1e-3)


def test_divergence_is_an_error_before_the_weights_are_spoilt() -> None:
    task = Line()
    task.y[7] = np.nan
    with pytest.raises(FloatingPointError, match=r"diverged at update \d+: the loss is nan; begin again"):
        run(task, epochs=1)
    assert all(np.isfinite(array).all() for array in weights(task))
    with pytest.raises(FloatingPointError, match="validation gave"):
        run(Line(judgements=[math.inf]), epochs=1)


def test_frozen_parameters_stay() -> None:
    task = Line()
    task.network[0].requires_grad_(False)
    before = weights(task)
    run(task, epochs=1)
    moved = [not np.array_equal(now, then) for now, then in zip(weights(task), before, strict=True)]
    assert moved == [False, False, True, True]


def test_ctrl_c_waits_for_the_end_of_an_update() -> None:
    class Pressed(Line):
        def loss(self, batch: Any) -> tuple[Tensor, int]:
            if len(self.modes) == 12:
                os.kill(os.getpid(), signal.SIGINT)
            return super().loss(batch)

    whole, task = Line(), Pressed()
    run(whole, epochs=3)
    trainer = Trainer(task, Training(epochs=3), 1)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(task)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(task.modes) == 13
    run(task, trainer.snapshot(), epochs=3)
    assert same(task, whole)


def test_training_in_a_thread() -> None:
    whole, task = Line(), Line()
    run(whole, epochs=1)
    thread = threading.Thread(target=run, args=(task,), kwargs={"epochs": 1})
    thread.start()
    thread.join()
    assert same(task, whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0"),
        ({"batch_size": 1.5}, "batch_size must be a whole number"),
        ({"max_updates": 0}, "max_updates"),
        ({"patience": -1}, "patience"),
        ({"optimizer": "adamax"}, "optimizer must be one of sgd, "),
        ({"schedule": "never"}, "schedule must be one of constant, "),
        ({"lr": 0}, "lr must be above 0"),
        ({"lr": math.nan}, "lr must be above 0"),
        ({"max_norm": math.inf}, "max_norm"),
        ({"momentum": 0.9}, "adam has no momentum"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Training.of(options)


def test_unknown_options() -> None:
    with pytest.raises(TypeError, match="no option 'learning_rate' of training: there are epochs, "):
        Training.of({"learning_rate": 1.0})
