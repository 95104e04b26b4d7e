"""Phrases: words that stand together more often than chance would have it, joined into one token.

Names, parameters and results are gensim's (``gensim.models.phrases``); counting and joining run in C++.

Sources: Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality"
(the default score); Bouma 2009, "Normalized (Pointwise) Mutual Information in Collocation Extraction"
(``"npmi"``).
"""

import codecs
import inspect
import itertools
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, cast

from lexigrad import _core
from lexigrad.io.atomic import atomic_write

if TYPE_CHECKING:
    from lexigrad.text.corpus import Corpus

# Articles, prepositions and conjunctions: they stand inside phrases (bank_of_america), never at their ends.
ENGLISH_CONNECTOR_WORDS = frozenset(
    ["a", "an", "the", "for", "of", "with", "without", "at", "from", "to", "in", "on", "by", "and", "or"]
)

Scorer = Callable[..., float]

_PARAMETERS = ("worda_count", "wordb_count", "bigram_count", "len_vocab", "min_count", "corpus_word_count")
_BLOCK = 1 << 22  # bytes of a corpus file read at once
_ITEMS = 1 << 16  # entries of a vocabulary fetched at once
_FORMAT = "lexigrad-phrases"


def original_scorer(
    worda_count: float,
    wordb_count: float,
    bigram_count: float,
    len_vocab: float,
    min_count: float,
    corpus_word_count: float,
) -> float:
    """``(bigram_count - min_count) * len_vocab / (worda_count * wordb_count)`` (Mikolov et al. 2013)."""
    both = worda_count * wordb_count
    return (bigram_count - min_count) / float(both) * len_vocab if both else -math.inf


def npmi_scorer(
    worda_count: float,
    wordb_count: float,
    bigram_count: float,
    len_vocab: float,
    min_count: float,
    corpus_word_count: float,
) -> float:
    """``ln(p(ab) / (p(a) p(b))) / -ln p(ab)``: normalised pointwise mutual information (Bouma 2009).

    From -1 to 1; minus infinity for phrases rarer than ``min_count``.
    """
    if bigram_count < min_count or not (worda_count and wordb_count and bigram_count):
        return -math.inf
    p_a, p_b, p_ab = (count / corpus_word_count for count in (worda_count, wordb_count, bigram_count))
    information = -math.log(p_ab)
    return math.log(p_ab / (p_a * p_b)) / information if information else -math.inf


_NAMED_SCORERS: dict[str, Scorer] = {"default": original_scorer, "npmi": npmi_scorer}


class PhraseVocab(Mapping[str, int]):
    """Counts of words and joined phrases, in the order in which they were met: a read-only mapping."""

    def __init__(self, counter: _core.PhraseCounter) -> None:
        self._counter = counter

    def __getitem__(self, token: str) -> int:
        count = self._counter.get(token)
        if count is None:
            raise KeyError(token)
        return count

    def __len__(self) -> int:
        return len(self._counter)

    def _pairs(self) -> Iterator[tuple[str, int]]:
        place = 0
        while True:
            pairs, place = self._counter.items(place, _ITEMS)
            if not pairs:
                return
            yield from pairs

    def __iter__(self) -> Iterator[str]:
        return (token for token, _ in self._pairs())

    def __repr__(self) -> str:
        return f"<{len(self)} words and phrases with their counts>"


class PhrasedCorpus:
    """The sentences of a corpus with their phrases joined, made anew at each iteration."""

    def __init__(self, model: "_Transformation", source: Any) -> None:
        self._model = model
        self._source = source

    def __iter__(self) -> Iterator[list[str]]:
        corpus = _open_source(self._source)
        if corpus is None:
            for sentence in _sentences(self._source):
                yield self._model._finder().transform(sentence)
            return
        for block in _line_blocks(corpus):
            for line in self._model._finder().rewrite(block).decode().split("\n")[:-1]:
                yield line.split(" ") if line else []


class _Transformation:
    """What a model with counts and a frozen one have in common: joining phrases, and their files."""

    min_count: float
    threshold: float
    delimiter: str
    connector_words: frozenset[str]

    def _finder(self) -> _core.PhraseFinder:
        raise NotImplementedError

    def __getitem__(self, sentence: Any) -> Any:
        """Join the phrases of a sentence, or of every sentence of a corpus.

        Args:
            sentence: A sentence (an iterable of tokens) gives a list of tokens. A corpus (an iterable of
                sentences, a path, or paths) gives an iterable of such lists that does its work while it is
                iterated, each time anew; an iterator gives an iterator.

        Raises:
            TypeError: a sentence is no list of strings.
        """
        if isinstance(sentence, str | os.PathLike):
            return PhrasedCorpus(self, sentence)
        items = iter(sentence)
        once = items is sentence
        first = next(items, None)
        if first is None:
            return []
        if isinstance(first, str):
            return self._finder().transform([first, *items] if once else sentence)
        return iter(PhrasedCorpus(self, itertools.chain([first], items))) if once else PhrasedCorpus(self, sentence)

    def analyze_sentence(self, sentence: Iterable[str]) -> list[tuple[str, float | None]]:
        """The tokens that ``self[sentence]`` gives, each with its score, or None where it is no phrase."""
        return self._finder().analyze(sentence)

    def score_candidate(
        self, word_a: str, word_b: str, in_between: Iterable[str] = ()
    ) -> tuple[str, float] | tuple[None, None]:
        """The joined token and the score of one candidate; ``(None, None)`` when it is no phrase."""
        words = [word_a, *in_between, word_b]
        score = self._finder().score(words)
        return (None, None) if score is None else (self.delimiter.join(words), score)

    def find_phrases(self, sentences: Any) -> dict[str, float]:
        """Every phrase that occurs in a corpus (sentences, a path, or paths), with its score."""
        finder = self._finder()
        corpus = _open_source(sentences)
        found: dict[str, float] = {}
        for sentence in _sentences(sentences) if corpus is None else _lines(corpus):
            for phrase, score in finder.analyze(sentence):
                if score is not None:
                    found[phrase] = score
        return found

    def write_corpus(self, source: Any, path: str | os.PathLike[str]) -> None:
        """Write a corpus with its phrases joined, a sentence a line, compressed as the suffix says.

        Args:
            source: A path, paths, or sentences.
            path: The file to write. It appears whole or not at all.
        """
        from lexigrad.io.compressed import compressing

        finder = self._finder()
        with atomic_write(path) as plain, compressing(plain, path) as file:
            corpus = _open_source(source)
            if corpus is None:
                for sentence in _sentences(source):
                    file.write(" ".join(finder.transform(sentence)).encode() + b"\n")
            else:
                for block in _line_blocks(corpus):
                    file.write(finder.rewrite(block))

    @classmethod
    def _from_state(cls, state: Mapping[str, Any], scoring: Scorer | None) -> Self:
        raise NotImplementedError

    def _state(self) -> dict[str, Any]:
        return {
            "min_count": self.min_count,
            "threshold": self.threshold,
            "delimiter": self.delimiter,
            "connector_words": sorted(self.connector_words),
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as one JSON file, atomically."""
        document = {"format": _FORMAT, "version": 1, "class": type(self).__name__, **self._state()}
        with atomic_write(path) as file:
            for part in json.JSONEncoder(ensure_ascii=False).iterencode(document):
                file.write(part.encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str], scoring: Scorer | None = None) -> Self:
        """Read a model that ``save`` wrote; ``Phrases.load`` gives back either class, as gensim's does.

        Args:
            path: The JSON file.
            scoring: The scoring function of a model that had one of its own; the file holds only its name.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file holds no phrase model, or one whose scoring function is missing.
        """
        try:
            with open(path, "rb") as file:
                document = json.load(file)
            if not isinstance(document, dict) or document.get("format") != _FORMAT:
                raise ValueError("it has no 'format': 'lexigrad-phrases'")
            if document["version"] != 1:
                raise ValueError(f"it has version {document['version']}, and this lexigrad reads version 1")
            kinds: dict[str, type[_Transformation]] = {"Phrases": Phrases, "FrozenPhrases": FrozenPhrases}
            return cast(Self, kinds[document["class"]]._from_state(document, scoring))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            reason = f"{error} is missing or unknown" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{os.fspath(path)} is no phrase model: {reason}") from error


class Phrases(_Transformation):
    """Finds the phrases of a corpus from counts of words and of neighbouring words.

    Args:
        sentences: Token lists, a path, or paths to count at once; more with ``add_vocab``. There is one pass
            over them, so that a generator will do.
        min_count: Phrases rarer than this are none, at least 1 (default 5).
        threshold: A phrase's score is greater (default 10; from -1 to 1 for ``"npmi"``).
        max_vocab_size: Bound on the entries counted: whenever a sentence leaves more, the rarest are dropped,
            and the next time those less rare (default 40 million, about 2 GB).
        delimiter: Joins the words of a phrase (default ``"_"``).
        progress_per: Accepted for gensim's sake; there is nothing to report.
        scoring: ``"default"``, ``"npmi"``, or a function with the parameters worda_count, wordb_count,
            bigram_count, len_vocab, min_count and corpus_word_count.
        connector_words: Words that may stand inside a phrase but not at its ends, such as
            ``ENGLISH_CONNECTOR_WORDS``.

    Raises:
        ValueError: an option is out of its range, or the scoring function lacks a parameter.
        TypeError: a sentence is no list of strings.

    Example:
        >>> phrases = Phrases([["new", "york", "is", "big"]] * 3, min_count=1, threshold=0.5)
        >>> phrases[["in", "new", "york"]]
        ['in', 'new_york']
    """

    def __init__(
        self,
        sentences: Any = None,
        min_count: float = 5,
        threshold: float = 10.0,
        max_vocab_size: int = 40_000_000,
        delimiter: str = "_",
        progress_per: int = 10_000,
        scoring: str | Scorer = "default",
        connector_words: Iterable[str] = frozenset(),
    ) -> None:
        if min_count <= 0:
            raise ValueError(f"min_count must be at least 1, not {min_count}")
        if max_vocab_size < 1:
            raise ValueError(f"max_vocab_size must be at least 1, not {max_vocab_size}")
        if not isinstance(delimiter, str) or not delimiter:
            raise ValueError(f"delimiter must be a string of at least one character, not {delimiter!r}")
        if isinstance(connector_words, str):
            raise TypeError(f"connector_words must be a set of words, not the string {connector_words!r}")
        if scoring in ("default", original_scorer) and threshold <= 0:
            raise ValueError(f"threshold must be positive for the default scoring, not {threshold}")
        if scoring in ("npmi", npmi_scorer) and not -1 <= threshold <= 1:
            raise ValueError(f"threshold must be between -1 and 1 for npmi scoring, not {threshold}")
        self.min_count = min_count
        self.threshold = threshold
        self.max_vocab_size = max_vocab_size
        self.delimiter = delimiter
        self.progress_per = progress_per
        self.scoring = _scorer(scoring)
        self.connector_words = frozenset(connector_words)
        self.corpus_word_count = 0
        self._counter = self._new_counter()
        if sentences is not None:
            self.add_vocab(sentences)

    def _new_counter(self) -> _core.PhraseCounter:
        return _core.PhraseCounter(self.delimiter, sorted(self.connector_words), self.max_vocab_size)

    @property
    def vocab(self) -> PhraseVocab:
        """Counts of words and joined phrases: a read-only mapping."""
        return PhraseVocab(self._counter)

    @property
    def min_reduce(self) -> int:
        """The count below which the next pruning drops entries."""
        return self._counter.min_reduce

    def add_vocab(self, sentences: Any) -> None:
        """Count more sentences: token lists, a path, or paths.

        They are counted apart and added at the end: an exception in the middle leaves the model as it was.
        """
        counter = self._new_counter()
        corpus = _open_source(sentences)
        if corpus is None:
            for sentence in _sentences(sentences):
                counter.add_sentence(sentence)
        else:
            for block in _line_blocks(corpus):
                counter.add_text(block, _core.num_threads())
        counter.flush()
        self.corpus_word_count += counter.words
        if len(self._counter):
            self._counter.merge(counter)
        else:
            counter.min_reduce = 1
            self._counter = counter

    def _finder(self) -> _core.PhraseFinder:
        named = next((name for name, scorer in _NAMED_SCORERS.items() if scorer is self.scoring), None)
        return _core.PhraseFinder.live(
            self._counter, named or self.scoring, self.min_count, self.corpus_word_count, self.threshold
        )

    def export_phrases(self) -> dict[str, float]:
        """Every phrase among the counts, with its score."""
        return self._finder().export_phrases()

    def freeze(self) -> "FrozenPhrases":
        """The phrases and their scores alone: smaller and faster, and no longer to be added to."""
        return FrozenPhrases(self)

    def __len__(self) -> int:
        return len(self._counter)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}<{len(self)} vocab, min_count={self.min_count}, "
            f"threshold={self.threshold}, max_vocab_size={self.max_vocab_size}>"
        )

    def _state(self) -> dict[str, Any]:
        named = next((name for name, scorer in _NAMED_SCORERS.items() if scorer is self.scoring), None)
        return {
            **super()._state(),
            "max_vocab_size": self.max_vocab_size,
            "scoring": named,
            "scoring_function": None if named else getattr(self.scoring, "__qualname__", repr(self.scoring)),
            "corpus_word_count": self.corpus_word_count,
            "min_reduce": self.min_reduce,
            "vocab": dict(self.vocab.items()),
        }

    @classmethod
    def _from_state(cls, state: Mapping[str, Any], scoring: Scorer | None) -> Self:
        scoring = state["scoring"] or scoring
        if scoring is None:
            raise ValueError(f"it needs its scoring function again: load(..., scoring={state['scoring_function']})")
        model = cls(
            min_count=_number(state, "min_count"),
            threshold=_number(state, "threshold"),
            max_vocab_size=_integer(state, "max_vocab_size"),
            delimiter=state["delimiter"],
            scoring=scoring,
            connector_words=_strings(state, "connector_words"),
        )
        model.corpus_word_count = _integer(state, "corpus_word_count")
        vocab = _mapping(state, "vocab")
        for token in vocab:
            model._counter.add_count(token, _integer(vocab, token))
        model._counter.min_reduce = _integer(state, "min_reduce")
        return model


class FrozenPhrases(_Transformation):
    """Phrases and their scores, without the counts they came from: see ``Phrases.freeze``."""

    def __init__(self, phrases_model: Phrases) -> None:
        self.min_count = phrases_model.min_count
        self.threshold = phrases_model.threshold
        self.delimiter = phrases_model.delimiter
        self.scoring: Scorer | None = phrases_model.scoring
        self.connector_words = phrases_model.connector_words
        self._freeze(phrases_model.export_phrases())

    def _freeze(self, phrasegrams: dict[str, float]) -> None:
        self._phrasegrams = phrasegrams
        self._frozen = _core.PhraseFinder.frozen(
            self.delimiter, sorted(self.connector_words), phrasegrams, self.threshold
        )

    @property
    def phrasegrams(self) -> Mapping[str, float]:
        """Each phrase with its score: a read-only mapping."""
        return MappingProxyType(self._phrasegrams)

    def _finder(self) -> _core.PhraseFinder:
        self._frozen.threshold = self.threshold
        return self._frozen

    def __len__(self) -> int:
        return len(self._phrasegrams)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}<{len(self)} phrases, min_count={self.min_count}, threshold={self.threshold}>"

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "phrasegrams": self._phrasegrams}

    @classmethod
    def _from_state(cls, state: Mapping[str, Any], scoring: Scorer | None) -> Self:
        model = cls.__new__(cls)
        model.min_count = _number(state, "min_count")
        model.threshold = _number(state, "threshold")
        model.delimiter = state["delimiter"]
        model.scoring = scoring
        model.connector_words = frozenset(_strings(state, "connector_words"))
        if not isinstance(model.delimiter, str) or not model.delimiter:
            raise ValueError(f"delimiter is {model.delimiter!r}")
        phrasegrams = _mapping(state, "phrasegrams")
        model._freeze({phrase: _number(phrasegrams, phrase) for phrase in phrasegrams})
        return model


Phraser = FrozenPhrases


def _scorer(scoring: str | Scorer) -> Scorer:
    """The scoring function that a name stands for, or the one given, checked for its parameters."""
    if isinstance(scoring, str):
        if scoring not in _NAMED_SCORERS:
            raise ValueError(f"scoring must be 'default', 'npmi' or a function, not {scoring!r}")
        return _NAMED_SCORERS[scoring]
    if not callable(scoring):
        raise TypeError(f"scoring must be 'default', 'npmi' or a function, not {scoring!r}")
    parameters = inspect.signature(scoring).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return scoring
    if missing := [name for name in _PARAMETERS if name not in parameters]:
        raise ValueError(f"the scoring function must have the parameters {', '.join(_PARAMETERS)}; it lacks {missing}")
    return scoring


def _number(state: Mapping[str, Any], key: str) -> float:
    value = state[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ValueError(f"{key} is {value!r}, not a number")
    return value


def _integer(state: Mapping[str, Any], key: str) -> int:
    value = state[key]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(f"{key} is {value!r}, not a count")
    return value


def _mapping(state: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = state[key]
    if not isinstance(value, dict):
        raise ValueError(f"{key} is no mapping")
    return value


def _strings(state: Mapping[str, Any], key: str) -> list[str]:
    value = state[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} is no list of strings")
    return value


def _open_source(source: Any) -> "Corpus | None":
    """The corpus that names files, or None for an iterable of sentences, which need not be restartable."""
    from lexigrad.text.corpus import Corpus, as_corpus

    listed = isinstance(source, list | tuple) and bool(source)
    if isinstance(source, Corpus | str | os.PathLike) or (listed and isinstance(source[0], str | os.PathLike)):
        corpus = as_corpus(source)
        return corpus if corpus.paths else None
    return None


def _sentences(source: Any) -> Iterable[Iterable[str]]:
    """The sentences of what is no file."""
    found = getattr(source, "sentences", source)
    if isinstance(found, bytes | bytearray | memoryview) or not isinstance(found, Iterable):
        raise TypeError(f"a corpus must be a path, paths or an iterable of token lists, not {type(found).__name__}")
    return found


def _line_blocks(corpus: "Corpus") -> Iterator[memoryview]:
    """The bytes of a corpus's files in blocks of whole lines.

    Raises:
        ValueError: a file is not UTF-8.
    """
    from lexigrad.io.compressed import open_binary

    for path in corpus.paths:
        with open_binary(path) as file:
            parts: list[bytes] = []
            offset = 0
            first = file.read(_BLOCK).removeprefix(codecs.BOM_UTF8)
            for block in itertools.chain([first], iter(lambda: file.read(_BLOCK), b"")):
                end = block.rfind(b"\n") + 1
                if not end:
                    parts.append(block)
                    continue
                lines = b"".join([*parts, block[:end]])
                yield _checked(memoryview(lines), path, offset)
                offset += len(lines)
                parts = [block[end:]]
            yield _checked(memoryview(b"".join(parts)), path, offset)


def _lines(corpus: "Corpus") -> Iterator[list[str]]:
    for block in _line_blocks(corpus):
        for line in bytes(block).split(b"\n"):
            yield [word.decode() for word in line.split()]  # bytes split at ASCII white space, as C++ does


def _checked(block: memoryview, path: str, offset: int) -> memoryview:
    try:
        str(block, "utf-8")
    except UnicodeDecodeError as error:
        place = offset + error.start
        raise ValueError(
            f"{path}: byte {place} is not valid UTF-8: convert the file, for instance with iconv"
        ) from error
    return block
