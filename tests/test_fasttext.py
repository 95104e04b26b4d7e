"""FastText as its users see it: learning, unseen words, files, the fastText program, continuing, bad input."""

import copy
import pickle

import numpy as np
import pytest

import lexigrad as lg
from lexigrad.embed.fasttext_vectors import FastTextVectors, hashed_ngrams

FRUIT = ["apple", "apples", "pear", "pears", "plum", "plums"]
TOOLS = ["hammer", "hammers", "saw", "saws", "drill", "drills"]
OBJECTIVES = {
    "sg": {"sg": 1},
    "cbow": {"sg": 0},
    "sg_hs": {"sg": 1, "hs": 1, "negative": 0},
    "cbow_hs": {"hs": 1, "negative": 0},
    "softmax": {"sg": 1, "loss": "softmax"},
}


def two_topics(sentences=200, seed=0):
    rng = np.random.default_rng(seed)
    return [["the", *rng.choice(FRUIT if i % 2 else TOOLS, 8).tolist()] for i in range(sentences)]


def small(sentences=None, **settings):
    settings = {"vector_size": 12, "min_count": 1, "workers": 1, "sample": 0, "epochs": 5, "bucket": 500, **settings}
    return lg.FastText(sentences, **settings)


def rows_of(model):
    matrices = [getattr(model, name).view for name in model._MATRICES]
    return [*matrices, model.wv.vectors_ngrams, model.wv.vectors]


# Learning


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_learns_which_words_go_together(objective):
    model = small(two_topics(400), epochs=20, alpha=0.05, compute_loss=True, **OBJECTIVES[objective])
    assert model.epoch_losses[-1] < 0.95 * model.epoch_losses[0]
    for word in ("apple", "pears", "plum"):
        assert {name for name, _ in model.wv.most_similar(word, topn=5)} <= {*FRUIT, "the"}


def test_words_that_are_not_there_are_like_their_parts():
    model = small(two_topics(400), epochs=20, alpha=0.05, sg=1)
    assert "hammering" in model.wv
    assert "hammering" not in model.wv.key_to_index
    assert model.wv.similarity("hammering", "hammer") > model.wv.similarity("hammering", "plum")
    rows = model.wv.subword_rows("hammering") - len(model.wv)
    np.testing.assert_allclose(model.wv["hammering"], model.wv.vectors_ngrams[rows].mean(axis=0))


def test_vectors_are_the_means_of_their_rows():
    model = small(two_topics())
    own, buckets = model.wv.vectors_vocab, model.wv.vectors_ngrams
    every = np.concatenate([own, buckets])
    for word in model.wv.index_to_key:
        expected = every[model.wv.subword_rows(word)].mean(axis=0)
        np.testing.assert_allclose(model.wv[word], expected, rtol=1e-5, atol=1e-7)


def test_rows_that_no_word_has_are_zero():
    model = small(two_topics())
    _, buckets = hashed_ngrams([word.encode() for word in model.wv.index_to_key], 3, 6, 500)
    used = np.zeros(500, bool)
    used[buckets] = True
    np.testing.assert_array_equal(model.wv.vectors_ngrams.any(axis=1), used)


@pytest.mark.parametrize("without", [{"max_n": 0}, {"min_n": 4, "max_n": 3}, {"word_ngrams": 0}])
def test_without_ngrams_it_is_word2vec(without):
    """But for rounding: vectors are taken and given back."""
    settings = {"vector_size": 12, "min_count": 1, "workers": 1, "sample": 0, "sg": 1, "epochs": 2}
    model = small(two_topics(50), sg=1, epochs=2, **without)
    expected = lg.Word2Vec(two_topics(50), **settings)
    assert model.wv.index_to_key == expected.wv.index_to_key
    np.testing.assert_allclose(model.wv.vectors, expected.wv.vectors, atol=2e-2)
    assert "unheard" not in model.wv


def test_several_workers_learn_the_same_things():
    for workers in (2, 3):
        model = small(two_topics(400), workers=workers, sg=1, epochs=20, alpha=0.05)
        assert {name for name, _ in model.wv.most_similar("apple", topn=5)} <= {*FRUIT, "the"}


def test_one_word_vocabulary():
    for settings in OBJECTIVES.values():
        model = small([["alone"] * 30] * 3, **settings)
        assert np.isfinite(model.wv["alone"]).all()
        assert model.wv["alones"].shape == (12,)


def test_new_words_are_added():
    model = small(two_topics())
    before = [rows.copy() for rows in rows_of(model)]
    model.build_vocab([["apricot", "apple"]] * 3, update=True)
    assert model.wv.index_to_key[-1] == "apricot"
    old = before[0]
    np.testing.assert_array_equal(model.wv.vectors_vocab[: len(old)], old)
    known = before[-2].any(axis=1)
    np.testing.assert_array_equal(model.wv.vectors_ngrams[known], before[-2][known])
    assert model.wv.vectors_ngrams.any(axis=1).sum() > known.sum()
    model.train([["apricot", "apple"]] * 3, epochs=1)
    assert np.isfinite(model.wv["apricot"]).all()


def test_callbacks_see_what_is_learned():
    seen = []

    class Watch(lg.CallbackAny2Vec):
        def on_epoch_end(self, model):
            seen.append(model.wv["apple"].copy())
            if len(seen) == 3:
                raise lg.StopTraining

    model = small(two_topics(), callbacks=[Watch()], epochs=9)
    assert len(seen) == 3
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[-1], model.wv["apple"])


# Files and continuing


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_saved_models_come_back(tmp_path, objective):
    model = small(two_topics(), **OBJECTIVES[objective])
    model.save(tmp_path / "model")
    for other in (lg.FastText.load(tmp_path / "model"), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert isinstance(other.wv, FastTextVectors)
        assert other.wv.index_to_key == model.wv.index_to_key
        for a, b in zip(rows_of(other), rows_of(model), strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(other.wv["unheard"], model.wv["unheard"])
        other.train(two_topics(), total_examples=200, epochs=1)
        assert not np.array_equal(other.wv.vectors, model.wv.vectors)
    model.wv.save_word2vec_format(tmp_path / "v.vec")
    assert lg.KeyedVectors.load_word2vec_format(tmp_path / "v.vec").index_to_key == model.wv.index_to_key


def test_an_interrupted_run_goes_on_to_the_same_vectors(tmp_path):
    expected = small(two_topics(), sg=1)

    def stop(progress):
        if progress.stage == "training" and progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(lg.TrainingInterrupted) as caught:
        small(two_topics(), sg=1, progress=stop, checkpoint=tmp_path / "state")
    assert caught.value.model.training_unfinished
    model = lg.FastText.load(tmp_path / "state")
    model.resume(two_topics())
    for a, b in zip(rows_of(model), rows_of(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def test_damaged_files_are_refused(tmp_path):
    small(two_topics(3)).save(tmp_path / "model")
    whole = (tmp_path / "model").read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        (tmp_path / "cut").write_bytes(whole[:place])
        with pytest.raises(ValueError, match="cut"):
            lg.FastText.load(tmp_path / "cut")


# The fastText program


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_its_files_come_back(tmp_path, objective):
    model = small(two_topics(), **OBJECTIVES[objective])
    model.save_fasttext_format(tmp_path / "model.bin")
    other = lg.FastText.load_fasttext_format(tmp_path / "model.bin")
    assert (other.sg, other.hs, other.loss, other.negative) == (model.sg, model.hs, model.loss, model.negative)
    for a, b in zip(rows_of(other), rows_of(model), strict=True):
        np.testing.assert_array_equal(a, b)
    other.train(two_topics(), epochs=1)
    assert np.isfinite(other.wv.vectors).all()
    asked = lg.FastTextModel.load_fasttext_format(tmp_path / "model.bin")
    np.testing.assert_array_equal(asked.wv.vectors, model.wv.vectors)
    np.testing.assert_allclose(asked.get_word_vector("unheard"), model.wv["unheard"], rtol=1e-6)


def test_the_program_answers_alike_on_our_files(tmp_path):
    peer = pytest.importorskip("fasttext", reason="the fastText program is the peer of this test")
    model = small([*two_topics(), ["Zürich", "東京"]] * 2, sg=1)
    model.save_fasttext_format(tmp_path / "model.bin")
    theirs = peer.load_model(str(tmp_path / "model.bin"))
    assert theirs.get_words() == model.wv.index_to_key
    for word in [*model.wv.index_to_key, "apricots", "Züri", "東京都"]:
        np.testing.assert_allclose(theirs.get_word_vector(word), model.wv[word], rtol=1e-5, atol=1e-7)
    found = theirs.get_nearest_neighbors("apple", k=3)
    assert [name for _, name in found] == [name for name, _ in model.wv.most_similar("apple", topn=3)]


def test_a_model_of_the_program_is_trained_further(tmp_path):
    peer = pytest.importorskip("fasttext", reason="the fastText program is the peer of this test")
    (tmp_path / "text").write_text("".join(" ".join(words) + "\n" for words in two_topics()))
    for loss in ("ns", "hs"):
        settings = {"dim": 12, "minCount": 1, "bucket": 500, "thread": 1, "epoch": 5, "verbose": 0, "loss": loss}
        peer.train_unsupervised(str(tmp_path / "text"), **settings).save_model(str(tmp_path / "theirs.bin"))
        model = lg.FastText.load_fasttext_format(tmp_path / "theirs.bin")
        model.train(two_topics(), epochs=1, start_alpha=1e-6, end_alpha=1e-6, compute_loss=True)
        fresh = small(two_topics(), epochs=1, alpha=1e-6, min_alpha=1e-6, compute_loss=True, sg=1, hs=int(loss == "hs"))
        if loss == "hs":
            assert model.get_latest_training_loss() < 0.9 * fresh.get_latest_training_loss()


# Bad input


@pytest.mark.parametrize(
    "settings",
    [
        {"bucket": 0},
        {"bucket": 2**31},
        {"bucket": 1.5},
        {"min_n": -1},
        {"max_n": -1},
        {"word_ngrams": 2},
        {"negative": 0},
        {"vector_size": 0},
        {"loss": "hs"},
    ],
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        small(two_topics(), **settings)


def test_calls_out_of_order(tmp_path):
    model = small()
    with pytest.raises(RuntimeError, match="no vocabulary"):
        model.train(two_topics())
    with pytest.raises(RuntimeError, match="no vocabulary"):
        model.save_fasttext_format(tmp_path / "no.bin")
    with pytest.raises(ValueError, match="empty"):
        small([])
    with pytest.raises(FileNotFoundError):
        lg.FastText.load_fasttext_format(tmp_path / "nothing")
    with pytest.raises(ValueError, match="no word is left"):
        small(two_topics(), min_count=10**6)


def test_what_is_not_supported_is_said():
    model = small(two_topics())
    model.wv.vectors_lockf = np.zeros(1, np.float32)
    with pytest.raises(ValueError, match="vectors_lockf"):
        model.train(two_topics(), epochs=1)


def test_divergence_is_an_error():
    with pytest.raises(FloatingPointError, match="smaller"):
        small(two_topics(), alpha=1e30)
