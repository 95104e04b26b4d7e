"""Features of real pictures for ``models.Captioner``, by scikit-image (needs: pip install 'lexigrad[pictures]')."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ORIENTATIONS = 9  # of gradients
_BINS = 8  # of each colour's histogram


def picture_features(picture: str | os.PathLike[str] | NDArray[Any], grid: int = 8, size: int = 256) -> NDArray[Any]:
    """What stands at each place of a picture: gradients, colours, and where the place is.

    A place has the 9 orientations of a histogram of oriented gradients (Dalal and Triggs 2005), histograms of red,
    green and blue in 8 bins each, and its row and column from 0 to 1. These describe textures and simple shapes; for
    objects of the real world take the outputs of a network that was trained on photographs.

    Args:
        picture: a file, or an array (height, width) or (height, width, 3 or 4), uint8 or floats from 0 to 1.
        grid: the places are grid x grid.
        size: pixels that height and width are scaled to; a multiple of ``grid``.

    Returns:
        (grid * grid, 35) float32, row by row.

    Raises:
        ModuleNotFoundError: scikit-image is missing.
        FileNotFoundError: there is no such file.
        ValueError: the file or array is no picture, or ``size`` is no multiple of ``grid``.
    """
    if grid < 1 or size % grid or size < 8 * grid:
        raise ValueError(f"size must be a multiple of grid, and 8 times as much at least, not {size} and {grid}")
    pixels = _pixels(picture, size)
    from skimage.feature import hog

    edge = size // grid
    gradients = hog(
        pixels,
        orientations=_ORIENTATIONS,
        pixels_per_cell=(edge, edge),
        cells_per_block=(1, 1),
        feature_vector=False,
        channel_axis=-1,
    ).reshape(grid * grid, _ORIENTATIONS)
    cells = pixels.reshape(grid, edge, grid, edge, 3).transpose(0, 2, 4, 1, 3).reshape(grid * grid, 3, -1)
    bins = np.minimum((cells * _BINS).astype(np.int64), _BINS - 1)
    colours = (bins[..., None] == np.arange(_BINS)).mean(2).reshape(grid * grid, 3 * _BINS)
    places = np.stack(np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij"), -1).reshape(-1, 2) / max(
        1, grid - 1
    )
    return np.concatenate([gradients, colours, places], 1).astype(np.float32)


def _pixels(picture: Any, size: int) -> NDArray[Any]:
    """The picture as (size, size, 3) floats from 0 to 1."""
    try:
        from PIL import Image
        from skimage.color import gray2rgb, rgba2rgb
        from skimage.transform import resize
        from skimage.util import img_as_float
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "features of pictures need scikit-image: pip install 'lexigrad[pictures]'", name=error.name
        ) from error
    if not isinstance(picture, np.ndarray):
        path = os.fspath(picture)
        if not os.path.isfile(path):
            raise FileNotFoundError(2, "there is no such picture", path)
        try:
            with Image.open(path) as image:
                picture = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"{path}: not a picture that can be read: {error}") from error
    pixels = img_as_float(picture)
    if pixels.ndim == 2:
        pixels = gray2rgb(pixels)
    elif pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = rgba2rgb(pixels)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"a picture must have shape (height, width, 3), not {np.shape(picture)}")
    return np.asarray(np.clip(resize(pixels, (size, size), anti_aliasing=True), 0, 1))
