"""RNN, LSTM and GRU, inference and training (forward and backward), beside PyTorch and, for inference, ONNX Runtime.

All have the same weights. Training has gradients of the input too, as in a stack. T = 1 is a step of a stream, which
carries its states from call to call. Choose rows: --only layer=LSTM pass=train T=50 B=1.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import operations
from benchmarks.harness import OURS
from benchmarks.operations import ONNX, TORCH, Prepared

# Targets, beside PyTorch, for one thread and two.
LSTM_INFERENCE, LSTM_TRAIN, GRU_TRAIN = ("LSTM", "inference"), ("LSTM", "train"), ("GRU", "train")
SHAPES: dict[tuple[int, int, int], dict[tuple[str, str], tuple[float, float]]] = {
    (T, B, H): dict(zip((LSTM_INFERENCE, LSTM_TRAIN, GRU_TRAIN), targets, strict=True))
    for T, B, H, *targets in [
        (50, 1, 128, (2.0, 3.0), (2.0, 3.5), (12, 20)),
        (50, 1, 256, (2.8, 4.2), (3.2, 5.5), (5, 14)),
        (50, 16, 128, (1.45, 1.6), (1.25, 1.6), (2.8, 5)),
        (50, 32, 256, (1.25, 1.35), (1.07, 1.3), (1.35, 2.2)),
        (35, 20, 650, (1.35, 1.45), (1.1, 1.5), (1.65, 2.3)),
        (100, 64, 512, (1.2, 1.3), (1.2, 1.3), (1.4, 1.7)),
        (100, 32, 1024, (1.35, 1.35), (1.2, 1.3), (1.6, 1.9)),
        (200, 1, 512, (1.2, 1.4), (1.2, 1.35), (3.8, 6.5)),
        (1, 1, 512, (20, 18), (8, 8), (3, 4.5)),
    ]
}
FIRST, STREAM = (50, 1, 128), (1, 1, 512)
LARGE = [(35, 20, 650), (100, 64, 512), (100, 32, 1024)]
for shape, first, large, stream in [
    (("GRU", "inference"), (8, 12), (1.4, 2), (3, 5)),
    (("RNN", "train"), (12, 20), (1.45, 2.2), None),
]:
    SHAPES[FIRST][shape] = first
    for size in LARGE:
        SHAPES[size][shape] = large
    if stream:
        SHAPES[STREAM][shape] = stream

STACKED = [(2, 1), (1, 2)]  # layers and directions
STACKED_SHAPES = [(50, 1, 128), (50, 32, 256), (35, 20, 650)]


def _case(layer: str, what: str, shape: tuple[int, int, int], layers: int = 1, directions: int = 1) -> dict[str, Any]:
    T, B, H = shape
    return {"layer": layer, "pass": what, "T": T, "B": B, "H": H, "layers": layers, "directions": directions}


CASES = [
    *(_case(*kind, shape) for shape, kinds in SHAPES.items() for kind in kinds),
    *(_case(*kind, shape, *stack) for stack in STACKED for shape in STACKED_SHAPES for kind in SHAPES[shape]),
]


def prepare(library: str, **case: Any) -> Prepared:
    rng = np.random.default_rng(1)
    T, B, H = case["T"], case["B"], case["H"]
    make = {OURS: _ours, TORCH: _torch, ONNX: _onnx}[library]
    x = rng.standard_normal((T, B, H), np.float32)
    dy = rng.standard_normal((T, B, H * case["directions"]), np.float32)
    return make(case, x, dy)


def _layer(case: Mapping[str, Any]) -> Any:
    """Our layer, whose weights all contenders take."""
    from lexigrad import nn

    kind, H = getattr(nn, case["layer"]), case["H"]
    return kind(H, H, case["layers"], bidirectional=case["directions"] == 2, rng=2)


def _weights(case: Mapping[str, Any]) -> dict[str, Any]:
    return {name: array for name, array in _layer(case).state_dict().items() if array is not None}


def _summary(**arrays: Any) -> dict[str, float]:
    """A number for each array that another order of its values would change."""
    return {name: float(np.linalg.norm(a.ravel() * np.linspace(1, 2, a.size))) for name, a in arrays.items()}


def _is_stream(case: Mapping[str, Any]) -> bool:
    return bool(case["T"] == case["B"] == 1)


def _ours(case: Mapping[str, Any], x: Any, dy: Any) -> Prepared:
    from lexigrad import Tensor, no_grad

    layer = _layer(case)
    if case["pass"] == "train":
        inputs = Tensor(x, requires_grad=True)

        def train() -> Any:
            layer.zero_grad()
            inputs.grad = None
            y, _ = layer(inputs)
            y.backward(dy)
            return y.data

        def trained() -> dict[str, float]:
            y = train()
            gradients = {name: parameter.grad for name, parameter in layer.named_parameters()}
            return _summary(y=y, x=inputs.grad, **gradients)

        return train, trained
    if _is_stream(case):
        step = layer.stream()
        return lambda: step(x), lambda: _summary(y=layer.stream()(x))

    def infer() -> Any:
        with no_grad():
            return layer(x)[0].data

    return infer, lambda: _summary(y=infer())


def _torch(case: Mapping[str, Any], x: Any, dy: Any) -> Prepared:
    import torch

    kind, H = getattr(torch.nn, case["layer"]), case["H"]
    layer = kind(H, H, case["layers"], bidirectional=case["directions"] == 2)
    layer.load_state_dict({name: torch.tensor(array) for name, array in _weights(case).items()})
    inputs, upstream = torch.tensor(x), torch.tensor(dy)
    if case["pass"] == "train":
        inputs.requires_grad = True

        def train() -> Any:
            layer.zero_grad()
            inputs.grad = None
            y, _ = layer(inputs)
            y.backward(upstream)
            return y

        def trained() -> dict[str, float]:
            y = train().detach().numpy()
            gradients = {name: parameter.grad.numpy() for name, parameter in layer.named_parameters()}
            return _summary(y=y, x=inputs.grad.numpy(), **gradients)

        return train, trained
    layer.eval()
    carried: list[Any] = [None]

    def infer() -> Any:
        with torch.inference_mode():
            y, states = layer(inputs, carried[0])
        if _is_stream(case):
            carried[0] = states
        return y

    return infer, lambda: _summary(y=infer().numpy())


def _onnx(case: Mapping[str, Any], x: Any, dy: Any) -> Prepared:
    import onnxruntime

    from lexigrad.onnx import export

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = int(os.environ["OMP_NUM_THREADS"]), 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.onnx"
        export(_layer(case), path, states=_is_stream(case))
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    zeros = np.zeros((case["layers"] * case["directions"], case["B"], case["H"]), np.float32)
    feed = {entry.name: x if entry.name == "x" else zeros for entry in session.get_inputs()}

    def infer() -> Any:
        y, *states = session.run(None, feed)
        if _is_stream(case):
            feed.update(zip(("h0", "c0"), states, strict=False))
        return y

    return infer, lambda: _summary(y=infer())


def peers(case: Mapping[str, Any]) -> list[str]:
    return [TORCH, ONNX] if case["pass"] == "inference" else [TORCH]


def targets(case: Mapping[str, Any]) -> dict[str, float]:
    shape = (case["T"], case["B"], case["H"])
    of_onnx = 1.2 if shape == STREAM else 1.3 if case["B"] == 1 else 1.0
    of_torch = SHAPES[shape][case["layer"], case["pass"]][min(case["threads"], 2) - 1]
    return {TORCH: of_torch, ONNX: of_onnx}


def main(argv: list[str]) -> None:
    operations.run("recurrent", __doc__ or "", CASES, targets, argv, peers=peers)
