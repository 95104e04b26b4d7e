"""ONNX files: layers and models written for other programs to run, recurrent nodes read back (`lexigrad[onnx]`).

The operators: https://onnx.ai/onnx/operators. ONNX stacks the weights of both directions, (D, gates H, ...), orders the
gates i o f g (LSTM) and z r n (GRU), and joins the two biases to (D, 2 gates H).
"""

import json
import math
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lexigrad.io.atomic import atomic_write
from lexigrad.io.blocks import foreign
from lexigrad.models.language_model import LanguageModel, LanguageNetwork
from lexigrad.models.model import Model
from lexigrad.nn.activation import Identity, ReLU, Sigmoid, Tanh
from lexigrad.nn.container import Sequential
from lexigrad.nn.dropout import Dropout, VariationalDropout
from lexigrad.nn.embedding import Embedding
from lexigrad.nn.linear import Linear
from lexigrad.nn.module import Module, Parameter
from lexigrad.nn.normalization import LayerNorm
from lexigrad.nn.recurrent import GRU, LSTM, RNN
from lexigrad.tensor import Array

_OPSET, _IR_VERSION = 17, 8  # the first with LayerNormalization; read by onnxruntime from 1.12 on
_MAX_BYTES = (1 << 31) - 1  # of a protobuf message

# Which of our gates each of ONNX's is.
_GATES: Mapping[str, list[int]] = {"RNN": [0], "GRU": [1, 0, 2], "LSTM": [0, 3, 1, 2]}
_LAYERS: Mapping[str, Any] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
_ACTIVATIONS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


def export(model: Module | Model, path: str | os.PathLike[str], *, states: bool = True, lengths: bool = False) -> None:
    """Write a layer, a Sequential of layers or a trained model as an ONNX file (opset 17); atomic.

    What can be written: RNN, GRU, LSTM, Linear, Embedding, LayerNorm, Tanh, Sigmoid, ReLU, Identity, Sequential and
    LanguageModel. Dropout is left out, as after ``eval()``. A recurrent layer within a Sequential is its last layer.

    The graph's inputs are ``x`` (ids, int64, where an Embedding or a LanguageModel reads them; else float32) and those
    below, its outputs ``y`` (of a LanguageModel the logits, (T B, V)) and the last states ``h`` and, of an LSTM, ``c``.
    T and B are free; names and shapes are those of ``forward``, and layers that take any number of axes, such as
    Linear, take (T, B, D). A LanguageModel's file has its characters or words in the metadata: ``unit``, and ``names``,
    a JSON list.

    Args:
        states: the initial states ``h0`` and, of an LSTM, ``c0``, (layers D, B, H), are inputs; else they are zeros.
        lengths: the sequences' ``lengths``, int32 (B,), are an input. (The last states of an empty sequence are
            zeros in onnxruntime, not the initial ones.)

    Raises:
        ImportError: the package onnx is not installed.
        TypeError: a layer of another type, or one that is not float32.
        RuntimeError: the model is not trained.
        ValueError: the file would have 2 GiB or more.
    """
    onnx = _package()
    network = model._trained() if isinstance(model, Model) else model
    graph = _Graph(onnx, states, lengths)
    graph.input("x", *_input_of(network))
    y, *last = graph.add(network, "", "x")
    graph.output("y", y)
    for name, state in zip("hc", last, strict=False):
        graph.output(name, state)
    file = graph.model(type(model).__name__)
    if isinstance(model, LanguageModel) and model.units is not None:
        onnx.helper.set_model_props(file, {"unit": model.unit, "names": json.dumps(model.units.names)})
    size = file.ByteSize()
    if size > _MAX_BYTES:
        raise ValueError(f"an ONNX file cannot hold this model: {size} bytes are more than {_MAX_BYTES}")
    with atomic_write(path) as out:
        out.write(file.SerializeToString(deterministic=True))


def load_recurrent(path: str | os.PathLike[str]) -> dict[str, RNN | GRU | LSTM]:
    """Read the RNN, GRU and LSTM nodes of an ONNX file, from any program, as layers of one level each.

    The nodes come in the order of the graph, under their names or, where these are missing or repeated, as "LSTM_3" for
    the graph's fourth node. What a node reads beside its weights, initial states and lengths, is not part of the layer:
    give it when calling.

    Weights of float16, float32 or float64 become float32. Nothing in the file is run, and no other file is read.

    Raises:
        ImportError: the package onnx is not installed.
        ValueError: the file is malformed, has no such nodes, or one that our layers cannot express (peepholes,
            clipping, other activations, only backwards, a GRU with linear_before_reset=0); the message names the file
            and the node.
    """
    model = _read(path)
    constants = _constants(model.graph)
    layers: dict[str, RNN | GRU | LSTM] = {}
    for place, node in enumerate(model.graph.node):
        if node.op_type in _LAYERS and node.domain in ("", "ai.onnx"):
            name = node.name if node.name and node.name not in layers else f"{node.op_type}_{place}"
            try:
                layers[name] = _layer(node, constants)
            except ValueError as error:
                raise ValueError(f"{os.fspath(path)}: node {name!r:.80}: {error}") from None
    if not layers:
        raise ValueError(f"{os.fspath(path)}: has no RNN, GRU or LSTM nodes")
    return layers


def _package() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ModuleNotFoundError("ONNX files need the package onnx: pip install 'lexigrad[onnx]'") from error
    return onnx


# Writing


class _Graph:
    """A graph that grows. Values are known by their names; weights that modules share are stored once."""

    def __init__(self, onnx: Any, states: bool, lengths: bool) -> None:
        self.onnx, self.states = onnx, states
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.shared: dict[int, str] = {}  # names of the parameters, by their ids
        self.lengths = ""
        if lengths:
            self.lengths = self.input("lengths", np.int32, ["B"])

    def add(self, module: Module, path: str, x: str) -> Sequence[str]:
        """The outputs of a module."""
        writer = _WRITERS.get(type(module))
        if writer is None:
            known = ", ".join(kind.__name__ for kind in _WRITERS)
            raise TypeError(f"{type(module).__name__} ({path or 'the model'}) cannot be exported, only {known}")
        return writer(self, module, path, x)

    def input(self, name: str, kind: Any, shape: list[int | str]) -> str:
        dtype = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        self.inputs.append(self.onnx.helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name: str, value: str) -> None:
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name]))
        self.outputs.append(self.onnx.helper.make_tensor_value_info(name, self.onnx.TensorProto.FLOAT, None))

    def node(self, operator: str, inputs: Sequence[str], path: str = "", outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; the name of its output, or the names."""
        place = len(self.nodes)
        names = [f"{operator}_{place}_{i}" for i in range(outputs)]
        node = self.onnx.helper.make_node(operator, inputs, names, path or f"{operator}_{place}", **attributes)
        self.nodes.append(node)
        return names if outputs > 1 else names[0]

    def parameter(self, name: str, parameter: Parameter) -> str:
        if id(parameter) not in self.shared:
            self.shared[id(parameter)] = self.weight(name, parameter.data)
        return self.shared[id(parameter)]

    def weight(self, name: str, array: Array) -> str:
        if array.dtype != np.float32:
            raise TypeError(f"{name} is {array.dtype}, but float32 is exported: call float() on the model")
        return self.constant(name, array)

    def constant(self, name: str, array: Any) -> str:
        self.constants.setdefault(name, self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def model(self, name: str) -> Any:
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, list(self.constants.values()))
        opset = helper.make_opsetid("", _OPSET)
        file = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION, producer_name="lexigrad")
        return self.onnx.shape_inference.infer_shapes(file)  # those of the outputs


def _input_of(module: Module) -> tuple[Any, list[int | str]]:
    """The dtype and shape of what a module reads."""
    if isinstance(module, Sequential) and len(module):
        return _input_of(module[0])
    if isinstance(module, LanguageNetwork | Embedding):
        return np.int64, ["T", "B"]
    if isinstance(module, LayerNorm):
        return np.float32, ["T", "B", *module.normalized_shape]
    axes = "BT" if getattr(module, "batch_first", False) else "TB"
    return np.float32, [*axes, getattr(module, "input_size", getattr(module, "in_features", "D"))]


def _named(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _write_linear(graph: _Graph, module: Linear, path: str, x: str) -> list[str]:
    transposed = graph.node("Transpose", [graph.parameter(_named(path, "weight"), module.weight)], perm=[1, 0])
    y = graph.node("MatMul", [x, transposed], path)
    if module.bias is not None:
        y = graph.node("Add", [y, graph.parameter(_named(path, "bias"), module.bias)])
    return [y]


def _write_embedding(graph: _Graph, module: Embedding, path: str, x: str) -> list[str]:
    return [graph.node("Gather", [graph.parameter(_named(path, "weight"), module.weight), x], path)]


def _write_layer_norm(graph: _Graph, module: LayerNorm, path: str, x: str) -> list[str]:
    scale = np.ones(module.normalized_shape, np.float32) if module.weight is None else module.weight.data
    inputs = [x, graph.weight(_named(path, "weight"), scale)]
    if module.bias is not None:
        inputs.append(graph.parameter(_named(path, "bias"), module.bias))
    axis = -len(module.normalized_shape)
    return [graph.node("LayerNormalization", inputs, path, axis=axis, epsilon=module.eps)]


def _write_sequential(graph: _Graph, module: Sequential, path: str, x: str) -> Sequence[str]:
    outputs: Sequence[str] = [x]
    for name, child in module.named_children():
        if len(outputs) > 1:
            raise TypeError(f"{_named(path, name)} cannot follow a recurrent layer, which returns its states too")
        outputs = graph.add(child, _named(path, name), outputs[0])
    return outputs


def _write_language_network(graph: _Graph, module: LanguageNetwork, path: str, x: str) -> list[str]:
    (embedded,) = graph.add(module.embed, _named(path, "embed"), x)
    y, *states = graph.add(module.rnn, _named(path, "rnn"), embedded)
    rows = graph.constant("rows", np.array([-1, module.rnn.hidden_size], np.int64))
    logits = graph.add(module.out, _named(path, "out"), graph.node("Reshape", [y, rows]))
    return [*logits, *states]


def _write_recurrent(graph: _Graph, module: RNN | GRU | LSTM, path: str, x: str) -> list[str]:
    directions, hidden_size = 1 + module.bidirectional, module.hidden_size
    levels = module.num_layers
    kinds = 2 if isinstance(module, LSTM) else 1
    initial: list[list[str]] = [[""] * levels] * kinds
    if graph.states:
        shape: list[int | str] = [levels * directions, "B", hidden_size]
        each = graph.constant(f"levels_{directions}", np.full(levels, directions, np.int64))
        given = [graph.input(name, np.float32, shape) for name in ("h0", "c0")[:kinds]]
        initial = [
            graph.node("Split", [name, each], outputs=levels, axis=0) if levels > 1 else [name] for name in given
        ]
    attributes: dict[str, Any] = {"direction": "bidirectional" if module.bidirectional else "forward"}
    if isinstance(module, GRU):
        attributes["linear_before_reset"] = 1
    if isinstance(module, RNN):
        attributes["activations"] = [module.nonlinearity.capitalize()] * directions
    if module.batch_first:
        x = graph.node("Transpose", [x], perm=[1, 0, 2])
    width = graph.constant(f"width_{directions * hidden_size}", np.array([0, 0, directions * hidden_size], np.int64))
    last: list[list[str]] = []
    for level in range(levels):
        name = _named(path, f"l{level}")
        inputs = [x, *_stacked(graph, module, level, name), graph.lengths, *(kind[level] for kind in initial)]
        y, *states = graph.node(
            type(module).__name__, inputs, name, 1 + kinds, hidden_size=hidden_size, **attributes
        )  # y (T, D, B, H)
        x = graph.node("Reshape", [graph.node("Transpose", [y], perm=[0, 2, 1, 3]), width])
        last.append(states)
    if module.batch_first:
        x = graph.node("Transpose", [x], perm=[1, 0, 2])
    return [x, *(graph.node("Concat", kind, axis=0) for kind in zip(*last, strict=True))]


def _stacked(graph: _Graph, module: RNN | GRU | LSTM, level: int, name: str) -> list[str]:
    """The weights and biases of one level in ONNX's order."""
    order = _GATES[type(module).__name__]
    directions = module._suffixes(level)

    def stack(kind: str) -> Array:
        return np.stack([_reordered(getattr(module, kind + suffix).data, order) for suffix in directions])

    w, r = (graph.weight(f"{name}.{letter}", stack(f"weight_{side}")) for letter, side in (("W", "ih"), ("R", "hh")))
    if not module.bias:
        return [w, r, ""]
    return [w, r, graph.weight(f"{name}.B", np.concatenate([stack("bias_ih"), stack("bias_hh")], 1))]


def _reordered(array: Array, order: Sequence[int]) -> Array:
    """The gates, blocks of rows, in another order."""
    return np.ascontiguousarray(array.reshape(len(order), -1, *array.shape[1:])[list(order)].reshape(array.shape))


def _activation(operator: str) -> Callable[[_Graph, Any, str, str], Sequence[str]]:
    return lambda graph, module, path, x: [graph.node(operator, [x], path)]


def _nothing(graph: _Graph, module: Module, path: str, x: str) -> list[str]:
    return [x]


_WRITERS: Mapping[type[Module], Callable[[_Graph, Any, str, str], Sequence[str]]] = {
    RNN: _write_recurrent,
    GRU: _write_recurrent,
    LSTM: _write_recurrent,
    Linear: _write_linear,
    Embedding: _write_embedding,
    LayerNorm: _write_layer_norm,
    Tanh: _activation("Tanh"),
    Sigmoid: _activation("Sigmoid"),
    ReLU: _activation("Relu"),
    Identity: _nothing,
    Dropout: _nothing,
    VariationalDropout: _nothing,
    Sequential: _write_sequential,
    LanguageNetwork: _write_language_network,
}


# Reading


class _Constants(NamedTuple):
    """The tensors of a graph that are known without running it, not decoded yet."""

    tensors: dict[str, Any]
    types: Any  # of onnx.TensorProto

    def read(self, name: str, what: str) -> Array:
        if name not in self.tensors:
            raise ValueError(f"{what} must be stored in the file, but {name!r:.80} is computed or an input")
        return _array(self.tensors[name], self.types, what)


def _read(path: str | os.PathLike[str]) -> Any:
    onnx = _package()
    from google.protobuf.message import DecodeError

    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{os.fspath(path)}: not a regular file")
        if status.st_size > _MAX_BYTES:
            raise ValueError(f"{os.fspath(path)}: has {status.st_size} bytes; an ONNX file has at most {_MAX_BYTES}")
        if remedy := foreign(file.read(16)):
            raise ValueError(f"{os.fspath(path)}: {remedy}")
        file.seek(0)
        model = onnx.ModelProto()
        try:
            model.ParseFromString(file.read())
        except DecodeError as error:
            raise ValueError(f"{os.fspath(path)}: not an ONNX file ({error})") from None
    return model


def _constants(graph: Any) -> _Constants:
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and len(node.output) == len(node.attribute) == 1:
            tensors[node.output[0]] = node.attribute[0].t
        elif node.op_type == "Identity" and len(node.input) == len(node.output) == 1 and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
    return _Constants(tensors, _package().TensorProto)


def _array(tensor: Any, types: Any, what: str) -> Array:
    """A tensor's values as float32, once the bytes are known to be there."""
    if tensor.data_location == types.EXTERNAL:
        raise ValueError(f"{what} lies in another file, which is not opened: store the weights in the file itself")
    stored = {types.FLOAT: "<f4", types.DOUBLE: "<f8", types.FLOAT16: "<f2"}.get(tensor.data_type)
    if stored is None:
        raise ValueError(f"{what} must be of floats, not of the type {tensor.data_type}")
    shape = tuple(tensor.dims)
    if len(shape) > 3 or any(size < 1 for size in shape):
        raise ValueError(f"{what} has the shape {shape!r:.80}")
    count = math.prod(shape)
    values: Any = tensor.float_data if tensor.data_type == types.FLOAT else tensor.double_data
    raw = tensor.HasField("raw_data") or tensor.data_type == types.FLOAT16
    found = len(tensor.raw_data) / np.dtype(stored).itemsize if raw else len(values)
    if found != count:
        raise ValueError(f"{what} has the shape {shape}, but {found:g} values")
    array = np.frombuffer(tensor.raw_data, stored) if raw else np.array(values)
    return array.astype(np.float32).reshape(shape)


def _layer(node: Any, constants: _Constants) -> RNN | GRU | LSTM:
    kind, order = node.op_type, _GATES[node.op_type]
    attributes = {attribute.name: attribute for attribute in node.attribute}
    inputs = [*node.input, *[""] * (8 - len(node.input))]
    bidirectional = _directions(attributes) == 2
    options = _checked(kind, attributes, 1 + bidirectional)
    w, r = constants.read(inputs[1], "W"), constants.read(inputs[2], "R")
    if r.ndim != 3 or r.shape[:2] != (1 + bidirectional, len(order) * r.shape[2]):
        raise ValueError(f"R must have the shape ({1 + bidirectional}, {len(order)} H, H), not {r.shape}")
    if w.ndim != 3 or w.shape[:2] != r.shape[:2]:
        raise ValueError(f"W must have the shape {r.shape[:2]} and the input's size, not {w.shape}")
    directions, rows, hidden_size = r.shape
    if "hidden_size" in attributes and attributes["hidden_size"].i != hidden_size:
        raise ValueError(f"hidden_size is {attributes['hidden_size'].i}, but R has the shape {r.shape}")
    biases = None
    if inputs[3]:
        biases = constants.read(inputs[3], "B")
        if biases.shape != (directions, 2 * rows):
            raise ValueError(f"B must have the shape {(directions, 2 * rows)}, not {biases.shape}")
    if kind == "LSTM" and inputs[7] and constants.read(inputs[7], "P").any():
        raise ValueError("it has peepholes, which our LSTM has not")
    back = [order.index(gate) for gate in range(len(order))]
    state: dict[str, Array] = {}
    for direction, suffix in enumerate(["_l0", "_l0_reverse"][:directions]):
        state["weight_ih" + suffix] = _reordered(w[direction], back)
        state["weight_hh" + suffix] = _reordered(r[direction], back)
        if biases is not None:
            state["bias_ih" + suffix] = _reordered(biases[direction, :rows], back)
            state["bias_hh" + suffix] = _reordered(biases[direction, rows:], back)
    layer: RNN | GRU | LSTM = _LAYERS[kind](
        w.shape[2], hidden_size, bias=biases is not None, bidirectional=bidirectional, **options
    )
    layer.load_state_dict(state)
    return layer


def _directions(attributes: Mapping[str, Any]) -> int:
    direction = attributes["direction"].s.decode(errors="replace") if "direction" in attributes else "forward"
    if direction not in ("forward", "bidirectional"):
        raise ValueError(f"direction must be forward or bidirectional, not {direction!r:.40}")
    return 2 if direction == "bidirectional" else 1


def _checked(kind: str, attributes: Mapping[str, Any], directions: int) -> dict[str, Any]:
    """The layer's further options; ValueError if the node does what our layers do not."""
    if "clip" in attributes:
        raise ValueError("it clips its gates, which our layers do not")
    if "input_forget" in attributes and attributes["input_forget"].i:
        raise ValueError("it couples the input and forget gates, which our LSTM does not")
    if kind == "GRU" and not ("linear_before_reset" in attributes and attributes["linear_before_reset"].i):
        raise ValueError("linear_before_reset must be 1: our GRU, like PyTorch's, resets after the product")
    options: dict[str, Any] = {"batch_first": "layout" in attributes and bool(attributes["layout"].i)}
    expected = _ACTIVATIONS[kind] * directions
    found = expected
    if "activations" in attributes:
        found = [name.decode(errors="replace") for name in attributes["activations"].strings]
    if kind == "RNN" and found == ["Relu"] * directions:
        options["nonlinearity"] = "relu"
    elif [name.lower() for name in found] != [name.lower() for name in expected]:
        raise ValueError(f"its activations must be {expected}, not {found!r:.120}")
    return options
