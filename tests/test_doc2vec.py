"""Doc2Vec as its users see it: tags, inference, files, continuing, bad input."""

import copy
import gzip
import pickle

import numpy as np
import pytest

import lexigrad as lg
from lexigrad.text.documents import Documents

FRUIT = ["apple", "pear", "plum", "cherry", "grape"]
TOOLS = ["hammer", "saw", "drill", "wrench", "pliers"]
KINDS = {
    "dbow": {"dm": 0},
    "dbow_words": {"dm": 0, "dbow_words": 1},
    "dbow_hs": {"dm": 0, "hs": 1, "negative": 0},
    "mean": {"dm": 1},
    "sum": {"dm": 1, "dm_mean": 0},
    "concatenation": {"dm": 1, "dm_concat": 1, "window": 2},
}


def two_topics(documents=200, seed=0):
    rng = np.random.default_rng(seed)
    return [["the", *rng.choice(FRUIT if i % 2 else TOOLS, 8).tolist()] for i in range(documents)]


def tagged(documents, tags_of=lambda i: [i]):
    return [lg.TaggedDocument(words, tags_of(i)) for i, words in enumerate(documents)]


def small(documents=None, **settings):
    settings = {"vector_size": 12, "min_count": 1, "workers": 1, "sample": 0, "epochs": 4, **settings}
    return lg.Doc2Vec(documents, **settings)


@pytest.fixture
def corpus_file(tmp_path):
    path = tmp_path / "documents.txt"
    path.write_text("".join(" ".join(words) + "\n" for words in two_topics()))
    return path


# Learning


@pytest.mark.parametrize("kind", ["dbow", "dbow_words", "dbow_hs"])
def test_documents_of_a_topic_are_near_each_other(kind):
    model = small(tagged(two_topics()), epochs=30, alpha=0.05, compute_loss=True, **KINDS[kind])
    assert all(tag % 2 for tag, _ in model.dv.most_similar(1, topn=50))
    assert model.epoch_losses[-1] < model.epoch_losses[0]
    assert model.similarity_unseen_docs(FRUIT * 3, FRUIT[::-1] * 3) > model.similarity_unseen_docs(FRUIT * 3, TOOLS * 3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns(kind):
    model = small(tagged(two_topics()), epochs=20, alpha=0.05, compute_loss=True, **KINDS[kind])
    assert model.epoch_losses[-1] < 0.95 * model.epoch_losses[0]
    assert np.isfinite(model.dv.vectors).all()
    assert model.infer_vector(["apple", "unknown"]).shape == (12,)


def test_several_workers_learn_the_same_things():
    for workers in (2, 3):
        model = small(tagged(two_topics()), workers=workers, dm=0, epochs=30, alpha=0.05)
        assert all(tag % 2 for tag, _ in model.dv.most_similar(1, topn=50))


def test_frozen_documents_stay():
    model = small(dm=0)
    model.build_vocab(tagged(two_topics()))
    before = model.dv.vectors.copy()
    model.dv.vectors_lockf = np.zeros(200, np.float32)
    model.dv.vectors_lockf[7] = 1
    model.train(tagged(two_topics()), epochs=1)
    changed = np.flatnonzero((model.dv.vectors != before).any(axis=1))
    assert changed.tolist() == [7]


# Tags


def test_lines_of_a_file_are_documents_tagged_by_their_numbers(corpus_file, tmp_path):
    packed = tmp_path / "documents.txt.gz"
    packed.write_bytes(gzip.compress(corpus_file.read_bytes()))
    expected = small(tagged(two_topics()))
    for model in (small(corpus_file), small(corpus_file=str(corpus_file)), small(packed)):
        np.testing.assert_array_equal(model.dv.vectors, expected.dv.vectors)
        assert model.dv.index_to_key == list(range(200))


@pytest.mark.parametrize(("end", "lines"), [("", 6), ("\n", 6), ("\n\n", 7), ("\n  ", 7)])
def test_lines_without_a_known_word_are_documents(tmp_path, end, lines):
    path = tmp_path / "documents.txt"
    path.write_text("\na b a b\nc\n\n \na b b" + end)
    for workers in (1, 2):
        model = small(path, min_count=2, workers=workers, dm=0, epochs=20, alpha=0.2)
        assert len(model.dv) == lines
        untrained = small(min_count=2, dm=0)
        untrained.build_vocab(path)
        assert len(untrained.dv) == lines
        moved = (model.dv.vectors != untrained.dv.vectors).any(axis=1)
        assert np.flatnonzero(moved).tolist() == [1, 5]


def test_sparse_tags_have_a_row_each_and_no_more():
    tags = [["b", 10**15], [5, "a"], [np.int64(-3)], ["b", "b"]]
    model = small(tagged(two_topics(4), lambda i: tags[i]))
    assert model.dv.index_to_key == [-3, 5, 10**15, "b", "a"]
    assert model.dv.vectors.shape == (5, 12)
    assert model[10**15].tolist() == model.dv.vectors[2].tolist()
    with pytest.raises(KeyError):
        model.dv[0]
    assert 1 not in model.dv


def test_rows_of_string_tags_can_be_had_by_number():
    model = small(tagged(two_topics(4), lambda i: [f"tag {i}"]))
    np.testing.assert_array_equal(model.dv[3], model.dv["tag 3"])


def test_a_tag_may_be_shared_and_a_document_have_none():
    model = small(tagged(two_topics(), lambda i: ["fruit"] if i % 2 else []), dm=0, epochs=40, alpha=0.05)
    assert model.dv.index_to_key == ["fruit"]
    vector = model.dv["fruit"]
    scores = {word: model.syn1neg[model.wv.key_to_index[word]] @ vector for word in FRUIT + TOOLS}
    assert set(sorted(scores, key=scores.get)[-5:]) == set(FRUIT)


def test_unknown_tags_are_left_out_of_training():
    model = small(tagged(two_topics(10)), dm=0)
    model.train(tagged(two_topics(20)), epochs=1)
    assert len(model.dv) == 10


def test_new_words_and_tags_are_added():
    model = small(tagged(two_topics(), lambda i: [f"old {i}"]), dm=0)
    before = model.dv.vectors.copy()
    more = tagged([["kiwi", "apple"]] * 3, lambda i: [i, "old 0"])
    model.build_vocab(more, update=True)
    assert model.dv.index_to_key[-3:] == [0, 1, 2]
    np.testing.assert_array_equal(model.dv.vectors[:200], before)
    assert model.dv.vectors[200:].all()
    model.train(more, epochs=1)
    assert "kiwi" in model.wv


# Inference


@pytest.mark.parametrize("kind", KINDS)
def test_inference_in_a_batch_is_the_same_for_any_neighbours_and_workers(kind):
    model = small(tagged(two_topics()), **KINDS[kind])
    documents = [*two_topics(100, seed=1), [], ["unknown"]]
    before = [getattr(model, name).view.copy() for name in model._MATRICES]
    vectors = model.infer_vectors(documents, epochs=3)
    model.workers = 3
    np.testing.assert_array_equal(model.infer_vectors(documents, epochs=3), vectors)
    for i in (0, 1, 99, 101):
        np.testing.assert_array_equal(model.infer_vector(documents[i], epochs=3), vectors[i])
    assert (vectors[100] == vectors[101]).all()
    assert len(np.unique(vectors, axis=0)) > 90
    for name, matrix in zip(model._MATRICES, before, strict=True):
        np.testing.assert_array_equal(getattr(model, name).view, matrix)
    assert model.infer_vectors([]).shape == (0, 12)


def test_inferred_vectors_are_near_those_of_training():
    model = small(tagged(two_topics()), dm=0, epochs=30, alpha=0.05)
    inferred = model.infer_vectors(two_topics(40, seed=9), epochs=50)
    for i, vector in enumerate(inferred):
        assert model.dv.most_similar([vector], topn=1)[0][0] % 2 == i % 2


# Files and continuing


@pytest.mark.parametrize("kind", KINDS)
def test_saved_models_come_back(tmp_path, kind):
    tags = [["b", 10**15], [5, "a"], [-3, "c"], ["d", "e"]]
    model = small(tagged(two_topics(4), lambda i: tags[i]), dm_tag_count=2, **KINDS[kind])
    model.save(tmp_path / "model")
    back = lg.Doc2Vec.load(tmp_path / "model")
    for other in (back, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.dv.index_to_key == model.dv.index_to_key
        for name in model._MATRICES:
            np.testing.assert_array_equal(getattr(other, name).view, getattr(model, name).view)
        with pytest.raises(KeyError):
            other.dv[0]
    if kind != "concatenation":
        np.testing.assert_array_equal(back.infer_vector(["saw"]), model.infer_vector(["saw"]))
    model.dv.save(tmp_path / "dv")
    vectors = lg.KeyedVectors.load(tmp_path / "dv")
    assert vectors.index_to_key == model.dv.index_to_key
    with pytest.raises(KeyError):
        vectors[0]


@pytest.mark.parametrize("kind", ["dbow_words", "mean", "concatenation"])
def test_an_interrupted_run_goes_on_to_the_same_vectors(tmp_path, kind, corpus_file):
    documents = tagged(two_topics())
    expected = small(documents, **KINDS[kind])

    def stop(progress):
        if progress.stage == "training" and progress.epoch == 2:
            raise KeyboardInterrupt

    for source in (documents, corpus_file):
        with pytest.raises(lg.TrainingInterrupted) as caught:
            small(source, progress=stop, checkpoint=tmp_path / "state", **KINDS[kind])
        assert caught.value.model.training_unfinished
        model = lg.Doc2Vec.load(tmp_path / "state")
        model.resume(source)
        np.testing.assert_array_equal(model.dv.vectors, expected.dv.vectors)
        np.testing.assert_array_equal(model.wv.vectors, expected.wv.vectors)


def test_damaged_files_are_refused(tmp_path):
    model = small(tagged(two_topics(3)))
    model.save(tmp_path / "model")
    whole = (tmp_path / "model").read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        (tmp_path / "cut").write_bytes(whole[:place])
        with pytest.raises(ValueError, match="cut"):
            lg.Doc2Vec.load(tmp_path / "cut")
    with pytest.raises(ValueError, match=r"lexigrad\.Word2Vec"):
        lg.Word2Vec.load(tmp_path / "model")


def test_gensim_gives_the_same_loss_to_the_same_vectors_when_it_infers():
    """Our vectors in gensim's model: what it infers points where ours does."""
    gensim = pytest.importorskip("gensim.models.doc2vec")
    documents = two_topics()
    ours = small(tagged(documents), dm=0, epochs=30, alpha=0.05)
    settings = {"vector_size": 12, "min_count": 1, "workers": 1, "sample": 0, "dm": 0, "epochs": 1}
    peer = gensim.Doc2Vec([gensim.TaggedDocument(words, [i]) for i, words in enumerate(documents)], **settings)
    for word in ours.wv.index_to_key:
        peer.syn1neg[peer.wv.key_to_index[word]] = ours.syn1neg[ours.wv.key_to_index[word]]
    for words in documents[:10]:
        a, b = ours.infer_vector(words, alpha=0.02, epochs=300), peer.infer_vector(words, alpha=0.02, epochs=300)
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.95


# Bad input


@pytest.mark.parametrize(
    ("documents", "error", "message"),
    [
        ([["a", "b"]], TypeError, "document 0 .* must have words and tags"),
        ([lg.TaggedDocument(["a"], "tag")], TypeError, "must be a list of tags, not 'tag'"),
        ([lg.TaggedDocument(["a"], 7)], TypeError, "must be a list of tags, not 7"),
        ([lg.TaggedDocument(["a"], [1.5])], TypeError, "a tag must be a str or an int, not 1.5"),
        ([lg.TaggedDocument(["a"], [True])], TypeError, "not True"),
        ([lg.TaggedDocument(["a"], [2**64])], ValueError, "must fit 64 bits"),
        ([lg.TaggedDocument("a b", [1])], TypeError, "split it into words"),
        ([], ValueError, "empty"),
        ([lg.TaggedDocument([], [1])], ValueError, "empty|no word"),
        (iter([]), TypeError, "only once"),
    ],
)
def test_bad_documents(documents, error, message):
    with pytest.raises(error, match=message):
        small(documents)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dm_tag_count": -1}, "dm_tag_count"),
        ({"negative": 0}, "nothing to train"),
        ({"alpha": float("nan")}, "learning rates"),
        ({"vector_size": 0}, "vector_size"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        small(tagged(two_topics(4)), **settings)


def test_concatenation_needs_its_number_of_tags():
    with pytest.raises(ValueError, match=r"document 2 .* has 2"):
        small(tagged(two_topics(4), lambda i: [i, "x"][: 1 + (i == 2)]), **KINDS["concatenation"])
    model = small(tagged(two_topics(4), lambda i: [i, "x"]), dm_tag_count=2, **KINDS["concatenation"])
    with pytest.raises(ValueError, match="dm_tag_count is 2"):
        model.infer_vector(["saw"])


def test_bad_inference():
    model = small()
    with pytest.raises(RuntimeError, match="no vocabulary"):
        model.infer_vector(["saw"])
    model = small(tagged(two_topics(4)))
    for call in (model.infer_vector, lambda text: model.infer_vectors([text])):
        with pytest.raises(TypeError, match="list of words"):
            call("saw hammer")
    with pytest.raises(TypeError, match="list of words"):
        model.similarity_unseen_docs("saw", ["saw"])
    with pytest.raises(ValueError, match="epochs"):
        model.infer_vector(["saw"], epochs=0)
    with pytest.raises(ValueError, match="learning rates"):
        model.infer_vector(["saw"], alpha=-1)
    with pytest.raises(FloatingPointError, match="smaller alpha"):
        small(tagged(two_topics(4)), dm=0).infer_vector(["saw"] * 50, alpha=1e38, min_alpha=1e38)


def test_another_corpus_is_not_gone_on_with():
    with pytest.raises(lg.TrainingInterrupted) as caught:
        small(tagged(two_topics(4)), callbacks=[StopAtOnce()])
    with pytest.raises(ValueError, match="not the one"):
        caught.value.model.resume(tagged(two_topics(5)))


class StopAtOnce(lg.CallbackAny2Vec):
    def on_epoch_begin(self, model):
        raise KeyboardInterrupt


def test_documents_are_read_again_and_again():
    documents = Documents(tagged(two_topics(5), lambda i: [i, "x"]))
    for _ in range(2):
        assert len(list(documents.corpus.sentences)) == 5
        assert documents.tags() == [0, 1, 2, 3, 4, "x"]
        offsets, rows = documents.rows({"x": 1, 3: 0})
        assert offsets.tolist() == [0, 1, 2, 3, 5, 6]
        assert rows.tolist() == [1, 1, 1, 0, 1, 1]
