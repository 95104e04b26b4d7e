"""The benchmarks' own logic: statistics, result files, the corpus maker, reading of peers' progress."""

import importlib.util
import json
import lzma
import sys

import pytest

from benchmarks import bench_quality, bench_recurrent, corpus, harness, operations, peers
from benchmarks.harness import OURS, Comparison


def test_spread_is_median_least_and_greatest():
    assert harness.spread([3.0, 1.0, 10.0]) == (3.0, 1.0, 10.0)
    assert harness.spread([1.0, 2.0]) == (1.5, 1.0, 2.0)
    with pytest.raises(ValueError, match="no measurements"):
        harness.spread([])


def test_ratio_is_the_median_of_the_rounds_and_above_one_where_ours_is_better():
    faster = Comparison({}, "words/s", "peer", [(10.0, 1.0), (30.0, 2.0), (20.0, 1.0)], target=15)
    assert faster.ratio == (15.0, 10.0, 20.0)
    assert faster.verdict == "PASS"
    slower = Comparison({}, "s", "peer", [(4.0, 2.0), (4.0, 1.0)], more_is_better=False, target=1)
    assert slower.ratio == (0.375, 0.25, 0.5)
    assert slower.verdict == "short"
    assert Comparison({}, "s", "peer", [(1.0, 1.0)]).verdict == ""


def test_rounds_alternate_and_every_other_one_is_reversed():
    order = []
    contenders = {name: lambda name=name: order.append(name) or float(len(order)) for name in "abc"}
    measured = harness.alternate(3, contenders)
    assert "".join(order) == "abccbaabc"
    assert measured == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}


def test_compare_pairs_ours_with_each_peer_by_round():
    rows = harness.compare({OURS: [4.0, 6.0], "p": [2.0, 2.0], "q": [1.0, 3.0]}, {"dim": 3}, "x/s", targets={"q": 3})
    assert [(row.peer, row.ratio.middle, row.target) for row in rows] == [("p", 2.5, None), ("q", 3.0, 3)]


def test_results_of_the_same_case_are_replaced_and_others_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    first = Comparison({"dim": 100}, "x/s", "peer", [(2.0, 1.0)])
    other = Comparison({"dim": 300}, "x/s", "peer", [(3.0, 1.0)])
    harness.record("some", [first, other])
    harness.record("some", [Comparison({"dim": 100}, "x/s", "peer", [(8.0, 1.0)], target=5)])
    assert [row.ratio.middle for row in harness.load("some")] == [8.0, 3.0]
    assert "PASS" in capsys.readouterr().out
    report = (tmp_path / "some.md").read_text()
    assert report.count("\n| ") == 3
    assert "numpy" in report
    assert harness.load("nothing") == []


def test_timed_processes_have_their_threads_and_no_blas_override(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    environment = harness.environment(2)
    assert "OPENBLAS_CORETYPE" not in environment
    assert environment["OMP_NUM_THREADS"] == environment["LEXIGRAD_NUM_THREADS"] == "2"


def test_a_child_returns_a_dict_and_its_peak(tmp_path):
    text = tmp_path / "text"
    text.write_text("a b c\n" * 10)
    arguments = {"text": str(text), "dim": 8, "mode": "cbow-hs", "threads": 1}
    done = harness.run_child("benchmarks.bench_memory:train", arguments, threads=1)
    assert done["words"] == 3
    assert done["peak_bytes"] > 1e7


def test_a_child_that_fails_is_an_error():
    with pytest.raises(RuntimeError, match="no_such_function"):
        harness.run_child("benchmarks.peers:no_such_function", {}, threads=1)


@pytest.fixture
def articles(tmp_path):
    paths = []
    for number, text in enumerate(
        ("= One =\nIt's a Test, no. 1!\n\n= Two =\n--\nÄ two-fold b\n", "= Three =\nc d e\n")
    ):
        paths.append(tmp_path / f"{number}.txt.xz")
        paths[-1].write_bytes(lzma.compress(text.encode()))
    return paths


def test_paragraphs_are_lower_case_tokens_in_shuffled_articles(articles):
    found = list(corpus.paragraphs(articles))
    assert sorted(found) == [
        ["c", "d", "e"],
        ["it's", "a", "test", "no", "1"],
        ["one"],
        ["three"],
        ["two"],
        ["two", "fold", "b"],
    ]
    assert found[found.index(["one"]) + 1][0] == "it's"
    assert found == list(corpus.paragraphs(articles))


def test_corpus_is_cut_at_the_token_and_kept(articles, tmp_path, monkeypatch):
    monkeypatch.setenv("LEXIGRAD_BENCH_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(corpus, "ARTICLES", articles)
    text = corpus.wiki(7)
    assert len(text.path.read_text().split()) == 7
    assert corpus.repeated(text, 20) == (text.path.with_name("wiki-7-x3.txt"), 21)
    assert corpus.repeated(text, 20).path.read_text() == 3 * text.path.read_text()
    monkeypatch.setattr(corpus, "ARTICLES", [])
    assert corpus.wiki(7) == text
    with pytest.raises(ValueError, match="have 0 tokens, not 8"):
        corpus.wiki(8)


@pytest.mark.parametrize(("mode", "expected"), [("sg-ns", (1, 0, 5)), ("cbow-hs", (0, 1, 0)), ("sg-both", (1, 1, 5))])
def test_modes(mode, expected):
    assert peers.objective(mode) == expected


def fake_program(tmp_path, monkeypatch, lines):
    """A "word2vec.c" that prints progress."""
    script = tmp_path / "word2vec"
    body = "\n".join(f"print('\\rAlpha: 0.02  Progress: {line}%', flush=True); time.sleep(0.05)" for line in lines)
    script.write_text(f"#!{sys.executable}\nimport time\n{body}\n")
    script.chmod(0o755)
    monkeypatch.setenv("LEXIGRAD_WORD2VEC_C", str(script))


def test_the_rate_of_a_program_comes_from_its_progress(tmp_path, monkeypatch):
    fake_program(tmp_path, monkeypatch, ["10.0", "30.00", "60.00", "99.50", "99.9"])
    done = peers.program_rate(peers.WORD2VEC_C, "corpus", 1000, 600, "sg-ns", 10, 1)
    assert done["rate"] * done["seconds"] == pytest.approx(500)
    whole = peers.program_rate(peers.WORD2VEC_C, "corpus", 1000, 1000, "sg-ns", 10, 1)
    assert whole["rate"] * whole["seconds"] == pytest.approx(895)


def test_a_program_that_skips_most_of_its_words_is_refused(tmp_path, monkeypatch):
    fake_program(tmp_path, monkeypatch, ["10.0", "20.00"])
    with pytest.raises(RuntimeError, match=r"trained on 20\.0% of its words only"):
        peers.program_rate(peers.WORD2VEC_C, "corpus", 1000, 1000, "sg-ns", 10, 1)


def test_absent_programs_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LEXIGRAD_WORD2VEC_C", raising=False)
    monkeypatch.delenv("LEXIGRAD_PWORD2VEC", raising=False)
    assert peers.WORD2VEC_C not in peers.available("sg-ns")
    assert any("LEXIGRAD_PWORD2VEC" in line for line in peers.explain_absent())


def run_of(peer, seed, **scores):
    row = {"peer": peer, "mode": "sg-ns", "dim": 100, "alpha": 0.025, "threads": 2, "seed": seed}
    return row | {"analogies": 45.0, "wordsim353": 66.0, "simlex999": 29.0, "men": 67.0} | scores


def test_ours_is_short_only_beyond_two_standard_deviations():
    theirs = [run_of("gensim", 1)]
    assert bench_quality.shortfalls([run_of(OURS, 1, analogies=43.5, men=80.0)], theirs) == []
    assert bench_quality.shortfalls([run_of(OURS, 1, analogies=43.0)], theirs) == ["analogies -2.0"]
    scattered = [run_of(OURS, seed, analogies=value) for seed, value in enumerate((41.0, 43.0, 45.0))]
    assert bench_quality.shortfalls(scattered, theirs) == []


def test_quality_report_and_picture(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    case = {"mode": "sg-ns", "dim": 100, "threads": 2}
    harness.record("word2vec", [Comparison(case, "thousand words/s", "gensim", [(4000.0, 400.0)])])
    path = tmp_path / "runs.jsonl"
    rows = [run_of(OURS, 1), run_of(OURS, 2, analogies=46.0), run_of("gensim", 1, analogies=50.0)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = bench_quality.report(bench_quality.read(path))
    assert "45.5 ± 0.7" in lines[2]
    assert "4,000" in lines[2]
    assert "short: analogies -4.5" in lines[3]
    bench_quality.draw(rows, tmp_path / "picture.png", 2)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_cases_are_chosen_by_their_settings():
    cases = [{"T": T, "pass": what} for T in (1, 50) for what in ("train", "inference")]
    assert operations.chosen(cases, []) == cases
    assert operations.chosen(cases, ["pass=train"]) == [cases[0], cases[2]]
    assert operations.chosen(cases, ["T=50", "pass=train", "pass=inference"]) == cases[2:]
    with pytest.raises(ValueError, match="no case has the settings T=2"):
        operations.chosen(cases, ["T=2"])


@pytest.mark.parametrize("what", ["inference", "train"])
@pytest.mark.parametrize(("T", "layers", "directions"), [(3, 2, 1), (3, 1, 2), (1, 1, 1)])
def test_contenders_of_the_recurrent_benchmark_agree(monkeypatch, what, T, layers, directions):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    case = {"layer": "GRU", "pass": what, "T": T, "B": 1, "H": 5, "layers": layers, "directions": directions}
    libraries = [OURS, *(bench_recurrent.peers(case) if importlib.util.find_spec("torch") else [])]
    if what == "inference" and len(libraries) == 1:
        libraries.append(operations.ONNX)
    ours, *others = (bench_recurrent.prepare(library, **case)[1]() for library in libraries)
    for found in others:
        operations.agree(ours, found, 1e-5)
