"""AdaGram as its users see it: senses, what is asked of them, files, continuing, bad input."""

import copy
import pickle

import numpy as np
import pytest

import lexigrad as lg
from lexigrad.embed.clustering import cluster_directions
from lexigrad.io.safetensors import read_safetensors, write_safetensors

FRUIT = ["pear", "plum", "cherry", "grape", "peach"]
COMPUTERS = ["mouse", "screen", "keyboard", "laptop", "disk"]


def two_meanings(sentences=600, seed=0):
    """Sentences about fruit and sentences about computers; "apple" is in both."""
    rng = np.random.default_rng(seed)
    return [
        ["apple" if rng.random() < 0.3 else w for w in rng.choice((FRUIT, COMPUTERS)[i % 2], 20)]
        for i in range(sentences)
    ]


def small(corpus=None, **settings):
    settings = {
        "vector_size": 20,
        "min_count": 1,
        "epochs": 3,
        "prototypes": 3,
        "alpha": 0.3,
        "window": 20,
        "start_lr": 0.05,
        **settings,
    }
    return lg.AdaGram(corpus, **settings)


@pytest.fixture(scope="module")
def trained():
    return small(two_meanings(), epochs=8)


# Senses


def test_finds_the_senses_of_a_word_with_two(trained):
    assert len(trained.senses("apple", 0.1)) == 2
    assert len(trained.senses("plum", 0.1)) == 1
    counts = dict(zip(trained.wv.index_to_key, trained.sense_counts(0.1), strict=True))
    assert counts["apple"] == 2
    assert counts["plum"] == 1
    fruit = int(trained.disambiguate("apple", ["plum", "cherry", "grape"]).argmax())
    computer = int(trained.disambiguate("apple", ["mouse", "disk", "laptop"]).argmax())
    assert fruit != computer
    assert trained.disambiguate("apple", ["plum", "cherry"])[fruit] > 0.9
    for sense, group in ((fruit, FRUIT), (computer, COMPUTERS)):
        assert {word for word, _, _ in trained.nearest_neighbors("apple", sense, 3)} <= set(group)


def test_probabilities(trained):
    for word in ("apple", 0):
        assert trained.expected_pi(word).shape == (3,)
        assert trained.expected_pi(word).sum() == pytest.approx(1)
    np.testing.assert_allclose(trained.disambiguate("apple", []), trained.expected_pi("apple"), atol=2e-3)
    np.testing.assert_allclose(trained.disambiguate("apple", [], use_prior=False), 1 / 3)
    np.testing.assert_array_equal(
        trained.disambiguate("apple", ["plum", "no such word"]), trained.disambiguate("apple", ["plum"])
    )
    pi = trained.expected_pi("apple")
    without = trained.disambiguate("apple", ["plum"], min_prob=pi.max())
    np.testing.assert_array_equal(without, pi == pi.max())


def test_nearest_neighbors(trained):
    found = trained.nearest_neighbors("plum", 0, topn=4)
    word, sense, similarity = found[0]
    a, b = trained.sense_vector("plum", 0), trained.sense_vector(word, sense)
    assert similarity == pytest.approx(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), abs=1e-5)
    assert [s for _, _, s in found] == sorted((s for _, _, s in found), reverse=True)
    assert ("plum", 0) not in [(w, k) for w, k, _ in trained.nearest_neighbors("plum", 0, topn=1000, min_count=0)]
    assert len(trained.nearest_neighbors("plum", 0, topn=1000, min_count=0)) == 11 * 3 - 1
    assert trained.nearest_neighbors("plum", 0, topn=0) == []


def test_clustering(trained):
    groups = trained.clustering(2, min_prob=0.1)
    assert sorted(map(len, groups)) == [6, 6]
    for group in groups:
        words = {word for word, _ in group} - {"apple"}
        assert words in (set(FRUIT), set(COMPUTERS))
    with pytest.raises(ValueError, match="ask for fewer"):
        trained.clustering(50)


def test_clusters_of_directions():
    rng = np.random.default_rng(0)
    centres = np.eye(4, 7)
    vectors = (np.repeat(centres, [9, 5, 7, 3], axis=0) + rng.normal(0, 0.05, (24, 7))).astype(np.float32)
    groups = cluster_directions(vectors * rng.uniform(0.1, 9, (24, 1)).astype(np.float32), 4, rng)
    assert [len(group) for group in groups] == [9, 7, 5, 3]
    assert sorted(np.concatenate(groups)) == list(range(24))
    same = cluster_directions(np.zeros((5, 2), np.float32), 3, rng)
    assert sum(map(len, same)) == 5


def test_text_export(trained, tmp_path):
    senses = trained.sense_keyedvectors(0.1)
    assert len(senses) == 12
    assert senses.get_vecattr("plum#0", "count") > 500
    senses.save_word2vec_format(tmp_path / "senses.txt")
    back = lg.KeyedVectors.load_word2vec_format(tmp_path / "senses.txt")
    np.testing.assert_allclose(back["plum#0"], trained.sense_vector("plum", 0), rtol=1e-5, atol=1e-7)
    assert back.similarity("apple#0", "apple#1") < 0.9


def test_words_have_the_vector_of_their_first_sense(trained):
    best = int(trained.expected_pi("apple").argmax())
    np.testing.assert_array_equal(trained.wv["apple"], trained.sense_vector("apple", best))
    assert {word for word, _ in trained.wv.most_similar("plum", topn=4)} <= {*FRUIT, "apple"}


# Training


def test_same_seed_same_bits():
    corpus = two_meanings(80)
    a, b = small(corpus), small(corpus)
    np.testing.assert_array_equal(a.vectors, b.vectors)
    np.testing.assert_array_equal(a.occurrences, b.occurrences)
    assert not np.array_equal(a.vectors, small(corpus, seed=2).vectors)


def test_several_workers_tell_the_meanings_apart():
    """Over so few words their updates collide at every step, so that a meaning may have more than one sense."""
    model = small(two_meanings(), epochs=8, workers=3)
    fruit, computer = (model.disambiguate("apple", words).argmax() for words in (FRUIT, COMPUTERS))
    assert fruit != computer


def test_loss_falls():
    model = small(two_meanings(150), compute_loss=True, epochs=4, start_lr=0.002)
    assert len(model.epoch_losses) == 4
    assert model.epoch_losses == sorted(model.epoch_losses, reverse=True)
    assert model.epoch_losses[0] < 1.2 * np.log(11)  # a guess


def test_more_senses_with_a_greater_alpha():
    corpus = two_meanings(150)
    few, many = (small(corpus, alpha=alpha, epochs=5).sense_counts().mean() for alpha in (1e-4, 2.0))
    assert few < many


def test_vocabulary_rules():
    corpus = two_meanings(150)
    model = small(corpus, stopwords=["plum"], regex="^[a-l]", epochs=1)
    assert set(model.wv.index_to_key) == {"apple", "cherry", "grape", "keyboard", "laptop", "disk"}
    assert small(corpus, remove_top_k=3, epochs=1).wv.index_to_key == small(corpus, epochs=1).wv.index_to_key[3:]
    model = small(corpus, stopwords=["plum"], trim_rule=lambda word, n, least: 1 if word == "pear" else 0)
    assert set(model.wv.index_to_key) == {"apple", *FRUIT, *COMPUTERS} - {"plum", "pear"}
    assert small(corpus, init_count=7, epochs=1, start_lr=1e-9).occurrences[:, 0] == pytest.approx(7, rel=1e-3)


class Interrupt(lg.CallbackAny2Vec):
    """Ctrl-C at the beginning of the third epoch."""

    def __init__(self):
        self.epochs = 0

    def on_epoch_begin(self, model):
        self.epochs += 1
        if self.epochs == 3:
            raise KeyboardInterrupt


def test_interrupted_and_resumed(tmp_path):
    corpus = two_meanings(80)
    whole = small(corpus, epochs=4)
    with pytest.raises(lg.TrainingInterrupted) as interrupt:
        small(corpus, epochs=4, callbacks=[Interrupt()], checkpoint=tmp_path / "checkpoint")
    assert interrupt.value.model.expected_pi("apple").sum() == pytest.approx(1)
    model = lg.AdaGram.load(tmp_path / "checkpoint")
    assert model.training_unfinished
    model.resume(corpus)
    np.testing.assert_array_equal(model.vectors, whole.vectors)
    np.testing.assert_array_equal(model.occurrences, whole.occurrences)
    np.testing.assert_array_equal(model.wv.vectors, whole.wv.vectors)


def test_new_words_can_be_added():
    model = small(two_meanings(80))
    before = model.vectors.copy()
    more = [["lemon", "plum", "lemon"]] * 30
    model.build_vocab(more, update=True)
    assert model.vectors.shape == (12, 3, 20)
    np.testing.assert_array_equal(model.vectors[:11], before)
    assert model.occurrences[11].tolist() == [60, 0, 0]
    model.train(more, epochs=2)
    assert model.wv["lemon"].shape == (20,)


# Files and copies


def test_saved_and_loaded(trained, tmp_path):
    path = tmp_path / "model"
    trained.save(path)
    model = lg.AdaGram.load(path)
    for twin in (model, copy.deepcopy(trained), pickle.loads(pickle.dumps(trained))):
        np.testing.assert_array_equal(twin.vectors, trained.vectors)
        np.testing.assert_array_equal(twin.wv.vectors, trained.wv.vectors)
        np.testing.assert_array_equal(twin.disambiguate("apple", ["plum"]), trained.disambiguate("apple", ["plum"]))
        assert twin.alpha == trained.alpha
    with pytest.raises(ValueError, match=r"expected a lexigrad\.Word2Vec file"):
        lg.Word2Vec.load(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("occurrences", lambda a: a * np.nan),
        ("occurrences", lambda a: -a),
        ("occurrences", lambda a: a[:-1]),
        ("occurrences", lambda a: a.astype(np.float64)),
        ("vectors", lambda a: a[:11]),
        ("node_vectors", lambda a: a[:, :-1]),
        ("node_vectors", None),
        ("occurrences", None),
    ],
)
def test_damaged_arrays(trained, tmp_path, name, change):
    trained.save(tmp_path / "model")
    arrays, metadata = read_safetensors(tmp_path / "model")
    arrays = {key: array for key, array in arrays.items() if key != name} | (
        {name: np.ascontiguousarray(change(arrays[name]))} if change else {}
    )
    write_safetensors(tmp_path / "bad", arrays, metadata)
    with pytest.raises(ValueError, match=r"bad: damaged lexigrad\.AdaGram file"):
        lg.AdaGram.load(tmp_path / "bad")


def test_cut_files(trained, tmp_path):
    trained.save(tmp_path / "model")
    content = (tmp_path / "model").read_bytes()
    for size in range(0, len(content), 997):
        (tmp_path / "cut").write_bytes(content[:size])
        with pytest.raises(ValueError, match="cut"):
            lg.AdaGram.load(tmp_path / "cut")


# Bad input


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"prototypes": 0}, ValueError, "prototypes must be a whole number of at least 1"),
        ({"prototypes": 2**40}, ValueError, "prototypes must be at most"),
        ({"alpha": 0}, ValueError, "alpha, the concentration"),
        ({"alpha": float("nan")}, ValueError, "alpha"),
        ({"d": 1}, ValueError, "d must be"),
        ({"start_lr": 0}, ValueError, "learning rates"),
        ({"sense_threshold": 1}, ValueError, "sense_threshold"),
        ({"init_count": float("inf")}, ValueError, "init_count"),
        ({"remove_top_k": -1}, ValueError, "remove_top_k"),
        ({"remove_top_k": 11}, ValueError, "leaves none of the 11 words"),
        ({"stopwords": "the"}, TypeError, "stopwords"),
        ({"regex": "("}, ValueError, "regular expression"),
        ({"regex": "XYZ"}, ValueError, "no word is left"),
        ({"min_count": 10**6}, ValueError, "no word is left"),
        ({"start_lr": 1e30}, FloatingPointError, "diverged"),
    ],
)
def test_bad_settings(settings, error, message):
    with pytest.raises(error, match=message):
        small(two_meanings(20), **settings)


def test_bad_questions(trained):
    with pytest.raises(KeyError, match="lemon"):
        trained.expected_pi("lemon")
    with pytest.raises(KeyError, match="lemon"):
        trained.disambiguate("lemon", [])
    with pytest.raises(TypeError, match="split it first"):
        trained.disambiguate("apple", "a string")
    with pytest.raises(ValueError, match="leaves no sense"):
        trained.disambiguate("apple", [], min_prob=1.1)
    for sense in (-1, 3):
        with pytest.raises(ValueError, match="sense must be from 0 to 2"):
            trained.nearest_neighbors("apple", sense)
    with pytest.raises(KeyError):
        small().expected_pi("apple")


def test_one_word():
    model = small([["alone"] * 5] * 3)
    assert model.expected_pi("alone").argmax() == 0
    assert model.disambiguate("alone", ["alone"]).sum() == pytest.approx(1)
    assert model.nearest_neighbors("alone", 0) == []


def test_empty_corpus():
    with pytest.raises(ValueError, match="empty"):
        small([])
    with pytest.raises(RuntimeError, match="no vocabulary"):
        small().train([["a"]])
