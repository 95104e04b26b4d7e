"""Scanning and encoding: streams of word ids."""

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import tempfile
import textwrap
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lexigrad.text import Vocabulary, as_corpus, count, encode, scan, select
from lexigrad.text import encoding as module
from oracles import vocabulary as oracle

WORKERS = [1, 2, 3]

# Whitespace of Unicode that separates nothing here, beside what does.
TEXT = st.text(
    st.sampled_from("ab \t\n\r\v\f\0\u00a0\u2028\u0085\x1c\x1f\u3000é日😀\ufeff")
    | st.characters(exclude_categories=["Cs"])
).map(str.encode)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "corpus.txt"


@pytest.fixture
def pieces(monkeypatch):
    """Sets how much of a corpus a thread takes at a time."""

    def set_size(size):
        monkeypatch.setattr(module, "_PIECE_BYTES", size)
        monkeypatch.setattr(module, "_BATCH_BYTES", max(4, 5 * size))
        monkeypatch.setattr(module, "_LIST_WORDS", size)
        monkeypatch.setattr(module, "_FINISH_PIECES", 3)

    return set_size


def check(source, sentences, *, workers, min_count=1):
    """Both ways to a stream agree with the oracle."""
    frequencies = oracle.count(sentences)
    scanned = scan(as_corpus(source), workers=workers)
    assert scanned.counts.words == list(frequencies)
    assert scanned.counts.counts.tolist() == list(frequencies.values())
    words = oracle.select(frequencies, min_count)
    vocabulary = Vocabulary(words, [frequencies[word] for word in words])
    expected = oracle.stream(sentences, words)
    for stream in (scanned.finish(vocabulary), encode(as_corpus(source), vocabulary, workers=workers)):
        with stream:
            assert stream.ids.tolist() == expected
            assert stream.ids.dtype == np.int32
            assert not stream.ids.flags.writeable
            assert stream.words == sum(i >= 0 for i in expected)
            assert stream.raw_words == sum(map(len, sentences))
            assert stream.sentences == len([tokens for tokens in sentences if tokens])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=TEXT, size=st.integers(1, 9), workers=st.sampled_from(WORKERS), min_count=st.integers(1, 3))
def test_any_text_in_any_pieces(path, pieces, data, size, workers, min_count):
    pieces(size)
    path.write_bytes(data)
    check(path, oracle.sentences_of(data), workers=workers, min_count=min_count)
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(data, 1))
    check(packed, oracle.sentences_of(data), workers=workers, min_count=min_count)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sentences=st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))),
    size=st.integers(1, 5),
    workers=st.sampled_from(WORKERS),
    min_count=st.integers(1, 3),
)
def test_any_token_lists(pieces, sentences, size, workers, min_count):
    pieces(size)
    check(sentences, sentences, workers=workers, min_count=min_count)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.lists(st.sampled_from([b"a", b" ", b"\n", b"\xc3\xa9", b"\xe2\x82\xac", b"\xf0\x9f\x98\x80", b"\xc3"])).map(
        b"".join
    )
    | st.binary(),
    size=st.integers(1, 9),
    workers=st.sampled_from(WORKERS),
)
def test_any_bytes(path, pieces, data, size, workers):
    """What is not UTF-8 is refused, at the byte that Python names, however the file is cut."""
    pieces(size)
    path.write_bytes(data)
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(data, 1))
    try:
        sentences = oracle.sentences_of(data)
    except UnicodeDecodeError as error:
        vocabulary = Vocabulary(["a"], [1])
        for run in (scan, count, lambda corpus, workers: encode(corpus, vocabulary, workers=workers)):
            with pytest.raises(ValueError, match=rf"corpus.txt: byte {error.start} is not valid UTF-8"):
                run(as_corpus(path), workers=workers)
            with pytest.raises(ValueError, match=rf"corpus.gz: byte {error.start} of its decompressed text"):
                run(as_corpus(packed), workers=workers)
    else:
        check(path, sentences, workers=workers)
        check(packed, sentences, workers=workers)


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n \t\n",
        b"a",
        b"a b\r\nc\r\n",
        b"a b\rc",
        b"\xef\xbb\xbfa b\n",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\n",
        b"\xef\xbb\xbf a",
        b"\xef\xbb\xbf\xef\xbb\xbfa \xef\xbb\xbf",
        b"a\0b \0 \0\0\n\0",
        "a\u00a0b\u2028c\u0085d\u3000e".encode(),
        b"x" * 15 + b" " + b"x" * 16 + b" " + b"x" * 17 + b" " + b"x" * 32 + b" " + b"x" * 33,
        b" ".join(bytes([97 + i % 26]) * i for i in range(100)),
    ],
)
def test_odd_texts(path, pieces, data, workers):
    path.write_bytes(data)
    check(path, oracle.sentences_of(data), workers=workers)
    for size in (1, 2, 3, 64, 65):
        pieces(size)
        check(path, oracle.sentences_of(data), workers=workers)


def long_text(rng, words):
    """About Zipf's law, words of 1 to 20 bytes."""
    ids = np.minimum(rng.zipf(1.2, words), 50_000)
    return [f"{i:o}" * (1 + i % 3) for i in ids.tolist()]


@pytest.mark.parametrize("workers", WORKERS)
def test_one_line_of_many_words(path, workers):
    tokens = long_text(np.random.default_rng(1), 500_000)
    path.write_text(" ".join(tokens))
    check(path, [tokens], workers=workers, min_count=3)
    check([tokens], [tokens], workers=workers, min_count=3)


@pytest.mark.parametrize("workers", WORKERS)
def test_many_lines(path, workers):
    tokens = long_text(np.random.default_rng(2), 500_000)
    cuts = np.sort(np.random.default_rng(3).integers(0, len(tokens), 30_000)).tolist()
    sentences = [tokens[a:b] for a, b in zip([0, *cuts], [*cuts, len(tokens)], strict=True)]
    path.write_text("\n".join(map(" ".join, sentences)))
    check(path, sentences, workers=workers, min_count=3)
    check(sentences, sentences, workers=workers, min_count=3)


@pytest.mark.parametrize("workers", WORKERS)
def test_words_of_five_megabytes(path, workers):
    word = "é" * 2_500_000
    sentences = [["a", word], [word, "b", word + "c"], ["a"]]
    path.write_text("\n".join(map(" ".join, sentences)))
    check(path, sentences, workers=workers)
    check(sentences, sentences, workers=workers)


def test_a_word_without_end_is_refused(path):
    with open(path, "wb") as file:
        file.write(b"a b ")
        for _ in range(70):
            file.write(b"c" * (1 << 20))
    packed = path.with_suffix(".gz")
    with gzip.open(packed, "wb", compresslevel=1) as file:
        file.write(path.read_bytes())
    for source in (path, packed):
        with pytest.raises(ValueError, match=r"the word at byte 4.* is longer than 64 MiB"):
            scan(as_corpus(source))
    with pytest.raises(ValueError, match=r"sentence 1 .* a token of 73400320 bytes"):
        scan(as_corpus([["a"], ["c" * (70 << 20)]]))


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_several_files_of_every_kind(tmp_path, pieces, suffix, workers):
    if suffix == ".zst":
        compress = pytest.importorskip("zstandard").ZstdCompressor().compress
    else:
        compress = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
    texts = [b"a b\nc", b"d a", b"", b"\xef\xbb\xbfe\n\na\n", b"c c c " * 1000]
    for i, text in enumerate(texts):
        (tmp_path / f"{i}.txt{suffix}").write_bytes(compress(text))
        (tmp_path / f"{i}x.txt").write_bytes(text)
    sentences = [tokens for text in texts for tokens in oracle.sentences_of(text) * 2]
    for size in (7, 1 << 17):
        pieces(size)
        expected = [tokens for text in texts for tokens in oracle.sentences_of(text)]
        check(str(tmp_path / f"?.txt{suffix}"), expected, workers=workers)
        both = [[tmp_path / f"{i}.txt{suffix}", tmp_path / f"{i}x.txt"] for i in range(len(texts))]
        mixed = [path for pair in both for path in pair]
        expected = [tokens for text in texts for tokens in oracle.sentences_of(text) + oracle.sentences_of(text)]
        check(mixed, expected, workers=workers)
        assert len(sentences) == len(expected)


def test_more_files_than_are_open_at_once(tmp_path):
    for i in range(200):
        (tmp_path / f"{i:03}").write_text(f"{i} x")
    check(str(tmp_path / "*"), [[f"{i}", "x"] for i in range(200)], workers=2)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_damaged_files(tmp_path, suffix):
    text = b"one two three " * 5000
    if suffix == ".zst":
        whole = pytest.importorskip("zstandard").ZstdCompressor().compress(text)
    else:
        whole = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix](text)
    path = tmp_path / f"corpus{suffix}"
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=f"corpus{suffix} is (cut off|damaged)"):
            count(as_corpus(path))
    path.write_bytes(b"plain text, whatever its name says")
    with pytest.raises(ValueError, match=f"corpus{suffix} is damaged"):
        count(as_corpus(path))


def test_a_file_that_is_not_utf8_among_others(tmp_path):
    for i in range(5):
        (tmp_path / f"{i}").write_bytes(b"a b \xff c" if i in (2, 4) else b"a b")
    with pytest.raises(ValueError, match=r"2: byte 4 is not valid UTF-8; convert"):
        scan(as_corpus(str(tmp_path / "*")), workers=2)


def test_a_file_that_has_gone(path):
    path.write_text("a")
    corpus = as_corpus(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        scan(corpus)


def test_a_file_that_shrinks(path, pieces):
    pieces(10)
    path.write_text("a b c d " * 100)

    def shrink(done, total, words):
        os.truncate(path, 100)

    with pytest.raises(ValueError, match="became shorter while it was read"):
        scan(as_corpus(path), on_progress=shrink)


def test_progress(path, pieces):
    pieces(100)
    path.write_text("a b c d\n" * 1000)
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    calls = []
    scan(as_corpus([path, packed]), on_progress=lambda *call: calls.append(call)).close()
    total = 8000 + packed.stat().st_size
    assert len(calls) > 10
    assert calls == sorted(calls)
    assert calls[-1] == (total, total, 8000)
    calls.clear()
    scan(as_corpus([["a"]] * 10), on_progress=lambda *call: calls.append(call)).close()
    assert calls[-1] == (10, 10, 10)


def test_an_exception_in_progress_leaves_nothing(path, monkeypatch):
    path.write_text("a b c")
    opened = []
    temporary = tempfile.TemporaryFile

    def remember(**options):
        opened.append(temporary(**options))
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", remember)

    def interrupt(done, total, words):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(as_corpus(path), on_progress=interrupt)
    assert len(opened) == 1
    assert opened[0].closed


def test_the_spool_has_no_name(path, tmp_path, monkeypatch):
    path.write_text("a b c")
    directory = tmp_path / "spool"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    scanned = scan(as_corpus(path))
    assert list(directory.iterdir()) == []
    with scanned.finish(select(scanned.counts, min_count=1)) as stream:
        assert list(directory.iterdir()) == []
        assert len(stream.ids) == 4


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_disk_that_fills(path, monkeypatch):
    path.write_text("a b c")
    with open("/dev/full", "r+b", buffering=0) as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **options: full)
        with pytest.raises(OSError, match="set TMPDIR to a directory with room"):
            scan(as_corpus(path))


def test_a_vocabulary_of_another_corpus():
    corpus = as_corpus([["a", "b"], ["c"], ["b", "d", "b"]])
    vocabulary = Vocabulary(["x", "b", "d"], [5, 4, 3])
    with scan(corpus).finish(vocabulary) as stream:
        assert stream.ids.tolist() == [1, -1, 1, 2, 1, -1]
    with encode(corpus, vocabulary) as stream:
        assert stream.ids.tolist() == [1, -1, 1, 2, 1, -1]
        assert (stream.words, stream.raw_words, stream.sentences) == (4, 6, 3)


def test_a_stream_without_known_words():
    corpus = as_corpus([["a", "b"], ["c"]])
    for stream in (scan(corpus).finish(Vocabulary(["x"], [1])), encode(corpus, Vocabulary(["x"], [1]))):
        assert stream.ids.tolist() == []
        stream.release(0, 10)
        stream.close()


def test_a_corpus_is_finished_once():
    scanned = scan(as_corpus([["a"]]))
    vocabulary = select(scanned.counts, min_count=1)
    scanned.finish(vocabulary).close()
    with pytest.raises(RuntimeError, match="finished or closed"):
        scanned.finish(vocabulary)
    with scan(as_corpus([["a"]])) as scanned:
        pass
    with pytest.raises(RuntimeError, match="finished or closed"):
        scanned.finish(vocabulary)


def test_released_parts_come_back():
    tokens = long_text(np.random.default_rng(4), 50_000)
    stream = encode(as_corpus([tokens]), select(count(as_corpus([tokens])), min_count=1))
    before = stream.ids.copy()
    for begin, end in [(0, 10), (5000, 20_000), (-5, 10**9), (len(before), len(before) + 1), (7, 7)]:
        stream.release(begin, end)
        assert np.array_equal(stream.ids, before)
    view = stream.ids[10:20]
    stream.close()
    stream.close()
    assert view.tolist() == before[10:20].tolist()
    assert len(stream.ids) == 0


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_out_of_range(workers):
    with pytest.raises(ValueError, match="workers"):
        scan(as_corpus([["a"]]), workers=workers)


def test_many_workers(path):
    path.write_text("a b c\n" * 10)
    check(path, [["a", "b", "c"]] * 10, workers=200)


def test_several_python_threads_at_once(path):
    tokens = long_text(np.random.default_rng(5), 200_000)
    path.write_text(" ".join(tokens))
    expected = oracle.count([tokens])
    results = []

    def run():
        results.append(count(as_corpus(path), workers=2))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for counts in results:
        assert dict(zip(counts.words, counts.counts.tolist(), strict=True)) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_after_use(path):
    path.write_text("a b c\n" * 100_000)
    scanned = scan(as_corpus(path), workers=2)
    child = os.fork()
    if child == 0:
        try:
            again = count(as_corpus(path), workers=2)
            with scan(as_corpus(path), workers=2).finish(select(again)) as stream:
                os._exit(0 if len(stream.ids) == 400_000 else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    with scanned.finish(select(scanned.counts)) as stream:
        assert len(stream.ids) == 400_000


def test_memory_does_not_grow_with_the_corpus(tmp_path):
    """64 MB of text, plain and as a bomb of 64 kB, cost little more than the tables and buffers."""
    line = b"a bb ccc dddd " * 4
    with (
        open(tmp_path / "plain", "wb") as plain,
        gzip.open(tmp_path / "bomb.gz", "wb", compresslevel=1) as bomb,
    ):
        for _ in range(64):
            block = line * ((1 << 20) // len(line))
            plain.write(block)
            bomb.write(block)
    program = """
        import resource, sys
        from lexigrad.text import as_corpus, scan, select

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        scanned = scan(as_corpus(sys.argv[1]), workers=2)
        stream = scanned.finish(select(scanned.counts))
        total = 0
        for begin in range(0, len(stream.ids), 1 << 20):
            total += int(stream.ids[begin : begin + (1 << 20)].sum())
            stream.release(begin, begin + (1 << 20))
        print(stream.raw_words, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    for name in ("plain", "bomb.gz"):
        result = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        words, kilobytes = map(int, result.stdout.split())
        assert words == 64 * ((1 << 20) // len(line)) * 16
        unit = 1024 if sys.platform == "darwin" else 1
        assert kilobytes / unit < 60_000
