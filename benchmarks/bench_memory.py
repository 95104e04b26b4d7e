"""Peak memory of a whole training process beside "the two matrices plus 150 MB".

The process is Python with NumPy and lexigrad, and trains one epoch on the corpus and on the corpus repeated
to 200 million tokens. The peak is that of the resident set, mapped files included. A ratio above 1 is below
the limit.
"""

from typing import Any

from benchmarks import corpus, harness, peers
from benchmarks.harness import OURS, Comparison

ALLOWANCE = 150e6  # bytes besides the matrices
LIMIT = "two matrices + 150 MB"
LARGE = 200_000_000


def train(text: str, dim: int, mode: str, threads: int) -> dict[str, Any]:
    from lexigrad import Word2Vec

    model = Word2Vec(
        text, vector_size=dim, workers=threads, epochs=1, **peers.objective(mode)._asdict(), **peers.SETTINGS
    )
    return {"words": len(model.wv)}


def measure(text: corpus.Text, dim: int, mode: str, threads: int, rounds: int, launcher: str) -> Comparison:
    pairs = []
    for _ in range(rounds):
        arguments = {"text": str(text.path), "dim": dim, "mode": mode, "threads": threads}
        done = harness.run_child("benchmarks.bench_memory:train", arguments, threads=threads, launcher=launcher)
        limit = done["words"] * dim * 4 * 2 + ALLOWANCE
        pairs.append((done["peak_bytes"] / 1e6, limit / 1e6))
    case = {"million tokens": round(text.tokens / 1e6), "mode": mode, "dim": dim, "threads": threads}
    return Comparison(case, "MB", LIMIT, pairs, more_is_better=False, target=1)


def main(argv: list[str]) -> None:
    parser = harness.parser("memory", f"Peak memory of {OURS}'s training.", rounds=1)
    parser.add_argument("--dim", type=int, nargs="+", default=[100, 300], help="dimensions (%(default)s)")
    parser.add_argument("--mode", choices=peers.MODES, default="sg-ns", help="(%(default)s)")
    parser.add_argument("--tokens", type=int, nargs="+", default=[corpus.TOKENS, LARGE], help="(%(default)s)")
    options = parser.parse_args(argv)
    for tokens in options.tokens:
        text = corpus.repeated(corpus.wiki(), tokens) if tokens > corpus.TOKENS else corpus.wiki(tokens)
        for dim in options.dim:
            for threads in options.threads:
                row = measure(text, dim, options.mode, threads, options.rounds, options.launcher)
                harness.record("memory", [row])
