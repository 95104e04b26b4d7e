"""The adding problem (Hochreiter and Schmidhuber 1997): which recurrent layers carry two numbers over T steps?

Each step of a sequence brings a number, uniform in [0, 1], and a mark. Two marks are set, one in either half; the
answer is the sum of the two marked numbers (in this form: Le, Jaitly and Hinton 2015). Who always answers 1 has a mean
squared error of 0.167. A layer has learnt it when the error on 2,000 other sequences is below 0.01; its training ends
there, or after the greatest number of updates. The layers begin as ``diagnostics.layers_for_long_sequences`` says; Adam
on batches of 50, gradients clipped to norm 1.

Results go to benchmarks/results/adding_problem.jsonl, an object for each run, and to a table beside it.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import harness
from benchmarks.harness import RESULTS

LEARNT = 0.01
BATCH, TESTED, EVERY = 50, 2000, 100  # sequences of an update, for the error, and updates between its measurements


class Setting(NamedTuple):
    """How a layer is trained on sequences of T steps."""

    lr: Callable[[int], float]
    warm_up: int  # updates over which the rate rises
    updates: int  # at most


SETTINGS = {
    "tanh RNN": Setting(lambda T: 1e-3, 0, 10_000),
    # An update of W_hh acts T times in a row: larger steps make this layer explode.
    "identity-ReLU RNN": Setting(lambda T: 0.03 / T, 500, 10_000),
    "GRU": Setting(lambda T: 1e-2, 0, 3000),
    "LSTM": Setting(lambda T: 1e-2, 0, 3000),
}
Sequences = tuple[NDArray[np.float32], NDArray[np.float32]]


def sequences(rng: np.random.Generator, steps: int, batch: int) -> Sequences:
    """Numbers and marks (T, B, 2), and the sums (B, 1)."""
    numbers, marks = rng.random((steps, batch), np.float32), np.zeros((steps, batch), np.float32)
    first, second, every = rng.integers(0, steps // 2, batch), rng.integers(steps // 2, steps, batch), np.arange(batch)
    marks[first, every] = marks[second, every] = 1
    return np.stack([numbers, marks], axis=-1), (numbers[first, every] + numbers[second, every])[:, None]


def train(layer: str, steps: int, seed: int, hidden: int, updates: int) -> dict[str, Any]:
    """Train a layer on sequences of so many steps until it has learnt the problem, at most for so many updates.

    Returns:
        the errors, one every 100 updates, how many updates there were, and the seconds.
    """
    from lexigrad import Tensor, nn, no_grad, optim
    from lexigrad.diagnostics import layers_for_long_sequences

    rng = np.random.default_rng(seed)
    recurrent = layers_for_long_sequences(2, hidden, steps, rng=rng)[layer]
    output = nn.Linear(hidden, 1, rng=rng)
    setting = SETTINGS[layer]
    optimizer = optim.Adam([*recurrent.parameters(), *output.parameters()], lr=setting.lr(steps))
    warm_up = optim.LambdaLR(optimizer, lambda update: min(1.0, (update + 1) / max(setting.warm_up, 1)))
    other = sequences(np.random.default_rng([seed, 1]), steps, TESTED)

    def error(batch: Sequences) -> Tensor:
        x, sums = batch
        y, _ = recurrent(x)
        return nn.functional.mse_loss(output(y[-1]), sums)

    errors: list[float] = []
    began = time.perf_counter()
    update = 0
    while update < updates and not (errors and errors[-1] < LEARNT):
        for _ in range(min(EVERY, updates - update)):
            error(sequences(rng, steps, BATCH)).backward()
            optimizer.step(max_norm=1.0)
            optimizer.zero_grad()
            warm_up.step()
            update += 1
        with no_grad():
            errors.append(error(other).item())
        if not math.isfinite(errors[-1]):
            break
    return {"updates": update, "errors": errors, "seconds": time.perf_counter() - began}


def report(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each layer and length: the seeds, and when and how well each learnt."""
    cells = [["layer", "T", "seed", "learnt after", "mean squared error", "seconds"]]
    for row in sorted(rows, key=lambda row: (row["steps"], list(SETTINGS).index(row["layer"]), row["seed"])):
        last = row["errors"][-1]
        learnt = f"{row['updates']:,} updates" if last < LEARNT else f"not in {row['updates']:,} updates"
        cells.append([row["layer"], *(str(row[name]) for name in ("steps", "seed")), learnt, f"{last:.4f}"])
        cells[-1].append(f"{row['seconds']:.0f}")
    return harness.align(cells)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks adding_problem", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--lengths", type=int, nargs="+", default=[100, 300], metavar="T", help="(%(default)s)")
    parser.add_argument("--layers", nargs="+", choices=SETTINGS, default=list(SETTINGS), metavar="LAYER", help="(all)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="(%(default)s)")
    parser.add_argument("--hidden", type=int, default=64, metavar="N", help="units (%(default)s)")
    parser.add_argument("--updates", type=int, metavar="N", help="at most (10000 without gates, 3000 with)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    options = parser.parse_args(argv)
    path, rows = RESULTS / "adding_problem.jsonl", []
    path.parent.mkdir(parents=True, exist_ok=True)
    for steps in options.lengths:
        for seed in options.seeds:
            for layer in options.layers:
                case = {"layer": layer, "steps": steps, "seed": seed, "hidden": options.hidden}
                limit = {"updates": options.updates or SETTINGS[layer].updates}
                done = harness.run_child("benchmarks.bench_adding_problem:train", case | limit, threads=options.threads)
                rows.append(case | {name: done[name] for name in ("updates", "errors", "seconds")})
                print(report(rows[-1:])[-1], flush=True)
                with path.open("a") as out:
                    out.write(json.dumps(rows[-1]) + "\n")
    lines = report(rows)
    facts = ", ".join(f"{key} {value}" for key, value in harness.machine().items())
    (RESULTS / "adding_problem.md").write_text(
        "\n".join(["# python -m benchmarks adding_problem", "", facts, "", *lines]) + "\n"
    )
    print("\n".join(lines))
