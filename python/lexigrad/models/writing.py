"""What models that write a sentence for each input share: settings, fit and resume, beam search, files."""

import os
import zlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.training import whole
from lexigrad.models.batches import length_batches, pad_sequences
from lexigrad.models.beam_search import Hypothesis, beam_search
from lexigrad.models.encoder_decoder import Ids, Writing, WritingNetwork
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

Pairs = tuple[Sequence[Any], Sequence[Any]]


class Alignment(NamedTuple):
    """What each piece of a sentence looked at.

    Attributes:
        source, target: the pieces of the input and of the sentence, whose last is its end.
        weights: (len(target), len(source)), each row a distribution.
    """

    source: list[str]
    target: list[str]
    weights: NDArray[np.float32]


class WritingModel(Model):
    """Base of the models that write a sentence for each input; see there.

    Attributes:
        pieces: the units of sentences; None before training.
        network: the layers.
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

    network: WritingNetwork | None = None

    def __init__(
        self,
        cell: str,
        hidden_size: int,
        num_layers: int,
        embedding_size: int | None,
        attention: str,
        dropout: float,
        tied: bool,
        label_smoothing: float,
        unit: str,
        vocabulary_size: int,
        min_count: int,
        max_length: int,
        seed: int,
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
        self.hidden_size = whole("hidden_size", hidden_size, 1)
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
    def _paired(self, sources: Sequence[Any], targets: Sequence[Any]) -> Pairs:
        """Checked inputs, and a sentence for each.

        Raises:
            TypeError, ValueError: they are of the wrong kind, there are none, or they do not fit.
        """

    @abstractmethod
    def _read(self, sources: Sequence[Any]) -> list[Array]:
        """Inputs as arrays, (S,) or (S, F) each, as ``WritingNetwork.batch`` takes them.

        Raises:
            TypeError, ValueError: an input is of the wrong kind.
        """

    @abstractmethod
    def _build(self) -> WritingNetwork: ...

    def _find_vocabulary(self, sources: Sequence[Any], targets: Sequence[str]) -> None:
        """Set ``pieces``, and what else the network's sizes follow from."""
        self.pieces = PIECES[self.unit].of(targets, self.vocabulary_size, self.min_count)

    def _learnable(self, source: Array, target: Ids) -> bool:
        """Whether a pair is not left out of the training."""
        return len(target) <= self.max_length

    def _limits(self, lengths: Ids) -> Ids:
        """The most units that are written for inputs of these lengths, unless someone asks for more."""
        return np.full(len(lengths), self.max_length)

    # Training

    def fit(
        self,
        sources: Sequence[Any],
        targets: Sequence[Any],
        validation: Pairs | None = None,
        *,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
        **options: Any,
    ) -> Self:
        """Learn what is written for which input, from the beginning.

        Args:
            sources, targets: as many inputs and what should be written for each; see the class.
            validation: other (sources, targets); the model has the weights with the least loss on them in the end.
            callbacks: objects with the methods of ``models.Callback``.
            progress: called with a ``Progress`` after each update.
            checkpoint: a file that the model is saved to every ``checkpoint_seconds``, at the end and on Ctrl-C.
            options: of the training: see ``models.Training``. Here ``batch_size`` is 64 and ``max_norm`` 1.

        Returns:
            The model.

        Raises:
            TypeError: sources or targets are of the wrong kind.
            ValueError: there are no pairs, other numbers of sources and targets, or an option is out of range.
            TrainingInterrupted: Ctrl-C; ``resume`` goes on.
            FloatingPointError: the training diverged.
        """
        training = self._options(options)
        sources, targets = self._paired(sources, targets)
        with self._all_or_nothing():
            self._find_vocabulary(sources, targets)
            self.network = network = self._build()
            task = self._task(network, (sources, targets), validation, training)
        self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds)
        return self

    def resume(
        self,
        sources: Sequence[Any],
        targets: Sequence[Any],
        validation: Pairs | None = None,
        *,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> Self:
        """Finish a training that was interrupted, or that a checkpoint was loaded from, to the same weights.

        Arguments and errors are those of :meth:`fit`; the data must be the same.

        Raises:
            RuntimeError: no training is unfinished.
            ValueError: the data are others, or what the file held is damaged.
        """
        training, snapshot = self._unfinished()
        pairs = self._paired(sources, targets)
        try:
            task = self._task(self._trained(), pairs, validation, training)
            self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds, snapshot=snapshot)
        except (KeyError, AttributeError, IndexError) as error:
            raise ValueError(f"the state of the unfinished training is damaged: {error!r}") from error
        return self

    def _task(
        self, network: WritingNetwork, data: Pairs, validation: Pairs | None, training: Training
    ) -> "_WritingTask":
        pairs = self._encoded(*data)
        kept = [pair for pair in pairs if self._learnable(*pair)]
        if not kept:
            raise ValueError(
                f"none of the {len(pairs)} pairs can be learnt: each is empty, or has more than {self.max_length} "
                "(max_length) units"
            )
        judged = None if validation is None else self._encoded(*self._paired(*validation))
        return _WritingTask(network, kept, judged, training.batch_size, self.label_smoothing)

    def _encoded(self, sources: Sequence[Any], targets: Sequence[str]) -> list[tuple[Array, Ids]]:
        assert self.pieces is not None
        return list(zip(self._read(sources), self.pieces.encode(targets), strict=True))

    # Questions

    def hypotheses(
        self,
        sources: Sequence[Any],
        *,
        beam_size: int = 5,
        length_penalty: float = 1.0,
        coverage_penalty: float = 0.0,
        max_length: int | None = None,
        batch_size: int = 32,
    ) -> list[list[Hypothesis]]:
        """All that a beam search found for each input, the best first; nothing for an empty input.

        Args:
            sources: the inputs.
            beam_size: hypotheses that are followed; 1 takes the most probable unit at each step.
            length_penalty: alpha; 0 prefers short sentences, 1 compares the mean log probability of a unit.
            coverage_penalty: beta; above 0 each place of the input should be looked at.
            max_length: units of a sentence.
            batch_size: inputs that are worked on side by side; no result depends on it but for rounding.

        Raises:
            RuntimeError: the model is not trained.
            TypeError, ValueError: an input is of the wrong kind, or an option is out of range.
        """
        network: WritingNetwork = self._trained()
        whole("beam_size", beam_size, 1)
        whole("batch_size", batch_size, 1)
        if max_length is not None:
            whole("max_length", max_length, 1)
        for name, value in (("length_penalty", length_penalty), ("coverage_penalty", coverage_penalty)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be 0 or above, and finite, not {value!r}")
        read = self._read(sources)
        found: list[list[Hypothesis]] = [[] for _ in read]
        filled = np.array([i for i, source in enumerate(read) if len(source)], np.int64)
        for batch in length_batches([len(read[i]) for i in filled], batch_size):
            source, lengths = network.batch([read[i] for i in filled[batch]])
            limits = self._limits(lengths) if max_length is None else np.full(len(batch), max_length)
            results = beam_search(
                Writing(network, source, lengths),
                lengths,
                limits,
                begin=BEGIN_ID,
                end=END_ID,
                beam_size=beam_size,
                alpha=length_penalty,
                beta=coverage_penalty,
            )
            for i, result in zip(filled[batch].tolist(), results, strict=True):
                found[i] = result
        return found

    def _best(self, found: list[list[Hypothesis]]) -> list[str]:
        """The best sentence of each input."""
        assert self.pieces is not None
        return [self.pieces.decode(of_input[0].ids) if of_input else "" for of_input in found]

    def _alignment(self, source: list[str], found: Hypothesis) -> Alignment:
        assert self.pieces is not None
        target = [self.pieces.names[i] for i in [*found.ids, END_ID]]
        return Alignment(source, target[: len(found.attention)], found.attention)

    def evaluate(self, sources: Sequence[Any], targets: Sequence[Any], batch_size: int = 64) -> Evaluation:
        """How well the model predicts the units of what should be written, ends included.

        Raises:
            RuntimeError: the model is not trained.
            ValueError: there are no pairs.
        """
        network = self._trained()
        pairs = self._encoded(*self._paired(sources, targets))
        return _judge(network, pairs, whole("batch_size", batch_size, 1))

    # Files

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


class _WritingTask(Task):
    """The next unit of each target, given its input and the units before."""

    network: WritingNetwork
    unit = "units"

    def __init__(
        self,
        network: WritingNetwork,
        pairs: list[tuple[Array, Ids]],
        judged: list[tuple[Array, Ids]] | None,
        batch_size: int,
        label_smoothing: float,
    ) -> None:
        self.network, self.pairs, self.judged = network, pairs, judged
        self.batch_size, self.label_smoothing = batch_size, label_smoothing
        self.size = sum(len(target) + 1 for _, target in pairs)
        self._lengths = _sizes(pairs)

    def batches(self, rng: np.random.Generator) -> Sequence[NDArray[np.int64]]:
        return length_batches(self._lengths, self.batch_size, rng)

    def loss(self, batch: NDArray[np.int64]) -> tuple[Tensor, int]:
        return _loss(self.network, [self.pairs[i] for i in batch], self.label_smoothing, "mean")

    def validate(self) -> dict[str, float]:
        if self.judged is None:
            return {}
        return {"loss": _judge(self.network, self.judged, self.batch_size).loss}

    def fingerprint(self) -> list[int]:
        crc = 0
        for source, target in self.pairs:
            crc = zlib.crc32(target.tobytes(), zlib.crc32(source.tobytes(), crc))
        return [self.size, crc]

    def figures(self, loss: float) -> dict[str, float]:
        return {"ppl": Evaluation(loss, 1).perplexity}


def _loss(
    network: WritingNetwork, pairs: Sequence[tuple[Array, Ids]], label_smoothing: float, reduction: str
) -> tuple[Tensor, int]:
    source, lengths = network.batch([source for source, _ in pairs])
    written, _ = pad_sequences([np.append(BEGIN_ID, target) for _, target in pairs], END_ID)
    wanted, counts = pad_sequences([np.append(target, END_ID) for _, target in pairs], _IGNORED)
    logits = network(source, lengths, written)
    loss = cross_entropy(logits, wanted.reshape(-1), label_smoothing=label_smoothing, reduction=reduction)
    return loss, int(counts.sum())


def _sizes(pairs: Sequence[tuple[Array, Ids]]) -> Ids:
    """What pairs are put into batches by: those of similar lengths on both sides have little padding."""
    return np.array([len(source) + len(target) for source, target in pairs], np.int64)


def _judge(network: WritingNetwork, pairs: Sequence[tuple[Array, Ids]], batch_size: int) -> Evaluation:
    total, predictions = 0.0, 0
    with evaluating(network):
        for batch in length_batches(_sizes(pairs), batch_size):
            loss, count = _loss(network, [pairs[i] for i in batch], 0.0, "sum")
            total += loss.item()
            predictions += count
    return Evaluation(total / predictions, predictions)


def check_sentences(name: str, sentences: Sequence[str]) -> None:
    """Raise TypeError unless these are strings, as many as one likes."""
    if isinstance(sentences, str) or not isinstance(sentences, Sequence):
        raise TypeError(f"{name} must be a list of strings, not {type(sentences).__name__}")
    for place, sentence in enumerate(sentences):
        if not isinstance(sentence, str):
            raise TypeError(f"{name}[{place}] must be a str, not {type(sentence).__name__}")
