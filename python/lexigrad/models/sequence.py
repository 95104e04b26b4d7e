"""What models that read sentences share: words and their spelling as ids, a bidirectional encoder, fit and resume."""

import os
import re
import zlib
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.training import whole
from lexigrad.io.vector_file import pack_words, unpack_words
from lexigrad.models.batches import length_batches, pad_sequences
from lexigrad.models.model import Model
from lexigrad.models.trainer import Task, Training, evaluating
from lexigrad.nn.dropout import VariationalDropout
from lexigrad.nn.embedding import Embedding
from lexigrad.nn.module import Module
from lexigrad.nn.recurrent import GRU, LSTM
from lexigrad.ops.dropout import check_probability
from lexigrad.ops.shape import concatenate
from lexigrad.progress import Hook
from lexigrad.tensor import Array, Tensor

Ids = NDArray[np.int32]

CELLS: Mapping[str, Any] = {"lstm": LSTM, "gru": GRU}
GATES = {"lstm": 4, "gru": 3}
UNKNOWN = 0  # the id of words, and of characters, that training did not have
_RARE_UNKNOWN = 0.5  # the chance that a word which occurs once is read as unknown in training (Lample et al. 2016)
_LONGEST_SPELLING = 32  # characters of a word that are read: the first and the last half of them
_VECTOR_SIZE = 100

_WORD = re.compile(r"\w+(?:'\w+)?|[^\w\s]")


class Spelled(NamedTuple):
    """The distinct words of a batch: characters (C, U), their numbers (U,), and which of them stands where (T, B)."""

    characters: Ids
    lengths: NDArray[np.int64]
    places: NDArray[np.int64]


class Encoded(NamedTuple):
    """Sentences as ids of words, and of forms: words as they are spelt."""

    words: list[Ids]
    forms: list[Ids]
    spelling: list[Ids]  # by form

    def batch(self, indices: NDArray[np.int64]) -> tuple[Ids, NDArray[np.int64], Spelled | None]:
        """Words (T, B), lengths (B,) and spelling of some sentences."""
        words, lengths = pad_sequences([self.words[i] for i in indices], UNKNOWN, np.int32)
        if not self.spelling:
            return words, lengths, None
        forms, _ = pad_sequences([self.forms[i] for i in indices], 0, np.int32)
        found, places = np.unique(forms, return_inverse=True)
        characters, counts = pad_sequences([self.spelling[form] for form in found], UNKNOWN, np.int32)
        return words, lengths, Spelled(characters, counts, places.reshape(forms.shape))


class SentenceEncoder(Module):
    """words (T, B) and their spelling -> (T, B, 2 H): vectors of words and spellings, then a bidirectional network.

    Attributes:
        embed: vectors of words.
        char_embed, char_rnn: vectors of characters, and what reads a word's both ways; its last states stand for the
            spelling. None without.
        rnn: LSTM or GRU over the sentence.
    """

    def __init__(
        self,
        words: int,
        vector_size: int,
        characters: int,
        char_size: int,
        hidden_size: int,
        num_layers: int,
        cell: str,
        dropout: float,
        rng: np.random.Generator,
    ) -> None:
        self.rng = rng
        self.embed = Embedding(words, vector_size, rng=rng)
        self.embed.weight.data *= 0.1
        self.char_embed = self.char_rnn = None
        if char_size:
            self.char_embed = Embedding(characters, char_size, rng=rng)
            self.char_rnn = LSTM(char_size, char_size, bidirectional=True, rng=rng)
        self.dropout = VariationalDropout(dropout, rng=rng)
        self.rnn = CELLS[cell](
            vector_size + 2 * char_size,
            hidden_size,
            num_layers,
            dropout=dropout,
            bidirectional=True,
            variational=True,
            rng=rng,
        )

    def forward(self, words: Ids, lengths: NDArray[np.int64], spelled: Spelled | None) -> Tensor:
        x = self.embed(words)
        if self.char_embed is not None and self.char_rnn is not None and spelled is not None:
            _, (h, _) = self.char_rnn(self.char_embed(spelled.characters), lengths=spelled.lengths)
            x = concatenate([x, concatenate([h[0], h[1]], 1)[spelled.places]], -1)
        y, _ = self.rnn(self.dropout(x), lengths=lengths)
        dropped: Tensor = self.dropout(y)
        return dropped


class SequenceNetwork(Module):
    """An encoder, and what a model puts on it."""

    encoder: SentenceEncoder

    def loss(self, y: Tensor, lengths: NDArray[np.int64], targets: NDArray[np.int64]) -> Tensor:
        """The mean loss of encoded sentences y (T, B, 2 H)."""
        raise NotImplementedError


class SequenceModel(Model):
    """Base of the models that read sentences; see there.

    Attributes:
        words, characters: their names by id, the first of which stands for all unknown ones; None before training.
        classes_: the labels, in their order.
    """

    _TRAINING: ClassVar[Mapping[str, Any]] = {"batch_size": 32, "lr": 2e-3}

    network: SequenceNetwork | None = None

    def __init__(
        self,
        cell: str,
        hidden_size: int,
        num_layers: int,
        char_size: int,
        dropout: float,
        min_count: int,
        lowercase: bool,
        seed: int,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, not {cell!r}")
        self.cell = cell
        self.hidden_size = whole("hidden_size", hidden_size, 1)
        self.num_layers = whole("num_layers", num_layers, 1)
        self.char_size = whole("char_size", char_size, 0)
        check_probability(dropout)
        self.dropout = dropout
        self.min_count = whole("min_count", min_count, 1)
        self.lowercase = bool(lowercase)
        self.seed = whole("seed", seed, 0)
        self.words: list[str] | None = None
        self.characters: list[str] = []
        self.classes_: list[str] = []
        self.vector_size = _VECTOR_SIZE

    def __repr__(self) -> str:
        known = "not trained" if self.words is None else f"{len(self.words)} words, {len(self.classes_)} labels"
        return f"{type(self).__name__}({known}, {self.cell} of {self.num_layers} x {self.hidden_size})"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags

    # What a model brings

    @abstractmethod
    def _tokens(self, item: Any, place: int) -> list[str]:
        """The words of an item of X.

        Raises:
            TypeError, ValueError: it is no such item.
        """

    @abstractmethod
    def _labels(self, y: Sequence[Any], sentences: list[list[str]]) -> list[Any]:
        """The checked labels, a list of str or a str for each sentence.

        Raises:
            TypeError, ValueError: they do not fit.
        """

    @abstractmethod
    def _build(self) -> SequenceNetwork: ...

    @abstractmethod
    def _targets(self, labels: list[Any]) -> list[NDArray[np.int64]]:
        """Labels as ids, an array for each sentence."""

    @abstractmethod
    def score(self, X: Sequence[Any], y: Sequence[Any]) -> float:
        """How good the predictions are, between 0 and 1."""

    # Training

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[Any],
        validation: tuple[Sequence[Any], Sequence[Any]] | float | None = None,
        *,
        vectors: KeyedVectors | None = None,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
        **options: Any,
    ) -> Self:
        """Learn labelled sentences, from the beginning.

        Args:
            X, y: the sentences and their labels.
            validation: such a pair, or the fraction at the end of the data that is held out. The weights of the best
                ``score`` are those of the model in the end. Labels that training does not have count as errors.
            vectors: a start for the vectors of words, which are then learnt on. All their words become known. Words
                that have none get one as they are, or else in lower case.
            callbacks: objects with the methods of ``models.Callback``.
            progress: called with a ``Progress`` after each update.
            checkpoint: a file that the model is saved to every ``checkpoint_seconds``, at the end and on Ctrl-C.
            options: of the training: see ``models.Training``. Here ``lr`` is 0.002 by default.

        Returns:
            The model.

        Raises:
            TypeError: sentences or labels are of the wrong kind.
            ValueError: there are no sentences, not as many labels, or an option is out of range.
            TrainingInterrupted: Ctrl-C; ``resume`` goes on.
            FloatingPointError: the training diverged.
        """
        training = self._options(options)
        learnt, judged = self._split(X, y, validation)
        sentences, labels = self._checked(*learnt)
        if not any(sentences):
            raise ValueError("there are no sentences with words to learn from")
        with self._all_or_nothing():
            self._find_vocabulary(sentences, labels, vectors)
            self.network = network = self._build()
            if vectors is not None:
                self._start_from(network, vectors)
            task = self._task(sentences, labels, judged, training, network)
        self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds)
        return self

    def resume(
        self,
        X: Sequence[Any],
        y: Sequence[Any],
        validation: tuple[Sequence[Any], Sequence[Any]] | float | None = None,
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
        learnt, judged = self._split(X, y, validation)
        sentences, labels = self._checked(*learnt)
        try:
            task = self._task(sentences, labels, judged, training, self._trained())
            self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds, snapshot=snapshot)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"the data are others, or the unfinished training is damaged: {error!r}") from error
        return self

    def _split(self, X: Sequence[Any], y: Sequence[Any], validation: Any) -> tuple[tuple[Any, Any], Any]:
        """The data to learn from and to be judged by."""
        if validation is None:
            return (X, y), None
        if not isinstance(validation, int | float):
            if len(validation) != 2:
                raise ValueError("validation must be a pair of sentences and labels, or a fraction")
            self._checked(*validation)
            return (X, y), validation
        if not 0 < validation < 1:
            raise ValueError(f"validation must be a pair or a fraction between 0 and 1, not {validation!r}")
        end = round(len(X) * (1 - validation))
        return (X[:end], y[:end]), (X[end:], y[end:])

    def _checked(self, X: Sequence[Any], y: Sequence[Any]) -> tuple[list[list[str]], list[Any]]:
        sentences = self._sentences(X)
        if isinstance(y, str) or len(y) != len(sentences):
            raise ValueError(f"there are {len(sentences)} sentences, but labels of {len(y)}")
        return sentences, self._labels(y, sentences)

    def _sentences(self, X: Sequence[Any]) -> list[list[str]]:
        if isinstance(X, str):
            raise TypeError("X must be a sequence of sentences, not one str: put it in a list")
        return [self._tokens(item, place) for place, item in enumerate(X)]

    def _find_vocabulary(self, sentences: list[list[str]], labels: list[Any], vectors: KeyedVectors | None) -> None:
        counts = Counter(map(self._key, (word for sentence in sentences for word in sentence)))
        known = [word for word in sorted(counts, key=lambda w: (-counts[w], w)) if counts[word] >= self.min_count]
        if vectors is not None:
            seen = set(known)
            for word in map(self._key, vectors.index_to_key):
                if word not in seen:
                    seen.add(word)
                    known.append(word)
        self.vector_size = _VECTOR_SIZE if vectors is None else int(vectors.vector_size)
        self.words = ["", *(word for word in known if word)]
        spelt = Counter(character for sentence in sentences for word in sentence for character in word)
        self.characters = ["", *sorted(spelt)]
        self.classes_ = sorted({name for one in labels for name in ([one] if isinstance(one, str) else one)})

    def _start_from(self, network: SequenceNetwork, vectors: KeyedVectors) -> None:
        assert self.words is not None
        table = network.encoder.embed.weight.data
        rows = {self._key(word): row for row, word in reversed(list(enumerate(vectors.index_to_key)))}
        places = [(place, rows[word]) for place, word in enumerate(self.words) if word in rows]
        into, chosen = np.array(places, np.int64).reshape(-1, 2).T
        given = vectors.vectors[chosen]
        scale = np.sqrt((given**2).mean()) if given.size else 0.0
        if scale > 0:  # as long as the vectors of the other words, which all layers are made for
            table[into] = given * (table.std() * 3 / scale)

    def _key(self, word: str) -> str:
        return word.lower() if self.lowercase else word

    def _encode(self, sentences: list[list[str]]) -> Encoded:
        """Sentences as ids; one without words is one unknown word."""
        assert self.words is not None
        of_word = {word: place for place, word in enumerate(self.words)}
        of_character = {character: place for place, character in enumerate(self.characters)}
        of_form: dict[str, int] = {}
        words, forms, spelling = [], [], []
        for sentence in sentences:
            read = sentence or [""]
            words.append(np.array([of_word.get(self._key(word), UNKNOWN) for word in read], np.int32))
            if self.char_size:
                forms.append(np.array([of_form.setdefault(word, len(of_form)) for word in read], np.int32))
        for word in of_form:
            if len(word) > _LONGEST_SPELLING:
                word = word[: _LONGEST_SPELLING // 2] + word[-_LONGEST_SPELLING // 2 :]
            spelling.append(
                np.array([of_character.get(character, UNKNOWN) for character in word] or [UNKNOWN], np.int32)
            )
        return Encoded(words, forms, spelling)

    def _task(
        self,
        sentences: list[list[str]],
        labels: list[Any],
        judged: Any,
        training: Training,
        network: SequenceNetwork,
    ) -> "_SequenceTask":
        return _SequenceTask(self, network, self._encode(sentences), self._targets(labels), judged, training.batch_size)

    def _outputs(self, X: Sequence[Any], batch_size: int) -> Iterator[tuple[NDArray[np.int64], Tensor, Any, Any]]:
        """Batches of encoded sentences: their places in X, y (T, B, 2 H), lengths, and the network."""
        network: SequenceNetwork = self._trained()
        encoded = self._encode(self._sentences(X))
        lengths = [len(words) for words in encoded.words]
        for indices in length_batches(lengths, whole("batch_size", batch_size, 1)):
            words, sizes, spelled = encoded.batch(indices)
            with evaluating(network):
                yield indices, network.encoder(words, sizes, spelled), sizes, network

    # Files

    def _vocabulary(self) -> dict[str, Array]:
        assert self.words is not None
        arrays: dict[str, Array] = {"vector_size": np.array([self.vector_size], np.int64)}
        for name, names in (("words", self.words), ("characters", self.characters), ("labels", self.classes_)):
            arrays[name], arrays[f"{name}_offsets"] = pack_words(names)
        return arrays

    def _set_vocabulary(self, arrays: Mapping[str, Array]) -> None:
        found = {
            name: unpack_words(arrays[name], arrays[f"{name}_offsets"]) for name in ("words", "characters", "labels")
        }
        if not found["words"] or not found["characters"] or not found["labels"]:
            raise ValueError("there are no words, characters or labels")
        self.words, self.characters, self.classes_ = found["words"], found["characters"], found["labels"]
        self.vector_size = int(arrays["vector_size"].reshape(1)[0])

    def _encoder(self, rng: np.random.Generator) -> SentenceEncoder:
        assert self.words is not None
        return SentenceEncoder(
            len(self.words),
            self.vector_size,
            len(self.characters),
            self.char_size,
            self.hidden_size,
            self.num_layers,
            self.cell,
            self.dropout,
            rng,
        )

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        assert self.words is not None
        rows = GATES[self.cell] * self.hidden_size
        yield "encoder.embed.weight", (len(self.words), self.vector_size)
        if self.char_size:
            yield "encoder.char_embed.weight", (len(self.characters), self.char_size)
            yield "encoder.char_rnn.weight_hh_l0", (4 * self.char_size, self.char_size)
        for layer in range(self.num_layers):
            yield f"encoder.rnn.weight_hh_l{layer}", (rows, self.hidden_size)
        yield "out.weight", (len(self.classes_), 2 * self.hidden_size)


class _SequenceTask(Task):
    """Labelled sentences in batches of similar lengths; the best weights are those of the best score."""

    monitor: ClassVar[str] = "score"
    greater_is_better: ClassVar[bool] = True
    unit = "words"

    network: SequenceNetwork

    def __init__(
        self,
        model: SequenceModel,
        network: SequenceNetwork,
        data: Encoded,
        targets: list[NDArray[np.int64]],
        judged: Any,
        batch_size: int,
    ) -> None:
        self.model, self.network, self.data, self.targets = model, network, data, targets
        self.judged, self.batch_size = judged, batch_size
        self.lengths = np.array([len(words) for words in data.words])
        self.size = int(self.lengths.sum())
        counts = np.bincount(np.concatenate(data.words), minlength=network.encoder.embed.num_embeddings)
        self._rare = counts == 1
        crc = 0
        for arrays in (data.words, targets):
            for array in arrays:
                crc = zlib.crc32(array.tobytes(), crc)
        self._crc = crc

    def batches(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        return length_batches(self.lengths, self.batch_size, rng)

    def loss(self, batch: NDArray[np.int64]) -> tuple[Tensor, int]:
        words, lengths, spelled = self.data.batch(batch)
        hidden = self._rare[words] & (self.network.encoder.rng.random(words.shape) < _RARE_UNKNOWN)
        y = self.network.encoder(np.where(hidden, UNKNOWN, words), lengths, spelled)
        targets, _ = pad_sequences([self.targets[i] for i in batch], 0, np.int64, None)
        return self.network.loss(y, lengths, targets), int(lengths.sum())

    def validate(self) -> dict[str, float]:
        return {} if self.judged is None else {"score": self.model.score(*self.judged)}

    def fingerprint(self) -> list[int]:
        return [self.size, self._crc]


def words_of(text: str) -> list[str]:
    """The words and marks of a text."""
    return _WORD.findall(text)
