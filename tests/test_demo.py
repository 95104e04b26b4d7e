"""The built-in corpus, and the demo on it."""

import sys
from pathlib import Path

import pytest

from lexigrad import cli, demo
from lexigrad.text import builtin


@pytest.fixture(scope="module")
def sentences() -> list[list[str]]:
    return builtin.sentences()


def test_the_corpus_is_english(sentences) -> None:
    assert sum(map(len, sentences)) > demo._LEAST_WORDS
    assert all(len(sentence) >= 3 for sentence in sentences)
    assert len({tuple(sentence) for sentence in sentences}) == len(sentences)
    words = {word for sentence in sentences for word in sentence}
    assert {"the", "file", "string", "exception", "doesn't"} <= words
    assert all(word == word.lower() and word.replace("'", "").isalpha() for word in words)


def test_sources_that_cannot_be_read_are_passed_over(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "good.py").write_text('"""A documented module. It has two sentences here."""\n')
    (tmp_path / "syntax.py").write_text("def broken(:\n")
    (tmp_path / "nul.py").write_bytes(b'"""a nul \0 in it"""')
    (tmp_path / "latin.py").write_bytes(b'"""not valid utf eight: \xe9"""')
    (tmp_path / "escape.py").write_text("def f():\n    '''an invalid \\d escape here'''\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "other.py").write_text('"""other people\'s documentation is left out"""')
    monkeypatch.setattr(builtin.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    assert builtin.sentences() == [
        ["an", "invalid", "d", "escape", "here"],
        ["a", "documented", "module"],
        ["it", "has", "two", "sentences", "here"],
    ]
    for path in tmp_path.glob("*.py"):
        path.unlink()
    with pytest.raises(RuntimeError, match="carries no documentation"):
        builtin.sentences()


def test_examples_and_markup_are_no_words(monkeypatch) -> None:
    monkeypatch.setattr(builtin, "_texts", lambda: ["See :func:`open` for *more* files:\n >>> open(x)\n"])
    assert builtin.sentences() == [["see", "open", "for", "more", "files"]]


def test_the_demo_prints_what_it_learnt(sentences, capsys, monkeypatch) -> None:
    monkeypatch.setattr(builtin, "sentences", lambda: sentences)
    seen = []
    vectors = demo.run(seen.append, workers=1)
    out = capsys.readouterr().out
    for part in ("words/s", "nearest neighbours", "analogies", "the odd one out"):
        assert part in out
    assert {now.stage for now in seen} == {"vocabulary", "training"}
    assert seen[-1].words_done == seen[-1].words_total == 15 * sum(map(len, sentences))
    assert vectors.rank("true", "false") == 1
    assert "files" in [word for word, _ in vectors.most_similar("file", topn=20)]


def test_the_text_for_the_character_model(monkeypatch) -> None:
    text = builtin.text(50_000)
    assert len(text) == 50_000
    assert text.isascii()
    assert builtin.text(1000) == text[:1000]
    assert not any(pair in text for pair in ("  ", "\n\n", " \n"))
    monkeypatch.setattr(builtin, "_texts", lambda: iter(["one ä\n   two\n  >>> x\n", "three"]))
    assert builtin.text(100) == "one\ntwo\nthree\n"
    monkeypatch.setattr(builtin, "_texts", lambda: iter(()))
    with pytest.raises(RuntimeError, match="carries no documentation"):
        builtin.text(1)


def test_the_demo_writes(capsys, monkeypatch) -> None:
    monkeypatch.setattr(demo, "_CHARACTERS", 40_000)
    seen = []
    model = demo.write(seen.append, workers=1)
    out = capsys.readouterr().out
    assert "bits per character" in out
    written = out.split("what it writes\n--------------\n")[1]
    assert len(written) == 405
    assert written.startswith("The ")
    assert seen[-1].unit == "chars"
    assert seen[-1].words_done == seen[-1].words_total
    assert model.history.losses[-1] < 3.2


def test_too_little_to_learn_from(monkeypatch) -> None:
    monkeypatch.setattr(builtin, "sentences", lambda: [["only", "four", "words", "here"]])
    with pytest.raises(RuntimeError, match="only 4 words"):
        demo.run()


def test_from_the_command_line(sentences, capsys, monkeypatch) -> None:
    monkeypatch.setattr(builtin, "sentences", lambda: sentences[:20_000])
    monkeypatch.setattr(demo, "_CHARACTERS", 20_000)
    assert cli.main(["demo", "--workers", "1", "--seed", "2"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""  # no terminal: no bar
    assert "nearest neighbours" in captured.out
    assert "what it writes" in captured.out
