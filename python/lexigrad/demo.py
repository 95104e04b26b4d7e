"""The demonstration: word vectors and a character model from the English that every Python installation carries."""

import math
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lexigrad import __version__, _core
from lexigrad.progress import Hook
from lexigrad.text import builtin

if TYPE_CHECKING:
    from lexigrad.embed.keyedvectors import KeyedVectors
    from lexigrad.models import LanguageModel

WORDS = ("file", "directory", "thread", "socket", "exception", "window", "month", "first", "read", "true")
ANALOGIES = (
    ("width", "height", "x"),
    ("left", "right", "up"),
    ("first", "last", "start"),
    ("input", "output", "stdin"),
    ("encoder", "decoder", "encode"),
    ("return", "returns", "raise"),
)
ODD_ONES = (
    ("client", "server", "socket", "dictionary"),
    ("list", "tuple", "dict", "button"),
    ("integer", "float", "decimal", "thread"),
)

_EPOCHS = 15
_COMMON = 2000  # neighbours are looked for among so many frequent words: rare ones have poor vectors
_LEAST_WORDS = 20_000
_CHARACTERS = 500_000  # that the character model reads, once
_PRIME = "The "


def run(progress: Hook | None = None, workers: int | None = None, seed: int = 1) -> "KeyedVectors":
    """Train word vectors on the built-in corpus and print what they know.

    Args:
        progress: Called with a ``Progress`` now and then while it trains.
        workers: Threads; by default all.
        seed: Of the training (default 1).

    Returns:
        The vectors.

    Raises:
        RuntimeError: this Python carries too little documentation to learn from.
    """
    from lexigrad.embed.word2vec import Word2Vec

    workers = workers or _core.num_threads()
    print(f"lexigrad {__version__}: {_core.isa} kernels, {_plural(workers, 'thread')}\n")

    start = time.perf_counter()
    sentences = builtin.sentences()
    words = sum(map(len, sentences))
    if words < _LEAST_WORDS:
        raise RuntimeError(f"this Python carries only {words:,} words of documentation: too few to learn from")
    print(
        f"read      {words:,} words in {len(sentences):,} sentences of this Python's own documentation "
        f"({time.perf_counter() - start:.1f} s)"
    )

    start = time.perf_counter()
    model = Word2Vec(
        sentences,
        vector_size=100,
        window=5,
        min_count=5,
        sg=1,
        negative=5,
        sample=1e-3,
        alpha=0.05,
        epochs=_EPOCHS,
        workers=workers,
        seed=seed,
        progress=progress,
    )
    seconds = time.perf_counter() - start
    vectors: KeyedVectors = model.wv
    print(
        f"trained   skip-gram vectors of {vectors.vector_size} dimensions for {len(vectors):,} words, "
        f"{_EPOCHS} epochs: {seconds:.1f} s, {_EPOCHS * words / seconds:,.0f} words/s"
    )
    _print_neighbours(vectors)
    _print_analogies(vectors)
    _print_odd_ones(vectors)
    return vectors


def write(progress: Hook | None = None, workers: int | None = None, seed: int = 1) -> "LanguageModel":
    """Train a character model on the built-in corpus and print what it writes; arguments as of :func:`run`."""
    from lexigrad.models import Evaluation, LanguageModel

    _core.set_num_threads(workers or _core.num_threads())
    text = builtin.text(_CHARACTERS)
    model = LanguageModel(cell="gru", hidden_size=128, seed=seed)
    start = time.perf_counter()
    model.fit(text, batch_size=32, epochs=1, lr=5e-3, schedule="linear", progress=progress)
    seconds = time.perf_counter() - start
    loss = Evaluation(model.history.losses[-1], 1)
    print(
        f"\ntrained   a character model (GRU of {model.hidden_size} units) on {len(text):,} characters: "
        f"{seconds:.1f} s, {len(text) / seconds:,.0f} characters/s, {loss.bits:.2f} bits per character"
    )
    print(f"\nwhat it writes\n{'-' * 14}\n{_PRIME}{model.sample(400, _PRIME, temperature=0.7, seed=seed)}")
    return model


def _print_neighbours(vectors: "KeyedVectors") -> None:
    rows = []
    for word in _known(vectors, WORDS):
        nearest = vectors.most_similar(word, topn=5, restrict_vocab=_COMMON)
        rows.append([word, *(f"{other} {_two_digits(similarity)}" for other, similarity in nearest)])
    _print_table("nearest neighbours, with their cosine similarity", rows)


def _print_analogies(vectors: "KeyedVectors") -> None:
    rows = []
    for a, b, c in ANALOGIES:
        if len(_known(vectors, (a, b, c))) == 3:
            nearest = vectors.most_similar([b, c], [a], topn=3, restrict_vocab=_COMMON)
            rows.append([f"{a} : {b} = {c} : ?", ", ".join(word for word, _ in nearest)])
    _print_table("analogies, with the three best answers", rows)


def _print_odd_ones(vectors: "KeyedVectors") -> None:
    groups = [group for group in ODD_ONES if len(_known(vectors, group)) == len(group)]
    _print_table("the odd one out", [[", ".join(group), vectors.doesnt_match(group)] for group in groups])


def _known(vectors: "KeyedVectors", words: Iterable[str]) -> list[str]:
    return [word for word in words if word in vectors.key_to_index]


def _two_digits(value: float) -> str:
    return f"{value:.2f}".lstrip("0") if math.isfinite(value) else "?"


def _plural(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _print_table(title: str, rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(f"\n{title}\n{'-' * (sum(widths) + 2 * len(widths))}")
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
