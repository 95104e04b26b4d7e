"""The laws of the code: linters, who may include or import whom, a test for every stem, no paths of one machine."""

import ast
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "lexigrad"
KERNELS = sorted((ROOT / "cpp" / "kernels").glob("*.[ch]*"))
CORE = sorted((ROOT / "cpp" / "core").glob("*.[ch]*"))
BINDINGS = sorted((ROOT / "cpp" / "bindings").glob("*.[ch]*"))
CPP = sorted((ROOT / "cpp").rglob("*.[ch]*"))
PYTHON = sorted(PACKAGE.rglob("*.py"))

# What each part of the package may import: a name stands for its module or everything below it. Parts that are not
# listed (the command line, the demo, __init__) stand on top and may import everything.
LAYERS = {
    "progress": set(),
    "io": {"_core", "io"},
    "text": {"_core", "io", "text"},
    "sparse": set(),
    "tensor": {"sparse"},
    "ops": {"_core", "sparse", "tensor", "ops"},
    "gradcheck": {"tensor"},
    "nn": {"io", "sparse", "tensor", "ops", "nn"},
    "optim": {"_core", "sparse", "tensor", "optim"},
    "embed": {"_core", "io", "text", "embed", "progress"},
    "models": {"io", "text", "sparse", "tensor", "ops", "nn", "optim", "embed", "progress", "models"},
    "diagnostics": {"io", "tensor", "ops", "nn", "optim", "diagnostics"},
    "onnx": {"io", "tensor", "nn", "models"},
    "plot": {"io", "embed", "models", "diagnostics", "plot"},
}


def tool(name):
    """The command of a development tool, which must be that of this environment; without it the test is skipped."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: pip install -e '.[dev]'")
    return found


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def pinned(package):
    """Skip unless the tool's version is the one that pyproject.toml asks for: others format and warn differently."""
    wanted = re.search(rf'"{package}==([\d.]+)\.\*"', (ROOT / "pyproject.toml").read_text())[1]
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed: pip install -e '.[dev]'")
    if not version.startswith(wanted + "."):
        pytest.skip(f"{package} {version} is installed, not {wanted}")


def includes(path):
    return re.findall(r'^\s*#\s*include\s*([<"][^>"]+[>"])', path.read_text(), re.MULTILINE)


def relative(path):
    return path.relative_to(ROOT).as_posix()


def test_ruff_check():
    pinned("ruff")
    run(tool("ruff"), "check", ".")


def test_ruff_format():
    pinned("ruff")
    run(tool("ruff"), "format", "--check", ".")


def test_mypy():
    run(tool("mypy"))


def test_clang_format():
    pinned("clang-format")
    run(tool("clang-format"), "--dry-run", "-Werror", *map(str, CPP))


@pytest.mark.parametrize("path", KERNELS, ids=relative)
def test_kernels_include_only_kernels(path):
    standard = {"<cstddef>", "<cstdint>"}
    intrinsics = {"<immintrin.h>", "<arm_neon.h>"} if path.name == "simd.h" else set()
    for header in set(includes(path)) - standard - intrinsics:
        assert header.startswith('"kernels/'), f"{relative(path)} includes {header}"


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_core_knows_no_python(path):
    for header in includes(path):
        assert not re.search(r"pybind11|Python\.h|numpy|bindings/", header), f"{relative(path)} includes {header}"


def test_only_bindings_include_pybind11():
    users = [relative(path) for path in CPP if any("pybind11" in header for header in includes(path))]
    assert all(user.startswith("cpp/bindings/") for user in users)


def test_kernels_use_only_the_fill_functions_names():
    """Outside the anonymous namespace a kernel file defines fill functions, and nothing that a linker could share."""
    for path in KERNELS:
        if path.suffix == ".cpp" and path.name != "table.cpp":
            assert f"void fill_{path.stem}(Kernels&" in path.read_text(), relative(path)


def imported(path):
    """The modules of this package that a file imports, in functions too, but not for type checkers alone."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "lexigrad":
            names |= {f"lexigrad.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)} has a relative import"
            names.add(node.module)
    return {name for name in names if name.partition(".")[0] == "lexigrad"}


@pytest.mark.parametrize("path", PYTHON, ids=relative)
def test_python_imports_only_downwards(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part not in LAYERS:
        return
    for name in imported(path):
        assert name.partition(".")[2].partition(".")[0] in LAYERS[part], f"{relative(path)} imports {name}"


def test_only_plot_imports_matplotlib():
    for path in PYTHON:
        if path != PACKAGE / "plot" / "figure.py":
            assert "matplotlib" not in re.findall(r"^\s*(?:import|from)\s+(\w+)", path.read_text(), re.MULTILINE)


def test_every_kernel_has_tests():
    tests = ROOT / "tests"
    for path in KERNELS:
        if path.suffix == ".cpp" and path.name != "table.cpp":
            assert (ROOT / "cpp" / "tests" / f"test_{path.stem}.cpp").exists()
            assert list(tests.glob(f"test_{path.stem}*.py")), f"no tests/test_{path.stem}.py"
            assert (tests / "oracles" / f"{path.stem}.py").exists()


def test_every_source_is_compiled():
    cmake = (ROOT / "CMakeLists.txt").read_text()
    for path in [*KERNELS, *CORE, *BINDINGS]:
        if path.suffix == ".cpp":
            assert relative(path) in cmake
    for path in (ROOT / "cpp" / "tests").glob("test_*.cpp"):
        assert re.search(rf"\b{path.stem.removeprefix('test_')}\b", cmake), relative(path)


def test_no_paths_of_one_machine():
    """Nothing names a home or working directory; system paths that every Linux has are allowed."""
    suffixes = {".py", ".pyi", ".cpp", ".h", ".toml", ".txt", ".md", ".cmake", ".yml"}
    folders = [ROOT / name for name in ("cpp", "python", "tests", "benchmarks", "cmake", "examples")]
    files = [path for folder in folders for path in folder.rglob("*")]
    files += [*ROOT.iterdir(), *(ROOT / ".ci").glob("*")]
    found = []
    for path in files:
        if not path.is_file() or (path.suffix not in suffixes and path.parent.name != ".ci"):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if re.search(r"(?<![\w.:/])/(home|root|work|Users|opt|mnt)/\w", line):
                found.append(f"{relative(path)}:{number}: {line.strip()}")
    assert not found
