"""GloVe: the kernel against its oracle; training, resuming, files of Stanford's programs, bad input."""

import copy
import os
import signal
import threading

import numpy as np
import pytest

import lexigrad as lg
from kernel_checks import OTHER_ISAS, numeric_gradient, run_at
from lexigrad import _core
from lexigrad.cli import main
from lexigrad.embed.matrix import PaddedMatrix
from lexigrad.io.glove import (
    read_cooccurrences,
    read_glove_vocabulary,
    write_cooccurrences,
    write_glove_vocabulary,
)
from oracles import glove as oracle

FRUIT = ["apple", "pear", "plum", "cherry", "grape"]
TOOLS = ["hammer", "saw", "drill", "wrench", "pliers"]
MATRICES = ("words", "contexts", "word_squares", "context_squares")


def two_topics(sentences=400):
    rng = np.random.default_rng(0)
    return [["the", *rng.choice(FRUIT if i % 2 else TOOLS, 6).tolist()] for i in range(sentences)]


def small(corpus=None, **settings):
    return lg.GloVe(corpus, **{"vector_size": 12, "min_count": 1, "workers": 1, "epochs": 3, "x_max": 10.0, **settings})


# The kernel


class Pair:
    """The same counts and parameters for the kernel and for the oracle."""

    def __init__(self, rng, vocabulary, size, density=0.5):
        self.counts = np.where(
            rng.random((vocabulary, vocabulary)) < density, rng.gamma(1, 30, (vocabulary, vocabulary)) + 0.05, 0
        ).astype(np.float32)
        self.size = size
        self.kernel = {
            name: PaddedMatrix.of(np.abs(rng.normal(0, 0.5, (vocabulary, size))).astype(np.float32))
            for name in MATRICES
        }
        self.biases = np.abs(rng.normal(0, 0.5, (vocabulary, 4))).astype(np.float32)
        self.oracle = {name: matrix.view.astype(np.float64) for name, matrix in self.kernel.items()}
        self.oracle["biases"] = self.biases.astype(np.float64)
        groups = -(-(self.counts > 0).sum(1) // oracle.GROUP)
        self.order = rng.permutation(int(groups.sum())).astype(np.int32)
        rows, columns = np.nonzero(self.counts)
        self.fixed = {
            "offsets": np.concatenate([[0], np.cumsum((self.counts > 0).sum(1))]).astype(np.int64),
            "columns": columns.astype(np.int32),
            "values": self.counts[rows, columns],
            "group_rows": np.repeat(np.arange(vocabulary, dtype=np.int32), groups),
            "first_groups": np.concatenate([[0], np.cumsum(groups)[:-1]]).astype(np.int64),
        }

    def train(self, rate=0.05, x_max=20.0, exponent=0.75, block=3, threads=1, **changed):
        arguments = {
            "begin": 0,
            "end": len(self.order),
            "block": block,
            "threads": threads,
            "alpha": rate,
            "vector_size": self.size,
            "biases": self.biases,
            "x_max": x_max,
            "exponent": exponent,
            **self.fixed,
            **{name: matrix.padded for name, matrix in self.kernel.items()},
        }
        return _core.glove_train(self.order, **{**arguments, **changed})


@pytest.mark.parametrize("size", [1, 3, 15, 16, 17, 50, 100])
@pytest.mark.parametrize("vocabulary", [1, 2, 16, 17, 40])
def test_matches_oracle(vocabulary, size):
    pair = Pair(np.random.default_rng(size), vocabulary, size, 1.0 if vocabulary < 3 else 0.5)
    done = pair.train()
    expected = oracle.train(pair.oracle, pair.counts.astype(float), pair.order, 0.05, 20.0, 0.75)
    assert done["predictions"] == (pair.counts > 0).sum()
    assert done["loss"] == pytest.approx(expected, rel=1e-5)
    for name, matrix in pair.kernel.items():
        np.testing.assert_allclose(matrix.view, pair.oracle[name], rtol=1e-4, atol=2e-5, err_msg=name)
        assert not matrix.padded[:, size:].any()
    np.testing.assert_allclose(pair.biases, pair.oracle["biases"], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_weighting(exponent):
    pair = Pair(np.random.default_rng(1), 20, 8)
    done = pair.train(exponent=exponent, x_max=500.0, rate=1.0)  # so large a rate meets the clipping too
    expected = oracle.train(pair.oracle, pair.counts.astype(float), pair.order, 1.0, 500.0, exponent)
    assert done["loss"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("x", [0.2, 7.0, 300.0])
def test_the_oracle_has_the_right_gradients(x):
    rng = np.random.default_rng(2)
    w, u, b, c = rng.normal(size=5), rng.normal(size=5), 0.3, -0.2
    weight = (x, 100, 0.75)
    dw, du, db = oracle.gradients(w, u, b, c, *weight)
    np.testing.assert_allclose(dw, numeric_gradient(lambda v: oracle.loss(v, u, b, c, *weight), w), atol=1e-6)
    np.testing.assert_allclose(du, numeric_gradient(lambda v: oracle.loss(w, v, b, c, *weight), u), atol=1e-6)
    slope = numeric_gradient(lambda v: oracle.loss(w, u, v[0], c, *weight), np.array([b]))
    np.testing.assert_allclose(db, slope[0], atol=1e-6)


def test_threads_see_every_entry():
    pair = Pair(np.random.default_rng(3), 60, 10)
    assert pair.train(threads=3, block=2)["predictions"] == (pair.counts > 0).sum()


def test_the_kernel_notices_bad_input_and_divergence():
    pair = Pair(np.random.default_rng(4), 5, 4, 1.0)
    for changed in (
        {"columns": pair.fixed["columns"] + np.int32(1)},
        {"columns": pair.fixed["columns"] - np.int32(1)},
        {"group_rows": pair.fixed["group_rows"] + np.int32(9)},
        {"first_groups": pair.fixed["first_groups"] + 1},
        {"offsets": pair.fixed["offsets"][::-1].copy()},
        {"x_max": 0.0},
        {"end": 99},
    ):
        with pytest.raises(ValueError, match="must"):
            pair.train(**changed)
    pair.kernel["words"].view[0, 0] = np.inf
    assert pair.train()["diverged"]


@pytest.mark.parametrize("isa", OTHER_ISAS)
def test_other_instruction_sets(isa):
    run_at(isa, __file__, "matches_oracle or weighting")


# Learning


@pytest.mark.parametrize("workers", [1, 3])
def test_learns_which_words_go_together(workers):
    model = small(two_topics(), epochs=40, workers=workers)
    for word in FRUIT:
        assert {other for other, _ in model.wv.most_similar(word, topn=4)} == set(FRUIT) - {word}
    assert model.epoch_losses[-1] < model.epoch_losses[0] / 2


def test_one_seed_one_result():
    corpus = two_topics()
    np.testing.assert_array_equal(small(corpus).wv.vectors, small(corpus).wv.vectors)
    assert (small(corpus, seed=2).wv.vectors != small(corpus).wv.vectors).any()


def test_the_forms_of_output():
    corpus = two_topics(50)
    model = small(corpus)
    w, u = model.word_vectors, model.context_vectors
    np.testing.assert_array_equal(model.wv.vectors, w + u)
    for output, expected in (("word", w), ("context", u), ("concatenation", np.hstack([w, u]))):
        np.testing.assert_array_equal(small(corpus, output=output).wv.vectors, expected)
    assert model.word_biases.shape == model.context_biases.shape == (11,)


def test_a_resumed_run_gives_the_same_bits(tmp_path):
    corpus, path = two_topics(), tmp_path / "glove.safetensors"
    whole = small(corpus, epochs=4)

    class Interrupt(lg.CallbackAny2Vec):
        def on_epoch_begin(self, model):
            if model.epoch_losses[1:]:
                os.kill(os.getpid(), signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(lg.TrainingInterrupted) as interrupt:
        small(corpus, epochs=4, callbacks=[Interrupt()], checkpoint=path)
    assert interrupt.value.model.wv["the"].shape == (12,)
    model = lg.GloVe.load(path)
    assert model.training_unfinished
    model.resume(corpus)
    np.testing.assert_array_equal(model.wv.vectors, whole.wv.vectors)
    np.testing.assert_array_equal(model.word_biases, whole.word_biases)


def test_early_stop_copies_and_more_words():
    class Stop(lg.CallbackAny2Vec):
        def on_epoch_end(self, model):
            raise lg.StopTraining

    model = small(two_topics(), epochs=50, callbacks=[Stop()])
    assert len(model.epoch_losses) == 1
    for other in (model, small(two_topics(), output="concatenation")):
        np.testing.assert_array_equal(copy.deepcopy(other).wv.vectors, other.wv.vectors)
    before = model.word_vectors.copy()
    model.build_vocab([["apple", "quince"]], update=True)
    np.testing.assert_array_equal(model.word_vectors[:11], before)
    assert model.wv["quince"].shape == (12,)
    model.train([["apple", "quince"]] * 5, epochs=2)


def test_saved_and_loaded(tmp_path):
    model = small(two_topics(50), output="concatenation")
    path = tmp_path / "glove.safetensors"
    model.save(path)
    loaded = lg.GloVe.load(path)
    np.testing.assert_array_equal(loaded.wv.vectors, model.wv.vectors)
    np.testing.assert_array_equal(loaded.context_biases, model.context_biases)
    assert loaded.x_max == 10.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"x_max": 0}, "x_max must be above 0"),
        ({"exponent": -1}, "exponent must be"),
        ({"output": "all"}, "output must be one of"),
        ({"weights": "square"}, "weights must be"),
        ({"window": 0}, "window must be"),
        ({"memory": 0}, "memory must be"),
        ({"alpha": 0}, "above 0"),
    ],
)
def test_bad_input(settings, message):
    with pytest.raises(ValueError, match=message):
        small(**settings)


def test_corpora_without_a_pair():
    assert not small([["alone"]] * 3).word_biases.any()
    assert small([["again", "again"]]).wv["again"].shape == (12,)


# Counts and Stanford's files


def test_fit_on_counts():
    pytest.importorskip("scipy")
    corpus = two_topics()
    counts, vocabulary = lg.cooccurrence(corpus, window=10, weights="harmonic", min_count=1)
    model = small(epochs=40)
    model.fit(counts, vocabulary)
    assert {other for other, _ in model.wv.most_similar("saw", topn=4)} == set(TOOLS) - {"saw"}
    counts.data[3] = 0
    with pytest.raises(ValueError, match="above 0 and finite"):
        model.fit(counts, vocabulary)
    with pytest.raises(ValueError, match="shape"):
        model.fit(counts, ["a"])


def test_stanfords_files(tmp_path):
    pytest.importorskip("scipy")
    counts, vocabulary = lg.cooccurrence(two_topics(), window=10, weights="harmonic", min_count=1)
    vocab, pairs, shuffled = tmp_path / "vocab.txt", tmp_path / "cooccurrence.bin", tmp_path / "shuffled.bin"
    write_glove_vocabulary(vocab, vocabulary.words, vocabulary.counts)
    offsets = counts.indptr.astype(np.int64)
    write_cooccurrences(pairs, offsets, counts.indices, counts.data)
    write_cooccurrences(shuffled, offsets, counts.indices, counts.data, seed=1)
    records = np.fromfile(shuffled, [("a", "<i4"), ("b", "<i4"), ("x", "<f8")])
    assert sorted(records.tolist()) == np.fromfile(pairs, records.dtype).tolist()
    assert counts[records["a"][5] - 1, records["b"][5] - 1] == np.float32(records["x"][5])
    for path in (pairs, shuffled):
        for found, expected in zip(read_cooccurrences(path, 11), (offsets, counts.indices, counts.data), strict=True):
            np.testing.assert_array_equal(found, expected)
    model = small()
    model.fit_stanford(shuffled, vocab)
    assert model.wv.index_to_key == vocabulary.words

    binary = tmp_path / "vectors.bin"
    model.save_stanford(binary, vocab)
    assert binary.stat().st_size == 2 * 11 * 13 * 8
    loaded = lg.GloVe.load_stanford(binary, vocab, output="word")
    np.testing.assert_array_equal(loaded.wv.vectors, model.word_vectors)
    np.testing.assert_array_equal(loaded.context_biases, model.context_biases)


def test_damaged_files_of_stanfords(tmp_path):
    vocab, pairs, binary = tmp_path / "vocab.txt", tmp_path / "pairs.bin", tmp_path / "vectors.bin"
    for text, message in (
        ("a 3\nb\n", "line 2: expected a word and its count"),
        ("a 3\na 2\n", "'a' comes twice"),
        ("a -1\n", "has the count -1"),
        ("", "no words"),
        ("a 99999999999999999999\n", "has the count"),
    ):
        vocab.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_glove_vocabulary(vocab)
    record = np.dtype([("a", "<i4"), ("b", "<i4"), ("x", "<f8")])
    for rows, message in (
        ([(1, 3, 1.0)], "record 0, at byte 0"),
        ([(1, 1, 1.0), (0, 1, 1.0)], "record 1, at byte 16"),
        ([(1, 1, np.nan)], "a value above 0"),
        ([(1, 2, 1.0), (2, 2, 1.0), (1, 2, 3.0)], "record 2 comes twice"),
    ):
        np.array(rows, record).tofile(pairs)
        with pytest.raises(ValueError, match=message):
            read_cooccurrences(pairs, 2)
    pairs.write_bytes(b"x" * 17)
    with pytest.raises(ValueError, match="no whole number of records"):
        read_cooccurrences(pairs, 2)
    vocab.write_text("a 3\nb 2\n")
    for size in (0, 7, 8 * 4, 8 * 9):
        binary.write_bytes(bytes(size))
        with pytest.raises(ValueError, match=r"vectors\.bin"):
            lg.GloVe.load_stanford(binary, vocab)
    np.full(8, np.inf).tofile(binary)
    with pytest.raises(ValueError, match="not finite"):
        lg.GloVe.load_stanford(binary, vocab)


def test_train_glove(tmp_path):
    text, out = tmp_path / "text.txt", tmp_path / "vectors.txt"
    text.write_text("\n".join(" ".join(sentence) for sentence in two_topics()))
    options = ["--size", "12", "--x-max", "10", "--epochs", "3", "--min-count", "1", "--workers", "1", "--quiet"]
    assert main(["train", "glove", str(text), "-o", str(out), *options]) == 0
    vectors = lg.KeyedVectors.load_word2vec_format(out)
    np.testing.assert_allclose(vectors["saw"], small(str(text)).wv["saw"], rtol=1e-5, atol=1e-6)


def test_a_saved_model_is_asked_on_the_command_line(tmp_path, capsys):
    text = tmp_path / "text"
    text.write_text("to be or not to be\n" * 40)
    out = tmp_path / "x.model"
    line = ["train", "glove", str(text), "-o", str(out), "--size", "6", "--epochs", "3", "--vectors", "word", "--flat"]
    assert main([*line, "--quiet"]) == 0
    assert main(["similar", str(out), "be", "--topn", "2"]) == 0
    assert set(capsys.readouterr().out.split()[::2]) <= {"to", "or", "not"}
