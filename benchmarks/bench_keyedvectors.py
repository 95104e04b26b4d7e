"""Queries and loading beside gensim's KeyedVectors, on 70,000 vectors of 300 dimensions trained on the
corpus.

One word: the median over many words, each asked for once, of the seconds of ``most_similar``. A batch:
1,000 words, by ours in one call, by gensim in a loop (it has no batch), and by one NumPy product with a
partial sort, as one would write it by hand. What prepares the search (norms, our compact copy of the rows)
is done before.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import corpus, harness, peers
from benchmarks.harness import OURS, Comparison

ROWS, DIM, TOPN = 70_000, 300, 10
QUERIES = 200
BATCH = 1_000
BY_HAND = "NumPy product"
TARGETS = {"one word": 3, "batch of 1,000": 10, "load .bin": 5}


def prepare() -> dict[str, Path]:
    """The vectors as .bin and .txt files, trained when they are first needed."""
    from lexigrad import KeyedVectors, Word2Vec

    paths = {kind: corpus.directory() / f"vectors-{ROWS}x{DIM}.{kind}" for kind in ("bin", "txt")}
    if not all(path.exists() for path in paths.values()):
        model = Word2Vec(str(corpus.wiki().path), vector_size=DIM, sg=1, epochs=2, workers=2, **peers.SETTINGS)
        vectors = KeyedVectors(DIM)
        vectors.add_vectors(model.wv.index_to_key[:ROWS], model.wv.vectors[:ROWS])
        for kind, path in paths.items():
            vectors.save_word2vec_format(path, binary=kind == "bin")
    return paths


def _load(library: str, path: str) -> Any:
    if library == OURS:
        from lexigrad import KeyedVectors

        return KeyedVectors.load_word2vec_format(path, binary=path.endswith(".bin"))
    from gensim.models import KeyedVectors as Theirs

    return Theirs.load_word2vec_format(path, binary=path.endswith(".bin"))


def load(library: str, path: str) -> dict[str, Any]:
    """Seconds of loading a file that lies in the page cache."""
    Path(path).read_bytes()
    if library == OURS:
        import lexigrad  # noqa: F401
    else:
        import gensim  # noqa: F401
    began = time.perf_counter()
    vectors = _load(library, path)
    seconds = time.perf_counter() - began
    assert vectors.vectors.shape == (ROWS, DIM)
    return {"seconds": seconds}


def one_word(library: str, path: str) -> dict[str, Any]:
    """Median seconds of a query, and the neighbours found."""
    vectors = _load(library, path)
    words = vectors.index_to_key[:: ROWS // QUERIES][:QUERIES]
    vectors.most_similar(words[-1], topn=TOPN)
    taken, found = [], []
    for word in words:
        began = time.perf_counter()
        neighbours = vectors.most_similar(word, topn=TOPN)
        taken.append(time.perf_counter() - began)
        found.append([key for key, _ in neighbours])
    return {"seconds": median(taken), "found": found[:20]}


def batch(library: str, path: str) -> dict[str, Any]:
    """Seconds for 1,000 words, and the neighbours found."""
    vectors = _load(OURS if library == BY_HAND else library, path)
    words = vectors.index_to_key[:: ROWS // BATCH][:BATCH]
    ask: dict[str, Callable[[], list[list[str]]]] = {
        OURS: lambda: [_keys(row) for row in vectors.most_similar_batch(words, topn=TOPN)],
        peers.GENSIM: lambda: [_keys(vectors.most_similar(word, topn=TOPN)) for word in words],
        BY_HAND: _by_hand(vectors, words),
    }
    vectors.most_similar(words[-1], topn=TOPN)
    began = time.perf_counter()
    found = ask[library]()
    return {"seconds": time.perf_counter() - began, "found": found[:20]}


def _keys(neighbours: list[tuple[str, float]]) -> list[str]:
    return [key for key, _ in neighbours]


def _by_hand(vectors: Any, words: list[str]) -> Callable[[], list[list[str]]]:
    import numpy as np

    units = vectors.get_normed_vectors()
    rows = [vectors.get_index(word) for word in words]

    def ask() -> list[list[str]]:
        found = []
        for first in range(0, len(rows), 100):  # a product of all would take 280 MB
            block = rows[first : first + 100]
            scores = units[block] @ units.T
            scores[np.arange(len(block)), block] = -2
            best = np.argpartition(scores, -TOPN, axis=1)[:, -TOPN:]
            order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
            found += [[vectors.index_to_key[i] for i in row] for row in np.take_along_axis(best, order, axis=1)]
        return found

    return ask


def compare(
    task: str, function: str, contenders: list[str], path: Path, threads: int, options: Any
) -> list[Comparison]:
    found: dict[str, Any] = {}

    def seconds(library: str) -> float:
        arguments = {"library": library, "path": str(path)}
        done = harness.run_child(
            f"benchmarks.bench_keyedvectors:{function}", arguments, threads=threads, launcher=options.launcher
        )
        found[library] = done.get("found")
        return float(done["seconds"])

    measured = harness.alternate(options.rounds, {library: partial(seconds, library) for library in contenders})
    for library in contenders:
        _check_agreement(found[OURS], found[library], library)
    case = {"task": f"{task}, {ROWS:,} x {DIM}", "threads": threads}
    targets = {peers.GENSIM: TARGETS[task]} if task in TARGETS else {}
    return harness.compare(measured, case, "s", more_is_better=False, targets=targets)


def _check_agreement(ours: Any, theirs: Any, library: str) -> None:
    """Fewer than one neighbour in a hundred may differ: those whose cosines are equal but for rounding."""
    if ours is None:
        return
    same = sum(a == b for mine, other in zip(ours, theirs, strict=True) for a, b in zip(mine, other, strict=True))
    if same < 0.99 * len(ours) * TOPN:
        raise RuntimeError(f"ours and {library} agree on {same} of {len(ours) * TOPN} neighbours only")


def main(argv: list[str]) -> None:
    tasks = {
        "one": ("one word", "one_word", [OURS, peers.GENSIM], "bin"),
        "batch": ("batch of 1,000", "batch", [OURS, peers.GENSIM, BY_HAND], "bin"),
        "bin": ("load .bin", "load", [OURS, peers.GENSIM], "bin"),
        "txt": ("load .txt", "load", [OURS, peers.GENSIM], "txt"),
    }
    parser = harness.parser("keyedvectors", "Queries and loading beside gensim.")
    parser.add_argument("--only", nargs="+", choices=list(tasks), help="tasks (all)")
    options = parser.parse_args(argv)
    if peers.GENSIM not in peers.available("sg-ns"):
        parser.exit(1, "gensim is not installed, and there is nothing else to compare with: pip install gensim\n")
    paths = prepare()
    for name in options.only or tasks:
        task, function, contenders, kind = tasks[name]
        for threads in options.threads:
            harness.record("keyedvectors", compare(task, function, contenders, paths[kind], threads, options))
