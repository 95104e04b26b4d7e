"""Captions of scenes that this program draws, with combinations of objects that no training picture shows.

A scene has two objects, each of a colour, a shape and a size, one beside or above the other; the left or upper one is
named first. Some pairs of a colour and a shape are held out: the training shows red things and crosses, but no red
cross. The captioner gets the pixels of each of 8 x 8 places and of the places around it, and says what there is:

    python examples/captions.py            # some minutes: the figures of examples/README.md
    python examples/captions.py --quick    # seconds: that it runs
"""

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lexigrad.models import Captioner
from lexigrad.models.metrics import bleu

COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (235, 205, 40)}
SHAPES = ("circle", "square", "triangle", "cross")
HELD_OUT = {("red", "cross"), ("green", "triangle"), ("blue", "square"), ("yellow", "circle")}
RELATIONS = {"left of": 1, "above": 0}  # and the axis along which the first object is before the second
SIDE, CELL = 48, 6  # pixels of a picture, and of a place


class Thing(NamedTuple):
    colour: str
    shape: str
    big: bool

    def __str__(self) -> str:
        return f"a {'big' if self.big else 'small'} {self.colour} {self.shape}"


class Scene(NamedTuple):
    first: Thing
    second: Thing
    relation: str

    @property
    def caption(self) -> str:
        return f"{self.first} {self.relation} {self.second}"

    @property
    def is_new(self) -> bool:
        return any((thing.colour, thing.shape) in HELD_OUT for thing in (self.first, self.second))


def random_scene(rng: np.random.Generator, new: bool) -> Scene:
    """A scene with a held-out combination, or without."""
    while True:
        things = [
            Thing(str(rng.choice(list(COLOURS))), SHAPES[rng.integers(len(SHAPES))], bool(rng.integers(2)))
            for _ in range(2)
        ]
        scene = Scene(*things, str(rng.choice(list(RELATIONS))))
        if scene.is_new == new:
            return scene


def draw(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """The picture, (SIDE, SIDE, 3) from 0 to 1: objects somewhere in their halves, on a noisy grey ground."""
    picture = np.full((SIDE, SIDE, 3), rng.uniform(0.75, 0.95)) + rng.normal(0, 0.02, (SIDE, SIDE, 3))
    axis = RELATIONS[scene.relation]
    for thing, low in ((scene.first, True), (scene.second, False)):
        radius = rng.uniform(8.5, 10.5) if thing.big else rng.uniform(4.5, 6.5)
        centre = rng.uniform(radius, SIDE - radius, 2)
        half = SIDE / 2
        centre[axis] = rng.uniform(radius, half - radius / 4) if low else rng.uniform(half + radius / 4, SIDE - radius)
        picture[inside(thing.shape, centre, radius)] = np.array(COLOURS[thing.colour]) / 255 * rng.uniform(0.85, 1)
    return np.clip(picture, 0, 1)


def inside(shape: str, centre: np.ndarray, radius: float) -> np.ndarray:
    """Which pixels a shape covers, (SIDE, SIDE)."""
    y, x = np.indices((SIDE, SIDE)) + 0.5 - centre[:, None, None]
    if shape == "circle":
        return x**2 + y**2 <= radius**2
    if shape == "square":
        return np.maximum(abs(x), abs(y)) <= 0.85 * radius
    if shape == "triangle":
        return (abs(x) <= (y + radius) / 2) & (y <= radius * 0.8)
    return (np.minimum(abs(x), abs(y)) <= radius / 3) & (np.maximum(abs(x), abs(y)) <= radius)


def features(picture: np.ndarray) -> np.ndarray:
    """Of each place every second pixel of it and around it, and its row and column: (64, 245)."""
    around = np.pad(picture, ((CELL, CELL), (CELL, CELL), (0, 0)), mode="edge")[::2, ::2]
    step, size = CELL // 2, 3 * CELL // 2
    patches = np.lib.stride_tricks.sliding_window_view(around, (size, size), (0, 1))[::step, ::step]
    cells = SIDE // CELL
    places = np.indices((cells, cells)).reshape(2, -1).T
    return np.concatenate([patches.reshape(cells * cells, -1), places], 1).astype(np.float32)


def data(size: int, new: bool, seed: int) -> tuple[list[np.ndarray], list[str], list[np.ndarray]]:
    """Features, captions and pictures of so many scenes."""
    rng = np.random.default_rng(seed)
    scenes = [random_scene(rng, new) for _ in range(size)]
    pictures = [draw(scene, rng) for scene in scenes]
    return [features(picture) for picture in pictures], [scene.caption for scene in scenes], pictures


def report(name: str, expected: list[str], found: list[str]) -> None:
    exact = np.mean([a == b for a, b in zip(expected, found, strict=True)])
    score = bleu([[caption.split()] for caption in expected], [caption.split() for caption in found])
    print(f"{name}: BLEU {100 * score:.1f}, exact match {100 * exact:.1f} %")


def draw_attention(model: Captioner, picture: np.ndarray, path: Path) -> None:
    """The picture, and where the captioner looked at each word."""
    from matplotlib.figure import Figure

    aligned = model.align(features(picture))
    words = aligned.target[:-1]
    figure = Figure((1.3 * (len(words) + 1), 1.7), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(words) + 1, squeeze=False)[0], ["", *words], strict=True):
        axes.imshow(picture, extent=(0, 1, 1, 0))
        axes.set_axis_off()
        axes.set_title(name, fontsize=10)
    cells = SIDE // CELL
    for axes, weights in zip(figure.axes[1:], aligned.weights, strict=False):
        axes.imshow(np.sqrt(weights.reshape(cells, cells)), extent=(0, 1, 1, 0), cmap="gray", alpha=0.75)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little data, one epoch: only that it runs")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw where attention was (matplotlib)")
    args = parser.parse_args()
    sizes = (200, 20) if args.quick else (6000, 500)
    options: dict[str, Any] = {"epochs": 1, "batch_size": 16} if args.quick else {"epochs": 10, "batch_size": 32}

    begin = time.perf_counter()
    images, captions, _ = data(sizes[0], new=False, seed=1)
    validation = data(sizes[1], new=False, seed=2)
    known, new = data(sizes[1], new=False, seed=3), data(sizes[1], new=True, seed=4)
    model = Captioner(hidden_size=128, min_count=1, dropout=0.1, attention="general")
    model.fit(images, captions, validation[:2], lr=3e-3, schedule="cosine", **options)
    print(f"{sizes[0]:,} scenes, {len(set(captions)):,} different captions; {time.perf_counter() - begin:.0f} s")

    for name, (images, captions, _) in (("combinations of training", known), ("held-out combinations", new)):
        report(name, captions, model.caption(images))
    for image, caption in list(zip(*new[:2], strict=True))[:5]:
        print(f"  {caption:<50} {model.caption([image])[0]}")
    if args.figure:
        draw_attention(model, new[2][0], args.figure)


if __name__ == "__main__":
    main()
