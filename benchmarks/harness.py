"""What every benchmark shares: alternating rounds in processes of their own, statistics, tables, results."""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
RESULTS = PROJECT / "benchmarks" / "results"
OURS = "lexigrad"

_BLAS_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # would choose another CPU's kernels
_THREAD_SETTINGS = ("LEXIGRAD_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PACKAGES = ("lexigrad", "numpy", "gensim", "scipy", "torch", "onnxruntime")


# Statistics


class Spread(NamedTuple):
    """Median, least and greatest of some measurements."""

    middle: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Summarise measurements.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("there are no measurements to summarise")
    return Spread(median(values), min(values), max(values))


@dataclass
class Comparison:
    """Ours against one peer on one task, measured in the same rounds."""

    case: dict[str, Any]  # what was measured: the name and value of each setting
    unit: str
    peer: str
    rounds: list[tuple[float, float]]  # ours and the peer's in each round
    more_is_better: bool = True
    target: float | None = None  # the least ratio that is good enough
    made: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M"))

    @property
    def ratio(self) -> Spread:
        """How many times better ours is, round by round."""
        better = [ours / peer if self.more_is_better else peer / ours for ours, peer in self.rounds]
        return spread(better)

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        return "PASS" if self.ratio.middle >= self.target else "short"

    @property
    def key(self) -> tuple[Any, ...]:
        return (*self.case.items(), self.peer)


def compare(
    measured: Mapping[str, Sequence[float]],
    case: Mapping[str, Any],
    unit: str,
    *,
    more_is_better: bool = True,
    targets: Mapping[str, float] | None = None,
) -> list[Comparison]:
    """Comparisons of the first contender, ours, with each other one, from what :func:`alternate` returns."""
    (_, ours), *others = measured.items()
    return [
        Comparison(
            dict(case),
            unit,
            peer,
            list(zip(ours, theirs, strict=True)),
            more_is_better,
            (targets or {}).get(peer),
        )
        for peer, theirs in others
    ]


# Running


def alternate(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Measure each contender once a round, every other round in reverse, so that drift hits all alike."""
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        names = list(contenders)
        for name in names if number % 2 == 0 else names[::-1]:
            measured[name].append(contenders[name]())
            print(f"  round {number + 1}, {name}: {_number(measured[name][-1])}", file=sys.stderr, flush=True)
    return measured


def environment(threads: int) -> dict[str, str]:
    """The environment of a timed process: so many threads, and no setting that slows a library down."""
    kept = {name: value for name, value in os.environ.items() if name not in _BLAS_OVERRIDES}
    source = str(PROJECT / "python")
    if any((PROJECT / "python" / "lexigrad").glob("_core*.so")):  # built in place
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [source, kept.get("PYTHONPATH", "")]))
    return kept | dict.fromkeys(_THREAD_SETTINGS, str(threads))


def run_child(function: str, arguments: Mapping[str, Any], *, threads: int, launcher: str = "") -> dict[str, Any]:
    """Call "module:function" in a fresh process; returns its dict, with ``peak_bytes`` added.

    Args:
        launcher: a command to put in front, such as "taskset -c 0,1".

    Raises:
        RuntimeError: the process failed.
    """
    command = [sys.executable, "-m", "benchmarks.child", function, json.dumps(dict(arguments))]
    done = subprocess.run(
        shlex.split(launcher) + command,
        env=environment(threads),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"{function} with {dict(arguments)} failed with exit code {done.returncode}")
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def parser(name: str, description: str, *, rounds: int = 3) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have."""
    options = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=description)
    options.add_argument("--rounds", type=int, default=rounds, metavar="N", help="rounds to alternate in (%(default)s)")
    options.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], metavar="N", help="thread counts (%(default)s)"
    )
    options.add_argument(
        "--launcher",
        default="",
        metavar="COMMAND",
        help="put in front of each timed process, e.g. 'taskset -c 0,1'",
    )
    return options


# Reporting


def machine() -> dict[str, str]:
    """What the figures depend on: CPU, cores, versions."""
    facts = {"cpu": _cpu(), "cores": str(os.cpu_count()), "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            facts[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            facts[package] = _source_version() if package == OURS else "absent"
    return facts


def _source_version() -> str:
    import lexigrad

    return f"{lexigrad.__version__} (built in place)"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    return f"{fields['model name']} (family {fields['cpu family']}, model {fields['model']})"


def load(name: str) -> list[Comparison]:
    """The comparisons that are in a result file, none if there is no file."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return []
    rows = json.loads(path.read_text())["comparisons"]
    return [Comparison(**{**row, "rounds": [tuple(pair) for pair in row["rounds"]]}) for row in rows]


def record(name: str, comparisons: Iterable[Comparison]) -> None:
    """Print comparisons, add them to results/NAME.json in place of older ones of the same case, and write the
    report."""
    new = {row.key: row for row in comparisons}
    for line in table(new.values()):
        print(line, flush=True)
    rows = {row.key: row for row in load(name)} | new
    RESULTS.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "comparisons": [asdict(row) for row in rows.values()]}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(markdown(name, list(rows.values())))


def markdown(name: str, rows: Sequence[Comparison]) -> str:
    """The report of a benchmark: what it ran on and a table for each kind of case."""
    facts = ", ".join(f"{key} {value}" for key, value in machine().items())
    legend = "Medians (least - greatest); ratio: ours to the peer's, round by round, above 1 where ours is better."
    lines = [f"# python -m benchmarks {name}", "", facts, "", legend]
    for columns in dict.fromkeys((tuple(row.case), row.unit) for row in rows):
        lines += ["", *table(row for row in rows if (tuple(row.case), row.unit) == columns)]
    return "\n".join(lines) + "\n"


def table(rows: Iterable[Comparison]) -> list[str]:
    """A Markdown table, its columns aligned."""
    rows = list(rows)
    if not rows:
        return []
    settings = list(dict.fromkeys(name for row in rows for name in row.case))
    cells = [[*settings, "peer", "unit", OURS, "peer's", "ratio", "target", ""]]
    for row in rows:
        ours, peers = (spread([pair[i] for pair in row.rounds]) for i in (0, 1))
        cells.append(
            [str(row.case.get(name, "")) for name in settings]
            + [row.peer, row.unit, _range(ours), _range(peers), _range(row.ratio)]
            + ["" if row.target is None else f"{row.target:g}", row.verdict]
        )
    return align(cells)


def align(cells: list[list[str]]) -> list[str]:
    """Rows of text as a Markdown table; the first row is its head."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _range(values: Spread) -> str:
    if values.low == values.high:
        return _number(values.middle)
    return f"{_number(values.middle)} ({_number(values.low)} - {_number(values.high)})"


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 1 else f"{value:.3g}"
