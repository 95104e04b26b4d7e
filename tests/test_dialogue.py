"""Dialogue models: what they read and reply, samples, files, and talking with one."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexigrad import TrainingInterrupted, cli
from lexigrad.models import Callback, Dialogue, Sampler, exchanges
from lexigrad.models.encoder_decoder import Writing
from lexigrad.text.subwords import BEGIN_ID, END_ID

WORDS = ["one", "two", "three"]
SMALL: dict[str, Any] = {"hidden_size": 32, "unit": "word", "min_count": 1, "dropout": 0.0}
FAST: dict[str, Any] = {"epochs": 8, "batch_size": 32, "lr": 0.01}


@pytest.fixture(scope="module")
def dialogues() -> list[list[str]]:
    """The second speaker says the word of the first again; asked again, the word before that."""
    rng = random.Random(1)
    found = []
    for _ in range(250):
        first, second = rng.choices(WORDS, k=2)
        found.append(
            [first, f"you said {first}", second, f"you said {second}", "and before", f"before you said {first}"]
        )
    return found


@pytest.fixture(scope="module")
def model(dialogues: Any) -> Dialogue:
    return Dialogue(**SMALL, turns=5).fit(*exchanges(dialogues, "second"), **FAST)


def weights(model: Dialogue) -> dict[str, Any]:
    assert model.network is not None
    return model.network.state_dict()


def test_it_remembers_what_was_said(model: Dialogue) -> None:
    assert model.reply("three") == "you said three"
    turns = ["two", "you said two", "one", "you said one", "", "and before"]  # nothing said is not a turn
    assert model.reply(turns) == "before you said two"
    assert model.reply(turns, beam_size=1) == "before you said two"


def test_exchanges() -> None:
    dialogue = ["a", "b", "c", "d"]
    assert exchanges([dialogue]) == ([["a"], ["a", "b"], ["a", "b", "c"]], ["b", "c", "d"])
    assert exchanges([dialogue, ["e"], [], ["f", "g"]], "second") == ([["a"], ["a", "b", "c"], ["f"]], ["b", "d", "g"])
    with pytest.raises(ValueError, match="replies must be one of all, second, not 'first'"):
        exchanges([dialogue], "first")
    with pytest.raises(TypeError, match=r"dialogues\[1\] must be a list of strings, not str"):
        exchanges([dialogue, "a"])


def test_what_is_read(model: Dialogue) -> None:
    """The last turns, the end token between them; of those the last units; turns without units are none."""
    assert model.pieces is not None
    names = model.pieces.names

    def read(model: Dialogue, source: Any) -> str:
        (ids,) = model._read([source])
        return " ".join(names[i] for i in ids)

    said = ["one", "you said one", "", "two"]
    assert read(model, said) == "one </s> you said one </s> two"
    assert read(model, "two") == read(model, ["two"]) == "two"
    assert read(model, []) == read(model, ["", ""]) == ""
    for turns, max_length, expected in ((2, 100, "you said one </s> two"), (3, 4, "said one </s> two"), (3, 1, "two")):
        other = Dialogue(**SMALL, turns=turns, max_length=max_length)
        other.pieces = model.pieces
        assert read(other, said) == expected
    source, target, weights = model.align(["one", "two"])  # type: ignore[arg-type]
    assert (source, target) == (["one", "</s>", "two"], ["you", "said", "two", "</s>"])
    assert weights.shape == (4, 3)


def test_samples_are_drawn_from_the_model(model: Dialogue) -> None:
    """At temperature 0 the most probable units; else the first unit has the model's distribution."""
    assert model.pieces is not None
    assert model.reply("two", sampler=Sampler(0)) == "you said two"
    one, other = (model.reply("two", sampler=Sampler(5.0, seed=7)) for _ in range(2))
    assert one == other
    (source,) = model.pieces.encode(["two"])
    scores, _ = Writing(model._trained(), source[:, None], np.array([1])).step(np.array([BEGIN_ID]))
    expected = Sampler(3.0).probabilities(scores[0])
    sampler = Sampler(3.0, seed=1)
    drawn = [model.reply("two", sampler=sampler, max_length=1) for _ in range(500)]
    for i, name in enumerate(model.pieces.names):
        share = drawn.count("" if i == END_ID else name) / len(drawn)
        assert share == pytest.approx(expected[i], abs=5 * np.sqrt(expected[i] / len(drawn)) + 0.01)
    assert len(model.reply("two", sampler=Sampler(100.0, seed=1), max_length=3).split()) <= 3


def test_evaluate_is_the_loss_of_replies(model: Dialogue, dialogues: Any) -> None:
    found = model.evaluate(*exchanges(dialogues[:20], "second"))
    assert found.predictions == sum(len(turn.split()) + 1 for turns in dialogues[:20] for turn in turns[1::2])
    assert found.perplexity < 1.1
    assert model.evaluate(["one"], ["before you said one"]).perplexity > 2


def test_save_load_resume(dialogues: Any, tmp_path: Path) -> None:
    settings = {**SMALL, "dropout": 0.2, "turns": 2}
    learnt, judged = exchanges(dialogues, "second"), exchanges(dialogues[:9], "second")
    options = {"epochs": 2, "batch_size": 50, "lr": 0.01}
    straight = Dialogue(**settings).fit(*learnt, judged, **options)

    class Stop(Callback):
        def on_update_end(self, model: Any) -> None:
            seen.append(1)
            if len(seen) == 25:
                raise KeyboardInterrupt

    seen: list[int] = []
    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(TrainingInterrupted):
        Dialogue(**settings).fit(*learnt, judged, **options, callbacks=[Stop()], checkpoint=checkpoint)
    with pytest.raises(ValueError, match="these data are not the ones"):
        Dialogue.load(checkpoint).resume(*exchanges(dialogues[1:], "second"), judged)
    resumed = Dialogue.load(checkpoint).resume(*learnt, judged)
    assert resumed.get_params() == straight.get_params() == {**Dialogue().get_params(), **settings}
    assert all(np.array_equal(array, weights(resumed)[name]) for name, array in weights(straight).items())
    resumed.save(checkpoint)
    assert Dialogue.load(checkpoint).reply("one") == straight.reply("one")


def test_bad_input(model: Dialogue) -> None:
    new = Dialogue(**SMALL)
    with pytest.raises(RuntimeError, match="not trained"):
        new.reply("one")
    with pytest.raises(ValueError, match="turns must be"):
        Dialogue(turns=0)
    with pytest.raises(ValueError, match="there are no replies"):
        new.fit(*exchanges([["alone"]]))
    with pytest.raises(ValueError, match="as many targets as sources, 2, not 1"):
        new.fit(["a", "b"], ["c"])
    with pytest.raises(TypeError, match=r"sources\[1\]\[0\] must be a str, not int"):
        new.fit(["a", [3]], ["b", "c"])
    with pytest.raises(TypeError, match="sources must be a list of what was said"):
        new.fit("ab", ["c", "d"])
    with pytest.raises(ValueError, match="none of the 1 pairs"):
        new.fit([[]], ["b"])
    for nothing in ([], "", [""], ["", ""]):
        with pytest.raises(ValueError, match="nothing to reply to"):
            model.reply(nothing)
    with pytest.raises(TypeError, match=r"sources\[0\]\[0\] must be a str"):
        model.reply([3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="max_length"):
        model.reply("one", max_length=0)
    assert isinstance(model.reply("unheard of"), str)
    assert isinstance(model.reply(" ".join(WORDS * 100)), str)


@pytest.fixture(scope="module")
def saved(model: Dialogue, tmp_path_factory: Any) -> Path:
    path = Path(tmp_path_factory.mktemp("dialogue")) / "model"
    model.save(path)
    return path


def test_train_on_the_command_line(dialogues: Any, tmp_path: Path, capsys: Any) -> None:
    text, out = tmp_path / "dialogues.txt", tmp_path / "model"
    text.write_text("\n\n\n".join("\n".join(turns) for turns in dialogues) + "\n")
    line = ["train", "dialogue", str(text), "-o", str(out), "--validation", str(text), "--replies", "second"]
    options = "--unit word --hidden 32 --dropout 0 --min-count 1 --batch-size 32 --lr 0.01 --turns 5"
    assert cli.main([*line, *options.split(), "--max-updates", "3"]) == 0
    assert capsys.readouterr().err.startswith("10 units, lstm of 1 x 32, validation loss ")
    trained = Dialogue.load(out)
    straight = Dialogue(**SMALL, turns=5)
    straight.fit(*exchanges(dialogues, "second"), batch_size=32, lr=0.01, max_updates=3)
    assert trained.get_params() == straight.get_params()
    assert all(np.array_equal(array, weights(trained)[name]) for name, array in weights(straight).items())
    text.write_text("\n\nalone\n\n")
    assert cli.main(line) == 1
    assert "there are no replies to learn from" in capsys.readouterr().err


def test_chat_through_a_pipe(saved: Path, capsys: Any, monkeypatch: Any) -> None:
    said = "two\nthree\nand before\n\nthree\none\nand before\n"
    answers = ["you said two", "you said three", "before you said two"]
    answers += ["you said three", "you said one", "before you said three"]
    for options in (["--beam", "2"], ["--temperature", "0"], ["--temperature", "0.3", "--top-k", "1", "--seed", "3"]):
        monkeypatch.setattr("sys.stdin", io.StringIO(said))
        assert cli.main(["chat", str(saved), *options]) == 0
        assert capsys.readouterr().out.splitlines() == answers


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("key", [b"\x04", b"\x03"])
def test_chat_at_a_terminal(saved: Path, key: bytes) -> None:
    """It prompts, answers, and Ctrl-D and Ctrl-C leave without a traceback."""
    import pty

    master, slave = pty.openpty()
    line = [sys.executable, "-m", "lexigrad", "chat", str(saved), "--beam", "1"]
    with subprocess.Popen(line, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as process:
        os.close(slave)
        try:
            shown = _read_until(master, b"> ")
            os.write(master, b"three\n")
            shown += _read_until(master, b"> ", after=b"you said three")
            if key == b"\x03":  # the terminal is not the session's own, so it sends no signal
                process.send_signal(signal.SIGINT)
            else:
                os.write(master, key)
            assert process.wait(300) == (130 if key == b"\x03" else 0)
            assert b"you said three" in shown
            assert b"Traceback" not in shown
        finally:
            process.kill()
            os.close(master)


def _read_until(master: int, end: bytes, after: bytes = b"") -> bytes:
    shown = b""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        place = shown.find(after)
        if place >= 0 and end in shown[place:]:
            break
        shown += os.read(master, 1000)
    return shown
