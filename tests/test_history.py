"""The picture of a training."""

from pathlib import Path

import pytest

from lexigrad.models import History
from lexigrad.plot import plot_history


def test_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    history = History([10, 20], [2.0, 1.5], [0.1, 0.05], [20], {"loss": [1.7], "accuracy": [0.4]})
    for name in ("a.png", "a.svg"):
        plot_history(history, tmp_path / name, monitor="accuracy")
    assert b"accuracy" in (tmp_path / "a.svg").read_bytes() or b"<svg" in (tmp_path / "a.svg").read_bytes()
    plot_history(History([10], [2.0], [0.1]), tmp_path / "b.png")
    with pytest.raises(ValueError, match="no curves to draw"):
        plot_history(History(), tmp_path / "c.png")
    with pytest.raises(ValueError, match="must end in"):
        plot_history(history, tmp_path / "c.gif")
