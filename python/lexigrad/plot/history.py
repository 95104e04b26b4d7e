"""The curves of a training."""

import os
from typing import Any

import numpy as np

from lexigrad.models.trainer import History
from lexigrad.plot.figure import BLUE, FRAME, GREY, INK, RED, check_suffix, new_figure, write


def plot_history(history: History, path: str | os.PathLike[str], monitor: str = "loss") -> None:
    """Draw the losses of a training, the figures of its validations and the learning rate against the updates.

    Args:
        history: of a model.
        path: the picture to write: .png, .svg or .pdf, as the suffix says.
        monitor: the figure of which the best value is marked.

    Raises:
        ValueError: there is no curve yet, or an unknown suffix.
        ModuleNotFoundError: matplotlib is missing.
    """
    check_suffix(path)
    if not history.updates:
        raise ValueError("there are no curves to draw: train the model first")
    others = [name for name in history.validations if name != "loss"]
    count = 2 + len(others)
    figure = new_figure(7.2, 3.4 + 1.5 * (count - 1))
    panels = figure.subplots(count, 1, sharex=True, squeeze=False, height_ratios=[3] + [1] * (count - 1))[:, 0]
    panels[0].plot(history.updates, history.losses, color=BLUE, linewidth=1.2, label="training")
    _draw_validations(panels[0], history, "loss", monitor)
    panels[0].set_ylabel("loss", color=INK)
    panels[0].legend(frameon=False, labelcolor=INK)
    for axes, name in zip(panels[1:], others, strict=False):
        _draw_validations(axes, history, name, monitor)
        axes.set_ylabel(name, color=INK)
    panels[-1].plot(history.updates, history.rates, color=GREY, linewidth=1.2)
    panels[-1].set_ylim(bottom=0)
    panels[-1].set_ylabel("rate", color=INK)
    panels[-1].set_xlabel("updates", color=INK)
    for axes in panels:
        axes.grid(color=FRAME, linewidth=0.6)
        axes.tick_params(colors=INK)
        for spine in axes.spines.values():
            spine.set_color(FRAME)
    write(figure, path)


def _draw_validations(axes: Any, history: History, name: str, monitor: str) -> None:
    values = history.validations.get(name)
    if not values:
        return
    axes.plot(history.validated, values, color=RED, linewidth=1.6, marker="o", markersize=3.5, label="validation")
    if name == monitor:
        best = int(np.argmin(values) if name == "loss" else np.argmax(values))
        x, y = history.validated[best], values[best]
        axes.annotate(f"{y:.4g}", (x, y), xytext=(0, 8), textcoords="offset points", ha="center", color=RED, fontsize=9)
