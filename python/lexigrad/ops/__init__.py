"""Functions on tensors, each with its gradient.

They take tensors, arrays and numbers, and follow PyTorch where nothing else is said. Floating-point warnings are
NumPy's: ``np.errstate`` silences them or makes them errors; ``lexigrad.detect_anomaly`` finds where NaN comes from.
"""

from lexigrad.ops import methods

methods.install()
