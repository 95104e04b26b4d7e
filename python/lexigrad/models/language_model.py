"""Language models on characters or words, and what they write.

The presets are those of Karpathy 2015, "The unreasonable effectiveness of recurrent neural networks" (characters), and
of Zaremba, Sutskever and Vinyals 2014, "Recurrent neural network regularization" (words; small, medium, large).
"""

import itertools
import math
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.training import whole
from lexigrad.io.vector_file import pack_words, unpack_words
from lexigrad.models.decode import Sampler
from lexigrad.models.model import Model
from lexigrad.models.trainer import Task, Training, evaluating
from lexigrad.nn import init
from lexigrad.nn.dropout import Dropout, VariationalDropout
from lexigrad.nn.embedding import Embedding
from lexigrad.nn.linear import Linear
from lexigrad.nn.module import Module
from lexigrad.nn.recurrent import GRU, LSTM, RNN
from lexigrad.ops.dropout import check_probability
from lexigrad.ops.softmax import cross_entropy
from lexigrad.progress import Hook
from lexigrad.tensor import Array, Operand, Tensor
from lexigrad.text.units import KINDS, Characters, Ids, Units, Words, read_text

CELLS: Mapping[str, Any] = {"lstm": LSTM, "gru": GRU, "rnn": RNN}
_GATES = {"lstm": 4, "gru": 3, "rnn": 1}
_CHARACTER_EMBEDDING = 64  # dimensions: there are few characters
_WINDOW = 256  # steps of a pass where no gradients are needed

# Zaremba's losses are sums over the T steps of a window, ours are means: rates are T times his, norms a Tth.
PRESETS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "char-rnn": (
        {"unit": "char", "hidden_size": 512, "num_layers": 2, "dropout": 0.5, "sequence_length": 50},
        {"batch_size": 50, "epochs": 50, "lr": 2e-3, "schedule": "decay", "decay": 0.97, "decay_after": 10},
    ),
    "zaremba-small": (
        {"unit": "word", "hidden_size": 200, "num_layers": 2, "init_scale": 0.1, "sequence_length": 20},
        {
            "batch_size": 20,
            "epochs": 13,
            "optimizer": "sgd",
            "lr": 20.0,
            "max_norm": 5 / 20,
            "schedule": "decay",
            "decay": 0.5,
            "decay_after": 4,
        },
    ),
    "zaremba-medium": (
        {
            "unit": "word",
            "hidden_size": 650,
            "num_layers": 2,
            "dropout": 0.5,
            "init_scale": 0.05,
            "sequence_length": 35,
        },
        {
            "batch_size": 20,
            "epochs": 39,
            "optimizer": "sgd",
            "lr": 35.0,
            "max_norm": 5 / 35,
            "schedule": "decay",
            "decay": 1 / 1.2,
            "decay_after": 6,
        },
    ),
    "zaremba-large": (
        {
            "unit": "word",
            "hidden_size": 1500,
            "num_layers": 2,
            "dropout": 0.65,
            "init_scale": 0.04,
            "sequence_length": 35,
        },
        {
            "batch_size": 20,
            "epochs": 55,
            "optimizer": "sgd",
            "lr": 35.0,
            "max_norm": 10 / 35,
            "schedule": "decay",
            "decay": 1 / 1.15,
            "decay_after": 14,
        },
    ),
}

States = Any  # of a recurrent layer: (layers, B, H), or a pair of these for an LSTM


class Evaluation(NamedTuple):
    """How well a model predicts a text."""

    loss: float  # mean of -log p(next | before), in nats
    predictions: int

    @property
    def bits(self) -> float:
        """The loss in bits: what each character or word takes in an arithmetic coder that knows the model."""
        return self.loss / math.log(2)

    @property
    def perplexity(self) -> float:
        """exp(loss): the number of equally probable choices that would be as hard."""
        return math.exp(self.loss) if self.loss < 700 else math.inf


class LanguageNetwork(Module):
    """ids (T, B) and states -> logits (T B, V) of what comes next, and the states after them.

    Attributes:
        embed, rnn, out: vectors of the ids, recurrent layers, and the scores of all ids.
        dropout: on the output of the recurrent layers; ``input_dropout`` on their input.
    """

    def __init__(
        self,
        size: int,
        embedding_size: int,
        hidden_size: int,
        num_layers: int,
        cell: str,
        dropout: float,
        input_dropout: float,
        variational: bool,
        tied: bool,
        rng: np.random.Generator,
    ) -> None:
        drop = VariationalDropout if variational else Dropout
        self.embed = Embedding(size, embedding_size, rng=rng)
        self.input_dropout = drop(input_dropout, rng=rng)
        self.rnn = CELLS[cell](
            embedding_size, hidden_size, num_layers, dropout=dropout, variational=variational, rng=rng
        )
        self.dropout = drop(dropout, rng=rng)
        self.out = Linear(hidden_size, size, rng=rng)
        if tied:
            # Press and Wolf 2017; the first vectors are those of the output layer: standard normal ones are too long.
            self.embed.weight = self.out.weight

    def forward(self, ids: Operand, states: States = None) -> tuple[Tensor, States]:
        y, states = self.rnn(self.input_dropout(self.embed(ids)), states)
        return self.out(self.dropout(y).reshape(-1, self.rnn.hidden_size)), states


class LanguageModel(Model):
    """A recurrent network that predicts the next character or word of a text, and writes.

    It learns by truncated backpropagation through time: the text is cut into ``batch_size`` streams, which are read
    side by side in windows of ``sequence_length``; states go over from a window to the next, gradients do not.

    Args:
        unit: "char" or "word". Words are what stands between white space; each line ends with the word "<eos>".
        cell: "lstm", "gru" or "rnn".
        hidden_size, num_layers: H, and the number of layers.
        embedding_size: dimensions of the vectors of characters or words; None: 64 for characters, H for words.
        dropout: on the output of each recurrent layer; for words on the embedding as well (Zaremba et al. 2014).
        input_dropout: on the embedding, in place of that.
        variational: drop the same units at all steps of a window (Gal and Ghahramani 2016).
        tied: the output layer's weights are the embedding's (Press and Wolf 2017); embedding_size must be H.
        init_scale: all parameters are at first uniform within +-init_scale; None: each layer's own choice.
        sequence_length: steps that gradients go back.
        min_count: rarer words are "<unk>".
        seed: of first weights, dropout.

    Attributes:
        units: the characters or words: ``units.names[i]`` has id i; None before training.
        network: ``embed``, ``rnn`` and ``out``, with PyTorch's names and shapes.

    Raises:
        ValueError: a setting is out of range.

    >>> model = LanguageModel(hidden_size=128).fit(Path("shakespeare.txt"), validation=0.1, epochs=5)
    >>> print(model.sample(500, prime="KING", temperature=0.8, seed=1))
    """

    _SETTINGS = (
        "unit",
        "cell",
        "hidden_size",
        "num_layers",
        "embedding_size",
        "dropout",
        "input_dropout",
        "variational",
        "tied",
        "init_scale",
        "sequence_length",
        "min_count",
        "seed",
    )
    _TRAINING: ClassVar[Mapping[str, Any]] = {"batch_size": 50, "lr": 2e-3}

    network: LanguageNetwork | None = None

    def __init__(
        self,
        unit: str = "char",
        cell: str = "lstm",
        hidden_size: int = 256,
        num_layers: int = 1,
        *,
        embedding_size: int | None = None,
        dropout: float = 0.0,
        input_dropout: float | None = None,
        variational: bool = False,
        tied: bool = False,
        init_scale: float | None = None,
        sequence_length: int = 50,
        min_count: int = 1,
        seed: int = 1,
    ) -> None:
        super().__init__()
        if unit not in KINDS:
            raise ValueError(f"unit must be one of {', '.join(KINDS)}, not {unit!r}")
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, not {cell!r}")
        self.unit, self.cell = unit, cell
        self.hidden_size = whole("hidden_size", hidden_size, 1)
        self.num_layers = whole("num_layers", num_layers, 1)
        self.embedding_size = None if embedding_size is None else whole("embedding_size", embedding_size, 1)
        self.dropout, self.input_dropout = dropout, input_dropout
        for probability in (dropout, input_dropout or 0):
            check_probability(probability)
        self.variational, self.tied, self.init_scale = bool(variational), bool(tied), init_scale
        if tied and embedding_size not in (None, hidden_size):
            raise ValueError(f"tied weights need embedding_size {hidden_size}, the hidden_size, not {embedding_size}")
        if init_scale is not None and not 0 < init_scale < math.inf:
            raise ValueError(f"init_scale must be above 0, and finite, not {init_scale!r}")
        self.sequence_length = whole("sequence_length", sequence_length, 1)
        self.min_count = whole("min_count", min_count, 1)
        self.seed = whole("seed", seed, 0)
        self.units: Units | None = None

    def __repr__(self) -> str:
        known = f"{len(self.units)} {self.unit}s" if self.units else f"{self.unit}s, not trained"
        return f"LanguageModel({known}, {self.cell} of {self.num_layers} x {self.hidden_size})"

    # Training

    def fit(
        self,
        text: str | os.PathLike[str],
        validation: str | os.PathLike[str] | float | None = None,
        *,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
        **options: Any,
    ) -> Self:
        """Learn a text, from the beginning.

        Args:
            text: a str is the text itself; a ``Path`` is read (UTF-8; .gz, .bz2, .xz and .zst too).
            validation: another text, or the fraction at the end of ``text`` that is held out. After each validation
                that is the best so far the weights are kept, and the model has them in the end.
            callbacks: objects with the methods of ``models.Callback``.
            progress: called with a ``Progress`` after each update.
            checkpoint: a file that the model is saved to every ``checkpoint_seconds``, at the end and on Ctrl-C.
            options: of the training: see ``models.Training``. Here ``batch_size`` is 50 and ``lr`` 0.002 by default.

        Returns:
            The model.

        Raises:
            ValueError: the text is empty or too short for the batches, or an option is out of range.
            TrainingInterrupted: Ctrl-C; ``resume`` goes on.
            FloatingPointError: the training diverged.
        """
        training = self._options(options)
        learnt, judged = _split(text, validation)
        self.units = self._find_units(learnt, judged)
        task = self._task(learnt, judged, training, self._build())
        self.network = task.network
        self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds)
        return self

    def resume(
        self,
        text: str | os.PathLike[str],
        validation: str | os.PathLike[str] | float | None = None,
        *,
        callbacks: Iterable[Any] = (),
        progress: Hook | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 600.0,
    ) -> Self:
        """Finish a training that was interrupted, or that a checkpoint was loaded from, to the same weights.

        Arguments and errors are those of :meth:`fit`; the texts must be the same.

        Raises:
            RuntimeError: no training is unfinished.
            ValueError: the text is another one, or what the file held is damaged.
        """
        training, snapshot = self._unfinished()
        learnt, judged = _split(text, validation)
        try:
            task = self._task(learnt, judged, training, self._trained())
            self._train(task, training, callbacks, progress, checkpoint, checkpoint_seconds, snapshot=snapshot)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"the state of the unfinished training is damaged: {error!r}") from error
        return self

    def _find_units(self, learnt: str, judged: str | None) -> Units:
        if self.unit == "word":
            return Words.of(learnt, self.min_count)
        return Characters.of(learnt, judged or "")

    def _task(self, learnt: str, judged: str | None, training: Training, network: LanguageNetwork) -> "_LanguageTask":
        assert self.units is not None
        return _LanguageTask(
            network,
            self.units.encode(learnt),
            None if judged is None else self.units.encode(judged),
            training.batch_size,
            self.sequence_length,
            self.unit,
        )

    # Questions

    def evaluate(self, text: str | os.PathLike[str], batch_size: int = 1) -> Evaluation:
        """How well the model predicts a text, from the second character or word on.

        Args:
            text: as for :meth:`fit`.
            batch_size: 1 reads the text from its beginning to its end. More cut it into so many streams that are read
                side by side, each from a state of zeros: faster, and the loss is slightly higher.

        Raises:
            RuntimeError: the model is not trained.
            ValueError: the text is too short, or has characters that the model does not know.
        """
        network = self._trained()
        assert self.units is not None
        return _judge(network, self.units.encode(read_text(text)), whole("batch_size", batch_size, 1))

    def sample(
        self,
        length: int,
        prime: str = "",
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | np.random.Generator | None = None,
    ) -> str:
        """Write a text of so many characters or words.

        Args:
            length: of what is returned, in characters or words.
            prime: what stands before it, which is not returned. Without, the text begins as a line does.
            temperature, top_k, top_p, seed: see ``models.Sampler``.

        Raises:
            RuntimeError: the model is not trained.
            ValueError: an option is out of range, or the model does not know a character of ``prime``.
        """
        whole("length", length, 0)
        sampler = Sampler(temperature, top_k, top_p, seed)
        return "".join(itertools.islice(self.stream(prime, sampler), length))

    def stream(self, prime: str = "", sampler: Sampler | None = None) -> Iterator[str]:
        """Write without end, a character or a word at a time; arguments as of :meth:`sample`."""
        network, units = self._trained(), self.units
        assert units is not None
        sampler = sampler or Sampler()
        ids = units.encode(prime)
        if len(ids) == 0:
            first = units.beginning
            ids = np.array([sampler.rng.integers(len(units)) if first is None else first], np.int32)
        return units.decode(_write(network, ids, sampler))

    # Files

    def _build(self) -> LanguageNetwork:
        assert self.units is not None
        rng = np.random.default_rng(self.seed)
        of_input = self.input_dropout
        if of_input is None:
            of_input = self.dropout if self.unit == "word" else 0.0
        network = LanguageNetwork(
            len(self.units),
            self._embedding_size(),
            self.hidden_size,
            self.num_layers,
            self.cell,
            self.dropout,
            of_input,
            self.variational,
            self.tied,
            rng,
        )
        if self.init_scale is not None:
            for parameter in network.parameters():
                init.uniform_(parameter, -self.init_scale, self.init_scale, rng=rng)
        return network

    def _embedding_size(self) -> int:
        if self.embedding_size is not None:
            return self.embedding_size
        return _CHARACTER_EMBEDDING if self.unit == "char" and not self.tied else self.hidden_size

    def _vocabulary(self) -> dict[str, Array]:
        assert self.units is not None
        names, offsets = pack_words(self.units.names)
        return {"names": names, "offsets": offsets}

    def _set_vocabulary(self, arrays: Mapping[str, Array]) -> None:
        self.units = KINDS[self.unit](unpack_words(arrays["names"], arrays["offsets"]))

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        assert self.units is not None
        rows = _GATES[self.cell] * self.hidden_size
        yield "embed.weight", (len(self.units), self._embedding_size())
        for layer in range(self.num_layers):
            yield f"rnn.weight_hh_l{layer}", (rows, self.hidden_size)


class _Windows(Sequence[tuple[Ids, Ids]]):
    """A text as streams side by side, in windows: pairs of ids (T, B) and of the ids that follow them."""

    def __init__(self, ids: Ids, batch_size: int, steps: int) -> None:
        length = (len(ids) - 1) // batch_size  # of a stream
        if length < 1:
            raise ValueError(
                f"the text has {len(ids)} characters or words, but batches of {batch_size} streams need "
                f"{batch_size + 1} at least: take a longer text or a smaller batch_size"
            )
        used = length * batch_size
        self.steps = steps
        self.inputs = np.ascontiguousarray(ids[:used].reshape(batch_size, length).T)
        self.targets = np.ascontiguousarray(ids[1 : used + 1].reshape(batch_size, length).T)

    def __len__(self) -> int:
        return -(-len(self.inputs) // self.steps)

    def __getitem__(self, place: Any) -> Any:
        if not 0 <= place < len(self):
            raise IndexError(place)
        window = slice(place * self.steps, (place + 1) * self.steps)
        return self.inputs[window], self.targets[window]


class _LanguageTask(Task):
    """Truncated backpropagation through time on one text."""

    network: LanguageNetwork

    def __init__(
        self, network: LanguageNetwork, ids: Ids, judged: Ids | None, batch_size: int, steps: int, unit: str
    ) -> None:
        self.network, self.judged, self.batch_size = network, judged, batch_size
        self.windows = _Windows(ids, batch_size, steps)
        self.size = self.windows.inputs.size
        self.unit = f"{unit}s"
        self._crc = zlib.crc32(ids.data)
        if judged is not None:
            _Windows(judged, batch_size, steps)  # finds out now what is too short

    def batches(self, rng: np.random.Generator) -> _Windows:
        return self.windows

    def loss(self, batch: tuple[Ids, Ids]) -> tuple[Tensor, int]:
        ids, targets = batch
        before = tuple(self.carried[name] for name in "hc" if name in self.carried)
        logits, states = self.network(ids, before if len(before) > 1 else before[0] if before else None)
        pair = states if isinstance(states, tuple) else (states,)
        self.carried = {name: state.data for name, state in zip("hc", pair, strict=False)}
        return cross_entropy(logits, targets.reshape(-1)), targets.size

    def validate(self) -> dict[str, float]:
        if self.judged is None:
            return {}
        return {"loss": _judge(self.network, self.judged, self.batch_size).loss}

    def fingerprint(self) -> list[int]:
        return [self.size, self._crc]

    def figures(self, loss: float) -> dict[str, float]:
        evaluation = Evaluation(loss, 1)
        return {"ppl": evaluation.perplexity} if self.unit == "words" else {"bits/char": evaluation.bits}


def _judge(network: LanguageNetwork, ids: Ids, batch_size: int) -> Evaluation:
    windows = _Windows(ids, batch_size, max(1, _WINDOW // batch_size))
    total, states = 0.0, None
    with evaluating(network):
        for inputs, targets in windows:
            logits, states = network(inputs, states)
            total += cross_entropy(logits, targets.reshape(-1), reduction="sum").item()
    return Evaluation(total / windows.inputs.size, windows.inputs.size)


def _write(network: LanguageNetwork, ids: NDArray[np.int32], sampler: Sampler) -> Iterator[int]:
    """Read ids, then draw one after another."""
    states = None
    with evaluating(network):
        for begin in range(0, len(ids), _WINDOW):
            logits, states = network(ids[begin : begin + _WINDOW, None], states)
    vectors, weight, bias = network.embed.weight.data[:, None, None], network.out.weight.data, network.out.bias
    assert bias is not None
    step, scores = network.rnn.stream(states), logits.data[-1].copy()
    while True:
        chosen = sampler.draw(scores)
        yield chosen
        np.matmul(weight, step(vectors[chosen]).reshape(-1), out=scores)
        scores += bias.data


def _split(text: str | os.PathLike[str], validation: str | os.PathLike[str] | float | None) -> tuple[str, str | None]:
    """The texts to learn from and to be judged by."""
    whole_text = read_text(text)
    if not whole_text:
        raise ValueError("the text is empty: there is nothing to learn from")
    if validation is None:
        return whole_text, None
    if not isinstance(validation, int | float):
        return whole_text, read_text(validation)
    if not 0 < validation < 1:
        raise ValueError(f"validation must be a text or a fraction between 0 and 1, not {validation!r}")
    end = round(len(whole_text) * (1 - validation))
    return whole_text[:end], whole_text[end:]
