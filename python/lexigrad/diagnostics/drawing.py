"""The graph of a computation as a drawing."""

import os
import shutil
from collections.abc import Mapping
from typing import Any

from lexigrad.io.atomic import atomic_write
from lexigrad.tensor import Node, Shape, Tensor

# From left to right: the many parameters of a layer then stand one below the other.
_HEAD = """digraph graph_of_the_computation {
  rankdir=LR; nodesep=0.15; ranksep=0.4;
  node [fontname="Helvetica,sans-serif", fontsize=11, style=filled, color="#8793a0", fillcolor="#eef2f6", height=0.3];
  edge [fontname="Helvetica,sans-serif", fontsize=9, color="#1d2b3a", arrowsize=0.7];
"""


class Drawing:
    """A graph in Graphviz' language.

    Attributes:
        dot: the text; ``str`` gives it too.
    """

    def __init__(self, dot: str) -> None:
        self.dot = dot

    def __str__(self) -> str:
        return self.dot

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawing to a file: its text (.dot) or, through Graphviz' program ``dot``, a picture (.svg).

        Raises:
            ValueError: the suffix is another.
            FileNotFoundError: a picture is asked for, and there is no program ``dot``.
            RuntimeError: ``dot`` failed.
        """
        suffix = os.path.splitext(os.fspath(path))[1].lower()
        if suffix not in (".dot", ".svg"):
            raise ValueError(f"{os.fspath(path)} must end in .dot or .svg")
        content = self.dot.encode() if suffix == ".dot" else _svg(self.dot)
        with atomic_write(path) as file:
            file.write(content)


def draw(tensor: Tensor, names: Mapping[str, Tensor] | None = None) -> Drawing:
    """Draw the graph that a tensor, such as a loss, was computed by.

    Boxes are operations with the shapes of their outputs, ellipses the leaves that get gradients, with theirs; arrows
    carry the shapes of what flows forward. Inputs without gradients are not part of the graph.

    Args:
        names: of leaves, such as ``dict(model.named_parameters())``.

    Raises:
        RuntimeError: the tensor does not require a gradient, or backward has freed the graph.

    >>> draw(loss, dict(model.named_parameters())).save("graph.svg")
    """
    if not tensor.requires_grad:
        raise RuntimeError("there is no graph to draw: the tensor does not require a gradient")
    known = {id(leaf): name for name, leaf in (names or {}).items()}
    root = tensor if tensor._edge is None else tensor._edge[0]
    ids: dict[Any, str] = {root: "n0"}
    lines, stack = [], [root]
    while stack:
        part = stack.pop()
        if isinstance(part, Tensor):
            label = "\n".join(filter(None, [known.get(id(part), ""), _shape(part.shape)]))
            lines.append(f"  {ids[part]} [label={_quoted(label)}, shape=ellipse, fillcolor=white];")
            continue
        for edge in _edges(part):
            source = edge[0] if isinstance(edge, tuple) else edge
            if source not in ids:
                ids[source] = f"n{len(ids)}"
                stack.append(source)
            shape = _shape(source.outputs[edge[1]][0]) if isinstance(edge, tuple) else ""  # a leaf shows its own
            lines.append(f"  {ids[source]} -> {ids[part]} [label={_quoted(shape)}];")
        made = " and ".join(_shape(shape) for shape, _ in part.outputs)
        label = f"{part.name}\n{made}"
        lines.append(f"  {ids[part]} [label={_quoted(label)}, shape=box];")
    return Drawing(_HEAD + "\n".join(lines) + "\n}\n")


def _edges(node: Node) -> list[Any]:
    if node.backward is None:
        raise RuntimeError("backward has freed the graph: draw it before, or give backward retain_graph=True")
    return [edge for edge in node.edges if edge is not None]


def _shape(shape: Shape) -> str:
    return " x ".join(map(str, shape)) if shape else "scalar"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _svg(dot: str) -> bytes:
    import subprocess  # which takes longer to import than the rest of this package's diagnostics

    program = shutil.which("dot")
    if program is None:
        raise FileNotFoundError("a picture needs the program dot of Graphviz: install that, or save as .dot")
    done = subprocess.run([program, "-Tsvg"], input=dot.encode(), capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"dot failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
