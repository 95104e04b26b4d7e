"""The tutorial runs from the first step to the last, and the page that it writes has its text, output and figures."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("scipy")
pytest.importorskip("matplotlib")

TUTORIAL = Path(__file__).resolve().parents[1] / "examples" / "tutorial.py"


def load():
    spec = importlib.util.spec_from_file_location("tutorial", TUTORIAL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_quick_run_writes_the_page(tmp_path, capsys):
    tutorial = load()
    page = tmp_path / "tutorial.md"
    tutorial.main(["--quick", "--workers", "1", "--figures", str(tmp_path / "figures"), "--page", str(page)])
    printed, written = capsys.readouterr().out, page.read_text()
    for number, step in enumerate(tutorial.STEPS, 1):
        title, text = tutorial.lecture(step)
        assert f"{number}. {title}" in printed
        assert f"## {number}. {title}" in written
        assert text in written
    drawn = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert len(drawn) == 6
    assert all(f"](figures/{name})" in written for name in drawn)
    assert "[[1 0 0 0]" in written


def test_the_page_is_of_these_steps():
    """When the steps change the page must be written anew."""
    tutorial = load()
    written = TUTORIAL.with_suffix(".md").read_text()
    for step in tutorial.STEPS:
        assert tutorial.lecture(step)[1] in written
        assert tutorial.source(step) in written
    for picture in TUTORIAL.with_name("tutorial").iterdir():
        assert f"](tutorial/{picture.name})" in written
