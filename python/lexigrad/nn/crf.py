"""The conditional random field as a layer."""

import numpy as np
from numpy.typing import ArrayLike

from lexigrad.nn import init
from lexigrad.nn.module import Module, Parameter
from lexigrad.ops.crf import Decoded, crf_decode, crf_loss, crf_marginals
from lexigrad.tensor import Array, Operand, Tensor


class CRF(Module):
    """A linear-chain conditional random field over tags: what stands between emissions and a loss, or a best path.

    The parameters' names are those of the package pytorch-crf, initially uniform within +-0.1 as there. The forward
    pass gives the loss, which is minus the log-likelihood that pytorch-crf gives.

    Attributes:
        transitions: (num_tags, num_tags) scores, from a row's tag to a column's.
        start_transitions, end_transitions: (num_tags,) scores of the first and the last tag.

    >>> crf = CRF(5)
    >>> loss = crf(emissions, tags, lengths=lengths)  # (T, B, 5), (T, B), (B,)
    >>> tags, scores = crf.decode(emissions, lengths=lengths)
    """

    def __init__(self, num_tags: int, *, rng: init.Rng = None) -> None:
        if num_tags < 1:
            raise ValueError(f"num_tags must be at least 1, not {num_tags}")
        rng = np.random.default_rng(rng)
        self.num_tags = num_tags
        self.start_transitions = Parameter(np.empty(num_tags, np.float32))
        self.end_transitions = Parameter(np.empty(num_tags, np.float32))
        self.transitions = Parameter(np.empty((num_tags, num_tags), np.float32))
        for parameter in self.parameters():
            init.uniform_(parameter, -0.1, 0.1, rng=rng)

    def forward(
        self, emissions: Operand, tags: Operand, *, lengths: ArrayLike | None = None, reduction: str = "mean"
    ) -> Tensor:
        """-log p(tags): see ``functional.crf_loss``."""
        return crf_loss(
            emissions, tags, self.transitions, self.start_transitions, self.end_transitions, lengths, reduction
        )

    def decode(self, emissions: Operand, *, lengths: ArrayLike | None = None) -> Decoded:
        """The best tags (T, B), -1 past the lengths, and their scores (B,): see ``functional.crf_decode``."""
        return crf_decode(emissions, self.transitions, self.start_transitions, self.end_transitions, lengths)

    def marginals(self, emissions: Operand, *, lengths: ArrayLike | None = None) -> Array:
        """p(y_t = k), (T, B, num_tags): see ``functional.crf_marginals``."""
        return crf_marginals(emissions, self.transitions, self.start_transitions, self.end_transitions, lengths)

    def extra_repr(self) -> str:
        return f"num_tags={self.num_tags}"
