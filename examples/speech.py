"""Hear the digits that a telephone dials: two tones each, of any length, in noise.

Nobody says where a digit begins: the recogniser learns that from the strings alone (CTC).

    python examples/speech.py [--quick] [--figure FILE]
"""

import argparse
from pathlib import Path

import numpy as np

from lexigrad.models import SpeechRecognizer

RATE = 8000
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477)
KEYS = "123456789*0#"


def dial(digits: str, rng: np.random.Generator) -> np.ndarray:
    """The sound of digits, each 0.05 to 0.15 s long, with pauses, in noise half as loud."""
    parts = [np.zeros(rng.integers(200, 1000))]
    for digit in digits:
        time = np.arange(rng.integers(400, 1200)) / RATE
        tones = (LOW[KEYS.index(digit) // 3], HIGH[KEYS.index(digit) % 3])
        parts.append(sum(np.sin(2 * np.pi * (tone * time + rng.random())) for tone in tones))
        parts.append(np.zeros(rng.integers(300, 1000)))
    sound = np.concatenate(parts)
    return 0.1 * (sound + rng.normal(0, 0.5, len(sound)))


def data(size: int, seed: int) -> tuple[list[np.ndarray], list[str]]:
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list(KEYS), rng.integers(1, 8))) for _ in range(size)]
    return [dial(text, rng) for text in texts], texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little data, one epoch: only that it runs")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the curves of the training (matplotlib)")
    args = parser.parse_args()

    train, test = data(100 if args.quick else 1000, seed=1), data(10 if args.quick else 200, seed=2)
    model = SpeechRecognizer("char", hidden_size=48, num_layers=1, sample_rate=RATE, dropout=0.1)
    model.fit(*train, epochs=1 if args.quick else 8, lr=5e-3, schedule="cosine")
    rates = model.evaluate(*test)
    print(f"{len(train[0]):,} calls learnt; of {len(test[0])} others {100 * rates.characters:.2f} % of the keys wrong")
    rng = np.random.default_rng(3)
    for number in ("112", "#31*", "5550123"):
        print(f"  {number:<10} heard as {model.predict([dial(number, rng)])[0]}")
    if args.figure:
        from lexigrad.plot import plot_history

        plot_history(model.history, args.figure)


if __name__ == "__main__":
    main()
