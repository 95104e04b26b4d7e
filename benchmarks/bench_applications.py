"""A step of training of the tagger, the translator and the speech recogniser beside the same models in PyTorch.

Both sides begin with the same weights and take the same batches, of sequences of many lengths; their losses must agree
over the first updates. Dropout is off on both. PyTorch has its packed sequences and its fused Adam.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks import operations
from benchmarks.harness import OURS
from benchmarks.operations import TORCH, Prepared

CASES = [{"model": model} for model in ("tagger", "translator", "speech")]
TARGET = 1.3

_UPDATES = 3  # over which losses must agree
_BATCHES = 8
_LR, _MAX_NORM, _SMOOTHING = 2e-3, 5.0, 0.1
_IGNORED = -100


def prepare(library: str, model: str) -> Prepared:
    network = _NETWORKS[model]()
    rng = np.random.default_rng(2)
    batches = itertools.cycle([_BATCH_OF[model](rng) for _ in range(_BATCHES)])
    step = (_ours if library == OURS else _torch)(model, network, batches)
    return step, lambda: {f"loss {number}": step() for number in range(_UPDATES)}


# The networks, and batches for them


def _tagger() -> Any:
    from lexigrad.models.sequence import SentenceEncoder
    from lexigrad.models.tagger import TaggerNetwork

    encoder = SentenceEncoder(20_000, 100, 100, 32, 128, 1, "lstm", 0.0, np.random.default_rng(1))
    return TaggerNetwork(encoder, 128, 17, False)


def _translator() -> Any:
    from lexigrad.models.encoder_decoder import EncoderDecoder

    return EncoderDecoder(6000, 256, 256, 1, "lstm", "general", 0.0, True, np.random.default_rng(1))


def _speech() -> Any:
    from lexigrad.models.speech import SpeechNetwork

    return SpeechNetwork(80, 128, 2, 11, "lstm", 0.0, np.random.default_rng(1))


def _sentences(rng: np.random.Generator, size: int) -> dict[str, Any]:
    """32 sentences of 5 to 40 words, and the spelling of their words."""
    from lexigrad.models.batches import pad_sequences
    from lexigrad.models.sequence import Spelled

    lengths = rng.integers(5, 41, 32)
    words, _ = pad_sequences([_words(rng, size, length) for length in lengths], 0, np.int32)
    found, places = np.unique(words, return_inverse=True)
    spelling = [rng.integers(1, 100, 2 + word % 9) for word in found]
    characters, counts = pad_sequences(spelling, 0, np.int32)
    tags = np.where(np.arange(len(words))[:, None] < lengths, rng.integers(0, 17, words.shape), _IGNORED)
    spelled = Spelled(characters, counts, places.reshape(words.shape))
    return {"words": words, "lengths": lengths, "spelled": spelled, "tags": tags}


def _sentence_pairs(rng: np.random.Generator) -> dict[str, Any]:
    """64 pairs of sentences of 8 to 25 units."""
    from lexigrad.models.batches import pad_sequences

    lengths = rng.integers(8, 26, 64)
    source, _ = pad_sequences([_words(rng, 6000, length) for length in lengths], 0)
    target = [_words(rng, 6000, length) for length in rng.integers(8, 26, 64)]
    written, _ = pad_sequences([np.append(0, ids) for ids in target], 0)
    wanted, _ = pad_sequences([np.append(ids, 0) for ids in target], _IGNORED)
    return {"source": source, "lengths": lengths, "written": written, "wanted": wanted}


def _sounds(rng: np.random.Generator) -> dict[str, Any]:
    """16 sounds of 60 to 150 steps, and a digit for every 15 of them."""
    from lexigrad.models.batches import pad_sequences

    lengths = rng.integers(60, 151, 16)
    x, _ = pad_sequences([rng.standard_normal((length, 80)) for length in lengths], 0, np.float32)
    targets = [rng.integers(1, 11, length // 15) for length in lengths]
    return {"x": x, "lengths": lengths, "targets": targets}


def _words(rng: np.random.Generator, size: int, length: int) -> Any:
    """Ids whose frequencies fall as those of words do."""
    return np.minimum(rng.zipf(1.2, length), size - 1)


_NETWORKS: Mapping[str, Callable[[], Any]] = {"tagger": _tagger, "translator": _translator, "speech": _speech}
_BATCH_OF: Mapping[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "tagger": lambda rng: _sentences(rng, 20_000),
    "translator": _sentence_pairs,
    "speech": _sounds,
}


# Ours


def _ours(model: str, network: Any, batches: Any) -> Callable[[], float]:
    from lexigrad.optim import Adam

    optimizer = Adam(network.parameters(), lr=_LR)
    loss_of = _OURS[model]

    def step() -> float:
        loss = loss_of(network, **next(batches))
        loss.backward()
        optimizer.step(max_norm=_MAX_NORM)
        optimizer.zero_grad()
        return float(loss.item())

    return step


def _tagger_loss(network: Any, words: Any, lengths: Any, spelled: Any, tags: Any) -> Any:
    return network.loss(network.encoder(words, lengths, spelled), lengths, tags)


def _translator_loss(network: Any, source: Any, lengths: Any, written: Any, wanted: Any) -> Any:
    from lexigrad.ops.softmax import cross_entropy

    logits = network(source, lengths, written)
    return cross_entropy(logits, wanted.reshape(-1), label_smoothing=_SMOOTHING)


def _speech_loss(network: Any, x: Any, lengths: Any, targets: Any) -> Any:
    from lexigrad.ops.ctc import ctc_loss

    sizes = [len(target) for target in targets]
    return ctc_loss(network(x, lengths), np.concatenate(targets), lengths, sizes, from_logits=True)


_OURS: Mapping[str, Callable[..., Any]] = {
    "tagger": _tagger_loss,
    "translator": _translator_loss,
    "speech": _speech_loss,
}


# PyTorch's


def _torch(model: str, network: Any, batches: Any) -> Callable[[], float]:
    import torch

    layers, loss_of = _TORCH[model](network)
    parameters = list(layers.parameters())
    optimizer = torch.optim.Adam(parameters, lr=_LR, fused=True)

    def step() -> float:
        loss = loss_of(**next(batches))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, _MAX_NORM)
        optimizer.step()
        return float(loss.detach())

    return step


def _layer(ours: Any, kind: str, *sizes: Any, **options: Any) -> Any:
    """PyTorch's layer of this kind with our weights."""
    import torch

    layer = getattr(torch.nn, kind)(*sizes, **options)
    layer.load_state_dict({name: torch.tensor(array) for name, array in ours.state_dict().items()})
    return layer


def _packed(rnn: Any, x: Any, lengths: Any) -> tuple[Any, Any]:
    """A layer over sequences of these lengths, padded again."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    y, last = rnn(pack_padded_sequence(x, torch.as_tensor(lengths), enforce_sorted=False))
    return pad_packed_sequence(y)[0], last


def _ids(array: Any) -> Any:
    import torch

    return torch.from_numpy(array).long()


def _torch_tagger(network: Any) -> tuple[Any, Callable[..., Any]]:
    import torch

    encoder = network.encoder
    layers = torch.nn.ModuleDict(
        {
            "words": _layer(encoder.embed, "Embedding", 20_000, 100),
            "characters": _layer(encoder.char_embed, "Embedding", 100, 32),
            "spelling": _layer(encoder.char_rnn, "LSTM", 32, 32, bidirectional=True),
            "rnn": _layer(encoder.rnn, "LSTM", 164, 128, bidirectional=True),
            "out": _layer(network.out, "Linear", 256, 17),
        }
    )

    def loss(words: Any, lengths: Any, spelled: Any, tags: Any) -> Any:
        spelt = layers["characters"](_ids(spelled.characters))
        _, (h, _) = _packed(layers["spelling"], spelt, spelled.lengths)
        x = torch.cat([layers["words"](_ids(words)), torch.cat([h[0], h[1]], 1)[_ids(spelled.places)]], -1)
        y, _ = _packed(layers["rnn"], x, lengths)
        return torch.nn.functional.cross_entropy(layers["out"](y).flatten(0, 1), _ids(tags).flatten())

    return layers, loss


def _torch_translator(network: Any) -> tuple[Any, Callable[..., Any]]:
    import torch

    layers = torch.nn.ModuleDict(
        {
            "embed": _layer(network.target, "Embedding", 6000, 256),
            "encoder": _layer(network.encoder.layers[0], "LSTM", 256, 128, bidirectional=True),
            "decoder": _layer(network.decoder.layers[0], "LSTM", 256, 256),
            "query": _layer(network.attention.query_layer, "Linear", 256, 256, bias=False),
            "combine": _layer(network.combine, "Linear", 512, 256, bias=False),
            "out": _layer(network.out, "Linear", 256, 6000),
        }
    )
    layers["out"].weight = layers["embed"].weight

    def loss(source: Any, lengths: Any, written: Any, wanted: Any) -> Any:
        memory, last = _packed(layers["encoder"], layers["embed"](_ids(source)), lengths)
        first = tuple(torch.cat([state[0], state[1]], -1)[None] for state in last)
        h, _ = layers["decoder"](layers["embed"](_ids(written)), first)
        keys = memory.transpose(0, 1)  # (B, S, H)
        scores = layers["query"](h).transpose(0, 1) @ keys.transpose(1, 2)  # (B, T, S)
        past = torch.arange(len(source)) >= torch.as_tensor(lengths)[:, None]
        weights = scores.masked_fill(past[:, None], -torch.inf).softmax(-1)
        context = (weights @ keys).transpose(0, 1)
        features = torch.tanh(layers["combine"](torch.cat([context, h], -1)))
        logits = layers["out"](features.flatten(0, 1))
        return torch.nn.functional.cross_entropy(logits, _ids(wanted).flatten(), label_smoothing=_SMOOTHING)

    return layers, loss


def _torch_speech(network: Any) -> tuple[Any, Callable[..., Any]]:
    import torch

    layers = torch.nn.ModuleDict(
        {
            "rnn": _layer(network.rnn, "LSTM", 80, 128, 2, bidirectional=True),
            "out": _layer(network.out, "Linear", 256, 11),
        }
    )

    def loss(x: Any, lengths: Any, targets: Any) -> Any:
        y, _ = _packed(layers["rnn"], torch.from_numpy(x), lengths)
        sizes = torch.tensor([len(target) for target in targets])
        log_probs = layers["out"](y).log_softmax(-1)
        return torch.nn.functional.ctc_loss(log_probs, _ids(np.concatenate(targets)), torch.as_tensor(lengths), sizes)

    return layers, loss


_TORCH: Mapping[str, Callable[[Any], tuple[Any, Callable[..., Any]]]] = {
    "tagger": _torch_tagger,
    "translator": _torch_translator,
    "speech": _torch_speech,
}


def main(argv: list[str]) -> None:
    operations.run("applications", __doc__ or "", CASES, lambda case: {TORCH: TARGET}, argv, tolerance=1e-3)
