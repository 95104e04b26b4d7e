"""What models that read one text and write another share: settings, units, training, search, files."""

import os
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.training import whole
from lexigrad.models.batches import length_batches, pad_sequences
from lexigrad.models.beam_search import Hypothesis, beam_search
from lexigrad.models.encoder_decoder import EncoderDecoder, Ids, Writing
from lexigrad.models.language_model import CELLS, Evaluation
from lexigrad.models.model import Model
from lexigrad.models.trainer import Task, Training, evaluating
from lexigrad.nn.attention import SCORES
from lexigrad.ops.dropout import check_probability
from lexigrad.ops.softmax import cross_entropy
from lexigrad.progress import Hook
from lexigrad.tensor import Array, Tensor
from lexigrad.text.subwords import BEGIN_ID, END_ID, PIECES, Pieces

_IGNORED = -100  # the target of a padded place

Pair = tuple[Ids, Ids]  # what is read and what is written, without beginning and end


class Seq2Seq(Model):
    """An encoder and a decoder with attention, on subword units or words.

    A model of this kind says what its data are: ``_check``, ``_texts`` and ``_pairs``.

    Args:
        cell: "lstm", "gru" or "rnn".
        hidden_size: H of the decoder; the encoder has H/2 in each direction.
        num_layers: of each of them, with residual connections from the second on.
        embedding_size: dimensions; None: ``hidden_size``.
        attention: "general" or "dot" (Luong et al. 2015), or "additive" (Bahdanau et al. 2015).
        dropout: before each layer and before the output.
        tied: one matrix is both embeddings and the output's weights; what is read and written shares its units anyway.
        label_smoothing: share of a target's probability that all units divide among them.
        unit: "bpe", byte-pair encoding by the tokenizers library (``lexigrad[subwords]``), or "word".
        vocabulary_size: units, at most.
        min_count: rarer words are unknown; rarer pairs are not merged.
        max_length: training pairs with more units on a side are left out.
        seed: of first weights, dropout and order.

    Attributes:
        pieces: the units; None before training.
        network: the layers.

    Raises:
        ValueError: a setting is out of range.
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = (
        "cell",
        "hidden_size",
        "num_layers",
        "embedding_size",
        "attention",
        "dropout",
        "tied",
        "label_smoothing",
        "unit",
        "vocabulary_size",
        "min_count",
        "max_length",
        "seed",
    )
    _TRAINING: ClassVar[Mapping[str, Any]] = {"batch_size": 64, "max_norm": 1.0}

    network: EncoderDecoder | None = None

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 256,
        num_layers: int = 1,
        *,
        embedding_size: int | None = None,
        attention: str = "general",
        dropout: float = 0.3,
        tied: bool = True,
        label_smoothing: float = 0.1,
        unit: str = "bpe",
        vocabulary_size: int = 8000,
        min_count: int = 2,
        max_length: int = 100,
        seed: int = 1,
    ) -> None:
        super().__init__()
        for name, value, known in (
            ("cell", cell, CELLS),
            ("attention", attention, SCORES),
            ("unit", unit, PIECES),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")
        self.cell, self.attention, self.unit = cell, attention, unit
        self.hidden_size = whole("hidden_size", hidden_size, 2)
        if hidden_size % 2:
            raise ValueError(f"hidden_size must be even, for the encoder's two directions, not {hidden_size}")
        self.num_layers = whole("num_layers", num_layers, 1)
        self.embedding_size = None if embedding_size is None else whole("embedding_size", embedding_size, 1)
        check_probability(dropout)
        self.dropout, self.tied = dropout, bool(tied)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be from 0 to below 1, not {label_smoothing!r}")
        self.label_smoothing = label_smoothing
        self.vocabulary_size = whole("vocabulary_size", vocabulary_size, 4)
        self.min_count = whole("min_count", min_count, 1)
        self.max_length = whole("max_length", max_length, 1)
        self.seed = whole("seed", seed, 0)
        self.pieces: Pieces | None = None

    def __repr__(self) -> str:
        known = f"{len(self.pieces.names)} units" if self.pieces else "not trained"
        return f"{type(self).__name__}({known}, {self.cell} of {self.num_layers} x {self.hidden_size})"

    # What a model brings

    @abstractmethod
    def _check(self, data: Any) -> None:
        """Raise TypeError or ValueError where these are no data."""

    @abstractmethod
    def _texts(self, data: Any) -> Iterable[str]:
        """The texts that units are found in."""

    @abstractmethod
    def _pairs(self, data: Any) -> list[Pair]:
        """What is read and what is written, in units."""

    # Training

    def _fit(
        self,
        data: Any,
        validation: Any,
        options: Mapping[str, Any],
        *,
        callbacks: Iterable[Any],
        progress: Hook | None,
        checkpoint: str | os.PathLike[str] | None,
        checkpoint_seconds: float,
    ) -> Self:
        training = self._options(options)
        self._check(data)
        if validation is not None:
            self._check(validation)
        with self._all_or_nothing():
            self.pieces = PIECES[self.unit].of(self._texts(data), self.vocabulary_size, self.min_count)
            self.network = self._build()
            task = self._task(data, validation, training)
        self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds)
        return self

    def _resume(
        self,
        data: Any,
        validation: Any,
        *,
        callbacks: Iterable[Any],
        progress: Hook | None,
        checkpoint: str | os.PathLike[str] | None,
        checkpoint_seconds: float,
    ) -> Self:
        training, snapshot = self._unfinished()
        self._check(data)
        if validation is not None:
            self._check(validation)
        try:
            task = self._task(data, validation, training)
            self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds, snapshot=snapshot)
        except (KeyError, AttributeError, IndexError) as error:
            raise ValueError(f"the state of the unfinished training is damaged: {error!r}") from error
        return self

    def _task(self, data: Any, validation: Any, training: Training) -> "_PairTask":
        pairs = self._pairs(data)
        kept = [pair for pair in pairs if max(map(len, pair)) <= self.max_length and len(pair[0]) > 0]
        if not kept:
            raise ValueError(
                f"none of the {len(pairs)} pairs has from 1 to {self.max_length} (max_length) units a side"
            )
        judged = None if validation is None else self._pairs(validation)
        return _PairTask(self._trained(), kept, judged, training.batch_size, self.label_smoothing)

    # Questions

    def _search(
        self, sources: Sequence[Ids], limits: Callable[[Ids], Ids], beam: Mapping[str, Any], batch_size: int
    ) -> list[list[Hypothesis]]:
        """What a beam search finds for each source, the best first; nothing for one without units.

        Args:
            limits: the units that each output may have, from the lengths of the sources.
            beam: beam_size, length_penalty and coverage_penalty.
        """
        network = self._trained()
        whole("beam_size", beam["beam_size"], 1)
        whole("batch_size", batch_size, 1)
        for name in ("length_penalty", "coverage_penalty"):
            if not 0 <= beam[name] < float("inf"):
                raise ValueError(f"{name} must be 0 or above, and finite, not {beam[name]!r}")
        found: list[list[Hypothesis]] = [[] for _ in sources]
        filled = np.array([i for i, source in enumerate(sources) if len(source)], np.int64)
        for batch in length_batches([len(sources[i]) for i in filled], batch_size):
            ids, lengths = pad_sequences([sources[i] for i in filled[batch]], END_ID)
            results = beam_search(
                Writing(network, ids, lengths),
                lengths,
                limits(lengths),
                begin=BEGIN_ID,
                end=END_ID,
                beam_size=beam["beam_size"],
                alpha=beam["length_penalty"],
                beta=beam["coverage_penalty"],
            )
            for i, result in zip(filled[batch], results, strict=True):
                found[i] = result
        return found

    def _evaluate(self, data: Any, batch_size: int) -> Evaluation:
        network = self._trained()
        self._check(data)
        return judge(network, self._pairs(data), whole("batch_size", batch_size, 1))

    # Files

    def _build(self) -> EncoderDecoder:
        assert self.pieces is not None
        return EncoderDecoder(
            len(self.pieces.names),
            self._embedding_size(),
            self.hidden_size,
            self.num_layers,
            self.cell,
            self.attention,
            self.dropout,
            self.tied,
            np.random.default_rng(self.seed),
        )

    def _embedding_size(self) -> int:
        return self.hidden_size if self.embedding_size is None else self.embedding_size

    def _vocabulary(self) -> dict[str, Array]:
        assert self.pieces is not None
        return self.pieces.arrays()

    def _set_vocabulary(self, arrays: Mapping[str, Array]) -> None:
        self.pieces = PIECES[self.unit].from_arrays(dict(arrays))

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        assert self.pieces is not None
        yield "out.weight", (len(self.pieces.names), self._embedding_size())
        yield "combine.weight", (self._embedding_size(), 2 * self.hidden_size)
        for layer in range(self.num_layers):
            rows = CELLS[self.cell]._gates * self.hidden_size
            yield f"decoder.layers.{layer}.weight_hh_l0", (rows, self.hidden_size)


class _PairTask(Task):
    """The next unit of each target, given its source and the units before."""

    network: EncoderDecoder
    unit = "units"

    def __init__(
        self,
        network: EncoderDecoder,
        pairs: list[Pair],
        judged: list[Pair] | None,
        batch_size: int,
        label_smoothing: float,
    ) -> None:
        self.network, self.pairs, self.judged = network, pairs, judged
        self.batch_size, self.label_smoothing = batch_size, label_smoothing
        self.size = sum(len(target) + 1 for _, target in pairs)
        self._lengths = np.array([max(map(len, pair)) for pair in pairs])

    def batches(self, rng: np.random.Generator) -> Sequence[NDArray[np.int64]]:
        return length_batches(self._lengths, self.batch_size, rng)

    def loss(self, batch: NDArray[np.int64]) -> tuple[Tensor, int]:
        return pair_loss(self.network, [self.pairs[i] for i in batch], self.label_smoothing, "mean")

    def validate(self) -> dict[str, float]:
        if self.judged is None:
            return {}
        return {"loss": judge(self.network, self.judged, self.batch_size).loss}

    def fingerprint(self) -> list[int]:
        crc = 0
        for source, target in self.pairs:
            crc = zlib.crc32(target.tobytes(), zlib.crc32(source.tobytes(), crc))
        return [self.size, crc]

    def figures(self, loss: float) -> dict[str, float]:
        return {"ppl": Evaluation(loss, 1).perplexity}


def pair_loss(
    network: EncoderDecoder, pairs: Sequence[Pair], label_smoothing: float, reduction: str
) -> tuple[Tensor, int]:
    """The loss of the targets' units and ends, and how many they are."""
    source, lengths = pad_sequences([source for source, _ in pairs], END_ID)
    written, _ = pad_sequences([np.append(BEGIN_ID, target) for _, target in pairs], END_ID)
    wanted, counts = pad_sequences([np.append(target, END_ID) for _, target in pairs], _IGNORED)
    logits = network(source, lengths, written)
    loss = cross_entropy(logits, wanted.reshape(-1), label_smoothing=label_smoothing, reduction=reduction)
    return loss, int(counts.sum())


def judge(network: EncoderDecoder, pairs: Sequence[Pair], batch_size: int) -> Evaluation:
    """How well a network predicts the targets' units and ends."""
    total, predictions = 0.0, 0
    with evaluating(network):
        for batch in length_batches([max(map(len, pair)) for pair in pairs], batch_size):
            loss, count = pair_loss(network, [pairs[i] for i in batch], 0.0, "sum")
            total += loss.item()
            predictions += count
    return Evaluation(total / predictions, predictions)


def check_texts(name: str, texts: Sequence[str]) -> None:
    """Raise TypeError where these are not strings in a list."""
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise TypeError(f"{name} must be a list of strings, not {type(texts).__name__}")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{place}] must be a str, not {type(text).__name__}")
