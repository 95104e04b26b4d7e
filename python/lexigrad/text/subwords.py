"""Sentences as ids of words or of subword units, and back, for models that read one sentence and write another."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.io.vector_file import pack_words, unpack_words

Array = NDArray[Any]

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
SPECIAL = (BEGIN, END, UNKNOWN)  # their ids are 0, 1 and 2
BEGIN_ID, END_ID, UNKNOWN_ID = range(len(SPECIAL))

_TOKEN = re.compile(r"\w+|[^\w\s]")
_NO_SPACE_BEFORE = re.compile(r" ([.,;:!?)\]%])")


class Pieces(Protocol):
    """What sentences are made of: ``names[i]`` has id i, the first three are ``SPECIAL``."""

    names: list[str]

    def encode(self, sentences: Sequence[str]) -> list[NDArray[np.int64]]:
        """The ids of each sentence, without beginning and end."""

    def decode(self, ids: Iterable[int]) -> str:
        """The sentence of ids."""

    def arrays(self) -> dict[str, Array]:
        """All of it, for a file."""


class WordPieces:
    """Words and punctuation marks, by falling frequency; others are "<unk>"."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._index = {name: i for i, name in enumerate(self.names)}
        if tuple(self.names[: len(SPECIAL)]) != SPECIAL or len(self._index) != len(self.names):
            raise ValueError(f"the words must be different, and {', '.join(SPECIAL)} the first")

    @classmethod
    def of(cls, sentences: Iterable[str], size: int, min_count: int = 1) -> Self:
        """At most ``size`` of those that occur so often in the sentences."""
        counts = Counter(token for sentence in sentences for token in _TOKEN.findall(sentence))
        kept = [word for word in sorted(counts, key=lambda word: (-counts[word], word)) if counts[word] >= min_count]
        return cls([*SPECIAL, *kept[: max(0, size - len(SPECIAL))]])

    def encode(self, sentences: Sequence[str]) -> list[NDArray[np.int64]]:
        index = self._index
        return [
            np.array([index.get(token, UNKNOWN_ID) for token in _TOKEN.findall(sentence)], np.int64)
            for sentence in sentences
        ]

    def decode(self, ids: Iterable[int]) -> str:
        return _NO_SPACE_BEFORE.sub(r"\1", " ".join(self.names[i] for i in ids))

    def arrays(self) -> dict[str, Array]:
        names, offsets = pack_words(self.names)
        return {"names": names, "offsets": offsets}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> Self:
        return cls(unpack_words(arrays["names"], arrays["offsets"]))


class BytePairs:
    """Byte-pair encoding of bytes (Sennrich et al. 2016), by the tokenizers library: no text is unknown to it.

    Raises:
        ModuleNotFoundError: tokenizers is not installed: pip install 'lexigrad[subwords]'.
        ValueError: ``description`` is not one of such an encoding.
    """

    def __init__(self, description: str) -> None:
        library = _library()
        try:
            self._tokenizer: Any = library.Tokenizer.from_str(description)
        except Exception as error:  # the library raises a bare one
            raise ValueError(f"the subword units are damaged: {error}") from None
        vocabulary = self._tokenizer.get_vocab()
        self.names = sorted(vocabulary, key=vocabulary.__getitem__)
        if tuple(self.names[: len(SPECIAL)]) != SPECIAL or sorted(vocabulary.values()) != list(range(len(vocabulary))):
            raise ValueError(f"the subword units must have the ids 0, 1, ..., and {', '.join(SPECIAL)} be the first")

    @classmethod
    def of(cls, sentences: Iterable[str], size: int, min_count: int = 1) -> Self:
        """At most ``size`` units: the bytes, and pairs that occur so often in the sentences, merged."""
        library = _library()
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=max(2, min_count),
            special_tokens=list(SPECIAL),
            initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(sentences, trainer)
        return cls(tokenizer.to_str())

    def encode(self, sentences: Sequence[str]) -> list[NDArray[np.int64]]:
        found = self._tokenizer.encode_batch(list(sentences), add_special_tokens=False)
        return [np.array(one.ids, np.int64) for one in found]

    def decode(self, ids: Iterable[int]) -> str:
        text: str = self._tokenizer.decode(list(ids))
        return text.strip()

    def arrays(self) -> dict[str, Array]:
        return {"description": np.frombuffer(self._tokenizer.to_str().encode(), np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> Self:
        return cls(arrays["description"].tobytes().decode())


PIECES: Mapping[str, type[WordPieces] | type[BytePairs]] = {"word": WordPieces, "bpe": BytePairs}


def _library() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "subword units need the tokenizers library: pip install 'lexigrad[subwords]', or take unit='word'",
            name=error.name,
        ) from error
    return tokenizers
