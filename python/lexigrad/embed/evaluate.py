"""How good vectors are: analogies, similarity of pairs, degrees of relational similarity."""

from __future__ import annotations

import logging
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lexigrad.io.compressed import open_binary

if TYPE_CHECKING:
    from lexigrad.embed.keyedvectors import KeyedVectors

logger = logging.getLogger(__name__)

Path = str | os.PathLike[str]
Words = tuple[str, ...]

_ANALOGIES_PER_CALL = 4096
_CANDIDATES = 5  # as gensim: the best of these that is none of the question's words


class Correlation(NamedTuple):
    """A coefficient of correlation and its two-sided p-value; NaN where one side is constant."""

    statistic: float
    pvalue: float


class RelationScores(NamedTuple):
    """What :func:`relations` returns: means over the relations, and the figures of each.

    ``relations`` holds a dict for each relation: ``relation`` (its name), ``spearman``, ``maxdiff`` (per
    cent; NaN without answers), ``pairs`` (how many were rated), ``questions`` (how many were scored),
    ``oov`` (pairs with unknown words).
    """

    spearman: float
    maxdiff: float
    relations: list[dict[str, Any]]


def word_analogies(
    vectors: KeyedVectors,
    analogies: Path,
    restrict_vocab: int | None = 300000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
    similarity_function: str = "most_similar",
) -> tuple[float, list[dict[str, Any]]]:
    """Share of the analogies "a is to b as c is to ?" that are solved.

    Args:
        vectors: what to evaluate.
        analogies: file of four words a line, in sections that begin with a line ``: name``; may be
            compressed. Lines of another number of words are skipped.
        restrict_vocab: use the first so many words only, as if there were no others.
        case_insensitive: compare words in upper case; of several spellings the first one counts.
        dummy4unknown: count analogies with unknown words as not solved; by default they are skipped.
        similarity_function: "most_similar" or "most_similar_cosmul".

    Returns:
        The share, and a list of dicts with ``section``, ``correct`` and ``incorrect`` (lists of the four
        words), the last one, "Total accuracy", for all sections together.

    Raises:
        ValueError: analogies before the first section, or none at all; an unknown ``similarity_function``.
    """
    if similarity_function not in ("most_similar", "most_similar_cosmul"):
        raise ValueError(
            f"similarity_function must be most_similar or most_similar_cosmul, not {similarity_function!r}"
        )
    sections = _read_analogies(analogies, _folding(case_insensitive))
    vocabulary = _vocabulary(vectors, restrict_vocab, case_insensitive)
    known = [q for _, questions in sections for q in questions if all(word in vocabulary for word in q)]
    rows = np.array([[vocabulary[word] for word in q] for q in known], np.int64).reshape(-1, 4)
    if similarity_function == "most_similar":
        answers = _offset_answers(vectors, rows[:, :3], restrict_vocab)
    else:
        answers = _product_answers(vectors, rows[:, :3], restrict_vocab)

    fold = _folding(case_insensitive)
    solved = {}
    for question, candidates in zip(known, answers, strict=True):
        words = [fold(vectors.index_to_key[i]) for i in candidates if i >= 0]
        allowed = [word for word in words if word not in question[:3]]
        solved[question] = (allowed or words[-1:])[:1] == [question[3]]
    results, unknown = [], 0
    for name, questions in sections:
        result: dict[str, Any] = {"section": name, "correct": [], "incorrect": []}
        for question in questions:
            unknown += question not in solved
            if question in solved or dummy4unknown:
                result["correct" if solved.get(question) else "incorrect"].append(question)
        results.append(result)
    total: dict[str, Any] = {"section": "Total accuracy"}
    for outcome in ("correct", "incorrect"):
        total[outcome] = [question for result in results for question in result[outcome]]
    results.append(total)
    for result in results:
        logger.info("%s: %.1f%%", result["section"], 100 * _share(result))
    logger.info("analogies with unknown words: %d", unknown)
    return _share(total), results


def word_pairs(
    vectors: KeyedVectors,
    pairs: Path,
    delimiter: str = "\t",
    encoding: str = "utf8",
    restrict_vocab: int | None = 300000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> tuple[Correlation, Correlation, float]:
    """Correlation of cosines with human judgements of the similarity of pairs.

    Args:
        vectors: what to evaluate.
        pairs: file of two words and a number a line; may be compressed. Lines that begin with # and such as
            do not fit are skipped.
        delimiter: what stands between the three.
        encoding: of the file.
        restrict_vocab: use the first so many words only, as if there were no others.
        case_insensitive: compare words in upper case; of several spellings the first one counts.
        dummy4unknown: give pairs with unknown words the similarity 0; by default they are skipped.

    Returns:
        Pearson's and Spearman's coefficients, each with its p-value, and the percentage of pairs with
        unknown words.

    Raises:
        ValueError: fewer than two pairs are left.
    """
    fold, vocabulary = _folding(case_insensitive), _vocabulary(vectors, restrict_vocab, case_insensitive)
    gold: list[float] = []
    rows: list[tuple[int, int]] = []
    unknown = 0
    for line in _lines(pairs, encoding):
        fields = line.split(delimiter)
        score = _number(fields[-1])
        if line.startswith("#") or len(fields) != 3 or score is None:
            continue
        a, b = vocabulary.get(fold(fields[0]), -1), vocabulary.get(fold(fields[1]), -1)
        known = a >= 0 and b >= 0
        unknown += not known
        if known or dummy4unknown:
            gold.append(score)
            rows.append((a, b) if known else (-1, -1))
    if len(gold) < 2:
        raise ValueError(
            f"{os.fspath(pairs)}: {len(gold)} usable pairs and {unknown} with unknown words: "
            f"at least two lines of two known words and a number, with {delimiter!r} between them, are needed"
        )
    index = np.array(rows)
    left, right = vectors._units(index[:, 0]), vectors._units(index[:, 1])
    similarities = np.where(index[:, 0] >= 0, np.einsum("nd,nd->n", left, right), 0)
    total = len(gold) if dummy4unknown else len(gold) + unknown
    return pearson(gold, similarities), spearman(gold, similarities), 100 * unknown / total


def relations(
    vectors: KeyedVectors,
    gold: Path,
    paradigms: Path,
    maxdiff: Path | None = None,
    *,
    split: str = "test",
    restrict_vocab: int | None = 300000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> RelationScores:
    """SemEval-2012 task 2, degrees of relational similarity (Jurgens, Mohammad, Turney and Holyoak 2012).

    How well a pair a:b illustrates a relation is the mean cosine of its offset b - a (of vectors of length
    1) with those of the relation's paradigm pairs (Mikolov, Yih and Zweig 2013). For each relation these
    degrees are scored by

    - Spearman's coefficient with the gold ratings of its pairs;
    - MaxDiff: of four pairs the one of the greatest degree is chosen as most and that of the least as least
      illustrative; a choice is right if no other pair was chosen by more people. Per cent of right choices.

    Pairs with unknown words are not rated, and questions with such pairs not scored.

    Args:
        vectors: what to evaluate.
        gold: tab-separated file with the columns split, category, score, word1, word2. This and the next two
            have a line of column names, and may be compressed.
        paradigms: columns split, category, paradigms (``a:b`` pairs with spaces between them).
        maxdiff: columns split, category, pair1 to pair4, least, most (pairs as ``a:b``); None to leave
            MaxDiff out.
        split: the rows whose column split says so are used; None for all.
        restrict_vocab: use the first so many words only, as if there were no others.
        case_insensitive: compare words in upper case; of several spellings the first one counts.
        dummy4unknown: rate pairs with unknown words 0, and score every question.

    Returns:
        Means over the relations (NaN left out) and the figures of each.

    Raises:
        ValueError: a file lacks a column or holds something else than is said above, or no relation is left.
    """
    fold, vocabulary = _folding(case_insensitive), _vocabulary(vectors, restrict_vocab, case_insensitive)
    raters: dict[str, _Rater] = {}
    for row in _table(paradigms, ("split", "category", "paradigms"), split):
        examples = [_pair(pair, paradigms) for pair in row["paradigms"].replace(": ", ":").split()]
        raters[row["category"]] = _Rater(vectors, vocabulary, fold, examples)
    rated: dict[str, dict[str, float]] = defaultdict(dict)
    for row in _table(gold, ("split", "category", "score", "word1", "word2"), split):
        score = _number(row["score"])
        if score is None or row["category"] not in raters:
            raise ValueError(f"{os.fspath(gold)}: a score that is no number, or no paradigms: {row}")
        rated[row["category"]][_pair(f"{row['word1']}:{row['word2']}", gold)] = score
    questions: dict[str, dict[Words, list[Words]]] = defaultdict(lambda: defaultdict(list))
    columns = ("split", "category", "pair1", "pair2", "pair3", "pair4", "least", "most")
    for row in [] if maxdiff is None else _table(maxdiff, columns, split):
        four = tuple(_pair(row[f"pair{i}"], maxdiff) for i in range(1, 5))
        questions[row["category"]][four].append((row["least"], row["most"]))
    if not rated:
        raise ValueError(f"{os.fspath(gold)}: no pairs of the split {split!r}")

    results: list[dict[str, Any]] = []
    for relation, scores in rated.items():
        degree = raters[relation].degrees({*scores, *(pair for four in questions[relation] for pair in four)})
        if dummy4unknown:
            degree = {pair: 0.0 if math.isnan(value) else value for pair, value in degree.items()}
        known = [pair for pair in scores if not math.isnan(degree[pair])]
        rho = spearman([scores[p] for p in known], [degree[p] for p in known]).statistic if len(known) > 1 else math.nan
        accuracy, asked = _maxdiff(questions[relation], degree)
        results.append(
            {
                "relation": relation,
                "spearman": rho,
                "maxdiff": accuracy,
                "pairs": len(known),
                "questions": asked,
                "oov": sum(not raters[relation].knows(pair) for pair in scores),
            }
        )
    return RelationScores(_mean(r["spearman"] for r in results), _mean(r["maxdiff"] for r in results), results)


class _Rater:
    """The degree to which pairs illustrate one relation."""

    def __init__(
        self,
        vectors: KeyedVectors,
        vocabulary: dict[str, int],
        fold: Callable[[str], str],
        paradigms: Sequence[str],
    ) -> None:
        self._vectors, self._vocabulary, self._fold = vectors, vocabulary, fold
        self._paradigms = self._offsets([pair for pair in paradigms if self.knows(pair)])

    def knows(self, pair: str) -> bool:
        return all(word in self._vocabulary for word in self._words(pair))

    def degrees(self, pairs: set[str]) -> dict[str, float]:
        """Mean cosine with the paradigms, NaN for pairs with unknown words or where no paradigm is known."""
        known = sorted(pair for pair in pairs if self.knows(pair))
        values = [math.nan] * len(known)
        if known and len(self._paradigms):
            values = (self._offsets(known) @ self._paradigms.T).mean(axis=1).tolist()
        return dict.fromkeys(pairs, math.nan) | dict(zip(known, values, strict=True))

    def _words(self, pair: str) -> Words:
        return tuple(self._fold(word) for word in pair.split(":"))

    def _offsets(self, pairs: Sequence[str]) -> NDArray[Any]:
        rows = np.array([[self._vocabulary[word] for word in self._words(pair)] for pair in pairs], np.int64)
        rows = rows.reshape(-1, 2)
        offsets = self._vectors._units(rows[:, 1]) - self._vectors._units(rows[:, 0])
        lengths = np.linalg.norm(offsets, axis=1, keepdims=True)
        return np.asarray(offsets / np.where(lengths == 0, 1, lengths))


def _maxdiff(questions: dict[Words, list[Words]], degree: dict[str, float]) -> tuple[float, int]:
    """Per cent of right choices and number of questions, without those with pairs of unknown degree."""
    right = choices = asked = 0
    for four, answers in questions.items():
        if any(math.isnan(degree[pair]) for pair in four):
            continue
        asked += 1
        for side, choose in enumerate((min, max)):
            votes = Counter(answer[side] for answer in answers if answer[side])  # some people named only one pair
            if votes:
                choices += 1
                right += votes[choose(four, key=degree.__getitem__)] == max(votes.values())
    return (100 * right / choices if choices else math.nan), asked


def pearson(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Pearson's coefficient of n >= 2 pairs of numbers, with its two-sided p-value for normal data."""
    a, b = _centred(x), _centred(y)
    scale = math.sqrt(float(a @ a) * float(b @ b))
    if scale == 0 or math.isnan(scale):
        return Correlation(math.nan, math.nan)
    r = max(-1.0, min(1.0, float(a @ b) / scale))
    freedom = len(a) - 2
    if freedom < 1:
        return Correlation(r, 1.0)
    # Student's t with t^2 = r^2 freedom / (1 - r^2): the two tails hold I_{1 - r^2}(freedom / 2, 1 / 2).
    return Correlation(r, _incomplete_beta(freedom / 2, 0.5, 1 - r * r))


def spearman(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Spearman's coefficient: Pearson's of the ranks, equal values having their mean rank."""
    return pearson(_ranks(x), _ranks(y))


def _centred(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    return np.asarray(array - array.mean())


def _ranks(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if np.isnan(array).any():
        return np.full(len(array), np.nan)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function: continued fraction 26.5.8 of Abramowitz and Stegun, by Lentz."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1 - _incomplete_beta(b, a, 1 - x)
    fraction, c, d = 1.0, 1.0, 0.0
    for i in range(1000):
        m = i // 2
        if i == 0:
            term = 1.0
        elif i % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + term * d)
        c = 1 + term / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    power = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(power) / a * (fraction - 1)


def _offset_answers(vectors: KeyedVectors, rows: NDArray[np.int64], restrict_vocab: int | None) -> Iterator[list[int]]:
    """Rows of the best candidates by 3CosAdd for questions a b c (n, 3)."""
    begin, end = vectors._range(0, None, restrict_vocab)
    for first in range(0, len(rows), _ANALOGIES_PER_CALL):
        block = rows[first : first + _ANALOGIES_PER_CALL]
        a, b, c = (vectors._units(column).astype(np.float32) for column in block.T)
        sums = b + c - a
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        queries = sums / np.where(lengths == 0, np.float32(1), lengths)
        yield from vectors._search(queries, block.tolist(), _CANDIDATES, begin, end)[0].tolist()


def _product_answers(vectors: KeyedVectors, rows: NDArray[np.int64], restrict_vocab: int | None) -> Iterator[list[int]]:
    """Rows of the best candidates by 3CosMul for questions a b c (n, 3)."""
    keys = vectors.index_to_key
    for a, b, c in rows.tolist():
        found = vectors.most_similar_cosmul([keys[b], keys[c]], [keys[a]], _CANDIDATES, restrict_vocab)
        yield [vectors.get_index(key) for key, _ in found]


def _read_analogies(path: Path, fold: Callable[[str], str]) -> list[tuple[str, list[Words]]]:
    sections: list[tuple[str, list[Words]]] = []
    for number, line in enumerate(_lines(path, "utf8"), 1):
        if line.startswith(": "):
            sections.append((line[2:].strip(), []))
            continue
        words = tuple(fold(word) for word in line.split())
        if words and not sections:
            raise ValueError(f"{os.fspath(path)}, line {number}: expected a line ': section name' before the analogies")
        if len(words) == 4:
            sections[-1][1].append(words)
    if not any(questions for _, questions in sections):
        raise ValueError(f"{os.fspath(path)}: no analogies: expected four words a line below ': section name'")
    return sections


def _vocabulary(vectors: KeyedVectors, restrict_vocab: int | None, case_insensitive: bool) -> dict[str, int]:
    fold, vocabulary = _folding(case_insensitive), dict[str, int]()
    for row, key in enumerate(vectors.index_to_key[:restrict_vocab]):
        if isinstance(key, str):
            vocabulary.setdefault(fold(key), row)
    return vocabulary


def _folding(case_insensitive: bool) -> Callable[[str], str]:
    return str.upper if case_insensitive else str


def _lines(path: Path, encoding: str) -> Iterator[str]:
    with open_binary(path) as file:
        for number, line in enumerate(file, 1):
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError as error:
                raise ValueError(f"{os.fspath(path)}, line {number}: not {encoding}: {error}") from error
            yield text.removeprefix("\ufeff").rstrip("\r\n")


def _table(path: Path, columns: Sequence[str], split: str | None) -> Iterator[dict[str, str]]:
    """The rows of a tab-separated file with a line of column names, of one split."""
    lines = _lines(path, "utf8")
    names = next(lines, "").split("\t")
    if missing := [name for name in columns if name not in names]:
        raise ValueError(f"{os.fspath(path)}: the columns {missing} are missing; there are {names}")
    for number, line in enumerate(lines, 2):
        fields = line.split("\t")
        if len(fields) != len(names):
            raise ValueError(f"{os.fspath(path)}, line {number}: expected {len(names)} fields, not {len(fields)}")
        row = dict(zip(names, fields, strict=True))
        if split is None or row["split"] == split:
            yield row


def _pair(text: str, path: Path | None) -> str:
    if text.count(":") != 1:
        raise ValueError(f"{path}: a pair must be two words with a colon between them, not {text!r}")
    return text


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _share(section: dict[str, Any]) -> float:
    total = len(section["correct"]) + len(section["incorrect"])
    return len(section["correct"]) / total if total else 0.0


def _mean(values: Iterator[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else math.nan
