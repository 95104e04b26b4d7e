"""ONNX files: what onnxruntime makes of ours, what we read of others', and what is refused."""

import json
import warnings

import numpy as np
import pytest
from bad_files import mutations, outcome, refused

import lexigrad as lg
from lexigrad import nn
from lexigrad.models import LanguageModel
from lexigrad.onnx import export, load_recurrent

onnx = pytest.importorskip("onnx")
LAYERS = [nn.RNN, nn.GRU, nn.LSTM]
TEXT = "the cat sat on the mat. the dog sat on the cat.\n" * 4


def float32(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run(path, **inputs):
    """What onnxruntime computes, by the names of the outputs."""
    runtime = pytest.importorskip("onnxruntime")
    onnx.checker.check_model(onnx.load(path), full_check=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs), strict=True))


def close(found, expected):
    found, expected = (value.data if isinstance(value, lg.Tensor) else value for value in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def as_tuple(states):
    return states if isinstance(states, tuple) else (states,)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"num_layers": 3},
        {"bidirectional": True, "batch_first": True},
        {"num_layers": 2, "bidirectional": True, "dropout": 0.5},
    ],
    ids=str,
)
def test_recurrent_layers_in_onnxruntime(tmp_path, kind, options):
    layer = kind(5, 7, rng=1, **options).eval()
    path = tmp_path / "layer.onnx"
    export(layer, path, lengths=True)
    for T, B in [(1, 1), (4, 3)]:
        x = float32(*((B, T) if layer.batch_first else (T, B)), 5)
        lengths = np.arange(B, dtype=np.int32) % T + 1
        names = ["h0", "c0"][: 2 if kind is nn.LSTM else 1]
        states = [float32(layer.num_layers * (1 + layer.bidirectional), B, 7, seed=2 + i) for i in range(len(names))]
        y, last = layer(x, tuple(states) if kind is nn.LSTM else states[0], lengths=lengths)
        found = run(path, x=x, lengths=lengths, **dict(zip(names, states, strict=True)))
        assert list(found) == ["y", "h", "c"][: 1 + len(names)]
        for theirs, ours in zip(found.values(), [y, *as_tuple(last)], strict=True):
            close(theirs, ours)


def test_relu_layers_and_states_of_zeros(tmp_path):
    layer = nn.RNN(4, 6, nonlinearity="relu", bidirectional=True, rng=1)
    export(layer, tmp_path / "x", states=False)
    x = float32(3, 2, 4)
    y, h = layer(x)
    found = run(tmp_path / "x", x=x)
    close(found["y"], y)
    close(found["h"], h)


def test_sequential_of_everything(tmp_path):
    shared = nn.Linear(8, 8, rng=3)
    model = nn.Sequential(
        nn.Embedding(11, 8, rng=1),
        nn.LayerNorm(8, eps=1e-3),
        shared,
        nn.Tanh(),
        nn.Sequential(nn.Linear(8, 8, bias=False, rng=2), nn.ReLU(), nn.Dropout(0.9)),
        shared,
        nn.Sigmoid(),
        nn.LayerNorm(8, elementwise_affine=False),
        nn.Identity(),
        nn.GRU(8, 3, num_layers=2, rng=4),
    ).eval()
    model[1].weight.data[...] = float32(8)
    model[1].bias.data[...] = float32(8, seed=1)
    export(model, tmp_path / "x", states=False)
    ids = np.random.default_rng(0).integers(0, 11, (5, 2))
    y, h = model(ids)
    found = run(tmp_path / "x", x=ids)
    close(found["y"], y)
    close(found["h"], h)
    names = [tensor.name for tensor in onnx.load(tmp_path / "x").graph.initializer]
    assert "2.weight" in names
    assert "5.weight" not in names  # the same parameters, stored once


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Linear(5, 3, rng=0), (4, 3, 5)),
        (nn.LayerNorm((2, 5)), (4, 3, 2, 5)),
        (nn.Sequential(nn.ReLU()), (4, 3, 5)),
        (nn.Sequential(), (4, 3, 5)),
    ],
)
def test_layers_that_stand_alone(tmp_path, module, shape):
    export(module, tmp_path / "x")
    close(run(tmp_path / "x", x=float32(*shape))["y"], module(float32(*shape)))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("unit", ["char", "word"])
def test_language_models_carry_their_states(tmp_path, cell, unit):
    model = LanguageModel(unit, cell, 12, 2, tied=unit == "word", dropout=0.2, seed=3)
    model.fit(TEXT, epochs=1, batch_size=2)
    path = tmp_path / "model.onnx"
    export(model, path)
    ids = model.units.encode("the dog sat on the mat. the cat")[:, None]
    logits, states = model.network.eval()(ids)
    names = ["h", "c"][: len(as_tuple(states))]
    carried = {f"{name}0": np.zeros((2, 1, 12), np.float32) for name in names}
    rows = []
    for step in np.array_split(ids.astype(np.int64), 3):  # pieces of any length
        found = run(path, x=step, **carried)
        rows.append(found["y"])
        carried = {f"{name}0": found[name] for name in names}
    close(np.concatenate(rows), logits)
    for name, state in zip(names, as_tuple(states), strict=True):
        close(carried[f"{name}0"], state)
    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert properties["unit"] == unit
    assert json.loads(properties["names"]) == list(model.units.names)


def test_what_cannot_be_exported(tmp_path):
    path = tmp_path / "x"
    with pytest.raises(TypeError, match=r"Attention \(1\) cannot be exported, only RNN"):
        export(nn.Sequential(nn.Linear(3, 3), nn.Attention(3)), path)
    with pytest.raises(TypeError, match="1 cannot follow a recurrent layer"):
        export(nn.Sequential(nn.LSTM(3, 3), nn.Linear(3, 3)), path)
    with pytest.raises(TypeError, match=r"float64.*call float\(\)"):
        export(nn.LSTM(3, 3).double(), path)
    with pytest.raises(RuntimeError, match="not trained"):
        export(LanguageModel(), path)
    assert not path.exists()


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"bidirectional": True}], ids=str)
def test_nodes_load_back_bit_for_bit(tmp_path, kind, options):
    layer = kind(5, 7, rng=1, **options)
    export(layer, tmp_path / "x")
    assert list(load_recurrent(tmp_path / "x")) == ["l0"]
    back = load_recurrent(tmp_path / "x")["l0"]
    assert type(back) is kind
    assert repr(back) == repr(layer)
    for name, array in layer.state_dict().items():
        if array is not None:
            np.testing.assert_array_equal(back.state_dict()[name], array)
            assert back.state_dict()[name].flags.writeable


def test_levels_of_a_stack_load_back(tmp_path):
    model = LanguageModel("char", "gru", 9, 3).fit(TEXT, epochs=1, batch_size=2)
    lg.onnx.export(model, tmp_path / "x")
    levels = load_recurrent(tmp_path / "x")
    assert list(levels) == ["rnn.l0", "rnn.l1", "rnn.l2"]
    y = x = float32(4, 2, 64)
    for level in levels.values():
        y, _ = level(y)
    close(y, model.network.rnn.eval()(x)[0])


def test_pytorchs_files_load(tmp_path):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.LSTM(5, 7, bidirectional=True)
    x = float32(4, 3, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(theirs, (torch.tensor(x),), str(tmp_path / "x"), dynamo=False)
        except (ImportError, TypeError, RuntimeError) as error:
            pytest.skip(f"this PyTorch writes no ONNX files: {error}")
    (layer,) = load_recurrent(tmp_path / "x").values()
    y, _ = theirs(torch.tensor(x))
    close(layer(x)[0], y.detach().numpy())


def node_file(operator="LSTM", weights=None, inputs=("x", "W", "R"), gates=4, **attributes):
    """A file with one node of H = 3 and I = 2."""
    weights = weights or [
        onnx.numpy_helper.from_array(float32(1, gates * 3, 2), "W"),
        onnx.numpy_helper.from_array(float32(1, gates * 3, 3), "R"),
    ]
    node = onnx.helper.make_node(operator, inputs, ["y"], "node", **attributes)
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["T", "B", 2])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    return onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y], weights)).SerializeToString()


def tensor(name, *shape, **fields):
    result = onnx.numpy_helper.from_array(np.zeros((1, 12, 3), np.float32), name)
    del result.dims[:]
    result.dims.extend(shape)
    for field, value in fields.items():
        setattr(result, field, value)
    return result


def test_other_ways_to_store_weights(tmp_path):
    values = {"W": float32(1, 12, 2), "R": float32(1, 12, 3)}
    floats = onnx.TensorProto.FLOAT
    stores = {
        "lists": [onnx.helper.make_tensor(name, floats, a.shape, a.ravel()) for name, a in values.items()],
        "doubles": [onnx.numpy_helper.from_array(a.astype(float), name) for name, a in values.items()],
        "halves": [onnx.numpy_helper.from_array(a.astype(np.float16), name) for name, a in values.items()],
    }
    for store, weights in stores.items():
        (tmp_path / store).write_bytes(node_file(weights=weights, layout=1, hidden_size=3))
        layer = load_recurrent(tmp_path / store)["node"]
        assert layer.batch_first
        np.testing.assert_allclose(
            layer.weight_hh_l0.data[:3], values["R"][0, :3], rtol=0 if store != "halves" else 1e-3
        )
    constant = onnx.load_from_string(node_file(inputs=("x", "V", "R")))
    constant.graph.node.insert(0, onnx.helper.make_node("Identity", ["U"], ["V"]))
    constant.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["U"], value=stores["lists"][0]))
    (tmp_path / "constant").write_bytes(constant.SerializeToString())
    np.testing.assert_array_equal(
        load_recurrent(tmp_path / "constant")["node"].weight_ih_l0.data[:3], values["W"][0, :3]
    )


def test_nodes_that_our_layers_cannot_express(tmp_path):
    path = tmp_path / "x"
    refused(load_recurrent, path, node_file(clip=3.0), "node 'node': it clips")
    refused(load_recurrent, path, node_file(input_forget=1), "input and forget")
    refused(load_recurrent, path, node_file(direction="reverse"), "'reverse'")
    refused(load_recurrent, path, node_file("GRU", gates=3), "linear_before_reset must be 1")
    refused(load_recurrent, path, node_file(activations=["Sigmoid", "Relu", "Tanh"]), "activations must be .*Relu")
    refused(load_recurrent, path, node_file("RNN", gates=1, activations=["Elu"]), "activations must be .*Elu")
    refused(load_recurrent, path, node_file(inputs=["x", "W", "R", "", "", "", "", "W"]), "peepholes")
    refused(load_recurrent, path, node_file(inputs=["x", "x", "R"]), "W must be stored in the file")
    refused(load_recurrent, path, node_file("Relu", inputs=["x"]), "no RNN, GRU or LSTM nodes")


def test_malformed_files_are_refused(tmp_path):
    path = tmp_path / "x"
    types = onnx.TensorProto
    good = [tensor("W", 1, 12, 3), tensor("R", 1, 12, 3)]
    cases = {
        "R must have the shape": [good[0], tensor("R", 1, 4, 9)],
        "W must have the shape": [tensor("W", 1, 9, 4), good[1]],
        "but 36 values": [good[0], tensor("R", 1, 1 << 40, 1 << 40)],
        "has the shape": [good[0], tensor("R", -1, 12, 3)],
        "has the shape \\(1, 12, 3, 1\\)": [good[0], tensor("R", 1, 12, 3, 1)],
        "not of the type 7": [good[0], tensor("R", 1, 12, 3, data_type=types.INT64)],
        "another file": [good[0], tensor("R", 1, 12, 3, data_location=types.EXTERNAL)],
    }
    for message, weights in cases.items():
        refused(load_recurrent, path, node_file(weights=weights), message)
    refused(load_recurrent, path, node_file(hidden_size=4), "hidden_size is 4")
    refused(load_recurrent, path, node_file(inputs=["x", "W", "R", "R"]), "B must have the shape")
    refused(load_recurrent, path, node_file(inputs=["x"]), "W must be stored")
    refused(load_recurrent, path, b"\x80\x04\x95abc", "pickle")
    refused(load_recurrent, path, b"PK\x03\x04" + bytes(30), "zip")
    refused(load_recurrent, path, b"", "no RNN")
    refused(load_recurrent, path, b"\xff" * 40, "not an ONNX file")
    with pytest.raises(ValueError, match="not a regular file"):
        load_recurrent("/dev/null")
    with pytest.raises(FileNotFoundError):
        load_recurrent(tmp_path / "none")


def test_damaged_files_are_read_or_refused(tmp_path):
    data = node_file(activations=["Sigmoid", "Tanh", "Tanh"], direction="forward", hidden_size=3)
    results = [outcome(load_recurrent, tmp_path / "x", changed) for changed in mutations(data, 1500)]
    assert any(isinstance(result, ValueError) for result in results)
    for end in range(0, len(data), 7):
        outcome(load_recurrent, tmp_path / "x", data[:end])
