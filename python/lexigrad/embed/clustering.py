"""Spherical k-means: groups of vectors that point the same way."""

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.matrix import unit_rows

_ITERATIONS = 100


def cluster_directions(vectors: NDArray[np.float32], k: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """Group rows by direction (Dhillon and Modha 2001), begun by k-means++ (Arthur and Vassilvitskii 2007).

    Args:
        vectors: (n, D).
        k: groups.
        random: where the first centres come from.

    Returns:
        The rows of each group, the nearest to its centre first; the largest group first. None is empty, unless fewer
        than ``k`` rows differ.

    Raises:
        ValueError: there are fewer rows than groups.
    """
    if len(vectors) < k:
        raise ValueError(f"{len(vectors)} vectors cannot make {k} clusters: ask for fewer")
    units = unit_rows(vectors)
    centres = _first_centres(units, k, random)
    groups = np.full(len(units), -1)
    for _ in range(_ITERATIONS):
        nearest = (units @ centres.T).argmax(axis=1)
        if (nearest == groups).all():
            break
        groups = nearest
        sums = np.zeros_like(centres)
        np.add.at(sums, groups, units)
        filled = np.bincount(groups, minlength=k) > 0
        centres[filled] = unit_rows(sums[filled])
    similarity = (units * centres[groups]).sum(axis=1)
    order = np.argsort(-similarity, kind="stable")
    members = [order[groups[order] == group] for group in range(k)]
    return sorted(members, key=len, reverse=True)


def _first_centres(units: NDArray[np.float32], k: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Each centre is a row drawn by its distance from those before."""
    chosen = [int(random.integers(len(units)))]
    distance = np.maximum(1 - units @ units[chosen[0]], 0)
    for _ in range(1, k):
        total = distance.sum(dtype=np.float64)
        place = np.searchsorted(np.cumsum(distance, dtype=np.float64), random.random() * total)
        chosen.append(min(int(place), len(units) - 1))
        distance = np.minimum(distance, np.maximum(1 - units @ units[chosen[-1]], 0))
    return units[chosen]
