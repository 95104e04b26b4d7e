"""A corpus that every Python brings along: its own English documentation.

The language reference in ``pydoc_data.topics`` and the docstrings of the standard library's sources: some
300,000 words, which the demo, the command line's benchmark and the tests read without a file or a network.
"""

import ast
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SENTENCE_END = re.compile(r"[.!?:;]+(?:\s|$)|\n\s*\n")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_EXAMPLE = re.compile(r"^\s*(?:>>>|\.\.\.).*", re.MULTILINE)  # code, not English
_MARKUP = re.compile(r":\w+:`|``|[*`|]")
_SKIPPED = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "encodings", "__pycache__"})
_LARGEST_SOURCE = 1 << 21  # bytes
_NOTHING = "this Python carries no documentation (pydoc_data and the library's sources are missing)"


def sentences() -> list[list[str]]:
    """Sentences of lower-case words from this Python's documentation; the same list each time.

    Returns:
        Token lists of at least three words, without repetitions.

    Raises:
        RuntimeError: this installation carries neither the topics nor the library's sources.
    """
    found: dict[tuple[str, ...], None] = {}
    for text in _texts():
        found.update((sentence, None) for sentence in _split(text))
    if not found:
        raise RuntimeError(_NOTHING)
    return [list(sentence) for sentence in found]


def text(characters: int) -> str:
    """At most so many characters of this Python's documentation: ASCII, no empty lines; the same text each time.

    Raises:
        RuntimeError: this installation carries neither the topics nor the library's sources.
    """
    parts: list[str] = []
    left = characters
    for part in _texts():
        lines = [
            " ".join(line.split()) for line in _EXAMPLE.sub("", part).encode("ascii", "ignore").decode().split("\n")
        ]
        parts.append("".join(f"{line}\n" for line in lines if line)[:left])
        left -= len(parts[-1])
        if left <= 0:
            break
    if not parts:
        raise RuntimeError(_NOTHING)
    return "".join(parts)


def _texts() -> Iterator[str]:
    yield from _topics()
    root = sysconfig.get_path("stdlib")
    if root:
        for path in sorted(Path(root).rglob("*.py")):
            if _SKIPPED.isdisjoint(path.relative_to(root).parts[:-1]):
                yield from _docstrings(path)


def _topics() -> Iterator[str]:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return
    yield from topics.values()


def _docstrings(path: Path) -> Iterator[str]:
    """The docstrings of a source file; none when it cannot be read or parsed."""
    try:
        if path.stat().st_size > _LARGEST_SOURCE:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's sources
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    nodes: list[Any] = [tree]  # everything with a body of statements
    for node in nodes:
        nodes += [child for child in getattr(node, "body", ()) if isinstance(getattr(child, "body", None), list)]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            if text:
                yield text


def _split(text: str) -> Iterator[tuple[str, ...]]:
    for piece in _SENTENCE_END.split(_MARKUP.sub(" ", _EXAMPLE.sub("\n", text).lower())):
        words = tuple(_WORD.findall(piece))
        if len(words) >= 3:
            yield words
