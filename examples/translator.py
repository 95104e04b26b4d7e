"""Translate dates as people write them into ISO 8601, and look at what the translator attended to.

python examples/translator.py [--quick] [--figure FILE]
"""

import argparse
import datetime
import random
from pathlib import Path

from lexigrad.models import Translator

FORMS = ("{d:%A}, {d.day} {d:%B} {d.year}", "{d:%b} {d.day}, {d.year}", "{d.day}. {d.month}. {d.year}", "{d:%d %B %Y}")


def spaced(text: str) -> str:
    """Each digit is a unit of its own, letters stay together."""
    return " ".join("".join(f" {c} " if c.isdigit() or c in ".,-" else c for c in text).split())


def pairs(size: int, seed: int) -> tuple[list[str], list[str]]:
    """Dates in one of the forms, and the same in ISO 8601."""
    rng = random.Random(seed)
    dates = [datetime.date(1900, 1, 1) + datetime.timedelta(rng.randrange(73_000)) for _ in range(size)]
    return [spaced(rng.choice(FORMS).format(d=d)) for d in dates], [spaced(d.isoformat()) for d in dates]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little data, one epoch: only that it runs")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the attention (matplotlib)")
    args = parser.parse_args()

    train, test = pairs(200 if args.quick else 4000, seed=1), pairs(10 if args.quick else 500, seed=2)
    model = Translator(hidden_size=64, unit="word", min_count=1, dropout=0.1, label_smoothing=0.0)
    model.fit(*train, epochs=1 if args.quick else 12, batch_size=32, lr=5e-3, schedule="cosine")
    found = model.translate(test[0])
    right = sum(a == b for a, b in zip(test[1], found, strict=True))
    print(f"{len(train[0]):,} dates learnt; {right} of {len(found)} others right")
    for source, translation in list(zip(test[0], found, strict=True))[:5]:
        print(f"  {source:<40} {translation}")
    if args.figure:
        from lexigrad.plot import plot_attention

        plot_attention(model.align(spaced("Saturday, 28 November 2026")), args.figure)


if __name__ == "__main__":
    main()
