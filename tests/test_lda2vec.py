"""LDA2Vec as its users see it: topics, mixtures, what is asked of them, files, continuing, bad input."""

import copy
import pickle

import numpy as np
import pytest

import lexigrad as lg
from lexigrad.embed.coherence import coherence
from lexigrad.io.safetensors import read_safetensors, write_safetensors

SUBJECTS = [
    ["pear", "plum", "cherry", "grape", "peach", "lemon"],
    ["mouse", "screen", "keyboard", "laptop", "disk", "printer"],
    ["goal", "player", "team", "match", "league", "coach"],
]


def three_subjects(documents=300, seed=0):
    """Documents about one of three subjects each."""
    rng = np.random.default_rng(seed)
    return [rng.choice(SUBJECTS[i % 3], 20).tolist() for i in range(documents)]


def small(corpus=None, **settings):
    settings = {"vector_size": 16, "min_count": 1, "epochs": 12, "topics": 3, "workers": 1, "sample": 0, **settings}
    return lg.LDA2Vec(corpus, **settings)


@pytest.fixture(scope="module")
def trained():
    return small(three_subjects(), alpha=0.05)


# Topics


def test_finds_the_subjects(trained):
    found = [{word for word, _ in trained.topic_words(k, 6)} for k in range(3)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, SUBJECTS))
    mixtures = trained.document_mixtures
    assert mixtures.shape == (300, 3)
    np.testing.assert_allclose(mixtures.sum(axis=1), 1, rtol=1e-5)
    topics = mixtures.argmax(axis=1)
    for subject in range(3):
        assert len(set(topics[subject::3])) == 1
        assert set(SUBJECTS[subject]) == found[topics[subject]]
    assert mixtures.max(axis=1).mean() > 0.7


def test_distributions(trained):
    p = trained.topic_word_distributions()
    assert p.shape == (3, 18)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    word, probability = trained.topic_words(1, relevance=1.0)[0]
    assert probability == p[1].max() == p[1, trained.wv.key_to_index[word]]
    assert trained.topic_words(0, 0) == []
    with pytest.raises(ValueError, match="relevance must be from 0 to 1"):
        trained.topic_words(0, relevance=-0.1)


def test_relevance_prefers_words_of_one_topic():
    """A word of every document is as probable as any in all topics, and says nothing about them."""
    documents = [[word for pair in zip(d, ["thing"] * 20, strict=True) for word in pair] for d in three_subjects()]
    model = small(documents, alpha=0.05)
    assert {model.topic_words(k, 1, relevance=1.0)[0][0] for k in range(3)} == {"thing"}
    assert all("thing" not in dict(model.topic_words(k, 6, relevance=0.2)) for k in range(3))


def test_distributions_are_the_corpus_counts(trained):
    """Weighted by the topics' shares they give the words' frequencies again."""
    shares = trained.document_mixtures.mean(axis=0)  # all documents are as long
    counts = trained.wv.expandos["count"]
    np.testing.assert_allclose(shares @ trained.topic_word_distributions(), counts / counts.sum(), atol=0.02)


def test_new_documents(trained):
    new = [["plum", "pear", "no such word"], ["goal", "goal", "team"], []]
    mixtures = trained.infer_mixtures(new)
    np.testing.assert_allclose(mixtures.sum(axis=1), 1)
    assert {word for word, _ in trained.topic_words(int(mixtures[0].argmax()), 6)} == set(SUBJECTS[0])
    np.testing.assert_allclose(mixtures[2], 1 / 3)
    assert trained.infer_mixtures([]).shape == (0, 3)
    assert trained.log_perplexity(new) > np.log(1 / 18) > trained.log_perplexity([["plum", "goal", "disk"]]) - 1
    with pytest.raises(ValueError, match="no word of these documents"):
        trained.log_perplexity([["unknown"]])
    with pytest.raises(TypeError, match="split it first"):
        trained.infer_mixtures(["a string"])


def test_topics_as_vectors(trained):
    assert trained.tv.index_to_key == ["topic0", "topic1", "topic2"]
    np.testing.assert_array_equal(trained.tv["topic1"], trained.topic_vectors[1])


def test_coherence(trained):
    pytest.importorskip("gensim", reason="coherence is gensim's")
    documents = three_subjects()
    mixed = [list(words) for words in zip(*SUBJECTS, strict=True)][:3]
    assert trained.coherence(documents, topn=6) > coherence(mixed, documents) + 0.1
    assert trained.coherence(documents, "u_mass", topn=6) > coherence(mixed, documents, "u_mass")
    with pytest.raises(ValueError, match="measure must be one of"):
        trained.coherence(documents, "beauty")
    with pytest.raises(ValueError, match="no topics"):
        coherence([], documents)


def test_what_pyldavis_takes():
    documents = three_subjects(60)
    documents.insert(5, [])
    model = small(documents, epochs=2)
    prepared = model.prepare()
    assert model.document_mixtures.shape == (61, 3)
    assert prepared["topic_term_dists"].shape == (3, 18)
    assert prepared["doc_topic_dists"].shape == (60, 3)
    np.testing.assert_allclose(prepared["doc_topic_dists"].sum(axis=1), 1)
    assert prepared["doc_lengths"].tolist() == [20] * 60
    assert len(prepared["vocab"]) == 18
    assert prepared["term_frequency"].sum() == 1200


# Training


def test_rows_are_documents():
    """Documents without a known word have a row too."""
    model = small([["a", "b"] * 5, [], ["rare"], ["a", "b"] * 5], min_count=2, topics=2, epochs=2)
    assert model.document_mixtures.shape == (4, 2)
    assert model.prepare()["doc_lengths"].tolist() == [10, 10]


def test_same_seed_same_bits(tmp_path):
    documents = three_subjects(60)
    (tmp_path / "corpus.txt").write_text("".join(" ".join(document) + "\n" for document in documents))
    a, b = small(documents), small(tmp_path / "corpus.txt")
    for name in ("topic_vectors", "document_mixtures"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    np.testing.assert_array_equal(a.wv.vectors, b.wv.vectors)
    assert not np.array_equal(a.wv.vectors, small(documents, seed=2).wv.vectors)


def test_several_workers_find_the_subjects():
    model = small(three_subjects(), alpha=0.05, workers=3)
    found = [{word for word, _ in model.topic_words(k, 6)} for k in range(3)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, SUBJECTS))


def test_prior_makes_mixtures_sparse_or_even():
    documents = three_subjects(90)
    mixtures = [small(documents, prior=prior, strength=30).document_mixtures for prior in (0.01, 5.0)]
    sparse, even = (float(p.max(axis=1).mean()) for p in mixtures)
    assert even + 0.2 < sparse


def test_loss_falls():
    model = small(three_subjects(90), compute_loss=True)
    assert len(model.epoch_losses) == 12
    assert model.epoch_losses[-1] < model.epoch_losses[0]


class Interrupt(lg.CallbackAny2Vec):
    """Ctrl-C at the beginning of some epoch."""

    def __init__(self, epoch):
        self.left = epoch

    def on_epoch_begin(self, model):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epoch", [1, 2, 5])
def test_interrupted_and_resumed(tmp_path, epoch):
    documents = three_subjects(60)
    whole = small(documents, epochs=8)
    with pytest.raises(lg.TrainingInterrupted) as interrupt:
        small(documents, epochs=8, callbacks=[Interrupt(epoch)], checkpoint=tmp_path / "checkpoint")
    assert len(interrupt.value.model.topic_words(0)) == 10
    model = lg.LDA2Vec.load(tmp_path / "checkpoint")
    assert model.training_unfinished
    model.resume(documents)
    for name in ("topic_vectors", "document_mixtures"):
        np.testing.assert_array_equal(getattr(model, name), getattr(whole, name))
    np.testing.assert_array_equal(model.wv.vectors, whole.wv.vectors)


def test_another_corpus_has_documents_of_its_own():
    model = small(three_subjects(60))
    topics = model.topic_vectors.copy()
    model.train(three_subjects(30), epochs=2)
    assert model.document_mixtures.shape == (30, 3)
    assert np.abs(model.topic_vectors - topics).max() < 1


# Files and copies


def test_saved_and_loaded(trained, tmp_path):
    trained.save(tmp_path / "model")
    model = lg.LDA2Vec.load(tmp_path / "model")
    for twin in (model, copy.deepcopy(trained), pickle.loads(pickle.dumps(trained))):
        np.testing.assert_array_equal(twin.document_mixtures, trained.document_mixtures)
        np.testing.assert_array_equal(twin.wv.vectors, trained.wv.vectors)
        assert twin.topic_words(0) == trained.topic_words(0)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("document_weights", lambda a: a * np.nan),
        ("document_weights", lambda a: a[:-1]),
        ("document_weights", lambda a: a.astype(np.float64)),
        ("document_weights", None),
        ("document_lengths", lambda a: -a - 1),
        ("document_lengths", lambda a: a.astype(np.int32)),
        ("topic_words", lambda a: a[:2]),
        ("topic_words", lambda a: -a),
        ("topic_words", None),
        ("topic_vectors", lambda a: a[:2]),
        ("output_vectors", None),
    ],
)
def test_damaged_arrays(trained, tmp_path, name, change):
    trained.save(tmp_path / "model")
    arrays, metadata = read_safetensors(tmp_path / "model")
    arrays = {key: array for key, array in arrays.items() if key != name} | (
        {name: np.ascontiguousarray(change(arrays[name]))} if change else {}
    )
    write_safetensors(tmp_path / "bad", arrays, metadata)
    with pytest.raises(ValueError, match=r"bad: damaged lexigrad\.LDA2Vec file"):
        lg.LDA2Vec.load(tmp_path / "bad")


# Bad input


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"topics": 0}, ValueError, "topics must be a whole number of at least 1"),
        ({"topics": 2**40}, ValueError, "topics must be at most"),
        ({"prior": 0}, ValueError, "prior must be above 0"),
        ({"strength": -1}, ValueError, "strength"),
        ({"strength": float("nan")}, ValueError, "strength"),
        ({"negative": 0}, ValueError, "negative must be a whole number of at least 1"),
        ({"ns_exponent": float("inf")}, ValueError, "ns_exponent"),
        ({"min_count": 10**6}, ValueError, "no word is left"),
        ({"alpha": 1e30}, FloatingPointError, "diverged"),
    ],
)
def test_bad_settings(settings, error, message):
    with pytest.raises(error, match=message):
        small(three_subjects(20), **settings)


def test_bad_questions(trained):
    for topic in (-1, 3):
        with pytest.raises(ValueError, match="topic must be from 0 to 2"):
            trained.topic_words(topic)
    with pytest.raises(RuntimeError, match="no vocabulary"):
        small().topic_words(0)
    with pytest.raises(ValueError, match="empty"):
        small([])


def test_more_topics_than_words():
    model = small([["alone"] * 5] * 3, epochs=1)
    assert model.topic_words(2) == [("alone", 1.0)]
    assert model.document_mixtures.shape == (3, 3)
