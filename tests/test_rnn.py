"""The kernels of the simple recurrent network against the oracle, and the oracle against central differences."""

import pytest
from layers import check_oracle, check_sizes

from oracles import rnn as oracle


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_oracle(nonlinearity):
    check_oracle(oracle, 1, relu=nonlinearity == "relu")


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_kernels(nonlinearity):
    check_sizes(oracle, f"rnn_{nonlinearity}", 1, relu=nonlinearity == "relu")
