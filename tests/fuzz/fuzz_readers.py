"""Fuzz the readers of word vectors: python tests/fuzz/fuzz_readers.py [--seconds 10] [reader ...]

Whatever a file holds, a reader returns finite vectors or raises ValueError that names the file. Needs atheris
(pip install atheris) and lexigrad installed by pip install . (atheris sees nothing of an editable install). Its seeds
are made here. Each reader runs in its own process, for the given time.
"""

import argparse
import contextlib
import functools
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from report import summary

try:
    import atheris
except ModuleNotFoundError:
    atheris = None

with atheris.instrument_imports(include=["lexigrad"]) if atheris else contextlib.nullcontext():
    from lexigrad.io.convert import read_vectors, write_vectors
    from lexigrad.io.glove import read_glove
    from lexigrad.io.projector import read_projector
    from lexigrad.io.safetensors import read_safetensors
    from lexigrad.io.word2vec import read_counts, read_word2vec

WORDS = ["king", "naïve", "東京", ". . ."]
VECTORS = np.array([[0.5, -3.0], [1e20, 0.0], [2.5, 1e-7], [1.0, 0.1]], np.float32)
LONGEST = 4096
RAM = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a file for each try, thousands a second


def read_metadata(path):
    """The words of a projector pair whose numbers are whole."""
    tensor = Path(path).with_name("tensor.tsv")
    if not tensor.exists():
        tensor.write_text("1\t2\n3\t4\n5\t6\n7\t8\n")
    return read_projector((tensor, path))


def read_tensor(path):
    """The numbers of a projector pair with four words."""
    metadata = Path(path).with_name("metadata.tsv")
    if not metadata.exists():
        metadata.write_text("a\nb\nc\nd\n")
    return read_projector((path, metadata))


READERS = {  # the reader, the file's name, the format of its seed
    "word2vec-text": (read_word2vec, "v", "word2vec-text"),
    "word2vec-text-replace": (
        functools.partial(read_word2vec, unicode_errors="replace"),
        "v",
        "word2vec-text",
    ),
    "word2vec-binary": (functools.partial(read_word2vec, binary=True), "v", "word2vec-binary"),
    "word2vec-gz": (functools.partial(read_word2vec, binary=True), "v.gz", "word2vec-binary"),
    "word2vec-counts": (functools.partial(read_counts, words=WORDS), "v", "counts"),
    "glove": (read_glove, "v", "glove"),
    "projector-tensor": (read_tensor, "v", "tensor"),
    "projector-metadata": (read_metadata, "v", "metadata"),
    "safetensors": (read_safetensors, "v", "safetensors"),
    "safetensors-mmap": (functools.partial(read_safetensors, mmap=True), "v", "safetensors"),
    "detect": (read_vectors, "v", "glove"),
}


def seed(folder, name, format):
    """A whole file to begin with."""
    if format == "counts":
        return "".join(f"{word} {i}\n" for i, word in enumerate(WORDS)).encode()
    if format == "tensor":
        return b"1\t2\n3\t4\n5\t6\n7\t8\n"
    if format == "metadata":
        return b"word\tcount\na\t5\nb\t4\nc\t3\nd\t2\n"
    words = [word.replace(" ", "_") for word in WORDS]
    write_vectors(folder / name, words, VECTORS, counts=np.arange(4), format=format)
    return (folder / name).read_bytes()


def check(read, path, data):
    """Whether the reader keeps its promise on these bytes."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            result = read(path)
    except ValueError as error:
        if str(path) not in str(error) and str(path.parent) not in str(error):
            raise AssertionError(f"the message does not name the file: {error}") from error
        return
    if hasattr(result, "vectors"):
        if not np.isfinite(result.vectors).all() or len(result.words) != len(result.vectors):
            raise AssertionError("vectors that are not finite, or not as many as words")
        if len(set(result.words)) != len(result.words):
            raise AssertionError("a word twice")


def fuzz(name, folder, seconds):
    """Run one reader under atheris, which ends the process; findings go to fuzz-<name>-* in this folder."""
    with open(Path(folder, "log"), "wb") as log:
        os.dup2(log.fileno(), 2)
    read, file_name, format = READERS[name]
    corpus, place = Path(folder, "corpus"), Path(folder, "files")
    corpus.mkdir()
    place.mkdir()
    data = seed(place, file_name, format)
    (corpus / "seed").write_bytes(data)
    (place / file_name).write_bytes(data)
    read(place / file_name)  # a seed that is refused would be no seed
    arguments = [name, str(corpus), f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=30"]
    arguments += ["-rss_limit_mb=1024", f"-artifact_prefix={Path.cwd()}/fuzz-{name}-"]
    atheris.Setup(arguments, functools.partial(check, read, place / file_name))
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=10, help="for each reader (default %(default)s)")
    parser.add_argument("readers", nargs="*", default=list(READERS), help=f"of {', '.join(READERS)}")
    options = parser.parse_intermixed_args()
    unknown = set(options.readers) - READERS.keys()
    if unknown:
        parser.error(f"no reader is named {', '.join(sorted(unknown))}; there are {', '.join(READERS)}")
    if atheris is None:
        sys.exit("fuzzing needs atheris: pip install atheris")
    failed = []
    for name in options.readers:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=RAM) as folder:
            process = multiprocessing.get_context("spawn").Process(target=fuzz, args=(name, folder, options.seconds))
            process.start()
            process.join()
            log = Path(folder, "log").read_text(errors="replace")
        seen = summary(log) if process.exitcode == 0 else None
        print(f"{name}: {seen or 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
        if seen is None:
            print(log[-4000:], file=sys.stderr)
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
