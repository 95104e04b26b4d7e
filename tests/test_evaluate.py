"""Evaluation: against gensim and SciPy where they are installed, and on small cases worked out by hand."""

import lzma
import math
from pathlib import Path

import numpy as np
import pytest

from lexigrad import KeyedVectors
from lexigrad.embed import evaluate

DATA = Path(__file__).parents[2] / "shared" / "data" / "eval"


def data(name):
    if not (DATA / name).exists():
        pytest.skip(f"shared/data/eval/{name} is not there")
    return DATA / name


def filled(words, vectors):
    kv = KeyedVectors(len(vectors[0]))
    kv.add_vectors(words, np.asarray(vectors, np.float32))
    return kv


def words_of(path, limit):
    text = path.read_text("utf8").split()
    return list(dict.fromkeys(word.lower() for word in text if word != ":"))[:limit]


def offset_vectors(words, size=6):
    """Few dimensions, so that a good part of the analogies comes out right by chance."""
    return np.random.default_rng(1).standard_normal((len(words), size)).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"restrict_vocab": 50}, {"dummy4unknown": True}, {"case_insensitive": False}])
def test_analogies_like_gensim(tmp_path, options):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    words = ["Athens", "Greece", "athens", "paris", "France", "berlin", "germany", "rome", "italy"]
    words += [f"w{i}" for i in range(60)]
    kv = filled(words, offset_vectors(words))
    theirs = models.KeyedVectors(6)
    theirs.add_vectors(words, kv.vectors)
    rng = np.random.default_rng(2)
    lines = [
        ": capitals",
        "Athens Greece paris France",
        "rome italy berlin",
        "w1 w1 w2 w2",
        "rome italy Berlin none",
    ]
    lines += [" ".join(rng.choice(words, 4)) for _ in range(300)]
    lines += [": empty", ": last one", "rome italy berlin germany"]
    lines += [" ".join(rng.choice(words[:20], 4)) for _ in range(300)]
    (tmp_path / "questions.txt").write_text("\n".join(lines) + "\n", "utf8")
    ours = kv.evaluate_word_analogies(tmp_path / "questions.txt", **options)
    expected = theirs.evaluate_word_analogies(str(tmp_path / "questions.txt"), **options)
    assert ours == expected
    assert 0 < ours[0] < 1


def test_analogies_by_products():
    path = data("questions-words.txt")
    words = words_of(path, 100)
    kv = filled(words, offset_vectors(words))
    score, sections = kv.evaluate_word_analogies(path, similarity_function="most_similar_cosmul")
    question = tuple(sections[-1]["correct"][0])
    a, b, c, d = (word.lower() for word in question)
    assert kv.most_similar_cosmul([b, c], [a])[0][0] == d
    assert score == len(sections[-1]["correct"]) / sum(len(sections[-1][k]) for k in ("correct", "incorrect"))


@pytest.mark.parametrize("name", ["wordsim353.tsv", "simlex999.tsv", "rarewords.tsv"])
@pytest.mark.parametrize("options", [{}, {"dummy4unknown": True}, {"restrict_vocab": 40}, {"case_insensitive": False}])
def test_pairs_like_gensim(name, options):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    path = data(name)
    words = [word for word in words_of(path, 900) if word.isalpha()][:300]
    kv = filled(words, offset_vectors(words))
    theirs = models.KeyedVectors(6)
    theirs.add_vectors(words, kv.vectors)
    ours = kv.evaluate_word_pairs(path, **options)
    expected = theirs.evaluate_word_pairs(str(path), **options)
    for a, b in zip(ours[:2], expected[:2], strict=True):
        assert a.statistic == a[0] == pytest.approx(b[0], abs=1e-6)
        assert a.pvalue == a[1] == pytest.approx(b[1], rel=1e-4)
    assert ours[2] == pytest.approx(expected[2])


@pytest.mark.parametrize("count", [2, 3, 4, 10, 353, 3000])
def test_correlations_like_scipy(count):
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    rng = np.random.default_rng(count)
    for strength in (0, 0.2, 3):
        x = rng.integers(0, 50, count) + rng.standard_normal(count) * 1e-3
        y = np.round(strength * x + rng.standard_normal(count) * 20)
        if len(np.unique(y)) < 2 or abs(evaluate.spearman(x, y).statistic) > 1 - 1e-9:
            continue  # the p-value of 1 is all rounding
        a, b = evaluate.pearson(x, y), stats.pearsonr(x, y)
        assert a == pytest.approx((b.statistic, b.pvalue), rel=1e-7, abs=1e-14)
        if count > 2:
            a, b = evaluate.spearman(x, y), stats.spearmanr(x, y)
            assert a == pytest.approx((b.statistic, b.pvalue), rel=1e-7, abs=1e-14)


def test_correlations_without_an_answer():
    assert all(math.isnan(v) for v in evaluate.pearson([1, 2, 3], [5, 5, 5]))
    assert all(math.isnan(v) for v in evaluate.spearman([1, 2, 3], [1, math.nan, 2]))
    assert evaluate.spearman([1, 2, 3, 4], [1, 4, 9, 16]) == (1, 0)


GOLD = "split\tcategory\tscore\tword1\tword2\n"
PARADIGMS = "split\tcategory\tparadigms\n"
MAXDIFF = "split\tcategory\tpair1\tpair2\tpair3\tpair4\tleast\tmost\n"


def relation_files(tmp_path, gold, paradigms, maxdiff):
    files = {"gold": GOLD + gold, "paradigms": PARADIGMS + paradigms}
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf8")
    (tmp_path / "maxdiff.xz").write_bytes(lzma.compress((MAXDIFF + maxdiff).encode()))
    return tmp_path / "gold", tmp_path / "paradigms", tmp_path / "maxdiff.xz"


def directions():
    """Offsets o:a, o:b, o:c and o:d are 0, 10, 45 and 90 degrees from the paradigm o:p."""
    angles = np.deg2rad([0, 0, 10, 45, 90])
    base = np.zeros((6, 3))
    base[:, 2] = 1
    base[1:, 0], base[1:, 1] = 1e-3 * np.cos(angles), 1e-3 * np.sin(angles)
    return filled(["o", "p", "A", "b", "c", "d"], base)


def test_relations_by_hand(tmp_path):
    gold = "test\t1a\t10\to\ta\ntest\t1a\t5\to\tb\ntest\t1a\t-3\to\td\ntest\t1a\t0\to\tc\ntest\t1a\t7\to\tnone\n"
    gold += "train\t1b\t10\to\ta\n"
    answers = [("o:d", "o:a"), ("o:d", "o:b"), ("o:c", "o:b"), ("", "o:b")]
    maxdiff = "".join(f"test\t1a\to:a\to:b\to:c\to:d\t{least}\t{most}\n" for least, most in answers)
    maxdiff += "test\t1a\to:a\to:b\to:c\to:none\to:c\to:a\n"
    files = relation_files(tmp_path, gold, "test\t1a\to: p none:p\ntrain\t1b\to:p\n", maxdiff)
    result = directions().evaluate_relations(*files)
    assert result.spearman == pytest.approx(1)
    assert result.maxdiff == 50  # the least is right, two of four votes; the most is not, a has one and b three
    assert result.relations == [
        {"relation": "1a", "spearman": pytest.approx(1), "maxdiff": 50, "pairs": 4, "questions": 1, "oov": 1}
    ]
    with_dummies = directions().evaluate_relations(*files, dummy4unknown=True).relations[0]
    assert (with_dummies["pairs"], with_dummies["questions"], with_dummies["oov"]) == (5, 2, 1)
    cased = directions().evaluate_relations(*files, case_insensitive=False).relations[0]
    assert (cased["pairs"], cased["oov"]) == (3, 2)
    without = directions().evaluate_relations(*files[:2], split=None)
    assert math.isnan(without.maxdiff)
    assert [r["relation"] for r in without.relations] == ["1a", "1b"]


def test_relations_on_the_real_files():
    names = ("gold.tsv", "paradigms.tsv", "maxdiff.tsv.xz")
    files = [data(f"semeval2012-task2-{name}") for name in names]
    words = sorted({word for line in files[0].read_text("utf8").splitlines()[1:] for word in line.split("\t")[3:]})
    result = filled(words, offset_vectors(words, 50)).evaluate_relations(*files, dummy4unknown=True)
    assert len(result.relations) == 69
    # As random ratings do in Jurgens et al.: Spearman about 0, MaxDiff about 31.
    assert abs(result.spearman) < 0.2
    assert 25 < result.maxdiff < 40


@pytest.mark.parametrize(
    ("method", "text", "message"),
    [
        ("evaluate_word_analogies", "a b c d\n", "line 1"),
        ("evaluate_word_analogies", ": empty\n", "no analogies"),
        ("evaluate_word_analogies", "", "no analogies"),
        ("evaluate_word_analogies", b": x\na b c \xff\n", "line 2"),
        ("evaluate_word_pairs", "", "two"),
        ("evaluate_word_pairs", "a\tb\t1\n", "two"),
        ("evaluate_word_pairs", "x\ty\t1\nx\tz\t2\n", "2 with unknown words"),
        ("evaluate_word_pairs", b"a\tb\t1\na\t\xff\t1\n", "line 2"),
    ],
)
def test_files_that_do_not_fit(tmp_path, method, text, message):
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    kv = filled(["a", "b", "c", "d"], np.eye(4))
    with pytest.raises(ValueError, match=message) as caught:
        getattr(kv, method)(path)
    assert "file" in str(caught.value)
    with pytest.raises(FileNotFoundError):
        getattr(kv, method)(tmp_path / "none")
    with pytest.raises(ValueError, match="similarity_function"):
        kv.evaluate_word_analogies(path, similarity_function="best")


@pytest.mark.parametrize(
    ("gold", "paradigms", "maxdiff", "message"),
    [
        ("test\t1a\tx\to\ta\n", "test\t1a\to:p\n", "", "no number"),
        ("test\t1a\t1\to\ta\n", "", "", "paradigms"),
        ("test\t1a\t1\to\n", "test\t1a\to:p\n", "", "line 2"),
        ("", "test\t1a\to:p\n", "", "no pairs"),
        ("test\t1a\t1\to\ta\n", "test\t1a\top\n", "", "colon"),
        ("test\t1a\t1\to\ta\n", "test\t1a\to:p\n", "test\t1a\to:a\to\to:c\to:d\t\t\n", "colon"),
    ],
)
def test_relation_files_that_do_not_fit(tmp_path, gold, paradigms, maxdiff, message):
    with pytest.raises(ValueError, match=message):
        directions().evaluate_relations(*relation_files(tmp_path, gold, paradigms, maxdiff))


def test_a_relation_file_without_its_columns(tmp_path):
    files = relation_files(tmp_path, "", "", "")
    files[0].write_text("a\tb\n", "utf8")
    with pytest.raises(ValueError, match="columns"):
        directions().evaluate_relations(*files)
