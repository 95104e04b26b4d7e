"""Word2Vec as its users see it: training, continuing, callbacks, files, bad input."""

import copy
import gzip
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import lexigrad as lg
from lexigrad.text.vocabulary import RULE_DISCARD, RULE_KEEP

FRUIT = ["apple", "pear", "plum", "cherry", "grape"]
TOOLS = ["hammer", "saw", "drill", "wrench", "pliers"]
OBJECTIVES = [
    {"sg": 1},
    {"sg": 0},
    {"sg": 1, "hs": 1, "negative": 0},
    {"sg": 0, "hs": 1, "negative": 0},
    {"sg": 1, "hs": 1},
    {"sg": 1, "loss": "softmax"},
    {"sg": 0, "loss": "softmax"},
]


def two_topics(sentences=400, seed=0):
    """Sentences about fruit and sentences about tools, which share no word but 'the'."""
    rng = np.random.default_rng(seed)
    return [["the", *rng.choice(FRUIT if i % 2 else TOOLS, 6).tolist()] for i in range(sentences)]


def small(corpus=None, **settings):
    settings = {"vector_size": 20, "min_count": 1, "workers": 1, "sample": 0, "epochs": 3, **settings}
    return lg.Word2Vec(corpus, **settings)


@pytest.fixture
def corpus():
    return two_topics()


@pytest.fixture
def corpus_file(tmp_path, corpus):
    path = tmp_path / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in corpus))
    return path


def run_python(code, *arguments, **options):
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


# Learning


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_learns_which_words_go_together(corpus, objective):
    model = small(corpus, epochs=30, alpha=0.05, compute_loss=True, seed=3, **objective)
    for word in FRUIT:
        assert {other for other, _ in model.wv.most_similar(word, topn=4)} == set(FRUIT) - {word}
    assert model.epoch_losses[-1] < model.epoch_losses[0]
    assert len(model.epoch_losses) == 30


def test_sources_give_the_same_vectors(corpus, corpus_file, tmp_path):
    packed = tmp_path / "corpus.txt.gz"
    packed.write_bytes(gzip.compress(corpus_file.read_bytes()))
    expected = small(corpus).wv.vectors
    for source in (str(corpus_file), corpus_file, [corpus_file], packed, str(tmp_path / "c*.txt")):
        np.testing.assert_array_equal(small(source).wv.vectors, expected)
    np.testing.assert_array_equal(small(corpus_file=str(corpus_file)).wv.vectors, expected)


def test_same_seed_same_bits_in_any_process(corpus_file, corpus):
    code = """
        import sys, lexigrad as lg
        model = lg.Word2Vec(sys.argv[1], vector_size=20, min_count=1, workers=1, sample=0, epochs=3)
        print(model.wv.vectors.tobytes().hex())
    """
    found = run_python(code, corpus_file, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert found.stdout.strip() == small(corpus).wv.vectors.tobytes().hex()
    assert found.stdout.strip() != small(corpus, seed=2).wv.vectors.tobytes().hex()


def test_several_workers_learn_the_same_things(corpus):
    for workers in (2, 3, 8, 1000):
        model = small(corpus, workers=workers, epochs=30, alpha=0.05, sg=1)
        assert {other for other, _ in model.wv.most_similar("saw", topn=4)} == set(TOOLS) - {"saw"}


def test_long_sentences_are_trained_whole():
    sentence = [str(i % 50) for i in range(35_000)]
    model = small()
    model.build_vocab([sentence])
    assert model.train([sentence], epochs=2) == (70_000, 70_000)


def test_subsampling_drops_frequent_words(corpus):
    model = small(sample=0.01)
    model.build_vocab(corpus)
    trained, seen = model.train(corpus, epochs=1)
    assert seen == 400 * 7
    assert trained < seen / 2


def test_loss_of_a_fresh_model_is_known(corpus):
    """Output vectors begin at zero, so that a first prediction is a guess between 2, or V, outcomes."""
    for settings, expected in (
        ({"negative": 4}, 5 * np.log(2)),
        ({"loss": "softmax"}, np.log(11)),
    ):
        model = small(corpus, epochs=1, alpha=1e-6, min_alpha=1e-6, compute_loss=True, vector_size=8, **settings)
        if settings.get("negative"):  # draws of the word itself are dropped
            assert 3 * np.log(2) < model.epoch_losses[0] <= expected + 1e-6
        else:
            assert model.epoch_losses[0] == pytest.approx(expected, rel=1e-5)


def test_latest_loss_is_the_sum(corpus):
    model = small(corpus, sg=0, compute_loss=True)
    predictions = 3 * 400 * 7
    assert model.get_latest_training_loss() == pytest.approx(sum(model.epoch_losses) / 3 * predictions)
    assert small(corpus).get_latest_training_loss() == 0


def test_a_callback_may_reset_the_running_loss(corpus):
    class Losses:
        def __init__(self):
            self.found = []

        def on_epoch_end(self, model):
            self.found.append(model.running_training_loss)
            model.running_training_loss = 0.0

        def on_epoch_begin(self, model):
            assert model.get_latest_training_loss() == 0

        on_train_begin = on_train_end = on_epoch_begin

    losses = Losses()
    model = small(corpus, compute_loss=True, epochs=4, callbacks=[losses])
    assert sum(losses.found) == pytest.approx(small(corpus, compute_loss=True, epochs=4).running_training_loss)
    assert model.layer1_size == 20


def test_both_matrices(corpus):
    model = small(corpus, hs=1)
    assert model.wv.vectors.shape == (11, 20)
    assert model.syn1neg.shape == model.output_vectors.shape == (11, 20)
    assert model.syn1.shape == (10, 20)
    assert np.abs(model.syn1neg).max() > 0
    assert np.abs(model.syn1).max() > 0


def test_predict_output_word(corpus):
    model = small(corpus, epochs=30, alpha=0.05)
    found = model.predict_output_word(["apple", "pear", "unknown"], topn=3)
    assert {word for word, _ in found} <= {*FRUIT, "the"}
    assert sum(p for _, p in model.predict_output_word(["apple"], topn=11)) == pytest.approx(1, abs=1e-5)
    assert model.predict_output_word(["unknown"]) is None
    rows = [model.wv.key_to_index["apple"], np.int64(model.wv.key_to_index["pear"]), 99]
    assert model.predict_output_word(rows, topn=3) == found
    with pytest.raises(TypeError, match="string 'apple'"):
        model.predict_output_word("apple")
    with pytest.raises(RuntimeError, match="output vectors"):
        small(corpus, hs=1, negative=0).predict_output_word(["apple"])


# Vocabulary


def test_build_vocab_and_train_as_in_gensim(corpus):
    model = small()
    model.build_vocab(corpus)
    assert model.corpus_count == 400
    assert model.corpus_total_words == 2800
    assert model.wv.get_vecattr("the", "count") == 400
    assert model.wv.index_to_key[0] == "the"
    model.train(corpus, total_examples=model.corpus_count, epochs=model.epochs)
    np.testing.assert_array_equal(model.wv.vectors, small(corpus).wv.vectors)


def test_training_again_draws_anew(corpus):
    model = small(corpus)
    before = model.wv.vectors.copy()
    model.train(corpus, epochs=1, start_alpha=0.01, end_alpha=0.005)
    assert model.train_count == 2
    assert not np.array_equal(before, model.wv.vectors)


def test_build_vocab_from_freq():
    model = small(min_count=2)
    model.build_vocab_from_freq({"rare": 1, "common": 10, "middling": 5}, corpus_count=7)
    assert model.wv.index_to_key == ["common", "middling"]
    assert model.corpus_count == 7
    model.train([["common", "middling", "rare"]] * 5, epochs=1)


def test_update_keeps_what_was_learned(corpus):
    model = small(corpus, hs=1)
    before = model.wv.vectors.copy(), model.syn1neg.copy()
    model.wv.vectors_lockf = np.ones(11, np.float32)
    model.build_vocab([["the", "kiwi", "apple"]] * 3, update=True)
    assert model.wv.index_to_key[11:] == ["kiwi"]
    assert model.wv.get_vecattr("the", "count") == 403
    np.testing.assert_array_equal(model.wv.vectors[:11], before[0])
    np.testing.assert_array_equal(model.syn1neg, np.vstack([before[1], np.zeros((1, 20))]))
    model.train([["the", "kiwi", "apple"]] * 3, epochs=2)
    assert np.isfinite(model.wv["kiwi"]).all()
    with pytest.raises(RuntimeError, match="build_vocab"):
        small().build_vocab(corpus, update=True)


def test_limits_on_the_vocabulary(corpus):
    assert len(small(corpus, max_final_vocab=4).wv) <= 4
    bounded = small([*two_topics(), *([f"once{i}"] for i in range(500))], max_vocab_size=50)
    assert len(bounded.wv) <= 60
    rules = {"the": RULE_DISCARD, "once": RULE_KEEP}
    model = small([*corpus, ["once"]], min_count=2, trim_rule=lambda word, count, least: rules.get(word, 0))
    assert "once" in model.wv
    assert "the" not in model.wv


def test_replaced_vectors_are_trained(corpus):
    model = small()
    model.build_vocab(corpus)
    model.wv.vectors = np.full((11, 20), 0.25, np.float32)
    model.train(corpus, epochs=1, start_alpha=1e-6, end_alpha=1e-6)
    np.testing.assert_allclose(model.wv.vectors, 0.25, atol=1e-3)
    model.wv.add_vectors(["stray"], np.zeros((1, 20), np.float32))
    with pytest.raises(ValueError, match="update=True"):
        model.train(corpus)


def test_locked_vectors_stay(corpus):
    model = small()
    model.build_vocab(corpus)
    before = model.wv.vectors.copy()
    model.wv.vectors_lockf = np.array([0.0] * 5 + [1.0] * 6, np.float32)
    model.train(corpus)
    np.testing.assert_array_equal(model.wv.vectors[:5], before[:5])
    assert (model.wv.vectors[5:] != before[5:]).any()
    model.wv.vectors_lockf = np.ones(3, np.float32)
    with pytest.raises(ValueError, match="vectors_lockf"):
        model.train(corpus)


# Callbacks, interruption, resuming


class Recorder(lg.CallbackAny2Vec):
    def __init__(self, stop_after=None):
        self.calls = []
        self.stop_after = stop_after

    def on_train_begin(self, model):
        self.calls.append("begin")

    def on_epoch_begin(self, model):
        self.calls.append("epoch begin")

    def on_epoch_end(self, model):
        self.calls.append("epoch end")
        if self.calls.count("epoch end") == self.stop_after:
            raise lg.StopTraining

    def on_train_end(self, model):
        self.calls.append("end")


def test_callbacks(corpus):
    recorder = Recorder()
    small(corpus, epochs=2, callbacks=[recorder])
    assert recorder.calls == ["begin", *["epoch begin", "epoch end"] * 2, "end"]


def test_callback_stops_early(corpus):
    recorder = Recorder(stop_after=2)
    model = small(corpus, epochs=9, compute_loss=True, callbacks=[recorder])
    assert recorder.calls == ["begin", *["epoch begin", "epoch end"] * 2, "end"]
    assert len(model.epoch_losses) == 2
    assert model.wv.most_similar("apple")


def test_progress(corpus):
    seen = []
    small(corpus, epochs=2, compute_loss=True, progress=seen.append)
    assert {p.stage for p in seen} == {"vocabulary", "training"}
    training = [p for p in seen if p.stage == "training"]
    done = [p.words_done for p in training]
    assert done == sorted(done)
    assert done[-1] == training[-1].words_total == 5600
    assert training[-1].alpha == pytest.approx(1e-4)
    assert all(np.isfinite(p.loss) for p in training)


def interrupt_at(words):
    def progress(now):
        if now.stage == "training" and now.words_done >= words:
            raise KeyboardInterrupt

    return progress


@pytest.fixture
def long_corpus():
    return two_topics(10_000)


@pytest.mark.parametrize("objective", OBJECTIVES[:4], ids=str)
def test_interrupted_training_resumes_exactly(long_corpus, objective, tmp_path):
    settings = {"sample": 0.01, "compute_loss": True, **objective}
    expected = small(long_corpus, **settings)
    with pytest.raises(lg.TrainingInterrupted) as caught:
        small(long_corpus, progress=interrupt_at(90_000), **settings)
    interrupted = caught.value.model
    assert interrupted.wv.most_similar("apple")
    interrupted.save(tmp_path / "half")
    for model in (interrupted, lg.Word2Vec.load(tmp_path / "half")):
        model.resume(long_corpus)
        np.testing.assert_array_equal(model.wv.vectors, expected.wv.vectors)
        assert model.epoch_losses == pytest.approx(expected.epoch_losses, rel=1e-12)
        with pytest.raises(RuntimeError, match="unfinished"):
            model.resume(long_corpus)


def test_resume_refuses_another_corpus(long_corpus):
    with pytest.raises(lg.TrainingInterrupted) as caught:
        small(long_corpus, progress=interrupt_at(1))
    with pytest.raises(ValueError, match="not the one"):
        caught.value.model.resume(long_corpus[:-1])


def test_every_checkpoint_leads_to_the_same_model(long_corpus, tmp_path):
    copies = []

    def keep_copy(now):
        if now.stage == "training" and (tmp_path / "checkpoint").exists():
            copies.append((tmp_path / "checkpoint").read_bytes())

    expected = small(long_corpus, checkpoint=tmp_path / "checkpoint", checkpoint_seconds=0, progress=keep_copy)
    assert len(copies) >= 3
    for number in range(0, len(copies), max(1, len(copies) // 4)):
        path = tmp_path / f"copy{number}"
        path.write_bytes(copies[number])
        model = lg.Word2Vec.load(path)
        model.resume(long_corpus)
        np.testing.assert_array_equal(model.wv.vectors, expected.wv.vectors)
    assert lg.Word2Vec.load(tmp_path / "checkpoint").wv.index_to_key == expected.wv.index_to_key


def test_kill_during_checkpoints_leaves_a_whole_one(corpus_file, tmp_path):
    code = """
        import sys, lexigrad as lg
        model = lg.Word2Vec(vector_size=100, min_count=1, workers=1, epochs=10**6)
        model.build_vocab(sys.argv[1])
        print("ready", flush=True)
        report = lambda now: now.stage == "training" and print(now.words_done, flush=True)
        model.train(sys.argv[1], checkpoint=sys.argv[2], checkpoint_seconds=0, progress=report)
    """
    path = tmp_path / "checkpoint"
    command = [sys.executable, "-c", textwrap.dedent(code), str(corpus_file), str(path)]
    for lines in (3, 5, 8, 13):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(lines):
                process.stdout.readline()
            process.kill()
        assert lg.Word2Vec.load(path).wv["apple"].shape == (100,)


def test_ctrl_c_stops_a_real_process(corpus_file):
    code = """
        import sys, lexigrad as lg
        try:
            lg.Word2Vec(sys.argv[1], min_count=1, epochs=10**9, progress=lambda now: print(now.stage, flush=True))
        except KeyboardInterrupt as interrupt:
            print(interrupt.model.wv.most_similar("apple", topn=1))
            sys.exit(7)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(corpus_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.stdout.readline().strip() != "training":
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 7, errors


def test_training_lets_other_threads_run(long_corpus):
    model = small(vector_size=100, epochs=20, sg=1)
    model.build_vocab(long_corpus)
    trainer = threading.Thread(target=model.train, args=(long_corpus,))
    turns = 0
    trainer.start()
    while trainer.is_alive():
        turns += 1
    assert turns > 1000


def test_fork_after_training(corpus):
    small(corpus, workers=2)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.isfinite(small(corpus, workers=2).wv.vectors).all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Files


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_save_and_load(corpus, objective, tmp_path):
    model = small(corpus, **objective)
    model.save(tmp_path / "model")
    loaded = lg.Word2Vec.load(tmp_path / "model")
    for matrix in ("syn1", "syn1neg"):
        np.testing.assert_array_equal(getattr(loaded, matrix), getattr(model, matrix))
    np.testing.assert_array_equal(loaded.wv.vectors, model.wv.vectors)
    assert loaded.wv.key_to_index == model.wv.key_to_index
    assert loaded.wv.get_vecattr("the", "count") == 400
    model.train(corpus)
    loaded.train(corpus)
    np.testing.assert_array_equal(loaded.wv.vectors, model.wv.vectors)


def test_copies_are_independent(corpus):
    model = small(corpus)
    before = model.wv.vectors.copy()
    for made in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        made.train(corpus)
        assert (made.wv.vectors != before).any()
        assert made.wv.most_similar("apple")
        np.testing.assert_array_equal(model.wv.vectors, before)


def test_load_refuses_what_is_not_a_model(corpus, tmp_path):
    path = tmp_path / "model"
    with pytest.raises(FileNotFoundError):
        lg.Word2Vec.load(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ValueError, match="model"):
        lg.Word2Vec.load(path)
    model = small(corpus)
    model.wv.save(path)
    with pytest.raises(ValueError, match=r"lexigrad\.Word2Vec"):
        lg.Word2Vec.load(path)
    model.save(path)
    whole = path.read_bytes()
    for size in range(0, len(whole), 41):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="model"):
            lg.Word2Vec.load(path)


def test_full_disk_leaves_the_old_model(corpus_file, tmp_path):
    code = """
        import resource, sys, lexigrad as lg
        model = lg.Word2Vec(sys.argv[1], vector_size=100, min_count=1, workers=1)
        model.save(sys.argv[2])
        model.train(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        try:
            model.save(sys.argv[2])
        except OSError:
            sys.exit(7)
    """
    run = run_python(code, corpus_file, tmp_path / "model")
    assert run.returncode == 7, run.stderr
    assert lg.Word2Vec.load(tmp_path / "model").train_count == 1
    assert [p.name for p in tmp_path.iterdir() if "model" in p.name] == ["model"]


def test_memory_does_not_grow_with_the_corpus(tmp_path):
    """The peak of training on a corpus 40 times as long is the same to some megabytes."""
    code = """
        import resource, sys, lexigrad as lg
        lg.Word2Vec(sys.argv[1], vector_size=8, epochs=1, workers=2)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    line = " ".join(str(i % 1000) for i in range(10_000)) + "\n"
    peaks = []
    for repeats in (50, 2000):
        path = tmp_path / "long.txt"
        with open(path, "w") as file:
            for _ in range(repeats):
                file.write(line)
        peaks.append(int(run_python(code, path, check=True).stdout))
    assert peaks[1] - peaks[0] < 60_000  # the ids alone are 80,000 kB


# Bad input


@pytest.mark.parametrize(
    "settings",
    [
        {"vector_size": 0},
        {"vector_size": 2.5},
        {"vector_size": "100"},
        {"window": 0},
        {"epochs": 0},
        {"workers": 0},
        {"negative": -1},
        {"negative": 0, "hs": 0},
        {"alpha": 0},
        {"alpha": float("nan")},
        {"min_alpha": -1},
        {"sample": -1},
        {"sample": float("inf")},
        {"ns_exponent": float("nan")},
        {"loss": "hinge"},
        {"min_count": -1},
    ],
    ids=str,
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=r"must|nothing to train"):
        lg.Word2Vec(**settings)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ([], ValueError, "empty"),
        ([[]], ValueError, "empty"),
        ([["a"]] * 3, ValueError, "min_count"),
        ("no such file.txt", FileNotFoundError, "no such file"),
        (["to be or", "not to be"], FileNotFoundError, "token lists"),
        ([["a", 1]], TypeError, "int"),
        ([["a", b"b"]], TypeError, "bytes"),
        ((sentence for sentence in [["a"]]), TypeError, "once"),
        (3, TypeError, "int"),
    ],
    ids=str,
)
def test_corpora_that_cannot_be_trained_on(source, error, message):
    with pytest.raises(error, match=message):
        lg.Word2Vec(source)


def test_iterable_that_raises_passes_its_exception():
    class Broken:
        def __iter__(self):
            yield ["a", "b"]
            raise LookupError("the database went away")

    with pytest.raises(LookupError, match="went away"):
        lg.Word2Vec(Broken(), min_count=1)
    model = small([["a", "b"]] * 5)
    before = model.wv.vectors.copy()
    with pytest.raises(LookupError, match="went away"):
        model.train(Broken())
    np.testing.assert_array_equal(model.wv.vectors, before)


def test_divergence_is_an_error(corpus):
    with pytest.raises(FloatingPointError, match="a smaller one"):
        small(corpus, alpha=1e30, min_alpha=1e30, epochs=5, sg=1)


def test_calls_out_of_order(corpus):
    with pytest.raises(RuntimeError, match="build_vocab"):
        small().train(corpus)
    with pytest.raises(TypeError, match="corpus"):
        small().build_vocab()
    with pytest.raises(TypeError, match="not both"):
        small().build_vocab(corpus, corpus_file="also")


def test_training_on_unknown_words_only_changes_nothing(corpus):
    model = small(corpus)
    before = model.wv.vectors.copy()
    assert model.train([["unknown", "words"]], epochs=2) == (0, 4)
    np.testing.assert_array_equal(model.wv.vectors, before)


def test_one_word_vocabulary():
    for objective in OBJECTIVES:
        model = small([["a", "a", "a"]] * 10, **objective)
        assert np.isfinite(model.wv["a"]).all()


def test_gensim_reads_our_vectors_and_we_read_theirs(corpus, tmp_path):
    gensim_models = pytest.importorskip("gensim.models")
    model = small(corpus)
    for binary in (True, False):
        model.wv.save_word2vec_format(tmp_path / "ours", binary=binary)
        theirs = gensim_models.KeyedVectors.load_word2vec_format(tmp_path / "ours", binary=binary)
        assert theirs.index_to_key == model.wv.index_to_key
        np.testing.assert_array_equal(theirs.vectors, model.wv.vectors)
        theirs.save_word2vec_format(tmp_path / "theirs", binary=binary)
        assert (tmp_path / "theirs").read_bytes() == (tmp_path / "ours").read_bytes()


@pytest.mark.parametrize("shrink_windows", [True, False])
@pytest.mark.parametrize("objective", [{"negative": 5}, {"negative": 20}, {"hs": 1, "negative": 0}])
@pytest.mark.parametrize("words", [2, 3, 12])
def test_many_samples_of_few_words_converge(words, objective, shrink_windows):
    """gensim's do, at this and at twice this rate."""
    rng = np.random.default_rng(0)
    sentences = rng.choice([f"w{i}" for i in range(words)], (150, 200)).tolist()
    settings = {"sg": 1, "vector_size": 50, "window": 50, "epochs": 5, "shrink_windows": shrink_windows, **objective}
    for alpha in (0.025, 0.05):
        assert np.abs(small(sentences, alpha=alpha, **settings).wv.vectors).max() < 10


@pytest.mark.parametrize("window", [20, 50, 100])
def test_wide_windows_over_few_words_converge(window):
    """The steps of a window's many equal pairs are taken together: too many at once would overshoot."""
    rng = np.random.default_rng(0)
    baskets = [[f"w{i}" for i in rng.integers(0, 5, 200)] for _ in range(100)]
    model = lg.Word2Vec(
        baskets,
        vector_size=20,
        min_count=1,
        sample=0,
        sg=1,
        window=window,
        epochs=5,
        workers=1,
        seed=1,
        compute_loss=True,
    )
    assert model.epoch_losses[-1] < 2.6  # what there is to learn: words are independent, so the best is near 2.5
