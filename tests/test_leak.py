"""Training on shapes that vary leaves nothing behind: no object of the graph, no memory."""

import gc
import sys

import numpy as np
import pytest

from lexigrad import nn, optim
from lexigrad.tensor import Node, Tensor

VOCABULARY = 50


class Everything(nn.Module):
    """A network with each kind of kernel that a model has."""

    def __init__(self):
        self.embed = nn.Embedding(VOCABULARY, 12, padding_idx=0, rng=0)
        self.encoder = nn.LSTM(12, 16, num_layers=2, dropout=0.2, bidirectional=True, rng=0)
        self.decoder = nn.GRU(12, 32, rng=1)
        self.attention = nn.Attention(32, score="general", rng=2)
        self.norm = nn.LayerNorm(32)
        self.simple = nn.RNN(32, 8, nonlinearity="relu", rng=3)
        self.output = nn.Linear(32, VOCABULARY, rng=4)
        self.sampled = nn.SampledSoftmaxLoss(32, VOCABULARY, 10, rng=5)
        self.labels = nn.Linear(8, 6, rng=6)

    def forward(self, rng):
        T, B, S = rng.integers(1, 20), rng.integers(1, 7), rng.integers(1, 9)
        ids, targets = rng.integers(0, VOCABULARY, (T, B)), rng.integers(0, VOCABULARY, (S, B))
        lengths = rng.integers(0, T + 1, B)
        keys, _ = self.encoder(self.embed(ids), lengths=lengths)
        queries, _ = self.decoder(self.embed(targets))
        mask = np.arange(T) < np.maximum(lengths, 1)[:, None]
        context, _ = self.attention(queries, keys, mask=mask)
        hidden = self.norm(context + queries)
        frames, _ = self.simple(keys)
        loss = nn.functional.cross_entropy(self.output(hidden).reshape(-1, VOCABULARY), targets.reshape(-1))
        loss = loss + self.sampled(hidden.reshape(-1, 32), targets.reshape(-1))
        few = rng.integers(0, 3, B)
        found = nn.functional.ctc_loss(
            self.labels(frames), rng.integers(1, 6, few.sum()), np.full(B, T), few, zero_infinity=True, from_logits=True
        )
        return loss + found


def living():
    """How many tensors and nodes there are."""
    gc.collect()
    return sum(issubclass(type(one), Tensor | Node) for one in gc.get_objects())


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_training_steps_of_varying_shapes():
    model, rng = Everything(), np.random.default_rng(0)
    optimizer = optim.Adam(model.parameters())

    def train(steps):
        for _ in range(steps):
            model(rng).backward()
            optimizer.step(max_norm=1.0)
            optimizer.zero_grad()

    train(150)
    objects, memory = living(), resident_bytes()
    train(450)
    assert living() == objects
    assert resident_bytes() - memory < 4 << 20
