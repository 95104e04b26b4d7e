"""Translation: a sentence in, a sentence out."""

import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.training import whole
from lexigrad.models.beam_search import Hypothesis
from lexigrad.models.encoder_decoder import Ids
from lexigrad.models.language_model import Evaluation
from lexigrad.models.seq2seq import Pair, Seq2Seq, check_texts
from lexigrad.progress import Hook
from lexigrad.text.subwords import END_ID

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


class Translator(Seq2Seq):
    """Sentences of one language as sentences of another, by an encoder and a decoder with attention.

    Settings and attributes are those of :class:`Seq2Seq`.

    >>> model = Translator(hidden_size=256).fit(english, german, epochs=20)
    >>> model.translate("A man rides a horse.")
    """

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
        return self._fit(
            (sources, targets),
            validation,
            options,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_seconds=checkpoint_seconds,
        )

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
        return self._resume(
            (sources, targets),
            validation,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_seconds=checkpoint_seconds,
        )

    def _check(self, data: Pairs) -> None:
        sources, targets = data
        check_texts("sources", sources)
        check_texts("targets", targets)
        if len(sources) != len(targets):
            raise ValueError(f"there must be as many targets as sources, {len(sources)}, not {len(targets)}")
        if not len(sources):
            raise ValueError("there are no pairs of sentences to learn from")

    def _texts(self, data: Pairs) -> list[str]:
        return [*data[0], *data[1]]

    def _pairs(self, data: Pairs) -> list[Pair]:
        assert self.pieces is not None
        return list(zip(self.pieces.encode(data[0]), self.pieces.encode(data[1]), strict=True))

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
        self._trained()
        assert self.pieces is not None
        if max_length is not None:
            whole("max_length", max_length, 1)
        check_texts("sentences", sentences)

        def limits(lengths: Ids) -> Ids:
            return 2 * lengths + 10 if max_length is None else np.full(len(lengths), max_length)

        beam = {
            "beam_size": beam_size,
            "length_penalty": length_penalty,
            "coverage_penalty": coverage_penalty,
        }
        return self._search(self.pieces.encode(sentences), limits, beam, batch_size)

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
        return self._evaluate((sources, targets), batch_size)
