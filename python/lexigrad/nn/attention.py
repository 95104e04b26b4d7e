"""Attention as a module."""

import math

import numpy as np
from numpy.typing import ArrayLike

from lexigrad.nn import init
from lexigrad.nn.linear import Linear
from lexigrad.nn.module import Module, Parameter
from lexigrad.ops.attention import additive_scores, attend, dot_attention
from lexigrad.ops.operands import as_tensor
from lexigrad.tensor import Operand, Tensor

SCORES = ("dot", "general", "additive")


class Attention(Module):
    """Weights of positions by a softmax of scores, and the weighted sum of their values.

        dot       score = query . key                                 (Luong et al. 2015)
        general   score = (W query) . key                             (Luong et al. 2015)
        additive  score = v . tanh(W query + U key + b)               (Bahdanau et al. 2015)

    Attributes:
        query_layer: Linear W, without bias; general and additive.
        key_layer: Linear U with b; additive.
        v: (hidden_size,); additive.
    """

    def __init__(
        self,
        query_size: int,
        key_size: int | None = None,
        score: str = "dot",
        hidden_size: int | None = None,
        *,
        rng: init.Rng = None,
    ) -> None:
        """Make the layers.

        Args:
            query_size: features of a query.
            key_size: features of a key, by default as many.
            score: "dot", "general" or "additive".
            hidden_size: features inside of an additive score, by default ``key_size``.
            rng: a seed or generator for the values at first.

        Raises:
            ValueError: an unknown score; or "dot" with keys and queries of different sizes.
        """
        if score not in SCORES:
            raise ValueError(f"score must be one of {', '.join(map(repr, SCORES))}, not {score!r}")
        key_size = query_size if key_size is None else key_size
        if score == "dot" and key_size != query_size:
            raise ValueError(f"score='dot' needs keys of the query's size, {query_size}, not {key_size}: use 'general'")
        rng = np.random.default_rng(rng)
        self.query_size, self.key_size, self.score = query_size, key_size, score
        if score == "general":
            self.query_layer = Linear(query_size, key_size, bias=False, rng=rng)
        elif score == "additive":
            hidden = key_size if hidden_size is None else hidden_size
            self.query_layer = Linear(query_size, hidden, bias=False, rng=rng)
            self.key_layer = Linear(key_size, hidden, rng=rng)
            self.v = Parameter(np.empty(hidden, np.float32))
            bound = 1 / math.sqrt(max(1, hidden))
            init.uniform_(self.v, -bound, bound, rng=rng)

    def forward(
        self,
        query: Operand,
        keys: Operand,
        values: Operand | None = None,
        mask: ArrayLike | None = None,
        projected: Operand | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The context and the weights.

        Masked positions get exactly the weight 0; where a row's positions are all masked, weights and context are 0.

        Args:
            query: (T, B, query_size), or (B, query_size) for one query of each row of the batch.
            keys: (S, B, key_size).
            values: (S, B, C); the keys by default.
            mask: (B, S), true where a position takes part.
            projected: what ``project`` made of the keys, so that a decoder does it once for all its steps.

        Returns:
            (T, B, C) or (B, C), and (B, T, S) or (B, S).
        """
        if self.score == "additive":
            inner = self.project(keys) if projected is None else projected
            scores = additive_scores(self.query_layer(query), inner, self.v)
            return attend(scores, keys if values is None else values, mask)
        asked = self.query_layer(query) if self.score == "general" else query
        return dot_attention(asked, keys, values, mask)

    def project(self, keys: Operand) -> Tensor:
        """U key + b of additive scores; the keys themselves for the others."""
        return self.key_layer(keys) if self.score == "additive" else as_tensor(keys)

    def extra_repr(self) -> str:
        return f"{self.query_size}, {self.key_size}, score={self.score!r}"
