"""safetensors files: whole, foreign and damaged."""

import json
import os
import tracemalloc

import numpy as np
import pytest
from bad_files import HUGE, VECTORS, mutations, outcome, pickles, put, refused

from lexigrad.io import safetensors as module
from lexigrad.io.convert import detect_format
from lexigrad.io.safetensors import read_safetensors, write_safetensors

ARRAYS = {
    "vectors": VECTORS,
    "count": np.array([5, 4, 3, 2, 2**62]),
    "keys": np.frombuffer("größe".encode(), np.uint8),
    "flags": np.array([True, False, True]),
    "half": np.float16([[1], [2]]),
    "empty": np.zeros((0, 7), np.float32),
    "scalar": np.array(2.5),
    "naïve name": np.array([1 + 2j], np.complex64),
}
METADATA = {"format": "test", "version": 1, "größe": [1, None, {"a": 0.1}]}


def read_mapped(path):
    return read_safetensors(path, mmap=True)


BOTH = pytest.mark.parametrize("read", [read_safetensors, read_mapped])


def file_of(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@BOTH
def test_what_is_written_reads_back(tmp_path, read):
    write_safetensors(tmp_path / "v", ARRAYS, METADATA)
    arrays, metadata = read(tmp_path / "v")
    assert metadata == METADATA
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()
        assert arrays[name].flags.aligned
        assert arrays[name].flags.writeable == (read is read_safetensors)
    if read is read_mapped:
        assert isinstance(arrays["vectors"], np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            arrays["vectors"][0] = 1


def test_the_safetensors_package_agrees(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    safe_open = pytest.importorskip("safetensors").safe_open
    write_safetensors(tmp_path / "v", ARRAYS, METADATA)
    loaded = package.load_file(tmp_path / "v")
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
    with safe_open(tmp_path / "v", framework="np") as file:
        assert json.loads(file.metadata()["lexigrad"]) == METADATA
    package.save_file({"a": VECTORS, "b": ARRAYS["count"]}, tmp_path / "theirs", {"who": "they"})
    arrays, metadata = read_safetensors(tmp_path / "theirs")
    assert metadata == {"who": "they"}
    np.testing.assert_array_equal(arrays["a"], VECTORS)
    np.testing.assert_array_equal(arrays["b"], ARRAYS["count"])
    package.save_file({"a": VECTORS}, tmp_path / "theirs")
    assert read_safetensors(tmp_path / "theirs")[1] == {}


@pytest.mark.parametrize("copy_bytes", [1, 64, 1 << 22])
def test_arrays_that_are_not_contiguous(tmp_path, monkeypatch, copy_bytes):
    monkeypatch.setattr(module, "COPY_BYTES", copy_bytes)
    cube = np.arange(7 * 11 * 13, dtype=np.float32).reshape(7, 11, 13)
    arrays = {
        "padded": cube[:, :, :9],
        "turned": cube.transpose(2, 0, 1),
        "backwards": cube[::-2, ::-1],
        "column": cube[0, :, 3],
        "fortran": np.asfortranarray(cube),
        "big": cube.astype(">f4"),
        "big scalar": np.array(3, ">i8"),
        "spread": np.broadcast_to(np.float32(2), (5, 6)),
    }
    write_safetensors(tmp_path / "v", arrays, {})
    loaded, metadata = read_safetensors(tmp_path / "v")
    assert metadata == {}
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_writing_holds_nothing_twice(tmp_path):
    array = np.ones((4000, 2500), np.float32)
    for stored in (array, array[:, :2400], array.T):
        tracemalloc.start()
        write_safetensors(tmp_path / "v", {"a": stored}, {})
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12e6


def test_mapping_reads_nothing(tmp_path):
    write_safetensors(tmp_path / "v", {"a": np.ones((1000, 1000), np.float32)}, {})
    tracemalloc.start()
    arrays, _ = read_mapped(tmp_path / "v")
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    assert arrays["a"].sum() == 1e6


def test_what_cannot_be_written(tmp_path):
    path = tmp_path / "v"
    for arrays in (
        {"__metadata__": VECTORS},
        {"a": np.array(["text"])},
        {"a": np.array([None])},
        {5: VECTORS},
    ):
        with pytest.raises(ValueError, match="cannot"):
            write_safetensors(path, arrays, {})
    with pytest.raises(ValueError, match="JSON"):
        write_safetensors(path, {}, {"a": float("nan")})
    with pytest.raises(TypeError, match="JSON"):
        write_safetensors(path, {}, {"a": VECTORS})
    with pytest.raises(ValueError, match="at most 16777216"):
        write_safetensors(path, {}, {"a": "b" * (17 << 20)})
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "v"
    write_safetensors(path, ARRAYS, METADATA)
    monkeypatch.setattr(module, "_pieces", lambda array: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        write_safetensors(path, {"a": VECTORS}, {})
    assert os.listdir(tmp_path) == ["v"]
    assert read_safetensors(path)[1] == METADATA


@BOTH
def test_truncated_at_every_byte(tmp_path, read):
    path = tmp_path / "v"
    write_safetensors(path, {"vectors": VECTORS, "keys": ARRAYS["keys"]}, METADATA)
    data = path.read_bytes()
    for size in range(len(data)):
        refused(read, path, data[:size], "v: ")
    refused(read, path, data + b"\0", "v: the arrays take")


@BOTH
def test_damaged_headers(tmp_path, read):
    path = tmp_path / "v"
    for length in (2**63 - 1, 2**64 - 1, 2**31 - 1, 100, 1 << 24):
        refused(read, path, file_of(b"{}", length=length), f"declares a header of {length} bytes")
    for text in (b"", b"[]", b"3", b"{", b"\xff\xff", b"null", b"[" * 100_000, b'{"a":1,"a":1}', b"9" * 5000):
        refused(read, path, file_of(text), "v: the header is")
    for stored in (3, [], {"a": 1}, {"lexigrad": "["}, {"lexigrad": "3"}, {"lexigrad": "[" * 100_000}):
        refused(read, path, file_of({"__metadata__": stored}), "v: .*metadata")
    for data in pickles():
        refused(read, path, data, "v: (declares a header|this is a pickle)")


@BOTH
@pytest.mark.parametrize("length", [640, 896, 1152, 1408])
def test_a_header_whose_length_looks_like_a_pickle(tmp_path, read, length):
    path = tmp_path / "v"
    write_safetensors(path, {"a": VECTORS}, {"padding": ""})
    shortest = int.from_bytes(path.read_bytes()[:8], "little")
    write_safetensors(path, {"a": VECTORS}, {"padding": "x" * (length - shortest)})
    assert path.read_bytes()[:2] == length.to_bytes(2, "little")
    np.testing.assert_array_equal(read(path)[0]["a"], VECTORS)
    assert detect_format(path) == "safetensors"


@BOTH
def test_damaged_entries(tmp_path, read):
    path = tmp_path / "v"
    bad = [
        (None, "must have dtype"),
        ({"dtype": "F32"}, "must have dtype"),
        (entry() | {"more": 1}, "must have dtype"),
        (entry(dtype="F8_E4M3"), "dtype 'F8_E4M3'"),
        (entry(dtype=["F32"]), "has dtype"),
        (entry(dtype="F64"), "but 8 bytes"),
        (entry(shape=(3,)), "but 8 bytes"),
        (entry(shape=(2.0,)), "shape"),
        (entry(shape=(True, 2)), "shape"),
        (entry(shape=("2",)), "shape"),
        (entry(shape=(1,) * 33), "shape"),
        (entry(shape=(0, 2**62), offsets=(0, 0)), "larger than any array"),
        (entry(shape=(2**32, 2**32)), "larger than any array"),
        (entry() | {"shape": 2}, "shape"),
        (entry(offsets=(8, 0)), "but -8 bytes"),
        (entry(offsets=(0, 8, 8)), "data_offsets"),
        (entry(offsets=(4, 12)), "begins at byte 4"),
        (entry(shape=(1,), offsets=(0, 4)), "the arrays take 4 bytes"),
        (entry(shape=(4,), offsets=(0, 16)), "the arrays take 16 bytes"),
        (entry(dtype="BOOL", shape=(8,)), "other than 0 and 1"),
    ]
    bad += [(entry(shape=(number,)), "array 'a'") for number in HUGE]
    bad += [(entry(offsets=(0, number)), "array 'a'") for number in HUGE]
    for described, message in bad:
        tracemalloc.start()
        refused(read, path, file_of({"a": described}, b"\x07" * 8), "v: .*" + message)
        assert tracemalloc.get_traced_memory()[1] < 5e6
        tracemalloc.stop()
    for second in ((0, 8), (4, 12), (9, 17)):
        refused(read, path, file_of({"a": entry(), "b": entry(offsets=second)}, bytes(16)), "begins at byte")


@BOTH
def test_unaligned_arrays_of_other_programs(tmp_path, read):
    header = {"a": entry("U8", (3,), (0, 3)), "b": entry("F32", (2,), (3, 11))}
    put(tmp_path / "v", file_of(header, b"\x01\x02\x03" + np.float32([1.5, -2]).tobytes()))
    arrays, metadata = read(tmp_path / "v")
    assert metadata == {}
    assert arrays["b"].tolist() == [1.5, -2]
    assert arrays["b"].flags.aligned
    assert arrays["b"].flags.writeable == (read is read_safetensors)


@BOTH
def test_mutations_raise_nothing_but_value_errors(tmp_path, read):
    path = tmp_path / "v"
    write_safetensors(path, {"vectors": VECTORS, "flags": ARRAYS["flags"]}, METADATA)
    data, accepted = path.read_bytes(), 0
    for changed in mutations(data, 2000):
        result = outcome(read, path, changed)
        if isinstance(result, ValueError):
            assert "v: " in str(result)
        else:
            accepted += 1
            assert sum(array.nbytes for array in result[0].values()) < len(changed)
    assert 0 < accepted < 2000


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_safetensors(tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(ValueError, match="not a regular file"):
        read_safetensors(tmp_path / "pipe")
    os.close(writer)


@BOTH
def test_bfloat16_is_read_as_float32(tmp_path, read):
    values = np.array([[1.0, -2.5, 0.0], [3.0e38, -0.0, np.inf]], np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2")
    data = halves.tobytes() + bytes([7])
    header = {"a": entry("BF16", (2, 3), (0, 12)), "b": entry("U8", (1,), (12, 13))}
    (tmp_path / "v").write_bytes(file_of(header, data))
    arrays, _ = read(tmp_path / "v")
    assert arrays["a"].dtype == np.float32
    np.testing.assert_array_equal(arrays["a"].view(np.uint32), values.view(np.uint32) & 0xFFFF0000)
    assert arrays["b"] == 7
    (tmp_path / "v").write_bytes(file_of({"a": entry("BF16", (2, 3), (0, 24))}, data * 2))
    with pytest.raises(ValueError, match="'a' has shape"):
        read(tmp_path / "v")


@BOTH
def test_a_pytorch_file_is_named(tmp_path, read):
    (tmp_path / "v").write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(
        ValueError, match=r"v: this is a zip file, such as torch.save\(\) makes.*safetensors.torch.save_file"
    ):
        read(tmp_path / "v")
