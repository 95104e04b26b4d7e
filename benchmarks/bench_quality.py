"""Quality of the vectors beside speed: ours and the peers', trained for 5 epochs on 17 million tokens.

Every run is scored by lexigrad's own evaluation, which gives gensim's figures: Google analogies among the
30,000 most frequent words (percent), and Spearman x 100 on WordSim-353, SimLex-999 and MEN. Runs are added
to results/quality.jsonl, a JSON object a line; runs that are there already are not repeated. The scores of
peers come from the same file (``--run-peers``) or from another such file (``--peer-results``). Speeds are
those that bench_word2vec.py has recorded.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any, NamedTuple

from benchmarks import corpus, harness, peers
from benchmarks.harness import OURS, RESULTS

EPOCHS = 5
FREQUENT = 30_000
SCORES = ("analogies", "wordsim353", "simlex999", "men")
# Standard deviation between seeds, where there are not the three runs that tell it.
USUAL_SPREAD = {"analogies": 0.8, "wordsim353": 0.7, "simlex999": 0.5, "men": 0.3}
CBOW_RATES = (0.025, 0.05)  # gensim's default and word2vec.c's

Row = dict[str, Any]


class Kind(NamedTuple):
    """Runs that differ in their seed alone."""

    mode: str
    dim: int
    alpha: float
    who: str
    threads: int


def evaluate(vectors: Any) -> dict[str, float]:
    """The scores of vectors that are sorted by falling frequency."""
    folder = corpus.DATA / "eval"
    _, sections = vectors.evaluate_word_analogies(folder / "questions-words.txt", restrict_vocab=FREQUENT)
    right, wrong = len(sections[-1]["correct"]), len(sections[-1]["incorrect"])
    scores = {"analogies": round(100 * right / max(right + wrong, 1), 2)}
    for name, file in (
        ("wordsim353", "wordsim353.tsv"),
        ("simlex999", "simlex999.tsv"),
        ("men", "men3000.tsv"),
    ):
        _, spearman, _ = vectors.evaluate_word_pairs(folder / file)
        scores[name] = round(100 * float(spearman.statistic), 2)
    return scores


# Runs, each in a process of its own


def train_ours(text: str, mode: str, dim: int, alpha: float, seed: int, threads: int) -> dict[str, Any]:
    from lexigrad import Word2Vec

    settings = peers.objective(mode)._asdict() | peers.SETTINGS
    began = time.perf_counter()
    model = Word2Vec(text, vector_size=dim, alpha=alpha, seed=seed, workers=threads, epochs=EPOCHS, **settings)
    return {"seconds": time.perf_counter() - began, **evaluate(model.wv)}


def train_peer(peer: str, text: str, mode: str, dim: int, alpha: float, seed: int, threads: int) -> dict[str, Any]:
    from lexigrad import KeyedVectors

    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "vectors.bin")
        if peer == peers.GENSIM:
            done = peers.gensim_train(text, output, mode, dim, threads, EPOCHS, alpha, seed)
        else:
            done = peers.program_train(peer, text, output, mode, dim, threads, EPOCHS, alpha)
        return {**done, **evaluate(KeyedVectors.load_word2vec_format(output, binary=True))}


def plan(who: Sequence[str], options: argparse.Namespace) -> list[Row]:
    """The runs that are wanted, without their scores."""
    runs = []
    for seed in options.seeds:
        for mode in options.only:
            for peer in [name for name in who if name == OURS or name in peers.available(mode)]:
                rates = CBOW_RATES if mode.startswith("cbow") and peer == OURS else [peers.default_alpha(peer, mode)]
                for alpha in rates:
                    for dim in options.dim:
                        for threads in options.threads if peer == OURS else [max(options.threads)]:
                            case = {
                                "peer": peer,
                                "mode": mode,
                                "dim": dim,
                                "alpha": alpha,
                                "threads": threads,
                            }
                            runs.append(case | {"seed": seed, "epochs": EPOCHS})
    return runs


def run_missing(runs: Iterable[Row], path: Path, launcher: str) -> None:
    """Make the runs that are not in the file, and add them to it."""
    text = str(corpus.wiki().path)
    there = [{name: row.get(name) for name in ("peer", "seed", "epochs", *Kind._fields)} for row in read(path)]
    for run in runs:
        if {name: run.get(name) for name in ("peer", "seed", "epochs", *Kind._fields)} in there:
            continue
        arguments = {name: run[name] for name in ("mode", "dim", "alpha", "seed", "threads")} | {"text": text}
        function = "train_ours"
        if run["peer"] != OURS:
            function, arguments["peer"] = "train_peer", run["peer"]
        done = harness.run_child(
            f"benchmarks.bench_quality:{function}", arguments, threads=run["threads"], launcher=launcher
        )
        row = run | {name: done[name] for name in ("seconds", *SCORES)}
        print(json.dumps(row), flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as out:
            out.write(json.dumps(row) + "\n")


def read(path: Path) -> list[Row]:
    """The runs in a file of JSON lines, none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


# Reports


def group(rows: Iterable[Row]) -> dict[Kind, list[Row]]:
    """Runs that differ in their seed alone, together."""
    groups: dict[Kind, list[Row]] = defaultdict(list)
    for row in rows:
        groups[Kind(row["mode"], row["dim"], row["alpha"], row["peer"], row["threads"])].append(row)
    order = {mode: i for i, mode in enumerate(peers.MODES)}
    return dict(sorted(groups.items(), key=lambda item: (order[item[0].mode], item[0][1:3], item[0].who != OURS)))


def deviation(rows: Sequence[Row], score: str) -> float:
    """Standard deviation of a score between seeds."""
    return stdev(row[score] for row in rows) if len(rows) > 2 else USUAL_SPREAD[score]


def shortfalls(ours: Sequence[Row], theirs: Sequence[Row]) -> list[str]:
    """The scores in which the mean of ours lies below the mean of theirs by more than twice the deviation."""
    found = []
    for score in SCORES:
        behind = mean(row[score] for row in theirs) - mean(row[score] for row in ours)
        if behind > 2 * max(deviation(ours, score), deviation(theirs, score)):
            found.append(f"{score} {-behind:+.1f}")
    return found


def speeds() -> dict[tuple[str, int, str, int], float]:
    """Thousand words a second by mode, dimension, trainer and threads, as bench_word2vec.py recorded them."""
    found = {}
    for row in harness.load("word2vec"):
        case = (row.case["mode"], row.case["dim"])
        if row.peer in (peers.GENSIM, *peers.PROGRAMS):
            found[(*case, row.peer, row.case["threads"])] = median(pair[1] for pair in row.rounds)
            found[(*case, OURS, row.case["threads"])] = median(pair[0] for pair in row.rounds)
    return found


def report(rows: Sequence[Row]) -> list[str]:
    """The table: a line for each kind of run, with its speed and how ours compares."""
    rates, groups = speeds(), group(rows)
    cells = [["mode", "dim", "rate", "trainer", "threads", "runs", *SCORES, "thousand words/s", "ours against it"]]
    for kind, runs in groups.items():
        scores = [_mean_and_deviation([row[score] for row in runs]) for score in SCORES]
        speed = rates.get((kind.mode, kind.dim, kind.who, kind.threads))
        settings = map(str, (*kind, len(runs)))
        cells.append([*settings, *scores, f"{speed:,.0f}" if speed else "", _verdict(kind, groups)])
    return harness.align(cells)


def _verdict(kind: Kind, groups: dict[Kind, list[Row]]) -> str:
    if kind.who == OURS:
        return ""
    rivals = [runs for other, runs in groups.items() if other[:3] == kind[:3] and other.who == OURS]
    if not rivals:
        return ""
    missing = shortfalls([row for runs in rivals for row in runs], groups[kind])
    return "short: " + ", ".join(missing) if missing else "PASS"


def _mean_and_deviation(values: Sequence[float]) -> str:
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def draw(rows: Sequence[Row], path: Path, threads: int) -> None:
    """Speed (logarithmic) against analogies solved: a point for each kind of run whose speed is known."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rates = speeds()
    colours = dict(zip([OURS, peers.GENSIM, *peers.PROGRAMS], ("C3", "C0", "C2", "C1"), strict=True))
    shapes = dict(zip(peers.MODES, "os^vDP", strict=True))
    figure, axes = plt.subplots(figsize=(8, 5.5))
    unknown = []
    for kind, runs in group(rows).items():
        speed = rates.get((kind.mode, kind.dim, kind.who, threads))
        if kind.threads != threads:
            continue
        if speed is None:
            unknown.append(kind)
            continue
        values = [row["analogies"] for row in runs]
        axes.errorbar(
            speed * 1e3,
            mean(values),
            yerr=stdev(values) if len(values) > 1 else None,
            color=colours.get(kind.who, "grey"),
            marker=shapes[kind.mode],
            markersize=9 if kind.dim <= 100 else 13,
            markerfacecolor=None if kind.alpha == peers.default_alpha(kind.who, kind.mode) else "white",
            linestyle="none",
        )
    for kind in unknown:
        print("not in the picture, its speed is unknown:", *kind)
    legend: list[tuple[str, dict[str, Any]]] = [
        *((who, {"color": colour, "marker": "o"}) for who, colour in colours.items()),
        *((mode, {"color": "black", "marker": shape}) for mode, shape in shapes.items()),
        ("larger: dim 300", {"color": "black", "marker": "."}),
        (
            "white: a rate other than the default",
            {"color": "black", "marker": "o", "markerfacecolor": "white"},
        ),
    ]
    for label, style in legend:
        axes.plot([], [], linestyle="none", label=label, **style)
    axes.set_xscale("log")
    axes.set_xlabel(f"words a second, {threads} thread{'s' if threads > 1 else ''}")
    axes.set_ylabel("Google analogies solved, %")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=150, bbox_inches="tight")
    plt.close(figure)


def main(argv: list[str]) -> None:
    parser = harness.parser("quality", "Quality and speed side by side.")
    parser.add_argument(
        "--only", nargs="+", choices=peers.MODES, default=list(peers.MODES), metavar="MODE", help="modes"
    )
    parser.add_argument("--dim", type=int, nargs="+", default=[100], help="dimensions (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="(%(default)s)")
    parser.add_argument("--run-peers", action="store_true", help="train the peers, too")
    parser.add_argument("--peer-results", type=Path, metavar="FILE", help="JSON lines with the scores of peers")
    parser.add_argument("--report", action="store_true", help="train nothing, only report")
    options = parser.parse_args(argv)
    path = RESULTS / "quality.jsonl"
    if not options.report:
        who = [OURS, *(peers.PROGRAMS | {peers.GENSIM: None} if options.run_peers else ())]
        run_missing(plan(who, options), path, options.launcher)
    rows = [*read(path), *(read(options.peer_results) if options.peer_results else [])]
    rows = [row for row in rows if row["mode"] in peers.MODES]
    lines = report(rows)
    print("\n".join(lines))
    RESULTS.mkdir(parents=True, exist_ok=True)
    facts = ", ".join(f"{key} {value}" for key, value in harness.machine().items())
    (RESULTS / "quality.md").write_text("\n".join(["# python -m benchmarks quality", "", facts, "", *lines]) + "\n")
    draw(rows, RESULTS / "quality.png", max(options.threads))
