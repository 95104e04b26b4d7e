"""Language models beside PyTorch's: a step of training; sampling one character at a time, with ONNX Runtime as well.

"char": an LSTM of 2 x 512 on characters, T = 50, B = 50, Adam. "zaremba-medium": words, 2 x 650, dropout 0.5, T = 35,
B = 20, SGD. Both sides begin with the same weights, and their losses must agree over the first updates (without
dropout). PyTorch has its fused Adam. Sampling: 2 x 512, states carried from step to step; all draw with one sampler.
"""

import itertools
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks import operations
from benchmarks.harness import OURS
from benchmarks.operations import TORCH, Prepared

ONNX = "ONNX Runtime"
TRAINING = [{"model": "char"}, {"model": "zaremba-medium"}]
SAMPLING = [{"sampled": 200}]
TARGETS = {("char", 1): 1.2, ("char", 2): 1.4, ("zaremba-medium", 1): 1.3, ("zaremba-medium", 2): 1.45}

_VOCABULARY = {"char": 65, "zaremba-medium": 10_000}
_UPDATES = 3  # over which losses must agree


def prepare(library: str, model: str = "", sampled: int = 0) -> Prepared:
    return _prepare_sampling(library, sampled) if sampled else _prepare_training(library, model)


def _network(model: str, dropout: float) -> Any:
    """Our network, whose weights the peers take."""
    from lexigrad.models.language_model import LanguageNetwork
    from lexigrad.nn import init

    rng = np.random.default_rng(1)
    characters = model == "char"
    sizes = (64, 512) if characters else (650, 650)
    network = LanguageNetwork(
        _VOCABULARY[model], *sizes, 2, "lstm", dropout, 0.0 if characters else dropout, False, False, rng
    )
    if not characters:
        for parameter in network.parameters():
            init.uniform_(parameter, -0.05, 0.05, rng=rng)
    return network


def _ids(model: str) -> Any:
    """Ids whose frequencies fall as those of words do."""
    size = _VOCABULARY[model]
    probabilities = 1 / np.arange(1, size + 1)
    return np.random.default_rng(2).choice(size, 60_000, p=probabilities / probabilities.sum()).astype(np.int32)


def _prepare_training(library: str, model: str) -> Prepared:
    from lexigrad.models import Training
    from lexigrad.models.language_model import PRESETS, _LanguageTask

    characters = model == "char"
    dropout = 0.0 if characters else 0.5
    network = _network(model, dropout)
    task = _LanguageTask(network, _ids(model), None, 50 if characters else 20, 50 if characters else 35, "unit")
    if characters:
        training = Training(optimizer="adam", lr=2e-3, max_norm=5.0)
    else:
        training = Training.of({**PRESETS[model][1], "schedule": "constant"})
    batches = itertools.cycle(task.windows[place] for place in range(10))
    step, mode = (_ours if library == OURS else _torch)(task, training, batches)

    def result() -> dict[str, float]:
        mode(False)
        losses = {f"loss {number}": step() for number in range(_UPDATES)}
        mode(True)
        return losses

    return step, result


def _ours(task: Any, training: Any, batches: Any) -> tuple[Any, Any]:
    from lexigrad.models.trainer import Trainer

    trainer = Trainer(task, training, 1)
    return lambda: trainer._update(next(batches), 0.0), task.network.train


def _torch(task: Any, training: Any, batches: Any) -> tuple[Any, Any]:
    import torch

    network = task.network
    size, embedding_size = network.embed.weight.shape
    p = network.dropout.p
    layers = torch.nn.ModuleDict(
        {
            "embed": torch.nn.Embedding(size, embedding_size),
            "input_dropout": torch.nn.Dropout(network.input_dropout.p),
            "rnn": torch.nn.LSTM(embedding_size, network.rnn.hidden_size, 2, dropout=p),
            "dropout": torch.nn.Dropout(p),
            "out": torch.nn.Linear(network.rnn.hidden_size, size),
        }
    )
    layers.load_state_dict({name: torch.tensor(array) for name, array in network.state_dict().items()})
    parameters = list(layers.parameters())
    kind: Any = torch.optim.Adam if training.optimizer == "adam" else torch.optim.SGD
    optimizer = kind(parameters, lr=training.lr, fused=True)
    carried: list[Any] = [None]

    def step() -> float:
        x, y = (torch.from_numpy(part).long() for part in next(batches))
        hidden, states = layers["rnn"](layers["input_dropout"](layers["embed"](x)), carried[0])
        carried[0] = tuple(state.detach() for state in states)
        logits = layers["out"](layers["dropout"](hidden)).flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits, y.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, training.max_norm)
        optimizer.step()
        return float(loss.detach())

    # Not eval(): nn.LSTM would take another path.
    def mode(training: bool) -> None:
        for name, probability in (("input_dropout", network.input_dropout.p), ("dropout", p)):
            layers[name].p = probability if training else 0.0
        layers["rnn"].dropout = p if training else 0.0

    return step, mode


def _prepare_sampling(library: str, sampled: int) -> Prepared:
    network = _network("char", 0.0).eval()
    write = {OURS: _write, TORCH: _torch_write, ONNX: _onnx_write}[library](network)

    def call() -> Any:
        return write(sampled)

    return call, lambda: {"checksum": float(np.dot(call(), np.arange(1, sampled + 1)))}


def _sampler() -> Any:
    from lexigrad.models import Sampler

    return Sampler(temperature=0.5, seed=1)


def _write(network: Any) -> Any:
    from lexigrad.models.language_model import _write as write

    return lambda count: list(itertools.islice(write(network, np.zeros(1, np.int32), _sampler()), count))


def _torch_write(network: Any) -> Any:
    import torch

    embed, rnn, out = torch.nn.Embedding(65, 64), torch.nn.LSTM(64, 512, 2), torch.nn.Linear(512, 65)
    for layer, ours in ((embed, network.embed), (rnn, network.rnn), (out, network.out)):
        layer.load_state_dict({name: torch.tensor(array) for name, array in ours.state_dict().items()})

    @torch.inference_mode()
    def write(count: int) -> list[int]:
        sampler, states, ids = _sampler(), None, [0]
        for _ in range(count):
            y, states = rnn(embed(torch.tensor([[ids[-1]]])), states)
            ids.append(sampler.draw(out(y).numpy().reshape(-1)))
        return ids[1:]

    return write


def _onnx_write(network: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(_onnx_model(network), options, providers=["CPUExecutionProvider"])

    def write(count: int) -> list[int]:
        sampler, ids = _sampler(), [0]
        states = dict.fromkeys(("h0", "c0", "h1", "c1"), np.zeros((1, 1, 512), np.float32))
        for _ in range(count):
            logits, *after = session.run(None, {"id": np.array([[ids[-1]]], np.int64), **states})
            states = dict(zip(states, after, strict=True))
            ids.append(sampler.draw(logits.reshape(-1)))
        return ids[1:]

    return write


def _onnx_model(network: Any) -> bytes:
    """One step of the network as an ONNX model: id (1, 1) and the states of both layers -> logits and the states."""
    from onnx import TensorProto, helper, numpy_helper

    def reordered(array: Any) -> Any:
        i, f, g, o = np.split(array, 4)
        return np.concatenate([i, o, f, g])[None]  # ONNX's order, and an axis of directions

    values: Mapping[str, Any] = {
        "embed": network.embed.weight.data,
        "out": np.ascontiguousarray(network.out.weight.data.T),
        "bias": network.out.bias.data,
    }
    nodes = [helper.make_node("Gather", ["embed", "id"], ["x0"])]
    for layer in (0, 1):
        weights = [getattr(network.rnn, f"{kind}_l{layer}").data for kind in ("weight_ih", "weight_hh")]
        biases = [reordered(getattr(network.rnn, f"{kind}_l{layer}").data) for kind in ("bias_ih", "bias_hh")]
        values |= {f"W{layer}": reordered(weights[0]), f"R{layer}": reordered(weights[1])}
        values |= {f"B{layer}": np.concatenate(biases, axis=1)}
        inputs = [f"x{layer}", f"W{layer}", f"R{layer}", f"B{layer}", "", f"h{layer}", f"c{layer}"]
        outputs = [f"y{layer}", f"h{layer}_after", f"c{layer}_after"]
        nodes.append(helper.make_node("LSTM", inputs, outputs, hidden_size=512))
        nodes.append(helper.make_node("Squeeze", [f"y{layer}", "axis"], [f"x{layer + 1}"]))
    values |= {"axis": np.array([1], np.int64)}
    nodes += [
        helper.make_node("MatMul", ["x2", "out"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["logits"]),
    ]
    states = ["h0", "c0", "h1", "c1"]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 512]) for name in states]
    after = [helper.make_tensor_value_info(f"{name}_after", TensorProto.FLOAT, [1, 1, 512]) for name in states]
    graph = helper.make_graph(
        nodes,
        "step",
        [helper.make_tensor_value_info("id", TensorProto.INT64, [1, 1]), *infos],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1, 65]), *after],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def peers(case: Mapping[str, Any]) -> list[str]:
    return [TORCH, ONNX] if "sampled" in case else [TORCH]


def targets(case: Mapping[str, Any]) -> dict[str, float]:
    if "sampled" in case:
        return {TORCH: 20, ONNX: 1.8}
    return {TORCH: TARGETS[case["model"], case["threads"]]} if case["threads"] in (1, 2) else {}


def main(argv: list[str]) -> None:
    cases = [*TRAINING, *SAMPLING]
    operations.run("language_model", __doc__ or "", cases, targets, argv, peers, tolerance=1e-3)
