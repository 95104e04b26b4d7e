"""What the tests of the networks' kernels share: other instruction sets, other thread counts."""

import os
import subprocess
import sys

import numpy as np
import pytest

from lexigrad import _core, num_threads, set_num_threads

OTHER_ISAS = [isa for isa in _core.available_isas() if isa != _core.isa]


def run_at(isa, path, tests):
    """Run the tests of a file whose names match, in a process at another instruction set."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path, "-k", tests]
    result = subprocess.run(
        command, env=os.environ | {"LEXIGRAD_ISA": isa}, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def same_bits_for_any_threads(compute):
    """compute() -> arrays, which must not depend on the number of threads."""
    before = num_threads()
    try:
        results = []
        for threads in (1, 2, 3, 5):
            set_num_threads(threads)
            results.append(compute())
    finally:
        set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def numeric_gradient(function, x, step=1e-6):
    """Central differences of a scalar function of a float64 array."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        moved = x.copy()
        moved[index] += step
        above = function(moved)
        moved[index] -= 2 * step
        gradient[index] = (above - function(moved)) / (2 * step)
    return gradient


def skip_without_torch():
    return pytest.importorskip("torch", reason="PyTorch is the peer of this test")
