"""Clipping against the oracle and PyTorch: norms, row-sparse gradients, values that are not finite, threads."""

import numpy as np
import pytest

from kernel_checks import OTHER_ISAS, run_at, same_bits_for_any_threads, skip_without_torch
from lexigrad import _core
from lexigrad.optim import clip_grad_norm_, clip_grad_value_
from lexigrad.sparse import SparseRows
from lexigrad.tensor import Tensor
from oracles import clip as oracle

W = _core.width
SIZES = [0, 1, W - 1, W, W + 1, 2 * W + 3, 1000]


def with_gradients(gradients):
    parameters = []
    for gradient in gradients:
        parameters.append(Tensor(np.zeros(gradient.shape, np.float32), requires_grad=True))
        parameters[-1].grad = gradient
    return parameters


def gradients_of(rng, scale=1.0):
    return [(scale * rng.standard_normal(size)).astype(np.float32) for size in SIZES]


@pytest.mark.parametrize("norm_type", [2.0, np.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.7, 1e9])
@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e25])
def test_norms_agree_with_the_oracle(norm_type, max_norm, scale):
    gradients = gradients_of(np.random.default_rng(1), scale)
    expected, norm = oracle.clip_by_norm(gradients, max_norm, norm_type)
    before = [gradient.copy() for gradient in gradients]
    found = clip_grad_norm_(with_gradients(gradients), max_norm, norm_type)
    assert found == pytest.approx(norm, rel=1e-6)
    for gradient, exact, old in zip(gradients, expected, before, strict=True):
        np.testing.assert_allclose(gradient, exact, rtol=1e-6)
        if norm <= max_norm:
            np.testing.assert_array_equal(gradient, old)


def test_values_agree_with_the_oracle():
    gradients = gradients_of(np.random.default_rng(2))
    expected = oracle.clip_by_value(gradients, np.float32(0.3))
    clip_grad_value_(with_gradients(gradients), 0.3)
    for gradient, exact in zip(gradients, expected, strict=True):
        np.testing.assert_array_equal(gradient, exact)


@pytest.mark.parametrize("norm_type", [2.0, np.inf])
@pytest.mark.parametrize("special", [None, np.nan, np.inf, -np.inf])
def test_agrees_with_pytorch(norm_type, special):
    torch = skip_without_torch()
    gradients = gradients_of(np.random.default_rng(3))[1:]  # PyTorch has no greatest magnitude of nothing
    if special is not None:
        gradients[-1][7] = special
    theirs = []
    for gradient in gradients:
        theirs.append(torch.zeros(gradient.shape, requires_grad=True))
        theirs[-1].grad = torch.tensor(gradient)
    expected = torch.nn.utils.clip_grad_norm_(theirs, 2.0, norm_type)
    norm = clip_grad_norm_(with_gradients(gradients), 2.0, norm_type)
    np.testing.assert_allclose(norm, float(expected), rtol=1e-5)
    for gradient, other in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(gradient, other.grad.numpy(), rtol=1e-5)
    clip_grad_value_(with_gradients(gradients), 0.1)
    torch.nn.utils.clip_grad_value_(theirs, 0.1)
    for gradient, other in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(gradient, other.grad.numpy(), rtol=1e-5)


def test_row_sparse_gradients_count_as_what_they_stand_for():
    rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    parameter = Tensor(np.zeros((9, 2), np.float32), requires_grad=True)
    parameter.grad = SparseRows([4, 1, 4], rows, (9, 2))  # row 4 has the sum of two
    dense = parameter.grad.dense()
    norm = clip_grad_norm_(parameter, 1.0)
    assert norm == pytest.approx(np.linalg.norm(dense))
    assert isinstance(parameter.grad, SparseRows)
    np.testing.assert_allclose(parameter.grad.dense(), dense / norm, rtol=1e-6)
    clip_grad_value_([parameter], 0.5)
    np.testing.assert_allclose(parameter.grad.dense(), np.clip(dense / norm, -0.5, 0.5), rtol=1e-6)


def test_a_norm_that_is_not_finite_can_raise():
    gradient = np.array([1, np.inf], np.float32)
    with pytest.raises(RuntimeError, match="norm of the gradients is inf"):
        clip_grad_norm_(with_gradients([gradient]), 1.0, error_if_nonfinite=True)
    assert gradient.tolist() == [1, np.inf]


def test_nothing_to_clip():
    assert clip_grad_norm_([], 1.0) == 0
    assert clip_grad_norm_([Tensor([1.0], requires_grad=True)], 1.0) == 0
    clip_grad_value_([], 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0,), "max_norm must be at least 0"),
        ((np.nan,), "max_norm"),
        ((1.0, 1.0), "norm_type must be 2 or infinity"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        clip_grad_norm_([], *arguments)
    with pytest.raises(ValueError, match="clip_value must be at least 0"):
        clip_grad_value_([], -1.0)


def test_same_bits_for_any_number_of_threads():
    def compute():
        rng = np.random.default_rng(4)
        gradients = [rng.standard_normal(size).astype(np.float32) for size in (500_001, 100_000)]
        norms = [clip_grad_norm_(with_gradients(gradients), 1.0, norm_type) for norm_type in (2.0, np.inf)]
        return [np.array(norms), *gradients]

    same_bits_for_any_threads(compute)


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_every_instruction_set(isa):
    run_at(isa, __file__, "agree_with_the_oracle or same_bits")
