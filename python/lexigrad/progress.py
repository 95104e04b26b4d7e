"""Progress of long work: what a trainer reports, and the bar that shows it."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """The state of a training run, as a ``progress`` callable receives it from time to time."""

    epoch: int  # from 0
    epochs: int
    words_done: int  # of the whole run, all epochs together; in stage "vocabulary": words counted so far
    words_total: int  # 0 where it is not known yet
    alpha: float  # the learning rate now; nan where there is none
    loss: float  # mean per prediction; nan where it is not computed
    seconds: float  # since the stage began
    stage: str  # "vocabulary" or "training"
    unit: str = "words"  # what words_done and words_total count
    figures: Mapping[str, float] = MappingProxyType({})  # more to show, by name


Hook = Callable[[Progress], None]


@contextmanager
def bar(quiet: bool = False) -> Iterator[Hook | None]:
    """A progress bar on stderr: words (or what the model counts) per second, learning rate, loss and the time left.

    Gives a callable for ``progress=``, or None when ``quiet`` or when stderr is no terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    shown = _Bar()
    try:
        yield shown
    finally:
        shown.close()


class _Bar:
    """One tqdm bar per stage."""

    def __init__(self) -> None:
        self._stage = ""
        self._tqdm: Any = None

    def __call__(self, now: Progress) -> None:
        if self._tqdm is None or now.stage != self._stage:
            self._open(now)
        self._tqdm.total = now.words_total or None
        facts = {}
        if now.stage == "training":
            facts["epoch"] = f"{min(now.epoch + 1, now.epochs)}/{now.epochs}"
        if now.alpha == now.alpha and now.stage == "training":
            facts["rate"] = f"{now.alpha:.3g}"
        if now.loss == now.loss:
            facts["loss"] = f"{now.loss:.4f}"
        facts |= {name: f"{value:.4g}" for name, value in now.figures.items()}
        self._tqdm.set_postfix(facts, refresh=False)
        self._tqdm.update(now.words_done - self._tqdm.n)

    def _open(self, now: Progress) -> None:
        from tqdm import tqdm

        self.close()
        self._stage = now.stage
        self._tqdm = tqdm(
            total=now.words_total or None,
            desc=now.stage,
            unit=f" {now.unit}",
            unit_scale=True,
            dynamic_ncols=True,
            file=sys.stderr,
            leave=True,
        )

    def close(self) -> None:
        if self._tqdm is not None:
            self._tqdm.close()
            self._tqdm = None
