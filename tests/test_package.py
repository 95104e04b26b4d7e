"""What is installed: version, types, instruction sets, the time that an import takes."""

import ast
import contextlib
import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import lexigrad
from lexigrad import _core

LEVELS = ["baseline", "avx2", "avx512"]


def python(code, **environment):
    """Run code in a fresh interpreter."""
    kept = {name: value for name, value in os.environ.items() if name != "LEXIGRAD_ISA"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_version():
    with open(Path(__file__).resolve().parent.parent / "pyproject.toml", "rb") as file:
        assert lexigrad.__version__ == tomllib.load(file)["project"]["version"]
    with contextlib.suppress(metadata.PackageNotFoundError):  # built in place
        assert lexigrad.__version__ == metadata.version("lexigrad")


def test_public_names_exist():
    for name in lexigrad.__all__:
        assert getattr(lexigrad, name) is not None


def test_types_are_shipped():
    package = Path(lexigrad.__file__).parent
    assert (package / "py.typed").exists()
    assert (package / "_core.pyi").exists()


@pytest.mark.parametrize("level", LEVELS)
def test_forced_instruction_set(level):
    done = python("from lexigrad import _core; print(_core.isa, _core.width)", LEXIGRAD_ISA=level)
    if level in _core.available_isas():
        assert done.stdout.split() == [level, str({"baseline": 4, "avx2": 8, "avx512": 16}[level])], done.stderr
    else:
        assert done.returncode != 0
        assert "ImportError" in done.stderr
        assert level in done.stderr


def test_unknown_instruction_set():
    done = python("import lexigrad", LEXIGRAD_ISA="mmx")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: LEXIGRAD_ISA=mmx is not a level that this CPU can run")
    assert all(level in last for level in _core.available_isas())


def test_best_instruction_set_is_the_default():
    done = python("from lexigrad import _core; print(_core.isa)")
    assert done.stdout.strip() == _core.available_isas()[-1]
    assert python("from lexigrad import _core; print(_core.isa)", LEXIGRAD_ISA="").stdout == done.stdout


def declared(body):
    """Names that a stub declares, with the names inside each class."""
    names = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            names[node.name] = declared(node.body)
        elif isinstance(node, ast.FunctionDef):
            names[node.name] = {}
        elif isinstance(node, ast.AnnAssign):
            names[node.target.id] = {}
    return {name: inner for name, inner in names.items() if not name.startswith("_")}


def test_stub_names_what_the_module_holds():
    stub = Path(lexigrad.__file__).parent / "_core.pyi"
    names = declared(ast.parse(stub.read_text()).body)

    def held(thing):
        return {name for name in vars(thing) if not name.startswith("_")}

    assert set(names) == held(_core)
    for name, inner in names.items():
        if isinstance(getattr(_core, name), type):
            assert set(inner) == held(getattr(_core, name)), name


def test_import_loads_no_extra():
    """Plots, SciPy and the search index are loaded where they are used; no thread starts at import."""
    done = python(
        "import sys, threading, lexigrad\n"
        "heavy = {'matplotlib', 'scipy', 'usearch', 'tqdm', 'sklearn', 'gensim', 'pandas', 'zstandard'}\n"
        "print(sorted(heavy & set(sys.modules)), len(__import__('os').listdir('/proc/self/task')))"
    )
    numpy_alone = python("import numpy; print(len(__import__('os').listdir('/proc/self/task')))")
    assert done.stdout.split() == ["[]", numpy_alone.stdout.strip()], done.stderr


def test_packages_that_come_when_asked_for():
    done = python(
        "import sys, lexigrad\n"
        "late = ('diagnostics', 'models', 'onnx')\n"
        "print([name for name in late if f'lexigrad.{name}' in sys.modules], set(late) <= set(dir(lexigrad)))\n"
        "print(lexigrad.models.LanguageModel.__name__, lexigrad.diagnostics.__name__, lexigrad.onnx.__name__)\n"
    )
    assert done.stdout.split("\n")[:2] == ["[] True", "LanguageModel lexigrad.diagnostics lexigrad.onnx"], done.stderr
    with pytest.raises(AttributeError, match="no attribute 'modles'"):
        lexigrad.modles  # noqa: B018


def test_import_time(record_property):
    """CPU time, best of seven, of `import lexigrad` after `import numpy`. The aim is 0.15 s on a quiet machine."""
    code = "import time, numpy; t = time.process_time(); import lexigrad; print(time.process_time() - t)"
    seconds = min(float(python(code).stdout) for _ in range(7))
    print(f"import lexigrad: {seconds:.3f} s beside NumPy")
    record_property("import_seconds", seconds)
    assert seconds < 0.45
