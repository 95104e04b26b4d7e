"""What the benchmarks of single operations share: ours and PyTorch's in processes of their own, agreement first.

A benchmark has a function ``prepare(library, **case)`` that returns a call to time and one that gives what must
agree, as a dict of floats.
"""

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks import harness
from benchmarks.harness import OURS

TORCH, ONNX = "PyTorch", "ONNX Runtime"

Call = Callable[[], object]
Prepared = tuple[Call, Callable[[], dict[str, float]]]


def measure(module: str, library: str, case: dict[str, Any], threads: int, seconds: float) -> dict[str, Any]:
    """Median seconds of the call over so long a time, and what must agree."""
    if library == OURS:
        import lexigrad

        lexigrad.set_num_threads(threads)
    elif library != ONNX:
        import torch

        torch.set_num_threads(threads)
    call, result = importlib.import_module(module).prepare(library, **case)
    agreed = result()
    call()
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < 3 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return {"milliseconds": 1e3 * median(taken), "agreed": agreed}


def run(
    name: str,
    description: str,
    cases: Sequence[Mapping[str, Any]],
    targets: Callable[[Mapping[str, Any]], Mapping[str, float]],
    argv: Sequence[str],
    peers: Callable[[Mapping[str, Any]], Sequence[str]] = lambda case: (TORCH,),
    tolerance: float = 1e-4,
) -> None:
    """Compare all cases, or those that are chosen, at all thread counts, and record the results one by one.

    Raises:
        ValueError: the libraries do not agree.
    """
    options = harness.parser(name, description, rounds=5)
    options.add_argument("--seconds", type=float, default=0.5, metavar="S", help="of each measurement (%(default)s)")
    options.add_argument("--only", nargs="+", default=[], metavar="K=V", help="the cases that have these settings")
    given = options.parse_args(argv)
    for case in chosen(cases, given.only):
        for threads in given.threads:
            seen: dict[str, dict[str, float]] = {}

            def timed(library: str, case: Mapping[str, Any] = case, threads: int = threads) -> float:
                arguments = {"module": f"benchmarks.bench_{name}", "library": library, "case": dict(case)}
                arguments |= {"threads": threads, "seconds": given.seconds}
                done = harness.run_child(
                    "benchmarks.operations:measure", arguments, threads=threads, launcher=given.launcher
                )
                seen[library] = done["agreed"]  # noqa: B023
                return float(done["milliseconds"])

            contenders = {library: (lambda library=library: timed(library)) for library in (OURS, *peers(case))}
            measured = harness.alternate(given.rounds, contenders)
            for peer in peers(case):
                agree(seen[OURS], seen[peer], tolerance)
            settings = {**case, "threads": threads}
            rows = harness.compare(measured, settings, "ms", more_is_better=False, targets=targets(settings))
            harness.record(name, rows)


def chosen(cases: Sequence[Mapping[str, Any]], only: Sequence[str]) -> list[Mapping[str, Any]]:
    """The cases that have all settings "name=value", in one of its values where a name is repeated.

    Raises:
        ValueError: there are none.
    """
    wanted: dict[str, list[str]] = {}
    for setting in only:
        name, _, value = setting.partition("=")
        wanted.setdefault(name, []).append(value)
    found = [case for case in cases if all(str(case.get(name)) in values for name, values in wanted.items())]
    if not found:
        raise ValueError(f"no case has the settings {' '.join(only)}")
    return found


def agree(ours: Mapping[str, float], theirs: Mapping[str, float], tolerance: float) -> None:
    """Raise ValueError unless all figures agree to the relative tolerance."""
    for name, value in ours.items():
        if not abs(value - theirs[name]) <= tolerance * max(abs(value), abs(theirs[name])):
            raise ValueError(f"{name} is {value}, but {theirs[name]} with the peer: nothing was compared")
