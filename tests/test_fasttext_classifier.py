"""FastTextClassifier as its users see it: learning, answers, files, the fastText program, bad input."""

import copy
import pickle

import numpy as np
import pytest

import lexigrad as lg
import lexigrad.fasttext as program

OWN = {"fruit": ["apple", "pear", "plum"], "tool": ["hammer", "saw", "drill"], "river": ["Rhine", "Nile", "Ganges"]}
LOSSES = ["softmax", "hs", "ns", "ova"]


def labelled(lines=200, seed=0):
    """Token lists whose label can be told from their words."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(list(OWN), lines)
    return [[f"__label__{label}", "the", *rng.choice(OWN[label], 4).tolist()] for label in labels]


def small(corpus=None, **settings):
    return lg.FastTextClassifier(corpus, **{"vector_size": 10, "alpha": 0.5, "workers": 1, "bucket": 300, **settings})


@pytest.fixture
def corpus_file(tmp_path):
    path = tmp_path / "labelled.txt"
    path.write_text("".join(" ".join(words) + "\n" for words in labelled()))
    return path


def rows_of(model):
    return [model._input.view, model._output.view, model.wv.vectors_ngrams]


# Learning


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("more", [{}, {"word_ngrams": 3, "min_n": 2, "max_n": 4}])
def test_learns_labels(loss, more, corpus_file):
    model = small(corpus_file, loss=loss, epochs=20, compute_loss=True, **more)
    assert model.epoch_losses[-1] < 0.5 * model.epoch_losses[0]
    assert sorted(model.labels) == sorted(f"__label__{label}" for label in OWN)
    assert model.predict("the Nile and the Rhine")[0] == ("__label__river",)
    lines, precision, recall = model.test(corpus_file)
    assert (lines, precision, recall) == (200, 1.0, 1.0)


def test_several_workers_learn_the_same_things(corpus_file):
    for workers in (2, 3):
        assert small(corpus_file, workers=workers, epochs=20).test(corpus_file)[1] > 0.98


def test_lists_and_files_give_the_same_model(corpus_file):
    for a, b in zip(rows_of(small(labelled())), rows_of(small(corpus_file)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_several_labels_of_a_line():
    lines = [["__label__a", "__label__b", "both"], ["__label__a", "one"], ["__label__b", "two"]] * 100
    model = small(lines, loss="ova", epochs=20)
    found = dict(zip(*model.predict("both", k=2), strict=True))
    assert min(found.values()) > 0.8
    found = dict(zip(*model.predict("one", k=2), strict=True))
    assert found["__label__a"] > 0.8 > 0.2 > found["__label__b"]


def test_one_label_and_one_word():
    for loss in LOSSES:
        model = small([["__label__x", "a"]] * 5, loss=loss)
        assert model.predict("a")[0] == ("__label__x",)


def test_rare_words_and_labels_are_left_out():
    lines = [*labelled(), ["__label__rare", "apple", "seldom"], [], ["no", "label"]]
    model = small(lines, min_count=3, min_count_label=2)
    assert "__label__rare" not in model.labels
    assert not {"seldom", "no"} & set(model.wv.index_to_key)
    assert model.corpus_count == 202
    assert model.wv.get_vecattr("</s>", "count") == 202


def test_early_stop():
    class Stop(lg.CallbackAny2Vec):
        def on_epoch_end(self, model):
            raise lg.StopTraining

    model = small(labelled(), callbacks=[Stop()], compute_loss=True)
    assert len(model.epoch_losses) == 1


# Files and continuing


@pytest.mark.parametrize("loss", LOSSES)
def test_saved_models_come_back(tmp_path, loss):
    model = small(labelled(), loss=loss, word_ngrams=2)
    model.save(tmp_path / "model")
    for other in (
        lg.FastTextClassifier.load(tmp_path / "model"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert other.labels == model.labels
        assert other.wv.index_to_key == model.wv.index_to_key
        for a, b in zip(rows_of(other), rows_of(model), strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(other.predict("a pear", k=-1)[1], model.predict("a pear", k=-1)[1])
        other.train(labelled(), epochs=1)
        assert not np.array_equal(other._output.view, model._output.view)


def test_an_interrupted_run_goes_on_to_the_same_model(tmp_path):
    expected = small(labelled(), word_ngrams=2)

    def stop(progress):
        if progress.stage == "training" and progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(lg.TrainingInterrupted):
        small(labelled(), word_ngrams=2, progress=stop, checkpoint=tmp_path / "state")
    model = lg.FastTextClassifier.load(tmp_path / "state")
    assert model.training_unfinished
    model.resume(labelled())
    for a, b in zip(rows_of(model), rows_of(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def test_damaged_files_are_refused(tmp_path):
    small(labelled(3)).save(tmp_path / "model")
    whole = (tmp_path / "model").read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        (tmp_path / "cut").write_bytes(whole[:place])
        with pytest.raises(ValueError, match="cut"):
            lg.FastTextClassifier.load(tmp_path / "cut")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("more", [{}, {"word_ngrams": 2, "min_n": 2, "max_n": 3}])
def test_the_program_answers_alike_on_our_files(tmp_path, loss, more):
    peer = pytest.importorskip("fasttext", reason="the fastText program is the peer of this test")
    model = small(labelled(), loss=loss, **more)
    model.save_fasttext_format(tmp_path / "model.bin")
    theirs = peer.load_model(str(tmp_path / "model.bin"))
    assert theirs.get_labels() == model.labels
    again = lg.FastTextClassifier.load_fasttext_format(tmp_path / "model.bin")
    close = 0.02 if loss in ("ova", "ns") else 1e-4  # its sigmoid is a table
    for text in ["the pear", "apple saw unheard of", "Nile", ""]:
        expected = {name: value for value, name in theirs.f.predict(text + "\n", -1, 0.0, "strict")}
        for ours in (model, again):
            found = dict(zip(*ours.predict(text, k=-1), strict=True))
            assert found == pytest.approx(expected, abs=close)
    again.train(labelled(), epochs=1)
    assert np.isfinite(again._output.view).all()


def test_its_settings_and_data_give_what_the_program_learns(tmp_path, corpus_file):
    """Both from other first vectors, and with one label a line: they come to the same answers."""
    peer = pytest.importorskip("fasttext", reason="the fastText program is the peer of this test")
    settings = {"dim": 10, "lr": 0.5, "epoch": 10, "wordNgrams": 2, "bucket": 300, "verbose": 0, "thread": 1}
    theirs = peer.train_supervised(str(corpus_file), **settings)
    ours = program.train_supervised(corpus_file, **settings)
    assert sorted(ours.words) == sorted(theirs.get_words())  # in which equal counts are in any order
    assert sorted(ours.labels) == sorted(theirs.get_labels())
    for line in labelled(20, seed=1):
        text = " ".join(line[1:])
        expected = {name: value for value, name in theirs.f.predict(text + "\n", -1, 0.0, "strict")}
        assert dict(zip(*ours.predict(text, k=-1), strict=True)) == pytest.approx(expected, abs=0.1)


# The names of the program's Python package


def test_the_programs_functions(tmp_path, corpus_file):
    model = program.train_unsupervised(str(corpus_file), minCount=1, dim=8, bucket=200, epoch=1, thread=1, verbose=0)
    assert model.get_dimension() == 8
    assert len(model["unheard-of"]) == 8
    assert "apple" in model
    assert "unheard-of" not in model
    model.save_model(tmp_path / "model.bin")
    again = program.load_model(str(tmp_path / "model.bin"))
    assert again.words == model.words == model.get_words()
    assert again.get_labels() == again.words
    assert again.get_words(include_freq=True)[1].tolist() == again.wv.expandos["count"].tolist()
    np.testing.assert_array_equal(again.get_word_vector("apples"), model.get_word_vector("apples"))
    names, rows = again.get_subwords("apple")
    assert names[0] == "apple"
    matrix = again.get_input_matrix()
    np.testing.assert_allclose(matrix[rows].mean(axis=0), again["apple"], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(again.get_input_vector(int(rows[-1])), matrix[rows[-1]])
    assert again.get_output_matrix().shape == (len(again.words), 8)
    assert again.get_word_id("apple") == rows[0]
    assert len(again.get_nearest_neighbors("apple", k=3)) == 3
    assert len(again.get_analogies("apple", "pear", "saw", k=2)) == 2
    assert not again.is_quantized()
    labels = program.train_supervised(input=str(corpus_file), dim=8, lr=0.5, epoch=10, thread=1)
    assert labels.get_labels() == labels.labels
    assert labels.predict("the Nile")[0] == ("__label__river",)
    assert program.tokenize("a b\n c") == ["a", "b", "</s>", "c"]
    for loss in ("hs", "softmax"):
        program.train_unsupervised(corpus_file, model="cbow", loss=loss, minCount=1, dim=4, bucket=9, epoch=1, thread=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: program.train_unsupervised(path, model="glove"), "model must be"),
        (lambda path: program.train_unsupervised(path, loss="ova"), "loss must be"),
        (lambda path: program.train_supervised(path, pretrainedVectors="v.vec"), "pretrainedVectors"),
        (lambda path: program.train_supervised(path, loss="hinge"), "loss must be"),
    ],
)
def test_what_the_programs_functions_refuse(call, message, corpus_file):
    with pytest.raises(ValueError, match=message):
        call(corpus_file)


# Bad input


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "hinge"},
        {"negative": 0},
        {"word_ngrams": 0},
        {"min_n": -1},
        {"bucket": 0, "word_ngrams": 2},
        {"bucket": 2**31, "max_n": 3},
        {"label_prefix": ""},
        {"label_prefix": "a b"},
        {"min_count_label": -1},
        {"vector_size": 0},
    ],
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        small(labelled(), **settings)


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ([], "empty"),
        ([["no", "labels"]], "no labels"),
        ([["__label__x"]], "no word is left"),
        ([["__label__x", "a"]] * 3, "min_count=4"),
    ],
)
def test_corpora_that_cannot_be_learned_from(corpus, message):
    with pytest.raises(ValueError, match=message):
        small(corpus, min_count=4 if "4" in message else 1)


def test_calls_out_of_order(tmp_path):
    model = small()
    with pytest.raises(RuntimeError, match="no vocabulary"):
        model.predict("a")
    with pytest.raises(RuntimeError, match="no vocabulary"):
        model.train(labelled())
    with pytest.raises(FileNotFoundError):
        lg.FastTextClassifier.load_fasttext_format(tmp_path / "nothing")
    vectors = lg.FastText([["a", "b"]] * 9, vector_size=4, min_count=1, bucket=9, workers=1)
    vectors.save_fasttext_format(tmp_path / "vectors.bin")
    with pytest.raises(ValueError, match="no classifier"):
        lg.FastTextClassifier.load_fasttext_format(tmp_path / "vectors.bin")
    model = small(labelled())
    model.save_fasttext_format(tmp_path / "labels.bin")
    with pytest.raises(ValueError, match="this is a classifier"):
        lg.FastText.load_fasttext_format(tmp_path / "labels.bin")
    with pytest.raises(ValueError, match="cannot grow"):
        model.build_vocab(labelled(), update=True)


def test_divergence_is_an_error():
    with pytest.raises(FloatingPointError, match="smaller"):
        small(labelled(), alpha=1e30)
