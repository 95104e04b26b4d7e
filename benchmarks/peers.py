"""The other trainers. They are found, never shipped: gensim where it is installed, the C programs by
environment variables or on PATH. Each function here runs in a process of its own (see child.py)."""

import importlib.util
import os
import re
import shutil
import subprocess
import time
from typing import Any, NamedTuple

GENSIM = "gensim"
WORD2VEC_C = "word2vec.c"
PWORD2VEC = "pWord2Vec"

PROGRAMS = {  # the environment variable that names the program, and its name on PATH
    WORD2VEC_C: ("LEXIGRAD_WORD2VEC_C", "word2vec"),
    PWORD2VEC: ("LEXIGRAD_PWORD2VEC", "pword2vec"),
}
MODES = ("sg-ns", "cbow-ns", "sg-hs", "cbow-hs", "sg-both", "cbow-both")
SETTINGS: dict[str, Any] = {"window": 5, "min_count": 5, "sample": 1e-4}  # of every training run, ours too

_PROGRESS = re.compile(rb"Progress: ([0-9.]+)%")
_TRAINED_ON_ALL = 99.0  # percent; the last lines of progress are not printed


class Objective(NamedTuple):
    """What a mode such as "cbow-hs" stands for, under gensim's names."""

    sg: int
    hs: int
    negative: int


def objective(mode: str) -> Objective:
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    model, loss = mode.split("-")
    return Objective(int(model == "sg"), int(loss != "ns"), 0 if loss == "hs" else 5)


def default_alpha(peer: str, mode: str) -> float:
    """The learning rate that a trainer begins with unless told otherwise."""
    return 0.05 if peer in PROGRAMS and not objective(mode).sg else 0.025


def program(peer: str) -> str | None:
    """The path of a C program, None if it is not there."""
    variable, name = PROGRAMS[peer]
    return os.environ.get(variable) or shutil.which(name)


def available(mode: str) -> list[str]:
    """The peers that are there and have this mode."""
    found = [GENSIM] if importlib.util.find_spec("gensim") else []
    for peer in PROGRAMS:
        if program(peer) and (peer != PWORD2VEC or mode == "sg-ns"):
            found.append(peer)
    return found


def explain_absent() -> list[str]:
    """A line for each peer that is not there: how to have it in the tables."""
    lines = []
    if GENSIM not in available("sg-ns"):
        lines.append("gensim is not installed: its rows are skipped (pip install gensim)")
    for peer, (variable, name) in PROGRAMS.items():
        if not program(peer):
            lines.append(f"{peer} was not found: its rows are skipped (set {variable}, or put {name} on PATH)")
    return lines


# Timed; each returns a dict for child.py to print.


def gensim_rate(vocabulary: str, corpus: str, tokens: int, mode: str, dim: int, threads: int) -> dict[str, Any]:
    """Words a second of gensim's train() on a corpus of so many tokens, with the vocabulary of another."""
    model = _gensim_model(mode, dim, threads)
    model.build_vocab(corpus_file=vocabulary)
    began = time.perf_counter()
    model.train(corpus_file=corpus, total_words=tokens, total_examples=model.corpus_count, epochs=1)
    seconds = time.perf_counter() - began
    return {"rate": tokens / seconds, "seconds": seconds}


def gensim_train(
    corpus: str, output: str, mode: str, dim: int, threads: int, epochs: int, alpha: float, seed: int
) -> dict[str, Any]:
    """Train gensim and save the vectors."""
    model = _gensim_model(mode, dim, threads, alpha, seed)
    began = time.perf_counter()
    model.build_vocab(corpus_file=corpus)
    words = model.corpus_total_words
    model.train(corpus_file=corpus, total_words=words, total_examples=model.corpus_count, epochs=epochs)
    seconds = time.perf_counter() - began
    model.wv.save_word2vec_format(output, binary=True)
    return {"seconds": seconds}


def _gensim_model(mode: str, dim: int, threads: int, alpha: float = 0.025, seed: int = 1) -> Any:
    from gensim.models import Word2Vec

    return Word2Vec(vector_size=dim, workers=threads, alpha=alpha, seed=seed, **objective(mode)._asdict(), **SETTINGS)


def program_rate(
    peer: str, corpus: str, tokens: int, stop_after: int, mode: str, dim: int, threads: int
) -> dict[str, Any]:
    """Words a second of a C program on a corpus of so many tokens, from what it prints while it trains.

    The programs print the share of the work that is done all the time, from the moment that the vocabulary
    is read and the tables are made. The rate is the work between the first of these lines and the last over
    the wall time between them. (word2vec.c's own "Words/thread/sec" is per second of CPU time, and
    subtracting the time of a run that only counts the vocabulary would leave the making of its tables and
    the writing of the vectors in.)

    Args:
        stop_after: tokens after which the program is stopped.
    """
    command = _command(peer, corpus, os.devnull, mode, dim, threads, epochs=1, alpha=default_alpha(peer, mode))
    enough = min(100 * stop_after / tokens, _TRAINED_ON_ALL)
    first = last = (0.0, 0.0)  # time and percent
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        while chunk := process.stdout.read(1 << 16):
            now = time.perf_counter()
            if found := _PROGRESS.findall(chunk):
                last = (now, float(found[-1]))
                first = first if first[0] else last
            if last[1] >= enough:
                process.kill()
                break
    if last[1] < enough:
        raise RuntimeError(f"{peer} trained on {last[1]:.1f}% of its words only")
    seconds = last[0] - first[0]
    return {"rate": (last[1] - first[1]) / 100 * tokens / seconds, "seconds": seconds}


def program_train(
    peer: str, corpus: str, output: str, mode: str, dim: int, threads: int, epochs: int, alpha: float
) -> dict[str, Any]:
    """Train with a C program and save the vectors."""
    command = _command(peer, corpus, output, mode, dim, threads, epochs, alpha)
    began = time.perf_counter()
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    seconds = time.perf_counter() - began
    if not (found := _PROGRESS.findall(printed)) or float(found[-1]) < _TRAINED_ON_ALL:
        raise RuntimeError(f"{peer} did not train on all its words: its vectors tell nothing")
    return {"seconds": seconds}


def program_count(peer: str, corpus: str) -> dict[str, Any]:
    """Seconds in which a C program counts the vocabulary: without -output it does that and stops."""
    path = program(peer)
    assert path is not None
    began = time.perf_counter()
    subprocess.run(
        [path, "-train", corpus, "-min-count", str(SETTINGS["min_count"])],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return {"seconds": time.perf_counter() - began}


def _command(
    peer: str, corpus: str, output: str, mode: str, dim: int, threads: int, epochs: int, alpha: float
) -> list[str]:
    path = program(peer)
    assert path is not None
    sg, hs, negative = objective(mode)
    settings: dict[str, Any] = {
        "train": corpus,
        "output": output,
        "binary": 1,
        "size": dim,
        "window": SETTINGS["window"],
        "sample": SETTINGS["sample"],
        "min-count": SETTINGS["min_count"],
        "negative": negative,
        "threads": threads,
        "iter": epochs,
        "alpha": alpha,
    }
    settings |= {"batch-size": 11} if peer == PWORD2VEC else {"cbow": 1 - sg, "hs": hs}
    return [path, *(text for name, value in settings.items() for text in (f"-{name}", str(value)))]
