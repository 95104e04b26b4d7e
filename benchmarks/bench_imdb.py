"""Document vectors of 100,000 film reviews, and how well a linear classifier tells good reviews from bad by them.

The task of Le and Mikolov 2014 in the form of gensim's tutorial: vectors of all reviews of aclImdb are trained (its
labels are not looked at), then logistic regression learns from the 25,000 labelled ones for training, and is tested on
the 25,000 for testing. The reviews are shuffled: in a stretch of good ones the words' vectors would learn what their
documents' vectors should. "inferred" leaves the reviews for testing out of the training and infers their vectors in one
batch. DBOW + DM are the vectors of both models side by side. Errors are in percent. Runs are added to
results/imdb.jsonl, a JSON object a line; runs that are there already are not repeated.
"""

import argparse
import json
import lzma
import re
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks import corpus, harness
from benchmarks.harness import OURS, RESULTS

GENSIM = "gensim"
REPORTED = ("dbow", "dm", "dbow+dm")
KINDS: dict[str, dict[str, Any]] = {"dbow": {"dm": 0}, "dm": {"dm": 1, "window": 10, "alpha": 0.05}}
SETTINGS: dict[str, Any] = {"vector_size": 100, "negative": 5, "hs": 0, "min_count": 2, "sample": 0}
TARGETS = {"dbow": 10.5, "dbow+dm": 10.4}
LABELLED = 25_000  # reviews for training, and as many for testing
REVIEWS = 100_000

_TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[.,!?;:()\"]")
Row = dict[str, Any]


def reviews() -> Path:
    """A file with a review on each line, in the order of :func:`order`."""
    path = corpus.directory() / "imdb-shuffled.txt"
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8", newline="\n") as out:
            every = [text for _, _, text in _rows()]
            out.writelines(" ".join(_TOKEN.findall(every[i].lower())) + "\n" for i in order())
        partial.rename(path)
    return path


def order() -> np.ndarray[Any, np.dtype[np.int64]]:
    """Which review stands on each line: the first 25,000 are for training, as many for testing, the rest unlabelled."""
    return np.random.default_rng(1).permutation(REVIEWS)


def lines() -> np.ndarray[Any, np.dtype[np.int64]]:
    """On which line each review stands."""
    return np.argsort(order())


def labels() -> np.ndarray[Any, np.dtype[np.int64]]:
    """1 for a good review, 0 for a bad one, of the first 50,000."""
    return np.array([label == "pos" for split, label, _ in _rows() if split != "unsup"], np.int64)


def _rows() -> Iterator[tuple[str, str, str]]:
    with lzma.open(corpus.DATA / "text" / "aclImdb.tsv.xz", "rt", encoding="utf-8", newline="\n") as file:
        next(file)
        for line in file:
            split, label, _, text = line.rstrip("\n").split("\t")
            yield split, label, text


# Each of these runs in a process of its own.


def train(who: str, text: str, output: str, kind: str, seed: int, epochs: int, threads: int) -> Row:
    """Train on all reviews and save the labelled ones' vectors."""
    if who == OURS:
        from lexigrad import Doc2Vec
    else:
        from gensim.models.doc2vec import Doc2Vec
    began = time.perf_counter()
    model = Doc2Vec(corpus_file=text, workers=threads, seed=seed, epochs=epochs, **SETTINGS, **KINDS[kind])
    seconds = time.perf_counter() - began
    np.save(output, model.dv.vectors[lines()[: 2 * LABELLED]])
    return {"seconds": seconds}


def train_and_infer(text: str, output: str, kind: str, seed: int, epochs: int, threads: int) -> Row:
    """Train ours on all reviews but those for testing, and infer these in one batch."""
    from lexigrad import Doc2Vec, TaggedDocument

    with open(text, encoding="utf-8") as file:
        words = [line.split() for line in file]
    tested = [words[i] for i in lines()[LABELLED : 2 * LABELLED]]
    documents = [
        TaggedDocument(words[line], [review])
        for line, review in enumerate(order().tolist())
        if not LABELLED <= review < 2 * LABELLED
    ]
    model = Doc2Vec(documents, workers=threads, seed=seed, epochs=epochs, **SETTINGS, **KINDS[kind])
    began = time.perf_counter()
    inferred = model.infer_vectors(tested)
    seconds = time.perf_counter() - began
    np.save(output, np.concatenate([model.dv[range(LABELLED)], inferred]))
    return {"seconds": seconds}


def error(vectors: Any) -> float:
    """Percent of the reviews for testing that logistic regression gets wrong."""
    from sklearn.linear_model import LogisticRegression

    truth = labels()
    classifier = LogisticRegression(max_iter=1000).fit(vectors[:LABELLED], truth[:LABELLED])
    return float(100 * np.mean(classifier.predict(vectors[LABELLED:]) != truth[LABELLED:]))


def run(who: str, kind: str, seed: int, options: argparse.Namespace) -> Row:
    """Errors of DBOW, of DM, or of both side by side, whose vectors are kept for that."""
    folder = corpus.directory()
    made = []
    seconds = 0.0
    for part in kind.split("+"):
        output = folder / f"imdb-{who}-{part}-{seed}-{options.epochs}.npy"
        made.append(output)
        if output.exists():
            continue
        arguments = {
            "text": str(reviews()),
            "output": str(output),
            "kind": part,
            "seed": seed,
            "epochs": options.epochs,
            "threads": options.threads[-1],
        }
        if who == f"{OURS}, inferred":
            function = "benchmarks.bench_imdb:train_and_infer"
        else:
            function, arguments["who"] = "benchmarks.bench_imdb:train", who
        seconds += harness.run_child(function, arguments, threads=options.threads[-1], launcher=options.launcher)[
            "seconds"
        ]
    vectors = np.hstack([np.load(path) for path in made])
    return {
        "who": who,
        "kind": kind,
        "seed": seed,
        "epochs": options.epochs,
        "error": round(error(vectors), 2),
        "seconds": round(seconds, 1),
    }


def report(rows: list[Row]) -> list[str]:
    """A table of mean errors; targets are for ours."""
    cells = [["", "epochs", *REPORTED, "seeds"]]
    for who, epochs in dict.fromkeys((row["who"], row["epochs"]) for row in rows):
        own = [row for row in rows if (row["who"], row["epochs"]) == (who, epochs)]
        errors = {kind: [row["error"] for row in own if row["kind"] == kind] for kind in REPORTED}
        shown = [f"{mean(found):.2f}" if found else "" for found in errors.values()]
        cells.append([who, str(epochs), *shown, str(len({row["seed"] for row in own}))])
    cells.append(["target", "", *(f"{TARGETS[kind]:g}" if kind in TARGETS else "" for kind in REPORTED), ""])
    return harness.align(cells)


def main(argv: list[str]) -> None:
    parser = harness.parser("imdb", "Errors of a classifier on vectors of film reviews.")
    parser.add_argument("--who", nargs="+", default=[OURS, f"{OURS}, inferred", GENSIM], help="(%(default)s)")
    parser.add_argument("--kinds", nargs="+", default=[*REPORTED], help="models (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=20, metavar="N", help="passes (%(default)s)")
    options = parser.parse_args(argv)
    results = RESULTS / "imdb.jsonl"
    results.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    done = {(row["who"], row["kind"], row["seed"], row["epochs"]) for row in rows}
    for who in options.who:
        for seed in options.seeds:
            for kind in options.kinds:
                if (who, kind, seed, options.epochs) in done:
                    continue
                row = run(who, kind, seed, options)
                rows.append(row)
                with results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row, flush=True)
    table = report(rows)
    (RESULTS / "imdb.md").write_text("# python -m benchmarks imdb\n\n" + "\n".join(table) + "\n")
    print("\n".join(table))
