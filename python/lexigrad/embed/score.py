"""Log probabilities of sentences under a model with hierarchical softmax (Taddy 2015)."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lexigrad.embed.matrix import Matrix

_WORDS_AT_ONCE = 8192
_FLOATS_AT_ONCE = 1 << 20  # of gathered vectors

Tree = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]


class SentenceScorer:
    """Scores sentences of token ids; every window is whole, and no word is dropped for being frequent.

    Args:
        vectors: input vectors (V, D).
        nodes: vectors of the Huffman tree's inner nodes (V - 1, D).
        tree: of the words' paths, as ``_core.huffman`` gives it.
        window: words looked at on either side.
        skip_gram: else CBOW.
        mean: whether CBOW takes the mean of the window's vectors, or their sum.
    """

    def __init__(self, vectors: Matrix, nodes: Matrix, tree: Tree, window: int, skip_gram: bool, mean: bool) -> None:
        self.vectors, self.nodes = vectors, nodes
        self.window, self.skip_gram, self.mean = window, skip_gram, mean
        offsets, self._path_nodes, labels = tree
        self._path_starts, self._path_lengths = offsets[:-1], np.diff(offsets)
        self._path_signs = 2 * labels - 1  # log p of a decision is log s(sign * u . v)

    def scores(self, sentences: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        """Sum of log p(centre | context) over a sentence's words, for each sentence (n,).

        The context is each word of the window in turn (skip-gram) or their mean or sum (CBOW), zero where a
        sentence has one word only.
        """
        lengths = np.array([len(sentence) for sentence in sentences], np.int64)
        words = np.concatenate(sentences)
        ends = np.repeat(np.cumsum(lengths), lengths)
        starts = ends - np.repeat(lengths, lengths)
        totals = np.zeros(len(words))
        # Centres with paths of one length make products of one shape.
        path_lengths = self._path_lengths[words]
        reach = min(self.window, int(lengths.max(initial=1)) - 1)
        for length in np.unique(path_lengths[path_lengths > 0]):
            places = np.flatnonzero(path_lengths == length)
            step = max(1, _FLOATS_AT_ONCE // (self.vectors.shape[1] * (int(length) + 2 * reach)))
            for first in range(0, len(places), step):
                block = places[first : first + step]
                totals[block] = self._log_probabilities(words, block, starts, ends, reach, int(length))
        scores = np.zeros(len(lengths))
        np.add.at(scores, np.repeat(np.arange(len(lengths)), lengths), totals)
        return scores

    def _log_probabilities(
        self,
        words: NDArray[np.int64],
        places: NDArray[np.int64],
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        reach: int,
        length: int,
    ) -> NDArray[np.float64]:
        """Log probabilities of the words at some places, whose paths have ``length`` nodes."""
        around = np.concatenate([np.arange(-reach, 0), np.arange(1, reach + 1)])
        beside = places[:, None] + around
        inside = (beside >= starts[places, None]) & (beside < ends[places, None])
        context = self.vectors[words[np.where(inside, beside, places[:, None])]]  # (n, 2 reach, D)
        path = self._path_starts[words[places], None] + np.arange(length)
        nodes = self.nodes[self._path_nodes[path]]  # (n, length, D)
        signs = self._path_signs[path]
        if self.skip_gram:
            decisions = np.matmul(context, nodes.transpose(0, 2, 1)) * signs[:, None]
            log_p = _log_sigmoid(decisions) @ np.ones(length, np.float32)
            return np.asarray(np.where(inside, log_p, 0).sum(axis=1, dtype=np.float64))
        weights = inside.astype(np.float32)
        if self.mean:
            weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1)
        hidden = np.matmul(weights[:, None], context)[:, 0]  # (n, D)
        decisions = np.matmul(nodes, hidden[:, :, None])[:, :, 0] * signs
        return np.asarray(_log_sigmoid(decisions).sum(axis=1, dtype=np.float64))


def score_all(
    scorer: SentenceScorer, sentences: Iterable[Iterable[str]], index: Mapping[str, int], most: int, workers: int
) -> NDArray[np.float64]:
    """Scores of at most so many sentences, on several threads: most of the time NumPy holds no GIL."""
    from concurrent.futures import ThreadPoolExecutor  # slow to import, and needed here alone

    found = [np.empty(0)]
    todo = _batches(sentences, index, most)
    with ThreadPoolExecutor(workers) as pool:
        while some := list(itertools.islice(todo, 4 * workers)):
            found += pool.map(scorer.scores, some)
    return np.concatenate(found)


def _batches(
    sentences: Iterable[Iterable[str]], index: Mapping[str, int], most: int
) -> Iterator[list[NDArray[np.int64]]]:
    """The ids of the known words of at most so many sentences, some thousand words at a time.

    Raises:
        TypeError: a sentence is a string, or no iterable of strings.
    """
    batch: list[NDArray[np.int64]] = []
    size = 0
    for sentence in itertools.islice(sentences, most):
        if isinstance(sentence, str | bytes):
            raise TypeError(f"a sentence must be a list of words, not the string {sentence[:40]!r}: split it first")
        ids = np.array([index[word] for word in sentence if word in index], np.int64)
        batch.append(ids)
        size += 1 + len(ids)
        if size >= _WORDS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _log_sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.minimum(x, 0) - np.log(1 + np.exp(-np.abs(x))))
