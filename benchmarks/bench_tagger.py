"""Quality of the tagger: parts of speech of UD English EWT and names of WNUT-17, with and without a start and a CRF."""

import argparse
import lzma
import time
from typing import Any

from benchmarks.corpus import DATA

FILES = {"ud": "tagging/ud-english-ewt-pos.tsv.xz", "wnut17": "tagging/wnut17-ner.tsv.xz"}
COLUMNS = {"ud": (2, 3), "wnut17": (1, 2)}

Data = tuple[list[list[str]], list[list[str]]]


def read(task: str) -> dict[str, Data]:
    """Sentences and tags of each split."""
    splits: dict[str, Data] = {}
    words, tags = COLUMNS[task]
    with lzma.open(DATA / FILES[task], "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            fields = line.rstrip("\n").split("\t")
            X, y = splits.setdefault(fields[0], ([], []))
            X.append(fields[words].split(" "))
            y.append(fields[tags].split(" "))
    return splits


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks tagger", description=__doc__)
    parser.add_argument("task", choices=FILES)
    parser.add_argument("--crf", action="store_true", help="with a CRF")
    parser.add_argument("--vectors", metavar="FILE", help="start from these word vectors (word2vec format)")
    parser.add_argument("--epochs", type=int, default=10, metavar="N", help="(%(default)s)")
    parser.add_argument("--hidden", type=int, default=128, metavar="N", help="(%(default)s)")
    parser.add_argument("--dropout", type=float, default=0.4, metavar="P", help="(%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    given = parser.parse_args(argv)
    import lexigrad
    from lexigrad.models import SequenceTagger

    lexigrad.set_num_threads(given.threads)
    splits = read(given.task)
    vectors: Any = None
    if given.vectors:
        vectors = lexigrad.KeyedVectors.load_word2vec_format(given.vectors, binary=given.vectors.endswith(".bin"))
    names = list(splits)
    train, dev, test = (splits[name] for name in names)
    for seed in given.seeds:
        began = time.perf_counter()
        tagger = SequenceTagger(hidden_size=given.hidden, crf=given.crf, dropout=given.dropout, seed=seed)
        tagger.fit(*train, dev, vectors=vectors, epochs=given.epochs, schedule="linear")
        seconds = time.perf_counter() - began
        curve = " ".join(f"{100 * value:.2f}" for value in tagger.history.validations["score"])
        print(f"seed {seed}: {seconds:.0f} s, {names[1]} by epoch {curve}")
        scores = tagger.evaluate(*test)
        print(
            f"{names[2]}: accuracy {100 * scores.accuracy:.2f} %, spans: precision {100 * scores.spans.precision:.2f}, "
            f"recall {100 * scores.spans.recall:.2f}, F1 {100 * scores.spans.f1:.2f}",
            flush=True,
        )
