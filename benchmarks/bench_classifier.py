"""Quality of the classifier: sentiment of IMDB reviews, from word vectors that are trained on the same texts."""

import argparse
import lzma
import time
from typing import Any

from benchmarks.corpus import DATA

REVIEWS = DATA / "text" / "aclImdb.tsv.xz"


def read() -> dict[str, tuple[list[str], list[str]]]:
    """Texts and labels of each split; those of "unsup" have none."""
    splits: dict[str, tuple[list[str], list[str]]] = {}
    with lzma.open(REVIEWS, "rt", encoding="utf-8", newline="\n") as file:
        next(file)
        for line in file:
            split, label, _, text = line.rstrip("\n").split("\t", 3)
            X, y = splits.setdefault(split, ([], []))
            X.append(text)
            y.append(label)
    return splits


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks classifier", description=__doc__)
    parser.add_argument("--epochs", type=int, default=3, metavar="N", help="(%(default)s)")
    parser.add_argument("--hidden", type=int, default=64, metavar="N", help="(%(default)s)")
    parser.add_argument("--max-length", type=int, default=300, metavar="N", help="words of a review (%(default)s)")
    parser.add_argument("--without-vectors", action="store_true", help="start from random vectors")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    given = parser.parse_args(argv)
    import lexigrad
    from lexigrad.models import SequenceClassifier
    from lexigrad.models.sequence import words_of

    lexigrad.set_num_threads(given.threads)
    splits = read()
    began = time.perf_counter()
    vectors: Any = None
    if not given.without_vectors:
        texts = [words_of(text.lower()) for split in ("train", "unsup") for text in splits[split][0]]
        options = {"sg": 1, "window": 5, "min_count": 5, "sample": 1e-4, "epochs": 2, "seed": 1}
        vectors = lexigrad.Word2Vec(texts, vector_size=100, workers=given.threads, **options).wv
        print(f"word vectors: {len(vectors):,}, {time.perf_counter() - began:.0f} s", flush=True)
    for seed in given.seeds:
        began = time.perf_counter()
        classifier = SequenceClassifier(hidden_size=given.hidden, max_length=given.max_length, min_count=5, seed=seed)
        classifier.fit(*splits["train"], vectors=vectors, epochs=given.epochs, lr=1e-3, schedule="linear")
        seconds = time.perf_counter() - began
        accuracy = 100 * classifier.score(*splits["test"])
        print(f"seed {seed}: {seconds:.0f} s, test accuracy {accuracy:.2f} %", flush=True)
