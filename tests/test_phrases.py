"""Phrases against the oracle and, where it is installed, against gensim."""

import bz2
import gzip
import json
import pickle
import random
from pathlib import Path

import pytest

from lexigrad.text.phrases import (
    ENGLISH_CONNECTOR_WORDS,
    FrozenPhrases,
    PhrasedCorpus,
    Phraser,
    Phrases,
    npmi_scorer,
    original_scorer,
)
from oracles.phrases import PhraseOracle

WORDS = ["a", "b", "c", "of", "the", "new", "york", "new_york", "é", "日本", "x_y_z", "_", "__", "d_", "_d"]
TOY = [
    ["the", "bank", "of", "america", "is", "in", "new", "york"],
    ["new", "york", "has", "a", "bank", "of", "america"],
    ["york", "is", "old"],
    [],
    ["new"],
]


def random_case(seed: int) -> tuple[list[list[str]], list[list[str]], dict]:
    rng = random.Random(seed)
    words = WORDS[: rng.randint(2, len(WORDS))]

    def corpus() -> list[list[str]]:
        return [[rng.choice(words) for _ in range(rng.randint(0, 12))] for _ in range(rng.randint(0, 60))]

    options = {
        "min_count": rng.randint(1, 3),
        "threshold": rng.choice([0.1, 0.5, 1]),
        "max_vocab_size": rng.choice([5, 20, 40_000_000]),
        "delimiter": rng.choice(["_", "__", "-"]),
        "scoring": rng.choice(["default", "npmi"]),
        "connector_words": rng.choice([frozenset(), frozenset({"the", "of"})]),
    }
    return corpus(), corpus(), options


@pytest.mark.parametrize("seed", range(60))
def test_agrees_with_the_oracle(seed: int) -> None:
    corpus, other, options = random_case(seed)
    ours, oracle = Phrases(corpus, **options), PhraseOracle(**options)
    oracle.add(corpus)
    assert list(ours.vocab.items()) == list(oracle.counts.items())
    assert ours.corpus_word_count == oracle.words
    assert ours.export_phrases() == oracle.export()
    assert list(ours[other]) == [list(oracle.transform(sentence)) for sentence in other]


@pytest.mark.parametrize("seed", range(60))
def test_agrees_with_gensim(seed: int) -> None:
    gensim = pytest.importorskip("gensim.models.phrases", reason="gensim is not installed")
    corpus, other, options = random_case(seed)
    ours, theirs = Phrases(corpus, **options), gensim.Phrases(corpus, **options)
    if seed % 2:
        ours.add_vocab(other)
        theirs.add_vocab(other)
    assert list(ours.vocab.items()) == list(theirs.vocab.items())
    assert (ours.min_reduce, ours.corpus_word_count) == (theirs.min_reduce, theirs.corpus_word_count)
    assert list(ours.export_phrases().items()) == list(theirs.export_phrases().items())
    assert ours.find_phrases(other) == theirs.find_phrases(other)
    assert list(ours[other]) == list(theirs[other])
    assert [list(ours.analyze_sentence(s)) for s in other] == [list(theirs.analyze_sentence(s)) for s in other]
    frozen, theirs_frozen = ours.freeze(), theirs.freeze()
    assert frozen.phrasegrams == theirs_frozen.phrasegrams
    assert list(frozen[other]) == list(theirs_frozen[other])


def wikipedia(lines: int) -> list[list[str]]:
    import lzma
    import re

    path = Path(__file__).resolve().parents[2] / "shared/data/corpus/enwiki-vital1000-202209.txt.xz"
    if not path.exists():
        pytest.skip("the corpus enwiki-vital1000 is not beside the project")
    word = re.compile("[a-z0-9]+(?:'[a-z]+)?")
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [word.findall(line.lower()) for line, _ in zip(file, range(lines), strict=False)]


@pytest.mark.parametrize(
    "options",
    [{"threshold": 10, "connector_words": ENGLISH_CONNECTOR_WORDS}, {"scoring": "npmi", "threshold": 0.5}],
)
def test_agrees_with_gensim_on_text_up_to_trigrams(options: dict) -> None:
    gensim = pytest.importorskip("gensim.models.phrases", reason="gensim is not installed")
    corpus = wikipedia(3000)
    ours, theirs = Phrases(corpus, **options), gensim.Phrases(corpus, **options)
    assert ours.export_phrases() == theirs.export_phrases()
    assert len(ours.export_phrases()) > 100
    ours3, theirs3 = Phrases(ours[corpus], **options), gensim.Phrases(theirs[corpus], **options)
    assert ours3.export_phrases() == theirs3.export_phrases()
    assert list(ours3[ours[corpus]]) == list(theirs3[theirs[corpus]])


def test_connector_words_stand_inside_phrases_only() -> None:
    phrases = Phrases(TOY, min_count=1, threshold=0.5, connector_words=ENGLISH_CONNECTOR_WORDS)
    assert phrases[["the", "bank", "of", "america", "of", "new", "york"]] == [
        "the",
        "bank_of_america",
        "of",
        "new_york",
    ]
    assert phrases[["new", "the"]] == ["new", "the"]
    assert phrases.score_candidate("bank", "america", ["of"])[0] == "bank_of_america"
    assert phrases.score_candidate("new", "america") == (None, None)


def test_a_file_gives_what_its_sentences_give(tmp_path: Path) -> None:
    text = "\ufeffnew york is\tbig\r\n\r\n  new   york \n日本 語 日本 語\n" * 50 + "new york"
    plain, packed = tmp_path / "corpus.txt", tmp_path / "corpus.txt.gz"
    plain.write_bytes(text.encode())
    packed.write_bytes(gzip.compress(text.encode()))
    sentences = [line.split() for line in text.removeprefix("\ufeff").split("\n")]
    options = {"min_count": 1, "threshold": 0.1}
    expected = Phrases(sentences, **options)
    for source in (plain, str(packed), [plain], [str(plain)], str(tmp_path / "corpus.t*t")):
        ours = Phrases(source, **options)
        assert dict(ours.vocab) == dict(expected.vocab)
        assert ours.corpus_word_count == expected.corpus_word_count
        assert ours.find_phrases(source) == expected.find_phrases(sentences)
    for model in (expected, expected.freeze()):
        assert list(model[plain]) == list(model[str(packed)]) == list(model[sentences])
        model.write_corpus(packed, tmp_path / "out.txt.bz2")
        written = bz2.decompress((tmp_path / "out.txt.bz2").read_bytes()).decode()
        assert [line.split() for line in written.splitlines()] == list(model[sentences])
        model.write_corpus(sentences, tmp_path / "out2.txt")
        assert (tmp_path / "out2.txt").read_text("utf-8") == written


def test_lines_longer_than_a_block_and_a_file_of_many_blocks(tmp_path: Path, monkeypatch) -> None:
    import lexigrad.text.phrases as module

    sentences = [["word", str(i % 7), "é" * (i % 90)] for i in range(1, 500)]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(map(" ".join, sentences)), "utf-8")
    monkeypatch.setattr(module, "_BLOCK", 37)
    options = {"min_count": 1, "threshold": 0.01}
    assert dict(Phrases(path, **options).vocab) == dict(Phrases([" ".join(s).split() for s in sentences]).vocab)


def test_a_full_vocabulary_is_pruned_alike_from_files_and_lists(tmp_path: Path) -> None:
    rng = random.Random(5)
    sentences = [[f"w{rng.randint(0, 300)}" for _ in range(9)] for _ in range(2000)]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(map(" ".join, sentences)), "utf-8")
    from_file, from_list = (Phrases(source, max_vocab_size=500) for source in (path, sentences))
    assert len(from_file.vocab) < 600
    assert len(from_file.vocab) < len(Phrases(sentences).vocab) / 10
    assert list(from_file.vocab.items()) == list(from_list.vocab.items())


def test_corpora_are_joined_anew_at_each_iteration() -> None:
    phrases = Phrases(TOY, min_count=1, threshold=0.5)
    corpus = phrases[TOY]
    assert isinstance(corpus, PhrasedCorpus)
    assert list(corpus) == list(corpus)
    once = phrases[(sentence for sentence in TOY)]
    assert list(once) == list(corpus)
    assert list(once) == []
    assert iter(once) is once
    assert phrases[iter(["new", "york"])] == phrases[("new", "york")] == ["new_york"]
    assert phrases[[]] == []
    assert Phrases(sentence for sentence in TOY).corpus_word_count == sum(map(len, TOY))


def test_scoring_by_a_function() -> None:
    def score(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
        assert (len_vocab, min_count, corpus_word_count) == (len(model.vocab), 1, sum(map(len, TOY)))
        return bigram_count / max(worda_count, wordb_count)

    model = Phrases(TOY, min_count=1, threshold=0.6, scoring=score)
    assert model.export_phrases() == {
        "bank_of": 1.0,
        "of_america": 1.0,
        "new_york": pytest.approx(2 / 3),
    } | {key: value for key, value in model.export_phrases().items() if value == 1.0}
    assert model[["new", "york"]] == ["new_york"]
    for name, function in (("default", original_scorer), ("npmi", npmi_scorer)):

        def wrapped(function=function, **counts):
            return function(**counts)

        by_name, by_function = (Phrases(TOY, 1, 0.3, scoring=scoring) for scoring in (name, wrapped))
        assert by_name.export_phrases() == pytest.approx(by_function.export_phrases(), rel=1e-12)


def test_an_exception_of_the_scoring_function_comes_through() -> None:
    def score(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
        raise ZeroDivisionError("from the function")

    with pytest.raises(ZeroDivisionError, match="from the function"):
        Phrases(TOY, min_count=1, scoring=score).export_phrases()


def test_changed_settings_take_effect() -> None:
    phrases = Phrases(TOY, min_count=1, threshold=0.5)
    frozen = phrases.freeze()
    for model in (phrases, frozen):
        model.threshold = 1e9
        assert model[["new", "york"]] == ["new", "york"]


@pytest.mark.parametrize("scoring", ["default", "npmi"])
def test_save_and_load(tmp_path: Path, scoring: str) -> None:
    model = Phrases(TOY, 1, 0.3, scoring=scoring, connector_words=ENGLISH_CONNECTOR_WORDS, delimiter="é")
    model.save(tmp_path / "model.json")
    loaded = Phrases.load(tmp_path / "model.json")
    assert type(loaded) is Phrases
    assert list(loaded.vocab.items()) == list(model.vocab.items())
    assert loaded.export_phrases() == model.export_phrases()
    loaded.add_vocab(TOY)
    assert loaded.vocab["new"] == 2 * model.vocab["new"]
    model.freeze().save(tmp_path / "frozen.json")
    frozen = Phraser.load(tmp_path / "frozen.json")
    assert type(frozen) is FrozenPhrases
    assert frozen.phrasegrams == model.export_phrases()
    assert list(frozen[TOY]) == list(model[TOY])


def test_a_scoring_function_is_not_saved(tmp_path: Path) -> None:
    def score(**counts):
        return float(counts["bigram_count"])

    model = Phrases(TOY, 1, 0.3, scoring=score)
    model.save(tmp_path / "model.json")
    with pytest.raises(ValueError, match="scoring function again"):
        Phrases.load(tmp_path / "model.json")
    assert Phrases.load(tmp_path / "model.json", scoring=score).export_phrases() == model.export_phrases()


def test_files_that_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    Phrases(TOY, min_count=1, threshold=0.5).save(path)
    whole = path.read_bytes()
    document = json.loads(whole)
    bad = [whole[:cut] for cut in range(len(whole))]
    bad += [pickle.dumps(document), b"[" * 100_000, b"null", b"[]", b'"x"', b"\xff\xfe", b"1e999"]
    for key, value in [
        ("version", 2),
        ("version", None),
        ("class", "dict"),
        ("vocab", 3),
        ("vocab", []),
        ("vocab", ["a"]),
        ("vocab", {"a": -1}),
        ("vocab", {"a": 2**63}),
        ("vocab", {"a": True}),
        ("vocab", {"a": 1.5}),
        ("min_count", "5"),
        ("threshold", float("nan")),
        ("delimiter", ""),
        ("delimiter", 1),
        ("scoring", "eval"),
        ("scoring", 1),
        ("connector_words", "abc"),
        ("connector_words", [1]),
        ("max_vocab_size", 10**30),
        ("corpus_word_count", None),
        ("min_reduce", "1"),
    ]:
        bad.append(json.dumps({**document, key: value}).encode())
    for content in bad:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model\.json is no phrase model"):
            Phrases.load(path)
    with pytest.raises(FileNotFoundError):
        Phrases.load(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_count": 0}, "min_count must be at least 1, not 0"),
        ({"threshold": 0}, "threshold must be positive"),
        ({"threshold": 2, "scoring": "npmi"}, "between -1 and 1"),
        ({"scoring": "pmi"}, "scoring must be 'default', 'npmi' or a function"),
        ({"scoring": lambda worda_count: 1}, "it lacks"),
        ({"delimiter": ""}, "delimiter must be"),
        ({"max_vocab_size": 0}, "max_vocab_size must be at least 1"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Phrases(**options)


def test_bad_sentences(tmp_path: Path) -> None:
    phrases = Phrases(TOY, min_count=1, threshold=0.5)
    before = dict(phrases.vocab)
    for bad in ([["new", 3]], [["new"], "york"], [b"york"], [None], 5, b"new", [[None]]):
        with pytest.raises(TypeError, match=r"must be|token|not"):
            phrases.add_vocab(bad)
    with pytest.raises(UnicodeEncodeError):
        phrases.add_vocab([["\ud800"]])

    def raises():
        yield ["new", "words"]
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        phrases.add_vocab(raises())
    assert dict(phrases.vocab) == before
    with pytest.raises(FileNotFoundError):
        Phrases("no such file.txt")
    with pytest.raises(TypeError, match="connector_words must be a set"):
        Phrases(connector_words="the")
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"caf\xe9 noir\n")
    with pytest.raises(ValueError, match="byte 3 is not valid UTF-8"):
        Phrases(latin)
    with pytest.raises(ValueError, match="byte 3 is not valid UTF-8"):
        phrases.write_corpus(latin, tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()


def test_vocab_is_a_mapping() -> None:
    vocab = Phrases(TOY, min_count=1).vocab
    assert vocab["new"] == 3
    assert vocab.get("missing", 0) == 0
    assert "new_york" in vocab
    assert len(vocab) == len(list(vocab)) == len(vocab.items())
    with pytest.raises(KeyError):
        vocab["missing"]


def test_empty_model() -> None:
    phrases = Phrases()
    assert len(phrases.vocab) == 0
    assert phrases[["new", "york"]] == ["new", "york"]
    assert phrases.export_phrases() == phrases.freeze().phrasegrams == {}
    assert Phrases([]).corpus_word_count == 0
