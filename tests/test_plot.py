"""Pictures: the files; of maps of words also the projection and the places of labels."""

import re
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from lexigrad.diagnostics import GradientFlow
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.plot import place_labels, plot_clipping, plot_gradient_flow, plot_vectors, project


@pytest.fixture(scope="module")
def vectors() -> KeyedVectors:
    words = [f"word{i}" for i in range(58)] + ["$costs", "日本"]
    result = KeyedVectors(20)
    result.add_vectors(words, np.random.default_rng(1).normal(size=(60, 20)).astype(np.float32))
    return result


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")  # the default font has no Japanese
@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_same_vectors_give_the_same_file(vectors, tmp_path: Path, suffix: str, start: bytes) -> None:
    pytest.importorskip("matplotlib")
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    plot_vectors(vectors, first)
    plot_vectors(vectors, second)
    assert first.read_bytes().startswith(start)
    assert first.read_bytes() == second.read_bytes()


def test_the_chosen_words_are_drawn(vectors, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "map.svg"
    plot_vectors(vectors, path, words=["word3", "word1", "word3", "$costs", "word2"])
    ElementTree.parse(path)
    comments = re.findall("<!-- (.*?) -->", path.read_text("utf-8"))
    assert comments[1:] == ["word3", "word1", "$costs", "word2"]
    plot_vectors(vectors, path, top=7)
    assert len(re.findall("<!-- word", path.read_text("utf-8"))) == 7


def test_no_picture_is_left_of_a_failure(vectors, tmp_path: Path) -> None:
    bad = [
        ({"words": ["word1", "king", "queen", "word2"]}, KeyError, "'king', 'queen'"),
        ({"words": "word1"}, TypeError, "must be a list"),
        ({"words": ["word1", "word2"]}, ValueError, "at least 3 words, not 2"),
        ({"words": []}, ValueError, "at least 3 words, not 0"),
        ({"top": 0}, ValueError, "top must be at least 3, not 0"),
        ({"method": "lda"}, ValueError, "method must be 'pca', 'tsne' or 'umap', not 'lda'"),
    ]
    for options, error, message in bad:
        with pytest.raises(error, match=message):
            plot_vectors(vectors, tmp_path / "map.png", **options)
    with pytest.raises(ValueError, match=r"must end in \.png, \.svg or \.pdf"):
        plot_vectors(vectors, tmp_path / "map.jpeg")
    assert list(tmp_path.iterdir()) == []


def test_pca_is_that_of_the_covariance() -> None:
    rows = np.random.default_rng(2).normal(size=(40, 7))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    centred = unit - unit.mean(0)
    values, directions = np.linalg.eigh(centred.T @ centred)
    expected = centred @ directions[:, ::-1][:, :2]
    points = project(rows)
    signs = np.sign((points * expected).sum(0))
    np.testing.assert_allclose(points, expected * signs, atol=1e-12)
    np.testing.assert_allclose((points**2).sum(0), values[::-1][:2])
    np.testing.assert_array_equal(project(rows[:, :1])[:, 1], 0)  # one dimension has one component


def test_the_length_of_a_vector_does_not_matter() -> None:
    rows = np.random.default_rng(3).normal(size=(12, 5))
    np.testing.assert_allclose(project(rows * np.arange(1, 13)[:, None]), project(rows), atol=1e-12)
    assert np.isfinite(project(np.vstack([rows, np.zeros(5)]))).all()
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN or infinity"):
            project(np.full((4, 3), value))


def test_tsne_keeps_groups_together_and_repeats_itself() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(4)
    centres = np.repeat(np.eye(6)[:3] * 5, 12, axis=0)
    rows = centres + 0.1 * rng.normal(size=centres.shape)
    points = project(rows, "tsne", seed=3)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = np.repeat(np.arange(3), 12)[:, None] == np.repeat(np.arange(3), 12)[None]
    assert distances[same].max() < distances[~same].min()
    np.testing.assert_array_equal(points, project(rows, "tsne", seed=3))


@pytest.mark.filterwarnings("ignore::ImportWarning")  # umap says so where TensorFlow is not installed
def test_umap_keeps_groups_together_and_repeats_itself() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it imports is not up to us
        pytest.importorskip("umap", exc_type=ImportError)
    rng = np.random.default_rng(4)
    centres = np.repeat(np.eye(6)[:3] * 5, 12, axis=0)
    rows = centres + 0.1 * rng.normal(size=centres.shape)
    points = project(rows, "umap", seed=3)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = np.repeat(np.arange(3), 12)[:, None] == np.repeat(np.arange(3), 12)[None]
    assert distances[same].max() < distances[~same].min()
    np.testing.assert_array_equal(points, project(rows, "umap", seed=3))
    for count in (3, 4, 15, 16):  # few points are mapped too
        assert np.isfinite(project(rng.normal(size=(count, 6)), "umap")).all()


@pytest.mark.parametrize(("method", "package"), [("tsne", "sklearn.manifold"), ("umap", "umap")])
def test_a_missing_package_is_named(monkeypatch, method: str, package: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        project(np.random.default_rng(5).normal(size=(10, 4)), method)


def overlap(centres: np.ndarray, sizes: np.ndarray) -> float:
    """The area that boxes share, as a fraction of their own."""
    reach = (sizes[:, None] + sizes[None]) / 2
    shared = np.prod(np.maximum(reach - np.abs(centres[:, None] - centres[None]), 0), axis=2)
    return float(np.triu(shared, 1).sum() / np.prod(sizes, axis=1).sum())


@pytest.mark.parametrize("count", [1, 3, 60, 200])
def test_labels_overlap_little_and_stay_inside(count: int) -> None:
    rng = np.random.default_rng(count)
    frame = np.array([[0.0, 0.0], [1200.0, 900.0]])
    dots = rng.normal([600, 450], [200, 150], (count, 2)).clip(5, 895)
    sizes = np.stack([rng.uniform(10, 60, count), np.full(count, 12.0)], axis=1)
    centres = place_labels(dots, sizes, frame, gap=4)
    on_the_right = dots + np.stack([sizes[:, 0] / 2 + 4, np.zeros(count)], axis=1)
    assert overlap(centres, sizes) < 0.02
    assert overlap(centres, sizes) <= overlap(on_the_right, sizes)
    assert (centres - sizes / 2 >= frame[0] - 1e-6).all()
    assert (centres + sizes / 2 <= frame[1] + 1e-6).all()
    np.testing.assert_array_equal(centres, place_labels(dots, sizes, frame, gap=4))


def test_labels_of_one_place_part() -> None:
    frame = np.array([[0.0, 0.0], [1000.0, 1000.0]])
    dots = np.full((6, 2), 500.0)
    centres = place_labels(dots, np.tile([50.0, 12.0], (6, 1)), frame, gap=4)
    assert len(np.unique(centres.round(), axis=0)) == 6


def test_gradient_flow_has_a_panel_for_each_layer(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    distances = np.arange(21.0)
    vanishing = np.stack([0.1**distances, 0 * distances], axis=1)  # below the scale, and no logarithm at all
    flows = {
        "plain": GradientFlow(vanishing, None, 2**distances),
        "gated $x": GradientFlow(vanishing, np.ones((21, 2)), None),
    }
    for name in ("a.svg", "b.svg"):
        plot_gradient_flow(flows, tmp_path / name)
    text = (tmp_path / "a.svg").read_text("utf-8")
    ElementTree.parse(tmp_path / "a.svg")
    assert text == (tmp_path / "b.svg").read_text("utf-8")
    assert len(re.findall('<g id="axes_', text)) == 2
    comments = re.findall("<!-- (.*?) -->", text)
    assert {"plain", "gated $x"} <= set(comments)
    assert sum("bound" in comment for comment in comments) == 1
    assert sum("at distance 20" in comment for comment in comments) == 3
    with pytest.raises(ValueError, match="no flow"):
        plot_gradient_flow({}, tmp_path / "c.svg")
    with pytest.raises(ValueError, match=r"must end in \.png"):
        plot_gradient_flow(flows, tmp_path / "c.gif")
    assert len(list(tmp_path.iterdir())) == 2


def test_clipping_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot_clipping(tmp_path / "cliff.svg", updates=20)
    comments = re.findall("<!-- (.*?) -->", (tmp_path / "cliff.svg").read_text("utf-8"))
    assert any(comment.startswith("plain: error") for comment in comments)
    assert any(comment.startswith("clipped to norm 0.2: error") for comment in comments)
    with pytest.raises(ValueError, match=r"must end in \.png"):
        plot_clipping(tmp_path / "cliff.txt")
