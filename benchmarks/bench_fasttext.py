"""FastText beside the fastText program: speed, and quality over several seeds.

Only training proper is timed: for ours ``total_train_time``, for the program what its progress says in the end, which
counts from where training begins. Classifiers are trained on the posts of 20 Newsgroups. With ``--quality`` both are
trained and scored alike: word vectors for 5 epochs, by Spearman x 100 on rare words (those that are not in the
vocabulary included), WordSim-353 and MEN; classifiers by the percentage of right labels on the posts for testing. Runs
are added to results/fasttext_quality.jsonl, a JSON object a line; runs that are there already are not repeated. The
program's Python package takes no seed: its runs differ with several threads only.
"""

import argparse
import json
import lzma
import os
import re
import tempfile
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks import corpus, harness
from benchmarks.harness import OURS, RESULTS

PROGRAM = "fastText"
TARGETS = {"sg": 4, "cbow": 3, "supervised": 1.5}
SCORES = {"rarewords": "rarewords.tsv", "wordsim353": "wordsim353.tsv", "men": "men3000.tsv"}
EPOCHS = 5
# Of classifiers, under the program's names.
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "supervised": {"lr": 0.5, "epoch": 25},
    "supervised-bigrams": {"lr": 0.5, "epoch": 25, "wordNgrams": 2},
}
_OURS = {"lr": "alpha", "epoch": "epochs", "wordNgrams": "word_ngrams"}
_TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[.,!?;:()\"]")
_RATE = re.compile(rb"words/sec/thread:\s*(\d+)")

Row = dict[str, Any]


def newsgroups(split: str) -> Path:
    """A file of the posts of a split, each on a line behind its label, in shuffled order."""
    import random

    path = corpus.directory() / f"20newsgroups-{split}.txt"
    if not path.exists():
        with lzma.open(corpus.DATA / "text" / "20newsgroups.tsv.xz", "rt", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        lines = [
            f"__label__{label} {' '.join(_TOKEN.findall(text.lower()))}\n"
            for where, label, text in rows[1:]
            if where == split
        ]
        random.Random(1).shuffle(lines)
        partial = path.with_suffix(".partial")
        partial.write_text("".join(lines), encoding="utf-8")
        partial.rename(path)
    return path


# Runs, each in a process of its own


def train(who: str, text: str, kind: str, threads: int, epochs: int, seed: int, save: str = "") -> dict[str, Any]:
    """Words a second; with ``save`` the model goes there, as the program writes it."""
    if who == PROGRAM:
        return _train_program(text, kind, threads, epochs, save)
    from lexigrad import FastText, FastTextClassifier

    model: Any
    if kind in CLASSIFIERS:
        settings = {_OURS[name]: value for name, value in CLASSIFIERS[kind].items()}
        model = FastTextClassifier(text, workers=threads, seed=seed, **settings)
    else:
        model = FastText(
            text,
            sg=int(kind == "sg"),
            alpha=0.05,
            min_alpha=0.0,
            sample=1e-4,
            ns_exponent=0.5,
            epochs=epochs,
            workers=threads,
            seed=seed,
        )
    if save:
        model.save_fasttext_format(save)
    return {"rate": model.corpus_total_words * model.epochs / model.total_train_time}


def _train_program(text: str, kind: str, threads: int, epochs: int, save: str) -> dict[str, Any]:
    import fasttext

    with tempfile.TemporaryFile() as printed:  # by C++, to stderr
        before = os.dup(2)
        os.dup2(printed.fileno(), 2)
        try:
            if kind in CLASSIFIERS:
                model = fasttext.train_supervised(text, thread=threads, **CLASSIFIERS[kind])
            else:
                name = {"sg": "skipgram", "cbow": "cbow"}[kind]
                model = fasttext.train_unsupervised(text, model=name, epoch=epochs, thread=threads)
        finally:
            os.dup2(before, 2)
            os.close(before)
        printed.seek(0)
        rates = _RATE.findall(printed.read())
    if save:
        model.save_model(save)
    return {"rate": int(rates[-1]) * threads}


def score(who: str, text: str, kind: str, threads: int, seed: int) -> dict[str, Any]:
    """Train, write the model as the program does and score what is read back."""
    from lexigrad import FastTextModel

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.bin")
        began = time.perf_counter()
        train(who, text, kind, threads, EPOCHS, seed, path)
        seconds = time.perf_counter() - began
        model = FastTextModel.load_fasttext_format(path)
    if kind in CLASSIFIERS:
        return {"seconds": seconds, "accuracy": round(100 * model.test(newsgroups("test"))[1], 2)}
    return {"seconds": seconds} | {name: _similarity(model, file) for name, file in SCORES.items()}


def _similarity(model: Any, file: str) -> float:
    """Spearman x 100 over all pairs, words that are not in the vocabulary included."""
    import numpy as np
    from scipy.stats import spearmanr

    with open(corpus.DATA / "eval" / file, encoding="utf-8") as lines:
        pairs = [line.lower().split("\t") for line in lines]
    cosines = []
    for first, second, _ in pairs:
        a, b = model.get_word_vector(first), model.get_word_vector(second)
        cosines.append(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))
    return round(100 * float(spearmanr(cosines, [float(judged) for *_, judged in pairs]).statistic), 2)


# Comparisons


def text_of(kind: str, tokens: int) -> str:
    return str(newsgroups("train") if kind in CLASSIFIERS else corpus.wiki(tokens).path)


def speed(kind: str, threads: int, options: argparse.Namespace) -> None:
    arguments = {"text": text_of(kind, options.tokens), "kind": kind, "epochs": 1, "seed": 1, "threads": threads}

    def measure(who: str) -> float:
        done = harness.run_child(
            "benchmarks.bench_fasttext:train", arguments | {"who": who}, threads=threads, launcher=options.launcher
        )
        return float(done["rate"]) / 1e3

    measured = harness.alternate(options.rounds, {who: partial(measure, who) for who in (OURS, PROGRAM)})
    case = {"kind": kind, "threads": threads}
    targets = {PROGRAM: TARGETS[kind]} if kind in TARGETS else {}
    harness.record("fasttext", harness.compare(measured, case, "thousand words/s", targets=targets))


def quality(options: argparse.Namespace) -> None:
    """Make the runs that are not in the file, then print means and standard deviations over the seeds."""
    path = RESULTS / "fasttext_quality.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for seed in options.seeds:
        for kind in options.only:
            for who in (OURS, PROGRAM):
                threads = options.threads[0]
                case = {"who": who, "kind": kind, "threads": threads, "seed": seed}
                case |= {} if kind in CLASSIFIERS else {"tokens": options.tokens}
                if any(case.items() <= row.items() for row in rows):
                    continue
                arguments = {"who": who, "kind": kind, "seed": seed, "text": text_of(kind, options.tokens)}
                done = harness.run_child(
                    "benchmarks.bench_fasttext:score",
                    arguments | {"threads": threads},
                    threads=threads,
                    launcher=options.launcher,
                )
                done.pop("peak_bytes")
                rows.append(case | done)
                print(json.dumps(rows[-1]), flush=True)
                with path.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["kind"], row["who"]].append(row)
    for (kind, who), some in sorted(groups.items()):
        names = [name for name in ("accuracy", *SCORES) if name in some[0]]
        found = {name: [row[name] for row in some] for name in names}
        shown = [
            f"{name} {mean(values):.2f} ± {stdev(values) if len(values) > 1 else 0:.2f}"
            for name, values in found.items()
        ]
        print(f"{kind}, {who}, {len(some)} runs: {', '.join(shown)}")


def main(argv: list[str]) -> None:
    parser = harness.parser("fasttext", "FastText beside the fastText program.")
    kinds = ["sg", "cbow", *CLASSIFIERS]
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds, help="kinds (all)")
    parser.add_argument("--tokens", type=int, default=2_000_000, metavar="N", help="of word vectors (%(default)s)")
    parser.add_argument("--quality", action="store_true", help="scores instead of speed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="N", help="(%(default)s)")
    options = parser.parse_args(argv)
    if options.quality:
        quality(options)
        return
    for threads in options.threads:
        for kind in options.only:
            speed(kind, threads, options)
