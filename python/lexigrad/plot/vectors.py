"""Maps of words."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from lexigrad.plot.figure import BLUE, FRAME, INK, check_suffix, new_figure, write

if TYPE_CHECKING:
    from lexigrad.embed.keyedvectors import KeyedVectors

METHODS = ("pca", "tsne", "umap")

_LABEL_ROUNDS = 100


def plot_vectors(
    kv: "KeyedVectors",
    path: str | os.PathLike[str],
    words: Sequence[str] | None = None,
    top: int = 200,
    method: str = "pca",
    seed: int = 0,
) -> None:
    """Draw words as a map in two dimensions.

    Args:
        kv: The vectors.
        path: The picture to write: .png, .svg or .pdf, as the suffix says. The same vectors and the same seed
            give the same picture.
        words: The words to draw; by default the ``top`` first ones, which are the most frequent.
        top: How many words to draw where none are named (default 200).
        method: ``"pca"`` (the two directions of greatest variance), ``"tsne"`` (needs scikit-learn) or
            ``"umap"`` (needs umap-learn). All see the vectors scaled to length 1, as the cosine does.
        seed: Of t-SNE and UMAP (default 0).

    Raises:
        KeyError: a word is not among the vectors.
        ValueError: fewer than three words, an unknown method or an unknown suffix.
        ModuleNotFoundError: matplotlib, scikit-learn or umap-learn is needed and missing.
    """
    check_suffix(path)
    labels = _chosen(kv, words, top)
    vectors = np.array([kv[label] for label in labels], np.float64)
    points = project(vectors, method, seed)
    write(_drawn(labels, points, method), path)


def project(vectors: NDArray[Any], method: str = "pca", seed: int = 0) -> NDArray[np.float64]:
    """Map vectors (n, size) to points (n, 2) by the cosine similarity between them; see ``plot_vectors``."""
    if method not in METHODS:
        raise ValueError(f"method must be 'pca', 'tsne' or 'umap', not {method!r}")
    if len(vectors) < 3:
        raise ValueError(f"a map needs at least 3 words, not {len(vectors)}")
    if not np.isfinite(vectors).all():
        raise ValueError("the vectors hold NaN or infinity: there is no map of these")
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    if method == "pca":
        return _pca(unit)
    if method == "tsne":
        return _tsne(unit, seed)
    return _umap(unit, seed)


def _pca(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    left, scale, right = np.linalg.svd(unit - unit.mean(0), full_matrices=False)
    points = np.zeros((len(unit), 2))
    count = min(2, len(scale))
    # A direction and its opposite serve alike: the one whose largest entry is positive makes the map unique.
    largest = np.abs(right[:count]).argmax(axis=1)
    signs = np.where(right[np.arange(count), largest] < 0, -1.0, 1.0)
    points[:, :count] = left[:, :count] * scale[:count] * signs
    return points


def _tsne(unit: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    try:
        from sklearn.manifold import TSNE
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("method 'tsne' needs scikit-learn: pip install scikit-learn, or use 'pca'") from error
    perplexity = min(30.0, (len(unit) - 1) / 3)
    model = TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=seed)
    return np.asarray(model.fit_transform(unit), np.float64)


def _umap(unit: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    try:
        from umap import UMAP
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("method 'umap' needs umap-learn: pip install umap-learn, or use 'pca'") from error
    # Where points are few the usual start, by eigenvectors of their graph, fails or is none.
    start = "spectral" if len(unit) > 15 else _pca(unit)
    model = UMAP(n_components=2, n_neighbors=min(15, len(unit) - 1), init=start, random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(unit), np.float64)


def _chosen(kv: "KeyedVectors", words: Sequence[str] | None, top: int) -> list[str]:
    if words is None:
        if top < 3:
            raise ValueError(f"top must be at least 3, not {top}")
        return list(kv.index_to_key[:top])
    if isinstance(words, str):
        raise TypeError(f"words must be a list of words, not the string {words!r}")
    labels = list(dict.fromkeys(words))
    missing = [word for word in labels if word not in kv.key_to_index]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise KeyError(f"not among the vectors: {', '.join(map(repr, missing[:5]))}{more}")
    return labels


def _drawn(labels: list[str], points: NDArray[np.float64], method: str) -> Any:
    """The map as a figure."""
    edge = float(np.clip(5 + 0.42 * np.sqrt(len(labels)), 6, 24))  # inches: more words get more room
    figure = new_figure(1.25 * edge, edge)
    axes = figure.add_subplot()
    axes.set_title(f"{len(labels)} words, {_TITLES[method]}", loc="left", color=INK, fontsize=11)
    axes.set(xticks=[], yticks=[], facecolor="white")
    for spine in axes.spines.values():
        spine.set_color(FRAME)
    axes.margins(0.06)
    axes.scatter(points[:, 0], points[:, 1], s=14, color=BLUE, linewidths=0, zorder=3)
    texts = [axes.text(0, 0, _plain(label), fontsize=8.5, color=INK, zorder=4) for label in labels]
    figure.canvas.draw()  # fixes the layout, in which the labels' sizes are measured

    renderer = figure.canvas.get_renderer()
    sizes = np.array([[box.width, box.height] for box in (t.get_window_extent(renderer) for t in texts)])
    pixels = axes.transData.transform(points)
    frame = axes.get_window_extent(renderer)
    corners = np.array([[frame.x0, frame.y0], [frame.x1, frame.y1]])
    centres = place_labels(pixels, sizes, corners, gap=4 * figure.dpi / 100)
    to_data = axes.transData.inverted()
    for text, pixel, centre, size in zip(texts, pixels, centres, sizes, strict=True):
        text.set(position=to_data.transform(centre), ha="center", va="center_baseline")
        offset = np.maximum(np.abs(centre - pixel) - size / 2, 0)
        if np.hypot(*offset) > 0.08 * figure.dpi:  # a label that had to move away keeps a thread to its dot
            ends = to_data.transform(np.stack([pixel, centre]))
            axes.plot(*ends.T, color=FRAME, linewidth=0.7, zorder=1)
    return figure


_TITLES = {
    "pca": "first two principal components",
    "tsne": "t-SNE of cosine distances",
    "umap": "UMAP of cosine distances",
}


def _plain(label: str) -> str:
    """The label as matplotlib shows it literally: a dollar sign would begin a formula."""
    return label.replace("$", r"\$")


def place_labels(
    dots: NDArray[np.float64], sizes: NDArray[np.float64], frame: NDArray[np.float64], gap: float
) -> NDArray[np.float64]:
    """Centres (n, 2) for labels of given sizes (n, 2) that overlap little with each other and with the dots.

    Each label starts at the freest of eight places around its dot (n, 2); then labels that still overlap push
    each other apart along the shorter way, while a weak spring pulls each one back to its dot.

    Args:
        dots: (n, 2), in pixels like everything here.
        sizes: (n, 2), widths and heights.
        frame: ((left, bottom), (right, top)): labels stay inside.
        gap: Between a dot and its label.
    """
    homes = _free_places(dots, sizes, frame, gap)
    centres = homes.copy()
    half = sizes / 2 + 1
    for _ in range(_LABEL_ROUNDS):
        push = _apart(centres, half, centres, half, own=False)
        push += 2 * _apart(centres, half, dots, np.full_like(half, gap / 2), own=True)
        if not push.any():
            break
        centres += 0.5 * push + 0.02 * (homes - centres)
        centres = np.clip(centres, frame[0] + half, np.maximum(frame[1] - half, frame[0] + half))
    return centres


def _free_places(
    dots: NDArray[np.float64], sizes: NDArray[np.float64], frame: NDArray[np.float64], gap: float
) -> NDArray[np.float64]:
    """For each label in turn, of eight places around its dot, the one that covers least of what is drawn."""
    around = np.array([(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)], np.float64)
    centres = dots.copy()
    half = sizes / 2
    for i in range(len(dots)):
        places = dots[i] + around * (half[i] + gap)
        costs = np.zeros(len(places))
        for other, reach in ((centres[:i], half[:i]), (dots, np.full_like(half, gap / 2))):
            overlap = half[i] + reach - np.abs(places[:, None] - other)
            costs += np.prod(np.maximum(overlap, 0), axis=2).sum(axis=1)
        outside = np.maximum(frame[0] - (places - half[i]), 0) + np.maximum(places + half[i] - frame[1], 0)
        costs += 1e3 * outside.sum(axis=1)
        centres[i] = places[int(costs.argmin())]  # the first of equals: right, above, left, below
    return centres


def _apart(
    a: NDArray[np.float64],
    half_a: NDArray[np.float64],
    b: NDArray[np.float64],
    half_b: NDArray[np.float64],
    own: bool,
) -> NDArray[np.float64]:
    """What moves each box of ``a`` out of the boxes of ``b``: half of each overlap, along the shorter way.

    Boxes of one set (``own=False``) do not push themselves.
    """
    between = a[:, None] - b[None]
    overlap = half_a[:, None] + half_b[None] - np.abs(between)
    hit = (overlap > 0).all(axis=2)
    if not own:
        hit &= ~np.eye(len(a), dtype=bool)
    upper = np.arange(len(a))[:, None] >= np.arange(len(b))[None]
    direction = np.where(between == 0, np.where(upper, 1.0, -1.0)[..., None], np.sign(between))
    axis = overlap.argmin(axis=2)
    move = np.where(np.arange(2) == axis[..., None], overlap * direction / 2, 0.0)
    move[~hit] = 0
    return cast(NDArray[np.float64], move.sum(axis=1))
