"""Counting and choosing words."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexigrad.text import (
    RULE_DEFAULT,
    RULE_DISCARD,
    RULE_KEEP,
    Vocabulary,
    WordCounts,
    as_corpus,
    count,
    select,
    update,
)
from oracles import vocabulary as oracle


def counts_of(frequencies):
    return WordCounts.from_frequencies(frequencies)


def as_dict(counts):
    return dict(zip(counts.words, counts.counts.tolist(), strict=True))


def vocabulary_dict(vocabulary):
    return dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))


WORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.lists(WORD | st.sampled_from(["a", "b", "longer than sixteen bytes", "a\0", "a\0\0"]))))
def test_counts_of_any_words(sentences):
    counts = count(as_corpus(sentences))
    assert list(as_dict(counts).items()) == list(oracle.count(sentences).items())
    assert counts.raw_words == sum(map(len, sentences))
    assert counts.sentences == sum(map(bool, sentences))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_many_distinct_words(workers):
    sentences = [[f"{i}" for i in range(k, 300_000, 7)] for k in range(7)]
    counts = count(as_corpus(sentences * 2), workers=workers)
    assert len(counts) == 300_000
    assert counts.words == [token for tokens in sentences for token in tokens]
    assert set(counts.counts.tolist()) == {2}
    assert counts.find(["5", "299999", "300000", ""]).tolist() == [
        counts.words.index("5"),
        counts.words.index("299999"),
        -2,
        -2,
    ]


@given(
    st.dictionaries(WORD, st.integers(0, 20), min_size=1),
    st.integers(0, 10),
    st.none() | st.integers(1, 10),
)
def test_selection(frequencies, min_count, max_final_vocab):
    expected = oracle.select(frequencies, min_count, max_final_vocab)
    if not expected:
        with pytest.raises(ValueError, match="no word is left"):
            select(counts_of(frequencies), min_count=min_count, max_final_vocab=max_final_vocab)
        return
    vocabulary = select(counts_of(frequencies), min_count=min_count, max_final_vocab=max_final_vocab)
    assert vocabulary.words == expected
    assert vocabulary_dict(vocabulary) == {word: frequencies[word] for word in expected}
    assert vocabulary.index == {word: i for i, word in enumerate(expected)}
    if max_final_vocab is not None:
        assert len(vocabulary) <= max_final_vocab
    assert all(frequencies[word] >= vocabulary.min_count for word in expected)


def test_order_of_first_appearance():
    vocabulary = select(counts_of({"b": 1, "a": 3, "c": 2, "d": 0}), min_count=1, sorted_vocab=False)
    assert vocabulary.words == ["b", "a", "c"]


def test_trim_rule():
    seen = []

    def rule(word, count, min_count):
        seen.append((word, count, min_count))
        return {"kept": RULE_KEEP, "discarded": RULE_DISCARD}.get(word, RULE_DEFAULT)

    frequencies = {"kept": 1, "discarded": 100, "frequent": 5, "rare": 2}
    assert select(counts_of(frequencies), min_count=3, trim_rule=rule).words == ["frequent", "kept"]
    assert seen == [(word, n, 3) for word, n in frequencies.items()]


def test_a_trim_rule_that_raises_passes_through():
    def rule(word, count, min_count):
        raise LookupError(word)

    with pytest.raises(LookupError):
        select(counts_of({"a": 1}), trim_rule=rule)
    with pytest.raises(LookupError):
        count(as_corpus([["a", "b"], ["c"]]), max_vocab_size=1, trim_rule=rule)


def test_an_empty_vocabulary_says_what_there_was():
    with pytest.raises(ValueError, match="the corpus is empty"):
        select(count(as_corpus([])))
    with pytest.raises(ValueError, match=r"3 words, 2 distinct, the most frequent 2 times, and min_count=5"):
        select(count(as_corpus([["a", "b", "a"]])))


@pytest.mark.parametrize("options", [{"min_count": -1}, {"max_final_vocab": 0}, {"max_final_vocab": -5}])
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        select(counts_of({"a": 1}), **options)


def test_update_keeps_ids_and_adds_new_words():
    old = Vocabulary(["a", "b"], [10, 5])
    new = update(old, counts_of({"z": 7, "b": 1, "y": 3, "c": 9, "rare": 1}), min_count=3)
    assert vocabulary_dict(new) == {"a": 10, "b": 6, "z": 7, "y": 3, "c": 9}
    assert new.words == ["a", "b", "z", "y", "c"]
    assert vocabulary_dict(old) == {"a": 10, "b": 5}
    assert new.raw_words == 21


def test_update_with_nothing_new():
    old = Vocabulary(["a"], [10])
    assert vocabulary_dict(update(old, counts_of({"b": 1}))) == {"a": 10}
    assert vocabulary_dict(update(old, counts_of({}))) == {"a": 10}


def test_a_vocabulary_has_each_word_once():
    with pytest.raises(ValueError, match="'b' is in the vocabulary twice"):
        Vocabulary(["a", "b", "c", "b"], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="shape"):
        Vocabulary(["a", "b"], [1])


def test_counts_are_64_bits_wide():
    big = {"a": 2**62, "b": 2**62 + 1}
    assert as_dict(counts_of(big)) == big
    assert select(counts_of(big), min_count=2**62 + 1).words == ["b"]


@pytest.mark.parametrize(
    ("frequencies", "error"),
    [
        ({"a": 1.5}, TypeError),
        ({"a": "1"}, TypeError),
        ({"a": True}, TypeError),
        ({1: 1}, TypeError),
        ({"a": -1}, ValueError),
        ({"a": 2**63}, ValueError),
        ({"\ud800": 1}, ValueError),
    ],
)
def test_frequencies_that_are_none(frequencies, error):
    with pytest.raises(error):
        counts_of(frequencies)


def zipf_sentences(seed, n, length):
    rng = random.Random(seed)
    return [[f"w{int(rng.paretovariate(0.7)) % 5000}" for _ in range(rng.randrange(length))] for _ in range(n)]


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("limit", [1, 50, 700, 10**6])
def test_bounded_counting(tmp_path, limit, workers):
    sentences = zipf_sentences(1, 400, 60)
    expected = oracle.count_with_limit(sentences, limit)
    assert as_dict(count(as_corpus(sentences), max_vocab_size=limit, workers=workers)) == expected
    path = tmp_path / "text"
    path.write_text("\n".join(map(" ".join, sentences)))
    counts = count(as_corpus(path), max_vocab_size=limit, workers=workers)
    assert as_dict(counts) == expected
    assert counts.raw_words == sum(map(len, sentences))


def test_bounded_counting_within_a_long_sentence(tmp_path):
    sentences = [[f"{i}" for i in range(35_000)] + ["a"] * 7, ["b", "a"]]
    expected = oracle.count_with_limit(sentences, 12_000)
    assert len(expected) < 20_000
    path = tmp_path / "text"
    path.write_text("\n".join(map(" ".join, sentences)))
    assert as_dict(count(as_corpus(sentences), max_vocab_size=12_000)) == expected
    assert as_dict(count(as_corpus(path), max_vocab_size=12_000)) == expected


def test_bounded_counting_with_a_trim_rule():
    def rule(word, count, least):
        return RULE_KEEP if word.endswith("7") else RULE_DISCARD if word.endswith("3") else RULE_DEFAULT

    def keep(word, count, least):
        return word.endswith("7") or (not word.endswith("3") and count >= least)

    sentences = zipf_sentences(2, 300, 40)
    counts = count(as_corpus(sentences), max_vocab_size=100, trim_rule=rule)
    assert as_dict(counts) == oracle.count_with_limit(sentences, 100, keep)


def test_max_vocab_size_out_of_range():
    with pytest.raises(ValueError, match="max_vocab_size"):
        count(as_corpus([["a"]]), max_vocab_size=0)


class TestAgainstGensim:
    """The rules are gensim's; its order of equal counts is not."""

    @pytest.fixture
    def model(self):
        models = pytest.importorskip("gensim.models")
        return lambda **options: models.Word2Vec(min_count=options.pop("min_count", 5), vector_size=1, **options)

    @staticmethod
    def vocabulary(model):
        return {word: model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key}

    @pytest.mark.parametrize(
        "options",
        [
            {"min_count": 1},
            {"min_count": 4},
            {"min_count": 2, "max_final_vocab": 100},
            {"min_count": 1, "max_final_vocab": 3},
            {"min_count": 9, "max_final_vocab": 3000},
            {"trim_rule": lambda word, count, least: count % 3},
            {"min_count": 2, "max_final_vocab": 50, "trim_rule": lambda word, count, least: len(word) % 3},
        ],
    )
    def test_selection(self, model, options):
        sentences = zipf_sentences(3, 500, 50)
        theirs = model(**options)
        theirs.build_vocab(sentences, trim_rule=options.get("trim_rule"))
        ours = select(count(as_corpus(sentences)), **options)
        assert vocabulary_dict(ours) == self.vocabulary(theirs)
        assert ours.raw_words == theirs.corpus_total_words

    @pytest.mark.parametrize("limit", [100, 900])
    def test_bounded_counting(self, model, limit):
        sentences = zipf_sentences(4, 500, 50)
        theirs = model(min_count=1, max_vocab_size=limit)
        theirs.build_vocab(sentences)
        assert as_dict(count(as_corpus(sentences), max_vocab_size=limit)) == self.vocabulary(theirs)

    def test_update(self, model):
        first, second = zipf_sentences(5, 300, 50), zipf_sentences(6, 300, 50)
        theirs = model(min_count=3)
        theirs.build_vocab(first)
        before = dict(self.vocabulary(theirs))
        theirs.build_vocab(second, update=True)
        ours = update(Vocabulary(before, list(before.values())), count(as_corpus(second)), min_count=3)
        assert ours.words == theirs.wv.index_to_key
        assert vocabulary_dict(ours) == self.vocabulary(theirs)


def test_vocabulary_in_use():
    vocabulary = select(counts_of({"a": 5, "b": 7}))
    assert len(vocabulary) == 2
    assert "a" in vocabulary
    assert "c" not in vocabulary
    assert not vocabulary.counts.flags.writeable
    assert vocabulary.counts.dtype == np.int64
    assert repr(vocabulary) == "Vocabulary(2 words, 12 of 12 in the corpus)"
