"""How well the language models predict: characters of Tiny Shakespeare, words of the Penn Treebank.

Tiny Shakespeare: an LSTM of 2 x 512 on sequences of 50, the last 10% held out; nats per character on them, all read as
one text, at most 1.40. The Treebank: Zaremba's small model, his 13 epochs; perplexity on the test part, at most 115
(his own: 114.5). Results go to benchmarks/results/language_quality.jsonl, a curve with each, and checkpoints beside
it: an interrupted run goes on when it is started again.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import corpus, harness
from benchmarks.harness import RESULTS

TARGETS = {"tinyshakespeare": 1.40, "ptb": 115.0}
TEXTS = corpus.DATA / "text"
# 50 streams see the text in 400 updates an epoch; with 32 there are more, and fewer epochs do.
SHAKESPEARE: Mapping[str, Any] = {"batch_size": 32, "lr": 2e-3, "schedule": "cosine", "warmup": 100}


def train(task: str, epochs: int | None, dropout: float, seed: int, threads: int, state: Path) -> dict[str, Any]:
    """Train a model, or go on with it, and judge it.

    Returns:
        the figure, the curve of the validations and the seconds.
    """
    import lexigrad
    from lexigrad.models import PRESETS, LanguageModel
    from lexigrad.progress import bar
    from lexigrad.text.units import read_text

    lexigrad.set_num_threads(threads)
    began = time.perf_counter()
    if task == "tinyshakespeare":
        text = read_text(TEXTS / "tinyshakespeare.txt.xz")
        end = round(len(text) * 0.9)
        learnt, validation, test = text[:end], text[end:], text[end:]
        model = LanguageModel(hidden_size=512, num_layers=2, dropout=dropout, sequence_length=50, seed=seed)
        options = {**SHAKESPEARE, "epochs": epochs or 12}
    else:
        learnt, validation, test = (read_text(TEXTS / f"ptb.{part}.txt.xz") for part in ("train", "valid", "test"))
        settings, preset = PRESETS["zaremba-small"]
        model = LanguageModel(**settings, seed=seed)
        options = {**preset, "epochs": epochs or preset["epochs"]}
    with bar() as hook:
        run: Any = {"progress": hook, "checkpoint": state, "checkpoint_seconds": 120}
        if state.exists():
            model = LanguageModel.load(state)
            if model.training_unfinished:
                model.resume(learnt, validation, **run)
        else:
            model.fit(learnt, validation, **run, **options)
    found = model.evaluate(test)
    return {
        "figure": found.loss if task == "tinyshakespeare" else found.perplexity,
        "validations": model.history.validations["loss"],
        "losses": model.history.losses,
        "seconds": time.perf_counter() - began,
    }


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks language_quality", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("tasks", nargs="*", choices=[*TARGETS, []], default=list(TARGETS), help="(both)")
    parser.add_argument("--epochs", type=int, metavar="N", help="(12 and 13)")
    parser.add_argument("--dropout", type=float, default=0.5, metavar="P", help="for Tiny Shakespeare (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    options = parser.parse_args(argv)
    RESULTS.mkdir(parents=True, exist_ok=True)
    for task in options.tasks:
        case = {"task": task, "epochs": options.epochs, "dropout": options.dropout, "seed": options.seed}
        state = RESULTS / f"{task}-{options.epochs}-{options.dropout}-{options.seed}.checkpoint"
        done = train(**case, threads=options.threads, state=state)
        with (RESULTS / "language_quality.jsonl").open("a") as out:
            out.write(json.dumps({**case, "threads": options.threads, **done, "machine": harness.machine()}) + "\n")
        verdict = "PASS" if done["figure"] <= TARGETS[task] else "short"
        print(
            f"{task}: {done['figure']:.4f} (at most {TARGETS[task]}): {verdict}, {done['seconds']:,.0f} s", flush=True
        )
