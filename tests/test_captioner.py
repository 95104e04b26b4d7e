"""Captioners: what they learn, write and save."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexigrad import TrainingInterrupted, cli
from lexigrad.io.features import write_features
from lexigrad.models import Callback, Captioner
from lexigrad.models.writing import _loss

COLOURS, SHAPES = ["red", "green", "blue"], ["circle", "square"]
SMALL: dict[str, Any] = {"hidden_size": 32, "min_count": 1, "dropout": 0.0}
FAST: dict[str, Any] = {"epochs": 6, "batch_size": 32, "lr": 0.02}


@pytest.fixture(scope="module")
def scenes() -> tuple[list[Any], list[str]]:
    """Six places, at two of which something is: features (6, 7), and a sentence that names both in their order."""
    rng = np.random.default_rng(1)
    images, captions = [], []
    for _ in range(400):
        image = np.zeros((6, 7), np.float32)
        image[:, 5:] = np.indices((2, 3)).reshape(2, -1).T
        said = []
        for place in np.sort(rng.choice(6, 2, replace=False)):
            colour, shape = rng.integers(3), rng.integers(2)
            image[place, [colour, 3 + shape]] = 1
            said.append(f"a {COLOURS[colour]} {SHAPES[shape]}")
        images.append(image)
        captions.append(" then ".join(said))
    return images, captions


@pytest.fixture(scope="module")
def model(scenes: Any) -> Captioner:
    return Captioner(**SMALL).fit(*scenes, **FAST)


def weights(model: Captioner) -> dict[str, Any]:
    assert model.network is not None
    return model.network.state_dict()


def same(a: Captioner, b: Captioner) -> bool:
    return all(np.array_equal(array, weights(b)[name]) for name, array in weights(a).items())


def test_it_learns_to_describe(model: Captioner, scenes: Any) -> None:
    images, captions = scenes
    found = model.caption(images[:100])
    assert np.mean([a == b for a, b in zip(found, captions, strict=False)]) > 0.9
    assert model.caption(np.array(images[:7]), beam_size=1) == [model.caption([i], beam_size=1)[0] for i in images[:7]]
    assert model.caption([]) == []
    assert model.evaluate(images, captions).loss < 0.1


def test_attention_looks_at_what_is_named(model: Captioner, scenes: Any) -> None:
    image = scenes[0][0]
    aligned = model.align(image)
    assert aligned.source == [str(place) for place in range(6)]
    assert aligned.weights.shape == (len(aligned.target), 6)
    np.testing.assert_allclose(aligned.weights.sum(1), 1, rtol=1e-5)
    first = int(image[:, :3].any(1).argmax())
    assert aligned.weights[1:3, first].max() > 1 / 6


@pytest.mark.parametrize("cell", ["gru", "rnn", "lstm"])
def test_vectors_of_two_layers_with_several_captions(cell: str) -> None:
    """A picture may be one vector, and have several captions or none; features may be constant, large and small."""
    rng = np.random.default_rng(0)
    images = np.concatenate([np.eye(3), np.full((3, 1), 7.0), 1e6 * rng.random((3, 1))], 1)
    captions = [["one", "uno"], "two", []]
    model = Captioner(cell, 16, 2, attention="general", tied=False, min_count=1, dropout=0.0)
    model.fit(images, captions, epochs=40, lr=0.02)
    found = model.caption(images[:2])
    assert found[0] in ("one", "uno")
    assert found[1] == "two"
    assert model.evaluate(images[:2], [["one", "uno"], ["two"]]).predictions == 6


def test_places_may_differ_in_number(model: Captioner, scenes: Any) -> None:
    """Padding changes nothing."""
    images = [scenes[0][0][:4], scenes[0][1], scenes[0][2][:1]]
    assert model.caption(images) == [model.caption([image])[0] for image in images]
    together = model.evaluate(images, scenes[1][:3])
    alone = [model.evaluate([image], [text]) for image, text in zip(images, scenes[1], strict=False)]
    assert together.loss * together.predictions == pytest.approx(sum(one.loss * one.predictions for one in alone), 1e-4)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_gradients(scenes: Any, cell: str) -> None:
    """Of the whole network in float64, along a random direction, on a padded batch."""
    model = Captioner(cell, 8, 2, min_count=1).fit(*scenes, max_updates=1)
    assert model.pieces is not None
    network = model._build().double().eval()
    images = [scenes[0][0], scenes[0][1][:3], scenes[0][2]]
    batch = list(zip(model._read(images), model.pieces.encode(scenes[1][:3]), strict=True))
    loss, _ = _loss(network, batch, 0.1, "mean")
    loss.backward()
    rng = np.random.default_rng(0)
    for name, parameter in network.named_parameters():
        gradient = parameter.grad if isinstance(parameter.grad, np.ndarray) else parameter.grad.dense()
        direction = rng.standard_normal(parameter.shape)
        kept, step = parameter.data.copy(), 1e-5
        parameter.data = kept + step * direction
        above = _loss(network, batch, 0.1, "mean")[0].item()
        parameter.data = kept - step * direction
        numeric = (above - _loss(network, batch, 0.1, "mean")[0].item()) / (2 * step)
        parameter.data = kept
        assert (gradient * direction).sum() == pytest.approx(numeric, rel=1e-4, abs=1e-7), name


def test_save_and_load(model: Captioner, scenes: Any, tmp_path: Path) -> None:
    path = tmp_path / "model"
    model.save(path)
    again = Captioner.load(path)
    assert same(model, again)
    assert again.caption(scenes[0][:5]) == model.caption(scenes[0][:5])
    content = path.read_bytes()
    for size in [*range(0, len(content), 1999), len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=str(path)):
            Captioner.load(path)


def test_resuming_is_exact(scenes: Any, tmp_path: Path) -> None:
    settings, options = {**SMALL, "dropout": 0.2}, {"epochs": 2, "batch_size": 50, "lr": 0.01}
    validation = scenes[0][:50], scenes[1][:50]
    straight = Captioner(**settings).fit(*scenes, validation, **options)

    class Stop(Callback):
        def on_update_end(self, model: Any) -> None:
            seen.append(1)
            if len(seen) == 11:
                raise KeyboardInterrupt

    seen: list[int] = []
    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(TrainingInterrupted):
        Captioner(**settings).fit(*scenes, validation, **options, callbacks=[Stop()], checkpoint=checkpoint)
    with pytest.raises(ValueError, match="these data are not the ones"):
        Captioner.load(checkpoint).resume(scenes[0][::-1], scenes[1], validation)
    resumed = Captioner.load(checkpoint).resume(*scenes, validation)
    assert same(straight, resumed)
    assert resumed.history == straight.history


@pytest.mark.parametrize(
    ("images", "captions", "message"),
    [
        ([], [], "no images"),
        ([[1.0]], [], "there are 1 images, but captions of 0"),
        ([[1.0]], "a", "captions of 1"),
        ([[1.0, 2.0], [1.0]], ["a", "b"], "image 1 has 1 features, but should have 2"),
        ([[[1.0, np.nan]]], ["a"], "image 0 has features that are infinite or not a number"),
        ([np.zeros((0, 3))], ["a"], r"image 0 must have shape \(features,\) or \(places, features\), not \(0, 3\)"),
        ([np.zeros((2, 2, 2))], ["a"], "image 0 must have shape"),
        ([[1.0]], [[]], "no captions"),
        ([[1.0]], ["one " * 60], "none of the 1 pairs can be learnt"),
    ],
)
def test_bad_data(images: Any, captions: Any, message: str) -> None:
    new = Captioner(**SMALL)
    with pytest.raises(ValueError, match=message):
        new.fit(images, captions)
    assert new.network is None


def test_bad_questions(model: Captioner, scenes: Any) -> None:
    with pytest.raises(RuntimeError, match="not trained"):
        Captioner().caption(scenes[0])
    with pytest.raises(ValueError, match="image 0 has 3 features, but should have 7"):
        model.caption([[1.0, 2.0, 3.0]])
    with pytest.raises(TypeError, match=r"captions\[0\]\[1\] must be a str, not int"):
        Captioner().fit([[1.0]], [["a", 3]])
    with pytest.raises(ValueError, match="hidden_size"):
        Captioner(hidden_size=0)


def test_command_line(tmp_path: Path, scenes: Any, capsys: Any) -> None:
    images, captions = scenes
    features, lines, out = tmp_path / "features.npz", tmp_path / "captions.tsv", tmp_path / "model"
    write_features(features, {f"{place}.png": image for place, image in enumerate(images)})
    lines.write_text("".join(f"{place}.png\t{caption}\n" for place, caption in enumerate(captions)))
    line = ["train", "captioner", str(features), str(lines), "-o", str(out), "--validation", str(features), str(lines)]
    options = "--hidden 32 --dropout 0 --min-count 1 --epochs 6 --batch-size 32 --lr 0.02"
    assert cli.main([*line, *options.split()]) == 0
    assert capsys.readouterr().err.startswith("10 units, lstm of 1 x 32, validation loss ")
    np.save(tmp_path / "some.npy", np.array(images[:3]))
    assert cli.main(["caption", str(out), str(tmp_path / "some.npy"), "--beam", "2"]) == 0
    written = [row.split("\t") for row in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in written] == ["0", "1", "2"]
    assert [text for _, text in written] == Captioner.load(out).caption(images[:3], beam_size=2)
    for text, message in (("0.png a\n", "line 1 must be"), ("no.png\ta\n", "line 1: there is no image 'no.png'")):
        lines.write_text(text)
        assert cli.main(line) == 1
        assert message in capsys.readouterr().err
