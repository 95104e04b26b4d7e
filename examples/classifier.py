"""Tell from a line of code which package of the standard library it is from.

Files that the test takes are not learnt. The figure is the confusion of the packages.

    python examples/classifier.py [--quick] [--figure FILE]
"""

import argparse
import ast
import random
from pathlib import Path

import numpy as np

from lexigrad.models import SequenceClassifier

PACKAGES = ("asyncio", "email", "unittest", "xml", "json", "multiprocessing")

Labelled = tuple[list[str], list[str]]


def code_of(package: str) -> list[list[str]]:
    """The lines of each of a package's files."""
    files = sorted((Path(ast.__file__).parent / package).rglob("*.py"))
    files = [file for file in files if "test" not in file.parts and file.read_bytes().isascii()]
    return [[line.strip() for line in file.read_text().splitlines() if len(line.strip()) > 20] for file in files]


def data(lines: int) -> tuple[Labelled, Labelled]:
    """So many lines of each package to learn, and half as many of other files."""
    rng = random.Random(1)
    train: Labelled = ([], [])
    test: Labelled = ([], [])
    for package in PACKAGES:
        files = code_of(package)
        for part, chosen, size in ((train, files[::2], lines), (test, files[1::2], lines // 2)):
            found = sorted({line for file in chosen for line in file})
            found = rng.sample(found, min(size, len(found)))
            part[0].extend(found)
            part[1].extend([package] * len(found))
    return train, test


def draw_confusion(expected: list[str], found: list[str], path: Path) -> None:
    from matplotlib.figure import Figure

    counts = np.zeros((len(PACKAGES), len(PACKAGES)), int)
    for pair in zip(expected, found, strict=True):
        counts[tuple(map(PACKAGES.index, pair))] += 1
    figure = Figure((5, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts / counts.sum(1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, str(count), ha="center", va="center", fontsize=9)
    axes.set_xticks(range(len(PACKAGES)), PACKAGES, rotation=45, ha="right")
    axes.set_yticks(range(len(PACKAGES)), PACKAGES)
    axes.set_xlabel("said")
    axes.set_ylabel("true")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little data, one epoch: only that it runs")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the confusion of packages (matplotlib)")
    args = parser.parse_args()

    train, test = data(40 if args.quick else 800)
    model = SequenceClassifier(hidden_size=48, char_size=16, min_count=2)
    model.fit(*train, epochs=1 if args.quick else 3, lr=4e-3)
    score = 100 * model.score(*test)
    print(f"{len(train[0]):,} lines learnt; the package of {score:.1f} % of {len(test[0]):,} others right")
    asked = ["await self._loop.sock_recv(sock, n)", "self.assertEqual(first, second)", "node.setAttribute(name, value)"]
    for line, probabilities in zip(asked, model.predict_proba(asked), strict=True):
        print(f"  {line:<40} {model.classes_[probabilities.argmax()]} ({100 * probabilities.max():.0f} %)")
    if args.figure:
        draw_confusion(test[1], model.predict(test[0]), args.figure)


if __name__ == "__main__":
    main()
