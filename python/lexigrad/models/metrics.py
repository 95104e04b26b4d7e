"""How right answers are: accuracy of tags, F1 of spans, error rates of words and characters, BLEU."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple


class Scores(NamedTuple):
    """Precision, recall and their harmonic mean, between 0 and 1; 0 where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


def accuracy(expected: Sequence[Sequence[Hashable]], found: Sequence[Sequence[Hashable]]) -> float:
    """The share of tags that are right, over all sentences; 1 where there are none.

    Raises:
        ValueError: there are not as many sentences, or a sentence has not as many tags.
    """
    _check_aligned(expected, found)
    right = sum(a == b for one, other in zip(expected, found, strict=True) for a, b in zip(one, other, strict=True))
    total = sum(map(len, expected))
    return right / total if total else 1.0


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """The spans of BIO tags: (type, begin, end), as conlleval finds them.

    A span begins with "B-type", or with "I-type" after anything but a span of that type, and goes on with "I-type".
    """
    found, kind, begin = set(), "", 0
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if kind and not (prefix == "I" and name == kind):
            found.add((kind, begin, place))
            kind = ""
        if prefix in ("B", "I") and name and not kind:
            kind, begin = name, place
    return found


def span_scores(expected: Sequence[Sequence[str]], found: Sequence[Sequence[str]]) -> Scores:
    """Precision, recall and F1 of spans in BIO tags; a span is right if its type and both ends are.

    Raises:
        ValueError: as of :func:`accuracy`.
    """
    _check_aligned(expected, found)
    right = wanted = given = 0
    for one, other in zip(expected, found, strict=True):
        a, b = spans(one), spans(other)
        right, wanted, given = right + len(a & b), wanted + len(a), given + len(b)
    precision, recall = right / max(1, given), right / max(1, wanted)
    return Scores(precision, recall, 2 * right / max(1, given + wanted))


def edit_distance(expected: Sequence[Hashable], found: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and substitutions that make one of the other (Levenshtein 1966)."""
    row = list(range(len(found) + 1))
    for i, a in enumerate(expected, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(found, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def word_error_rate(expected: Iterable[str], found: Iterable[str]) -> float:
    """Edits of words over the number of words expected, over all texts; words stand between white space.

    Raises:
        ValueError: there are not as many texts, or no words are expected.
    """
    return _error_rate([text.split() for text in expected], [text.split() for text in found])


def char_error_rate(expected: Iterable[str], found: Iterable[str]) -> float:
    """The same of characters."""
    return _error_rate(list(expected), list(found))


def bleu(
    expected: Sequence[Sequence[Sequence[Hashable]]], found: Sequence[Sequence[Hashable]], order: int = 4
) -> float:
    """How many n-grams of sentences are those of references, from 0 to 1 (Papineni et al. 2002), over all sentences.

        BLEU = min(1, exp(1 - r / c)) (p_1 ... p_N)^(1/N)

    p_n: the share of n-grams found that a reference has, each as often as one reference has it at most; c: tokens
    found; r: tokens of the references nearest in length, the shorter of two as near.

    Args:
        expected: the references of each sentence, as tokens.
        found: tokens of the sentences.
        order: N.

    Raises:
        ValueError: there are not as many sentences as lists of references, or one has no reference.
    """
    if len(expected) != len(found) or not all(len(references) for references in expected):
        raise ValueError(f"expected references of {len(found)} sentences, one or more for each, not of {len(expected)}")
    right, given = [0] * order, [0] * order
    short = 0
    for references, sentence in zip(expected, found, strict=True):
        size = len(sentence)
        short += min((abs(len(reference) - size), len(reference)) for reference in references)[1] - size
        for n in range(1, order + 1):
            most: Counter[tuple[Hashable, ...]] = Counter()
            for reference in references:
                most |= _ngrams(reference, n)
            grams = _ngrams(sentence, n)
            right[n - 1] += (grams & most).total()
            given[n - 1] += grams.total()
    if not all(right):
        return 0.0
    precision = math.prod(a / b for a, b in zip(right, given, strict=True)) ** (1 / order)
    return min(1.0, math.exp(-short / given[0])) * precision


def _ngrams(tokens: Sequence[Hashable], n: int) -> "Counter[tuple[Hashable, ...]]":
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _error_rate(expected: Sequence[Sequence[Hashable]], found: Sequence[Sequence[Hashable]]) -> float:
    if len(expected) != len(found):
        raise ValueError(f"{len(expected)} texts are expected, but {len(found)} given")
    total = sum(map(len, expected))
    if total == 0:
        raise ValueError("nothing is expected: there is no error rate")
    return sum(edit_distance(a, b) for a, b in zip(expected, found, strict=True)) / total


def _check_aligned(expected: Sequence[Sequence[Hashable]], found: Sequence[Sequence[Hashable]]) -> None:
    if len(expected) != len(found):
        raise ValueError(f"{len(expected)} sentences are expected, but {len(found)} given")
    for place, (one, other) in enumerate(zip(expected, found, strict=True)):
        if len(one) != len(other):
            raise ValueError(f"sentence {place} has {len(one)} tags, but {len(other)} are given")
