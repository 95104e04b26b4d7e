"""How far gradients reach back, layers side by side."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lexigrad.diagnostics.gradient_flow import GradientFlow
from lexigrad.plot.figure import BLUE, FRAME, GREY, INK, RED, check_suffix, new_figure, write

_SCALE = (1e-12, 1e6)  # what is drawn of norms and bounds at most


def plot_gradient_flow(flows: Mapping[str, GradientFlow], path: str | os.PathLike[str]) -> None:
    """Draw norms against distances on a logarithmic scale, a panel for each layer and one scale for all.

    A thick line is the median over the sequences, thin ones are the sequences; the scale ends at 1e-12 and at 1e6. The
    figures in a panel are the medians at the greatest distance.

    Args:
        flows: what ``gradient_flow`` found, by the title of the panel.
        path: the picture to write: .png, .svg or .pdf, as the suffix says.

    Raises:
        ValueError: there are no flows, or an unknown suffix.
        ModuleNotFoundError: matplotlib is missing.
    """
    check_suffix(path)
    if not flows:
        raise ValueError("there is no flow of gradients to draw")
    figure = new_figure(1.2 + 2.9 * len(flows), 3.9)
    panels = figure.subplots(1, len(flows), sharey=True, squeeze=False)[0]
    for axes, (title, flow) in zip(panels, flows.items(), strict=True):
        _draw_panel(axes, flow)
        axes.set_title(title, loc="left", color=INK, fontsize=11)
        axes.set_xlabel("distance t - k, steps", color=INK)
    panels[0].set_ylabel("norm of the Jacobian", color=INK)
    handles: dict[str, Any] = {}
    for axes in panels:
        handles |= {text: line for line, text in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False)
    write(figure, path)


def _draw_panel(axes: Any, flow: GradientFlow) -> None:
    axes.set_yscale("log")
    axes.grid(color=FRAME, linewidth=0.6)
    axes.tick_params(colors=INK)
    for spine in axes.spines.values():
        spine.set_color(FRAME)
    axes.axhline(1, color=GREY, linewidth=0.8)
    _draw_norms(axes, flow.norms, BLUE, r"$\partial h_t / \partial h_k$", 0.02)
    if flow.cell_norms is not None:
        _draw_norms(axes, flow.cell_norms, RED, r"$\partial c_t / \partial c_k$", 0.10)
    if flow.bound is not None:
        axes.plot(flow.bound, color=INK, linestyle=(0, (4, 3)), linewidth=1.2, label=r"bound $(\beta_W \beta_h)^{t-k}$")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, _SCALE[0]), min(high, _SCALE[1]))


def _draw_norms(axes: Any, norms: NDArray[np.float64], colour: str, label: str, height: float) -> None:
    middle = np.median(norms, axis=1)
    axes.plot(np.where(norms > 0, norms, np.nan), color=colour, linewidth=0.6, alpha=0.35)
    axes.plot(np.where(middle > 0, middle, np.nan), color=colour, linewidth=2, label=label)
    text = f"{label} = {middle[-1]:.2g} at distance {len(norms) - 1}"
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    axes.text(0.03, height, text, transform=axes.transAxes, color=colour, fontsize=9, bbox=behind)
