"""Language models: what they learn, write and save."""

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexigrad import StopTraining, TrainingInterrupted, no_grad
from lexigrad.io.safetensors import read_safetensors, write_safetensors
from lexigrad.models import PRESETS, Callback, Evaluation, LanguageModel
from lexigrad.models.language_model import _LanguageTask, _Windows
from lexigrad.tensor import Tensor

ALPHABET = "the quick brown fox jumps over the lazy dog.\n"
SMALL: dict[str, Any] = {"hidden_size": 24, "embedding_size": 8, "sequence_length": 12}
FAST: dict[str, Any] = {"batch_size": 4, "epochs": 3, "lr": 0.01}


@pytest.fixture(scope="module")
def text() -> str:
    rng = random.Random(1)
    words = ALPHABET.split()
    return "".join(rng.choice(words) + rng.choice(["\n", " ", " "]) for _ in range(300))


@pytest.fixture(scope="module")
def model(text: str) -> LanguageModel:
    return LanguageModel(**SMALL).fit(text, 0.1, **FAST)


def weights(model: LanguageModel) -> dict[str, Any]:
    assert model.network is not None
    return model.network.state_dict()


def same(a: LanguageModel, b: LanguageModel) -> bool:
    return all(np.array_equal(array, weights(b)[name]) for name, array in weights(a).items())


# Learning


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_it_learns_a_text_by_heart(cell: str) -> None:
    model = LanguageModel(cell=cell, hidden_size=32, num_layers=2, sequence_length=16)
    model.fit(ALPHABET * 40, batch_size=4, epochs=15, lr=0.01)
    assert model.evaluate(ALPHABET * 2).perplexity < 1.5
    assert model.sample(len(ALPHABET) - 4, prime="the ", temperature=0) == ALPHABET[4:]


def test_words() -> None:
    model = LanguageModel(unit="word", hidden_size=32, sequence_length=9, tied=True, seed=2)
    model.fit(ALPHABET * 50, batch_size=2, epochs=12, lr=0.02)
    assert model.units is not None
    assert set(model.units.names) == {*ALPHABET.split(), "<eos>"}
    assert model.sample(9, prime="the quick", temperature=0) == "brown fox jumps over the lazy dog. \nthe "
    with pytest.raises(ValueError, match="the word 'slow'"):
        model.sample(1, prime="the slow")


def test_windows_follow_each_other() -> None:
    windows = _Windows(np.arange(100, dtype=np.int32), batch_size=3, steps=10)
    assert len(windows) == 4
    inputs = np.concatenate([x for x, _ in windows])
    np.testing.assert_array_equal(inputs[:, 1], np.arange(33, 66))
    for x, y in windows:
        np.testing.assert_array_equal(y, x + 1)
    assert [len(x) for x, _ in windows] == [10, 10, 10, 3]


def test_states_are_carried_and_gradients_are_not(text: str) -> None:
    """The second window's gradient is that of its loss with the first window's last states as constants."""
    model = LanguageModel(hidden_size=5, embedding_size=4, num_layers=2, sequence_length=6).fit(text, max_updates=1)
    assert model.network is not None
    assert model.units is not None
    network = model.network.double().train()
    task = _LanguageTask(network, model.units.encode(text), None, batch_size=3, steps=6, unit="char")
    first, second = task.windows[0], task.windows[1]

    task.carried = {}
    task.loss(first)
    states = dict(task.carried)
    with no_grad():
        _, (h, c) = network(first[0])
    np.testing.assert_allclose(states["h"], h.data)
    np.testing.assert_allclose(states["c"], c.data)
    assert np.abs(states["h"]).max() > 0
    network.zero_grad()
    loss, count = task.loss(second)
    loss.backward()
    assert count == second[1].size

    def value() -> float:
        task.carried = states
        with no_grad():
            return task.loss(second)[0].item()

    rng = np.random.default_rng(0)
    for name, parameter in network.named_parameters():
        gradient = parameter.grad if isinstance(parameter.grad, np.ndarray) else parameter.grad.dense()
        direction = rng.standard_normal(parameter.shape)
        kept, step = parameter.data.copy(), 1e-5
        parameter.data = kept + step * direction
        above = value()
        parameter.data = kept - step * direction
        numeric = (above - value()) / (2 * step)
        parameter.data = kept
        assert (gradient * direction).sum() == pytest.approx(numeric, rel=1e-4, abs=1e-9), name


def test_the_first_steps_are_those_of_pytorch(text: str) -> None:
    torch = pytest.importorskip("torch")
    model = LanguageModel(hidden_size=16, num_layers=2, sequence_length=10)
    options = {"batch_size": 4, "lr": 0.5, "optimizer": "sgd", "max_norm": 0.25, "max_updates": 8, "log_every": 1}

    class Start(Callback):
        def on_train_begin(self, model: LanguageModel) -> None:
            self.weights = {name: torch.tensor(array.copy()) for name, array in weights(model).items()}

    start = Start()
    losses = model.fit(text, callbacks=[start], **options).history.losses
    assert model.units is not None
    layers = torch.nn.ModuleDict(
        {
            "embed": torch.nn.Embedding(len(model.units), 64),
            "rnn": torch.nn.LSTM(64, 16, 2),
            "out": torch.nn.Linear(16, len(model.units)),
        }
    )
    layers.load_state_dict(start.weights)
    optimizer = torch.optim.SGD(layers.parameters(), lr=0.5)
    windows = _Windows(model.units.encode(text), 4, 10)
    states, expected = None, []
    for place in range(8):
        x, y = (torch.tensor(part, dtype=torch.long) for part in windows[place])
        hidden, states = layers["rnn"](layers["embed"](x), states)
        states = tuple(state.detach() for state in states)
        loss = torch.nn.functional.cross_entropy(layers["out"](hidden).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(layers.parameters(), 0.25)
        optimizer.step()
        expected.append(loss.item())
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for name, array in layers.state_dict().items():
        np.testing.assert_allclose(weights(model)[name], array.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_works_in_training_alone(text: str, variational: bool) -> None:
    model = LanguageModel(**SMALL, dropout=0.5, input_dropout=0.5, variational=variational, num_layers=2)
    inside: list[float] = []

    class Judge(Callback):
        def on_update_end(self, model: LanguageModel) -> None:
            inside.append(model.evaluate(text[:50]).loss)
            assert inside[-1] == model.evaluate(text[:50]).loss
            assert model.network is not None
            assert model.network.training

    model.fit(text, callbacks=[Judge()], **{**FAST, "max_updates": 3})
    assert len(inside) == 3
    assert model.sample(20, seed=1) == model.sample(20, seed=1)


def test_a_presets_settings_are_taken(text: str) -> None:
    for settings, options in PRESETS.values():
        model = LanguageModel(**{**settings, "hidden_size": 8, "min_count": 1})
        model.fit(text, **{**options, "epochs": 1, "batch_size": 2, "max_updates": 2})
        scale = settings.get("init_scale", 5.0)
        assert all(np.abs(array).max() <= scale for array in model._build().state_dict().values())


def test_evaluation(model: LanguageModel, text: str) -> None:
    assert model.units is not None
    assert model.network is not None
    ids = model.units.encode(text[:200])
    with no_grad():
        logits = model.network(ids[:-1, None])[0].data.astype(np.float64)
    expected = (np.log(np.exp(logits).sum(1)) - logits[np.arange(199), ids[1:]]).mean()
    got = model.evaluate(text[:200])
    assert got.predictions == 199
    assert got.loss == pytest.approx(expected, rel=1e-5)
    assert got.bits == pytest.approx(expected / math.log(2), rel=1e-5)
    assert got.perplexity == pytest.approx(math.exp(expected), rel=1e-5)
    assert model.evaluate(text[:200], batch_size=7).loss == pytest.approx(expected, rel=0.1)
    assert Evaluation(1e4, 1).perplexity == math.inf


# Writing


def test_samples(model: LanguageModel, text: str) -> None:
    assert model.sample(40, seed=5) == model.sample(40, seed=5)
    assert model.sample(40, seed=5) != model.sample(40, seed=6)
    assert len(model.sample(40)) == 40
    assert set(model.sample(200, temperature=3.0, seed=1)) <= set(text)
    assert model.sample(0) == ""
    greedy = model.sample(20, prime="the ", temperature=0)
    assert greedy == model.sample(20, prime="the ", top_k=1, seed=1) == model.sample(20, prime="the ", top_p=1e-9)
    assert greedy[4:] == model.sample(16, prime="the " + greedy[:4], temperature=0)
    long = text[: 3 * 256 + 5]  # is read in several passes
    assert len(model.sample(3, prime=long)) == 3


def test_samples_follow_the_models_probabilities(model: LanguageModel) -> None:
    assert model.units is not None
    assert model.network is not None
    with no_grad():
        logits = model.network(model.units.encode("qu")[:, None])[0].data[-1]
    wanted = np.exp(logits - logits.max())
    wanted /= wanted.sum()
    rng = np.random.default_rng(0)
    drawn = model.units.encode("".join(model.sample(1, "qu", seed=rng) for _ in range(600)))
    counts = np.bincount(drawn, minlength=len(wanted)) / 600
    np.testing.assert_allclose(counts, wanted, atol=5 * np.sqrt(0.25 / 600))


# Files


def test_save_and_load(model: LanguageModel, text: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = LanguageModel.load(path)
    assert same(loaded, model)
    assert loaded.history == model.history
    assert not loaded.training_unfinished
    assert loaded.sample(50, "the", seed=2) == model.sample(50, "the", seed=2)
    assert loaded.evaluate(text) == model.evaluate(text)
    for name in LanguageModel._SETTINGS:
        assert getattr(loaded, name) == getattr(model, name)
    loaded.save(tmp_path / "again.safetensors")
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


class Interrupt(Callback):
    def __init__(self, update: int) -> None:
        self.update = update

    def on_update_end(self, model: LanguageModel) -> None:
        self.update -= 1
        if self.update == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("update", [1, 9, 30, 51])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_resuming_is_exact(text: str, tmp_path: Path, update: int, cell: str) -> None:
    settings = {**SMALL, "cell": cell, "dropout": 0.2, "num_layers": 2, "seed": 3}
    options = {**FAST, "epochs": 2, "patience": 5, "schedule": "plateau", "validate_every": 10}
    whole = LanguageModel(**settings).fit(text, 0.1, **options)
    path = tmp_path / "checkpoint"
    with pytest.raises(TrainingInterrupted) as caught:
        LanguageModel(**settings).fit(text, 0.1, callbacks=[Interrupt(update)], checkpoint=path, **options)
    half = caught.value.model
    assert half.training_unfinished
    assert len(half.sample(5)) == 5
    loaded = LanguageModel.load(path)
    assert same(loaded, half)
    assert loaded.training_unfinished
    for unfinished in (loaded, half):
        unfinished.resume(text, 0.1)
        assert same(unfinished, whole)
        assert unfinished.history == whole.history
        assert not unfinished.training_unfinished


def test_checkpoints_on_the_way(text: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    seen: list[bool] = []

    class Look(Callback):
        def on_update_end(self, model: LanguageModel) -> None:
            if len(seen) < 3:
                seen.append(path.exists() and LanguageModel.load(path).training_unfinished)

    model = LanguageModel(**SMALL)
    model.fit(text, callbacks=[Look()], checkpoint=path, checkpoint_seconds=0, **{**FAST, "max_updates": 5})
    assert seen == [False, True, True]
    assert not LanguageModel.load(path).training_unfinished
    with pytest.raises(RuntimeError, match="no training is unfinished"):
        model.resume(text)


def test_resuming_with_another_text(text: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingInterrupted) as caught:
        LanguageModel(**SMALL).fit(text, callbacks=[Interrupt(2)], **FAST)
    half = caught.value.model
    with pytest.raises(ValueError, match="not the ones that training began with"):
        half.resume(text[:-1] + "t")
    assert half.training_unfinished
    half.resume(text)


def test_a_callback_may_stop_it(text: str) -> None:
    class Stop(Callback):
        def on_epoch_end(self, model: LanguageModel) -> None:
            raise StopTraining

    model = LanguageModel(**SMALL).fit(text, 0.1, callbacks=[Stop()], **FAST)
    assert len(model.history.validated) == 1
    assert not model.training_unfinished


def test_a_file_cut_at_any_byte_is_refused(model: LanguageModel, text: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(TrainingInterrupted):
        LanguageModel(**SMALL).fit(text, callbacks=[Interrupt(2)], checkpoint=path, **FAST)
    content = path.read_bytes()
    cut = tmp_path / "cut"
    rng = random.Random(0)
    for size in [*range(0, 200, 7), *(rng.randrange(len(content)) for _ in range(100)), len(content) - 1]:
        cut.unlink(missing_ok=True)
        cut.write_bytes(content[:size])
        with pytest.raises(ValueError, match="cut"):
            LanguageModel.load(cut)


def test_damaged_files(model: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "model"
    model.save(path)
    arrays, metadata = read_safetensors(path)

    def refused(message: str, arrays: dict[str, Any] = arrays, **changed: Any) -> None:
        write_safetensors(path, arrays, json.loads(json.dumps(metadata | changed)))
        with pytest.raises(ValueError, match=message) as caught:
            LanguageModel.load(path)
        assert str(path) in str(caught.value)

    settings = metadata["settings"]
    refused("expected a lexigrad.LanguageModel file", format="lexigrad.Word2Vec")
    refused("version 1, found", version=2)
    refused("should have shape", settings={**settings, "hidden_size": 10**9})
    refused("should have shape", settings={**settings, "num_layers": 10**9})
    refused("should have shape", settings={**settings, "embedding_size": 10**9})
    refused("cell must be", settings={**settings, "cell": "pickle"})
    refused("hidden_size", settings={**settings, "hidden_size": "24"})
    refused("damaged", settings=None)
    refused("damaged", settings={})
    refused("damaged", history=None)
    refused("damaged", history={"losses": 3, "epochs": 1})
    refused("damaged", training=7)
    refused("no option", training={"training": {"x": 1}})
    for name in arrays:
        refused("damaged", arrays={key: array for key, array in arrays.items() if key != name})
    refused("belongs to no part", arrays=arrays | {"x": np.zeros(1)})
    for name in ("embed.weight", "rnn.bias_hh_l0"):
        spoilt = arrays[f"network.{name}"].copy()
        spoilt.flat[3] = np.nan
        refused("not a number", arrays=arrays | {f"network.{name}": spoilt})
    refused("embed.weight should have", arrays=arrays | {"network.embed.weight": np.zeros((3, 3), np.float32)})
    refused("out.bias must have", arrays=arrays | {"network.out.bias": np.zeros(1, np.float32)})


def test_a_damaged_unfinished_training(text: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(TrainingInterrupted):
        LanguageModel(**SMALL).fit(text, callbacks=[Interrupt(2)], checkpoint=path, **FAST)
    arrays, metadata = read_safetensors(path)
    for name in list(metadata["training"]):
        facts = {key: value for key, value in metadata["training"].items() if key != name}
        write_safetensors(path, arrays, {**metadata, "training": facts})
        with pytest.raises(ValueError, match="damaged"):
            LanguageModel.load(path).resume(text)
    for part, value in (
        ("run", {"epoch": "1"}),
        ("run", {"updates": -1}),
        ("run", {"best": "x"}),
        ("history", {"losses": 3}),
    ):
        facts = {**metadata["training"], part: {**metadata["training"][part], **value}}
        write_safetensors(path, arrays, {**metadata, "training": facts})
        with pytest.raises(ValueError, match=r"damaged|lists of numbers"):
            LanguageModel.load(path).resume(text)
    best = {**arrays, "training.best.out.bias": np.zeros(3, np.float32)}
    write_safetensors(path, best, metadata)
    with pytest.raises(ValueError, match="best weights so far are not"):
        LanguageModel.load(path).resume(text)
    wrong = {**arrays, "training.optimizer.0.exp_avg": np.zeros(3, np.float32)}
    write_safetensors(path, wrong, metadata)
    with pytest.raises(ValueError, match="shape"):
        LanguageModel.load(path).resume(text)


# Mistakes


def test_texts_that_are_too_short() -> None:
    with pytest.raises(ValueError, match="the text is empty"):
        LanguageModel().fit("")
    with pytest.raises(ValueError, match="the text has 1 characters or words, but batches of 50"):
        LanguageModel().fit("a")
    with pytest.raises(ValueError, match="batches of 50 streams need 51"):
        LanguageModel().fit("a" * 50)
    LanguageModel(hidden_size=4).fit("ab", batch_size=1, epochs=1)
    LanguageModel(hidden_size=4).fit("a" * 10, batch_size=2, epochs=1)  # a vocabulary of one
    with pytest.raises(ValueError, match="batches of 5 streams"):
        LanguageModel(hidden_size=4).fit("ab" * 50, "ab", batch_size=5)
    with pytest.raises(ValueError, match=r"fraction between 0 and 1, not 1\.0"):
        LanguageModel().fit("ab" * 50, 1.0)
    with pytest.raises(TypeError, match="a text must be a str"):
        LanguageModel().fit(["a", "b"])  # type: ignore[arg-type]


def test_unknown_characters(model: LanguageModel) -> None:
    with pytest.raises(ValueError, match="the character 'Q' at place 4"):
        model.sample(5, prime="the Q")
    with pytest.raises(ValueError, match="the character 'Q' at place 0"):
        model.evaluate("Quick")
    with pytest.raises(ValueError, match="need 2 at least"):
        model.evaluate("q")
    with pytest.raises(ValueError, match="length must be a whole number of at least 0"):
        model.sample(-1)
    with pytest.raises(ValueError, match="temperature"):
        model.sample(5, temperature=-1)


def test_an_untrained_model_says_so(tmp_path: Path) -> None:
    model = LanguageModel()
    assert repr(model) == "LanguageModel(chars, not trained, lstm of 1 x 256)"
    for use in (lambda: model.sample(1), lambda: model.evaluate("ab"), lambda: model.save(tmp_path / "x")):
        with pytest.raises(RuntimeError, match="not trained yet: call fit"):
            use()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "byte"}, "unit must be one of char, word"),
        ({"cell": "qrnn"}, "cell must be one of lstm"),
        ({"hidden_size": 0}, "hidden_size must be a whole number of at least 1"),
        ({"num_layers": 1.5}, "num_layers"),
        ({"dropout": 1.5}, "probability"),
        ({"input_dropout": -0.5}, "probability"),
        ({"tied": True, "embedding_size": 3}, "tied weights need embedding_size 256"),
        ({"init_scale": 0}, "init_scale must be above 0"),
        ({"min_count": 0}, "min_count"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LanguageModel(**settings)


def test_divergence(text: str) -> None:
    model = LanguageModel(**SMALL, cell="rnn")
    with pytest.raises(FloatingPointError, match="begin again with a smaller lr"):
        model.fit(text, optimizer="sgd", lr=1e30, max_norm=None, batch_size=4)
    assert not model.training_unfinished


def test_the_network_is_a_module_of_tensors(model: LanguageModel) -> None:
    assert model.network is not None
    logits, (h, c) = model.network(np.zeros((3, 2), np.int32))
    assert isinstance(logits, Tensor)
    assert logits.shape == (6, len(model.units or ()))
    assert h.shape == c.shape == (1, 2, 24)
