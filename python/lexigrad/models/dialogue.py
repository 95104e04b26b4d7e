"""Conversation: what was said so far in, a reply out (Vinyals and Le 2015, "A Neural Conversational Model")."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lexigrad.embed.training import whole
from lexigrad.models.decode import Sampler, sample
from lexigrad.models.encoder_decoder import Ids, Writing
from lexigrad.models.translator import Translator
from lexigrad.models.writing import Pairs, check_sentences
from lexigrad.tensor import Array
from lexigrad.text.subwords import BEGIN_ID, END_ID

REPLIES = ("all", "second")

Turns = str | Sequence[str]  # what was said before a reply; a str is one turn


class Dialogue(Translator):
    """A translator of the last turns of a conversation into the reply.

    Sources are what was said before each reply: lists of turns, which the encoder reads in a row, with the end token
    between them; or a str for one turn. Targets are the replies. ``exchanges`` takes dialogues apart into both.

    Args:
        turns: the last of them are read, so many.
        label_smoothing, settings: as of :class:`Translator`, but that of the turns together the last ``max_length``
            units are read.

    Raises:
        ValueError: a setting is out of range.

    >>> dialogues = [["Hi!", "Hello, how can I help?", "A table for two.", "Certainly. What time?"]]
    >>> model = Dialogue(hidden_size=256).fit(*exchanges(dialogues, "second"), epochs=10)
    >>> model.reply(["Hi!", "Hello!", "I would like to eat."], sampler=Sampler(temperature=0.5, seed=1))
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = (*Translator._SETTINGS, "turns")

    def __init__(
        self,
        cell: str = "lstm",
        hidden_size: int = 256,
        num_layers: int = 1,
        *,
        turns: int = 3,
        label_smoothing: float = 0.0,
        **settings: Any,
    ) -> None:
        super().__init__(cell, hidden_size, num_layers, label_smoothing=label_smoothing, **settings)
        self.turns = whole("turns", turns, 1)

    def _paired(self, sources: Sequence[Any], targets: Sequence[Any]) -> Pairs:
        check_sentences("targets", targets)
        if len(sources) != len(targets):
            raise ValueError(f"there must be as many targets as sources, {len(sources)}, not {len(targets)}")
        if not len(sources):
            raise ValueError("there are no replies to learn from: a dialogue has two turns or more")
        return _as_turns(sources), targets

    def _read(self, sources: Sequence[Any]) -> list[Array]:
        assert self.pieces is not None
        histories = _as_turns(sources)
        distinct = list(dict.fromkeys(turn for turns in histories for turn in turns))
        units = dict(zip(distinct, self.pieces.encode(distinct), strict=True))
        return [self._joined([units[turn] for turn in turns]) for turns in histories]

    def _joined(self, turns: Sequence[Ids]) -> Ids:
        """What the encoder reads of turns; nothing where none has units."""
        spoken = [np.append(turn, END_ID) for turn in turns if len(turn)][-self.turns :]
        return np.concatenate([np.zeros(0, np.int64), *spoken])[-self.max_length - 1 : -1]

    def _find_vocabulary(self, sources: Sequence[Any], targets: Sequence[str]) -> None:
        super()._find_vocabulary([turns[-1] for turns in sources if turns], targets)

    def _limits(self, lengths: Ids) -> Ids:
        return np.full(len(lengths), self.max_length)

    def reply(
        self,
        turns: Turns,
        *,
        sampler: Sampler | None = None,
        beam_size: int = 5,
        length_penalty: float = 1.0,
        max_length: int | None = None,
    ) -> str:
        """What the model says next: a sample, or the most probable reply that a beam search finds.

        Args:
            turns: what was said so far.
            sampler: draws the reply; None: search.
            beam_size, length_penalty: of the search: see :meth:`translate`.
            max_length: units of the reply; None: as of the model.

        Raises:
            RuntimeError: the model is not trained.
            TypeError, ValueError: a turn is no str, nothing was said, or an option is out of range.
        """
        network = self._trained()
        assert self.pieces is not None
        limit = self.max_length if max_length is None else whole("max_length", max_length, 1)
        (source,) = self._read([turns])
        if not len(source):
            raise ValueError("there is nothing to reply to: give a turn with words in it")
        if sampler is None:
            options: dict[str, Any] = {"beam_size": beam_size, "length_penalty": length_penalty}
            return self._best(self.hypotheses([turns], **options, max_length=limit))[0]
        writing = Writing(network, *network.batch([source]))
        (ids,) = sample(writing, np.array([limit]), sampler, begin=BEGIN_ID, end=END_ID)
        return self.pieces.decode(ids)


def exchanges(dialogues: Sequence[Sequence[str]], replies: str = "all") -> tuple[list[list[str]], list[str]]:
    """What was said before each reply, and the replies, of dialogues between two who speak in turn.

    Args:
        dialogues: the turns of each.
        replies: "all", every turn but the first; or "second", what the second speaker says.

    Raises:
        TypeError: turns are not strings.
        ValueError: there is no such choice of ``replies``.
    """
    if replies not in REPLIES:
        raise ValueError(f"replies must be one of {', '.join(REPLIES)}, not {replies!r}")
    sources: list[list[str]] = []
    targets: list[str] = []
    for place, turns in enumerate(dialogues):
        check_sentences(f"dialogues[{place}]", turns)
        for reply in range(1, len(turns), 1 if replies == "all" else 2):
            sources.append(list(turns[:reply]))
            targets.append(turns[reply])
    return sources, targets


def _as_turns(sources: Sequence[Turns]) -> list[Sequence[str]]:
    """Sources, each as a list of turns.

    Raises:
        TypeError: they are something else.
    """
    if isinstance(sources, str) or not isinstance(sources, Sequence):
        raise TypeError(f"sources must be a list of what was said before each reply, not {type(sources).__name__}")
    histories: list[Sequence[str]] = [[turns] if isinstance(turns, str) else turns for turns in sources]
    for place, turns in enumerate(histories):
        check_sentences(f"sources[{place}]", turns)
    return histories
