"""Networks that read something and write a sequence, with attention.

The decoder's states go through attention over what was read, and context and state together give the next token
(Luong, Pham and Manning 2015, "global attention"); the score may be Bahdanau's additive one. Context is not fed back
into the decoder, so that in training all its steps are one fused pass.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lexigrad.models.batches import pad_sequences
from lexigrad.models.language_model import CELLS
from lexigrad.models.trainer import evaluating
from lexigrad.nn.attention import Attention
from lexigrad.nn.container import ModuleList
from lexigrad.nn.dropout import Dropout
from lexigrad.nn.embedding import Embedding
from lexigrad.nn.linear import Linear
from lexigrad.nn.module import Module
from lexigrad.ops.elementwise import tanh
from lexigrad.ops.shape import concatenate, unsqueeze
from lexigrad.ops.softmax import log_softmax
from lexigrad.tensor import Array, Operand, Tensor
from lexigrad.text.subwords import END_ID

Ids = NDArray[np.int64]
States = list[tuple[Tensor, ...]]  # of each layer: h, and for an LSTM c; (directions, B, H) each


class Stack(Module):
    """Recurrent layers with dropout before each; from the second on, a layer's input is added to its output.

    Such residual connections are those of Wu et al. 2016, section 3.1.

    Attributes:
        layers: of one layer each.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        dropout: float,
        bidirectional: bool,
        rng: np.random.Generator,
    ) -> None:
        wide = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [wide] * (num_layers - 1)
        self.layers = ModuleList(CELLS[cell](size, hidden_size, bidirectional=bidirectional, rng=rng) for size in sizes)
        self.dropout = Dropout(dropout, rng=rng)

    def forward(self, x: Tensor, states: States | None = None, lengths: Ids | None = None) -> tuple[Tensor, States]:
        """x (T, B, I) -> the output (T, B, H or 2 H) and the last states of each layer."""
        last: States = []
        for number, layer in enumerate(self.layers):
            before = None if states is None else states[number] if len(states[number]) > 1 else states[number][0]
            y, after = layer(self.dropout(x), before, lengths=lengths)
            x = x + y if number else y
            last.append(after if isinstance(after, tuple) else (after,))
        return x, last


class WritingNetwork(Module):
    """Sources and the ids written so far (T, B) -> logits (T B, V) of the ids that follow each of them.

    What sources are, and how they are read, is up to the networks that are built on this one.

    Attributes:
        decoder: the layers.
        attention, combine: h, context -> tanh(W [context; h]), (T, B, E).
        out: scores of all ids.
        target: embeddings of what is written; with ``tied`` their weights are those of ``out``.
    """

    def __init__(
        self,
        size: int,
        embedding_size: int,
        hidden_size: int,
        num_layers: int,
        cell: str,
        score: str,
        dropout: float,
        tied: bool,
        rng: np.random.Generator,
    ) -> None:
        self.decoder = Stack(cell, embedding_size, hidden_size, num_layers, dropout, False, rng)
        self.attention = Attention(hidden_size, hidden_size, score, rng=rng)
        self.combine = Linear(2 * hidden_size, embedding_size, bias=False, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.out = Linear(embedding_size, size, rng=rng)
        self.target = Embedding(size, embedding_size, rng=rng)
        if tied:  # Press and Wolf 2017
            self.target.weight = self.out.weight

    def batch(self, sources: Sequence[Array]) -> tuple[Array, Ids]:
        """Sources as one array, (S, B) or (S, B, F), and their lengths (B,)."""
        raise NotImplementedError

    def encode(self, source: Array, lengths: Ids) -> tuple[Tensor, States]:
        """A batch of sources -> what attention looks at (S, B, H), and the first states of the decoder."""
        raise NotImplementedError

    def decode(
        self, ids: Ids, states: States, memory: Tensor, mask: NDArray[np.bool_], projected: Tensor | None = None
    ) -> tuple[Tensor, Tensor, States]:
        """Ids written (T, B) -> logits (T B, V), attention (B, T, S), states."""
        h, states = self.decoder(self.target(ids), states)
        context, weights = self.attention(h, memory, mask=mask, projected=projected)
        features = tanh(self.combine(concatenate([context, h], -1)))
        return self.out(self.dropout(features).reshape(-1, features.shape[-1])), weights, states

    def forward(self, source: Array, lengths: Ids, target: Operand) -> Tensor:
        memory, states = self.encode(source, lengths)
        return self.decode(np.asarray(target), states, memory, source_mask(lengths, len(source)))[0]


class EncoderDecoder(WritingNetwork):
    """Sources are ids (S, B), which a bidirectional encoder reads; attention looks at its outputs.

    Attributes:
        source: embeddings; the same as ``target`` with ``tied``.
        encoder: the layers, of H/2 units in each direction.
    """

    def __init__(
        self,
        size: int,
        embedding_size: int,
        hidden_size: int,
        num_layers: int,
        cell: str,
        score: str,
        dropout: float,
        tied: bool,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(size, embedding_size, hidden_size, num_layers, cell, score, dropout, tied, rng)
        self.encoder = Stack(cell, embedding_size, hidden_size // 2, num_layers, dropout, True, rng)
        self.source = self.target if tied else Embedding(size, embedding_size, rng=rng)

    def batch(self, sources: Sequence[Array]) -> tuple[Array, Ids]:
        return pad_sequences(sources, END_ID)

    def encode(self, source: Array, lengths: Ids) -> tuple[Tensor, States]:
        memory, last = self.encoder(self.source(source), lengths=lengths)
        return memory, [
            tuple(unsqueeze(concatenate([state[0], state[1]], -1), 0) for state in of_layer) for of_layer in last
        ]


def source_mask(lengths: Ids, size: int) -> NDArray[np.bool_]:
    """(B, S): where a source has a token."""
    mask: NDArray[np.bool_] = np.arange(size) < lengths[:, None]
    return mask


class Writing:
    """A network that has read sources and writes, as ``beam_search`` drives it."""

    def __init__(self, network: WritingNetwork, source: Array, lengths: Ids) -> None:
        self._network = network
        with evaluating(network):
            memory, states = network.encode(source, lengths)
            self._projected = network.attention.project(memory).data
        self._memory: Array = memory.data
        self._states = [tuple(state.data for state in of_layer) for of_layer in states]
        self._mask = source_mask(lengths, len(source))

    def step(self, ids: Ids) -> tuple[Array, Array]:
        """Log probabilities (N, V) of what follows the ids (N,) that each row goes on with, and attention (N, S)."""
        states = [tuple(Tensor(state) for state in of_layer) for of_layer in self._states]
        with evaluating(self._network):
            logits, weights, states = self._network.decode(
                ids[None], states, Tensor(self._memory), self._mask, Tensor(self._projected)
            )
            result = log_softmax(logits).data
        self._states = [tuple(state.data for state in of_layer) for of_layer in states]
        return result, weights.data[:, 0]

    def select(self, rows: Ids) -> None:
        """Go on with these rows."""
        self._memory = np.ascontiguousarray(self._memory[:, rows])
        shared = self._network.attention.score != "additive"
        self._projected = self._memory if shared else np.ascontiguousarray(self._projected[:, rows])
        self._mask = self._mask[rows]
        self._states = [tuple(np.ascontiguousarray(s[:, rows]) for s in of_layer) for of_layer in self._states]
