"""The tape: order of backward, sums of gradients, memory, threads, errors."""

import contextlib
import copy
import gc
import threading
import weakref

import numpy as np
import pytest

from lexigrad import nn, optim
from lexigrad.sparse import SparseRows
from lexigrad.tensor import (
    Piece,
    Tensor,
    changed_in_place,
    detect_anomaly,
    enable_grad,
    is_grad_enabled,
    no_grad,
    record,
)

F32 = np.float32


def add(a, b):
    def backward(g):
        return g, g

    return record(a.data + b.data, (a, b), backward)


def mul(a, b):
    left, right = a.data, b.data

    def backward(g):
        return g * right, g * left

    return record(left * right, (a, b), backward)


def both(a):
    """Two outputs: a and 2a."""

    def backward(g, h):
        return (g + 2 * h,)

    return record((a.data.copy(), 2 * a.data), (a,), backward)


def piece(a, index, repeats=False):
    def backward(g):
        return (Piece(index, g, repeats),)

    return record(a.data[index], (a,), backward)


def leaf(*shape, dtype=F32):
    return Tensor(np.arange(1, 1 + np.prod(shape), dtype=dtype).reshape(shape), requires_grad=True)


def test_diamond_sums_all_paths():
    x = leaf(3)
    y = add(x, x)
    z = add(mul(y, y), y)  # 4 x^2 + 2 x
    z.backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, 8 * x.data + 2)
    assert x.grad.dtype == F32


def test_backward_adds_to_what_is_there():
    x = leaf(2)
    for _ in range(2):
        mul(x, x).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, 4 * x.data)


def test_gradients_of_leaves_are_their_own():
    """add hands the same array to both leaves: changing one gradient must not change the other, nor the argument."""
    a, b, seed = leaf(3), leaf(3), np.ones(3, F32)
    add(a, b).backward(seed)
    a.grad *= 5
    np.testing.assert_array_equal(b.grad, np.ones(3))
    np.testing.assert_array_equal(seed, np.ones(3))


def test_a_fresh_gradient_is_not_copied():
    x, made = leaf(3), []

    def triple(a):
        def backward(g):
            made.append(3 * g)
            return (made[0],)

        return record(3 * a.data, (a,), backward)

    triple(x).backward(np.ones(3))
    assert x.grad is made[0]


def test_gradients_of_leaves_are_contiguous():
    x = leaf(3, 4)

    def flip(a):
        def backward(g):
            return (np.asfortranarray(g.T * 2),)

        return record(a.data.T.copy(), (a,), backward)

    flip(x).backward(np.ones((4, 3)))
    assert x.grad.flags.c_contiguous
    assert x.grad.shape == (3, 4)


def test_several_outputs():
    x = leaf(3)
    once, twice = both(x)
    add(mul(once, twice), twice).backward(np.ones(3))  # 2 x^2 + 2 x
    np.testing.assert_array_equal(x.grad, 4 * x.data + 2)


def test_an_unused_output_has_a_gradient_of_zeros():
    x = leaf(3)
    _, twice = both(x)
    twice.backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, np.full(3, 2))


def test_chain_of_50_000():
    x = leaf(2)
    y = x
    for _ in range(50_000):
        y = add(y, x)
    y.backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, np.full(2, 50_001))


def test_a_long_chain_is_dropped_without_recursion():
    y = x = leaf(2)
    for _ in range(100_000):
        y = add(y, x)
    del y
    gc.collect()


def test_wide_and_deep_graph_runs_each_node_once():
    """Fibonacci: the number of paths explodes, the number of nodes does not."""
    a, b = leaf(1), leaf(1)
    first, second = a, b
    for _ in range(30):
        first, second = second, add(first, second)
    second.backward()
    assert a.grad[0] == 832_040
    assert b.grad[0] == 1_346_269


class Watched(np.ndarray):
    """An array that weak references can watch and that counts as an array."""


def test_memory_is_freed_as_backward_goes():
    """When the gradient of an early operation is taken, the arrays that later ones kept are gone."""
    alive = []
    watches = []

    def keep(a):
        saved = np.zeros(1000).view(Watched)
        watches.append(weakref.ref(saved))

        def backward(g):
            alive.append([watch() is not None for watch in watches])
            return (g * saved[0] + g,)

        return record(a.data + 0, (a,), backward)

    x = leaf(2)
    y = x
    for _ in range(4):
        y = keep(y)
    y.backward(np.ones(2))
    assert alive == [[i <= now for i in range(4)] for now in (3, 2, 1, 0)]
    assert all(watch() is None for watch in watches)


def test_intermediate_arrays_are_freed_without_the_collector():
    x = leaf(2)
    gc.disable()
    try:
        y = mul(x, x)
        watch = weakref.ref(y)
        z = add(y, x)
        del y
        assert watch() is None
        node = weakref.ref(z._edge[0])
        z.backward(np.ones(2))
        del z
        assert node() is None
    finally:
        gc.enable()


def test_backward_twice():
    x = leaf(2)
    y = mul(x, x)
    z, w = add(y, y), add(y, x)
    z.backward(np.ones(2))
    with pytest.raises(RuntimeError, match=r"retain_graph=True"):
        z.backward(np.ones(2))
    with pytest.raises(RuntimeError, match=r"compute the loss again"):
        w.backward(np.ones(2))


def test_retain_graph():
    x = leaf(2)
    y = mul(x, x)
    y.backward(np.ones(2), retain_graph=True)
    y.backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, 4 * x.data)
    with pytest.raises(RuntimeError):
        y.backward(np.ones(2))


def test_pieces_are_added_in_place():
    x = leaf(4, 3)
    y = mul(x, x)
    parts = [piece(y, i) for i in (0, 2, 2)] + [piece(y, slice(1, 3))]
    total = add(add(parts[0], parts[1]), add(parts[2], piece(parts[3], 1)))
    total.backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, 2 * x.data * np.array([[1], [0], [3], [0]]))


def test_a_piece_of_a_leaf_and_repeated_indices():
    x = leaf(4, dtype=np.float64)
    piece(x, np.array([1, 1, 3]), repeats=True).backward(np.array([1.0, 2.0, 4.0]))
    np.testing.assert_array_equal(x.grad, [0, 3, 0, 4])


def test_a_piece_never_changes_an_array_that_others_see():
    a, b = leaf(3), leaf(3)
    doubled = add(a, a)
    total = add(doubled, b)  # doubled and b get the same array
    seed = np.ones(3, F32)
    both_ = add(total, piece(doubled, slice(0, 3)))
    both_.backward(seed)
    np.testing.assert_array_equal(seed, 1)
    np.testing.assert_array_equal(b.grad, 1)
    np.testing.assert_array_equal(a.grad, 4)


def lookup(weight, ids):
    def backward(g):
        return (SparseRows(ids, g, weight.shape),)

    return record(weight.data[ids], (weight,), backward)


def test_sparse_gradients_stay_sparse_until_something_dense_comes():
    weight = leaf(5, 2)
    for _ in range(2):
        lookup(weight, np.array([3, 1, 3])).backward(np.ones((3, 2)))
    assert isinstance(weight.grad, SparseRows)
    np.testing.assert_array_equal(weight.grad.indices, [1, 3])
    np.testing.assert_array_equal(weight.grad.rows, [[2, 2], [4, 4]])
    add(weight, weight).backward(np.ones((5, 2)))
    np.testing.assert_array_equal(weight.grad, 2 + np.array([[0], [2], [0], [4], [0]]) * np.ones((5, 2)))
    lookup(weight, np.array([0])).backward(np.ones((1, 2)))
    np.testing.assert_array_equal(weight.grad[0], [3, 3])


def test_sparse_gradients_of_a_computed_matrix():
    weight = leaf(4, 2)
    scaled = add(weight, weight)
    add(lookup(scaled, np.array([0, 0])), lookup(scaled, np.array([0, 3]))).backward(np.ones((2, 2)))
    np.testing.assert_array_equal(weight.grad, 2 * np.array([[3], [0], [0], [1]]) * np.ones((4, 2)))


def test_sparse_rows():
    rows = SparseRows([4, 0, 4], np.arange(6.0).reshape(3, 2), (5, 2))
    np.testing.assert_array_equal(rows.indices, [0, 4])
    np.testing.assert_array_equal(rows.rows, [[2, 3], [4, 6]])
    np.testing.assert_array_equal(rows.dense(), [[2, 3], [0, 0], [0, 0], [0, 0], [4, 6]])
    assert repr(rows) == "SparseRows(2 of 5 rows, shape (5, 2), float64)"
    assert len(SparseRows([], np.zeros((0, 2)), (5, 2)).indices) == 0


@pytest.mark.parametrize(("indices", "shape"), [([5], (1, 2)), ([-1], (1, 2)), ([0], (2, 2)), ([[0]], (1, 2))])
def test_sparse_rows_that_do_not_fit(indices, shape):
    with pytest.raises(ValueError, match="must"):
        SparseRows(indices, np.zeros(shape), (5, 2))


def test_no_grad():
    x = leaf(2)
    with no_grad():
        assert not is_grad_enabled()
        y = add(x, x)
    assert is_grad_enabled()
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="no_grad"):
        y.backward(np.ones(2))


def test_enable_grad_within_no_grad():
    x = leaf(2)
    with no_grad():
        with enable_grad():
            assert is_grad_enabled()
            y = add(x, x)
        assert not is_grad_enabled()
    y.backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [2, 2])


def test_no_grad_nests_decorates_and_ends_with_an_exception():
    @no_grad()
    def twice(x, depth):
        assert not is_grad_enabled()
        return twice(x, depth - 1) if depth else add(x, x)

    assert not twice(leaf(2), 3).requires_grad
    assert is_grad_enabled()
    switch = no_grad()
    with switch, switch:
        assert not is_grad_enabled()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()


def test_no_grad_cannot_decorate_a_generator():
    def numbers():
        yield 1

    with pytest.raises(TypeError, match="with statement"):
        no_grad()(numbers)


def test_no_grad_is_of_one_thread():
    inside, checked, seen = threading.Event(), threading.Event(), []

    def other():
        inside.wait()
        seen.append(is_grad_enabled())
        checked.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        checked.wait()
    thread.join()
    assert seen == [True]


def test_threads_build_and_run_graphs_at_once():
    weight, results = leaf(50), []

    def work():
        x = Tensor(weight.data, requires_grad=True)
        y = x
        for _ in range(300):
            y = add(y, x)
        y.backward(np.ones(50))
        results.append(x.grad[0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [301] * 4


@pytest.mark.parametrize("make", [lambda: nn.Linear(3, 2), lambda: nn.LSTM(3, 2, num_layers=2)])
def test_parameters_that_an_optimiser_has_changed_are_missed(make):
    """As in PyTorch: the gradient would be that of other weights than the loss'."""
    model, x = make(), Tensor(np.ones((4, 1, 3), F32), requires_grad=True)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def loss():
        out = model(x)
        return (out[0] if isinstance(out, tuple) else out).sum()

    first, second = loss(), loss()
    first.backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"needs a parameter of shape \(.*\) as it was.*compute the loss again"):
        second.backward()
    loss().backward()
    stale = loss()
    model.load_state_dict(model.state_dict())
    with pytest.raises(RuntimeError, match="as it was"):
        stale.backward()


def test_changed_parameters_that_backward_does_not_need_are_no_matter():
    bias, table = leaf(3), leaf(3, 3)
    total = add(bias * F32([1, 2, 3]), add(bias, piece(lookup(table, np.array([1])), 0)))
    changed_in_place([bias, table])
    total.backward(np.ones(3))
    np.testing.assert_array_equal(bias.grad, [2, 3, 4])


def test_anomaly_notices_arrays_that_were_changed_in_place():
    batch, x = np.ones(3, F32), leaf(3)
    for watched in (False, True):
        with detect_anomaly() if watched else contextlib.nullcontext():
            y = mul(x, Tensor(batch))
            batch += 1  # a buffer that is filled anew
            if watched:
                with pytest.raises(RuntimeError, match=r"backward of mul \(test_tensor.py:\d+\) needs was changed"):
                    y.backward(np.ones(3))
            else:
                y.backward(np.ones(3))
    with detect_anomaly():
        mul(mul(x, x), Tensor(np.ones((2, 3), F32).T[:, 0])).backward(np.ones(3))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_anomaly_forward():
    def log(a):
        def backward(g):
            return (g / a.data,)

        with np.errstate(all="ignore"):
            return record(np.log(a.data), (a,), backward)

    x = Tensor([[1.0, 2.0], [3.0, -1.0]], requires_grad=True)
    log(x)  # unnoticed
    with detect_anomaly():
        with pytest.raises(FloatingPointError, match=r"log made the first nan at \(1, 1\)"):
            log(x)
        with pytest.raises(FloatingPointError, match=r"log made the first -inf at \(1,\)"), no_grad():
            log(Tensor([1.0, 0.0]))
        with pytest.raises(FloatingPointError, match=r"add was given NaN: input 1"):
            add(x, Tensor([[0.0, 0.0], [np.nan, 0.0]]))
        masked = add(x, Tensor([[0.0, -np.inf], [0.0, 0.0]]))  # what was brought in is no anomaly
        with pytest.raises(FloatingPointError, match=r"add made the first nan at \(0, 1\)"):
            add(masked, Tensor([[0.0, np.inf], [0.0, 0.0]]))
    log(x)


def test_anomaly_backward():
    def root(a):
        out = np.sqrt(a.data)

        def backward(g):
            with np.errstate(all="ignore"):
                return (g / (2 * out),)

        return record(out, (a,), backward)

    x = Tensor([4.0, 0.0], requires_grad=True)
    with detect_anomaly():
        y = add(root(mul(x, x)), x)
        with pytest.raises(FloatingPointError, match=r"of root \(test_tensor.py:\d+\) made the first inf at \(1,\)"):
            y.backward(np.ones(2))
    root(x).backward(np.ones(2))
    assert np.isinf(x.grad[1])


def test_conversion():
    assert Tensor(1.5).dtype == F32
    assert Tensor([[1.0, 2.0]]).dtype == F32
    assert Tensor([1, 2]).dtype == np.int64
    assert Tensor(np.zeros(2)).dtype == np.float64
    assert Tensor(np.float64(2)).dtype == np.float64
    assert Tensor(np.zeros(2, np.float16)).dtype == F32
    assert Tensor(np.zeros(2, ">f4")).dtype == F32
    assert Tensor([1, 2], dtype=F32).dtype == F32
    shared = np.zeros(3, F32)
    assert Tensor(shared).data is shared
    assert Tensor(Tensor(shared)).data is shared


@pytest.mark.parametrize("data", ["text", [1j], [None], {}])
def test_no_numbers(data):
    with pytest.raises(TypeError, match="real numbers"):
        Tensor(data)


def test_properties():
    x = leaf(2, 3)
    assert (x.shape, x.ndim, x.dim(), x.numel(), len(x)) == ((2, 3), 2, 2, 6, 2)
    assert (x.size(), x.size(1), x.size(-1)) == ((2, 3), 3, 3)
    assert x.numpy() is x.data
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert x.is_leaf
    assert not add(x, x).is_leaf
    assert not add(x, x).detach().requires_grad
    assert add(x, x).detach().is_leaf
    assert Tensor([2.5]).item() == 2.5
    assert (float(Tensor(2.5)), int(Tensor(2.5)), bool(Tensor(0.0))) == (2.5, 2, False)
    assert repr(Tensor([1.0, 2.0], requires_grad=True)) == "Tensor([1., 2.], float32, requires_grad=True)"
    with pytest.raises(ValueError, match=r"one element, not of shape \(2, 3\)"):
        x.item()
    with pytest.raises(ValueError, match="one element"):
        bool(x)


def test_requires_grad():
    with pytest.raises(TypeError, match="int64"):
        Tensor([1, 2], requires_grad=True)
    x = Tensor([1.0]).requires_grad_()
    assert x.requires_grad
    y = add(x, x)
    with pytest.raises(RuntimeError, match="leaf"):
        y.requires_grad = False


def test_backward_of_a_leaf():
    x = Tensor(3.0, requires_grad=True)
    x.backward()
    assert x.grad == 1


def test_backward_errors():
    x = leaf(2)
    y = add(x, x)
    with pytest.raises(RuntimeError, match=r"one element, not of shape \(2,\)"):
        y.backward()
    with pytest.raises(ValueError, match=r"must have shape \(2,\), not \(3,\)"):
        y.backward(np.ones(3))
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        Tensor([1.0]).backward()


@pytest.mark.parametrize(
    ("returned", "error"), [(lambda g: g, TypeError), (lambda g: (g, g), TypeError), (lambda g: (g[:1],), ValueError)]
)
def test_wrong_gradients_of_an_operation(returned, error):
    x = leaf(2)

    def broken(a):
        def backward(g):
            return returned(g)

        return record(a.data + 1, (a,), backward)

    with pytest.raises(error, match="gradient"):
        broken(x).backward(np.ones(2))


def test_gradients_are_cast_to_what_they_belong_to():
    x, y = leaf(2), leaf(2, dtype=np.float64)
    mul(x, y).backward(np.ones(2))
    assert x.grad.dtype == F32
    assert y.grad.dtype == np.float64


def test_numpy_does_not_break_the_graph_in_silence():
    x = leaf(2)
    with pytest.raises(TypeError):
        np.exp(x)
    with pytest.raises(TypeError, match=r"\.numpy\(\)"):
        np.asarray(x)
    np.testing.assert_array_equal(np.asarray(x.detach()), x.data)


def test_copies():
    x = leaf(2)
    x.backward(np.ones(2))
    other = copy.deepcopy(x)
    assert other.requires_grad
    assert other.data is not x.data
    np.testing.assert_array_equal(other.data, x.data)
    with pytest.raises(RuntimeError, match="leaf"):
        copy.deepcopy(add(x, x))
