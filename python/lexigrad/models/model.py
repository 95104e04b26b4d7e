"""What all models share: a network that a ``Trainer`` trains, resuming, and one file that holds everything."""

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from lexigrad.embed.callbacks import TrainingInterrupted
from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.models.trainer import History, Snapshot, Task, Trainer, Training
from lexigrad.nn.module import Module
from lexigrad.progress import Hook
from lexigrad.tensor import Array

_VERSION = 1


class Model(ABC):
    """Base of the models.

    A model checks and keeps its settings in the constructor. Its ``fit`` finds the vocabulary in the data, sets
    ``network``, and calls ``_train`` with a ``Task``. ``_resume`` goes on where that was interrupted.

    Attributes:
        network: the layers; None before training.
        history: the curves of the last training.
        seed: of all random numbers.
    """

    _SETTINGS: ClassVar[tuple[str, ...]]  # constructor arguments, all attributes too, that JSON can hold
    _TRAINING: ClassVar[Mapping[str, Any]] = {}  # defaults of this model that differ from those of ``Training``

    network: Module | None = None
    seed: int

    def __init__(self) -> None:
        self.history = History()
        self._trainer: Trainer | None = None  # of an unfinished run
        self._snapshot: Snapshot | None = None  # of an unfinished run that a file held

    # Settings, as scikit-learn's estimators have them

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings, by the names of the constructor's arguments."""
        return {name: getattr(self, name) for name in self._SETTINGS}

    def set_params(self, **params: Any) -> Self:
        """Change settings; what was learnt is forgotten.

        Raises:
            ValueError: there is no such setting, or a value is out of range.
        """
        unknown = [name for name in params if name not in self._SETTINGS]
        if unknown:
            raise ValueError(f"there is no setting {unknown[0]!r}: there are {', '.join(self._SETTINGS)}")
        if params:
            self.__dict__ = type(self)(**{**self.get_params(), **params}).__dict__
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of estimators; nothing else calls this."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=True), input_tags=InputTags(two_d_array=False))

    # What a model brings

    @abstractmethod
    def _build(self) -> Module:
        """A new network for the settings and the vocabulary."""

    @abstractmethod
    def _vocabulary(self) -> dict[str, Array]:
        """What the model has learnt beside the network, as arrays."""

    @abstractmethod
    def _set_vocabulary(self, arrays: Mapping[str, Array]) -> None:
        """Take what :meth:`_vocabulary` gave.

        Raises:
            ValueError, KeyError: the arrays are damaged.
        """

    @abstractmethod
    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes of parameters that all sizes of the network follow from.

        A file must have them before a network is built of the sizes that it claims.
        """

    # Training

    @property
    def training_unfinished(self) -> bool:
        """Whether training was interrupted, so that ``resume`` can finish it."""
        return self._trainer is not None or self._snapshot is not None

    def _options(self, options: Mapping[str, Any]) -> Training:
        """The options of a training: those given, else this model's defaults, else everyone's."""
        return Training.of({**self._TRAINING, **options})

    def _train(
        self,
        task: Task,
        training: Training,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
        *,
        snapshot: Snapshot | None = None,
    ) -> None:
        """Train ``task.network``, from the beginning or from a snapshot.

        Raises:
            TrainingInterrupted: Ctrl-C; the checkpoint is written, and ``resume`` goes on.
            FloatingPointError: the training diverged.
        """
        trainer = Trainer(task, training, self.seed, snapshot)
        self._trainer, self._snapshot, self.history = trainer, None, trainer.history

        def save() -> None:
            assert checkpoint is not None
            self.save(checkpoint)

        try:
            trainer.train(
                self, tuple(callbacks), progress, save if checkpoint is not None else None, checkpoint_seconds
            )
        except KeyboardInterrupt as interrupt:
            if checkpoint is not None:
                save()
            raise TrainingInterrupted(self) from interrupt
        except BaseException:
            self._trainer = None
            raise
        self._trainer = None
        if checkpoint is not None:
            save()

    def _unfinished(self) -> tuple[Training, Snapshot]:
        """The options and the state of the run that was interrupted.

        Raises:
            RuntimeError: no run is unfinished.
        """
        snapshot = self._trainer.snapshot() if self._trainer is not None else self._snapshot
        if snapshot is None:
            raise RuntimeError("no training is unfinished: call fit")
        return Training.of(snapshot.facts["training"]), snapshot

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leave the model as it was where the block fails."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__ = before
            raise

    def _trained(self) -> Any:
        """The network.

        Raises:
            RuntimeError: there is none yet.
        """
        if self.network is None:
            raise RuntimeError(f"this {type(self).__name__} is not trained yet: call fit, or load one")
        return self.network

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the whole model, also in the middle of training, to one safetensors file, atomically.

        Raises:
            RuntimeError: the model is not trained.
            OSError: the file cannot be written; one that was there before is still whole.
        """
        network = self._trained()
        snapshot = self._trainer.snapshot() if self._trainer is not None else self._snapshot
        arrays = {f"network.{name}": array for name, array in network.state_dict().items()}
        arrays |= {f"vocabulary.{name}": array for name, array in self._vocabulary().items()}
        if snapshot is not None:
            arrays |= {f"training.{name}": array for name, array in snapshot.arrays.items()}
        metadata = {
            "format": self._format(),
            "version": _VERSION,
            "settings": {name: getattr(self, name) for name in self._SETTINGS},
            "history": vars(self.history),
            "training": snapshot and snapshot.facts,
        }
        write_safetensors(path, arrays, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load a model that :meth:`save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not one of ours or is damaged; the message names it.
        """
        arrays, metadata = read_safetensors(path)
        if metadata.get("format") != cls._format() or metadata.get("version") != _VERSION:
            raise ValueError(
                f"{os.fspath(path)}: expected a {cls._format()} file of version {_VERSION}, found "
                f"{metadata.get('format')!r}, version {metadata.get('version')!r}"
            )
        try:
            settings = dict(metadata["settings"])
            model = cls(**{name: settings[name] for name in cls._SETTINGS})
            model._restore(_parts(arrays), metadata)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: damaged {cls._format()} file: {error}") from error
        return model

    @classmethod
    def _format(cls) -> str:
        return f"lexigrad.{cls.__name__}"

    def _restore(self, parts: Mapping[str, dict[str, Array]], metadata: Mapping[str, Any]) -> None:
        self._set_vocabulary(parts["vocabulary"])
        for name, shape in self._shapes():
            if name not in parts["network"] or parts["network"][name].shape != shape:
                found = parts["network"][name].shape if name in parts["network"] else "nothing"
                raise ValueError(f"{name} should have shape {shape}, but is {found}")
        if not all(np.isfinite(array).all() for array in parts["network"].values()):
            raise ValueError("some weights are infinite or not a number")
        self.network = self._build().eval()
        self.network.load_state_dict(parts["network"])
        self.history = History.of(metadata["history"])
        if metadata["training"] is not None:
            self._snapshot = Snapshot(dict(metadata["training"]), parts["training"])
            Training.of(self._snapshot.facts["training"])


def _parts(arrays: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Arrays by the part of the model that they belong to."""
    parts: dict[str, dict[str, Array]] = {"network": {}, "vocabulary": {}, "training": {}}
    for name, array in arrays.items():
        part, _, rest = name.partition(".")
        if part not in parts:
            raise ValueError(f"array {name!r} belongs to no part of a model")
        parts[part][rest] = array
    return parts
