"""Vectors with keys: look-up, similarity and files, under gensim's names."""

import itertools
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lexigrad import _core
from lexigrad.embed import evaluate

logger = logging.getLogger(__name__)

Key = str | int | np.integer[Any]
Array = NDArray[Any]
Neighbours = list[tuple[Any, float]]
Path = str | os.PathLike[str]

_QUERIES_PER_CALL = 4096  # between two calls of the compiled search Ctrl-C is heard


class Indexer(Protocol):
    """An index for approximate search, such as :class:`lexigrad.embed.approximate.ApproximateIndex`."""

    def most_similar(self, vector: Array, num_neighbors: int) -> Neighbours: ...


class _Searchable(NamedTuple):
    """The rows as the compiled search wants them, with their compact copy (see ``quantise_rows``)."""

    matrix: NDArray[np.float32]
    norms: NDArray[np.float32]
    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    errors: NDArray[np.float32]


class KeyedVectors:
    """A mapping from keys, usually words, to the rows of a matrix.

    Names, defaults and results are those of ``gensim.models.KeyedVectors``. What differs:

    - a vector of zeros has similarity 0 with everything (gensim: NaN), and a row that holds NaN or infinity
      is never among the results;
    - empty input raises ``ValueError`` throughout;
    - :meth:`most_similar_batch` answers many queries at once;
    - :meth:`save` writes safetensors; nothing is ever unpickled.

    The first search makes a compact copy of the rows, a byte per value, and keeps it. Code that writes into
    ``vectors`` in place must call ``fill_norms(force=True)`` afterwards; every method of this class does so
    itself. Reading from several threads is safe, writing is not.

    Args:
        vector_size: number of dimensions.
        count: number of places to allocate, for :meth:`add_vector` to fill.
        dtype: of the stored vectors. Searches compute in float32 whatever it is.

    Attributes:
        vectors: (n, vector_size), row i for ``index_to_key[i]``. May be a view whose rows are padded.
        index_to_key: list of keys; None stands for an allocated place that is still free.
        key_to_index: dict from key to row.
        expandos: dict from the name of an attribute to its values, one for each key.
        norms: Euclidean length of every row, or None before it is needed.
        vectors_lockf: factors on the updates of vectors in training: one for all, or one for each key; 0 freezes.
        rows_as_keys: whether an int that is no key stands for a row; false for tags of documents that are ints.

    Raises:
        ValueError: ``vector_size`` is less than 1, or ``count`` negative.
    """

    def __init__(self, vector_size: int, count: int = 0, dtype: DTypeLike = np.float32) -> None:
        if vector_size < 1 or count < 0:
            raise ValueError(f"vector_size must be at least 1 and count at least 0, not {vector_size} and {count}")
        self.vector_size = int(vector_size)
        self.index_to_key: list[Any] = [None] * count
        self.key_to_index: dict[Any, int] = {}
        self.next_index = 0
        self.expandos: dict[str, Array] = {}
        self.vectors_lockf: NDArray[np.float32] = np.ones(1, np.float32)
        self.rows_as_keys = True
        self._norms: Array | None = None
        self._searchable: _Searchable | None = None
        self._vectors: Array = np.zeros((count, vector_size), dtype=dtype)

    @property
    def vectors(self) -> Array:
        return self._vectors

    @vectors.setter
    def vectors(self, value: Array) -> None:
        if value.ndim != 2 or value.shape[1] != self.vector_size:
            raise ValueError(f"vectors must have shape (n, {self.vector_size}), not {value.shape}")
        self._vectors = value
        self.norms = None

    @property
    def norms(self) -> Array | None:
        return self._norms

    @norms.setter
    def norms(self, value: Array | None) -> None:
        self._norms = value
        self._searchable = None

    def __str__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.vector_size}, {len(self)} keys>"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} keys, vector_size={self.vector_size}, {self.vectors.dtype}>"

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_searchable": None}

    # Keys and their vectors.

    def get_index(self, key: Any, default: int | None = None) -> int:
        """Row of a key; with ``rows_as_keys`` an int that is no key itself is taken as a row.

        Raises:
            KeyError: there is no such key and ``default`` is None.
        """
        index = self.key_to_index.get(key)
        if index is not None:
            return index
        if self.rows_as_keys and isinstance(key, (int, np.integer)) and 0 <= key < len(self.index_to_key):
            return int(key)
        if default is not None:
            return default
        raise KeyError(f"Key {key!r} not present in vocabulary of {len(self)} keys; test with `key in vectors` first")

    def has_index_for(self, key: Any) -> bool:
        """Whether the key has a row."""
        return self.get_index(key, -1) >= 0

    def __contains__(self, key: Any) -> bool:
        return self.has_index_for(key)

    def get_vector(self, key: Key, norm: bool = False) -> Array:
        """The vector of a key (vector_size,), of length 1 if ``norm``. Read-only: copy it to change it.

        Raises:
            KeyError: there is no such key.
        """
        index = self.get_index(key)
        vector: Array = self._units([index])[0] if norm else self.vectors[index]
        vector.setflags(write=False)
        return vector

    def word_vec(self, word: Key, use_norm: bool = False) -> Array:
        """The same as :meth:`get_vector`, by its old name."""
        return self.get_vector(word, norm=use_norm)

    def get_vectors(self, keys: Iterable[Key], norm: bool = False) -> Array:
        """The vectors of several keys (n, vector_size), of length 1 if ``norm``.

        Raises:
            KeyError: one of the keys is missing.
            ValueError: there are no keys.
        """
        indices = [self.get_index(key) for key in _several(keys)]
        if not indices:
            raise ValueError("no keys were given: name at least one")
        return self._units(indices) if norm else self.vectors[indices]

    def __getitem__(self, key_or_keys: Key | Iterable[Key]) -> Array:
        if isinstance(key_or_keys, (str, int, np.integer)):
            return self.get_vector(key_or_keys)
        return self.get_vectors(key_or_keys)

    def get_normed_vectors(self) -> Array:
        """All vectors scaled to length 1 (n, vector_size), as a new array."""
        self.fill_norms()
        return _scaled(self.vectors, self._norms)

    def get_mean_vector(
        self,
        keys: Sequence[Any],
        weights: Sequence[float] | Array | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> Array:
        """The weighted mean of vectors: sum of weight times vector, over the sum of absolute weights.

        Args:
            keys: keys, or vectors (vector_size,), which are taken as they are.
            weights: one for each key; all 1 by default.
            pre_normalize: scale the vectors of keys to length 1 first.
            post_normalize: scale the mean to length 1.
            ignore_missing: leave out unknown keys; a mean of nothing is a vector of zeros.

        Raises:
            ValueError: no keys, or another number of weights.
            KeyError: a key is missing and ``ignore_missing`` is False.
        """
        if len(_several(keys)) == 0:
            raise ValueError("cannot compute mean with no input: give at least one key or vector")
        factors = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
        if factors.shape != (len(keys),):
            raise ValueError(f"weights must have shape ({len(keys)},), one for each key, not {factors.shape}")
        total, mass = np.zeros(self.vector_size), 0.0
        for key, weight in zip(keys, factors, strict=True):
            if isinstance(key, np.ndarray):
                vector = self._checked(key)
            elif ignore_missing and key not in self:
                continue
            else:
                vector = self.get_vector(key, norm=pre_normalize)
            total += weight * vector
            mass += abs(weight)
        mean = total / mass if mass > 0 else total
        return _unit(mean).astype(np.float32) if post_normalize else mean.astype(self.vectors.dtype)

    # Adding vectors.

    def add_vector(self, key: Key, vector: ArrayLike) -> int:
        """Put a vector into the next free place, or append it (which copies all: prefer :meth:`add_vectors`).

        Returns:
            The row of the vector.

        Raises:
            ValueError: the key is there already, or the vector has another shape.
        """
        if key in self.key_to_index:
            raise ValueError(f"key {key!r} is present already: replace its vector with vectors[key] = vector")
        row = self._checked(vector)
        index = self.next_index
        if index < len(self) and self.index_to_key[index] is None:
            self._make_writeable()
            self.index_to_key[index] = key
            self.key_to_index[key] = index
            self.vectors[index] = row
            self.norms = None
        else:
            index = len(self)
            self.add_vectors([key], row[None])
        self.next_index = index + 1
        return index

    def add_vectors(
        self,
        keys: Key | Sequence[Key],
        weights: ArrayLike,
        extras: Mapping[str, Array] | None = None,
        replace: bool = False,
    ) -> None:
        """Append vectors.

        Args:
            keys: n keys, or one. A key given twice counts once: its last vector if ``replace``, else its
                first.
            weights: (n, vector_size), or (vector_size,) for one key.
            extras: attributes: name to array (n, ...).
            replace: overwrite the vectors of keys that are there already, which are left alone otherwise.

        Raises:
            ValueError: the shapes do not fit.
        """
        if isinstance(keys, (str, int, np.integer)):
            keys = [keys]
        keys = list(keys)
        rows = np.asarray(weights, self.vectors.dtype)
        rows = rows.reshape(1, -1) if rows.ndim == 1 and len(keys) == 1 else rows
        extras = {name: np.asarray(values) for name, values in (extras or {}).items()}
        if not keys and rows.size == 0:
            return
        if rows.shape != (len(keys), self.vector_size):
            raise ValueError(f"weights must have shape ({len(keys)}, {self.vector_size}), not {rows.shape}")
        for name, values in extras.items():
            if len(values) != len(keys):
                raise ValueError(f"extras[{name!r}] must have {len(keys)} values, one for each key, not {len(values)}")

        known = len(self)
        targets = np.empty(len(keys), np.int64)
        for i, key in enumerate(keys):
            targets[i] = self.key_to_index.setdefault(key, len(self.index_to_key))
            if targets[i] == len(self.index_to_key):
                self.index_to_key.append(key)
        if len(self) > known:
            grown = np.zeros((len(self), self.vector_size), self.vectors.dtype)
            grown[:known] = self.vectors
            self.vectors = grown
        # Of two vectors for one row the later assignment stands, so the first ones go in last.
        order = np.arange(len(keys)) if replace else np.flatnonzero(targets >= known)[::-1]
        if len(order):
            self._make_writeable()
            self.vectors[targets[order]] = rows[order]
            self.norms = None
        self.allocate_vecattrs()
        self.allocate_vecattrs(list(extras), [values.dtype for values in extras.values()])
        for name, values in extras.items():
            self.expandos[name][targets[order]] = values[order]

    def __setitem__(self, keys: Key | Sequence[Key], weights: ArrayLike) -> None:
        self.add_vectors(keys, weights, replace=True)

    def vectors_for_all(
        self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> "KeyedVectors":
        """A new object with the vectors of those of the keys that have one, each once, in the order given.

        Args:
            keys: any iterable.
            allow_inference: also ask for keys without a row; means something only for classes that make up
                vectors.
            copy_vecattrs: copy the attributes as well.
        """
        chosen = [key for key in dict.fromkeys(keys) if key in (self if allow_inference else self.key_to_index)]
        result = KeyedVectors(self.vector_size, dtype=self.vectors.dtype)
        if chosen:
            result.add_vectors(chosen, np.stack([self.get_vector(key) for key in chosen]))
            result.next_index = len(result)
        if copy_vecattrs:
            rows = [self.get_index(key, -1) for key in chosen]
            present = np.flatnonzero(np.array(rows, np.int64) >= 0)
            for name, values in self.expandos.items():
                result.allocate_vecattrs([name], [values.dtype])
                result.expandos[name][present] = values[[rows[i] for i in present]]
        return result

    def resize_vectors(self, seed: int = 0) -> None:
        """Make ``vectors`` as long as ``index_to_key``; new rows are uniform in [-1, 1) / vector_size."""
        kept = min(len(self), len(self.vectors))
        if len(self) != len(self.vectors):
            fresh = np.random.default_rng(seed).random((len(self), self.vector_size), dtype=np.float32)
            fresh = ((fresh * 2 - 1) / self.vector_size).astype(self.vectors.dtype)
            fresh[:kept] = self.vectors[:kept]
            self.vectors = fresh
        self.allocate_vecattrs()
        self.norms = None

    # Attributes of keys.

    def allocate_vecattrs(self, attrs: Sequence[str] | None = None, types: Sequence[Any] | None = None) -> None:
        """Make arrays for attributes, zero at first, and as long as ``index_to_key``.

        Args:
            attrs: names; by default those that exist, to fit them to the present number of keys.
            types: a dtype for each name.

        Raises:
            TypeError: an attribute of this name exists and cannot hold the type.
        """
        if attrs is None or types is None:
            attrs, types = list(self.expandos), [values.dtype for values in self.expandos.values()]
        for attr, kind in zip(attrs, types, strict=True):
            dtype = np.dtype({int: np.int64, str: object}.get(kind, kind))
            old = self.expandos.get(attr, np.zeros(0, dtype))
            if not np.issubdtype(dtype, old.dtype):
                raise TypeError(f"attribute {attr!r} holds {old.dtype} and cannot take {dtype}: use another name")
            if attr not in self.expandos or len(old) != len(self):
                new = np.zeros((len(self), *old.shape[1:]), old.dtype)
                new[: len(old)] = old[: len(self)]
                self.expandos[attr] = new

    def set_vecattr(self, key: Key, attr: str, val: Any) -> None:
        """Set an attribute of a key. The first value fixes the type of the attribute."""
        index = self.get_index(key)
        self.allocate_vecattrs([attr], [type(val)])
        self.expandos[attr][index] = val

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """The value of an attribute of a key.

        Raises:
            KeyError: there is no such key or no such attribute.
        """
        index = self.get_index(key)
        if attr not in self.expandos:
            raise KeyError(f"no attribute {attr!r}; there are {sorted(self.expandos)}")
        return self.expandos[attr][index]

    def sort_by_descending_frequency(self) -> None:
        """Reorder everything so that greater counts come first; of equal counts the last key comes first.

        Raises:
            ValueError: there is no attribute ``count``.
        """
        if not len(self):
            return
        if "count" not in self.expandos:
            raise ValueError("there are no counts to sort by: set the attribute 'count' of every key first")
        self.allocate_vecattrs()
        counts = np.asarray(self.expandos["count"], np.int64)
        order = np.lexsort((-np.arange(len(counts)), -counts))
        self.index_to_key = [self.index_to_key[i] for i in order]
        self.key_to_index = {key: i for i, key in enumerate(self.index_to_key)}
        self.expandos = {name: values[order] for name, values in self.expandos.items()}
        if len(self.vectors):
            self.vectors = self.vectors[order]

    # Lengths.

    def fill_norms(self, force: bool = False) -> None:
        """Compute ``norms`` if there are none, or anew with ``force`` (after writing into ``vectors``)."""
        if self._norms is None or force:
            matrix = self.vectors
            if _is_searchable(matrix):
                self.norms = _core.row_norms(matrix, _core.num_threads())
            else:
                wide = matrix.astype(np.promote_types(matrix.dtype, np.float32), copy=False)
                self.norms = np.linalg.norm(wide, axis=1)

    def unit_normalize_all(self) -> None:
        """Scale all vectors to length 1, in place."""
        self.fill_norms()
        self._make_writeable()
        _scaled(self.vectors, self._norms, out=self.vectors)
        self.fill_norms(force=True)

    def init_sims(self, replace: bool = False) -> None:
        """:meth:`fill_norms`, or :meth:`unit_normalize_all` with ``replace``, by their old name."""
        if replace:
            self.unit_normalize_all()
        else:
            self.fill_norms()

    def _units(self, indices: Sequence[int] | NDArray[np.int64]) -> Array:
        """Rows scaled to length 1, as a new array."""
        self.fill_norms()
        assert self._norms is not None
        return _scaled(self.vectors[indices], self._norms[indices])

    def _make_writeable(self) -> None:
        """Vectors that are mapped from a file are copied before they are changed."""
        if not self.vectors.flags.writeable:
            self.vectors = self.vectors.copy()

    def _checked(self, vector: ArrayLike) -> Array:
        array = np.asarray(vector)
        if array.shape != (self.vector_size,):
            raise ValueError(f"a vector must have shape ({self.vector_size},), not {array.shape}")
        return array

    # Search.

    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Indexer | None = None,
    ) -> Any:
        """The keys with the greatest cosine to the mean of the given ones, which are left out themselves.

        Args:
            positive: a key, a vector (vector_size,), or a list of these, each alone or as ``(key, weight)``.
            negative: the same, with -1 as the default weight. The vectors of keys are scaled to length 1
                first.
            topn: how many to return; None for the similarities of all rows.
            clip_start: first row to look at.
            clip_end: end of the rows to look at; all by default.
            restrict_vocab: look at the first so many rows only, in place of the two above.
            indexer: an approximate index to ask in place of an exact search. It looks at all rows and leaves
                out none.

        Returns:
            List of (key, similarity), best first, of equal ones the lower row first; or, for ``topn=None``,
            an array of the similarities of rows clip_start to clip_end. The result does not depend on the
            number of threads.

        Raises:
            KeyError: a key is missing.
            ValueError: nothing was given, or a vector of another shape.
        """
        if _is_less_than_one(topn):
            return []
        query, given = self._query(positive, negative)
        if indexer is not None and topn is not None:
            return indexer.most_similar(query, topn)
        begin, end = self._range(clip_start, clip_end, restrict_vocab)
        if topn is None:
            return self._similarities(query, begin, end)
        return self._nearest(query[None], [given], topn, begin, end)[0]

    def most_similar_batch(
        self,
        positive: Iterable[Any],
        negative: Iterable[Any] | None = None,
        topn: int = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
    ) -> list[Neighbours]:
        """:meth:`most_similar` for many queries in one call, which is many times faster.

        ``most_similar_batch(["king", "queen"])`` asks for the neighbours of two words, and
        ``most_similar_batch([["king", "woman"], ["paris", "italy"]], [["man"], ["france"]])`` solves two
        analogies.

        Args:
            positive: for each query what :meth:`most_similar` takes as ``positive``. The rows of an array
                (n, vector_size) are n queries.
            negative: for each query what it takes as ``negative``; None for no query having any.
            topn: how many to return for each.
            clip_start, clip_end, restrict_vocab: as there, for all queries.

        Returns:
            For each query the list that :meth:`most_similar` returns.

        Raises:
            KeyError, ValueError: as there; also if there are not as many ``negative`` as ``positive``.
        """
        positives = list(_several(positive))
        negatives = [None] * len(positives) if negative is None else list(_several(negative))
        if len(negatives) != len(positives):
            raise ValueError(f"there are {len(positives)} positive and {len(negatives)} negative, not as many of both")
        if _is_less_than_one(topn):
            return [[] for _ in positives]
        begin, end = self._range(clip_start, clip_end, restrict_vocab)
        results: list[Neighbours] = []
        for first in range(0, len(positives), _QUERIES_PER_CALL):
            block = slice(first, first + _QUERIES_PER_CALL)
            vectors, given = self._queries(positives[block], negatives[block])
            results += self._nearest(vectors, given, topn, begin, end)
        return results

    def similar_by_word(self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """The same as :meth:`similar_by_key`."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """:meth:`most_similar` for one key."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_vector(self, vector: Array, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """:meth:`most_similar` for one vector (vector_size,)."""
        return self.most_similar([np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_cosmul(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Any:
        """Analogies by products: 3CosMul of Levy and Goldberg 2014, equation 4.

        The score is prod (1 + cos(x, p)) / 2 over the positive, divided by the same over the negative plus
        1e-6. Arguments and result as for :meth:`most_similar`, without weights.
        """
        if _is_less_than_one(topn):
            return []
        wanted, unwanted = _as_list(positive), _as_list(negative)
        if not wanted:
            raise ValueError("cannot compute similarity with no input: give at least one positive key or vector")
        _, end = self._range(0, None, restrict_vocab)
        scores, given = np.ones(end, np.float32), []
        for items, is_divisor in ((wanted, False), (unwanted, True)):
            product = np.ones(end, np.float32)
            for item in items:
                query, indices = self._query([item], None)
                given += indices
                product *= (1 + self._similarities(query, 0, end)) / 2
            scores = scores / (product + np.float32(1e-6)) if is_divisor else product
        if topn is None:
            return scores
        ranked = np.where(np.isnan(scores), -np.inf, scores)
        ranked[[i for i in given if i < end]] = -np.inf
        order = np.argsort(-ranked, kind="stable")[:topn]
        return [(self.index_to_key[i], float(scores[i])) for i in order if ranked[i] > -np.inf]

    def similarity(self, w1: Key, w2: Key) -> np.float32:
        """Cosine of two keys."""
        a, b = self.get_vectors([w1, w2], norm=True)
        return np.float32(np.dot(a, b))

    def distance(self, w1: Key, w2: Key) -> np.float32:
        """1 - :meth:`similarity`."""
        return 1 - self.similarity(w1, w2)

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> np.float32:
        """Cosine of the means of two lists of keys; unknown ones are left out.

        Raises:
            ValueError: a list is empty.
        """
        means = [_unit(self.get_mean_vector(keys, pre_normalize=False)) for keys in (ws1, ws2)]
        return np.float32(np.dot(*means))

    def distances(self, word_or_vector: Any, other_words: Iterable[Key] | None = ()) -> Array:
        """1 - cosine of a key or vector with each of ``other_words``, or with all rows without these (n,)."""
        vector = self._vector_of(word_or_vector)
        others = list(other_words if other_words is not None else ())
        if others:
            return 1 - self._units([self.get_index(word) for word in others]) @ vector
        return 1 - self._similarities(vector, 0, len(self.vectors))

    @staticmethod
    def cosine_similarities(vector_1: ArrayLike, vectors_all: ArrayLike) -> Array:
        """Cosine of a vector (d,) with each row of an array (n, d); 0 where one of them is all zero."""
        a, b = np.asarray(vector_1), np.asarray(vectors_all)
        return _scaled((b @ a)[:, None], np.linalg.norm(a) * np.linalg.norm(b, axis=1))[:, 0]

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Any:
        """The one of ``keys_list`` that is most similar to ``key1``."""
        distances = self.distances(key1, _nonempty(keys_list))
        return keys_list[int(np.argmin(np.where(np.isnan(distances), np.inf, distances)))]

    def closer_than(self, key1: Key, key2: Key) -> list[Any]:
        """All keys that are closer to ``key1`` than ``key2`` is."""
        distances = self.distances(key1)
        closer = np.flatnonzero(distances < distances[self.get_index(key2)])
        return [self.index_to_key[i] for i in closer if i != self.get_index(key1)]

    def words_closer_than(self, w1: Key, w2: Key) -> list[Any]:
        """The same as :meth:`closer_than`, by its old name."""
        return self.closer_than(w1, w2)

    def rank(self, key1: Key, key2: Key) -> int:
        """1 + the number of keys that are closer to ``key1`` than ``key2`` is."""
        return len(self.closer_than(key1, key2)) + 1

    def rank_by_centrality(self, words: Sequence[Key], use_norm: bool = True) -> list[tuple[Any, Any]]:
        """List of (similarity to the mean of all, word), greatest first; unknown words are left out.

        Raises:
            ValueError: none of the words is known.
        """
        known = [word for word in _several(words) if word in self]
        if len(known) < len(words):
            logger.warning("left out, not in the vocabulary: %s", sorted({str(w) for w in words if w not in self}))
        if not known:
            raise ValueError("cannot choose from an empty list: give at least one word of the vocabulary")
        vectors = self.get_vectors(known, norm=use_norm).astype(np.float32)
        similarities = vectors @ self.get_mean_vector(list(vectors), post_normalize=True)
        return sorted(zip(np.where(np.isnan(similarities), -np.inf, similarities), known, strict=True), reverse=True)

    def doesnt_match(self, words: Sequence[Key]) -> Any:
        """The word that is least similar to the mean of all; see :meth:`rank_by_centrality`."""
        return self.rank_by_centrality(words)[-1][1]

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """Similarity of two keys over the sum of those of the ``topn`` neighbours of ``wa``.

        Leeuwenberg et al. 2016, "A minimally supervised approach for synonym extraction".

        Raises:
            ValueError: ``wa`` has no neighbours.
        """
        neighbours = self.similar_by_word(wa, topn)
        if not neighbours:
            raise ValueError(f"{wa!r} has no neighbours to compare with")
        total: float = sum(similarity for _, similarity in neighbours)
        return float(self.similarity(wa, wb)) / total

    def wmdistance(self, document1: Sequence[Key], document2: Sequence[Key], norm: bool = True) -> float:
        """Word mover's distance of two token lists (Kusner et al. 2015), through POT (`pip install 'lexigrad[wmd]'`).

        Args:
            document1, document2: tokens; unknown ones are left out.
            norm: take vectors scaled to length 1.

        Returns:
            The distance; infinity if a text has no known token.

        Raises:
            ImportError: POT is not installed.
            TypeError: a text is a string.
        """
        from lexigrad.embed.transport import word_movers_distance

        texts = [
            Counter(self.get_index(key) for key in _several(text) if key in self) for text in (document1, document2)
        ]
        if not all(texts):
            logger.warning("a text without a known word is infinitely far from every other")
            return float("inf")
        if texts[0].keys() == texts[1].keys() and len(texts[0]) == 1:
            return 0.0
        rows = [np.fromiter(text, np.int64, len(text)) for text in texts]
        weights = [np.fromiter(text.values(), np.float64, len(text)) for text in texts]
        vectors = [self._units(indices) if norm else self.vectors[indices] for indices in rows]
        return word_movers_distance(vectors[0], weights[0], vectors[1], weights[1])

    def _query(self, positive: Any, negative: Any) -> tuple[NDArray[np.float32], list[int]]:
        """What is searched for, of length 1, and the rows of the keys that were given."""
        terms = _terms(positive, 1.0) + _terms(negative, -1.0)
        if not terms:
            raise ValueError("cannot search for nothing: give at least one positive or negative key or vector")
        total, mass, given = np.zeros(self.vector_size), 0.0, []
        for item, weight in terms:
            if not isinstance(item, np.ndarray) and (row := self.get_index(item, -1)) >= 0:
                given.append(row)
            total += weight * self._vector_of(item)
            mass += abs(weight)
        return _unit(total / (mass or 1)).astype(np.float32), given

    def _queries(
        self, positives: Sequence[Any], negatives: Sequence[Any]
    ) -> tuple[NDArray[np.float32], list[list[int]]]:
        """The same for many queries; those that are a known key each take their rows at once."""
        keys = [] if any(negative is not None for negative in negatives) else positives
        rows = [self.get_index(key, -1) for key in keys if isinstance(key, (str, int))]
        if len(rows) < len(positives) or min(rows) < 0:
            queries = [self._query(*pair) for pair in zip(positives, negatives, strict=True)]
            return np.stack([vector for vector, _ in queries]), [given for _, given in queries]
        units = self._units(rows).astype(np.float64)
        return _scaled(units, np.linalg.norm(units, axis=1)).astype(np.float32), [[row] for row in rows]

    def _vector_of(self, key_or_vector: Any) -> Array:
        """The vector of a key, of length 1, or the vector itself in the same direction it has."""
        if isinstance(key_or_vector, (str, int, np.integer)):
            return self._units([self.get_index(key_or_vector)]).reshape(-1)
        return self._checked(key_or_vector)

    def _range(self, clip_start: int, clip_end: int | None, restrict_vocab: int | None) -> tuple[int, int]:
        """The rows to look at, as gensim understands the three arguments."""
        if restrict_vocab:
            clip_start, clip_end = 0, restrict_vocab
        count = min(len(self), len(self.vectors))
        begin, end, _ = slice(clip_start, clip_end or count).indices(count)
        return begin, max(begin, end)

    def _prepared(self) -> _Searchable:
        """The rows ready for the compiled search; made once and kept while the norms are."""
        state = self._searchable
        if state is None:
            self.fill_norms()
            threads = _core.num_threads()
            matrix = self.vectors if _is_searchable(self.vectors) else np.ascontiguousarray(self.vectors, np.float32)
            norms = np.ascontiguousarray(self._norms, np.float32)
            state = _Searchable(matrix, norms, *_core.quantise_rows(matrix, norms, threads))
            self._searchable = state
        return state

    def _similarities(self, query: Array, begin: int, end: int) -> NDArray[np.float32]:
        """Cosine of a vector with the rows [begin, end)."""
        state = self._prepared()
        unit = np.ascontiguousarray(_unit(query), np.float32)
        dots = _core.row_dots(state.matrix[begin:end], unit, _core.num_threads())
        return _scaled(dots[:, None], state.norms[begin:end])[:, 0]

    def _search(
        self, queries: Array, given: Sequence[Sequence[int]], topn: int, begin: int, end: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Best rows of [begin, end) but those given: indices and scores (q, k), -1 and NaN if too few."""
        offsets = np.zeros(len(queries) + 1, np.int64)
        np.cumsum([len(rows) for rows in given], out=offsets[1:])
        excluded = np.fromiter((row for rows in given for row in rows), np.int64, offsets[-1])
        queries = np.ascontiguousarray(queries, np.float32)
        return _core.find_neighbours(
            *self._prepared(), queries, topn, begin, end, excluded, offsets, _core.num_threads()
        )

    def _nearest(
        self, queries: Array, given: Sequence[Sequence[int]], topn: int, begin: int, end: int
    ) -> list[Neighbours]:
        indices, scores = self._search(queries, given, topn, begin, end)
        keys = self.index_to_key
        return [
            [(keys[i], score) for i, score in zip(row, similarities, strict=True) if i >= 0 and keys[i] is not None]
            for row, similarities in zip(indices.tolist(), scores.tolist(), strict=True)
        ]

    # Evaluation.

    def evaluate_word_analogies(
        self,
        analogies: Path,
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[dict[str, Any]]]:
        """Share of analogies solved; see :func:`lexigrad.embed.evaluate.word_analogies`."""
        return evaluate.word_analogies(
            self, analogies, restrict_vocab, case_insensitive, dummy4unknown, similarity_function
        )

    def evaluate_word_pairs(
        self,
        pairs: Path,
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[evaluate.Correlation, evaluate.Correlation, float]:
        """Correlation with human judgements; see :func:`lexigrad.embed.evaluate.word_pairs`."""
        return evaluate.word_pairs(self, pairs, delimiter, encoding, restrict_vocab, case_insensitive, dummy4unknown)

    def evaluate_relations(
        self,
        gold: Path,
        paradigms: Path,
        maxdiff: Path | None = None,
        *,
        split: str = "test",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> evaluate.RelationScores:
        """Relational similarity, SemEval-2012 task 2; see :func:`lexigrad.embed.evaluate.relations`."""
        return evaluate.relations(
            self,
            gold,
            paradigms,
            maxdiff,
            split=split,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            dummy4unknown=dummy4unknown,
        )

    # Files. Each format is read and written by its own module of lexigrad.io.

    @classmethod
    def _from_words(cls, words: Sequence[str], vectors: Array, counts: Array | None) -> Self:
        """Of a word that comes twice the first vector is kept."""
        places = dict(zip(words, range(len(words)), strict=True))
        if len(places) < len(words):
            logger.warning(
                "%d words came more than once: only the first vector of each is kept", len(words) - len(places)
            )
            first = dict(zip(reversed(words), range(len(words) - 1, -1, -1), strict=True))
            rows = sorted(first.values())
            vectors, counts = vectors[rows], None if counts is None else counts[rows]
            words = [words[row] for row in rows]
            places = dict(zip(words, range(len(words)), strict=True))
        result = cls(vectors.shape[1], dtype=vectors.dtype)
        result.index_to_key = list(words)
        result.key_to_index = places
        result.next_index = len(places)
        result.vectors = vectors
        if counts is not None:
            result.expandos["count"] = np.asarray(counts, np.int64)
        return result

    @classmethod
    def load_word2vec_format(
        cls,
        fname: Path,
        fvocab: Path | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: DTypeLike = np.float32,
        no_header: bool = False,
    ) -> Self:
        """Read word2vec's text or binary format; see :func:`lexigrad.io.word2vec.read_word2vec`.

        Without ``fvocab`` the attribute ``count`` falls from n to 1, as in gensim: it keeps the order, no
        more.
        """
        from lexigrad.io.word2vec import read_word2vec

        file = read_word2vec(
            fname,
            binary=binary,
            limit=limit,
            encoding=encoding,
            unicode_errors=unicode_errors,
            no_header=no_header,
            fvocab=fvocab,
            datatype=datatype,
        )
        counts = np.arange(len(file.words), 0, -1) if file.counts is None else file.counts
        return cls._from_words(file.words, file.vectors, counts)

    def save_word2vec_format(
        self,
        fname: Path,
        fvocab: Path | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
    ) -> None:
        """Write word2vec's text or binary format; see :func:`lexigrad.io.word2vec.write_word2vec`.

        Args:
            fname: file to write; compressed if it ends in .gz.
            fvocab: file for the words with their ``sort_attr``.
            binary: the binary format.
            total_vec: must be None or the number of vectors.
            write_header: begin with the line of two numbers.
            prefix: put before every word.
            append: add to the end of the file.
            sort_attr: attribute to sort by, greatest first; the present order where there is no such
                attribute.

        Raises:
            ValueError: ``fvocab`` without ``sort_attr``, another ``total_vec``, or places without a key.
        """
        from lexigrad.io.word2vec import write_word2vec

        if total_vec not in (None, len(self)):
            raise ValueError(f"total_vec must be the number of vectors, {len(self)}, or None, not {total_vec}")
        if fvocab is not None and sort_attr not in self.expandos:
            raise ValueError(f"cannot write {os.fspath(fvocab)}: there is no attribute {sort_attr!r}")
        words, vectors, counts = self._written(sort_attr)
        write_word2vec(
            fname,
            words,
            vectors,
            binary=binary,
            counts=counts,
            fvocab=fvocab,
            header=write_header,
            prefix=prefix,
            append=append,
        )

    def intersect_word2vec_format(
        self,
        fname: Path,
        lockf: float = 0.0,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
    ) -> None:
        """Take over the vectors of those words of a word2vec file that are keys here; no word is added.

        ``vectors_lockf`` (n,), 1 at first, becomes ``lockf`` for these words.

        Raises:
            ValueError: the file's vectors have another size.
        """
        from lexigrad.io.word2vec import read_word2vec

        file = read_word2vec(fname, binary=binary, encoding=encoding, unicode_errors=unicode_errors)
        if file.vectors.shape[1] != self.vector_size:
            raise ValueError(f"{os.fspath(fname)}: vectors of size {file.vectors.shape[1]}, and not {self.vector_size}")
        common = [i for i, word in enumerate(file.words) if word in self.key_to_index]
        rows = [self.key_to_index[file.words[i]] for i in common]
        self._make_writeable()
        self.vectors[rows] = file.vectors[common]
        self.norms = None
        if len(self.vectors_lockf) != len(self):
            self.vectors_lockf = np.ones(len(self), np.float32)
        self.vectors_lockf[rows] = lockf

    @classmethod
    def load_glove(cls, path: Path, limit: int | None = None, unicode_errors: str = "strict") -> Self:
        """Read GloVe's text format, also compressed; see :func:`lexigrad.io.glove.read_glove`."""
        from lexigrad.io.glove import read_glove

        file = read_glove(path, limit=limit, unicode_errors=unicode_errors)
        return cls._from_words(file.words, file.vectors, file.counts)

    def save_glove(self, path: Path) -> None:
        """Write GloVe's text format; see :func:`lexigrad.io.glove.write_glove`."""
        from lexigrad.io.glove import write_glove

        words, vectors, _ = self._written("count")
        write_glove(path, words, vectors)

    def save_projector(self, prefix: Path) -> None:
        """Write TensorBoard projector files; see :func:`lexigrad.io.projector.write_projector`."""
        from lexigrad.io.projector import write_projector

        words, vectors, counts = self._written("count")
        write_projector(prefix, words, vectors, counts)

    def _written(self, sort_attr: str) -> tuple[list[str], Array, Array | None]:
        """Words, vectors and the attribute, in falling order of the attribute where there is one."""
        self._check_complete()
        words, vectors, values = (
            [str(key) for key in self.index_to_key],
            self.vectors,
            self.expandos.get(sort_attr),
        )
        if values is None:
            return words, vectors, None
        order = np.argsort(-np.asarray(values), kind="stable")
        if np.array_equal(order, np.arange(len(order))):
            return words, vectors, values
        return [words[i] for i in order], vectors[order], values[order]

    def _check_complete(self) -> None:
        free = sum(key is None for key in self.index_to_key)
        if free or len(self.vectors) != len(self):
            raise ValueError(
                f"cannot save {len(self.vectors)} vectors with {len(self)} keys, {free} of them free places: "
                "give every place a key and a vector, or call resize_vectors()"
            )

    def save(self, fname: Path) -> None:
        """Write keys, vectors and attributes to one safetensors file.

        Raises:
            TypeError: an attribute holds objects, which only a pickle could store.
            ValueError: places without a key.
        """
        from lexigrad.io.safetensors import write_safetensors

        self._check_complete()
        encoded = [str(key).encode("utf-8", "surrogatepass") for key in self.index_to_key]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(key) for key in encoded], out=offsets[1:])
        arrays: dict[str, Array] = {
            "vectors": self.vectors,
            "keys": np.frombuffer(b"".join(encoded), np.uint8),
            "key_offsets": offsets,
        }
        whole = np.array([not isinstance(key, str) for key in self.index_to_key], np.uint8)
        if whole.any():
            arrays["key_is_integer"] = whole
        metadata = {"format": "lexigrad.KeyedVectors", "version": 1, "rows_as_keys": self.rows_as_keys}
        for name, values in self.expandos.items():
            if values.dtype == object:
                raise TypeError(f"attribute {name!r} holds objects and cannot be saved: store numbers, or remove it")
            arrays[f"vecattr.{name}"] = values
        write_safetensors(fname, arrays, metadata)

    @classmethod
    def load(cls, fname: Path, mmap: str | None = None) -> Self:
        """Read what :meth:`save` wrote.

        Args:
            fname: the file.
            mmap: "r" leaves the vectors in the file, read as needed and shared between processes.

        Raises:
            ValueError: the file is damaged or not of this kind.
        """
        from lexigrad.io.safetensors import read_safetensors

        if mmap not in (None, "r"):
            raise ValueError(f"mmap must be None or 'r', not {mmap!r}")
        arrays, metadata = read_safetensors(fname, mmap=mmap == "r")
        try:
            return cls._from_arrays(arrays, metadata)
        except ValueError as error:
            raise ValueError(f"{os.fspath(fname)}: {error}") from error

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, Array], metadata: Mapping[str, Any]) -> Self:
        if metadata.get("format") != "lexigrad.KeyedVectors" or not {"vectors", "keys", "key_offsets"} <= set(arrays):
            raise ValueError("no vectors saved by KeyedVectors.save")
        vectors = arrays["vectors"]
        if vectors.ndim != 2 or vectors.shape[1] < 1 or vectors.dtype.kind != "f":
            raise ValueError(f"vectors must be a matrix of floats, not {vectors.dtype} of shape {vectors.shape}")
        keys = _decoded_keys(arrays, len(vectors))
        result = cls(vectors.shape[1], dtype=vectors.dtype)
        result.index_to_key = keys
        result.key_to_index = {key: i for i, key in enumerate(keys)}
        if len(result.key_to_index) != len(keys):
            raise ValueError(f"{len(keys)} keys, of which only {len(result.key_to_index)} are different")
        result.next_index = len(keys)
        result.vectors = vectors
        result.rows_as_keys = bool(metadata.get("rows_as_keys", True))
        for name, values in arrays.items():
            if name.startswith("vecattr."):
                if values.ndim < 1 or len(values) != len(keys):
                    raise ValueError(f"{name} must have {len(keys)} values, not shape {values.shape}")
                result.expandos[name.removeprefix("vecattr.")] = np.array(values)
        return result


def _decoded_keys(arrays: Mapping[str, Array], count: int) -> list[Any]:
    offsets, data = arrays["key_offsets"], arrays["keys"]
    integers = arrays.get("key_is_integer", np.zeros(count, np.uint8))
    if offsets.shape != (count + 1,) or offsets.dtype != np.int64 or data.ndim != 1 or data.dtype != np.uint8:
        raise ValueError(f"keys must be bytes and key_offsets {count + 1} int64, one more than there are vectors")
    if offsets[0] != 0 or offsets[-1] != len(data) or (np.diff(offsets) < 0).any():
        raise ValueError("key_offsets must rise from 0 to the length of keys")
    if integers.shape != (count,):
        raise ValueError(f"key_is_integer must have shape ({count},), not {integers.shape}")
    text, places = data.tobytes(), offsets.tolist()
    keys: list[Any] = [text[begin:end].decode("utf-8", "surrogatepass") for begin, end in itertools.pairwise(places)]
    for i in np.flatnonzero(integers):
        keys[i] = int(keys[i])
    return keys


def _is_searchable(matrix: Array) -> bool:
    """Whether the compiled code reads this array as it is: float32, rows contiguous, maybe padded."""
    count, size = matrix.shape
    return bool(
        matrix.dtype == np.float32
        and matrix.flags.aligned
        and (count == 0 or size == 1 or matrix.strides[1] == 4)
        and (count <= 1 or (matrix.strides[0] % 4 == 0 and matrix.strides[0] >= 4 * size))
    )


def _is_less_than_one(topn: Any) -> bool:
    if topn is not None and not isinstance(topn, Integral):
        raise TypeError(f"topn must be an integer or None, not {topn!r}")
    return topn is not None and int(topn) < 1


def _scaled(rows: Array, lengths: Array | None, out: Array | None = None) -> Array:
    """Rows (n, d) over their lengths (n,); rows of zeros stay zeros, infinity becomes NaN."""
    lengths = np.asarray(lengths)
    with np.errstate(invalid="ignore"):
        return np.divide(rows, np.where(lengths == 0, lengths.dtype.type(1), lengths)[:, None], out=out)


def _unit(vector: Array) -> Array:
    """The vector scaled to length 1; zeros stay zeros."""
    row = vector[None]
    return _scaled(row, np.linalg.norm(row, axis=1)).reshape(-1)


def _several(keys: Any) -> Any:
    if isinstance(keys, str):
        raise TypeError(f"expected a list of keys, not the string {keys!r}: write [{keys!r}]")
    return keys


def _nonempty(keys: Sequence[Key]) -> Sequence[Key]:
    if len(_several(keys)) == 0:
        raise ValueError("no keys were given: name at least one")
    return keys


def _as_list(value: Any) -> list[Any]:
    """What was given as positive or negative, as a list of keys, vectors and (key, weight)."""
    if value is None:
        return []
    if isinstance(value, (str, int, np.integer)) or (isinstance(value, np.ndarray) and value.ndim == 1):
        return [value]
    return list(value)


def _terms(value: Any, weight: float) -> list[tuple[Any, float]]:
    terms = []
    for item in _as_list(value):
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], Real):
            terms.append((item[0], float(item[1])))
        elif isinstance(item, (str, int, np.integer, np.ndarray)):
            terms.append((item, weight))
        else:
            raise TypeError(
                f"expected a key, a vector or (key, weight), not {item!r}; many queries: most_similar_batch"
            )
    return terms
