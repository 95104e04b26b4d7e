"""LDA2Vec: its speed beside Word2Vec with negative sampling, and its topics on 20 Newsgroups beside scikit-learn's.

Speed: the same corpus, window, subsampling, negative samples and dimensions; LDA2Vec may cost at most twice as much.

Topics: 20 of each on the training posts, with one vocabulary (lower case, letters alone, no English stop words, in
at least 20 posts and in at most half), default settings; the coherence C_v (Röder et al. 2015) of the ten most
probable words of each topic in the same posts, the mean over topics. scikit-learn's LDA sees counts, its NMF tf-idf.
"""

import argparse
import json
import lzma
import time
from functools import partial
from typing import Any

from benchmarks import corpus, harness

WORD2VEC = "Word2Vec, negative sampling"
LDA, NMF = "LDA, scikit-learn", "NMF, scikit-learn"
MOST_COST = 2  # times that of Word2Vec
SETTINGS: dict[str, Any] = {"vector_size": 100, "window": 5, "min_count": 5, "sample": 1e-4, "negative": 5}
TOPICS = 20
TOPN = 10


def rate(text: str, tokens: int, who: str, threads: int) -> dict[str, Any]:
    """Words a second, in a process of its own; of LDA2Vec an epoch with topics."""
    from lexigrad import LDA2Vec, Word2Vec

    model: LDA2Vec | Word2Vec
    if who == WORD2VEC:
        model = Word2Vec(text, sg=1, workers=threads, epochs=1, **SETTINGS)
        return {"rate": tokens / model.total_train_time}
    model = LDA2Vec(text, topics=TOPICS, workers=threads, epochs=2, **SETTINGS)
    before = model.total_train_time
    model.train(text, epochs=1)
    return {"rate": tokens / (model.total_train_time - before)}


def measure(arguments: dict[str, Any], threads: int, launcher: str) -> float:
    """Thousand words a second."""
    done = harness.run_child(
        "benchmarks.bench_lda2vec:rate", arguments | {"threads": threads}, threads=threads, launcher=launcher
    )
    return float(done["rate"]) / 1e3


def speed(options: argparse.Namespace) -> None:
    text = corpus.wiki(options.tokens)
    for threads in options.threads:
        run = partial(measure, threads=threads, launcher=options.launcher)
        arguments = {"text": str(text.path), "tokens": text.tokens}
        contenders = {who: partial(run, arguments | {"who": who}) for who in (harness.OURS, WORD2VEC)}
        measured = harness.alternate(options.rounds, contenders)
        case = {"topics": TOPICS, "threads": threads}
        harness.record(
            "lda2vec", harness.compare(measured, case, "thousand words/s", targets={WORD2VEC: 1 / MOST_COST})
        )


def posts() -> list[str]:
    """The training posts of 20 Newsgroups."""
    with lzma.open(corpus.DATA / "text" / "20newsgroups.tsv.xz", "rt", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    return [text for split, _, text in rows if split == "train"]


def topics(who: str, seed: int, threads: int) -> dict[str, Any]:
    """The topics of one model, their coherence and the seconds that it took."""
    from sklearn.decomposition import NMF as Nmf
    from sklearn.decomposition import LatentDirichletAllocation
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    from lexigrad import LDA2Vec
    from lexigrad.embed.coherence import coherence

    vectorizer = CountVectorizer(min_df=20, max_df=0.5, stop_words="english", token_pattern=r"\b[a-z]{3,}\b")
    counts = vectorizer.fit_transform(posts())
    vocabulary = vectorizer.vocabulary_
    analyse = vectorizer.build_analyzer()
    documents = [[word for word in analyse(post) if word in vocabulary] for post in posts()]
    began = time.perf_counter()
    if who == harness.OURS:
        ours = LDA2Vec(documents, topics=TOPICS, min_count=1, workers=threads, seed=seed)
        seconds = time.perf_counter() - began
        words = [[word for word, _ in ours.topic_words(k, TOPN)] for k in range(TOPICS)]
    else:
        if who == LDA:
            model = LatentDirichletAllocation(TOPICS, random_state=seed, n_jobs=threads).fit(counts)
        else:
            model = Nmf(TOPICS, random_state=seed, init="nndsvd").fit(TfidfTransformer().fit_transform(counts))
        seconds = time.perf_counter() - began
        names = vectorizer.get_feature_names_out()
        words = [names[row.argsort()[::-1][:TOPN]].tolist() for row in model.components_]
    found = {measure: round(coherence(words, documents, measure), 3) for measure in ("c_v", "u_mass")}
    return found | {"seconds": round(seconds, 1), "topics": words}


def coherences(options: argparse.Namespace) -> None:
    threads = max(options.threads)
    for seed in options.seeds:
        for who in (harness.OURS, LDA, NMF):
            done = harness.run_child(
                "benchmarks.bench_lda2vec:topics",
                {"who": who, "seed": seed, "threads": threads},
                threads=threads,
                launcher=options.launcher,
            )
            print(json.dumps({"who": who, "seed": seed} | {k: done[k] for k in ("c_v", "u_mass", "seconds")}))
            for words in done["topics"]:
                print("  " + " ".join(words), flush=True)


def main(argv: list[str]) -> None:
    parser = harness.parser("lda2vec", "Speed and topics of LDA2Vec.")
    parser.add_argument("--only", choices=("speed", "topics"), help="one of the two (both)")
    parser.add_argument("--tokens", type=int, default=corpus.TOKENS, metavar="N", help="for the speed (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="for the topics (%(default)s)")
    options = parser.parse_args(argv)
    if options.only != "topics":
        speed(options)
    if options.only != "speed":
        coherences(options)
