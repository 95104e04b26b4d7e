"""Conversation: what was said so far in, a reply out (Vinyals and Le 2015, "A Neural Conversational Model")."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np

from lexigrad.embed.training import whole
from lexigrad.models.decode import Sampler, sample
from lexigrad.models.encoder_decoder import Ids, Writing
from lexigrad.models.language_model import Evaluation
from lexigrad.models.seq2seq import Pair, Seq2Seq, check_texts
from lexigrad.progress import Hook
from lexigrad.text.subwords import BEGIN_ID, END_ID

REPLIES = ("all", "second")

Dialogues = Sequence[Sequence[str]]  # of each dialogue the turns, by two speakers in turn


class Dialogue(Seq2Seq):
    """Replies to the last turns of a conversation, by an encoder and a decoder with attention.

    The encoder reads the turns in a row, with the end token between them.

    Args:
        turns: before a reply, that are read.
        replies: which turns are learnt: "all" but the first, or those of the "second" speaker alone.
        settings: of :class:`Seq2Seq`, as are the attributes. Here ``label_smoothing`` is 0. Of turns with more than
            ``max_length`` units together the last are read; longer replies are not learnt.

    Raises:
        ValueError: a setting is out of range.

    >>> model = Dialogue(hidden_size=256).fit([["Hi!", "Hello, how can I help?", "A table for two."]], epochs=10)
    >>> model.reply("I would like to eat something.", sampler=Sampler(temperature=0.7, seed=1))
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = (*Seq2Seq._SETTINGS, "turns", "replies")

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 256,
        num_layers: int = 1,
        *,
        turns: int = 3,
        replies: str = "all",
        label_smoothing: float = 0.0,
        **settings: Any,
    ) -> None:
        super().__init__(cell, hidden_size, num_layers, label_smoothing=label_smoothing, **settings)
        self.turns = whole("turns", turns, 1)
        if replies not in REPLIES:
            raise ValueError(f"replies must be one of {', '.join(REPLIES)}, not {replies!r}")
        self.replies = replies

    # Training

    def fit(
        self,
        dialogues: Dialogues,
        validation: Dialogues | None = None,
        *,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
        **options: Any,
    ) -> Self:
        """Learn the replies in dialogues, from the beginning.

        Args:
            dialogues: the turns of each, by two speakers in turn.
            validation: other dialogues; the model has the weights with the least loss on them in the end.
            callbacks: objects with the methods of ``models.Callback``.
            progress: called with a ``Progress`` after each update.
            checkpoint: a file that the model is saved to every ``checkpoint_seconds``, at the end and on Ctrl-C.
            options: of the training: see ``models.Training``. Here ``batch_size`` is 64 and ``max_norm`` 1.

        Returns:
            The model.

        Raises:
            TypeError: turns are not strings.
            ValueError: no dialogue has a reply, or an option is out of range.
            TrainingInterrupted: Ctrl-C; ``resume`` goes on.
            FloatingPointError: the training diverged.
        """
        return self._fit(
            dialogues,
            validation,
            options,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_seconds=checkpoint_seconds,
        )

    def resume(
        self,
        dialogues: Dialogues,
        validation: Dialogues | None = None,
        *,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> Self:
        """Finish a training that was interrupted, or that a checkpoint was loaded from, to the same weights.

        Arguments and errors are those of :meth:`fit`; the dialogues must be the same.

        Raises:
            RuntimeError: no training is unfinished.
            ValueError: the dialogues are others, or what the file held is damaged.
        """
        return self._resume(
            dialogues,
            validation,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_seconds=checkpoint_seconds,
        )

    def _check(self, data: Dialogues) -> None:
        if isinstance(data, str) or not isinstance(data, Sequence):
            raise TypeError(f"dialogues must be a list of lists of turns, not {type(data).__name__}")
        for place, turns in enumerate(data):
            check_texts(f"dialogues[{place}]", turns)
        if not any(len(turns) > 1 for turns in data):
            raise ValueError("there are no replies to learn from: a dialogue has two turns or more")

    def _texts(self, data: Dialogues) -> Iterator[str]:
        return chain.from_iterable(data)

    def _pairs(self, data: Dialogues) -> list[Pair]:
        assert self.pieces is not None
        encoded = iter(self.pieces.encode(list(self._texts(data))))
        step = 1 if self.replies == "all" else 2
        pairs = []
        for dialogue in data:
            turns = [next(encoded) for _ in dialogue]
            pairs += [(self._read(turns[:place]), turns[place]) for place in range(1, len(turns), step)]
        return [pair for pair in pairs if len(pair[0])]

    def _read(self, turns: Sequence[Ids]) -> Ids:
        """What the encoder reads of the turns before a reply; nothing where none has units."""
        spoken = [np.append(turn, END_ID) for turn in turns if len(turn)][-self.turns :]
        return np.concatenate([np.zeros(0, np.int64), *spoken])[-self.max_length - 1 : -1]

    # Questions

    def reply(
        self,
        turns: str | Sequence[str],
        *,
        sampler: Sampler | None = None,
        beam_size: int = 5,
        length_penalty: float = 1.0,
        max_length: int = 60,
    ) -> str:
        """What the model says next: a sample, or the most probable reply that a beam search finds.

        Args:
            turns: what was said so far, the last ``self.turns`` of which are read; a str is one turn.
            sampler: draws the reply; None: search.
            beam_size, length_penalty: of the search: see ``Translator.translate``.
            max_length: units of the reply.

        Raises:
            RuntimeError: the model is not trained.
            TypeError, ValueError: a turn is no str, nothing was said, or an option is out of range.
        """
        network = self._trained()
        assert self.pieces is not None
        given = [turns] if isinstance(turns, str) else turns
        check_texts("turns", given)
        whole("max_length", max_length, 1)
        source = self._read(self.pieces.encode(given))
        if not len(source):
            raise ValueError("there is nothing to reply to: give a turn with words in it")
        limits = np.array([max_length])
        if sampler is None:
            beam = {"beam_size": beam_size, "length_penalty": length_penalty, "coverage_penalty": 0.0}
            ids = self._search([source], lambda _: limits, beam, 1)[0][0].ids
        else:
            writing = Writing(network, source[:, None], np.array([len(source)]))
            (ids,) = sample(writing, limits, sampler, begin=BEGIN_ID, end=END_ID)
        return self.pieces.decode(ids)

    def evaluate(self, dialogues: Dialogues, batch_size: int = 64) -> Evaluation:
        """How well the model predicts the units of replies, their ends included.

        Raises:
            RuntimeError: the model is not trained.
            ValueError: there are no replies.
        """
        return self._evaluate(dialogues, batch_size)
