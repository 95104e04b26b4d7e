"""Layer normalisation."""

import numpy as np
import pytest
from tensors import check, torch

from lexigrad.ops.layer_norm import layer_norm
from lexigrad.tensor import Tensor


@pytest.mark.parametrize(
    ("lead", "normal"), [((3,), (5,)), ((), (4,)), ((2, 3), (4,)), ((3,), (2, 5)), ((0,), (3,)), ((3,), (2,))]
)
def test_layer_norm(lead, normal):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((*lead, *normal)), rng.standard_normal(normal), rng.standard_normal(normal)]
    for count in (1, 2, 3):
        check(
            lambda x, *parameters: layer_norm(x, normal, *parameters),
            arrays[:count],
            lambda x, *parameters: torch.nn.functional.layer_norm(x, normal, *parameters),
        )
    check(
        lambda x, b: layer_norm(x, normal, bias=b, eps=0.1),
        arrays[:2],
        lambda x, b: torch.nn.functional.layer_norm(x, normal, None, b, 0.1),
    )


def test_one_element_and_constant_rows():
    x = Tensor([[3.0], [4.0]], requires_grad=True)
    out = layer_norm(x, 1)
    out.sum().backward()
    np.testing.assert_array_equal(out.data, 0)
    np.testing.assert_array_equal(x.grad, 0)


def test_errors():
    with pytest.raises(ValueError, match=r"ends in \(4,\), not \(2, 3\)"):
        layer_norm(np.ones((2, 3)), 4)
    with pytest.raises(ValueError, match=r"ends in \(2, 3, 3\)"):
        layer_norm(np.ones((3,)), (2, 3, 3))
    with pytest.raises(ValueError, match=r"bias must have shape \(3,\), not \(2,\)"):
        layer_norm(np.ones((2, 3)), 3, np.ones(3), np.ones(2))
