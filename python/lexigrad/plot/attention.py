"""What each unit of a sentence looked at."""

import os

from lexigrad.models.writing import Alignment
from lexigrad.plot.figure import FRAME, INK, check_suffix, new_figure, write

_BYTE_SPACE = "Ġ"  # how byte-pair encoding writes a space


def plot_attention(alignment: Alignment, path: str | os.PathLike[str]) -> None:
    """Draw the weights of attention: a row for each unit of the sentence, a column for each of the input.

    Args:
        alignment: from ``Translator.align`` or ``Captioner.align``.
        path: the picture to write: .png, .svg or .pdf, as the suffix says.

    Raises:
        ValueError: an unknown suffix.
        ModuleNotFoundError: matplotlib is missing.
    """
    check_suffix(path)
    rows, columns = alignment.weights.shape
    figure = new_figure(2.0 + 0.36 * columns, 1.5 + 0.3 * rows)
    axes = figure.subplots()
    axes.imshow(alignment.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(columns), [_shown(name) for name in alignment.source], rotation=60, ha="left", color=INK)
    axes.set_yticks(range(rows), [_shown(name) for name in alignment.target], color=INK)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_color(FRAME)
    write(figure, path)


def _shown(name: str) -> str:
    return name.removeprefix(_BYTE_SPACE).replace("$", r"\$") or name
