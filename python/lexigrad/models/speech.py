"""Speech as text: log-mel features, a bidirectional network, connectionist temporal classification."""

import math
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.training import whole
from lexigrad.io.vector_file import pack_words, unpack_words
from lexigrad.models.audio import SILENCE, as_samples, log_mel
from lexigrad.models.batches import length_batches, pad_sequences
from lexigrad.models.metrics import char_error_rate, word_error_rate
from lexigrad.models.model import Model
from lexigrad.models.ngram import END
from lexigrad.models.sequence import CELLS, GATES
from lexigrad.models.trainer import Task, Training, evaluating
from lexigrad.nn.dropout import VariationalDropout
from lexigrad.nn.linear import Linear
from lexigrad.nn.module import Module
from lexigrad.ops.ctc import ctc_loss
from lexigrad.ops.ctc_decode import Prefix, greedy_decode, prefix_beam_search
from lexigrad.ops.dropout import check_probability
from lexigrad.ops.softmax import log_softmax
from lexigrad.progress import Hook
from lexigrad.tensor import Array, Tensor

UNITS = ("char", "word")
BLANK = 0
_LOUDEST = 1.5  # resampling overshoots 1 a little; what is far above it was not divided by 32768
_MASKED_BANDS = 8  # at most, of a sound in training
_MASKED_STEPS = 0.1  # at most, as a share of a sound


class LanguageScores(Protocol):
    """What a decoder asks a language model; ``models.NGram`` is one."""

    def log_probs(self, before: Sequence[str], names: Sequence[str]) -> NDArray[Any]:
        """log p(name | the units before) of each name, ``ngram.END`` for the end among them."""


class ErrorRates(NamedTuple):
    """Edits over the number of words, and of characters, expected."""

    words: float
    characters: float


class SpeechNetwork(Module):
    """Features (T, B, D) -> scores (T, B, V) of the units and the blank in each step."""

    def __init__(
        self,
        features: int,
        hidden_size: int,
        num_layers: int,
        units: int,
        cell: str,
        dropout: float,
        rng: np.random.Generator,
    ) -> None:
        self.rng = rng
        self.rnn = CELLS[cell](
            features, hidden_size, num_layers, dropout=dropout, bidirectional=True, variational=True, rng=rng
        )
        self.dropout = VariationalDropout(dropout, rng=rng)
        self.out = Linear(2 * hidden_size, units, rng=rng)

    def forward(self, x: Array, lengths: NDArray[np.int64]) -> Tensor:
        y, _ = self.rnn(x, lengths=lengths)
        scores: Tensor = self.out(self.dropout(y))
        return scores


class SpeechRecognizer(Model):
    """A bidirectional LSTM or GRU on log-mel features, trained with CTC (Graves et al. 2006).

    The loudness of a sound makes no difference: its features have the mean 0.

    X is a sequence of sounds: mono samples (n,), floats within +-1 or int16, at the model's ``sample_rate``; or pairs
    of a rate, which is checked, and samples, as ``scipy.io.wavfile.read`` gives them. y has a text for each. A sound
    without samples, or of zeros alone, is "". Clipped sound is read as it is. It is a scikit-learn estimator:
    ``get_params``, ``set_params``, ``clone``, ``score``.

    Args:
        unit: what is recognised: "char", or "word" for a few words alone.
        cell: "lstm" or "gru".
        hidden_size, num_layers: H of each direction, and the number of layers.
        sample_rate: in Hz.
        n_mels: bands of a frame of 32 ms, every 10 ms.
        stack: frames that make one step of the network.
        dropout: on the output of each layer, the same units at all steps.
        masking: hide a stretch of time and some bands of each sound in training (SpecAugment, Park et al. 2019).
        seed: of first weights, dropout, masks, the order of sounds.

    Attributes:
        names: the units by id, the first of which, "", is the blank; None before training.
        network: ``rnn`` and ``out``.

    Raises:
        ValueError: a setting is out of range.

    >>> recognizer = SpeechRecognizer(unit="word", sample_rate=8000).fit(sounds, ["one two", "three"], epochs=20)
    >>> recognizer.predict(sounds, beam_size=16, language_model=NGram(2).fit(texts))
    """

    _SETTINGS = (
        "unit",
        "cell",
        "hidden_size",
        "num_layers",
        "sample_rate",
        "n_mels",
        "stack",
        "dropout",
        "masking",
        "seed",
    )
    _TRAINING: ClassVar[Mapping[str, Any]] = {"batch_size": 16, "lr": 2e-3}

    network: SpeechNetwork | None = None

    def __init__(
        self,
        unit: str = "char",
        cell: str = "lstm",
        hidden_size: int = 128,
        num_layers: int = 1,
        *,
        sample_rate: int = 8000,
        n_mels: int = 40,
        stack: int = 2,
        dropout: float = 0.2,
        masking: bool = True,
        seed: int = 1,
    ) -> None:
        super().__init__()
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, not {cell!r}")
        self.unit, self.cell = unit, cell
        self.hidden_size = whole("hidden_size", hidden_size, 1)
        self.num_layers = whole("num_layers", num_layers, 1)
        self.sample_rate = whole("sample_rate", sample_rate, 200)
        self.n_mels = whole("n_mels", n_mels, 1)
        self.stack = whole("stack", stack, 1)
        check_probability(dropout)
        self.dropout = dropout
        self.masking = bool(masking)
        self.seed = whole("seed", seed, 0)
        self.names: list[str] | None = None
        self._mean = np.zeros(0, np.float32)
        self._deviation = np.ones(0, np.float32)

    def __repr__(self) -> str:
        known = "not trained" if self.names is None else f"{len(self.names) - 1} {self.unit}s"
        return f"SpeechRecognizer({known}, {self.cell} of {self.num_layers} x {self.hidden_size})"

    # Training

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[str],
        validation: tuple[Sequence[Any], Sequence[str]] | None = None,
        *,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
        **options: Any,
    ) -> Self:
        """Learn sounds with their texts, from the beginning.

        Args:
            X, y: the sounds and their texts.
            validation: such a pair. The weights of the least word error rate are those of the model in the end.
            callbacks: objects with the methods of ``models.Callback``.
            progress: called with a ``Progress`` after each update.
            checkpoint: a file that the model is saved to every ``checkpoint_seconds``, at the end and on Ctrl-C.
            options: of the training: see ``models.Training``. Here ``batch_size`` is 16 and ``lr`` 0.002 by default.

        Raises:
            TypeError: sounds or texts are of the wrong kind.
            ValueError: a sound has another rate, is not finite, too loud or too short for its text; or an option is
                out of range.
            TrainingInterrupted: Ctrl-C; ``resume`` goes on.
            FloatingPointError: the training diverged.
        """
        training = self._options(options)
        sounds, texts = self._sounds(X), _texts(y, len(X))
        names = sorted({name for text in texts for name in self._pieces(text)})
        if not names:
            raise ValueError("there are no texts to learn")
        frames = np.concatenate([np.zeros((0, self.n_mels), np.float32), *map(_levelled, sounds)])
        if not len(frames):
            raise ValueError("there are no sounds to learn from")
        if validation is not None:
            self._sounds(validation[0])
            _texts(validation[1], len(validation[0]))
        with self._all_or_nothing():
            self.names = ["", *names]
            self._mean, self._deviation = frames.mean(0), np.maximum(frames.std(0), 1e-3)
            self.network = network = self._build()
            task = self._task(sounds, texts, validation, training, network)
        self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds)
        return self

    def resume(
        self,
        X: Sequence[Any],
        y: Sequence[str],
        validation: tuple[Sequence[Any], Sequence[str]] | None = None,
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
        sounds, texts = self._sounds(X), _texts(y, len(X))
        try:
            task = self._task(sounds, texts, validation, training, self._trained())
            self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds, snapshot=snapshot)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"the data are others, or the unfinished training is damaged: {error!r}") from error
        return self

    def _task(
        self, sounds: list[Array], texts: list[str], judged: Any, training: Training, network: SpeechNetwork
    ) -> "_SpeechTask":
        assert self.names is not None
        places = {name: place for place, name in enumerate(self.names)}
        targets = [np.array([places[name] for name in self._pieces(text)], np.int64) for text in texts]
        steps = [self._steps(sound) for sound in sounds]
        for place, (sound, target) in enumerate(zip(steps, targets, strict=True)):
            needed = len(target) + int((target[1:] == target[:-1]).sum())
            if len(sound) < max(1, needed):
                raise ValueError(
                    f"sound {place} has {len(sound)} steps of {10 * self.stack} ms, but its text "
                    f"{texts[place]!r:.60} needs {max(1, needed)}: leave it out, or take a smaller stack"
                )
        return _SpeechTask(self, network, steps, targets, judged, training.batch_size)

    # Questions

    def predict(
        self,
        X: Sequence[Any],
        batch_size: int = 32,
        *,
        beam_size: int = 1,
        language_model: LanguageScores | None = None,
        weight: float = 0.5,
        bonus: float = 0.0,
    ) -> list[str]:
        """The texts of sounds.

        Args:
            batch_size: sounds that are read side by side.
            beam_size: 1 takes the best unit of each step; more search for the best text: see
                ``ops.ctc_decode.prefix_beam_search``.
            language_model: over the units, for the search.
            weight, bonus: of the language model, and what each unit adds to a text's score.

        Raises:
            RuntimeError: the model is not trained.
            TypeError, ValueError: a sound is not usable; or there is a language model, but nothing to search.
        """
        if whole("beam_size", beam_size, 1) == 1 and language_model is not None:
            raise ValueError("a language model needs a search: give a beam_size above 1")
        network: SpeechNetwork = self._trained()
        assert self.names is not None
        sounds = self._sounds(X)
        audible = [place for place, sound in enumerate(sounds) if sound.size and sound.max() > SILENCE + 1e-3]
        steps = {place: self._steps(sounds[place]) for place in audible}
        result = [""] * len(sounds)
        heard = np.array(audible, np.int64)
        for indices in length_batches([len(steps[i]) for i in heard], whole("batch_size", batch_size, 1)):
            x, lengths = pad_sequences([steps[i] for i in heard[indices]], 0, np.float32)
            with evaluating(network):
                scores = log_softmax(network(x, lengths)).data
            for b, place in enumerate(heard[indices]):
                single = scores[: lengths[b], b]
                if beam_size == 1:
                    labels = greedy_decode(single, BLANK)
                else:
                    scorer = None if language_model is None else _scorer(language_model, self.names)
                    labels = prefix_beam_search(single, beam_size, BLANK, scorer, weight, bonus)[0][0]
                result[place] = self._joined(labels)
        return result

    def evaluate(self, X: Sequence[Any], y: Sequence[str], **decoding: Any) -> ErrorRates:
        """Error rates of words and of characters; ``decoding`` as of :meth:`predict`."""
        found = self.predict(X, **decoding)
        texts = _texts(y, len(X))
        return ErrorRates(word_error_rate(texts, found), char_error_rate(texts, found))

    def score(self, X: Sequence[Any], y: Sequence[str]) -> float:
        """1 - the word error rate; below 0 where more words are wrong than there are."""
        return 1 - self.evaluate(X, y).words

    # Sounds and texts

    def _sounds(self, X: Sequence[Any]) -> list[Array]:
        """Features (frames, n_mels) of each."""
        return [self._features(sound, place) for place, sound in enumerate(X)]

    def _features(self, sound: Any, place: int) -> Array:
        if isinstance(sound, tuple):
            rate, sound = sound
            if rate != self.sample_rate:
                raise ValueError(
                    f"sound {place} has {rate} samples a second, but the model expects {self.sample_rate}: resample it"
                )
        try:
            samples = as_samples(sound)
        except (TypeError, ValueError) as error:
            raise type(error)(f"sound {place}: {error}") from None
        if samples.size and np.abs(samples).max() > _LOUDEST:
            raise ValueError(
                f"sound {place} has samples up to {np.abs(samples).max():.6g}, but floats must lie within +-1: divide "
                "16-bit samples by 32768"
            )
        size, hop = round(0.032 * self.sample_rate), round(0.01 * self.sample_rate)
        return log_mel(samples, self.sample_rate, self.n_mels, size + size % 2, hop)

    def _steps(self, features: Array) -> Array:
        """Normal features of ``stack`` frames a step, (steps, stack n_mels); the last step may repeat a frame."""
        normal = (_levelled(features) - self._mean) / self._deviation
        missing = -len(normal) % self.stack
        if missing:
            normal = np.concatenate([normal, np.repeat(normal[-1:], missing, 0)])
        return np.asarray(normal.reshape(-1, self.stack * self.n_mels), np.float32)

    def _pieces(self, text: str) -> list[str]:
        return list(text) if self.unit == "char" else text.split()

    def _joined(self, labels: Iterable[int]) -> str:
        assert self.names is not None
        return ("" if self.unit == "char" else " ").join(self.names[label] for label in labels)

    # Files

    def _build(self) -> SpeechNetwork:
        assert self.names is not None
        return SpeechNetwork(
            self.stack * self.n_mels,
            self.hidden_size,
            self.num_layers,
            len(self.names),
            self.cell,
            self.dropout,
            np.random.default_rng(self.seed),
        )

    def _vocabulary(self) -> dict[str, Array]:
        assert self.names is not None
        names, offsets = pack_words(self.names)
        return {"names": names, "offsets": offsets, "mean": self._mean, "deviation": self._deviation}

    def _set_vocabulary(self, arrays: Mapping[str, Array]) -> None:
        self.names = unpack_words(arrays["names"], arrays["offsets"])
        self._mean, self._deviation = arrays["mean"], arrays["deviation"]
        for name in ("mean", "deviation"):
            if arrays[name].shape != (self.n_mels,) or arrays[name].dtype != np.float32:
                raise ValueError(f"{name} should be ({self.n_mels},) floats, but is {arrays[name].shape}")

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        assert self.names is not None
        rows = GATES[self.cell] * self.hidden_size
        yield "rnn.weight_ih_l0", (rows, self.stack * self.n_mels)
        for layer in range(self.num_layers):
            yield f"rnn.weight_hh_l{layer}", (rows, self.hidden_size)
        yield "out.weight", (len(self.names), 2 * self.hidden_size)


class _SpeechTask(Task):
    """Sounds and their texts, in batches of similar lengths; the best weights are those of the best score."""

    monitor: ClassVar[str] = "score"
    greater_is_better: ClassVar[bool] = True
    unit = "steps"

    network: SpeechNetwork

    def __init__(
        self,
        model: SpeechRecognizer,
        network: SpeechNetwork,
        sounds: list[Array],
        targets: list[NDArray[np.int64]],
        judged: Any,
        batch_size: int,
    ) -> None:
        self.model, self.network, self.sounds, self.targets = model, network, sounds, targets
        self.judged, self.batch_size = judged, batch_size
        self.lengths = np.array([len(sound) for sound in sounds])
        self.size = int(self.lengths.sum())
        self._crc = 0
        for arrays in (sounds, targets):
            for array in arrays:
                self._crc = zlib.crc32(array.tobytes(), self._crc)

    def batches(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        return length_batches(self.lengths, self.batch_size, rng)

    def loss(self, batch: NDArray[np.int64]) -> tuple[Tensor, int]:
        sounds = [self.sounds[i] for i in batch]
        if self.model.masking:
            sounds = [self._masked(sound) for sound in sounds]
        x, lengths = pad_sequences(sounds, 0, np.float32)
        targets = [self.targets[i] for i in batch]
        scores = self.network(x, lengths)
        sizes = [len(target) for target in targets]
        return ctc_loss(scores, np.concatenate(targets), lengths, sizes, from_logits=True), int(lengths.sum())

    def _masked(self, sound: Array) -> Array:
        """A copy with the mean, 0, in some bands, and in all bands for some time."""
        rng, bands = self.network.rng, self.model.n_mels
        masked = sound.reshape(len(sound), -1, bands).copy()
        width = int(rng.integers(0, min(_MASKED_BANDS, bands // 4) + 1))
        begin = int(rng.integers(0, bands - width + 1))
        masked[:, :, begin : begin + width] = 0
        steps = int(rng.integers(0, math.floor(_MASKED_STEPS * len(sound)) + 1))
        begin = int(rng.integers(0, len(sound) - steps + 1))
        masked[begin : begin + steps] = 0
        return masked.reshape(sound.shape)

    def validate(self) -> dict[str, float]:
        return {} if self.judged is None else {"score": self.model.score(*self.judged)}

    def fingerprint(self) -> list[int]:
        return [self.size, self._crc]


def _levelled(features: Array) -> Array:
    """Features with the mean 0 over all of a sound, so that its loudness makes no difference."""
    return features - features.mean() if len(features) else features


def _texts(y: Sequence[Any], count: int) -> list[str]:
    if isinstance(y, str) or len(y) != count:
        raise ValueError(f"there are {count} sounds, but texts of {len(y)}")
    for place, text in enumerate(y):
        if not isinstance(text, str):
            raise TypeError(f"the text of sound {place} must be a str, not {text!r:.60}")
    return list(y)


def _scorer(language_model: LanguageScores, names: Sequence[str]) -> Any:
    asked = [END, *names[1:]]  # the end at the blank's place

    def score(prefix: Prefix) -> NDArray[Any]:
        return language_model.log_probs([names[label] for label in prefix], asked)

    return score
