"""The command line, in this process and as a process of its own."""

import gzip
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexigrad import __version__, cli
from lexigrad.cli.vectors import load_vectors
from lexigrad.embed.adagram import AdaGram
from lexigrad.embed.doc2vec import Doc2Vec
from lexigrad.embed.fasttext import FastText
from lexigrad.embed.fasttext_classifier import FastTextClassifier
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.lda2vec import LDA2Vec
from lexigrad.embed.word2vec import Word2Vec
from lexigrad.progress import Progress, bar
from lexigrad.text import builtin
from lexigrad.text.phrases import FrozenPhrases

WORDS = ["king", "queen", "man", "woman", "prince", "princess", "paris", "london"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rng = random.Random(1)
    words = [f"w{i}" for i in range(60)]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(" ".join(rng.choices(words, k=12)) for _ in range(800)) + "\n")
    return path


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    kv = KeyedVectors(4)
    gender, royal, young, place = np.eye(4, dtype=np.float32)
    rows = [
        royal,
        royal + gender,
        0 * gender,
        gender,
        royal + young,
        royal + young + gender,
        place,
        place + 0.1,
    ]
    kv.add_vectors(WORDS, np.array(rows) + np.float32([0.3, 0.1, 0.1, 0.01]))
    path = tmp_path / "vectors.bin"
    kv.save_word2vec_format(path, binary=True)
    return path


def run(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "lexigrad", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def fails(capsys, *args: object) -> str:
    """The one line that a failing command prints."""
    assert cli.main([str(arg) for arg in args]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("lexigrad: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_version_and_help() -> None:
    assert run("--version").stdout == f"lexigrad {__version__}\n"
    assert "lexigrad train word2vec" in run("--help").stdout


EMBEDDINGS = "word2vec doc2vec fasttext fasttext-classifier svd glove adagram lda2vec"
MODELS = "lm tagger classifier speech translator dialogue captioner"
COMMANDS = (
    "train sample tag classify transcribe translate chat features caption similar analogy eval convert phrases plot"
)


@pytest.mark.parametrize(
    "command",
    [
        *(f"train {model}" for model in f"{EMBEDDINGS} {MODELS}".split()),
        *COMMANDS.split(),
        *("bench", "demo", "eval lm", "diagnose", "diagnose gradient-flow", "diagnose clipping"),
    ],
)
def test_help_has_an_example(command: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"example:\n  lexigrad {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        "",
        "fly",
        "train",
        "train glove x",
        "train word2vec x",
        "train word2vec -o x.bin",
        "train word2vec x -o x.bin --size 0",
        "train word2vec x -o x.bin --size many",
        "train word2vec x -o x.bin --sg --cbow",
        "train word2vec x -o x.bin --format pickle",
        "train lm x",
        "train lm x -o y --unit byte",
        "train lm x -o y --validation z --hold-out 0.1",
        "train lm x -o y --resume",
        "sample",
        "sample x --length 0",
        "eval lm x",
        "similar",
        "similar x.bin king --topn -1",
        "analogy x.bin man king",
        "eval x.bin",
        "eval x.bin --relations one",
        "phrases x -o y --scoring pmi",
        "plot x.bin -o y.png --words a --top 3",
        "plot x.bin -o y.png --method lda",
        "diagnose",
        "diagnose clipping",
        "diagnose gradient-flow --steps 0",
    ],
)
def test_a_wrong_command_line_is_one_line_and_code_2(line: str, capsys) -> None:
    with pytest.raises(SystemExit) as exit:
        cli.main(line.split())
    assert exit.value.code == 2
    message = capsys.readouterr().err
    assert re.fullmatch(r"lexigrad: error: .*\(see lexigrad.* --help\)\n", message)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("v.bin", b"60 8\n"),
        ("v.txt", b"60 8\n"),
        ("v.vec.gz", b"60 8\n"),
        ("v.safetensors", None),
        ("v.model", None),
        ("v.tsv", None),
    ],
)
def test_train_writes_the_format_of_the_suffix(corpus: Path, tmp_path: Path, name, first, capsys) -> None:
    path = tmp_path / name
    options = ["--size", "8", "--sg", "--workers", "1", "--epochs", "2", "--sample", "0"]
    assert cli.main(["train", "word2vec", str(corpus), "-o", str(path), *options]) == 0
    assert re.search(r"60 words, 8 dimensions -> .* words/s\)", capsys.readouterr().err)
    if first is not None:
        content = path.read_bytes()
        assert (gzip.decompress(content) if name.endswith(".gz") else content).startswith(first)
    expected = Word2Vec(str(corpus), vector_size=8, sg=1, workers=1, epochs=2, sample=0)
    loaded = load_vectors(str(path if name != "v.tsv" else tmp_path / "v_tensor.tsv"))
    assert loaded.index_to_key == expected.wv.index_to_key
    np.testing.assert_allclose(loaded.vectors, expected.wv.vectors, rtol=1e-5, atol=1e-7)


def test_train_doc2vec_writes_the_vectors_of_lines(corpus: Path, tmp_path: Path, capsys) -> None:
    settings = {"vector_size": 8, "workers": 1, "epochs": 2, "window": 3}
    for options, more in (("--dbow --dbow-words", {"dm": 0, "dbow_words": 1}), ("--concat", {"dm_concat": 1})):
        line = ["train", "doc2vec", str(corpus), "--size", "8", "--workers", "1", "--epochs", "2", "--window", "3"]
        expected = Doc2Vec(str(corpus), **settings, **more)
        for name in ("d.txt", "d.model"):
            assert cli.main([*line, *options.split(), "-o", str(tmp_path / name)]) == 0
            assert f"{len(expected.dv)} documents, 8 dimensions" in capsys.readouterr().err
        loaded = KeyedVectors.load_word2vec_format(tmp_path / "d.txt")
        assert loaded.index_to_key == [str(i) for i in range(len(expected.dv))]
        np.testing.assert_allclose(loaded.vectors, expected.dv.vectors, rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(Doc2Vec.load(tmp_path / "d.model").dv.vectors, expected.dv.vectors)


def test_train_fasttext_writes_the_files_of_the_program(corpus: Path, tmp_path: Path, capsys) -> None:
    options = [
        "--size",
        "8",
        "--workers",
        "1",
        "--epochs",
        "2",
        "--sg",
        "--min-n",
        "2",
        "--max-n",
        "4",
        "--bucket",
        "99",
    ]
    for name in ("f.bin", "f.model", "f.vec"):
        assert cli.main(["train", "fasttext", str(corpus), "-o", str(tmp_path / name), *options]) == 0
        assert "60 words, 8 dimensions" in capsys.readouterr().err
    expected = FastText(str(corpus), vector_size=8, workers=1, epochs=2, sg=1, min_n=2, max_n=4, bucket=99)
    for model in (FastText.load_fasttext_format(tmp_path / "f.bin"), FastText.load(tmp_path / "f.model")):
        np.testing.assert_array_equal(model.wv["unheard-of"], expected.wv["unheard-of"])
    np.testing.assert_allclose(load_vectors(str(tmp_path / "f.vec")).vectors, expected.wv.vectors, atol=1e-6)
    np.testing.assert_array_equal(load_vectors(str(tmp_path / "f.model")).vectors, expected.wv.vectors)


def test_train_fasttext_classifier(tmp_path: Path, capsys) -> None:
    text = tmp_path / "labelled.txt"
    text.write_text("#fruit a ripe plum\n#tool a sharp saw\n" * 50)
    options = ["--size", "4", "--alpha", "0.5", "--word-ngrams", "2", "--bucket", "50", "--label-prefix", "#"]
    for name in ("c.bin", "c.model"):
        line = ["train", "fasttext-classifier", str(text), "-o", str(tmp_path / name), "--threads", "1", *options]
        assert cli.main(line) == 0
        assert "6 words, 4 dimensions" in capsys.readouterr().err
    for model in (
        FastTextClassifier.load_fasttext_format(tmp_path / "c.bin", label_prefix="#"),
        FastTextClassifier.load(tmp_path / "c.model"),
    ):
        assert (model.alpha, model.word_ngrams) in ((0.5, 2), (0.1, 2))
        assert model.predict(["plum", "saw"])[0] == [("#fruit",), ("#tool",)]


def test_train_passes_its_options_on(corpus: Path, tmp_path: Path) -> None:
    options = "--cbow --window 3 --hs --min-count 2 --alpha 0.05 --min-alpha 0.001 --iter 3 --seed 7"
    path, vocabulary = tmp_path / "v.model", tmp_path / "vocabulary.txt"
    line = ["train", "word2vec", str(corpus), "-o", str(path), "-q", "--threads", "1"]
    more = [*options.split(), "--vector-size", "6", "--max-final-vocab", "60"]
    assert cli.main([*line, *more, "--save-vocab", str(vocabulary)]) == 0
    model = Word2Vec.load(path)
    settings = (model.sg, model.hs, model.negative, model.window, model.epochs, model.seed, model.vector_size)
    assert settings == (0, 1, 0, 3, 3, 7, 6)
    assert (model.alpha, model.min_alpha, model.min_count, model.workers) == (0.05, 0.001, 2, 1)
    lines = [line.split() for line in vocabulary.read_text().splitlines()]
    assert [word for word, _ in lines] == model.wv.index_to_key
    assert all(model.wv.get_vecattr(word, "count") == int(count) for word, count in lines)
    assert cli.main([*line, "--softmax", "--size", "4", "--epochs", "1"]) == 0
    assert (Word2Vec.load(path).loss, Word2Vec.load(path).negative) == ("softmax", 0)


def test_train_adagram_writes_senses(corpus: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "stop.txt").write_text("w1 w2\nw3\n")
    line = ["train", "adagram", str(corpus), "--dim", "8", "--prototypes", "3", "--threads", "1", "--epochs", "2"]
    line += ["--stopwords", str(tmp_path / "stop.txt"), "--regex", "^w[0-4]", "--remove-top-k", "2", "--context-cut"]
    line += ["--alpha", "0.2", "--d", "0.1", "--init-count", "50", "--start-lr", "0.01", "--window", "6"]
    assert cli.main([*line, "-o", str(tmp_path / "a.model")]) == 0
    assert re.search(r"\d+ senses, 8 dimensions -> .* words/s\)", capsys.readouterr().err)
    model = AdaGram.load(tmp_path / "a.model")
    settings = (model.prototypes, model.alpha, model.d, model.init_count, model.start_lr, model.window)
    assert settings == (3, 0.2, 0.1, 50, 0.01, 6)
    assert (model.epochs, model.workers, model.min_count, model.shrink_windows) == (2, 1, 20, True)
    assert cli.main([*line, "-o", str(tmp_path / "a.txt"), "-q"]) == 0
    senses = KeyedVectors.load_word2vec_format(tmp_path / "a.txt")
    assert senses.index_to_key == model.sv.index_to_key
    assert "missing.txt: No such file" in fails(capsys, *line, "-o", tmp_path / "a.txt", "--stopwords", "missing.txt")


def test_train_lda2vec_writes_topics(corpus: Path, tmp_path: Path, capsys) -> None:
    line = ["train", "lda2vec", str(corpus), "--size", "8", "--topics", "4", "--threads", "1", "--epochs", "2"]
    line += ["--prior", "0.3", "--strength", "2", "--negative", "3", "--ns-exponent", "0.5", "--window", "4"]
    assert cli.main([*line, "-o", str(tmp_path / "a.model")]) == 0
    assert re.search(r"4 topics, 8 dimensions -> .* words/s\)", capsys.readouterr().err)
    model = LDA2Vec.load(tmp_path / "a.model")
    assert (model.topics, model.prior, model.strength, model.negative, model.window) == (4, 0.3, 2, 3, 4)
    assert model.document_mixtures.shape == (800, 4)
    assert cli.main([*line, "-o", str(tmp_path / "a.txt"), "-q"]) == 0
    assert KeyedVectors.load_word2vec_format(tmp_path / "a.txt").index_to_key == model.tv.index_to_key


def test_failures_are_one_line_and_code_1(corpus: Path, tmp_path: Path, vectors: Path, capsys) -> None:
    out = tmp_path / "out.bin"
    train = ("train", "word2vec", corpus, "-o")
    assert "missing.txt: No such file" in fails(capsys, *train[:2], tmp_path / "missing.txt", "-o", out)
    assert "name does not tell the format" in fails(capsys, *train, tmp_path / "x.y")
    assert "no such directory" in fails(capsys, *train, tmp_path / "no" / "x.bin")
    assert "is a directory" in fails(capsys, *train, tmp_path)
    fails(capsys, *train, out, "--min-count", "100000")
    fails(capsys, *train, out, "--alpha", "-1")
    assert not out.exists()
    assert "'kong'" in fails(capsys, "similar", vectors, "kong").lower()
    assert "missing.bin" in fails(capsys, "similar", tmp_path / "missing.bin", "king")
    fails(capsys, "similar", corpus, "king")
    fails(capsys, "analogy", vectors, "man", "king", "kong")
    fails(capsys, "convert", vectors, tmp_path / "x.unknown")
    fails(capsys, "plot", vectors, "-o", tmp_path / "x.png", "--words", "king,kong")
    fails(capsys, "plot", vectors, "-o", tmp_path / "x.jpg")
    fails(capsys, "phrases", tmp_path / "missing.txt", "-o", tmp_path / "out.txt")
    fails(capsys, "eval", vectors, "--pairs", tmp_path / "missing.tsv")
    assert {path.name for path in tmp_path.iterdir()} == {"corpus.txt", "vectors.bin"}


def test_similar_and_analogy(vectors: Path, capsys) -> None:
    assert cli.main(["similar", str(vectors), "paris", "--topn", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"london\t0\.\d{4}", lines[0])
    assert cli.main(["similar", str(vectors), "paris", "king", "--limit", "7"]) == 0
    assert "london" not in capsys.readouterr().out
    assert cli.main(["analogy", str(vectors), "man", "king", "woman"]) == 0
    assert capsys.readouterr().out.startswith("queen\t")


def test_eval(vectors: Path, tmp_path: Path, capsys) -> None:
    analogies, pairs = tmp_path / "analogies.txt", tmp_path / "pairs.tsv"
    analogies.write_text(": royal\nman king woman queen\nprince king princess queen\n: empty\na b c d\n")
    pairs.write_text("king\tqueen\t9\nman\tparis\t1\nking\tman\t5\npotato\tking\t2\n")
    arguments = ["--analogies", analogies, "--pairs", pairs, "--pairs", pairs]
    assert cli.main(["eval", str(vectors), *map(str, arguments)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"royal +100\.00%  2/2", out)
    assert re.search(r"accuracy +100\.00%", out)
    assert len(re.findall(r"Spearman +[-\d]", out)) == 2
    assert re.search(r"unknown words +25\.00%", out)


def test_eval_of_relations(vectors: Path, tmp_path: Path, capsys) -> None:
    gold, paradigms = tmp_path / "gold.tsv", tmp_path / "paradigms.tsv"
    gold.write_text(
        "split\tcategory\tscore\tword1\tword2\n"
        "test\t1a\t50.0\tman\tking\ntest\t1a\t20.0\twoman\tqueen\ntest\t1a\t-10.0\tparis\tman\n"
    )
    paradigms.write_text("split\tcategory\tclass\tsubclass\tparadigms\ntest\t1a\tX\tY\tman:king woman:queen\n")
    assert cli.main(["eval", str(vectors), "--relations", str(gold), str(paradigms)]) == 0
    assert re.search(r"spearman +[-\d.]+\n$", capsys.readouterr().out)


def test_convert(vectors: Path, tmp_path: Path, capsys) -> None:
    packed = tmp_path / "v.txt.gz"
    assert cli.main(["convert", str(vectors), str(packed)]) == 0
    assert "8 words, 4 dimensions" in capsys.readouterr().err
    assert cli.main(["convert", str(packed), str(tmp_path / "back.bin"), "-q"]) == 0
    assert (tmp_path / "back.bin").read_bytes() == vectors.read_bytes()
    assert cli.main(["convert", str(vectors), str(tmp_path / "x"), "--format", "glove", "--limit", "2"]) == 0
    assert [line.split()[0] for line in (tmp_path / "x").read_text().splitlines()] == WORDS[:2]


def test_phrases(tmp_path: Path, capsys) -> None:
    source, out, model = tmp_path / "in.txt", tmp_path / "out.txt", tmp_path / "phrases.json"
    source.write_text("bank of america\nnew york\n" * 9 + "a b c d e f g h i j k l m n\n")
    line = ["phrases", str(source), "-o", str(out), "--threshold", "0.1", "--min-count", "2"]
    assert cli.main([*line, "--connector-words", "english,saw", "--save-model", str(model)]) == 0
    assert capsys.readouterr().err.startswith("2 phrases among 59 words -> ")
    assert out.read_text().splitlines()[:2] == ["bank_of_america", "new_york"]
    assert FrozenPhrases.load(model)[["new", "york"]] == ["new_york"]


def test_plot(vectors: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "map.png"
    assert cli.main(["plot", str(vectors), "-o", str(out), "--words", "king,queen,man"]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_bench(monkeypatch, capsys) -> None:
    monkeypatch.setattr(builtin, "sentences", lambda: [["a", "b", "c", "d"]] * 500)
    assert cli.main(["bench", "--size", "8", "--workers", "3"]) == 0
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()[3:]]
    assert rows == ["threads", "1", "2", "3"]


def test_a_reader_that_goes_away(vectors: Path) -> None:
    command = f"{sys.executable} -m lexigrad similar {vectors} king | true"
    done = subprocess.run(["bash", "-c", command + "; exit ${PIPESTATUS[0]}"], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode in (0, cli.BROKEN_PIPE)  # 0 when true had not gone yet


# Presses Ctrl-C when training reports for the first time.
CTRL_C = """
import contextlib, os, signal, sys
from lexigrad import cli, progress

def press(now):
    if now.stage == "training":
        os.kill(os.getpid(), signal.SIGINT)

progress.bar = lambda quiet: contextlib.nullcontext(press)
sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c_saves_what_there_is(corpus: Path, tmp_path: Path) -> None:
    out, vocabulary = tmp_path / "v.bin", tmp_path / "vocabulary.txt"
    line = ["train", "word2vec", corpus, "-o", out, "--epochs", "1000", "--save-vocab", vocabulary]
    command = [sys.executable, "-W", "error", "-c", CTRL_C, *map(str, line)]
    stopped = subprocess.run(command, capture_output=True, text=True, check=False)
    assert stopped.stderr == f"lexigrad: interrupted: what was trained until then is in {out}\n"
    assert stopped.returncode == cli.INTERRUPTED
    assert len(KeyedVectors.load_word2vec_format(out, binary=True)) == 60
    assert len(vocabulary.read_text().splitlines()) == 60


def test_interrupted_training_resumes(monkeypatch, corpus: Path, tmp_path: Path, capsys) -> None:
    options = ["train", "word2vec", str(corpus), "--size", "8", "--workers", "1", "--epochs", "50"]
    checkpoint = ["--checkpoint", str(tmp_path / "state"), "--resume"]
    assert cli.main([*options, "-o", str(tmp_path / "whole.bin")]) == 0

    @contextmanager
    def interrupting_bar(quiet: bool) -> Iterator[Any]:
        def hook(now: Progress) -> None:
            if now.stage == "training" and now.epoch >= 20:
                raise KeyboardInterrupt

        yield hook

    monkeypatch.setattr("lexigrad.progress.bar", interrupting_bar)
    half = tmp_path / "half.bin"
    assert cli.main([*options, "-o", str(half), *checkpoint]) == cli.INTERRUPTED
    monkeypatch.undo()
    assert half.read_bytes() != (tmp_path / "whole.bin").read_bytes()
    assert cli.main([*options, "-o", str(half), *checkpoint]) == 0
    assert half.read_bytes() == (tmp_path / "whole.bin").read_bytes()
    assert cli.main([*options, "-o", str(half), *checkpoint]) == 0  # nothing is left to do
    assert half.read_bytes() == (tmp_path / "whole.bin").read_bytes()
    with pytest.raises(SystemExit, match="2"):
        cli.main([*options, "-o", str(half), "--resume"])
    assert "--resume needs --checkpoint" in capsys.readouterr().err


def test_ctrl_c_before_training_writes_nothing(monkeypatch, corpus: Path, tmp_path: Path, capsys) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lexigrad.embed.word2vec.Word2Vec", interrupt)
    assert cli.main(["train", "word2vec", str(corpus), "-o", str(tmp_path / "v.bin")]) == cli.INTERRUPTED
    assert capsys.readouterr().err == "lexigrad: interrupted: nothing was written\n"
    assert not (tmp_path / "v.bin").exists()


class Terminal:
    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_the_bar_shows_rate_and_loss(monkeypatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with bar() as hook:
        assert hook is not None
        nan = float("nan")
        hook(Progress(0, 1, 500, 1000, nan, nan, 0.1, "vocabulary"))
        hook(Progress(0, 1, 1000, 0, nan, nan, 0.2, "vocabulary"))
        for done in (1000, 5000):
            time.sleep(0.15)
            hook(Progress(1, 5, done, 5000, 0.0123, 1.25, 0.1, "training"))
    for part in ("vocabulary", "training", "words/s", "epoch=2/5", "rate=0.0123", "loss=1.2500", "100%"):
        assert part in terminal.text
    with bar(quiet=True) as hook:
        assert hook is None
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    with bar() as hook:
        assert hook is None


def test_diagnose_prints_and_draws(tmp_path: Path, capsys) -> None:
    assert cli.main(["diagnose", "gradient-flow", "--steps", "40", "--hidden", "8"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[-1] == "40"
    values = {row[:30].strip(): [float(value) for value in row[30:].split()] for row in rows}
    assert len(values) == 7
    assert values["tanh RNN, dh_t/dh_k"][-1] < 1e-3 < values["identity-ReLU RNN, dh_t/dh_k"][-1]
    assert "at least 3" in fails(capsys, "diagnose", "gradient-flow", "--steps", 2)
    pytest.importorskip("matplotlib")
    assert cli.main(["diagnose", "gradient-flow", "--steps", "5", "--hidden", "4", "-o", str(tmp_path / "a.png")]) == 0
    assert cli.main(["diagnose", "clipping", "-o", str(tmp_path / "b.png")]) == 0
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 2
    capsys.readouterr()
    assert "must end in .png" in fails(capsys, "diagnose", "gradient-flow", "-o", tmp_path / "a.gif")
