"""A waiter that learns from dialogues what to ask next, and to repeat what was said turns ago.

python examples/dialogue.py [--quick]
"""

import argparse
import random

from lexigrad.models import Dialogue, exchanges

DISHES = ("soup", "fish", "rice", "noodles", "salad", "pie")
DRINKS = ("tea", "water", "juice", "coffee", "milk")
GREETINGS = ("hello", "good evening", "hi there")
WISHES = ("i would like the {} please", "the {} please", "one {} for me", "i will have {}")


def dialogues(size: int, seed: int) -> list[list[str]]:
    """The guest begins, and has the odd turns."""
    rng = random.Random(seed)
    found = []
    for _ in range(size):
        dish, drink = rng.choice(DISHES), rng.choice(DRINKS)
        turns = [rng.choice(GREETINGS), "hello, what would you like to eat?"]
        turns += [rng.choice(WISHES).format(dish), f"certainly, {dish}. and to drink?"]
        turns += [rng.choice(WISHES).format(drink), f"so that is {dish} and {drink}."]
        found.append(turns)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little data, one epoch: only that it runs")
    args = parser.parse_args()

    model = Dialogue(hidden_size=64, unit="word", min_count=1, dropout=0.0)
    train = exchanges(dialogues(50 if args.quick else 1500, seed=1), "second")
    model.fit(*train, epochs=1 if args.quick else 10, batch_size=32, lr=1e-2, schedule="cosine")

    sources, replies = exchanges(dialogues(5 if args.quick else 200, seed=2), "second")
    right = sum(model.reply(source, beam_size=3) == reply for source, reply in zip(sources, replies, strict=True))
    print(f"{len(train[0]):,} replies learnt; {right} of {len(replies)} others as the waiter's")
    said: list[str] = []
    for turn in ("hi there", "i will have pie", "one milk for me"):
        said.append(turn)
        said.append(model.reply(said, beam_size=3))
        print(f"  guest:  {said[-2]}\n  waiter: {said[-1]}")


if __name__ == "__main__":
    main()
