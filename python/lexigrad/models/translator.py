"""Translation: a sentence in, a sentence out."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lexigrad.models.encoder_decoder import EncoderDecoder, Ids
from lexigrad.models.writing import Alignment, Pairs, WritingModel, check_sentences
from lexigrad.tensor import Array


class Translator(WritingModel):
    """An encoder and a decoder with attention, on subword units or words.

    Sources and targets are sentences.

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
        super().__init__(
            cell,
            hidden_size,
            num_layers,
            embedding_size,
            attention,
            dropout,
            tied,
            label_smoothing,
            unit,
            vocabulary_size,
            min_count,
            max_length,
            seed,
        )
        if hidden_size % 2:
            raise ValueError(f"hidden_size must be even, for the encoder's two directions, not {hidden_size}")

    def _paired(self, sources: Sequence[Any], targets: Sequence[Any]) -> Pairs:
        check_sentences("sources", sources)
        check_sentences("targets", targets)
        if len(sources) != len(targets):
            raise ValueError(f"there must be as many targets as sources, {len(sources)}, not {len(targets)}")
        if not len(sources):
            raise ValueError("there are no pairs of sentences to learn from")
        return sources, targets

    def _read(self, sources: Sequence[Any]) -> list[Array]:
        check_sentences("sentences", sources)
        assert self.pieces is not None
        return list(self.pieces.encode(sources))

    def _find_vocabulary(self, sources: Sequence[Any], targets: Sequence[str]) -> None:
        super()._find_vocabulary(sources, [*sources, *targets])

    def _learnable(self, source: Array, target: Ids) -> bool:
        return super()._learnable(source, target) and 0 < len(source) <= self.max_length

    def _limits(self, lengths: Ids) -> Ids:
        return 2 * lengths + 10

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
        written = self._best(found)
        return written[0] if one else written

    def align(self, sentence: str, **options: Any) -> Alignment:
        """A sentence's translation, and where attention was at each of its units; options as of :meth:`translate`.

        Raises:
            ValueError: the sentence is empty.
        """
        found = self.hypotheses([sentence], **options)[0]
        if not found:
            raise ValueError("an empty sentence has no alignment")
        assert self.pieces is not None
        source = [self.pieces.names[i] for i in self._read([sentence])[0]]
        return self._alignment(source, found[0])

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
