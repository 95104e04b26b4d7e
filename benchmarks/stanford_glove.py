"""Stanford's GloVe, C programs that are found by LEXIGRAD_GLOVE and never shipped: what they count and train."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NAME = "Stanford's GloVe"
MIN_COUNT = 5
X_MAX = 10.0  # what their demo takes for tens of millions of words
RECORD_BYTES = 16


def programs() -> str:
    """The directory of Stanford's programs.

    Raises:
        SystemExit: it is not known.
    """
    directory = Path(os.environ.get("LEXIGRAD_GLOVE", ""))
    if not (directory / "cooccur").exists():
        sys.exit("Stanford's programs were not found: set LEXIGRAD_GLOVE to their directory (its build/)")
    return str(directory)


def entries(folder: str) -> int:
    """How many entries the counts in a folder have."""
    return Path(folder, "cooccurrence.bin").stat().st_size // RECORD_BYTES


def count(directory: str, text: str, window: int, folder: str) -> dict[str, Any]:
    """From text to vocab.txt and cooccurrence.bin in a folder; one thread, which is all that they use."""
    began = time.perf_counter()
    path = Path(folder)
    with open(text, "rb") as source, (path / "vocab.txt").open("wb") as out:
        _run([f"{directory}/vocab_count", "-min-count", str(MIN_COUNT)], source, out)
    command = [f"{directory}/cooccur", "-memory", "4.0", "-window-size", str(window)]
    command += ["-vocab-file", str(path / "vocab.txt"), "-overflow-file", str(path / "overflow")]
    with open(text, "rb") as source, (path / "cooccurrence.bin").open("wb") as out:
        _run(command, source, out)
    return {"seconds": time.perf_counter() - began, "entries": entries(folder)}


def shuffle(directory: str, folder: str) -> None:
    """From cooccurrence.bin to shuffled.bin, which training reads."""
    path = Path(folder)
    with (path / "cooccurrence.bin").open("rb") as source, (path / "shuffled.bin").open("wb") as out:
        _run([f"{directory}/shuffle", "-memory", "4.0", "-temp-file", str(path / "shuffle")], source, out)


def train(directory: str, folder: str, dim: int, epochs: int, threads: int, seed: int, save: bool) -> dict[str, Any]:
    """Epochs over shuffled.bin, timed from the lines that the program prints after each; vectors.txt if ``save``."""
    command = [f"{directory}/glove", "-input-file", f"{folder}/shuffled.bin", "-vocab-file", f"{folder}/vocab.txt"]
    command += ["-save-file", f"{folder}/vectors", "-vector-size", str(dim), "-iter", str(epochs)]
    command += ["-threads", str(threads), "-x-max", str(X_MAX), "-seed", str(seed), "-verbose", "1"]
    began = ended = 0.0
    with subprocess.Popen(command, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"iter:" not in line:
                began = began if ended else time.perf_counter()
                continue
            ended = time.perf_counter()
            if not save and f"iter: {epochs:03d}".encode() in line:
                process.kill()  # writing the vectors takes longer than an epoch
    if not ended:
        raise RuntimeError(f"{command[0]} printed no epoch: run it by hand to see why")
    return {"rate": epochs * entries(folder) / (ended - began)}


def _run(command: list[str], source: Any, out: Any) -> None:
    subprocess.run([*command, "-verbose", "0"], stdin=source, stdout=out, stderr=subprocess.DEVNULL, check=True)
