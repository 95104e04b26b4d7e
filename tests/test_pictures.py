"""Features of pictures: shapes, what they tell, files, errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexigrad import cli
from lexigrad.io.features import read_features
from lexigrad.pictures import picture_features

pytest.importorskip("skimage")


@pytest.fixture
def picture() -> Any:
    """Red, with vertical stripes of black in the upper left quarter."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[..., 0] = 255
    pixels[:32, :48:8] = 0
    return pixels


def test_features(picture: Any) -> None:
    found = picture_features(picture, grid=2, size=64)
    assert found.shape == (4, 35)
    assert found.dtype == np.float32
    gradients, red, green = found[:, :9], found[:, 9:17], found[:, 17:25]
    assert gradients[0].argmax() == 0  # across vertical stripes
    assert picture_features(picture.transpose(1, 0, 2), grid=2, size=64)[0, :9].argmax() == 4
    assert gradients[0].sum() > 2 * gradients[3].sum()
    assert red[3, 7] == 1
    assert green[:, 0].min() == 1
    np.testing.assert_allclose(found[:, 9:33].reshape(4, 3, 8).sum(2), 1, rtol=1e-6)
    assert found[:, 33:].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_kinds_of_pictures(picture: Any) -> None:
    expected = picture_features(picture, grid=1, size=64)
    opaque = np.concatenate([picture, np.full((64, 96, 1), 255, np.uint8)], 2)
    np.testing.assert_allclose(picture_features(opaque, grid=1, size=64), expected, atol=1e-5)
    np.testing.assert_allclose(picture_features(picture / 255, grid=1, size=64), expected, atol=1e-5)
    assert picture_features(picture[..., 0], grid=1, size=64).shape == (1, 35)


def test_bad_pictures(picture: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="size must be a multiple of grid"):
        picture_features(picture, grid=3, size=64)
    with pytest.raises(ValueError, match="must have shape"):
        picture_features(np.zeros((4, 4, 2), np.uint8))
    with pytest.raises(FileNotFoundError):
        picture_features(tmp_path / "none.png")
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"x\.png: not a picture that can be read"):
        picture_features(tmp_path / "x.png")


def test_command_line(picture: Any, tmp_path: Path, capsys: Any) -> None:
    from PIL import Image

    Image.fromarray(picture).save(tmp_path / "a.png")
    out = tmp_path / "features.npz"
    assert cli.main(["features", str(tmp_path / "a.png"), "-o", str(out), "--grid", "2"]) == 0
    found = read_features(out)
    assert list(found) == ["a.png"]
    np.testing.assert_array_equal(found["a.png"], picture_features(picture, grid=2))
    assert cli.main(["features", str(tmp_path / "a.png"), str(tmp_path / "a.png"), "-o", str(out)]) == 1
    assert "two pictures with the name a.png" in capsys.readouterr().err
