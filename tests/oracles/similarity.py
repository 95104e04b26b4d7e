"""Similarity search in float64, written for reading."""

import numpy as np


def cosines(matrix, query):
    """Cosine of every row with the query; 0 where a length is 0, NaN where a row is not finite."""
    rows, vector = np.asarray(matrix, np.float64), np.asarray(query, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        lengths = np.sqrt((rows**2).sum(axis=1)) * np.sqrt((vector**2).sum())
        dots = (rows * vector).sum(axis=1)
        return dots / np.where(lengths == 0, 1, lengths)


def find_neighbours(scores, topn, begin, end, excluded):
    """Rows of the best scores, greatest first, ties by rising row; NaN is never chosen."""
    rows = [i for i in range(begin, end) if i not in set(excluded) and not np.isnan(scores[i])]
    return sorted(rows, key=lambda i: (-scores[i], i))[:topn]
