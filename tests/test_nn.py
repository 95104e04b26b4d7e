"""Modules: names, state, files; the layers against PyTorch's."""

import copy
import gc
import weakref

import numpy as np
import pytest

import lexigrad as lg
from lexigrad import nn
from lexigrad.nn import functional
from lexigrad.sparse import SparseRows

F32 = np.float32


class Net(nn.Module):
    def __init__(self, rng=0):
        self.embed = nn.Embedding(10, 4, padding_idx=0, rng=rng)
        self.layers = nn.ModuleList([nn.Linear(4, 5, rng=rng), nn.Linear(5, 4, bias=False, rng=rng)])
        self.norm = nn.LayerNorm(4)
        self.scale = nn.Parameter(np.ones(4, F32))
        self.register_buffer("steps", lg.Tensor(np.zeros(1, np.int64)))
        self.drop = nn.Dropout(0.5, rng=rng)
        self.note = lg.Tensor([1.0])  # neither learnt nor saved

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x).tanh()
        return self.norm(self.drop(x)) * self.scale


NAMES = ["scale", "embed.weight", "layers.0.weight", "layers.0.bias", "layers.1.weight", "norm.weight", "norm.bias"]


def test_names():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_parameters("model")] == [f"model.{name}" for name in NAMES]
    assert [name for name, _ in net.named_buffers()] == ["steps"]
    assert set(net.state_dict()) == {*NAMES, "steps"}
    assert [name for name, _ in net.named_children()] == ["embed", "layers", "norm", "drop"]
    assert [name for name, _ in net.named_modules()][:4] == ["", "embed", "layers", "layers.0"]
    assert len(list(net.parameters())) == 7


def test_training_and_gradients():
    net = Net()
    loss = net(np.array([[1, 2, 0], [3, 3, 9]])).sum()
    loss.backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert isinstance(net.embed.weight.grad, SparseRows)
    np.testing.assert_array_equal(net.embed.weight.grad.indices, [1, 2, 3, 9])
    net.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())
    assert net.training
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    ids = np.array([1, 2])
    np.testing.assert_array_equal(net(ids).data, net(ids).data)
    assert net.train().drop.training


def test_apply_goes_from_within():
    seen = []
    net = Net()
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Embedding", "Linear", "Linear", "ModuleList", "LayerNorm", "Dropout", "Net"]


def test_state_dict_round_trip(tmp_path):
    net, other = Net(0), Net(1)
    assert other.load_state_dict(net.state_dict()) == ([], [])
    for name, array in other.state_dict().items():
        np.testing.assert_array_equal(array, net.state_dict()[name])
        assert not np.shares_memory(array, net.state_dict()[name])
    third = Net(2)
    net.save(tmp_path / "net.safetensors", {"step": 3})
    third.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(third.embed.weight.data, net.embed.weight.data)


def test_a_state_that_does_not_fit_changes_nothing(tmp_path):
    net = Net()
    before = {name: array.copy() for name, array in net.state_dict().items()}
    state = {name: array + 1 for name, array in net.state_dict().items() if name != "norm.bias"}
    state["extra"] = np.zeros(2)
    state["scale"] = np.zeros(3)
    message = (
        r"the state does not fit Net: unexpected: extra; missing: norm.bias; scale must have shape \(4,\), not \(3,\)"
    )
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(state)
    with pytest.raises(ValueError, match="scale must have shape"):
        net.load_state_dict(state, strict=False)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    del state["scale"]
    assert net.load_state_dict(state, strict=False) == (["scale", "norm.bias"], ["extra"])
    np.testing.assert_array_equal(net.norm.weight.data, before["norm.weight"] + 1)
    nn.Linear(2, 2).save(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors: the state does not fit Net"):
        net.load(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="scale is no array of real numbers"):
        net.load_state_dict({"scale": "text"})


def test_shared_parameters():
    class Tied(nn.Module):
        def __init__(self):
            self.embed = nn.Embedding(6, 3, rng=0)
            self.output = nn.Linear(3, 6, rng=0)
            self.output.weight = self.embed.weight

    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["embed.weight", "output.bias"]
    assert len(list(tied.parameters())) == 2
    state = dict(tied.state_dict())
    assert set(state) == {"embed.weight", "output.weight", "output.bias"}
    del state["output.weight"]  # as safetensors.torch.save_model leaves it
    tied.load_state_dict(state)
    logits = tied.output(tied.embed(np.array([1, 2])))
    logits.sum().backward()
    assert tied.embed.weight.grad.shape == (6, 3)  # dense and sparse parts, added up
    other = copy.deepcopy(tied)
    assert other.output.weight is other.embed.weight
    assert other.embed.weight is not tied.embed.weight


def test_copies_are_apart():
    net = Net()
    other = copy.deepcopy(net)
    other.scale.data += 1
    assert (net.scale.data == 1).all()
    assert [name for name, _ in other.named_parameters()] == NAMES


def test_double_and_float():
    net = Net().eval().double()
    assert {parameter.dtype for parameter in net.parameters()} == {np.dtype(np.float64)}
    assert net.steps.dtype == np.int64
    assert net.float().scale.dtype == F32


def test_gradients_of_a_model_by_differences():
    layer = nn.Sequential(nn.Linear(3, 4, rng=0), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 2, rng=1)).double()
    x = lg.Tensor(np.random.default_rng(0).standard_normal((5, 3)), requires_grad=True)

    def loss(x, *parameters):
        for old, new in zip(modules, parameters, strict=True):
            setattr(*old, new)
        return layer(x)

    modules = [(module, name) for module in layer for name in ("weight", "bias") if hasattr(module, name)]
    parameters = [getattr(*place) for place in modules]
    assert lg.gradcheck(loss, [x, *parameters])


def test_repr():
    model = nn.Sequential(
        nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.1)), nn.Embedding(3, 2, padding_idx=-1)
    )
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Dropout(p=0.1)\n"
        "  )\n"
        "  (2): Embedding(3, 2, padding_idx=2)\n"
        ")"
    )
    assert repr(nn.LayerNorm(3)) == "LayerNorm((3,), eps=1e-05, elementwise_affine=True)"
    assert repr(nn.VariationalDropout(0.3)) == "VariationalDropout(p=0.3, batch_first=False)"


def test_containers():
    first, second, third = nn.ReLU(), nn.Tanh(), nn.Identity()
    row = nn.ModuleList([first]).extend([second]).append(third)
    assert len(row) == 3
    assert row[-1] is third
    assert list(row) == [first, second, third]
    assert list(row[1:]) == [second, third]
    named = nn.Sequential({"a": nn.Linear(2, 3), "b": nn.Sigmoid()})
    assert set(named.state_dict()) == {"a.weight", "a.bias"}
    assert named(np.ones((4, 2), F32)).shape == (4, 3)
    assert nn.Sequential()(5) == 5
    with pytest.raises(TypeError, match="holds modules, not int"):
        nn.ModuleList([1])
    with pytest.raises(IndexError):
        row[3]


def test_module_without_forward():
    with pytest.raises(NotImplementedError, match="Module needs a method forward"):
        nn.Module()(1)


def test_parameter():
    frozen = np.ones(3, F32)
    frozen.flags.writeable = False
    parameter = nn.Parameter(frozen)
    assert parameter.data.flags.writeable
    assert parameter.requires_grad
    assert nn.Parameter(np.ones((3, 2), F32).T).data.flags.c_contiguous
    with pytest.raises(TypeError, match="int64"):
        nn.Parameter([1, 2])


def test_embedding_from_pretrained():
    vectors = np.arange(12, dtype=F32).reshape(4, 3)
    frozen = nn.Embedding.from_pretrained(vectors)
    assert not frozen.weight.requires_grad
    assert frozen.weight.data is vectors
    np.testing.assert_array_equal(frozen([2, 0]).data, vectors[[2, 0]])
    learnt = nn.Embedding.from_pretrained(lg.Tensor(vectors), freeze=False, padding_idx=-1)
    assert not np.shares_memory(learnt.weight.data, vectors)
    assert learnt.padding_idx == 3
    assert (learnt.num_embeddings, learnt.embedding_dim) == (4, 3)
    for wrong in (vectors[0], np.zeros((2, 2), int)):
        with pytest.raises(ValueError, match="matrix of floats"):
            nn.Embedding.from_pretrained(wrong)


def test_embedding_from_keyedvectors():
    kv = lg.KeyedVectors(3)
    kv.add_vectors(["a", "b", "c"], np.arange(9, dtype=F32).reshape(3, 3))
    layer = nn.Embedding.from_pretrained(kv, freeze=False)
    np.testing.assert_array_equal(layer(kv.key_to_index["b"]).data, kv["b"])


def test_dropout_layers():
    x = np.ones((7, 5, 40), F32)
    layer = nn.Dropout(0.5, rng=3)
    first = layer(x).data
    assert (nn.Dropout(0.5, rng=3)(x).data == first).all()
    assert (layer(x).data != first).any()
    assert layer.eval()(x).data is x
    out = nn.VariationalDropout(0.5, rng=3)(x).data
    assert (out == out[0]).all()
    out = nn.VariationalDropout(0.5, batch_first=True, rng=3)(x).data
    assert (out == out[:, :1]).all()
    with pytest.raises(ValueError, match=r"\(T, B, D\), not \(5, 40\)"):
        nn.VariationalDropout()(x[0])
    with pytest.raises(ValueError, match="probability"):
        nn.Dropout(1.5)


def test_exact_continuation_of_dropout():
    x, layer = np.ones((5, 6), F32), nn.Dropout(rng=1)
    state = layer.rng.bit_generator.state
    first = layer(x).data
    layer.rng.bit_generator.state = state
    np.testing.assert_array_equal(layer(x).data, first)


@pytest.mark.parametrize("make", [lambda: nn.Linear(-1, 2), lambda: nn.Embedding(2, -1), lambda: nn.Embedding(3, 2, 3)])
def test_wrong_sizes(make):
    with pytest.raises(ValueError, match=r"negative|padding_idx"):
        make()


def test_initial_distributions():
    linear = nn.Linear(100, 200, rng=0)
    assert abs(linear.weight.data).max() <= 0.1
    assert abs(linear.weight.data.std() - 0.1 / np.sqrt(3)) < 1e-3
    assert 0.09 < abs(linear.bias.data).max() <= 0.1
    table = nn.Embedding(300, 50, padding_idx=1, rng=0)
    assert abs(table.weight.data.std() - 1) < 0.02
    assert (table.weight.data[1] == 0).all()
    assert linear.weight.dtype == table.weight.dtype == F32
    assert (nn.Linear(3, 2, rng=5).weight.data == nn.Linear(3, 2, rng=5).weight.data).all()


def test_activations():
    x = lg.Tensor([-1.0, 0.5])
    for layer, function in (
        (nn.Tanh(), functional.tanh),
        (nn.Sigmoid(), functional.sigmoid),
        (nn.ReLU(), functional.relu),
    ):
        np.testing.assert_array_equal(layer(x).data, function(x).data)
    assert nn.Identity()(x) is x


def test_functional_names_exist():
    for name in functional.__all__:
        assert callable(getattr(functional, name))


def test_a_training_step_leaves_nothing_behind():
    net = Net()
    gc.collect()
    gc.disable()
    try:
        out = net(np.array([1, 2]))
        watch = weakref.ref(out)
        loss = out.sum()
        del out
        loss.backward()
        assert watch() is None
    finally:
        gc.enable()


def test_pytorch_state_dict(tmp_path):
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(10, 4, padding_idx=0)
            self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 5), torch.nn.Linear(5, 4, bias=False)])
            self.norm = torch.nn.LayerNorm(4)
            self.scale = torch.nn.Parameter(torch.randn(4))
            self.register_buffer("steps", torch.zeros(1, dtype=torch.int64))

        def forward(self, ids):
            x = self.embed(ids)
            for layer in self.layers:
                x = layer(x).tanh()
            return self.norm(x) * self.scale

    torch.manual_seed(0)
    theirs, ours = Theirs(), Net().eval()
    ours.load_state_dict(theirs.state_dict())
    ids = np.array([[1, 2, 0], [3, 3, 9]])
    expected = theirs(torch.tensor(ids))
    np.testing.assert_allclose(ours(ids).data, expected.detach().numpy(), 1e-5, 1e-6)
    (ours(ids) ** 2).sum().backward()
    (expected**2).sum().backward()
    for (name, parameter), (their_name, theirs_) in zip(
        sorted(ours.named_parameters()), sorted(theirs.named_parameters()), strict=True
    ):
        assert name == their_name
        grad = parameter.grad.dense() if isinstance(parameter.grad, SparseRows) else parameter.grad
        np.testing.assert_allclose(grad, theirs_.grad.numpy(), 1e-4, 1e-5)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    other = Net(1)
    other.load(tmp_path / "theirs.safetensors")
    np.testing.assert_array_equal(other.scale.data, theirs.scale.detach().numpy())
    theirs.load_state_dict({name: torch.tensor(array) for name, array in other.state_dict().items()})


def test_files_of_torch_save_are_not_unpickled(tmp_path):
    torch = pytest.importorskip("torch")
    theirs, ours = torch.nn.Linear(3, 2), nn.Linear(3, 2)
    before = ours.weight.data.copy()
    torch.save(theirs.state_dict(), tmp_path / "zip.pt")
    torch.save(theirs.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("zip.pt", "old.pt"):
        with pytest.raises(ValueError, match=rf"{name}: this is a .*pickle.*write a PyTorch model's state_dict with"):
            ours.load(tmp_path / name)
    np.testing.assert_array_equal(ours.weight.data, before)


def test_half_precision_of_pytorch_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    theirs, ours = torch.nn.GRU(3, 2), nn.GRU(3, 2)
    for dtype in (torch.bfloat16, torch.float16):
        state = {name: tensor.to(dtype) for name, tensor in theirs.state_dict().items()}
        save_file(state, tmp_path / "half.safetensors")
        for load in (lambda: ours.load(tmp_path / "half.safetensors"), lambda state=state: ours.load_state_dict(state)):
            ours.weight_hh_l0.data[...] = 0
            load()
            np.testing.assert_array_equal(ours.weight_hh_l0.data, state["weight_hh_l0"].float().numpy())


@pytest.mark.parametrize("state", [None, b"abc", [1, 2], "file.safetensors"])
def test_a_state_is_a_mapping(state):
    with pytest.raises(TypeError, match=f"state_dict must map names to arrays, not be a {type(state).__name__}"):
        nn.Linear(2, 2).load_state_dict(state)


def test_buffers_may_be_given_as_arrays():
    module = nn.Module()
    module.register_buffer("steps", np.arange(3))
    assert isinstance(module.steps, lg.Tensor)
    np.testing.assert_array_equal(module.state_dict()["steps"], [0, 1, 2])


def test_freezing():
    layer = nn.LSTM(2, 3)
    assert layer.requires_grad_(False) is layer
    assert not any(parameter.requires_grad for parameter in layer.parameters())
    assert not layer(np.ones((2, 1, 2), F32))[0].requires_grad
    layer.requires_grad_()
    assert all(parameter.requires_grad for parameter in layer.parameters())
