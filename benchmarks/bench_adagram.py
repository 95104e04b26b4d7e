"""AdaGram: its speed beside Word2Vec with hierarchical softmax, and the senses it finds on SemEval-2010 task 14.

Speed: the same corpus, window, subsampling and dimensions; Word2Vec trains one vector a word, AdaGram up to
``--prototypes``. Its cost may be at most 6 times that of Word2Vec with 5 prototypes.

Senses: each of the task's occurrences goes to its most probable sense given the words around it, and these
clusters are compared with the gold senses by the adjusted Rand index (Hubert and Arabie 1985), the mean over the
target words. A model of one sense, such as Word2Vec, has 0 by definition: everything is one cluster.
"""

import argparse
import json
import lzma
from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from benchmarks import corpus, harness

WORD2VEC = "Word2Vec, hierarchical softmax"
MOST_COST = 6  # times that of Word2Vec, with 5 prototypes
SETTINGS: dict[str, Any] = {"vector_size": 100, "window": 5, "min_count": 5, "sample": 1e-4, "epochs": 1}


def rate(text: str, tokens: int, prototypes: int, threads: int) -> dict[str, Any]:
    """Words a second, in a process of its own; no prototypes: Word2Vec."""
    from lexigrad import AdaGram, Word2Vec

    model: AdaGram | Word2Vec
    if prototypes:
        model = AdaGram(text, prototypes=prototypes, shrink_windows=True, workers=threads, **SETTINGS)
    else:
        model = Word2Vec(text, sg=1, hs=1, negative=0, workers=threads, **SETTINGS)
    return {"rate": tokens / model.total_train_time}


def measure(arguments: dict[str, Any], threads: int, launcher: str) -> float:
    """Thousand words a second."""
    done = harness.run_child(
        "benchmarks.bench_adagram:rate", arguments | {"threads": threads}, threads=threads, launcher=launcher
    )
    return float(done["rate"]) / 1e3


def speed(options: argparse.Namespace) -> None:
    text = corpus.wiki(options.tokens)
    for threads in options.threads:
        run = partial(measure, threads=threads, launcher=options.launcher)
        arguments = {"text": str(text.path), "tokens": text.tokens}
        contenders = {
            harness.OURS: partial(run, arguments | {"prototypes": options.prototypes}),
            WORD2VEC: partial(run, arguments | {"prototypes": 0}),
        }
        measured = harness.alternate(options.rounds, contenders)
        case = {"prototypes": options.prototypes, "threads": threads}
        targets = {WORD2VEC: 1 / MOST_COST} if options.prototypes == 5 else None
        harness.record("adagram", harness.compare(measured, case, "thousand words/s", targets=targets))


def adjusted_rand_index(a: ArrayLike, b: ArrayLike) -> float:
    """How well two clusterings of the same things agree: 1 for the same clusters, 0 on average by chance."""
    pairs = np.zeros((len(np.unique(a)), len(np.unique(b))))
    np.add.at(pairs, (np.unique(a, return_inverse=True)[1], np.unique(b, return_inverse=True)[1]), 1)

    def chosen(n: Any) -> Any:
        return n * (n - 1) / 2

    both = chosen(pairs).sum()
    rows, columns, every = chosen(pairs.sum(1)).sum(), chosen(pairs.sum(0)).sum(), chosen(pairs.sum())
    by_chance = rows * columns / every if every else 0.0
    most = (rows + columns) / 2
    return float((both - by_chance) / (most - by_chance)) if most != by_chance else 1.0


def induced_senses(text: str, threads: int, window: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The mean adjusted Rand index over the target words of SemEval-2010 task 14."""
    from lexigrad import AdaGram

    model = AdaGram(text, workers=threads, **settings)
    gold, found = defaultdict(list), defaultdict(list)
    with lzma.open(corpus.DATA / "eval" / "semeval2010-task14-wsi.tsv.xz", "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            target, _, sense, left, right = line.rstrip("\n").split("\t")
            word = target.partition(".")[0]
            if word not in model.wv:
                continue
            before = [w for w in left.split() if w in model.wv][-window:]
            after = [w for w in right.split() if w in model.wv][:window]
            gold[target].append(sense)
            found[target].append(int(model.disambiguate(word, before + after).argmax()))
    indices = [adjusted_rand_index(gold[target], found[target]) for target in gold]
    one_sense = [adjusted_rand_index(gold[target], np.zeros(len(gold[target]))) for target in gold]
    clusters = np.mean([len(set(senses)) for senses in found.values()])
    return {
        "ari": round(float(np.mean(indices)), 4),
        "one_sense": round(float(np.mean(one_sense)), 4),
        "targets": len(indices),
        "clusters": round(float(clusters), 2),
        "seconds": round(model.total_train_time, 1),
    }


def senses(options: argparse.Namespace) -> None:
    settings = {
        "vector_size": 100,
        "window": 5,
        "min_count": 20,
        "sample": 1e-4,
        "prototypes": options.prototypes,
        "alpha": options.alpha,
        "epochs": options.epochs,
        "seed": 1,
    }
    text = corpus.wiki(options.tokens)
    done = harness.run_child(
        "benchmarks.bench_adagram:induced_senses",
        {"text": str(text.path), "threads": max(options.threads), "window": 5, "settings": settings},
        threads=max(options.threads),
        launcher=options.launcher,
    )
    print(json.dumps({"tokens": text.tokens} | settings | done), flush=True)


def main(argv: list[str]) -> None:
    parser = harness.parser("adagram", "Speed and senses of AdaGram.")
    parser.add_argument("--only", choices=("speed", "senses"), help="one of the two (both)")
    parser.add_argument("--tokens", type=int, default=corpus.TOKENS, metavar="N", help="of the corpus (%(default)s)")
    parser.add_argument("--prototypes", type=int, default=5, metavar="N", help="senses a word at most (%(default)s)")
    parser.add_argument("--alpha", type=float, default=0.1, metavar="X", help="of the prior (%(default)s)")
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="passes, for the senses (%(default)s)")
    options = parser.parse_args(argv)
    if options.only != "senses":
        speed(options)
    if options.only != "speed":
        senses(options)
