"""Texts as ids of characters or of words, for models that write."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lexigrad.io.compressed import open_binary

Ids = NDArray[np.int32]

END, UNKNOWN = "<eos>", "<unk>"


class Units(Protocol):
    """The characters or words that have an id: ``names[i]`` has id i."""

    names: list[str]

    def __len__(self) -> int: ...

    def encode(self, text: str) -> Ids:
        """The ids of a text, (n,)."""

    def decode(self, ids: Iterable[int]) -> Iterator[str]:
        """The text of ids, a piece for each; joined they are the text."""

    @property
    def beginning(self) -> int | None:
        """The id after which texts and lines begin; None if there is none."""


class Characters:
    """The characters of a text, in the order of their code points."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        if any(len(name) != 1 for name in self.names):
            raise ValueError("characters must be strings of length 1")
        self._codes = np.array([ord(name) for name in self.names], np.uint32)
        if (self._codes[1:] <= self._codes[:-1]).any():
            raise ValueError("characters must be in the order of their code points, and none twice")

    @classmethod
    def of(cls, *texts: str) -> "Characters":
        """Those that occur in any of the texts."""
        return cls(sorted(set().union(*texts)))

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, text: str) -> Ids:
        """The ids of a text.

        Raises:
            ValueError: a character has none; the message says which, and where.
        """
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        places = np.searchsorted(self._codes, codes)
        places[places == len(self._codes)] = 0
        unknown = self._codes[places] != codes
        if unknown.any():
            place = int(unknown.argmax())
            raise ValueError(
                f"the character {text[place]!r} at place {place} is not one of the {len(self)} that the model knows: "
                "leave it out, or train on a text that has it"
            )
        return places.astype(np.int32)

    def decode(self, ids: Iterable[int]) -> Iterator[str]:
        return (self.names[i] for i in ids)

    @property
    def beginning(self) -> int | None:
        return self.names.index("\n") if "\n" in self.names else None


class Words:
    """Words between white space, by falling frequency; each line ends with the word "<eos>".

    With a word "<unk>" all other words are that one.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._index = {name: i for i, name in enumerate(self.names)}
        if len(self._index) != len(self.names):
            raise ValueError("a word is there twice")

    @classmethod
    def of(cls, text: str, min_count: int = 1) -> "Words":
        """Those of a text that occur so often; if that leaves any out, "<unk>" is one."""
        counts = Counter(_words(text))
        kept = [word for word in sorted(counts, key=lambda word: (-counts[word], word)) if counts[word] >= min_count]
        if len(kept) < len(counts) and UNKNOWN not in kept:
            kept.append(UNKNOWN)
        return cls(kept)

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, text: str) -> Ids:
        """The ids of a text.

        Raises:
            ValueError: a word has none, and there is no "<unk>".
        """
        words = _words(text)
        unknown = self._index.get(UNKNOWN, -1)
        ids = np.fromiter((self._index.get(word, unknown) for word in words), np.int32, len(words))
        if (ids < 0).any():
            place = int((ids < 0).argmax())
            raise ValueError(
                f"the word {words[place]!r:.60} (number {place}) is not one of the {len(self)} that the model knows, "
                f"and {UNKNOWN!r} is none either: train with min_count=2 or more, or on a text that has it"
            )
        return ids

    def decode(self, ids: Iterable[int]) -> Iterator[str]:
        for i in ids:
            yield "\n" if self.names[i] == END else f"{self.names[i]} "

    @property
    def beginning(self) -> int | None:
        return self._index.get(END)


KINDS: Mapping[str, type[Characters] | type[Words]] = {"char": Characters, "word": Words}


def _words(text: str) -> list[str]:
    """The words of a text, "<eos>" at the end of each line; a last line without a line end has none."""
    words: list[str] = []
    *lines, last = text.split("\n")
    for line in lines:
        words += line.split()
        words.append(END)
    return words + last.split()


def read_text(source: str | os.PathLike[str]) -> str:
    """A text: itself if it is a str, or what is in the file that a path names, which may be compressed.

    Raises:
        TypeError: it is neither.
        ValueError: the file is not UTF-8.
    """
    if isinstance(source, str):
        return source
    if not isinstance(source, os.PathLike):
        raise TypeError(f"a text must be a str, or a pathlib.Path to read, not {type(source).__name__}")
    with open_binary(source) as file:
        content = file.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{os.fspath(source)}: byte {error.start} is not UTF-8 ({error.reason}): convert the file"
        ) from None
