"""Language models on the command line."""

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lexigrad import cli
from lexigrad.models import LanguageModel

TEXT = "so it goes on and on.\n" * 60


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture
def model(text: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model"
    LanguageModel(hidden_size=16, sequence_length=20).fit(TEXT, batch_size=4, epochs=4, lr=0.02).save(path)
    return path


def fails(capsys: Any, *args: object) -> str:
    assert cli.main([str(arg) for arg in args]) == 1
    message: str = capsys.readouterr().err
    assert message.startswith("lexigrad: error: ")
    assert message.count("\n") == 1
    return message


def test_train_passes_its_options_on(text: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    line = ["train", "lm", str(text), str(text), "-o", str(out), "--hold-out", "0.2"]
    model = "--cell gru --hidden 12 --layers 2 --embedding 5 --dropout 0.1 --input-dropout 0.2 --variational --seed 4"
    training = "--epochs 2 --batch-size 3 --optimizer adamw --lr 0.01 --weight-decay 0.1 --max-norm 1 --schedule decay"
    more = "--decay 0.9 --decay-after 1 --warmup 2 --validate-every 9 --patience 9 --sequence-length 9 --init-scale 0.1"
    assert cli.main([*line, *model.split(), *training.split(), *more.split()]) == 0
    report = capsys.readouterr().err
    assert report.startswith("12 chars, gru of 2 x 12, training loss ")
    assert " bits/char), validation loss " in report
    expected = LanguageModel(
        cell="gru",
        hidden_size=12,
        num_layers=2,
        embedding_size=5,
        dropout=0.1,
        input_dropout=0.2,
        variational=True,
        init_scale=0.1,
        sequence_length=9,
        seed=4,
    ).fit(
        TEXT * 2,
        0.2,
        epochs=2,
        batch_size=3,
        optimizer="adamw",
        lr=0.01,
        weight_decay=0.1,
        max_norm=1.0,
        schedule="decay",
        decay=0.9,
        decay_after=1,
        warmup=2,
        validate_every=9,
        patience=9,
    )
    expected.save(tmp_path / "expected")
    assert out.read_bytes() == (tmp_path / "expected").read_bytes()


def test_presets_hold_where_nothing_is_given(text: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    line = ["train", "lm", str(text), "-o", str(out), "--preset", "zaremba-small", "--hidden", "8"]
    assert cli.main([*line, "--max-updates", "2", "--batch-size", "2"]) == 0
    assert "7 words, lstm of 2 x 8, training loss" in capsys.readouterr().err
    model = LanguageModel.load(out)
    assert (model.unit, model.hidden_size, model.init_scale, model.sequence_length) == ("word", 8, 0.1, 20)
    assert model.history.rates == [20.0]


def test_curves(text: Path, tmp_path: Path, capsys: Any) -> None:
    pytest.importorskip("matplotlib")
    line = ["train", "lm", str(text), "-o", str(tmp_path / "out"), "--hidden", "4", "--max-updates", "3", "-q"]
    assert cli.main([*line, "--hold-out", "0.3", "--plot", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "must end in .png" in fails(capsys, *line, "--plot", tmp_path / "a.gif")


def test_interrupted_training_resumes(monkeypatch: Any, text: Path, tmp_path: Path, capsys: Any) -> None:
    line = ["train", "lm", str(text), "--hold-out", "0.2", "--hidden", "8", "--dropout", "0.3", "--batch-size", "4"]
    checkpoint = ["--checkpoint", str(tmp_path / "state"), "--resume"]
    assert cli.main([*line, "-o", str(tmp_path / "whole")]) == 0

    @contextmanager
    def interrupting_bar(quiet: bool) -> Iterator[Any]:
        calls = []

        def hook(now: Any) -> None:
            calls.append(now)
            if len(calls) == 4:
                raise KeyboardInterrupt

        yield hook

    monkeypatch.setattr("lexigrad.progress.bar", interrupting_bar)
    half = tmp_path / "half"
    capsys.readouterr()
    assert cli.main([*line, "-o", str(half), *checkpoint]) == cli.INTERRUPTED
    assert capsys.readouterr().err == f"lexigrad: interrupted: what was trained until then is in {half}\n"
    monkeypatch.undo()
    for _ in range(2):  # the second time nothing is left to do
        assert cli.main([*line, "-o", str(half), *checkpoint]) == 0
        assert half.read_bytes() == (tmp_path / "whole").read_bytes()


def test_sample_and_eval(model: Path, text: Path, capsys: Any) -> None:
    line = ["sample", str(model), "--length", "30", "--prime", "so it ", "--temperature", "0.5", "--seed", "3"]
    assert cli.main([*line, "--top-k", "5", "--top-p", "0.9", "--workers", "1"]) == 0
    first = capsys.readouterr().out
    expected = LanguageModel.load(model).sample(30, "so it ", temperature=0.5, top_k=5, top_p=0.9, seed=3)
    assert first == f"so it {expected}\n"
    assert cli.main(["eval", "lm", str(model), str(text)]) == 0
    values = [line.rsplit(None, 1) for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in values] == ["predictions", "nats per char", "bits per char", "perplexity"]
    assert values[0][1] == f"{len(TEXT) - 1:,}"
    assert float(values[1][1]) == pytest.approx(LanguageModel.load(model).evaluate(TEXT).loss, abs=1e-4)


def test_as_processes(text: Path, tmp_path: Path) -> None:
    def run(*args: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "lexigrad", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    out = tmp_path / "out"
    done = run(
        "train", "lm", text, "-o", out, "--hidden", "8", "--max-updates", "4", "--unit", "word", "--batch-size", 4
    )
    assert (done.returncode, done.stdout) == (0, "")
    done = run("sample", out, "--length", "5", "--seed", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.split()) <= 5
    done = run("eval", "lm", out, text)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nats per word" in done.stdout


def test_failures_are_one_line(text: Path, model: Path, tmp_path: Path, capsys: Any) -> None:
    train = ("train", "lm", text, "-o", tmp_path / "new")
    (tmp_path / "empty").write_text("")
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "cut").write_bytes(model.read_bytes()[: random.Random(0).randrange(model.stat().st_size)])
    assert "missing: No such file" in fails(capsys, *train[:2], tmp_path / "missing", *train[3:])
    assert "the text is empty" in fails(capsys, *train[:2], tmp_path / "empty", *train[3:])
    assert "not UTF-8" in fails(capsys, *train[:2], tmp_path / "bytes", *train[3:])
    assert "no such directory" in fails(capsys, *train[:3], "-o", tmp_path / "no" / "x")
    assert "streams need 10000" in fails(capsys, *train, "--batch-size", 9999)
    assert "fraction" in fails(capsys, *train, "--hold-out", 2)
    assert "'X'" in fails(capsys, "sample", model, "--prime", "X")
    assert "temperature" in fails(capsys, "sample", model, "--temperature", -1)
    assert "cut" in fails(capsys, "sample", tmp_path / "cut")
    assert "safetensors" in fails(capsys, "sample", text)
    assert "need 2 at least" in fails(capsys, "eval", "lm", model, tmp_path / "empty")
    assert not (tmp_path / "new").exists()
