"""Fuzz the C++ parsers: python tests/fuzz/fuzz_core.py BUILD [--seconds 10] [target ...]

BUILD is a directory that CMake configured with -DLEXIGRAD_FUZZ=ON and Clang. The seeds are made here; what a target
finds goes to fuzz-<target>-* in this folder.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from report import summary

from lexigrad.io.convert import write_vectors

LONGEST = 2048
WORDS = ["king", "naïve", "東京", ". . ."]
VECTORS = np.array([[0.5, -3.0], [1e20, -0.0], [2.5, 1e-45], [1e-7, 123456.0]], np.float32)
TEXTS = [
    b"to be or not to be\n\nthat is the question",
    "\ufeffnaïve 東京\r\nnaïve\t東京 \v\f x\n".encode(),
    b"a_word_of_more_than_sixteen_bytes " * 9 + b"\n" + b"queen of the north queen of the north\n" * 4,
    b"cut \xe6\x9d\n\xc3 \xed\xa0\x80 \xf4\x90\x80\x80",
]


def body(folder, format):
    """The rows of a file in this format, without the header."""
    path = folder / "rows"
    words = [word.replace(" ", "_") for word in WORDS]
    write_vectors(path, words, VECTORS, format=format)
    return path.read_bytes().partition(b"\n")[2]


def vector_file(folder):
    """Two bytes of choices (see the target), and rows of two numbers."""
    text = body(folder, "word2vec-text")
    odd = b". . . 1 -2.5e-3\r\nx\t+3 .5 \nnan nan inf\n\nlong 1234567890123456789 0.000000000000000000001"
    yield b"\x05\x10" + body(folder, "word2vec-binary")
    yield from (bytes([6, cut]) + rows for rows in (text, odd) for cut in (0, 9, 30))
    yield b"\x04\x07" + b"1 2\n3 4\n1e38\t-1e39\n"


def texts(folder):
    """A byte of choices (see the targets), and a text."""
    del folder
    yield from (bytes([choice]) + text for text in TEXTS for choice in (0x11, 0x42, 0xFF))


SEEDS = {"vector_file": vector_file, "encoding": texts, "phrases": texts}


def fuzz(build, target, seconds):
    """Run one target; its log, or None if it found something."""
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(place, "corpus")
        corpus.mkdir()
        for i, seed in enumerate(SEEDS[target](Path(place))):
            (corpus / str(i)).write_bytes(seed)
        command = [build / f"fuzz_{target}", corpus, f"-max_total_time={seconds}", f"-max_len={LONGEST}"]
        command += ["-timeout=30", "-rss_limit_mb=2048", f"-artifact_prefix={Path.cwd()}/fuzz-{target}-"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        print(done.stderr[-4000:], file=sys.stderr)
        return None
    return done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("build", type=Path, help="directory of the build")
    parser.add_argument("--seconds", type=int, default=10, help="for each target (default %(default)s)")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(SEEDS)} (default: all)")
    options = parser.parse_intermixed_args()
    if unknown := set(options.targets) - SEEDS.keys():
        parser.error(f"no target is named {', '.join(sorted(unknown))}; there are {', '.join(SEEDS)}")
    failed = False
    for target in options.targets or SEEDS:
        log = fuzz(options.build.resolve(), target, options.seconds)
        seen = None if log is None else summary(log) or "FAILED: saw next to nothing of the code"
        print(f"{target}: {seen or 'FAILED'}", flush=True)
        failed = failed or seen is None or seen.startswith("FAILED")
    sys.exit(failed)


if __name__ == "__main__":
    main()
