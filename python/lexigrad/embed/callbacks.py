"""Callbacks of training, under gensim's names, and ways in which training ends early."""

from typing import Any


class StopTraining(Exception):
    """Raised by a callback to end training here; the model stays usable and no exception reaches the caller."""


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training.

    Attributes:
        model: the model as far as it was trained: usable, can be saved, and goes on with ``model.resume``.
    """

    def __init__(self, model: Any) -> None:
        super().__init__("training was interrupted; the model so far is this exception's .model")
        self.model = model


class CallbackAny2Vec:
    """What training calls on its way; override what you need. Any object with these methods will do.

    Example:
        >>> class Patience(CallbackAny2Vec):
        ...     def on_epoch_end(self, model):
        ...         losses = model.epoch_losses
        ...         if len(losses) > 1 and losses[-1] > losses[-2]:
        ...             raise StopTraining
    """

    def on_train_begin(self, model: Any) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, model: Any) -> None:
        """Before each epoch."""

    def on_epoch_end(self, model: Any) -> None:
        """After each epoch; ``model.epoch_losses[-1]`` is its mean loss with ``compute_loss=True``."""

    def on_train_end(self, model: Any) -> None:
        """After the last epoch, also when training ended early."""
