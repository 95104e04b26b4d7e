"""The cliff in the error surface of a one-unit recurrent network, and descent with and without clipping."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.diagnostics.clipping import cliff_error, descend_cliff
from lexigrad.plot.figure import BLUE, FRAME, INK, RED, check_suffix, new_figure, write

_W, _B = (3.5, 7.0), (-3.3, 2.2)  # what of the surface is drawn


def plot_clipping(
    path: str | os.PathLike[str],
    start: tuple[float, float] = (4.8, -2.0),
    lr: float = 0.5,
    max_norm: float = 0.2,
    updates: int = 80,
) -> None:
    """Draw the surface of ``diagnostics.cliff_error`` and two descents on it: of plain and of clipped gradients.

    Args:
        path: the picture to write: .png, .svg or .pdf, as the suffix says.
        start: the first w and b of both.
        lr: the learning rate of both.
        max_norm: what the norm of the gradient is clipped to.
        updates: of each descent.

    Raises:
        ValueError: an unknown suffix, or a negative rate or norm.
        ModuleNotFoundError: matplotlib is missing.
    """
    check_suffix(path)
    figure = new_figure(13, 5.6)
    relief, above = figure.add_subplot(1, 2, 1, projection="3d"), figure.add_subplot(1, 2, 2)
    _draw_relief(relief)
    _draw_map(above, figure)
    for name, limit, colour in (("plain", None, RED), (f"clipped to norm {max_norm:g}", max_norm, BLUE)):
        descent = descend_cliff(*start, lr, limit, updates)
        style = {"color": colour, "linewidth": 1.2, "marker": "o", "markersize": 3}
        w, b, error = _inside(descent).T
        relief.plot(w, b, error + 0.005, zorder=3, **style)
        above.plot(w, b, label=f"{name}: error {descent[-1, 2]:.2g} after {updates} updates", **style)
    above.plot(*start, marker="o", markersize=9, color=INK, markerfacecolor="none", linestyle="none", label="start")
    above.legend(loc="upper left", framealpha=0.95, edgecolor=FRAME)
    figure.suptitle(r"$h_t = \sigma(w\,h_{t-1} + b)$ for 50 steps;  error $(h_{50} - 0.7)^2$", color=INK)
    write(figure, path)


def _inside(descent: NDArray[np.float64]) -> NDArray[np.float64]:
    """The descent, with NaN where it is not on the drawn part of the surface."""
    w, b = descent[:, 0], descent[:, 1]
    inside = (w >= _W[0]) & (w <= _W[1]) & (b >= _B[0]) & (b <= _B[1])
    return np.where(inside[:, None], descent, np.nan)


def _errors(points: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    w, b = np.meshgrid(np.linspace(*_W, points), np.linspace(*_B, points))
    return w, b, cliff_error(w, b).data


def _draw_relief(axes: Any) -> None:
    axes.computed_zorder = False  # the paths lie on the surface: draw them after it
    axes.plot_surface(*_errors(150), cmap="Greys", vmin=-0.15, rstride=1, cstride=1, linewidth=0, antialiased=False)
    axes.view_init(elev=42, azim=62)
    axes.set(xlabel="w", ylabel="b", zlabel="error")
    axes.set_box_aspect((1, 1.2, 0.6))


def _draw_map(axes: Any, figure: Any) -> None:
    shown = axes.pcolormesh(*_errors(400), cmap="Greys", shading="nearest", vmin=0, rasterized=True)
    figure.colorbar(shown, ax=axes, label="error")
    axes.set(xlabel="w", ylabel="b", xlim=_W, ylim=_B)
