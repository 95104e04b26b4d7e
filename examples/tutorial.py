"""From one-hot vectors to senses and topics: a lecture on word vectors that runs.

    python examples/tutorial.py                        # on the documentation inside your Python: a minute or two
    python examples/tutorial.py corpus.txt             # on text of your own: a sentence or paragraph on each line
    python examples/tutorial.py corpus.txt --page examples/tutorial.md

Each step below is a function: its docstring is the lecture, its body the demonstration. The script prints what the
bodies print and draws their figures; with ``--page`` it also writes the lecture as a Markdown page, with the code, this
run's output and the figures. Needs SciPy, scikit-learn and matplotlib: pip install 'lexigrad[plot,svd]'.
"""

# ruff: noqa: SIM905

import argparse
import contextlib
import inspect
import io
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import lexigrad as lg
from lexigrad.plot import plot_vectors
from lexigrad.text import LineSentence, builtin

# The examples that a corpus does not know are left out, so that the same lecture reads an encyclopedia and a manual.
WORDS = """king queen man woman paris london france england cat dog horse guitar piano river sea seven eight
    monday friday file directory read write list tuple integer float thread process client server month year""".split()
ANALOGIES = (
    ("man", "king", "woman"),
    ("france", "paris", "germany"),
    ("good", "better", "bad"),
    ("he", "his", "she"),
    ("width", "height", "x"),
    ("first", "last", "start"),
    ("input", "output", "stdin"),
)
PAIRS = (
    ("king", "queen"),
    ("cat", "dog"),
    ("paris", "london"),
    ("guitar", "piano"),
    ("monday", "friday"),
    ("file", "directory"),
    ("list", "tuple"),
    ("read", "write"),
    ("king", "piano"),
    ("cat", "monday"),
    ("file", "month"),
    ("year", "server"),
)
SENSES = ("apple", "bank", "mouse", "python", "match", "character", "object", "line")
CONTEXTS = {
    "apple": ("she baked a pie with sugar and fruit", "the new computer and phone were sold in the company store"),
    "bank": ("they borrowed money and paid interest on a loan", "the town lies on the left side of the river"),
    "mouse": ("a small animal that the cat ate", "click the button with the keyboard and cursor on the screen"),
    "python": ("a programming language with code and software", "a large snake that is not venomous"),
    "match": ("the pattern of a regular expression in the string", "a game between two teams in the league"),
}
STOP_WORDS = frozenset(
    """a about after all also an and any are as at be because been before being between both but by can could did do
    does during each even for from had has have he her him his how i if in into is it its it's made many may more most
    much no not of on one only or other our out over s she should so some such t than that the their them then there
    these they this those to two under up used very was we were what when where which while who will with would you
    your""".split()
)
PASSAGE = 50  # words of a document: lines are joined until they have so many


@dataclass
class Lesson:
    """What the steps share: the corpus, how long to train, and the models that later steps compare."""

    corpus: Any  # a path, or token lists
    figures: Path
    workers: int
    size: int = 100  # floats in a vector
    epochs: int = 4
    vocabulary: int = 10_000  # words that are counted
    min_count: int = 5
    models: dict[str, lg.KeyedVectors] = field(default_factory=dict)
    drawn: list[Path] = field(default_factory=list)

    def sentences(self) -> Iterable[list[str]]:
        return LineSentence(self.corpus) if isinstance(self.corpus, Path) else self.corpus

    def passages(self, most: int = 20_000) -> list[list[str]]:
        """Documents: lines joined until they have PASSAGE words; so many at most."""
        found: list[list[str]] = []
        words: list[str] = []
        for sentence in self.sentences():
            if len(found) == most:
                break
            words = words + sentence
            if len(words) >= PASSAGE:
                found.append(words)
                words = []
        return found

    def figure(self, width: float = 8, height: float = 4.5) -> Any:
        from matplotlib.figure import Figure

        return Figure(figsize=(width, height), layout="constrained")

    def show(self, figure: Any, name: str) -> None:
        path = self.path(name)
        figure.savefig(path, dpi=110, metadata={"Software": None})

    def path(self, name: str) -> Path:
        """Where a figure goes."""
        self.drawn.append(self.figures / f"{name}.png")
        return self.drawn[-1]


def known(words: Iterable[str], vocabulary: Any, most: int | None = None) -> list[str]:
    """Those of some words that are in a vocabulary."""
    return [word for word in words if word in vocabulary][:most]


def known_groups(groups: Iterable[tuple[str, ...]], vocabulary: Any) -> list[tuple[str, ...]]:
    """Those of some groups whose words are all in a vocabulary."""
    return [group for group in groups if len(known(group, vocabulary)) == len(group)]


def neighbours(vectors: lg.KeyedVectors, word: str, topn: int = 6) -> str:
    return ", ".join(other for other, _ in vectors.most_similar(word, topn=topn, restrict_vocab=10_000))


def table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


# The lecture


def one_hot_vectors(lesson: Lesson) -> None:
    """A word is an arbitrary sign

    To a computer a word is a number in a list. The honest way to write such a number as a vector is one-hot: as many
    entries as there are words, a one in the word's own place and zeros elsewhere. Nothing is lost, and nothing is
    gained: each vector is at a right angle to every other one, so that the dot product of *king* and *queen* is the
    zero that it is for *king* and *piano*. One-hot vectors carry no similarity at all. All that follows fills in what
    is missing here, and takes it from one place: the company that words keep.
    """
    _, vocabulary = lg.cooccurrence(lesson.corpus, window=1, max_final_vocab=lesson.vocabulary)
    words = known(WORDS, vocabulary.index, 4)
    vectors = lg.one_hot(words, vocabulary)
    print(f"{len(vocabulary):,} words, so vectors of {vectors.shape[1]:,} entries")
    print(f"dot products of {', '.join(words)}:")
    print((vectors @ vectors.T).toarray().astype(int))


def counts(lesson: Lesson) -> None:
    """Counting the company that words keep

    The simplest thing to write down about a word's company is a count: how often does each other word stand within
    five places of it? The rows of that matrix are word vectors already, and similar words have similar rows. But raw
    counts are ruled by the words that stand beside everything. The ten most frequent contexts hold a large part of
    all counts, and by raw counts everybody's best friend is *the*.

    Pointwise mutual information asks the better question. Not how often two words meet, but how much more often than
    if the words were shuffled: log P(w, c) / (P(w) P(c)), and zero where that is negative (PPMI).
    """
    matrix, vocabulary = lg.cooccurrence(lesson.corpus, window=5, max_final_vocab=lesson.vocabulary)
    total, by_context = matrix.sum(), np.asarray(matrix.sum(axis=0)).ravel()
    print(f"{matrix.shape[0]:,} x {matrix.shape[1]:,} words, {matrix.nnz:,} entries above 0")
    print(f"the ten most frequent contexts hold {by_context[:10].sum() / total:.0%} of all counts\n")

    pairs = matrix.tocoo()
    information = np.log(pairs.data * total / (by_context[pairs.row] * by_context[pairs.col]))
    ppmi = matrix.copy()
    ppmi.data = np.maximum(information, 0)
    rows = [["", "by count", "by PPMI"]]
    for word in known(WORDS, vocabulary.index, 8):
        row = vocabulary.index[word]
        best = ([vocabulary.words[i] for i in (-m[[row]].toarray()[0]).argsort()[:6]] for m in (matrix, ppmi))
        rows.append([word, *map(", ".join, best)])
    table(rows)

    words = known(WORDS, vocabulary.index, 14)
    places = [vocabulary.index[word] for word in words]
    figure = lesson.figure(10, 4.8)
    for axes, m, title in zip(figure.subplots(1, 2), (matrix, ppmi), ("log(1 + count)", "PPMI"), strict=True):
        shown = m[places][:, places].toarray()
        axes.imshow(np.log1p(shown) if m is matrix else shown, cmap="Blues")
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xticks(range(len(words)), words, rotation=90, fontsize=8)
        axes.set_yticks(range(len(words)), words, fontsize=8)
    lesson.show(figure, "counts")


def decomposition(lesson: Lesson) -> None:
    """Fewer dimensions: the singular value decomposition

    Rows of ten thousand entries, most of them zero, say the same thing many times over: a word seen near *monday* might
    as well have been seen near *friday*. The singular value decomposition M = U S V' finds the directions in which the
    rows differ most, and keeps the first hundred. What was a list of neighbours becomes a point in a space, and the
    space can hold similarities that no count ever saw.

    What is decomposed matters more than how. With raw counts the first direction holds nearly everything and says
    how frequent a word is; logarithms help; PPMI spreads the information over many directions. Levy, Goldberg and Dagan
    (2015) found two more knobs worth turning: smoothing the contexts' counts, and taking the square root of S.
    """
    figure = lesson.figure()
    axes = figure.subplots()
    rows = [["", "raw", "log", "PPMI"]]
    models = {
        weighting: lg.SVDEmbedding(
            lesson.corpus,
            vector_size=lesson.size,
            max_final_vocab=lesson.vocabulary,
            weighting=weighting,
            solver="randomized",
            workers=lesson.workers,
        )
        for weighting in ("raw", "log", "ppmi")
    }
    for weighting, model in models.items():
        energy = model.singular_values**2
        axes.semilogy(np.arange(1, len(energy) + 1), energy / energy.sum(), label=weighting)
        print(f"{weighting:5} the first direction holds {energy[0] / energy.sum():.0%} of the squares of {lesson.size}")
    axes.set(xlabel="direction", ylabel="share of the squares")
    axes.legend()
    lesson.show(figure, "spectra")

    print()
    for word in known(WORDS, models["ppmi"].wv, 8):
        rows.append([word, *(neighbours(model.wv, word, 4) for model in models.values())])
    table(rows)
    lesson.models["SVD of PPMI"] = models["ppmi"].wv


def word2vec(lesson: Lesson) -> None:
    """Predicting instead of counting: word2vec

    Word2vec (Mikolov et al. 2013) never builds the matrix. It slides over the text, and from each word v it
    predicts the words u around it: p(u | v) is a softmax of the dot product u . v. A softmax over all words is too
    dear, so negative sampling asks a cheaper question instead: is this neighbour real, or was it drawn at random? For
    each real pair and a few drawn ones it takes a small step along the gradient of

        log s(u . v) + sum over the drawn words n of log s(-n . v).

    Levy and Goldberg (2014) showed that this is no stranger to the section before: at its optimum u . v is the
    pointwise mutual information, shifted by the logarithm of the number of drawn words. But it weights frequent pairs
    more, needs little memory, and its differences carry meaning: the step from *man* to *king* is about that from
    *woman* to *queen*.
    """
    model = lg.Word2Vec(
        lesson.corpus,
        vector_size=lesson.size,
        sg=1,
        negative=5,
        sample=1e-4 if isinstance(lesson.corpus, Path) else 1e-3,
        alpha=0.025 if isinstance(lesson.corpus, Path) else 0.05,
        epochs=lesson.epochs,
        min_count=lesson.min_count,
        workers=lesson.workers,
        compute_loss=True,
    )
    print(f"{len(model.wv):,} words have vectors, from {lesson.epochs} times {model.corpus_total_words:,} words")
    print("mean loss of each epoch:", " ".join(f"{loss:.3f}" for loss in model.epoch_losses), "\n")
    table([[word, neighbours(model.wv, word)] for word in known(WORDS, model.wv, 8)])
    print()
    for a, b, c in known_groups(ANALOGIES, model.wv):
        best = model.wv.most_similar([b, c], [a], topn=3, restrict_vocab=10_000)
        print(f"{a} : {b} = {c} : ?  ", ", ".join(f"{word} {cosine:.2f}" for word, cosine in best))
    plot_vectors(model.wv, lesson.path("word2vec"), known(WORDS, model.wv))
    lesson.models["word2vec"] = model.wv


def glove(lesson: Lesson) -> None:
    """Counting and predicting: GloVe

    GloVe (Pennington, Socher and Manning 2014) stands between the two. It counts first, as SVD does, and then learns,
    as word2vec does: two vectors and two biases for each word, by least squares on the logarithm of the counts,

        f(x) (w . c + b_w + b_c - log x)^2,  f(x) = min(1, (x / x_max)^0.75),

    so that rare pairs, whose logarithm is mostly chance, weigh little. The sum of a word's two vectors is its vector.
    The figure puts the three ways side by side: pairs that belong together on the left, pairs that do not on the right.
    """
    model = lg.GloVe(
        lesson.corpus,
        vector_size=lesson.size,
        window=10,
        min_count=lesson.min_count,
        x_max=10.0,
        epochs=3 * lesson.epochs,
        workers=lesson.workers,
    )
    lesson.models["GloVe"] = model.wv
    losses = model.epoch_losses
    print(f"mean loss: {losses[0]:.4f} in the first epoch, {losses[-1]:.4f} in the last of {len(losses)}\n")
    table([[word, neighbours(model.wv, word)] for word in known(WORDS, model.wv, 8)])

    pairs = [pair for pair in PAIRS if all(known(pair, wv) == list(pair) for wv in lesson.models.values())]
    figure = lesson.figure(8, 3.8)
    axes = figure.subplots()
    for i, (name, vectors) in enumerate(lesson.models.items()):
        similarities = [vectors.similarity(*pair) for pair in pairs]
        axes.bar(np.arange(len(pairs)) + 0.27 * (i - 1), similarities, 0.25, label=name)
    axes.set_xticks(range(len(pairs)), [" - ".join(pair) for pair in pairs], rotation=30, ha="right", fontsize=8)
    axes.set_ylabel("cosine similarity")
    axes.legend(fontsize=8)
    lesson.show(figure, "similarities")


def documents(lesson: Lesson) -> None:
    """Vectors of documents

    What works for words works for what contains them. In PV-DBOW (Le and Mikolov 2014) a document is one more "word",
    which predicts all words of its text; a new document gets a vector by a few steps with everything else held still.

    A test that needs no labels: cut passages in two, infer a vector for either half, and look for each first half's
    nearest second half. By chance one in as many as there are passages would be found.
    """
    passages = lesson.passages()
    model = lg.Doc2Vec(
        [lg.TaggedDocument(words, [i]) for i, words in enumerate(passages)],
        vector_size=lesson.size,
        dm=0,
        alpha=0.05,
        min_count=lesson.min_count,
        epochs=10 * lesson.epochs,
        workers=lesson.workers,
    )
    print(f"{len(model.dv):,} passages of {sum(map(len, passages)) / len(passages):.0f} words on average\n")
    for i in range(3):
        (nearest, cosine), *_ = model.dv.most_similar(i, topn=1)
        print(f"passage {i}:   {' '.join(passages[i][:14])} ...")
        print(f"nearest {cosine:.2f}: {' '.join(passages[nearest][:14])} ...")

    tested = passages[: 20 * lesson.size]
    halves = [model.infer_vectors([words[part::2] for words in tested]) for part in (0, 1)]
    first, second = (half / np.linalg.norm(half, axis=1, keepdims=True) for half in halves)
    found = ((first @ second.T).argmax(axis=1) == np.arange(len(tested))).mean()
    print(f"\n{found:.1%} of {len(tested):,} passages find their other half")


def senses(lesson: Lesson) -> None:
    """One word, several senses

    Everything so far gave *apple* one vector, somewhere between fruit and computers. AdaGram (Bartunov et al. 2016)
    lets each word have several, and does not ask in advance how many: the senses' probabilities come from a stick that
    is broken again and again (a Dirichlet process), so that a sense stays only if enough occurrences need it. For each
    occurrence training infers, from the words around it, how probable each sense is, and moves the vectors by that.

    The neighbours of a word's senses lie in different worlds; and given a context, Bayes' rule says which of them is
    meant. Senses that share their neighbours are shades of one meaning, which the model is free to keep apart too.
    A word that occurs too seldom keeps a single sense for all that it means.
    """
    model = lg.AdaGram(
        lesson.corpus,
        vector_size=lesson.size,
        window=5,
        min_count=4 * lesson.min_count,
        prototypes=5,
        alpha=0.1,
        sample=1e-4 if isinstance(lesson.corpus, Path) else 1e-3,
        epochs=lesson.epochs,
        workers=lesson.workers,
    )
    print("senses a word:", np.bincount(model.sense_counts(0.05))[1:], "words have 1, 2, ...\n")
    words = known(SENSES, model.wv, 4)
    for word in words:
        for sense, probability in model.senses(word, 0.05):
            near = model.nearest_neighbors(word, sense, topn=8, min_count=20)
            print(f"{word:9} {probability:4.0%}  {', '.join(dict.fromkeys(other for other, _, _ in near))}")
        for context in CONTEXTS.get(word, ()):
            belief = model.disambiguate(word, context.split())
            print(f"{'':9}       in “{context}”: sense {belief.argmax()} ({belief.max():.0%})")
        print()

    figure = lesson.figure(8, 3)
    axes = figure.subplots()
    lengths = np.array([model.expected_pi(word) for word in words])
    for k in range(model.prototypes):
        axes.barh(words, lengths[:, k], left=lengths[:, :k].sum(axis=1), edgecolor="white", label=str(k))
    axes.set_xlabel("the stick: prior probability of each sense")
    axes.invert_yaxis()
    axes.legend(title="sense", fontsize=8, ncols=model.prototypes)
    lesson.show(figure, "senses")


def topics(lesson: Lesson) -> None:
    """Words, topics and documents in one space

    A document's vector predicts well and says little: no one can read a hundred numbers. A topic model's mixture can be
    read, as so much of this and so much of that. LDA2Vec (Moody 2016) joins the two. It is word2vec in which a word
    predicts its neighbours together with its document, c = v_word + sum_k p_k t_k: the document is a mixture p of a few
    topic vectors t_k, which live among the words, and a Dirichlet prior makes most of p zero. A topic is read off the
    words that are more frequent in it than elsewhere.
    """
    passages = [[word for word in words if word not in STOP_WORDS] for words in lesson.passages()]
    model = lg.LDA2Vec(
        passages,
        topics=12,
        vector_size=lesson.size,
        min_count=4 * lesson.min_count,
        epochs=2 * lesson.epochs,
        workers=lesson.workers,
    )
    share = model.document_mixtures.mean(axis=0)
    for k in np.argsort(-share):
        print(f"topic {k:2} {share[k]:4.0%}  {' '.join(word for word, _ in model.topic_words(k, 10))}")
    print(f"\nlog perplexity of 200 passages: {model.log_perplexity(passages[:200]):.2f} nats a word")

    figure = lesson.figure(8, 3.2)
    axes = figure.subplots()
    shown = axes.imshow(model.document_mixtures[:40].T, cmap="Blues", aspect="auto", vmin=0, vmax=1)
    axes.set(xlabel="passage", ylabel="topic", yticks=range(model.topics))
    figure.colorbar(shown, label="share")
    lesson.show(figure, "topics")


STEPS = (one_hot_vectors, counts, decomposition, word2vec, glove, documents, senses, topics)


# Running and printing it


def lecture(step: Callable[[Lesson], None]) -> tuple[str, str]:
    """A step's title and its text."""
    title, _, text = (inspect.getdoc(step) or "").partition("\n")
    return title, text.strip()


def source(step: Callable[[Lesson], None]) -> str:
    """A step's code without the line of its name and its docstring."""
    lines = inspect.getsource(step)
    return textwrap.dedent(lines.split('"""', 2)[2]).strip("\n")


def run(lesson: Lesson) -> Iterator[str]:
    """Run the steps one after the other; prints what they print, yields each one's part of the page."""
    for number, step in enumerate(STEPS, 1):
        title, text = lecture(step)
        print(f"\n{number}. {title}\n{'-' * (len(title) + 3)}", flush=True)
        lesson.drawn.clear()
        began = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()) as said:
            step(lesson)
        output = said.getvalue().rstrip()
        print(f"{output}\n({time.perf_counter() - began:.0f} s)", flush=True)
        pictures = [f"![{title}: {path.stem}]({path.parent.name}/{path.name})" for path in lesson.drawn]
        code, printed = f"```python\n{source(step)}\n```", f"```text\n{output}\n```"
        yield "\n\n".join([f"## {number}. {title}", text, code, printed, *pictures]) + "\n"


INTRODUCTION = """\
# From one-hot vectors to senses and topics

A lecture on word vectors in eight steps. All of it is one script, [tutorial.py](tutorial.py), and this page is what
the script wrote: its text, its code, and the output and figures of one run on {corpus}.
`lesson` holds what the steps share: the corpus, the size of vectors, the number of epochs and threads; `known`,
`neighbours` and `table` are the script's small helpers for words that a corpus has, nearest words and printed columns.

```sh
python examples/tutorial.py                 # on the documentation inside your Python: no file, no network
python examples/tutorial.py corpus.txt      # on text of your own
```

"""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpus", nargs="?", type=Path, help="text, a sentence or paragraph a line (Python's own docs)")
    parser.add_argument("--figures", type=Path, default=Path("tutorial"), metavar="DIR", help="(%(default)s)")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the lecture as Markdown too")
    parser.add_argument("--about", default="a corpus", help="what the page calls the corpus")
    parser.add_argument("--workers", type=int, default=lg.num_threads(), metavar="N", help="threads (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="a slice of the corpus and short vectors: seconds")
    args = parser.parse_args(argv)
    args.figures.mkdir(parents=True, exist_ok=True)
    if args.corpus is not None:
        lesson = Lesson(args.corpus, args.figures, args.workers)
    else:
        lesson = Lesson(builtin.sentences(), args.figures, args.workers, epochs=15)
    if args.quick:
        some = [words for words, _ in zip(lesson.sentences(), range(4000), strict=False)]
        lesson = Lesson(some, args.figures, args.workers, size=16, epochs=1, vocabulary=500, min_count=2)
    parts = list(run(lesson))
    if args.page:
        args.page.write_text(INTRODUCTION.format(corpus=args.about) + "\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
