"""Files of labelled data, and the commands ``tag``, ``classify`` and ``transcribe``.

Tagged sentences are lines of a word and its tag, an empty line after each sentence (CoNLL); labelled texts lines of a
label, a tab and a text; sounds lines of a .wav file, a tab and its text.
"""

import argparse
import os
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lexigrad.cli.common import command, count

_BATCH = 1024  # sentences that are read and answered at once


def add(commands: Any) -> None:
    for name, run, help in (
        ("tag", _tag, "tag sentences of stdin or files, one on each line, with a model of 'train tagger'"),
        ("classify", _classify, "label texts of stdin or files, one on each line, with a model of 'train classifier'"),
    ):
        parser = command(commands, name, run, help, f"lexigrad {name} model.safetensors < lines.txt")
        parser.add_argument("model", help="what the training wrote")
        parser.add_argument("files", nargs="*", help="UTF-8 files; .gz, .bz2, .xz and .zst too (stdin)")
    transcribe = command(
        commands,
        "transcribe",
        _transcribe,
        "write down what .wav files say, with a model of 'train speech'",
        "lexigrad transcribe model.safetensors one.wav two.wav",
    )
    transcribe.add_argument("model", help="what the training wrote")
    transcribe.add_argument("files", nargs="+", help=".wav files, 16-bit mono")
    transcribe.add_argument("--beam", type=count, default=16, metavar="N", help="texts that are searched (16)")


def read_tagged(path: str) -> tuple[list[list[str]], list[list[str]]]:
    """Sentences and tags.

    Raises:
        ValueError: a line is not a word and a tag; the message says which.
    """
    X: list[list[str]] = [[]]
    y: list[list[str]] = [[]]
    for number, line in enumerate(_lines(path), 1):
        fields = line.split("\t") if "\t" in line else line.split()
        if not fields:
            if X[-1]:
                X.append([])
                y.append([])
            continue
        if len(fields) != 2:
            raise ValueError(f"{path}: line {number} must be a word and a tag, not {line!r:.60}")
        X[-1].append(fields[0])
        y[-1].append(fields[1])
    return (X, y) if X[-1] else (X[:-1], y[:-1])


def read_labelled(path: str) -> tuple[list[str], list[str]]:
    """Texts and labels.

    Raises:
        ValueError: a line is not a label, a tab and a text; the message says which.
    """
    X, y = [], []
    for number, line in enumerate(_lines(path), 1):
        label, tab, text = line.partition("\t")
        if not tab or not label:
            raise ValueError(f"{path}: line {number} must be a label, a tab and a text, not {line!r:.60}")
        X.append(text)
        y.append(label)
    return X, y


def read_sounds(path: str) -> tuple[list[Any], list[str]]:
    """Sounds and texts; the .wav files are looked for beside the list.

    Raises:
        ValueError: a line is not a file, a tab and a text, or a file is not 16-bit mono.
    """
    X, y = [], []
    for number, line in enumerate(_lines(path), 1):
        name, tab, text = line.partition("\t")
        if not tab or not name:
            raise ValueError(f"{path}: line {number} must be a .wav file, a tab and a text, not {line!r:.60}")
        X.append(read_wav(os.path.join(os.path.dirname(path), name)))
        y.append(text)
    return X, y


def read_wav(path: str) -> tuple[int, Any]:
    """Rate and samples (n,), int16.

    Raises:
        ValueError: the file is no .wav of 16-bit mono.
    """
    try:
        with wave.open(path, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path}: not a .wav file: {error}") from error
    if channels != 1 or width != 2:
        raise ValueError(f"{path}: expected 16-bit mono, found {channels} channels of {8 * width} bits: convert it")
    return rate, np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype(np.int16)


def _lines(path: str) -> Iterator[str]:
    from lexigrad.text.units import read_text

    yield from read_text(Path(path)).splitlines()


def _batches(files: list[str]) -> Iterator[list[str]]:
    """Lines of the files, or of stdin as they come."""
    batch: list[str] = []
    for line in (line for path in files for line in _lines(path)) if files else sys.stdin:
        batch.append(line.rstrip("\n"))
        if len(batch) == _BATCH or (not files and sys.stdin.isatty()):
            yield batch
            batch = []
    if batch:
        yield batch


def _tag(args: argparse.Namespace) -> int:
    from lexigrad.models import SequenceTagger
    from lexigrad.models.sequence import words_of

    model = SequenceTagger.load(args.model)
    for batch in _batches(args.files):
        sentences = [words_of(line) for line in batch]
        for words, tags in zip(sentences, model.predict(sentences), strict=True):
            for word, tag in zip(words, tags, strict=True):
                print(f"{word}\t{tag}")
            print()
    return 0


def _classify(args: argparse.Namespace) -> int:
    from lexigrad.models import SequenceClassifier

    model = SequenceClassifier.load(args.model)
    for batch in _batches(args.files):
        for text, probabilities in zip(batch, model.predict_proba(batch), strict=True):
            best = probabilities.argmax()
            print(f"{model.classes_[best]}\t{probabilities[best]:.4f}\t{text}")
    return 0


def _transcribe(args: argparse.Namespace) -> int:
    from lexigrad.models import SpeechRecognizer

    model = SpeechRecognizer.load(args.model)
    for path in args.files:
        print(f"{path}\t{model.predict([read_wav(path)], beam_size=args.beam)[0]}")
    return 0
