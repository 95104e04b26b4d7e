"""The one trainer of all models: updates, validation, early stopping, and snapshots to go on from exactly.

A model says what it learns as a ``Task``: its batches, their loss, and how it is judged. The ``Trainer`` owns the
rest. What ``Training`` holds are the options that every model's ``fit`` takes.
"""

import contextlib
import math
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from types import FrameType, MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from lexigrad.embed.callbacks import CallbackAny2Vec, StopTraining
from lexigrad.embed.training import whole
from lexigrad.nn.module import Module
from lexigrad.optim.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from lexigrad.progress import Hook, Progress
from lexigrad.tensor import Array, Tensor, no_grad

OPTIMIZERS: Mapping[str, type[Optimizer]] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
SCHEDULES = ("constant", "decay", "plateau", "linear", "cosine")


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a model is trained.

    Attributes:
        epochs: passes over the data.
        max_updates: end after so many updates, if that comes first.
        batch_size: sequences of an update.
        optimizer: "sgd", "adagrad", "rmsprop", "adam" or "adamw", with their own defaults but for what follows.
        lr: the learning rate.
        weight_decay, momentum: as of the optimiser; None: its default.
        max_norm: gradients are scaled down to this norm where theirs is greater; None: never.
        schedule: how the rate goes on: "constant"; "decay", times ``decay`` in each epoch after the first
            ``decay_after``; "plateau", times ``decay`` when a validation was no better than the best before; "linear"
            or "cosine", down to 0 at the end of the run.
        decay, decay_after: see there.
        warmup: updates over which the rate rises from 0 at first.
        validate_every: updates between validations; None: one after each epoch.
        patience: stop after so many validations in a row that were no better than the best; None: never. With
            validation data the model has the best weights in the end, in any case.
        log_every: updates of which the curves have the mean.
    """

    epochs: int = 10
    max_updates: int | None = None
    batch_size: int = 32
    optimizer: str = "adam"
    lr: float = 1e-3
    weight_decay: float | None = None
    momentum: float | None = None
    max_norm: float | None = 5.0
    schedule: str = "constant"
    decay: float = 0.5
    decay_after: int = 1
    warmup: int = 0
    validate_every: int | None = None
    patience: int | None = None
    log_every: int = 20

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """From options by name.

        Raises:
            TypeError: there is no such option.
            ValueError: a value is out of range.
        """
        names = [option.name for option in fields(cls)]
        unknown = [name for name in options if name not in names]
        if unknown:
            raise TypeError(f"there is no option {unknown[0]!r} of training: there are {', '.join(names)}")
        return cls(**options)

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("decay_after", 0), ("warmup", 0), ("log_every", 1)):
            whole(name, getattr(self, name), least)
        for name in ("max_updates", "validate_every", "patience"):
            if getattr(self, name) is not None:
                whole(name, getattr(self, name), 1)
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, not {self.optimizer!r}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, not {self.schedule!r}")
        if self.momentum is not None and self.optimizer not in ("sgd", "rmsprop"):
            raise ValueError(f"{self.optimizer} has no momentum to set: leave it out, or take sgd or rmsprop")
        for name in ("lr", "decay", "max_norm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be above 0, and finite, not {value!r}")

    def rate(self, epoch: int, updates: int, done: float) -> float:
        """The learning rate of an update, where a fraction ``done`` of the run is behind it."""
        rate = self.lr
        if updates < self.warmup:
            rate *= (updates + 1) / (self.warmup + 1)
        if self.schedule == "decay":
            rate *= self.decay ** max(0, epoch + 1 - self.decay_after)
        elif self.schedule == "linear":
            rate *= 1 - done
        elif self.schedule == "cosine":
            rate *= (1 + math.cos(math.pi * done)) / 2
        return rate


@dataclass
class History:
    """The curves of a training run.

    Attributes:
        updates, losses, rates: after so many updates, the mean loss since the entry before, and the learning rate.
        validated: the updates after which the model was judged.
        validations: the figures of these judgements by name: "loss" and what else the model has.
    """

    updates: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    validated: list[int] = field(default_factory=list)
    validations: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """From what JSON gives back.

        Raises:
            ValueError: it is no history.
        """
        history = cls(**facts)
        curves = [history.updates, history.losses, history.rates, history.validated]
        if not all(isinstance(curve, list) for curve in [*curves, *history.validations.values()]):
            raise ValueError("a history has lists of numbers")
        return history


class Callback(CallbackAny2Vec):
    """What training calls on its way; override what you need. Each may raise ``StopTraining``.

    ``model.history`` has the curves so far.
    """

    def on_update_end(self, model: Any) -> None:
        """After each update."""

    def on_validation_end(self, model: Any) -> None:
        """After each validation, whose figures are the last of ``model.history.validations``."""


class Task(ABC):
    """What a model learns: the data, in batches, and the loss.

    Attributes:
        network: whose parameters are learnt.
        size: predictions of an epoch.
        carried: arrays that go over from a batch to the next, for ``loss`` to read and set; none at first in an epoch.
    """

    unit: str = "tokens"  # what the predictions are of, for the progress bar
    monitor: ClassVar[str] = "loss"  # the figure of validations by which the best weights are chosen
    greater_is_better: ClassVar[bool] = False

    network: Module
    size: int
    carried: Mapping[str, Array] = MappingProxyType({})

    @abstractmethod
    def batches(self, rng: np.random.Generator) -> Sequence[Any]:
        """The batches of an epoch in their order: the same ones from the same ``rng``."""

    @abstractmethod
    def loss(self, batch: Any) -> tuple[Tensor, int]:
        """The mean loss of a batch, and of how many predictions it is."""

    def validate(self) -> dict[str, float]:
        """Figures on other data, ``monitor`` among them; none where there are no such data."""
        return {}

    def fingerprint(self) -> list[int]:
        """Numbers that tell these training data from others."""
        return [self.size]

    def figures(self, loss: float) -> dict[str, float]:
        """What the progress bar shows beside the loss."""
        return {}


class Snapshot(NamedTuple):
    """All that a run needs, beside the network's weights, to go on to the same result."""

    facts: dict[str, Any]  # what JSON can hold
    arrays: dict[str, Array]


@dataclass
class _Run:
    """Where a run stands."""

    epoch: int = 0
    position: int = 0  # batches of the epoch that are done
    updates: int = 0
    predictions: int = 0
    factor: float = 1.0  # what the schedule "plateau" has made of the rate
    best: float | None = None
    worse: int = 0  # validations since the best
    loss_sum: float = 0.0  # since the last entry of the history
    loss_count: int = 0


class Trainer:
    """Trains a task's network.

    Attributes:
        history: the curves.
    """

    def __init__(self, task: Task, training: Training, seed: int, snapshot: Snapshot | None = None) -> None:
        """Begin a run, or go on from a snapshot, whose weights the network must have already.

        Raises:
            ValueError: the snapshot is of other data, or damaged.
        """
        self.task, self.training, self.seed = task, training, seed
        self.history = History()
        self._run = _Run()
        self._best: dict[str, Array] = {}
        options = {"lr": training.lr, "weight_decay": training.weight_decay, "momentum": training.momentum}
        learnt = [parameter for parameter in task.network.parameters() if parameter.requires_grad]
        given: Any = {name: value for name, value in options.items() if value is not None}
        self._optimizer = OPTIMIZERS[training.optimizer](learnt, **given)
        self._optimizer.zero_grad()
        if snapshot is not None:
            try:
                self._restore(snapshot)
            except (KeyError, TypeError, AttributeError, IndexError) as error:
                raise ValueError(f"the state of the unfinished training is damaged: {error!r}") from error

    def train(
        self,
        model: Any,
        callbacks: Sequence[Any] = (),
        progress: Hook | None = None,
        save: Callable[[], None] | None = None,
        save_seconds: float = 600.0,
    ) -> None:
        """Run to the end, or until a callback stops it.

        Args:
            model: what callbacks are given.
            save: writes a checkpoint, from :meth:`snapshot`; called every ``save_seconds``.

        Raises:
            KeyboardInterrupt: Ctrl-C, between two updates.
            FloatingPointError: a loss or gradient is not finite; the weights are those before it.
        """
        began = saved = time.monotonic()
        network = self.task.network
        _call(callbacks, "on_train_begin", model)
        try:
            for update in self._updates(model, callbacks):
                if progress and update is not None:
                    progress(self._progress(update, time.monotonic() - began))
                if save is not None and time.monotonic() - saved >= save_seconds:
                    save()
                    saved = time.monotonic()
        except StopTraining:
            pass
        finally:
            network.eval()
        self._log()
        if self._best:
            network.load_state_dict(self._best)
        _call(callbacks, "on_train_end", model)

    def snapshot(self) -> Snapshot:
        """Where the run stands now."""
        state = self._optimizer.state_dict()
        arrays = {f"best.{name}": array for name, array in self._best.items()}
        arrays |= {f"carried.{name}": array for name, array in self.task.carried.items()}
        steps: dict[str, int] = {}
        for number, values in state["state"].items():
            steps[str(number)] = values["step"]
            arrays |= {f"optimizer.{number}.{name}": value for name, value in values.items() if name != "step"}
        facts = {
            "training": asdict(self.training),
            "run": asdict(self._run),
            "history": asdict(self.history),
            "steps": steps,
            "groups": state["param_groups"],
            "generators": [generator.bit_generator.state for generator in _generators(self.task.network)],
            "data": self.task.fingerprint(),
        }
        return Snapshot(facts, arrays)

    def _restore(self, snapshot: Snapshot) -> None:
        facts, arrays = snapshot
        if facts["data"] != self.task.fingerprint():
            raise ValueError("these data are not the ones that training began with: give the same, or fit anew")
        parts: dict[str, dict[str, Array]] = {"best": {}, "carried": {}, "optimizer": {}}
        for name, array in arrays.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = array
        self._run, self.history = _Run(**facts["run"]), History.of(facts["history"])
        _check_numbers(self._run)
        self._best = parts["best"]
        shapes = {name: array.shape for name, array in self.task.network.state_dict().items()}
        if self._best and {name: array.shape for name, array in self._best.items()} != shapes:
            raise ValueError("the best weights so far are not those of this network")
        self.task.carried = parts["carried"]
        state: dict[str, dict[str, Any]] = {number: {"step": step} for number, step in facts["steps"].items()}
        for name, array in parts["optimizer"].items():
            number, _, kind = name.partition(".")
            state[number][kind] = array
        self._optimizer.load_state_dict({"state": state, "param_groups": facts["groups"]})
        for generator, known in zip(_generators(self.task.network), facts["generators"], strict=True):
            generator.bit_generator.state = known

    def _updates(self, model: Any, callbacks: Sequence[Any]) -> Iterator[float | None]:
        """Do what is left of the run; gives the loss after each update, and None after other work."""
        run, training = self._run, self.training
        while run.epoch < training.epochs and not self._finished():
            batches = self.task.batches(np.random.default_rng([self.seed, run.epoch]))
            if run.position == 0:
                self.task.carried = {}
                _call(callbacks, "on_epoch_begin", model)
            self.task.network.train()
            while run.position < len(batches) and not self._finished():
                if self._validation_is_due(False):
                    self._validate(model, callbacks)
                with _Shield():
                    loss = self._update(batches[run.position], run.position / len(batches))
                _call(callbacks, "on_update_end", model)
                yield loss
            if self._validation_is_due(True):
                self._validate(model, callbacks)
                yield None
            if run.position >= len(batches):
                run.epoch, run.position = run.epoch + 1, 0
                _call(callbacks, "on_epoch_end", model)

    def _finished(self) -> bool:
        run, training = self._run, self.training
        enough = training.max_updates is not None and run.updates >= training.max_updates
        return enough or (training.patience is not None and run.worse >= training.patience)

    def _update(self, batch: Any, epoch_done: float) -> float:
        run, training = self._run, self.training
        done = (run.epoch + epoch_done) / training.epochs
        if training.max_updates is not None:
            done = max(done, run.updates / training.max_updates)
        rate = run.factor * training.rate(run.epoch, run.updates, done)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        mean, count = self.task.loss(batch)
        loss: float = mean.item()
        if not math.isfinite(loss):
            raise self._diverged(f"the loss is {loss}")
        mean.backward()
        try:
            self._optimizer.step(max_norm=training.max_norm, error_if_nonfinite=training.max_norm is not None)
        except RuntimeError as error:
            raise self._diverged(str(error)) from error
        self._optimizer.zero_grad()
        run.position += 1
        run.updates += 1
        run.predictions += count
        run.loss_sum += loss * count
        run.loss_count += count
        if run.updates % training.log_every == 0:
            self._log()
        return loss

    def _diverged(self, what: str) -> FloatingPointError:
        return FloatingPointError(
            f"training diverged at update {self._run.updates + 1}: {what}; begin again with a smaller lr than "
            f"{self.training.lr} or a smaller max_norm"
        )

    def _log(self) -> None:
        run = self._run
        if run.loss_count == 0:
            return
        self.history.updates.append(run.updates)
        self.history.losses.append(run.loss_sum / run.loss_count)
        self.history.rates.append(self._optimizer.param_groups[0]["lr"])
        run.loss_sum, run.loss_count = 0.0, 0

    def _validation_is_due(self, epoch_ended: bool) -> bool:
        run, every = self._run, self.training.validate_every
        if run.updates == 0 or self.history.validated[-1:] == [run.updates]:
            return False
        if every is not None and run.updates % every == 0:
            return True
        return epoch_ended and (every is None or self._finished() or run.epoch + 1 == self.training.epochs)

    def _validate(self, model: Any, callbacks: Sequence[Any]) -> None:
        run, task = self._run, self.task
        with evaluating(task.network):
            figures = task.validate()
        if not figures:
            return
        value = figures[task.monitor]
        if not all(map(math.isfinite, figures.values())):
            raise self._diverged(f"validation gave {figures}")
        with _Shield():
            self.history.validated.append(run.updates)
            for name, figure in figures.items():
                self.history.validations.setdefault(name, []).append(float(figure))
            if run.best is None or (value > run.best if task.greater_is_better else value < run.best):
                run.best, run.worse = value, 0
                self._best = {name: array.copy() for name, array in task.network.state_dict().items()}
            else:
                run.worse += 1
                if self.training.schedule == "plateau":
                    run.factor *= self.training.decay
        _call(callbacks, "on_validation_end", model)

    def _progress(self, loss: float, seconds: float) -> Progress:
        run, training = self._run, self.training
        total = training.epochs * self.task.size
        if training.max_updates is not None:
            total = min(total, round(run.predictions / max(1, run.updates) * training.max_updates))
        if run.loss_count:
            loss = run.loss_sum / run.loss_count
        elif self.history.losses:
            loss = self.history.losses[-1]
        return Progress(
            epoch=run.epoch,
            epochs=training.epochs,
            words_done=run.predictions,
            words_total=max(total, run.predictions),
            alpha=self._optimizer.param_groups[0]["lr"],
            loss=loss,
            seconds=seconds,
            stage="training",
            unit=self.task.unit,
            figures=self.task.figures(loss),
        )


@contextlib.contextmanager
def evaluating(network: Module) -> Iterator[None]:
    """Within it the network drops nothing out and records nothing, also in the middle of a training."""
    training = network.training
    network.eval()
    try:
        with no_grad():
            yield
    finally:
        network.train(training)


class _Shield:
    """Ctrl-C waits until the block has ended, so that nothing is left half done; a second one does not."""

    def __enter__(self) -> None:
        self._pressed = False
        # Only the main thread gets signals, and a program's own handler is not ours to replace.
        self._active = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self._active:
            signal.signal(signal.SIGINT, self._press)

    def _press(self, number: int, frame: FrameType | None) -> None:
        if self._pressed:
            raise KeyboardInterrupt
        self._pressed = True

    def __exit__(self, *error: object) -> None:
        if self._active:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._pressed and error[0] is None:
            raise KeyboardInterrupt


def _call(callbacks: Sequence[Any], method: str, model: Any) -> None:
    for callback in callbacks:
        getattr(callback, method)(model)


def _check_numbers(run: _Run) -> None:
    for name, value in vars(run).items():
        kinds = int if name in ("epoch", "position", "updates", "predictions", "worse", "loss_count") else int | float
        if not (isinstance(value, kinds) and value >= 0) and not (name == "best" and value is None):
            raise ValueError(f"the state of the unfinished training is damaged: {name} is {value!r}")


def _generators(network: Module) -> list[np.random.Generator]:
    """The generators that layers draw dropout from, each once."""
    found: dict[int, np.random.Generator] = {}
    for module in network.modules():
        for value in vars(module).values():
            if isinstance(value, np.random.Generator):
                found[id(value)] = value
    return list(found.values())
