"""The gallery: each example runs on a small slice, and stands in the gallery's page with its output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "examples"
EXAMPLES = sorted(path.name for path in ROOT.glob("*.py") if path.name != "tutorial.py")  # test_tutorial.py runs it


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_runs(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(ROOT / name), "--quick"]
    picture = tmp_path / "figure.png"
    if "--figure" in (ROOT / name).read_text():
        pytest.importorskip("matplotlib")
        command += ["--figure", str(picture)]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "MPLCONFIGDIR": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert picture.exists() == ("--figure" in command)


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_stands_in_the_gallery(name: str) -> None:
    page = (ROOT / "README.md").read_text()
    assert f"]({name})" in page
    picture = Path(name).with_suffix(".png").name
    assert ((ROOT / picture).exists()) == (picture in page)
