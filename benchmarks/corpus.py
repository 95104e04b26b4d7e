"""The corpora that the benchmarks run on, made when they are first needed.

They are made from articles in ../shared/data, seen from the project, or in the directory that LEXIGRAD_DATA
names.
"""

import lzma
import os
import random
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import PROJECT

DATA = Path(os.environ.get("LEXIGRAD_DATA") or PROJECT.parent / "shared" / "data")
ARTICLES = (
    DATA / "corpus" / "simplewiki-202111.txt.xz",
    DATA / "corpus" / "enwiki-vital1000-202209.txt.xz",
)
TOKENS = 17_000_000

_TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_TITLE = re.compile(r"= .* =$")


class Text(NamedTuple):
    """A corpus file: one paragraph a line, tokens between single spaces."""

    path: Path
    tokens: int


def directory() -> Path:
    """Where corpora are kept: LEXIGRAD_BENCH_DIR, or a directory for temporary files."""
    path = Path(os.environ.get("LEXIGRAD_BENCH_DIR") or Path(tempfile.gettempdir()) / "lexigrad-benchmarks")
    path.mkdir(parents=True, exist_ok=True)
    return path


def wiki(tokens: int = TOKENS) -> Text:
    """The first ``tokens`` tokens of the articles, which are shuffled: a prefix is like the whole.

    Raises:
        FileNotFoundError: neither the corpus nor what it is made from is there.
    """
    path = directory() / f"wiki-{tokens}.txt"
    if not path.exists():
        partial = path.with_suffix(".partial")
        write_tokens(partial, paragraphs(ARTICLES), tokens)
        partial.rename(path)
    return Text(path, tokens)


def repeated(text: Text, tokens: int) -> Text:
    """A corpus written again and again, whole, until it has at least so many tokens."""
    times = -(-tokens // text.tokens)
    path = text.path.with_name(f"{text.path.stem}-x{times}.txt")
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("wb") as out:
            for _ in range(times):
                with text.path.open("rb") as source:
                    shutil.copyfileobj(source, out, 1 << 20)
        partial.rename(path)
    return Text(path, times * text.tokens)


def paragraphs(paths: Sequence[Path], seed: int = 1) -> Iterator[list[str]]:
    """The tokens of each paragraph, in lower case; the articles of all files in shuffled order."""
    every = [article for path in paths for article in _articles(path)]
    random.Random(seed).shuffle(every)
    for article in every:
        for line in article:
            tokens = _TOKEN.findall(line.lower())
            if tokens:
                yield tokens


def write_tokens(path: Path, sentences: Iterator[list[str]], limit: int) -> None:
    """Write exactly ``limit`` tokens, a sentence a line.

    Raises:
        ValueError: there are not so many.
    """
    left = limit
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for tokens in sentences:
            out.write(" ".join(tokens[:left]) + "\n")
            left -= len(tokens)
            if left <= 0:
                return
    raise ValueError(f"the articles have {limit - left} tokens, not {limit}")


def _articles(path: Path) -> Iterator[list[str]]:
    """The lines of each article, from its title to the next one."""
    article: list[str] = []
    with lzma.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            if _TITLE.match(line) and article:
                yield article
                article = []
            article.append(line)
    if article:
        yield article
