"""Losses as modules. Names, arguments and values are PyTorch's; the formulas are with the functions they call."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lexigrad.nn import init
from lexigrad.nn.container import ModuleList, Sequential
from lexigrad.nn.linear import Linear
from lexigrad.nn.module import Module, Parameter
from lexigrad.ops.ctc import ctc_loss
from lexigrad.ops.losses import binary_cross_entropy, binary_cross_entropy_with_logits, mse_loss, nll_loss
from lexigrad.ops.matmul import linear
from lexigrad.ops.operands import as_tensor
from lexigrad.ops.reduce import argmax
from lexigrad.ops.sampled_softmax import sampled_softmax_loss
from lexigrad.ops.shape import concatenate, unsqueeze
from lexigrad.ops.softmax import check_reduction, class_indices, cross_entropy, log_softmax
from lexigrad.tensor import Array, Operand, Tensor, as_array


class _Loss(Module):
    """A loss with a reduction: "mean", "sum" or "none"."""

    def __init__(self, reduction: str = "mean") -> None:
        check_reduction(reduction)
        self.reduction = reduction

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class _WeightedLoss(_Loss):
    """A loss with factors, which are saved with the module."""

    def __init__(self, weight: Operand | None, reduction: str) -> None:
        super().__init__(reduction)
        self.weight: Tensor | None = None
        if weight is not None:
            self.register_buffer("weight", Tensor(as_array(weight)))


class CrossEntropyLoss(_WeightedLoss):
    """Softmax cross-entropy of logits with class indices: see ``functional.cross_entropy``."""

    def __init__(
        self,
        weight: Operand | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Operand, target: Operand) -> Tensor:
        return cross_entropy(input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)


class NLLLoss(_WeightedLoss):
    """-input[target] of log-probabilities: see ``functional.nll_loss``."""

    def __init__(self, weight: Operand | None = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Operand, target: Operand) -> Tensor:
        return nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class MSELoss(_Loss):
    """(input - target)^2: see ``functional.mse_loss``."""

    def forward(self, input: Operand, target: Operand) -> Tensor:
        return mse_loss(input, target, self.reduction)


class BCELoss(_WeightedLoss):
    """Binary cross-entropy of probabilities: see ``functional.binary_cross_entropy``."""

    def __init__(self, weight: Operand | None = None, reduction: str = "mean") -> None:
        super().__init__(weight, reduction)

    def forward(self, input: Operand, target: Operand) -> Tensor:
        return binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Binary cross-entropy of logits: see ``functional.binary_cross_entropy_with_logits``."""

    def __init__(
        self,
        weight: Operand | None = None,
        reduction: str = "mean",
        pos_weight: Operand | None = None,
    ) -> None:
        super().__init__(weight, reduction)
        self.pos_weight: Tensor | None = None
        if pos_weight is not None:
            self.register_buffer("pos_weight", Tensor(as_array(pos_weight)))

    def forward(self, input: Operand, target: Operand) -> Tensor:
        return binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class CTCLoss(_Loss):
    """Connectionist temporal classification: see ``functional.ctc_loss``."""

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False, *, from_logits: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank, self.zero_infinity, self.from_logits = blank, zero_infinity, from_logits

    def forward(
        self,
        log_probs: Operand,
        targets: Operand,
        input_lengths: Operand,
        target_lengths: Operand,
    ) -> Tensor:
        return ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
            from_logits=self.from_logits,
        )


class SampledSoftmaxLoss(Module):
    """An output layer and its cross-entropy over a sample of the classes, for large vocabularies (Jean et al. 2015).

    Each call in training draws ``num_sampled`` classes, with repetitions that count once, shared by all rows. With
    Q(c) the chance that class c is in the sample, the logits are  hidden . weight[c] + bias[c] - log Q(c),  over the
    row's target and the sample. Gradients of weight and bias are row-sparse. In evaluation the loss is the
    cross-entropy over all classes.

    Attributes:
        weight: (n_classes, in_features); may be set to an embedding's weight, to tie them.
        bias: (n_classes,), or None.
        probabilities: (n_classes,) of one draw.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        num_sampled: int,
        counts: ArrayLike | None = None,
        bias: bool = True,
        ignore_index: int = -100,
        reduction: str = "mean",
        *,
        rng: init.Rng = None,
    ) -> None:
        """Make the layer, initially as ``Linear`` does.

        Args:
            in_features: the size of a row of hidden values.
            n_classes: the vocabulary's size.
            num_sampled: how many classes a call draws.
            counts: (n_classes,) how often each class occurs: draw them in proportion. Without, the log-uniform
                distribution log((c + 2) / (c + 1)) / log(n_classes + 1), for classes by falling frequency.
            bias: have a bias.
            ignore_index: targets that count for nothing.
            reduction: "mean" over the targets that count, "sum" or "none".
            rng: a seed or generator, for the values at first and then the samples.

        Raises:
            ValueError: ``num_sampled`` is below 1, or the counts are not (n_classes,), or negative, or all zero.
        """
        check_reduction(reduction)
        if num_sampled < 1:
            raise ValueError(f"num_sampled must be at least 1, not {num_sampled}")
        self.in_features, self.n_classes, self.num_sampled = in_features, n_classes, num_sampled
        self.ignore_index, self.reduction = ignore_index, reduction
        self._rng = np.random.default_rng(rng)
        layer = Linear(in_features, n_classes, bias, rng=self._rng)
        self.weight: Parameter = layer.weight
        self.bias: Parameter | None = layer.bias
        self.probabilities = _probabilities(n_classes, counts)
        self._cumulative = np.cumsum(self.probabilities)
        with np.errstate(divide="ignore"):
            chances = -np.expm1(num_sampled * np.log1p(-np.minimum(self.probabilities, 1)))
        self._log_expected = np.log(np.maximum(chances, np.finfo(np.float32).tiny)).astype(np.float32)

    def forward(self, hidden: Operand, target: Operand) -> Tensor:
        """The loss of hidden values (N, in_features) and targets (N,).

        Raises:
            TypeError: the targets are not integers.
            ValueError: shapes do not fit, or a target is no class.
        """
        hidden = as_tensor(hidden)
        if hidden.ndim != 2 or hidden.shape[1] != self.in_features:
            raise ValueError(f"hidden must have shape (N, {self.in_features}), not {hidden.shape}")
        targets = class_indices(target, hidden.shape[:1])
        if not self.training:
            logits = linear(hidden, self.weight, self.bias)
            return cross_entropy(logits, targets, None, self.ignore_index, self.reduction)
        wrong = (targets != self.ignore_index) & ((targets < 0) | (targets >= self.n_classes))
        if wrong.any():
            raise ValueError(f"target must be in [0, {self.n_classes}), not {targets[wrong][0]}")
        return sampled_softmax_loss(
            hidden,
            self.weight,
            self.bias,
            targets,
            self.sample(),
            self._log_expected,
            self.ignore_index,
            self.reduction,
        )

    def sample(self) -> Array:
        """Classes of a sample, each once, ascending."""
        points = self._rng.random(self.num_sampled) * self._cumulative[-1]
        return np.unique(np.minimum(np.searchsorted(self._cumulative, points, side="right"), self.n_classes - 1))

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.n_classes}, num_sampled={self.num_sampled}"


def _probabilities(n_classes: int, counts: ArrayLike | None) -> Array:
    if counts is None:
        ranks = np.arange(n_classes, dtype=np.float64)
        return np.asarray(np.log1p(1 / (ranks + 1)) / math.log(n_classes + 1))
    values = np.asarray(counts, np.float64)
    if values.shape != (n_classes,) or not (values >= 0).all() or not 0 < values.sum() < np.inf:
        raise ValueError(f"counts must be ({n_classes},) numbers of occurrences, not all zero")
    return np.asarray(values / values.sum())


class AdaptiveOutput(NamedTuple):
    """The log-probability of each target, (N,), and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """An adaptive softmax (Grave et al. 2017): frequent classes in a small head, rare ones in clusters behind it.

    The classes must be sorted by falling frequency. The head decides among the first ``cutoffs[0]`` classes and the
    clusters; cluster i has the classes from ``cutoffs[i]`` on and looks at in_features // div_value^(i + 1) projected
    features.

    Attributes:
        head: Linear from in_features to cutoffs[0] + clusters.
        tail: for each cluster a projection and a Linear, both without bias.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        *,
        rng: init.Rng = None,
    ) -> None:
        """Make the layers.

        Raises:
            ValueError: the cutoffs do not rise strictly within 1 .. n_classes - 1.
        """
        edges = [0, *(int(cutoff) for cutoff in cutoffs), n_classes]
        if len(edges) == 2 or any(a >= b for a, b in pairwise(edges)):
            raise ValueError(f"cutoffs must rise strictly within 1 .. {n_classes - 1}, not {list(cutoffs)}")
        rng = np.random.default_rng(rng)
        self.in_features, self.n_classes, self.div_value = in_features, n_classes, div_value
        self.cutoffs = edges[1:]
        self.n_clusters = len(self.cutoffs) - 1
        self.head = Linear(in_features, self.cutoffs[0] + self.n_clusters, head_bias, rng=rng)
        self.tail = ModuleList()
        for i, (begin, end) in enumerate(pairwise(self.cutoffs)):
            size = int(in_features // div_value ** (i + 1))
            projection = Linear(in_features, size, False, rng=rng)
            self.tail.append(Sequential(projection, Linear(size, end - begin, False, rng=rng)))

    def forward(self, input: Operand, target: Operand) -> AdaptiveOutput:
        """Log-probabilities of the targets, and the loss.

        Args:
            input: (N, in_features), or (in_features,) with a single target.
            target: (N,) classes.

        Raises:
            TypeError: the targets are not integers.
            ValueError: shapes do not fit, or a target is no class.
        """
        input = self._checked(input)
        targets = class_indices(target, input.shape[:-1])
        if targets.size and not 0 <= targets.min() <= targets.max() < self.n_classes:
            raise ValueError(f"target must be in [0, {self.n_classes}), not {targets.min()} .. {targets.max()}")
        rows = input if input.ndim == 2 else unsqueeze(input, 0)
        cluster = np.searchsorted(self.cutoffs, targets, side="right")  # 0: in the head
        in_head = np.where(cluster == 0, targets, self.cutoffs[0] + cluster - 1)
        losses = cross_entropy(self.head(rows), in_head, reduction="none")
        parts, place, seen = [Tensor(np.zeros(1, losses.dtype))], np.zeros(len(targets), np.int64), 1
        for i, layers in enumerate(self.tail):
            members = np.flatnonzero(cluster == i + 1)
            if members.size:
                within = targets[members] - self.cutoffs[i]
                parts.append(cross_entropy(layers(rows[members]), within, reduction="none"))
                place[members] = seen + np.arange(members.size)
                seen += members.size
        output = -(losses + concatenate(parts)[place])
        return AdaptiveOutput(output if input.ndim == 2 else output[0], -output.mean())

    def log_prob(self, input: Operand) -> Tensor:
        """Log-probabilities of all classes, (N, n_classes)."""
        input = self._checked(input)
        rows = input if input.ndim == 2 else unsqueeze(input, 0)
        head = log_softmax(self.head(rows))
        first = self.cutoffs[0]
        parts = [head[:, :first]]
        for i, layers in enumerate(self.tail):
            parts.append(log_softmax(layers(rows)) + head[:, first + i : first + i + 1])
        result = concatenate(parts, dim=1)
        return result if input.ndim == 2 else result[0]

    def predict(self, input: Operand) -> Tensor:
        """The most probable class of each row, (N,)."""
        return argmax(self.log_prob(input), dim=-1)

    def _checked(self, input: Operand) -> Tensor:
        input = as_tensor(input)
        if input.ndim not in (1, 2) or input.shape[-1] != self.in_features:
            raise ValueError(f"input must have shape (N, {self.in_features}), not {input.shape}")
        return input

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.n_classes}, cutoffs={self.cutoffs[:-1]}, div_value={self.div_value}"
