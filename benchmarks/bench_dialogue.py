"""Quality of the dialogue model: what the assistants of the Schema-Guided Dialogue set say, beside n-grams.

Perplexities are of the same units (byte pairs) of the same replies in held-out dialogues. N-grams, interpolated as
Witten and Bell 1991 do, see the reply so far; the model also sees the turns before. Then the model talks with the user
of a held-out dialogue.
"""

import argparse
import lzma
import time
from itertools import groupby
from typing import TYPE_CHECKING

from benchmarks.corpus import DATA

if TYPE_CHECKING:
    from lexigrad.models import Dialogue

Dialogues = list[list[str]]


def read() -> dict[str, Dialogues]:
    """The turns of each dialogue, of each split."""
    splits: dict[str, Dialogues] = {}
    with lzma.open(DATA / "text" / "sgd-dialogues.tsv.xz", "rt", encoding="utf-8") as file:
        next(file)
        rows = (line.rstrip("\n").split("\t") for line in file)
        for (split, _), turns in groupby(rows, key=lambda row: row[:2]):
            splits.setdefault(split, []).append([turn[4] for turn in turns])
    return splits


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks dialogue", description=__doc__)
    parser.add_argument("--hidden", type=int, default=256, metavar="N", help="(%(default)s)")
    parser.add_argument("--embedding", type=int, default=128, metavar="N", help="(%(default)s)")
    parser.add_argument("--vocabulary", type=int, default=3000, metavar="N", help="(%(default)s)")
    parser.add_argument("--turns", type=int, default=3, metavar="N", help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("--dropout", type=float, default=0.1, metavar="P", help="(%(default)s)")
    parser.add_argument("--dialogues", type=int, metavar="N", help="to train on (all)")
    parser.add_argument("--orders", type=int, nargs="*", default=[2, 3, 4, 5], metavar="N", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="(%(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", help="where the model goes")
    given = parser.parse_args(argv)
    import lexigrad
    from lexigrad.models import Dialogue, exchanges

    lexigrad.set_num_threads(given.threads)
    splits = read()
    splits["train"], splits["dev"] = splits["train"][: given.dialogues], splits["dev"][:200]
    learnt, judged, test = (exchanges(splits[name], "second") for name in ("train", "dev", "test"))
    model = Dialogue(
        hidden_size=given.hidden,
        embedding_size=given.embedding,
        vocabulary_size=given.vocabulary,
        turns=given.turns,
        dropout=given.dropout,
        tied=False,
        seed=given.seed,
    )
    began, cpu = time.perf_counter(), time.process_time()
    with lexigrad.progress.bar() as hook:
        model.fit(*learnt, judged, epochs=given.epochs, batch_size=32, schedule="linear", lr=2e-3, progress=hook)
    print(f"{model!r}: {time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} s of CPU")
    print("dev loss by epoch " + " ".join(f"{loss:.4f}" for loss in model.history.validations["loss"]))
    if given.output:
        model.save(given.output)
    print(f"test: perplexity {model.evaluate(*test).perplexity:.3f}", flush=True)
    _ngrams(model, learnt[1], test[1], given.orders)
    _converse(model, splits["test"][0], given.seed)


def _ngrams(model: "Dialogue", learnt: list[str], test: list[str], orders: list[int]) -> None:
    from lexigrad.models import NGram

    assert model.pieces is not None
    names = model.pieces.names
    train, held_out = ([[names[i] for i in ids] for ids in model.pieces.encode(texts)] for texts in (learnt, test))
    for order in orders:
        ngram = NGram(order).fit(train, names)
        print(f"test: perplexity of {order}-grams {ngram.perplexity(held_out):.3f}", flush=True)


def _converse(model: "Dialogue", turns: list[str], seed: int) -> None:
    """What the model replies to a user, by search and by samples; it reads its own replies before the next."""
    from lexigrad.models import Sampler

    for title, sampler in (("beam of 5", None), ("temperature 0.7", Sampler(0.7, seed=seed))):
        print(f"\n{title}")
        said: list[str] = []
        for turn in turns[::2]:
            said.append(turn)
            said.append(model.reply(said, sampler=sampler))
            print(f"  user:  {turn}\n  model: {said[-1]}", flush=True)
