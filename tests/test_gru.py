"""The GRU kernels against the oracle, and the oracle against central differences."""

from layers import check_oracle, check_sizes

from oracles import gru as oracle


def test_oracle():
    check_oracle(oracle, 3)


def test_kernels():
    check_sizes(oracle, "gru", 3)
