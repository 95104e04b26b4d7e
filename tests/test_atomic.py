"""Writing files whole or not at all."""

import os
import stat
import threading

import pytest

from lexigrad.io.atomic import atomic_write


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), atomic_write(path) as file:
        file.writelines([b"new", None])
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()), daemon=True)
    reader.start()
    with atomic_write(path) as file:
        file.write(b"new")
    assert stat.S_ISFIFO(path.stat().st_mode)
    reader.join(10)
    assert found == [b"new"]


def test_a_directory_or_a_missing_one_is_named(tmp_path):
    with pytest.raises(IsADirectoryError, match=tmp_path.name), atomic_write(tmp_path):
        pass
    missing = tmp_path / "missing" / "file"
    with pytest.raises(FileNotFoundError, match="missing'"), atomic_write(missing):
        pass
    assert os.listdir(tmp_path) == []
