"""The drawing of a graph."""

import os
import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from lexigrad import Tensor, nn
from lexigrad.diagnostics import draw


def loss_of(model):
    return (model(np.ones((5, 3), np.float32)) ** 2).mean()


def test_shapes_and_names():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    dot = str(draw(loss_of(model), dict(model.named_parameters())))
    assert dot.startswith("digraph ")
    labels = re.findall(r'label="([^"]*)"', dot)
    for label in ("linear\\n5 x 4", "tanh\\n5 x 4", "pow\\n5 x 4", "mean\\nscalar", "0.weight\\n4 x 3", "0.bias\\n4"):
        assert label in labels
    assert dot.count("->") == 5


def test_shared_parts_are_drawn_once():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    first, second = (y + y).split(1)
    dot = draw(first * second).dot
    assert dot.count("shape=box") == 4
    assert dot.count("shape=ellipse") == 1
    assert dot.count("->") == 7
    assert "split\\n1 and 1" in dot


def test_long_chains_and_leaves():
    y = x = Tensor([1.0], requires_grad=True)
    assert draw(x).dot.count("ellipse") == 1
    for _ in range(5000):
        y = y + x
    assert draw(y).dot.count("shape=box") == 5000


def test_names_are_escaped():
    x = Tensor([1.0], requires_grad=True)
    assert 'label="a\\"b\\\\\\n1"' in draw(x * 2, {'a"b\\': x}).dot


def test_save(tmp_path):
    x = Tensor([1.0], requires_grad=True)
    drawing = draw(x * 2)
    drawing.save(tmp_path / "graph.dot")
    assert (tmp_path / "graph.dot").read_text() == drawing.dot
    with pytest.raises(ValueError, match=r"must end in \.dot or \.svg"):
        drawing.save(tmp_path / "graph.png")


def test_svg_through_the_program(tmp_path):
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    model = nn.LSTM(3, 4, num_layers=2)
    loss = (model(np.ones((5, 2, 3), np.float32))[0] ** 2).mean()
    draw(loss, dict(model.named_parameters())).save(tmp_path / "graph.svg")
    root = ElementTree.parse(tmp_path / "graph.svg").getroot()
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"lstm", "5 x 2 x 4 and 1 x 2 x 4 and 1 x 2 x 4", "weight_hh_l1", "16 x 4", "mean", "scalar"} <= texts
    shapes = [sum(1 for _ in root.iter(f"{{http://www.w3.org/2000/svg}}{name}")) for name in ("ellipse", "path")]
    assert shapes == [8, 8 + 3]  # parameters; arrows from them and between lstm, lstm, pow and mean


def program(folder, text):
    path = folder / "dot"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(folder) + os.pathsep + os.environ["PATH"]


def test_svg_is_what_the_program_prints(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", program(tmp_path, "cat"))
    drawing = draw(Tensor([1.0], requires_grad=True) * 2)
    drawing.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text() == drawing.dot


def test_svg_errors(tmp_path, monkeypatch):
    drawing = draw(Tensor([1.0], requires_grad=True) * 2)
    monkeypatch.setenv("PATH", program(tmp_path, "echo no room >&2; exit 1"))
    with pytest.raises(RuntimeError, match="dot failed: no room"):
        drawing.save(tmp_path / "graph.svg")
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="Graphviz"):
        drawing.save(tmp_path / "graph.svg")
    assert not (tmp_path / "graph.svg").exists()


def test_nothing_to_draw():
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        draw(Tensor([1.0]))
    loss = Tensor([1.0], requires_grad=True) * 2
    loss.backward()
    with pytest.raises(RuntimeError, match="freed the graph"):
        draw(loss)
