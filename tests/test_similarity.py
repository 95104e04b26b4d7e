"""The compiled search against the oracle: sizes, strides, instruction sets, threads, special values."""

import os
import warnings

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, run_at
from lexigrad import _core
from oracles import similarity as oracle

W = _core.width
SIZES = sorted({1, 2, 3, W - 1, W, W + 1, 2 * W + 1, 31, 32, 33, 100, 300})


def matrix_of(rng, count, size, stride=None):
    buffer = np.full((count, stride or size), np.nan, np.float32)
    buffer[:, :size] = rng.standard_normal((count, size))
    return buffer[:, :size]


def search(matrix, queries, topn=10, begin=0, end=None, excluded=None, threads=2):
    excluded = excluded or [[] for _ in queries]
    offsets = np.cumsum([0, *map(len, excluded)]).astype(np.int64)
    flat = np.array([row for rows in excluded for row in rows], np.int64)
    norms = _core.row_norms(matrix, threads)
    compact = _core.quantise_rows(matrix, norms, threads)
    end = len(matrix) if end is None else end
    return _core.find_neighbours(matrix, norms, *compact, queries, topn, begin, end, flat, offsets, threads)


def float32_scores(matrix, query):
    norms = _core.row_norms(matrix, 1)
    with np.errstate(invalid="ignore"):
        return _core.row_dots(matrix, query, 1) / np.where(norms == 0, np.float32(1), norms)


def check(matrix, queries, topn=10, begin=0, end=None, excluded=None):
    """The same rows and the same bits as scoring every row in float32."""
    indices, scores = search(matrix, queries, topn, begin, end, excluded)
    end = len(matrix) if end is None else end
    for q, query in enumerate(queries):
        full = float32_scores(matrix, query)
        expected = oracle.find_neighbours(full, topn, begin, end, excluded[q] if excluded else [])
        found = indices[q][indices[q] >= 0]
        assert found.tolist() == expected
        np.testing.assert_array_equal(scores[q][: len(found)], full[expected])
        assert np.isnan(scores[q][len(found) :]).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 5, 63, 64, 65, 500])
def test_finds_what_a_full_scan_finds(size, count):
    rng = np.random.default_rng(size * 1000 + count)
    matrix = matrix_of(rng, count, size, stride=size + 5)
    queries = matrix_of(rng, 7, size)
    check(matrix, queries.copy())


@pytest.mark.parametrize("size", SIZES)
def test_scores_norms_and_codes_agree_with_float64(size):
    rng = np.random.default_rng(size)
    matrix = matrix_of(rng, 200, size, stride=size + 3)
    query = rng.standard_normal(size).astype(np.float32)
    query /= np.linalg.norm(query)
    np.testing.assert_allclose(float32_scores(matrix, query), oracle.cosines(matrix, query), atol=2e-6)
    norms = _core.row_norms(matrix, 2)
    np.testing.assert_allclose(norms, np.linalg.norm(matrix.astype(np.float64), axis=1), rtol=1e-6)
    codes, scales, errors = _core.quantise_rows(matrix, norms, 2)
    restored = codes[:, :size] * scales[:, None].astype(np.float64)
    left = np.linalg.norm(matrix / norms[:, None].astype(np.float64) - restored, axis=1)
    assert (left <= errors).all()
    assert (errors < 0.02).all()
    assert not codes[:, size:].any()


@pytest.mark.parametrize("topn", [0, 1, 2, 49, 50, 51, 10**9])
def test_any_number_of_results(topn):
    rng = np.random.default_rng(topn)
    check(matrix_of(rng, 50, 20), matrix_of(rng, 3, 20), topn)


def test_range_and_exclusions():
    rng = np.random.default_rng(5)
    matrix = matrix_of(rng, 300, 24)
    queries = matrix[[3, 100, 299]].copy()
    for begin, end in [(0, 0), (0, 1), (7, 200), (99, 101), (299, 300)]:
        check(matrix, queries, 10, begin, end, [[3, 100], [], [299]])


def test_crowded_vectors_are_all_told_apart():
    """Cosines that differ by less than the codes can tell: the search must fall back on exact scores."""
    rng = np.random.default_rng(6)
    matrix = (1 + 1e-4 * rng.standard_normal((2000, 50))).astype(np.float32)
    check(matrix, matrix[:5].copy())


def test_ties_go_to_the_lower_row():
    matrix = np.tile(np.array([[3.0, 4.0]], np.float32), (200, 1))
    indices, scores = search(matrix, matrix[:1] / 5, topn=4)
    assert indices.tolist() == [[0, 1, 2, 3]]
    np.testing.assert_allclose(scores, 1, atol=1e-6)


def test_special_rows():
    rng = np.random.default_rng(7)
    matrix = matrix_of(rng, 400, 30)
    matrix[5] = np.nan
    matrix[6, 3] = np.nan
    matrix[7, 29] = np.inf
    matrix[8] = -np.inf
    matrix[9] = 0
    matrix[10] *= np.float32(1e-38)
    matrix[11] *= np.float32(1e-42)
    matrix[12] *= np.float32(1e30)
    matrix[13] *= np.float32(1e37)
    queries = matrix_of(rng, 4, 30)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    check(matrix, queries, topn=1000)
    found = set(search(matrix, queries, topn=1000)[0][0].tolist())
    assert not found & {5, 6, 7, 8}
    assert {9, 10, 11, 12, 13} <= found
    expected = oracle.cosines(matrix, queries[0])[[9, 10, 12, 13]]
    np.testing.assert_allclose(float32_scores(matrix, queries[0])[[9, 10, 12, 13]], expected, atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_query_that_is_not_finite_finds_nothing(value):
    matrix = matrix_of(np.random.default_rng(8), 100, 10)
    queries = matrix[:2].copy()
    queries[0, 4] = value
    indices, _ = search(matrix, queries, 3)
    assert (indices[0] == -1).all()
    assert indices[1, 0] == 1


def test_same_bits_for_any_number_of_threads_and_queries():
    rng = np.random.default_rng(9)
    matrix, queries = matrix_of(rng, 20000, 40), matrix_of(rng, 150, 40)
    one = search(matrix, queries, 20, threads=1)
    for threads in (2, 3, 8):
        for a, b in zip(one, search(matrix, queries, 20, threads=threads), strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(one, search(matrix, queries[70:71].copy(), 20), strict=True):
        np.testing.assert_array_equal(a[70:71], b)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"matrix": np.zeros((4, 3))}, TypeError),
        ({"matrix": np.zeros((3, 4), np.float32).T}, TypeError),
        ({"norms": np.zeros(5, np.float32)}, ValueError),
        ({"codes": np.zeros((4, 3), np.int8)}, ValueError),
        ({"queries": np.zeros((1, 4), np.float32)}, ValueError),
        ({"queries": np.zeros(3, np.float32)}, ValueError),
        ({"topn": -1}, ValueError),
        ({"begin": -1}, ValueError),
        ({"end": 5}, ValueError),
        ({"begin": 3, "end": 2}, ValueError),
        ({"excluded_offsets": np.array([0, 1])}, ValueError),
        ({"excluded_offsets": np.array([0])}, ValueError),
    ],
)
def test_wrong_arguments(change, error):
    matrix = np.ones((4, 3), np.float32)
    norms = _core.row_norms(matrix, 1)
    codes, scales, errors = _core.quantise_rows(matrix, norms, 1)
    arguments = {
        "matrix": matrix,
        "norms": norms,
        "codes": codes,
        "scales": scales,
        "errors": errors,
        "queries": np.ones((1, 3), np.float32),
        "topn": 2,
        "begin": 0,
        "end": 4,
        "excluded": np.zeros(0, np.int64),
        "excluded_offsets": np.zeros(2, np.int64),
        "threads": 1,
    }
    _core.find_neighbours(**arguments)
    with pytest.raises(error):
        _core.find_neighbours(**(arguments | change))


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "finds_what or agree_with_float64 or special_rows or same_bits or crowded")


def test_a_forked_child_searches_too():
    rng = np.random.default_rng(10)
    matrix, queries = matrix_of(rng, 20000, 16), matrix_of(rng, 3, 16)
    expected = search(matrix, queries, threads=2)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads, which is what this tests
        child = os.fork()
    if child == 0:
        same = np.array_equal(search(matrix, queries, threads=2)[0], expected)
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
