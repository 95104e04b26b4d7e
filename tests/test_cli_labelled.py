"""The commands train tagger, classifier, speech; tag, classify and transcribe."""

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexigrad.cli import main

FAST = ["--epochs", "12", "--lr", "0.03", "--hidden", "12", "--dropout", "0", "--batch-size", "8", "-q"]


def test_tagger(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    data, model = tmp_path / "train.tsv", tmp_path / "tagger.safetensors"
    data.write_text("the\tDET\ndog\tNOUN\n\nKim\tNAME\nbarks\tVERB\n\n" * 16)
    line = ["train", "tagger", str(data), "-o", str(model), "--validation", str(data), "--crf", "--char-size", "4"]
    assert main([*line, *FAST]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("the dog\n\nKim barks\n"))
    assert main(["tag", str(model)]) == 0
    assert capsys.readouterr().out == "the\tDET\ndog\tNOUN\n\n\nKim\tNAME\nbarks\tVERB\n\n"


def test_classifier(tmp_path: Path, capsys: Any) -> None:
    data, model, texts = tmp_path / "train.tsv", tmp_path / "classifier.safetensors", tmp_path / "texts.txt"
    data.write_text("pos\tA good film.\nneg\tA bad film.\n" * 24)
    assert main(["train", "classifier", str(data), "-o", str(model), *FAST]) == 0
    texts.write_text("a good one\na bad one\n")
    assert main(["classify", str(model), str(texts)]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(label, text) for label, _, text in lines] == [("pos", "a good one"), ("neg", "a bad one")]
    assert main(["train", "classifier", str(data), "-o", str(model), *FAST[:-1], "--validation", str(data)]) == 0
    assert "validation score 1.0000" in capsys.readouterr().err


def write_wav(path: Path, hertz: float, channels: int = 1) -> None:
    tone = (9000 * np.sin(2 * np.pi * hertz * np.arange(3200) / 8000)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.repeat(tone, channels).tobytes())


def test_speech(tmp_path: Path, capsys: Any) -> None:
    write_wav(tmp_path / "low.wav", 300)
    write_wav(tmp_path / "high.wav", 2000)
    data, model = tmp_path / "train.tsv", tmp_path / "speech.safetensors"
    data.write_text("low.wav\tlow\nhigh.wav\thigh\n" * 24)
    line = ["train", "speech", str(data), "-o", str(model), "--unit", "word", "--stack", "4"]
    assert main([*line, *FAST]) == 0
    files = [str(tmp_path / name) for name in ("high.wav", "low.wav")]
    assert main(["transcribe", str(model), *files]) == 0
    assert capsys.readouterr().out == f"{files[0]}\thigh\n{files[1]}\tlow\n"
    write_wav(tmp_path / "two.wav", 300, channels=2)
    assert main(["transcribe", str(model), str(tmp_path / "two.wav")]) == 1
    assert "expected 16-bit mono, found 2 channels" in capsys.readouterr().err
    whole = (tmp_path / "low.wav").read_bytes()
    for end in (0, 3, 20, 43):
        (tmp_path / "cut.wav").write_bytes(whole[:end])
        assert main(["transcribe", str(model), str(tmp_path / "cut.wav")]) == 1
        assert "cut.wav: not a .wav file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("tagger", "one\ttwo\tthree\n", "line 1 must be a word and a tag"),
        ("tagger", "", "no sentences"),
        ("classifier", "pos\tgood\nno tab\n", "line 2 must be a label, a tab and a text"),
        ("speech", "file.wav\n", "line 1 must be a .wav file, a tab and a text"),
        ("speech", "missing.wav\tone\n", "missing.wav: No such file"),
    ],
)
def test_wrong_files(kind: str, content: str, message: str, tmp_path: Path, capsys: Any) -> None:
    data = tmp_path / "data.tsv"
    data.write_text(content)
    assert main(["train", kind, str(data), "-o", str(tmp_path / "model"), "-q"]) == 1
    assert message in capsys.readouterr().err
