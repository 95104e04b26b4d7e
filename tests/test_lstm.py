"""The LSTM kernels against the oracle, and the oracle against central differences."""

from layers import check_oracle, check_sizes

from oracles import lstm as oracle


def test_oracle():
    check_oracle(oracle, 4)


def test_kernels():
    check_sizes(oracle, "lstm", 4)
