"""Translation: a sentence in, a sentence out."""

import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

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

Pairs = tuple[Sequence[str], Sequence[str]]


class Alignment(NamedTuple):
    """What each piece of a translation looked at.

    Attributes:
        source, target: the pieces; the target's last is its end.
        weights: (len(target), len(source)), each row a distribution.
    """

    source: list[str]
    target: list[str]
    weights: NDArray[np.float32]


class Translator(Model):
    """An encoder and a decoder with attention, on subword units or words.

    Args:
        cell: "lstm", "gru" or "rnn".
        hidden_size: H of the decoder; the encoder has H/2 in each direction.
        num_layers: of each of them, with residual connections from the second on.
        embedding_size: dimensions; None: ``hidden_size``.
        attention: "general" or "dot" (Luong et al. 2015), or "additive" (Bahdanau et al. 2015).
        dropout: before each layer and before the output.
        tied: one matrix is both embeddings and the output's weights; source and target share their units anyway.
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

    >>> model = Translator(hidden_size=256).fit(english, german, epochs=20)
    >>> model.translate("A man rides a horse.")
    """

    _SETTINGS = (
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
        return f"Translator({known}, {self.cell} of {self.num_layers} x {self.hidden_size})"

    # Training

    def fit(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        validation: Pairs | None = None,
        *,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
        **options: Any,
    ) -> Self:
        """Learn from pairs of sentences, from the beginning.

        Args:
            sources, targets: as many sentences each.
            validation: other (sources, targets); the model has the weights with the least loss on them in the end.
            callbacks: objects with the methods of ``models.Callback``.
            progress: called with a ``Progress`` after each update.
            checkpoint: a file that the model is saved to every ``checkpoint_seconds``, at the end and on Ctrl-C.
            options: of the training: see ``models.Training``. Here ``batch_size`` is 64 and ``max_norm`` 1.

        Returns:
            The model.

        Raises:
            TypeError: sentences are not strings.
            ValueError: there are no pairs, other numbers of sources and targets, or an option is out of range.
            TrainingInterrupted: Ctrl-C; ``resume`` goes on.
            FloatingPointError: the training diverged.
        """
        training = self._options(options)
        _check_pairs(sources, targets)
        self.pieces = PIECES[self.unit].of([*sources, *targets], self.vocabulary_size, self.min_count)
        task = self._task(self._build(), sources, targets, validation, training)
        self.network = task.network
        self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds)
        return self

    def resume(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        validation: Pairs | None = None,
        *,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> Self:
        """Finish a training that was interrupted, or that a checkpoint was loaded from, to the same weights.

        Arguments and errors are those of :meth:`fit`; the sentences must be the same.

        Raises:
            RuntimeError: no training is unfinished.
            ValueError: the sentences are others, or what the file held is damaged.
        """
        training, snapshot = self._unfinished()
        _check_pairs(sources, targets)
        try:
            task = self._task(self._trained(), sources, targets, validation, training)
            self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds, snapshot=snapshot)
        except (KeyError, AttributeError, IndexError) as error:
            raise ValueError(f"the state of the unfinished training is damaged: {error!r}") from error
        return self

    def _task(
        self,
        network: EncoderDecoder,
        sources: Sequence[str],
        targets: Sequence[str],
        validation: Pairs | None,
        training: Training,
    ) -> "_TranslationTask":
        pairs = self._encoded(sources, targets)
        kept = [pair for pair in pairs if max(map(len, pair)) <= self.max_length and len(pair[0]) > 0]
        if not kept:
            raise ValueError(
                f"none of the {len(pairs)} pairs has from 1 to {self.max_length} (max_length) units a side"
            )
        judged = None
        if validation is not None:
            _check_pairs(*validation)
            judged = self._encoded(*validation)
        return _TranslationTask(network, kept, judged, training.batch_size, self.label_smoothing)

    def _encoded(self, sources: Sequence[str], targets: Sequence[str]) -> list[tuple[Ids, Ids]]:
        assert self.pieces is not None
        return list(zip(self.pieces.encode(sources), self.pieces.encode(targets), strict=True))

    # Questions

    def translate(
        self,
        sentences: str | Sequence[str],
        *,
        beam_size: int = 5,
        length_penalty: float = 1.0,
        coverage_penalty: float = 0.0,
        max_length: int | None = None,
        batch_size: int = 32,
    ) -> Any:
        """The most probable translations that a beam search finds (Wu et al. 2016).

        An empty sentence has an empty translation. Sentences may be longer than any in training.

        Args:
            sentences: one, or many.
            beam_size: hypotheses that are followed; 1 takes the most probable unit at each step.
            length_penalty: alpha; 0 prefers short translations, 1 compares the mean log probability of a unit.
            coverage_penalty: beta; above 0 each unit of the source should be looked at.
            max_length: units of a translation; None: twice the source's and 10.
            batch_size: sentences that are translated side by side; no result depends on it but for rounding.

        Returns:
            A str for a str, else a list.

        Raises:
            RuntimeError: the model is not trained.
            TypeError, ValueError: a sentence is no str, or an option is out of range.
        """
        one = isinstance(sentences, str)
        found = self.hypotheses(
            [sentences] if isinstance(sentences, str) else sentences,
            beam_size=beam_size,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            max_length=max_length,
            batch_size=batch_size,
        )
        assert self.pieces is not None
        written = [self.pieces.decode(of_sentence[0].ids) if of_sentence else "" for of_sentence in found]
        return written[0] if one else written

    def hypotheses(
        self,
        sentences: Sequence[str],
        *,
        beam_size: int = 5,
        length_penalty: float = 1.0,
        coverage_penalty: float = 0.0,
        max_length: int | None = None,
        batch_size: int = 32,
    ) -> list[list[Hypothesis]]:
        """All that the beam search of :meth:`translate` found for each sentence, the best first."""
        network = self._trained()
        assert self.pieces is not None
        whole("beam_size", beam_size, 1)
        whole("batch_size", batch_size, 1)
        if max_length is not None:
            whole("max_length", max_length, 1)
        for name, value in (("length_penalty", length_penalty), ("coverage_penalty", coverage_penalty)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be 0 or above, and finite, not {value!r}")
        _check_sentences("sentences", sentences)
        sources = self.pieces.encode(sentences)
        found: list[list[Hypothesis]] = [[] for _ in sources]
        filled = np.array([i for i, source in enumerate(sources) if len(source)], np.int64)
        for batch in length_batches([len(sources[i]) for i in filled], batch_size):
            ids, lengths = pad_sequences([sources[i] for i in filled[batch]], END_ID)
            limits = 2 * lengths + 10 if max_length is None else np.full(len(batch), max_length)
            results = beam_search(
                Writing(network, ids, lengths),
                lengths,
                limits,
                begin=BEGIN_ID,
                end=END_ID,
                beam_size=beam_size,
                alpha=length_penalty,
                beta=coverage_penalty,
            )
            for i, result in zip(filled[batch], results, strict=True):
                found[i] = result
        return found

    def align(self, sentence: str, **options: Any) -> Alignment:
        """A sentence's translation, and where attention was at each of its units; options as of :meth:`translate`.

        Raises:
            ValueError: the sentence is empty.
        """
        found = self.hypotheses([sentence], **options)[0]
        if not found:
            raise ValueError("an empty sentence has no alignment")
        assert self.pieces is not None
        names = self.pieces.names
        source = [names[i] for i in self.pieces.encode([sentence])[0]]
        target = [names[i] for i in found[0].ids] + [names[END_ID]]
        return Alignment(source, target[: len(found[0].attention)], found[0].attention)

    def evaluate(self, sources: Sequence[str], targets: Sequence[str], batch_size: int = 64) -> Evaluation:
        """How well the model predicts the units of translations, their ends included.

        Raises:
            RuntimeError: the model is not trained.
            ValueError: there are no pairs.
        """
        network = self._trained()
        _check_pairs(sources, targets)
        return _judge(network, self._encoded(sources, targets), whole("batch_size", batch_size, 1))

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


class _TranslationTask(Task):
    """The next unit of each target, given its source and the units before."""

    network: EncoderDecoder
    unit = "units"

    def __init__(
        self,
        network: EncoderDecoder,
        pairs: list[tuple[Ids, Ids]],
        judged: list[tuple[Ids, Ids]] | None,
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
    network: EncoderDecoder, pairs: Sequence[tuple[Ids, Ids]], label_smoothing: float, reduction: str
) -> tuple[Tensor, int]:
    source, lengths = pad_sequences([source for source, _ in pairs], END_ID)
    written, _ = pad_sequences([np.append(BEGIN_ID, target) for _, target in pairs], END_ID)
    wanted, counts = pad_sequences([np.append(target, END_ID) for _, target in pairs], _IGNORED)
    logits = network(source, lengths, written)
    loss = cross_entropy(logits, wanted.reshape(-1), label_smoothing=label_smoothing, reduction=reduction)
    return loss, int(counts.sum())


def _judge(network: EncoderDecoder, pairs: Sequence[tuple[Ids, Ids]], batch_size: int) -> Evaluation:
    total, predictions = 0.0, 0
    with evaluating(network):
        for batch in length_batches([max(map(len, pair)) for pair in pairs], batch_size):
            loss, count = _loss(network, [pairs[i] for i in batch], 0.0, "sum")
            total += loss.item()
            predictions += count
    return Evaluation(total / predictions, predictions)


def _check_pairs(sources: Sequence[str], targets: Sequence[str]) -> None:
    _check_sentences("sources", sources)
    _check_sentences("targets", targets)
    if len(sources) != len(targets):
        raise ValueError(f"there must be as many targets as sources, {len(sources)}, not {len(targets)}")
    if not len(sources):
        raise ValueError("there are no pairs of sentences to learn from")


def _check_sentences(name: str, sentences: Sequence[str]) -> None:
    if isinstance(sentences, str) or not isinstance(sentences, Sequence):
        raise TypeError(f"{name} must be a list of strings, not {type(sentences).__name__}")
    for place, sentence in enumerate(sentences):
        if not isinstance(sentence, str):
            raise TypeError(f"{name}[{place}] must be a str, not {type(sentence).__name__}")
