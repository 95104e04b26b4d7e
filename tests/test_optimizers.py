"""Optimisers against the oracle and PyTorch over 100 steps; row-sparse gradients, clipping within a step, state."""

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, run_at, same_bits_for_any_threads, skip_without_torch
from lexigrad import _core, optim
from lexigrad.optim import SGD, Adagrad, Adam, AdamW, RMSprop
from lexigrad.sparse import SparseRows
from lexigrad.tensor import Tensor
from oracles import optimizers as oracle

W = _core.width
RULES = {
    "sgd": (
        SGD,
        [
            {},
            {"weight_decay": 0.1},
            {"momentum": 0.9},
            {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
            {"momentum": 0.8, "nesterov": True},
        ],
    ),
    "adagrad": (
        Adagrad,
        [{}, {"lr_decay": 0.1, "weight_decay": 0.01}, {"initial_accumulator_value": 0.5, "eps": 1e-3}],
    ),
    "rmsprop": (
        RMSprop,
        [
            {},
            {"centered": True},
            {"momentum": 0.9, "weight_decay": 0.1},
            {"centered": True, "momentum": 0.5, "alpha": 0.9},
        ],
    ),
    "adam": (Adam, [{}, {"betas": (0.5, 0.9), "eps": 1e-4, "weight_decay": 0.1}]),
    "adamw": (AdamW, [{}, {"weight_decay": 0.3}]),
}
OPTIONS = [(name, options) for name, (_, cases) in RULES.items() for options in cases]
SHAPES = [(), (1,), (W - 1,), (W,), (3, W + 1), (40, 7)]


def parameters_of(rng, shapes=SHAPES):
    return [Tensor(rng.standard_normal(shape).astype(np.float32), requires_grad=True) for shape in shapes]


def give_gradients(rng, parameters):
    for parameter in parameters:
        parameter.grad = np.array(rng.standard_normal(parameter.shape), np.float32)


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_rules_agree_with_the_oracle(name, options):
    rng = np.random.default_rng(1)
    parameters = parameters_of(rng)
    exact = [parameter.data.astype(np.float64) for parameter in parameters]
    states = [{} for _ in parameters]
    optimizer = RULES[name][0](parameters, lr=0.01, **options)
    for t in range(1, 21):
        give_gradients(rng, parameters)
        optimizer.step()
        for i, parameter in enumerate(parameters):
            exact[i] = getattr(oracle, name)(exact[i], parameter.grad.astype(np.float64), states[i], t, 0.01, **options)
    for parameter, expected in zip(parameters, exact, strict=True):
        np.testing.assert_allclose(parameter.data, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_rules_agree_with_pytorch_for_100_steps(name, options):
    torch = skip_without_torch()
    rng = np.random.default_rng(2)
    ours = parameters_of(rng)
    theirs = [torch.tensor(parameter.data.copy(), requires_grad=True) for parameter in ours]
    kind = RULES[name][0]
    mine, other = kind(ours, **options), getattr(torch.optim, kind.__name__)(theirs, **options)
    for _ in range(100):
        give_gradients(rng, ours)
        for a, b in zip(ours, theirs, strict=True):
            b.grad = torch.tensor(a.grad)
        mine.step()
        other.step()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=2e-5, atol=2e-6)


def sparse_pair(rng, shape, rows):
    """The same gradient, row-sparse and dense."""
    indices = np.sort(rng.choice(shape[0], rows, replace=False))
    sparse = SparseRows(indices, rng.standard_normal((rows, *shape[1:])).astype(np.float32), shape)
    return sparse, sparse.dense()


@pytest.mark.parametrize("shape", [(50, 7), (20,), (9, 3, 2)])
@pytest.mark.parametrize(
    ("kind", "options"),
    [(SGD, {}), (SGD, {"momentum": 0.9}), (SGD, {"weight_decay": 0.1}), (Adagrad, {}), (RMSprop, {}), (AdamW, {})],
)
def test_row_sparse_gradients_do_what_dense_ones_do(kind, options, shape):
    rng = np.random.default_rng(3)
    sparse, dense = parameters_of(rng, [shape, shape])
    dense.data[:] = sparse.data
    optimizers = [kind([parameter], lr=0.1, **options) for parameter in (sparse, dense)]
    for _ in range(5):
        sparse.grad, dense.grad = sparse_pair(rng, shape, 4)
        norms = [optimizer.step(max_norm=1.0) for optimizer in optimizers]
        np.testing.assert_allclose(*norms, rtol=1e-12)
    np.testing.assert_allclose(sparse.data, dense.data, rtol=1e-6)


def test_adam_on_row_sparse_gradients_is_pytorchs_sparse_adam():
    torch = skip_without_torch()
    rng = np.random.default_rng(4)
    parameter = Tensor(rng.standard_normal((30, 5)).astype(np.float32), requires_grad=True)
    theirs = torch.tensor(parameter.data.copy(), requires_grad=True)
    mine, other = Adam([parameter]), torch.optim.SparseAdam([theirs])
    for _ in range(30):
        parameter.grad, dense = sparse_pair(rng, (30, 5), 6)
        theirs.grad = torch.tensor(dense).to_sparse(1)
        mine.step()
        other.step()
    np.testing.assert_allclose(parameter.data, theirs.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_clipping_within_a_step_is_clipping_before_it(max_norm):
    rng = np.random.default_rng(5)
    together, apart = parameters_of(rng), parameters_of(rng)
    for a, b in zip(together, apart, strict=True):
        b.data[...] = a.data
    first, second = Adam(together, lr=0.1), Adam(apart, lr=0.1)
    for _ in range(3):
        give_gradients(rng, together)
        before = [parameter.grad.copy() for parameter in together]
        for a, b in zip(together, apart, strict=True):
            b.grad = a.grad.copy()
        norm = first.step(max_norm=max_norm)
        assert norm == optim.clip_grad_norm_(apart, max_norm)
        second.step()
        for parameter, gradient in zip(together, before, strict=True):
            np.testing.assert_array_equal(parameter.grad, gradient)
    for a, b in zip(together, apart, strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-6, atol=1e-7)


def test_a_norm_that_is_not_finite_can_stop_a_step():
    (parameter,) = parameters_of(np.random.default_rng(6), [(4,)])
    before = parameter.data.copy()
    parameter.grad = np.array([1, np.nan, 2, 3], np.float32)
    optimizer = SGD([parameter])
    with pytest.raises(RuntimeError, match="norm of the gradients is nan"):
        optimizer.step(max_norm=1.0, error_if_nonfinite=True)
    np.testing.assert_array_equal(parameter.data, before)


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_a_loaded_state_goes_on_exactly(name, options):
    def run(steps, optimizer, parameters, seed):
        rng = np.random.default_rng(seed)
        for _ in range(steps):
            give_gradients(rng, parameters)
            optimizer.step(max_norm=2.0)

    kind = RULES[name][0]
    parameters = parameters_of(np.random.default_rng(7))
    optimizer = kind(parameters, lr=0.1, **options)
    run(3, optimizer, parameters, 1)
    copies = [Tensor(parameter.data.copy(), requires_grad=True) for parameter in parameters]
    saved = optimizer.state_dict()
    run(3, optimizer, parameters, 2)
    resumed = kind(copies, lr=0.5)
    resumed.load_state_dict(saved)
    run(3, resumed, copies, 2)
    for a, b in zip(parameters, copies, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_a_state_that_does_not_fit():
    a, b = parameters_of(np.random.default_rng(8), [(3,), (4,)])
    a.grad = np.ones(3, np.float32)
    saved = Adam([a])
    saved.step()
    with pytest.raises(ValueError, match=r"state of a parameter of shape \(4,\) has shape \(3,\)"):
        Adam([b]).load_state_dict(saved.state_dict())
    with pytest.raises(ValueError, match="groups of"):
        Adam([a, b]).load_state_dict(saved.state_dict())
    with pytest.raises(ValueError, match=r"has \"state\" and \"param_groups\", not \['weight'\]"):
        Adam([a]).load_state_dict({"weight": a.data})


def test_groups_have_their_own_options_and_parameters_without_gradient_stay():
    a, b, c = parameters_of(np.random.default_rng(9), [(3,), (3,), (3,)])
    optimizer = SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.5)
    optimizer.add_param_group({"params": [c]})
    before = [parameter.data.copy() for parameter in (a, b, c)]
    a.grad, b.grad = np.ones(3, np.float32), np.ones(3, np.float32)
    assert optimizer.step() is None
    np.testing.assert_allclose(a.data, before[0] - 0.5)
    np.testing.assert_allclose(b.data, before[1] - 1.0)
    np.testing.assert_array_equal(c.data, before[2])
    optimizer.zero_grad(set_to_none=False)
    assert not a.grad.any()
    optimizer.zero_grad()
    assert a.grad is None


def test_same_bits_for_any_number_of_threads():
    def compute():
        rng = np.random.default_rng(10)
        parameters = parameters_of(rng, [(300_001,), (70, 1000)])
        results = []
        for kind in (SGD, Adagrad, RMSprop, Adam):
            give_gradients(rng, parameters)
            results.append(np.array(kind(parameters).step(max_norm=1.0)))
        return [*results, *(parameter.data for parameter in parameters)]

    same_bits_for_any_threads(compute)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: SGD([]), ValueError, "needs parameters"),
        (lambda p: SGD(p), TypeError, "params must be a list"),
        (lambda p: SGD([p, p]), ValueError, "a parameter is there twice"),
        (lambda p: SGD([p.data]), TypeError, "leaf tensors of float32"),
        (lambda p: SGD([Tensor(np.zeros(3), requires_grad=True)]), TypeError, "leaf tensors of float32"),
        (lambda p: SGD([Tensor(np.zeros((3, 4), np.float32).T)]), TypeError, "C-contiguous and writeable"),
        (lambda p: SGD([p], lr=-1), ValueError, "lr must be at least 0"),
        (lambda p: SGD([p], lr=np.nan), ValueError, "lr must be at least 0"),
        (lambda p: SGD([p], nesterov=True), ValueError, "nesterov needs momentum"),
        (lambda p: SGD([{"params": [p], "lrr": 1}]), ValueError, "unknown options"),
        (lambda p: Adam([p], betas=(0.9, 1.0)), ValueError, "betas must be two numbers"),
        (lambda p: RMSprop([p], alpha=2), ValueError, "alpha must be in"),
    ],
)
def test_wrong_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make(Tensor(np.zeros(3, np.float32), requires_grad=True))


def test_the_kernels_check_what_they_are_given():
    p, g = np.zeros((4, 2), np.float32), np.ones((4, 2), np.float32)
    options = {"steps": np.array([1]), "scale": 1.0, "lr": 0.1, "momentum": 0.0, "dampening": 0.0}
    options |= {"weight_decay": 0.0, "nesterov": False}
    rows = np.array([1, 3])
    _core.sgd_step([p], [g[:2]], [rows], [], **options)
    for arguments, error in (
        (([p], [g[:3].copy()], [None], []), ValueError),
        (([p], [g.astype(float)], [None], []), TypeError),
        (([p], [g], [None], [[p]]), ValueError),
        (([p], [g, g], [None], []), ValueError),
        (([p], [g[:2]], [rows[::-1].copy()], []), ValueError),
        (([p], [g[:2]], [np.array([1, 1])], []), ValueError),
        (([p], [g[:2]], [np.array([1, 4])], []), ValueError),
        (([p], [g[:2]], [np.array([-1, 2])], []), ValueError),
        (([p], [g], [rows], []), ValueError),
    ):
        with pytest.raises(error):
            _core.sgd_step(*arguments, **options)
    p.flags.writeable = False
    with pytest.raises(TypeError, match="writeable"):
        _core.sgd_step([p], [g], [None], [], **options)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "oracle or row_sparse or same_bits or clipping")
