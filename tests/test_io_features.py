"""Files of features: what NumPy and safetensors write is read, and damage is found."""

import contextlib
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexigrad.io.features import read_features, write_features
from lexigrad.io.safetensors import write_safetensors

ARRAYS = {"a.jpg": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, -2], np.int16)}


def equal(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return list(found) == list(expected) and all(np.array_equal(found[name], expected[name]) for name in expected)


def test_round_trip_and_numpy(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    write_features(path, ARRAYS)
    assert equal(read_features(path), ARRAYS)
    with np.load(path, allow_pickle=False) as file:
        assert equal(dict(file), ARRAYS)
    for save in (np.savez, np.savez_compressed):
        save(path, **ARRAYS)
        assert equal(read_features(path), ARRAYS)
    write_safetensors(tmp_path / "x.safetensors", ARRAYS, {})
    assert equal(dict(sorted(read_features(tmp_path / "x.safetensors").items())), ARRAYS)


@pytest.mark.parametrize("array", [np.ones((3, 4, 5)), np.asfortranarray(np.arange(12.0).reshape(3, 4)), np.ones(2)])
def test_rows_of_an_array(array: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    assert equal(read_features(tmp_path / "x.npy"), {str(i): row for i, row in enumerate(array)})


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_cut_off_anywhere(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    if suffix == ".npy":
        np.save(path, np.ones((3, 4)))
    else:
        write_features(path, ARRAYS)
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=str(path)):
            read_features(path)


def header(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(-1,)", "(2, -3)", "()", "(99999999, 99999999999)", "(1.5,)"])
def test_lies_about_the_size(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(header(shape) + b"\0" * 40)
    with pytest.raises(ValueError, match=str(path)):
        read_features(path)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}, None], object), allow_pickle=True)
    (tmp_path / "p.npy").write_bytes(pickle.dumps([1.0]))
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.pkl", pickle.dumps([1.0]))
    for name in ("x.npy", "p.npy", "x.npz"):
        with pytest.raises(ValueError, match=name):
            read_features(tmp_path / name)


def test_flipped_bytes(tmp_path: Path) -> None:
    """Whatever is damaged, the answer is arrays or a ValueError."""
    file = io.BytesIO()
    np.savez_compressed(file, **ARRAYS)
    content, path = file.getvalue(), tmp_path / "x.npz"
    rng = np.random.default_rng(0)
    for _ in range(500):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError):
            read_features(path)


def test_bad_names(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_features(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"must end in \.npy, \.npz or \.safetensors"):
        read_features(tmp_path / "x.txt")
