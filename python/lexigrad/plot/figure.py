"""What all pictures share. Matplotlib is imported here and nowhere else, and only when a picture is drawn."""

import os
from typing import Any

from lexigrad.io.atomic import atomic_write

SUFFIXES = (".png", ".svg", ".pdf")

INK, FRAME = "#1d2b3a", "#d5dbe1"
BLUE, RED, GREY = "#2a7ab9", "#c8473b", "#8793a0"


def check_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix of a picture's file.

    Raises:
        ValueError: it is none that pictures are written with.
    """
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{os.fspath(path)} must end in .png, .svg or .pdf")
    return suffix


def new_figure(width: float, height: float) -> Any:
    """An empty figure of so many inches, which no window shows.

    Raises:
        ModuleNotFoundError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("pictures need matplotlib: pip install 'lexigrad[plot]'") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write the picture in the format that the suffix says; atomic."""
    import matplotlib

    suffix = check_suffix(path)[1:]
    # No date and no random identifiers: the same figure gives the same bytes.
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[suffix]
    with matplotlib.rc_context({"svg.hashsalt": "lexigrad"}), atomic_write(path) as file:
        figure.savefig(file, format=suffix, dpi=150 if suffix == "png" else "figure", metadata=metadata)
