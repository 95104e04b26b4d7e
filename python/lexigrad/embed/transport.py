"""Word mover's distance: optimal transport between the words of two texts, by POT (`pip install 'lexigrad[wmd]'`)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def word_movers_distance(
    vectors1: NDArray[Any], weights1: NDArray[Any], vectors2: NDArray[Any], weights2: NDArray[Any]
) -> float:
    """Kusner, Sun, Kolkin and Weinberger 2015, "From word embeddings to document distances".

    The least of sum_ij T_ij |v_i - v_j| over all flows T >= 0 that leave word i of the first text as its share and
    reach word j of the second as its.

    Args:
        vectors1, vectors2: (n, D) and (m, D), a row for each distinct word.
        weights1, weights2: (n,) and (m,), how often each occurs.

    Raises:
        ImportError: POT is not installed.
    """
    try:
        from ot import emd2
    except ModuleNotFoundError as error:
        raise ImportError("wmdistance needs POT: pip install 'lexigrad[wmd]'") from error
    cost = np.linalg.norm(vectors1[:, None].astype(np.float64) - vectors2[None], axis=2)
    if not np.isfinite(cost).all():
        raise ValueError("the vectors hold NaN or infinity: there is no distance between these")
    return float(emd2(weights1 / weights1.sum(), weights2 / weights2.sum(), cost))
