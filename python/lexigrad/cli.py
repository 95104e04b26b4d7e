"""The command line: ``lexigrad COMMAND ...`` or ``python -m lexigrad COMMAND ...``.

Results go to stdout, reports and progress to stderr. The exit code is 0, 1 for a failure, 2 for a wrong
command line and 130 after Ctrl-C.
"""

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from lexigrad import __version__, _core

if TYPE_CHECKING:
    from lexigrad.embed.keyedvectors import KeyedVectors
    from lexigrad.embed.word2vec import Word2Vec
    from lexigrad.progress import Hook

INTERRUPTED = 130
BROKEN_PIPE = 141

_FAILURES = (
    ValueError,
    TypeError,
    LookupError,
    OSError,
    RuntimeError,
    ArithmeticError,
    ImportError,
    EOFError,
    MemoryError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code.

    Args:
        argv: The arguments, without the program's name; by default those of the process.

    Raises:
        SystemExit: for a wrong command line (code 2), ``--help`` and ``--version`` (code 0).
    """
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of a pipe has gone. Python would flush stdout once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        _say("lexigrad: interrupted: nothing was written")
        return INTERRUPTED
    except _FAILURES as error:
        _say(f"lexigrad: error: {_message(error)}")
        return 1


def _message(error: BaseException) -> str:
    """What went wrong, on one line."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, KeyError) and error.args:
        text = str(error.args[0])  # str(error) would put it in quotes
    else:
        text = str(error)
    return " ".join(text.split()) or type(error).__name__


def _say(text: str) -> None:
    print(text, file=sys.stderr)


# Commands


def _train_word2vec(args: argparse.Namespace) -> int:
    from lexigrad.embed.callbacks import TrainingInterrupted
    from lexigrad.progress import bar

    if args.resume and not args.checkpoint:
        args.parser.error("--resume needs --checkpoint FILE, the file to go on from")
    save = _saver(args.output, args.format)
    resuming = args.resume and os.path.exists(args.checkpoint)
    code = 0
    start = time.perf_counter()
    with bar(args.quiet) as hook:
        try:
            model = _resumed_word2vec(args, hook) if resuming else _new_word2vec(args, hook)
        except TrainingInterrupted as interrupt:
            model, code = interrupt.model, INTERRUPTED
    seconds = time.perf_counter() - start
    save(model)
    if args.save_vocab:
        _write_vocabulary(model.wv, args.save_vocab)
    if code:
        _say(f"lexigrad: interrupted: what was trained until then is in {args.output}")
    elif not args.quiet:
        words = model.corpus_total_words * args.epochs
        rate = "" if resuming else f", {words / seconds:,.0f} words/s"
        _say(f"{len(model.wv):,} words, {model.wv.vector_size} dimensions -> {args.output} ({seconds:.1f} s{rate})")
    return code


def _new_word2vec(args: argparse.Namespace, hook: "Hook | None") -> "Word2Vec":
    from lexigrad.embed.word2vec import Word2Vec

    return Word2Vec(
        args.corpus,
        vector_size=args.size,
        window=args.window,
        min_count=args.min_count,
        max_vocab_size=args.max_vocab_size,
        max_final_vocab=args.max_final_vocab,
        sample=args.sample,
        sg=int(args.sg),
        hs=int(args.hs),
        negative=_negative_samples(args),
        ns_exponent=args.ns_exponent,
        loss="softmax" if args.softmax else None,
        alpha=args.alpha,
        min_alpha=args.min_alpha,
        epochs=args.epochs,
        workers=args.workers or _core.num_threads(),
        seed=args.seed,
        compute_loss=hook is not None,
        progress=hook,
        checkpoint=args.checkpoint,
        checkpoint_seconds=args.checkpoint_minutes * 60,
    )


def _resumed_word2vec(args: argparse.Namespace, hook: "Hook | None") -> "Word2Vec":
    """Go on from the checkpoint, with the settings that it holds."""
    from lexigrad.embed.word2vec import Word2Vec

    model = Word2Vec.load(args.checkpoint)
    if model.training_unfinished:
        model.resume(
            args.corpus,
            progress=hook,
            checkpoint=args.checkpoint,
            checkpoint_seconds=args.checkpoint_minutes * 60,
        )
    return model


def _negative_samples(args: argparse.Namespace) -> int:
    if args.negative is not None:
        return int(args.negative)
    return 0 if args.hs or args.softmax else 5


def _saver(path: str, format: str) -> "Callable[[Word2Vec], None]":
    """What writes a model to a path; a name that tells no format is found out here, before the training."""
    from lexigrad.io.convert import format_of_name, write_vectors

    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        raise FileNotFoundError(2, "no such directory", directory)
    if os.path.isdir(path):
        raise IsADirectoryError(21, "is a directory: give the name of a file in it", path)
    if format == "model" or (format == "auto" and path.endswith(".model")):
        return lambda model: model.save(path)
    kind: Any = format_of_name(path) if format == "auto" else format
    return lambda model: write_vectors(
        path, model.wv.index_to_key, model.wv.vectors, counts=model.wv.expandos.get("count"), format=kind
    )


def _write_vocabulary(vectors: "KeyedVectors", path: str) -> None:
    """Lines of a word and its count, as word2vec.c's -save-vocab writes them."""
    from lexigrad.io.atomic import atomic_write

    with atomic_write(path) as file:
        for word in vectors.index_to_key:
            file.write(f"{word} {vectors.get_vecattr(word, 'count')}\n".encode())


def _load(path: str, limit: int | None = None) -> "KeyedVectors":
    """The vectors of a file of any format, or of a saved model."""
    from lexigrad.embed.keyedvectors import KeyedVectors
    from lexigrad.embed.word2vec import Word2Vec
    from lexigrad.io.convert import detect_format, read_vectors
    from lexigrad.io.safetensors import read_safetensors

    if detect_format(path) == "safetensors":
        metadata = read_safetensors(path, mmap=True)[1]
        if metadata.get("format") == "lexigrad.Word2Vec":
            return Word2Vec.load(path).wv
    words, matrix, counts = read_vectors(path, limit=limit)
    vectors = KeyedVectors(matrix.shape[1])
    vectors.add_vectors(words, matrix)
    if counts is not None:
        vectors.expandos["count"] = counts
    return vectors


def _similar(args: argparse.Namespace) -> int:
    vectors = _load(args.vectors, args.limit)
    _print_neighbours(vectors.most_similar(args.words, topn=args.topn))
    return 0


def _analogy(args: argparse.Namespace) -> int:
    vectors = _load(args.vectors, args.limit)
    _print_neighbours(vectors.most_similar([args.b, args.c], [args.a], topn=args.topn))
    return 0


def _print_neighbours(neighbours: Sequence[tuple[str, float]]) -> None:
    for word, similarity in neighbours:
        print(f"{word}\t{similarity:.4f}")


def _eval(args: argparse.Namespace) -> int:
    if not (args.analogies or args.pairs or args.relations):
        args.parser.error("nothing to evaluate: name --analogies FILE, --pairs FILE or --relations FILES")
    if args.relations and not 2 <= len(args.relations) <= 3:
        args.parser.error("--relations takes two or three files: GOLD PARADIGMS [MAXDIFF]")
    vectors = _load(args.vectors)
    if args.analogies:
        score, sections = vectors.evaluate_word_analogies(args.analogies, restrict_vocab=args.restrict_vocab)
        print(f"analogies  {args.analogies}")
        for section in sections:
            _print_section(section["section"], len(section["correct"]), len(section["incorrect"]))
        print(f"  {'accuracy':<32}{score:8.2%}")
    for path in args.pairs or ():
        pearson, spearman, unknown = vectors.evaluate_word_pairs(path, restrict_vocab=args.restrict_vocab)
        print(f"pairs      {path}")
        print(f"  {'Spearman':<32}{spearman[0]:8.4f}\n  {'Pearson':<32}{pearson[0]:8.4f}")
        print(f"  {'pairs with unknown words':<32}{unknown:7.2f}%")
    if args.relations:
        scores = vectors.evaluate_relations(*args.relations, restrict_vocab=args.restrict_vocab)
        print(f"relations  {args.relations[0]}")
        for name, value in scores._asdict().items():
            if isinstance(value, float) and math.isfinite(value):
                print(f"  {name:<32}{value:8.4f}")
    return 0


def _print_section(name: str, right: int, wrong: int) -> None:
    if right + wrong:
        print(f"  {name:<32}{right / (right + wrong):8.2%}  {right}/{right + wrong}")


def _convert(args: argparse.Namespace) -> int:
    from lexigrad.io.convert import convert

    count, size = convert(args.source, args.target, limit=args.limit, target_format=args.format)
    if not args.quiet:
        _say(f"{count:,} words, {size} dimensions -> {args.target}")
    return 0


def _phrases(args: argparse.Namespace) -> int:
    from lexigrad.text.phrases import ENGLISH_CONNECTOR_WORDS, Phrases

    connectors = set(args.connector_words.split(",")) - {""}
    if "english" in connectors:
        connectors = connectors - {"english"} | ENGLISH_CONNECTOR_WORDS
    start = time.perf_counter()
    model = Phrases(
        args.corpus,
        min_count=args.min_count,
        threshold=args.threshold if args.threshold is not None else (10.0 if args.scoring == "default" else 0.5),
        max_vocab_size=args.max_vocab_size,
        delimiter=args.delimiter,
        scoring=args.scoring,
        connector_words=connectors,
    )
    frozen = model.freeze()
    frozen.write_corpus(args.corpus, args.output)
    if args.save_model:
        frozen.save(args.save_model)
    if not args.quiet:
        _say(
            f"{len(frozen):,} phrases among {model.corpus_word_count:,} words -> {args.output} "
            f"({time.perf_counter() - start:.1f} s)"
        )
    return 0


def _plot(args: argparse.Namespace) -> int:
    from lexigrad.plot import plot_vectors

    words = [word for word in args.words.split(",") if word] if args.words is not None else None
    vectors = _load(args.vectors)
    plot_vectors(vectors, args.output, words=words, top=args.top, method=args.method, seed=args.seed)
    return 0


def _bench(args: argparse.Namespace) -> int:
    from lexigrad.embed.word2vec import Word2Vec
    from lexigrad.text import builtin

    sentences = builtin.sentences()
    words = sum(map(len, sentences))
    most = args.workers or _core.num_threads()
    print(f"lexigrad {__version__}, {_core.isa} kernels; {words:,} words of this Python's documentation")
    print(f"{args.size} dimensions, window 5, negative 5, sample 1e-3; thousand words/s, median of 3\n")
    print(f"{'threads':<10}{'skip-gram':>12}{'CBOW':>12}")
    for workers in _thread_counts(most):
        rates = []
        for sg in (1, 0):
            model = Word2Vec(vector_size=args.size, sg=sg, workers=workers, seed=1)
            model.build_vocab(sentences)
            rates.append(_median_rate(model, sentences, words))
        print(f"{workers:<10}{rates[0] / 1e3:>12,.0f}{rates[1] / 1e3:>12,.0f}", flush=True)
    return 0


def _thread_counts(most: int) -> list[int]:
    """1, 2, 4, ... and the greatest."""
    return sorted({*(2**i for i in range(most.bit_length()) if 2**i < most), most})


def _median_rate(model: "Word2Vec", sentences: list[list[str]], words: int, epochs: int = 5) -> float:
    rates = []
    for _ in range(3):
        before = model.total_train_time
        model.train(sentences, total_examples=len(sentences), epochs=epochs)
        rates.append(words * epochs / max(model.total_train_time - before, 1e-9))
    return sorted(rates)[1]


def _demo(args: argparse.Namespace) -> int:
    from lexigrad import demo
    from lexigrad.progress import bar

    with bar(args.quiet) as hook:
        demo.run(hook, workers=args.workers, seed=args.seed)
    return 0


# The parser


class _Parser(argparse.ArgumentParser):
    """Says on one line what is wrong with a command line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"lexigrad: error: {message} (see {self.prog} --help)\n")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def _count_or_zero(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, not {value}")
    return value


_count.__name__ = _count_or_zero.__name__ = "whole number"  # argparse names the type in its message

_OUTPUT_FORMATS = ("word2vec-binary", "word2vec-text", "glove", "projector", "safetensors")


def _parser() -> _Parser:
    parser = _Parser(
        prog="lexigrad",
        description="Word vectors on ordinary CPUs: train, query, evaluate, convert and draw them.",
        epilog="examples:\n"
        "  lexigrad demo\n"
        "  lexigrad train word2vec corpus.txt -o vectors.bin --sg --size 100\n"
        "  lexigrad similar vectors.bin king\n\n"
        "'lexigrad COMMAND --help' tells more about each command.",
    )
    parser.add_argument("--version", action="version", version=f"lexigrad {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_queries(commands)
    _add_eval(commands)
    _add_files(commands)
    _add_plot(commands)
    _add_bench_and_demo(commands)
    _add_diagnose(commands)
    return parser


def _command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    help: str,
    example: str,
    **options: Any,
) -> _Parser:
    parser: _Parser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"example:\n  {example}",
        **options,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def _add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar and no report on stderr")


def _add_workers(group: Any) -> None:
    group.add_argument(
        "--workers", "--threads", type=_count, metavar="N", help="threads (default: all of this machine)"
    )


def _add_train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train a model on a corpus",
        description="Train a model on a corpus.",
        epilog="example:\n  lexigrad train word2vec corpus.txt -o vectors.bin --sg",
    )
    models = train.add_subparsers(title="models", metavar="MODEL", required=True)
    parser = _command(
        models,
        "word2vec",
        _train_word2vec,
        "train word vectors by skip-gram or CBOW",
        "lexigrad train word2vec 'corpus/*.txt.gz' -o vectors.bin --sg --size 300 --sample 1e-4 --epochs 5",
    )
    parser.add_argument(
        "corpus",
        nargs="+",
        help="text files or glob patterns: a sentence a line; .gz, .bz2, .xz and .zst too",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="where the vectors go; the suffix tells the format: .bin and .txt or .vec (word2vec binary and "
        "text, .gz too), .safetensors, .tsv (TensorBoard projector), .model (the whole model, to train on)",
    )
    parser.add_argument(
        "--format", choices=("auto", *_OUTPUT_FORMATS, "model"), default="auto", help="in place of the suffix"
    )
    parser.add_argument("--save-vocab", metavar="FILE", help="also write lines of a word and its count")
    _add_quiet(parser)

    model = parser.add_argument_group("model")
    kind = model.add_mutually_exclusive_group()
    kind.add_argument("--sg", action="store_true", help="skip-gram: predict each word of the window")
    kind.add_argument("--cbow", dest="sg", action="store_false", help="CBOW: predict the centre (default)")
    model.add_argument("--size", "--vector-size", type=_count, default=100, metavar="N", help="dimensions (100)")
    model.add_argument("--window", type=_count, default=5, metavar="N", help="words on either side (5)")
    model.add_argument(
        "--negative", type=_count_or_zero, metavar="N", help="negative samples (5; 0 with --hs or --softmax)"
    )
    model.add_argument("--ns-exponent", type=float, default=0.75, metavar="X", help="power of the counts (0.75)")
    model.add_argument("--hs", action="store_true", help="hierarchical softmax")
    model.add_argument("--softmax", action="store_true", help="the exact softmax over the whole vocabulary: slow")

    vocabulary = parser.add_argument_group("vocabulary")
    vocabulary.add_argument("--min-count", type=_count_or_zero, default=5, metavar="N", help="rarer words go (5)")
    vocabulary.add_argument("--sample", type=float, default=1e-3, metavar="X", help="thins frequent words (1e-3)")
    vocabulary.add_argument("--max-final-vocab", type=_count, metavar="N", help="keep at most so many words")
    vocabulary.add_argument("--max-vocab-size", type=_count, metavar="N", help="bound on the words counted")

    training = parser.add_argument_group("training")
    training.add_argument("--epochs", "--iter", type=_count, default=5, metavar="N", help="passes (5)")
    training.add_argument("--alpha", type=float, default=0.025, metavar="X", help="first learning rate (0.025)")
    training.add_argument("--min-alpha", type=float, default=1e-4, metavar="X", help="last learning rate (1e-4)")
    training.add_argument("--seed", type=int, default=1, metavar="N", help="one worker and one seed: one result (1)")
    _add_workers(training)
    training.add_argument("--checkpoint", metavar="FILE", help="save the state of the training here now and then")
    training.add_argument(
        "--checkpoint-minutes", type=float, default=10.0, metavar="X", help="minutes between checkpoints (10)"
    )
    training.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint, if there is one, with its settings; the corpus must be the same",
    )


def _add_queries(commands: Any) -> None:
    similar = _command(
        commands,
        "similar",
        _similar,
        "print the words nearest to a word, or to the mean of several",
        "lexigrad similar vectors.bin king --topn 5",
    )
    analogy = _command(
        commands,
        "analogy",
        _analogy,
        "answer what is to C as B is to A",
        "lexigrad analogy vectors.bin man king woman",
    )
    for parser in (similar, analogy):
        parser.add_argument("vectors", help="a file of vectors in any format, or a saved model")
        parser.add_argument("--topn", type=_count, default=10, metavar="N", help="how many answers (10)")
        parser.add_argument("--limit", type=_count, metavar="N", help="read only the first vectors of the file")
    similar.add_argument("words", nargs="+", metavar="WORD")
    for name in "abc":
        analogy.add_argument(name, metavar=name.upper())


def _add_eval(commands: Any) -> None:
    parser = _command(
        commands,
        "eval",
        _eval,
        "evaluate vectors on analogies, judged pairs of words and relations",
        "lexigrad eval vectors.bin --analogies questions-words.txt --pairs wordsim353.tsv --pairs men.tsv",
    )
    parser.add_argument("vectors", help="a file of vectors in any format, or a saved model")
    parser.add_argument("--analogies", metavar="FILE", help="four words a line, sections after a colon")
    parser.add_argument(
        "--pairs",
        action="append",
        metavar="FILE",
        help="word, word and score, tab-separated; may be repeated",
    )
    parser.add_argument(
        "--relations", nargs="+", metavar="FILE", help="GOLD PARADIGMS [MAXDIFF] of SemEval-2012 task 2"
    )
    parser.add_argument(
        "--restrict-vocab", type=_count, default=300_000, metavar="N", help="the most frequent words (300000)"
    )


def _add_files(commands: Any) -> None:
    convert = _command(
        commands,
        "convert",
        _convert,
        "write vectors in another format",
        "lexigrad convert vectors.bin vectors.txt.gz",
    )
    convert.add_argument("source", metavar="IN", help="a file of vectors in any format")
    convert.add_argument("target", metavar="OUT", help="its suffix tells the format")
    convert.add_argument("--format", choices=_OUTPUT_FORMATS, help="of OUT, in place of the suffix")
    convert.add_argument("--limit", type=_count, metavar="N", help="only the first vectors")
    _add_quiet(convert)

    phrases = _command(
        commands,
        "phrases",
        _phrases,
        "join the phrases of a corpus, as new_york, and write the corpus",
        "lexigrad phrases corpus.txt -o phrased.txt.gz --connector-words english",
    )
    phrases.add_argument("corpus", nargs="+", help="text files or glob patterns: a sentence a line")
    phrases.add_argument("-o", "--output", required=True, metavar="FILE", help="may end in .gz, .bz2, .xz or .zst")
    phrases.add_argument("--min-count", type=_count, default=5, metavar="N", help="rarer phrases are none (5)")
    phrases.add_argument("--threshold", type=float, metavar="X", help="least score (10; 0.5 for npmi)")
    phrases.add_argument("--scoring", choices=("default", "npmi"), default="default")
    phrases.add_argument("--delimiter", default="_", metavar="TEXT", help="between the words of a phrase (_)")
    phrases.add_argument(
        "--connector-words",
        default="",
        metavar="WORDS",
        help="words allowed inside a phrase, after commas; 'english' stands for common ones",
    )
    phrases.add_argument(
        "--max-vocab-size", type=_count, default=40_000_000, metavar="N", help="bound on the entries counted"
    )
    phrases.add_argument("--save-model", metavar="FILE", help="also write the phrases and their scores as JSON")
    _add_quiet(phrases)


def _add_plot(commands: Any) -> None:
    parser = _command(
        commands,
        "plot",
        _plot,
        "draw a map of words in two dimensions",
        "lexigrad plot vectors.bin -o map.png --words king,queen,man,woman,prince,princess",
    )
    parser.add_argument("vectors", help="a file of vectors in any format, or a saved model")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help=".png, .svg or .pdf")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--words", metavar="A,B,C", help="the words to draw")
    chosen.add_argument("--top", type=_count, default=200, metavar="N", help="or the most frequent ones (200)")
    parser.add_argument(
        "--method",
        choices=("pca", "tsne", "umap"),
        default="pca",
        help="principal components (default), t-SNE (needs scikit-learn) or UMAP (needs umap-learn)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of t-SNE and UMAP (0)")


def _add_bench_and_demo(commands: Any) -> None:
    bench = _command(
        commands,
        "bench",
        _bench,
        "measure how fast this machine trains; needs no file",
        "lexigrad bench --size 300",
    )
    bench.add_argument("--size", type=_count, default=100, metavar="N", help="dimensions (100)")
    _add_workers(bench)
    demo = _command(
        commands,
        "demo",
        _demo,
        "train on the documentation inside this Python and show what the vectors know; needs no file",
        "lexigrad demo",
    )
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="of the training (1)")
    _add_workers(demo)
    _add_quiet(demo)


# Diagnostics


def _add_diagnose(commands: Any) -> None:
    diagnose = commands.add_parser(
        "diagnose",
        help="show vanishing and exploding gradients; needs no file",
        description="Show vanishing and exploding gradients of recurrent layers.",
        epilog="example:\n  lexigrad diagnose gradient-flow -o flow.png",
    )
    pictures = diagnose.add_subparsers(title="what", metavar="WHAT", required=True)
    flow = _command(
        pictures,
        "gradient-flow",
        _diagnose_gradient_flow,
        "print how far gradients reach in a tanh RNN, an identity-ReLU RNN, a GRU and an LSTM",
        "lexigrad diagnose gradient-flow --steps 300 -o flow.png",
    )
    flow.add_argument("-o", "--output", metavar="FILE", help="also draw it: .png, .svg or .pdf")
    flow.add_argument("--hidden", type=_count, default=64, metavar="N", help="units of each layer (64)")
    flow.add_argument("--steps", type=_count, default=100, metavar="N", help="length of the sequences (100)")
    flow.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and input (0)")
    clipping = _command(
        pictures,
        "clipping",
        _diagnose_clipping,
        "draw the cliff in the error of a one-unit RNN, and descent with and without clipping",
        "lexigrad diagnose clipping -o cliff.png",
    )
    clipping.add_argument("-o", "--output", required=True, metavar="FILE", help=".png, .svg or .pdf")


def _diagnose_gradient_flow(args: argparse.Namespace) -> int:
    import numpy as np

    from lexigrad.diagnostics import gradient_flow, layers_for_long_sequences

    if args.output:
        from lexigrad.plot import plot_gradient_flow
        from lexigrad.plot.figure import check_suffix

        check_suffix(args.output)
    rng = np.random.default_rng(args.seed)
    x = rng.random((args.steps, 8, 2), np.float32)
    layers = layers_for_long_sequences(2, args.hidden, args.steps, rng=rng)
    flows = {name: gradient_flow(layer, x) for name, layer in layers.items()}
    columns = {f"{name}, dh_t/dh_k": flow.norms for name, flow in flows.items()}
    columns |= {f"{name}, dc_t/dc_k": flow.cell_norms for name, flow in flows.items() if flow.cell_norms is not None}
    columns |= {f"{name}, bound": flow.bound for name, flow in flows.items() if flow.bound is not None}
    distances = sorted({0, 1, 3, 10, 30, 100, 300, 1000, args.steps} & set(range(args.steps + 1)))
    print(f"{'distance t - k':<30}" + "".join(f"{distance:>10}" for distance in distances))
    for name, norms in columns.items():
        middle = norms if norms.ndim == 1 else np.median(norms, axis=1)
        print(f"{name:<30}" + "".join(f"{middle[distance]:>10.2g}" for distance in distances))
    if args.output:
        plot_gradient_flow(flows, args.output)
    return 0


def _diagnose_clipping(args: argparse.Namespace) -> int:
    from lexigrad.plot import plot_clipping

    plot_clipping(args.output)
    return 0
