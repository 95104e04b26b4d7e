"""Translators: what they learn, write and save."""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexigrad import StopTraining, TrainingInterrupted, cli
from lexigrad.models import Callback, Translator
from lexigrad.models.writing import _loss
from lexigrad.plot import plot_attention

WORDS = ["one", "two", "three", "four", "five", "six"]
SMALL: dict[str, Any] = {"hidden_size": 32, "unit": "word", "min_count": 1, "dropout": 0.0, "label_smoothing": 0.0}
FAST: dict[str, Any] = {"epochs": 8, "batch_size": 32, "lr": 0.01}


@pytest.fixture(scope="module")
def pairs() -> tuple[list[str], list[str]]:
    """A sentence, and its words from the last to the first in capitals."""
    rng = random.Random(1)
    sources = [" ".join(rng.choices(WORDS, k=rng.randint(1, 5))) for _ in range(600)]
    return sources, [" ".join(reversed(source.upper().split())) for source in sources]


@pytest.fixture(scope="module")
def model(pairs: Any) -> Translator:
    return Translator(**SMALL).fit(*pairs, **FAST)


def weights(model: Translator) -> dict[str, Any]:
    assert model.network is not None
    return model.network.state_dict()


def same(a: Translator, b: Translator) -> bool:
    return all(np.array_equal(array, weights(b)[name]) for name, array in weights(a).items())


def test_it_learns_to_reverse(model: Translator) -> None:
    assert model.translate("one two three") == "THREE TWO ONE"
    assert model.translate(["six", "", "two one"], beam_size=1) == ["SIX", "", "ONE TWO"]
    assert model.translate([]) == []


@pytest.mark.parametrize("cell", ["gru", "rnn"])
@pytest.mark.parametrize("attention", ["dot", "additive"])
def test_cells_and_scores(pairs: Any, cell: str, attention: str) -> None:
    model = Translator(cell, 32, 2, attention=attention, tied=False, unit="word", min_count=1, dropout=0.1)
    before = model.fit(*pairs, epochs=1, lr=0.01).evaluate(*pairs).loss
    assert model.fit(*pairs, epochs=3, lr=0.01).evaluate(*pairs).loss < before < np.log(15)


def test_padding_changes_nothing(model: Translator, pairs: Any) -> None:
    sources, targets = pairs[0][:20], pairs[1][:20]
    together = model.evaluate(sources, targets)
    alone = [model.evaluate([s], [t]) for s, t in zip(sources, targets, strict=True)]
    assert together.predictions == sum(one.predictions for one in alone)
    assert together.loss * together.predictions == pytest.approx(sum(one.loss * one.predictions for one in alone), 1e-4)
    assert model.translate(sources) == [model.translate(source) for source in sources]
    assert model.translate(sources, batch_size=3) == model.translate(sources)


def test_scores_are_those_of_the_network(model: Translator) -> None:
    """A hypothesis's log probability is minus the loss of its ids."""
    assert model.pieces is not None
    assert model.network is not None
    (found,) = model.hypotheses(["three four one"], beam_size=4, length_penalty=0.0)
    (source,) = model.pieces.encode(["three four one"])
    for one in found:
        loss, count = _loss(model.network, [(source, np.array(one.ids, np.int64))], 0.0, "sum")
        assert one.log_probability == pytest.approx(-loss.item(), rel=1e-4, abs=1e-4)
        assert count == len(one.ids) + 1
        assert one.score == one.log_probability
    np.testing.assert_allclose(found[0].attention.sum(1), 1, rtol=1e-5)


def test_align(model: Translator) -> None:
    source, target, weights = model.align("one two")
    assert (source, target) == (["one", "two"], ["TWO", "ONE", "</s>"])
    assert weights.shape == (3, 2)
    with pytest.raises(ValueError, match="empty sentence"):
        model.align("")


def test_gradients(model: Translator, pairs: Any) -> None:
    """Of the whole network in float64, along a random direction, on a padded batch."""
    assert model.pieces is not None
    network = model._build()
    network = network.double().eval()
    batch = list(zip(model.pieces.encode(pairs[0][:6]), model.pieces.encode(pairs[1][:6]), strict=True))
    network.zero_grad()
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


def test_save_and_load(model: Translator, tmp_path: Path) -> None:
    path = tmp_path / "model"
    model.save(path)
    again = Translator.load(path)
    assert same(model, again)
    assert again.translate("two six") == model.translate("two six")
    assert again.history == model.history
    content = path.read_bytes()
    for size in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=str(path)):
            Translator.load(path)


def test_byte_pairs(pairs: Any, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    model = Translator(hidden_size=16, vocabulary_size=300).fit(*pairs, max_updates=2)
    model.save(tmp_path / "model")
    again = Translator.load(tmp_path / "model")
    assert again.translate("ähnlich 猫") == model.translate("ähnlich 猫")


def test_resuming_is_exact(pairs: Any, tmp_path: Path) -> None:
    settings = {**SMALL, "dropout": 0.2}
    options = {"epochs": 2, "batch_size": 50, "lr": 0.01}
    validation = pairs[0][:50], pairs[1][:50]
    straight = Translator(**settings).fit(*pairs, validation, **options)

    class Stop(Callback):
        def on_update_end(self, model: Any) -> None:
            if model.history is not None and len(seen) == 15:
                raise KeyboardInterrupt
            seen.append(1)

    seen: list[int] = []
    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(TrainingInterrupted):
        Translator(**settings).fit(*pairs, validation, **options, callbacks=[Stop()], checkpoint=checkpoint)
    resumed = Translator.load(checkpoint)
    with pytest.raises(ValueError, match="these data are not the ones"):
        resumed.resume(*reversed(pairs), validation)
    resumed = Translator.load(checkpoint).resume(*pairs, validation)
    assert same(straight, resumed)
    assert resumed.history == straight.history


def test_a_callback_stops(pairs: Any) -> None:
    class Stop(Callback):
        def on_update_end(self, model: Any) -> None:
            raise StopTraining

    model = Translator(**SMALL).fit(*pairs, **FAST, callbacks=[Stop()])
    assert isinstance(model.translate("one"), str)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "lstn"}, "cell must be one of lstm, gru, rnn"),
        ({"hidden_size": 31}, "must be even"),
        ({"num_layers": 0}, "num_layers"),
        ({"attention": "all"}, "attention must be one of"),
        ({"unit": "char"}, "unit must be one of word, bpe"),
        ({"dropout": 1.5}, "1.5"),
        ({"label_smoothing": 1.0}, "label_smoothing must be from 0 to below 1"),
        ({"vocabulary_size": 3}, "vocabulary_size"),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Translator(**settings)


def test_bad_data(model: Translator) -> None:
    new = Translator(**SMALL)
    for question in (lambda: new.translate("one"), lambda: new.evaluate(["a"], ["b"]), lambda: new.save("x")):
        with pytest.raises(RuntimeError, match="not trained"):
            question()
    with pytest.raises(ValueError, match="no pairs"):
        new.fit([], [])
    with pytest.raises(ValueError, match="as many targets as sources, 2, not 1"):
        new.fit(["a", "b"], ["c"])
    with pytest.raises(TypeError, match=r"targets\[1\] must be a str, not int"):
        new.fit(["a", "b"], ["c", 3])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="sources must be a list of strings"):
        new.fit("ab", ["c", "d"])
    with pytest.raises(ValueError, match="none of the 1 pairs"):
        Translator(**SMALL, max_length=2).fit(["a b c"], ["d"])
    with pytest.raises(TypeError, match="no option 'epoch'"):
        new.fit(["a"], ["b"], epoch=3)
    with pytest.raises(ValueError, match="beam_size"):
        model.translate("one", beam_size=0)
    with pytest.raises(ValueError, match="length_penalty must be 0 or above"):
        model.translate("one", length_penalty=-1)
    assert len(model.translate(" ".join(WORDS * 40), beam_size=2, max_length=7).split()) <= 7
    assert isinstance(model.translate("unheard of"), str)


def test_command_line(tmp_path: Path, pairs: Any, capsys: Any, monkeypatch: Any) -> None:
    files = [tmp_path / "sources", tmp_path / "targets"]
    for file, sentences in zip(files, pairs, strict=True):
        file.write_text("\n".join(sentences) + "\n")
    out = tmp_path / "model"
    line = ["train", "translator", *map(str, files), "-o", str(out), "--validation", *map(str, files)]
    options = "--unit word --hidden 32 --dropout 0 --min-count 1 --epochs 8 --batch-size 32 --lr 0.01"
    assert cli.main([*line, *options.split()]) == 0
    assert capsys.readouterr().err.startswith("15 units, lstm of 1 x 32, validation loss ")
    (tmp_path / "text").write_text("one two\n\nfive\n")
    assert cli.main(["translate", str(out), str(tmp_path / "text")]) == 0
    assert capsys.readouterr().out == "TWO ONE\n\nFIVE\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("three two\n"))
    assert cli.main(["translate", str(out), "--beam", "2"]) == 0
    assert capsys.readouterr().out == "TWO THREE\n"
    files[1].write_text("one line\n")
    assert cli.main([*line, *options.split()]) == 1
    assert "as many targets as sources, 600, not 1" in capsys.readouterr().err


def test_attention_is_drawn(model: Translator, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    alignment = model.align("one two $")
    plot_attention(alignment, tmp_path / "a.png")
    plot_attention(alignment, tmp_path / "a.svg")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    with pytest.raises(ValueError, match="must end in"):
        plot_attention(alignment, tmp_path / "a.gif")
