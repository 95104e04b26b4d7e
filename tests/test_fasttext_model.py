"""Models of the fastText program: what we answer beside what it answers, on files that either wrote."""

import contextlib
import struct

import numpy as np
import pytest

import lexigrad as lg
from lexigrad.io.fasttext import FastTextFile, Settings, read_fasttext, write_fasttext
from lexigrad.text.ngrams import character_ngrams, word_hash, word_ngrams

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "while",
    "naïve",
    "Zürich",
    "東京",
    "dogs",
    "ate",
    "caféx",
    "🎉party",
    "and",
    "slept",
]
UNSEEN = ["cats", "Züri", "東京都", "🎉", "a", "x", "zzz", "naïveté"]


def sentences(count=400, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 8)) for _ in range(count)]


def labelled(count=300, seed=0):
    """Lines whose label can be told from their words."""
    rng = np.random.default_rng(seed)
    own = {"one": WORDS[:7], "two": WORDS[5:12], "three": WORDS[10:]}
    return [f"__label__{label} " + " ".join(rng.choice(own[label], 5)) for label in rng.choice(list(own), count)]


@pytest.fixture(scope="module")
def peer():
    return pytest.importorskip("fasttext", reason="the fastText program is the peer of these tests")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fasttext")


@pytest.fixture(scope="module")
def vectors_file(peer, folder):
    (folder / "text").write_text("\n".join(sentences()) + "\n", encoding="utf-8")
    settings = {"dim": 7, "minCount": 1, "bucket": 500, "thread": 1, "epoch": 2, "verbose": 0}
    peer.train_unsupervised(str(folder / "text"), **settings).save_model(str(folder / "vectors.bin"))
    return folder / "vectors.bin"


@pytest.fixture(scope="module", params=["softmax", "hs", "ova", "ns", "ngrams"])
def labels_file(request, peer, folder):
    (folder / "labelled").write_text("\n".join(labelled()) + "\n")
    settings = {"dim": 6, "thread": 1, "epoch": 20, "verbose": 0, "loss": request.param}
    if request.param == "ngrams":
        settings |= {"loss": "softmax", "wordNgrams": 3, "minn": 2, "maxn": 4, "bucket": 300}
    peer.train_supervised(str(folder / "labelled"), **settings).save_model(str(folder / f"{request.param}.bin"))
    return folder / f"{request.param}.bin"


# Beside the program


def test_vectors_of_any_word_are_the_programs(peer, vectors_file):
    theirs, ours = peer.load_model(str(vectors_file)), lg.FastTextModel.load_fasttext_format(vectors_file)
    assert ours.wv.index_to_key == theirs.get_words()
    for word in [*ours.wv.index_to_key, *UNSEEN]:
        np.testing.assert_allclose(ours.get_word_vector(word), theirs.get_word_vector(word), rtol=1e-5, atol=1e-7)
        if word in ours.wv:
            np.testing.assert_allclose(ours.wv[word], theirs.get_word_vector(word), rtol=1e-5, atol=1e-7)
        names, rows = theirs.get_subwords(word)
        assert ours.wv.subword_rows(word).tolist() == list(rows)
        assert names[word in ours.wv.key_to_index :] == ours.wv.get_subwords(word)
    for text in ["the cat sat", "unheard of Zürich", "", "x"]:
        np.testing.assert_allclose(
            ours.get_sentence_vector(text), theirs.get_sentence_vector(text), rtol=1e-5, atol=1e-6
        )


def test_neighbours_of_a_word_that_is_not_there(peer, vectors_file):
    theirs, ours = peer.load_model(str(vectors_file)), lg.FastTextModel.load_fasttext_format(vectors_file)
    for word in ("cats", "cat"):
        found = ours.wv.most_similar(word, topn=5)
        expected = theirs.get_nearest_neighbors(word, k=5)
        np.testing.assert_allclose([score for _, score in found], [score for score, _ in expected], atol=1e-5)
        assert {name for name, _ in found} == {name for _, name in expected}
    expected = ours.wv.cosine_similarities(ours.wv["cats"], [ours.wv["cat"]])[0]
    assert ours.wv.similarity("cats", "cat") == pytest.approx(expected)


def test_labels_are_the_programs(peer, labels_file, folder):
    theirs, ours = peer.load_model(str(labels_file)), lg.FastTextModel.load_fasttext_format(labels_file)
    assert ours.labels == theirs.get_labels()
    close = 0.02 if labels_file.stem in ("ova", "ns") else 1e-4  # its sigmoid is a table
    for text in [*(line.split(" ", 1)[1] for line in labelled(20, seed=1)), "cats unheard of", "", "__label__one the"]:
        np.testing.assert_allclose(
            ours.get_sentence_vector(text), theirs.get_sentence_vector(text), rtol=1e-5, atol=1e-6
        )
        names, values = ours.predict(text, k=-1)
        # Not theirs.predict: it cannot work with NumPy 2.
        expected = {name: value for value, name in theirs.f.predict(text + "\n", -1, 0.0, "strict")}
        assert sorted(names) == sorted(expected)
        np.testing.assert_allclose(values, [expected[name] for name in names], atol=close)
        assert list(values) == sorted(values, reverse=True)
    (folder / "tested").write_text("\n".join(labelled(50, seed=2)) + "\nno label here\n__label__one\n")
    for k in (1, 2):
        np.testing.assert_allclose(ours.test(folder / "tested", k), theirs.test(str(folder / "tested"), k), atol=0.02)


def test_the_program_reads_what_we_write(peer, vectors_file, labels_file, folder):
    for path in (vectors_file, labels_file):
        lg.FastTextModel.load_fasttext_format(path).save_fasttext_format(folder / "again.bin")
        assert (folder / "again.bin").read_bytes() == path.read_bytes()
        peer.load_model(str(folder / "again.bin"))


def test_quantised_models_are_refused(peer, folder, labels_file):
    if labels_file.stem != "ngrams":
        pytest.skip("the others are too small to be quantised")
    model = peer.load_model(str(labels_file))
    model.quantize(str(folder / "labelled"), dsub=2)
    model.save_model(str(folder / "small.ftz"))
    with pytest.raises(ValueError, match=r"small\.ftz: quantised models are not supported"):
        lg.FastTextModel.load_fasttext_format(folder / "small.ftz")


# Without it


def model(supervised=False, words=("b", "a"), bucket=3):
    settings = Settings(2, 5, 1, 1, 5, 1, "softmax", "sup" if supervised else "sg", bucket, 3, 6, 100, 1e-4)
    labels = [b"__label__x", b"__label__y"] if supervised else []
    rng = np.random.default_rng(0)
    rows = len(words) + bucket
    return FastTextFile(
        settings,
        [word if isinstance(word, bytes) else word.encode() for word in words],
        np.arange(len(words), 0, -1),
        labels,
        np.arange(len(labels), 0, -1),
        99,
        *np.split(rng.random((rows, 2), np.float32), [len(words)]),
        rng.random((len(labels) if supervised else len(words), 2), np.float32),
    )


@pytest.mark.parametrize("supervised", [False, True])
def test_a_file_cut_at_every_byte(tmp_path, supervised):
    write_fasttext(tmp_path / "whole", model(supervised))
    whole = (tmp_path / "whole").read_bytes()
    read_fasttext(tmp_path / "whole")
    for size in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut: .*(cut off|too short|cannot be)"):
            read_fasttext(tmp_path / "cut")
    (tmp_path / "cut").write_bytes(whole + b"x")
    with pytest.raises(ValueError, match="1 bytes follow"):
        read_fasttext(tmp_path / "cut")


def test_absurd_numbers(tmp_path):
    """Any 4 bytes of a file replaced by extreme ones: it is read or refused, and never for what it merely claims."""
    write_fasttext(tmp_path / "whole", model(True))
    whole = (tmp_path / "whole").read_bytes()
    for place in range(len(whole) - 4):
        for value in (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\0\0\xc0\x7f"):
            (tmp_path / "odd").write_bytes(whole[:place] + value + whole[place + 4 :])
            with contextlib.suppress(ValueError):
                lg.FastTextModel.load_fasttext_format(tmp_path / "odd").predict("a b", k=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": (b"a", b"a")}, "is there twice"),
        ({"words": (b"a", b"\xff")}, "is not UTF-8"),
    ],
)
def test_bad_words(tmp_path, change, message):
    write_fasttext(tmp_path / "bad", model(**change))
    with pytest.raises(ValueError, match=message):
        lg.FastTextModel.load_fasttext_format(tmp_path / "bad")


def test_words_that_are_not_utf8_can_be_replaced(tmp_path):
    write_fasttext(tmp_path / "odd", model(words=(b"\xff", b"\xfe", b"a")))
    found = lg.FastTextModel.load_fasttext_format(tmp_path / "odd", unicode_errors="replace")
    assert len(set(found.wv.index_to_key)) == 3


def test_not_finite(tmp_path):
    bad = model()
    bad.vectors_ngrams[2, 1] = np.nan
    write_fasttext(tmp_path / "bad", bad)
    with pytest.raises(ValueError, match="input matrix holds a number that is not finite"):
        read_fasttext(tmp_path / "bad")


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="zero byte"):
        write_fasttext(tmp_path / "no", model(words=(b"a\0b",)))
    bad = model()
    bad.output = bad.output[:1]
    with pytest.raises(ValueError, match="output must have shape"):
        write_fasttext(tmp_path / "no", bad)
    assert not (tmp_path / "no").exists()


def test_another_file_is_refused(tmp_path):
    (tmp_path / "v.vec").write_text("2 3\na 1 2 3\nb 4 5 6\n")
    with pytest.raises(ValueError, match="it begins otherwise"):
        read_fasttext(tmp_path / "v.vec")
    (tmp_path / "new").write_bytes(struct.pack("<ii", 793712314, 13) + bytes(100))
    with pytest.raises(ValueError, match="version 13 is not known"):
        read_fasttext(tmp_path / "new")
    with pytest.raises(FileNotFoundError):
        read_fasttext(tmp_path / "nothing")


def test_bad_questions(tmp_path):
    words, labels = lg.FastTextModel(model()), lg.FastTextModel(model(supervised=True))
    with pytest.raises(RuntimeError, match="no labels"):
        words.predict("a")
    with pytest.raises(RuntimeError, match="no labels"):
        words.test(tmp_path)
    with pytest.raises(ValueError, match="k must be"):
        labels.predict("a", k=0)
    with pytest.raises(ValueError, match="line break"):
        labels.predict("a\nb")
    with pytest.raises(FileNotFoundError):
        labels.test(tmp_path / "nothing")
    with pytest.raises(KeyError, match="no character n-grams"):
        lg.FastTextModel(model(bucket=3)).wv[""]
    assert labels.predict(["a", "b"])[0] == [labels.predict("a")[0], labels.predict("b")[0]]


# n-grams


def plain_ngrams(word, minn, maxn, bucket):
    """fastText's n-grams with their buckets, one character at a time."""
    characters = list("<" + word + ">")
    found = []
    for begin in range(len(characters)):
        for n in range(1, maxn + 1):
            alone = n == 1 and (begin == 0 or begin + 1 == len(characters))
            if begin + n <= len(characters) and n >= minn and not alone:
                ngram = "".join(characters[begin : begin + n])
                found.append((ngram, word_hash(ngram.encode()) % 2**32 % bucket))
    return found


@pytest.mark.parametrize(("minn", "maxn"), [(1, 1), (1, 4), (2, 2), (3, 6), (5, 3), (0, 0)])
def test_ngrams_of_many_words_are_those_of_each(minn, maxn):
    words = [*WORDS, *UNSEEN, "", "</s>", "<>"]
    offsets, begins, ends, buckets = character_ngrams([word.encode() for word in words], minn, maxn, 97)
    for i, word in enumerate(words):
        text = ("<" + word + ">").encode()
        part = slice(offsets[i], offsets[i + 1])
        found = [
            (text[b:e].decode(), bucket) for b, e, bucket in zip(begins[part], ends[part], buckets[part], strict=True)
        ]
        assert found == ([] if word == "</s>" else plain_ngrams(word, minn, maxn, 97))
    assert character_ngrams([], 3, 6, 10).offsets.tolist() == [0]


def test_hashes_are_fnv_of_signed_bytes():
    assert word_hash(b"") == 2166136261 - 2**32
    assert word_hash(b"a") == 0xE40C292C - 2**32
    assert word_ngrams([1, 2, -1], 2, 1000) == [
        (116049371 + 2) % 1000,
        (2 * 116049371 - 1) % 2**64 % 1000,
    ]
    assert word_ngrams([1], 3, 10) == []
