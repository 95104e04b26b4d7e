"""Training GloVe beside Stanford's program, on the same counts: entries of the counts a second, epochs alone.

Set LEXIGRAD_GLOVE to the directory with Stanford's programs. With ``--quality`` both train for so many epochs and the
vectors are scored as in bench_quality.py. Counting is timed in bench_cooccurrence.py.
"""

import tempfile
import time
from typing import Any

from benchmarks import bench_quality, corpus, harness, stanford_glove
from benchmarks.harness import OURS

TARGET = 2


# Runs, each in a process of its own


def train(folder: str, dim: int, epochs: int, threads: int, seed: int) -> dict[str, Any]:
    return _train(folder, dim, epochs, threads, seed)[1]


def train_and_score(folder: str, dim: int, epochs: int, threads: int, seed: int) -> dict[str, Any]:
    model, done = _train(folder, dim, epochs, threads, seed)
    return done | bench_quality.evaluate(model.wv)


def train_and_score_stanford(
    directory: str, folder: str, dim: int, epochs: int, threads: int, seed: int
) -> dict[str, Any]:
    from lexigrad import KeyedVectors

    done = stanford_glove.train(directory, folder, dim, epochs, threads, seed, save=True)
    vectors = KeyedVectors.load_word2vec_format(f"{folder}/vectors.txt", binary=False, no_header=True)
    return done | bench_quality.evaluate(vectors)


def _train(folder: str, dim: int, epochs: int, threads: int, seed: int) -> tuple[Any, dict[str, Any]]:
    from lexigrad import CallbackAny2Vec, GloVe

    class Clock(CallbackAny2Vec):
        began = ended = 0.0

        def on_train_begin(self, model: Any) -> None:
            self.began = time.perf_counter()

        def on_epoch_end(self, model: Any) -> None:
            self.ended = time.perf_counter()

    clock = Clock()
    model = GloVe(vector_size=dim, epochs=epochs, workers=threads, seed=seed, x_max=stanford_glove.X_MAX)
    model.fit_stanford(f"{folder}/cooccurrence.bin", f"{folder}/vocab.txt", callbacks=[clock])
    return model, {"rate": epochs * stanford_glove.entries(folder) / (clock.ended - clock.began)}


def main(argv: list[str]) -> None:
    parser = harness.parser("glove", __doc__ or "")
    parser.add_argument("--tokens", type=int, default=corpus.TOKENS, help="of the corpus (%(default)s)")
    parser.add_argument("--window", type=int, default=10, help="(%(default)s)")
    parser.add_argument("--dim", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--quality", action="store_true", help="score the vectors instead of timing rounds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="of --quality (%(default)s)")
    options = parser.parse_args(argv)
    peer = {"directory": stanford_glove.programs()}
    with tempfile.TemporaryDirectory(dir=corpus.directory()) as folder:
        stanford_glove.count(**peer, text=str(corpus.wiki(options.tokens).path), window=options.window, folder=folder)
        stanford_glove.shuffle(**peer, folder=folder)
        settings = {"folder": folder, "dim": options.dim, "epochs": options.epochs}

        def run(function: str, threads: int, seed: int, **more: Any) -> dict[str, Any]:
            arguments = settings | {"threads": threads, "seed": seed} | more
            return harness.run_child(f"benchmarks.{function}", arguments, threads=threads, launcher=options.launcher)

        if options.quality:
            threads = max(options.threads)
            for seed in options.seeds:
                print(OURS, seed, run("bench_glove:train_and_score", threads, seed), flush=True)
                theirs = run("bench_glove:train_and_score_stanford", threads, seed, **peer)
                print(stanford_glove.NAME, seed, theirs, flush=True)
            return
        for threads in options.threads:
            contenders = {
                OURS: lambda threads=threads: run("bench_glove:train", threads, 1)["rate"],
                stanford_glove.NAME: lambda threads=threads: run(
                    "stanford_glove:train", threads, 1, save=False, **peer
                )["rate"],
            }
            measured = harness.alternate(options.rounds, contenders)
            case = {"tokens": options.tokens, "dim": options.dim, "threads": threads}
            targets = {stanford_glove.NAME: TARGET}
            harness.record("glove", harness.compare(measured, case, "entries/s", targets=targets))
