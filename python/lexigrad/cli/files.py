"""The commands ``convert`` and ``phrases``, which make files from files."""

import argparse
import time
from typing import Any

from lexigrad.cli.common import add_quiet, command, count, say
from lexigrad.cli.vectors import OUTPUT_FORMATS


def add(commands: Any) -> None:
    convert = command(
        commands,
        "convert",
        _convert,
        "write vectors in another format",
        "lexigrad convert vectors.bin vectors.txt.gz",
    )
    convert.add_argument("source", metavar="IN", help="a file of vectors in any format")
    convert.add_argument("target", metavar="OUT", help="its suffix tells the format")
    convert.add_argument("--format", choices=OUTPUT_FORMATS, help="of OUT, in place of the suffix")
    convert.add_argument("--limit", type=count, metavar="N", help="only the first vectors")
    add_quiet(convert)

    phrases = command(
        commands,
        "phrases",
        _phrases,
        "join the phrases of a corpus, as new_york, and write the corpus",
        "lexigrad phrases corpus.txt -o phrased.txt.gz --connector-words english",
    )
    phrases.add_argument("corpus", nargs="+", help="text files or glob patterns: a sentence a line")
    phrases.add_argument("-o", "--output", required=True, metavar="FILE", help="may end in .gz, .bz2, .xz or .zst")
    phrases.add_argument("--min-count", type=count, default=5, metavar="N", help="rarer phrases are none (5)")
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
        "--max-vocab-size", type=count, default=40_000_000, metavar="N", help="bound on the entries counted"
    )
    phrases.add_argument("--save-model", metavar="FILE", help="also write the phrases and their scores as JSON")
    add_quiet(phrases)


def _convert(args: argparse.Namespace) -> int:
    from lexigrad.io.convert import convert

    count, size = convert(args.source, args.target, limit=args.limit, target_format=args.format)
    if not args.quiet:
        say(f"{count:,} words, {size} dimensions -> {args.target}")
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
        say(
            f"{len(frozen):,} phrases among {model.corpus_word_count:,} words -> {args.output} "
            f"({time.perf_counter() - start:.1f} s)"
        )
    return 0
