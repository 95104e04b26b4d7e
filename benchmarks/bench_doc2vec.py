"""Doc2Vec beside gensim's corpus_file path on 100,000 film reviews: training, and vectors of 1,000 new ones.

Training is timed without counting the vocabulary: for ours ``total_train_time``, for gensim ``train()``. Inference is
that of 1,000 reviews by a model of dimension 100 that has been trained for an epoch: ours in one batch, gensim's one
review after the other, which is all that it offers.
"""

import argparse
import time
from functools import partial
from typing import Any

from benchmarks import bench_imdb, harness
from benchmarks.harness import OURS

GENSIM = "gensim"
KINDS: dict[str, dict[str, Any]] = {
    "dbow": {"dm": 0},
    "dm": {"dm": 1},
    "dbow-words": {"dm": 0, "dbow_words": 1},
    "dm-concat": {"dm": 1, "dm_concat": 1},
}
SETTINGS: dict[str, Any] = {"min_count": 5, "sample": 1e-4, "negative": 5, "window": 5}
TARGETS = {"dbow": 3, "dm": 4}
INFERENCE_TARGET = 8
INFERRED, INFERENCE_EPOCHS = 1000, 10


def train(who: str, text: str, kind: str, dim: int, threads: int) -> dict[str, Any]:
    """Words a second of an epoch; runs in a process of its own."""
    model, seconds = _train(who, text, kind, dim, threads)
    return {"rate": model.corpus_total_words / seconds}


def infer(who: str, text: str, kind: str, threads: int) -> dict[str, Any]:
    """Documents a second of inference."""
    model, _ = _train(who, text, kind, 100, threads)
    with open(text, encoding="utf-8") as lines:
        documents = [line.split() for line, _ in zip(lines, range(INFERRED), strict=False)]
    began = time.perf_counter()
    if who == OURS:
        model.infer_vectors(documents, epochs=INFERENCE_EPOCHS)
    else:
        for document in documents:
            model.infer_vector(document, epochs=INFERENCE_EPOCHS)
    return {"rate": len(documents) / (time.perf_counter() - began)}


def _train(who: str, text: str, kind: str, dim: int, threads: int) -> tuple[Any, float]:
    settings = {"vector_size": dim, "workers": threads, "epochs": 1, **SETTINGS, **KINDS[kind]}
    if who == OURS:
        from lexigrad import Doc2Vec

        model = Doc2Vec(corpus_file=text, **settings)
        return model, model.total_train_time
    from gensim.models.doc2vec import Doc2Vec as Peer

    peer = Peer(**settings)
    peer.build_vocab(corpus_file=text)
    began = time.perf_counter()
    peer.train(
        corpus_file=text, total_examples=peer.corpus_count, total_words=peer.corpus_total_words, epochs=peer.epochs
    )
    return peer, time.perf_counter() - began


def measure(function: str, arguments: dict[str, Any], threads: int, launcher: str) -> float:
    done = harness.run_child(function, arguments | {"threads": threads}, threads=threads, launcher=launcher)
    return float(done["rate"])


def compare(function: str, case: dict[str, Any], unit: str, target: float | None, options: argparse.Namespace) -> None:
    arguments = {**case, "text": str(bench_imdb.reviews())}
    threads = arguments.pop("threads")
    run = partial(measure, f"benchmarks.bench_doc2vec:{function}", threads=threads, launcher=options.launcher)
    contenders = {who: partial(run, {**arguments, "who": who}) for who in (OURS, GENSIM)}
    measured = harness.alternate(options.rounds, contenders)
    targets = {} if target is None else {GENSIM: target}
    harness.record("doc2vec", harness.compare(measured, case, unit, targets=targets))


def main(argv: list[str]) -> None:
    parser = harness.parser("doc2vec", "Speed of Doc2Vec beside gensim.")
    parser.add_argument("--only", nargs="+", choices=[*KINDS, "inference"], default=["dbow", "dm", "inference"])
    parser.add_argument("--dim", type=int, nargs="+", default=[100], help="dimensions (%(default)s)")
    options = parser.parse_args(argv)
    for threads in options.threads:
        for kind in options.only:
            if kind == "inference":
                for model in ("dbow", "dm"):
                    case = {"kind": model, "threads": threads}
                    compare("infer", case, "documents/s", INFERENCE_TARGET, options)
                continue
            for dim in options.dim:
                case = {"kind": kind, "dim": dim, "threads": threads}
                compare("train", case, "words/s", TARGETS.get(kind), options)
