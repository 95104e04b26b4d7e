"""Batches of sequences of different lengths."""

import numpy as np
import pytest

from lexigrad.models.batches import length_batches, pad_sequences


@pytest.mark.parametrize("count", [0, 1, 7, 8, 2000])
@pytest.mark.parametrize("seed", [None, 1])
def test_every_sequence_is_in_one_batch(count: int, seed: int | None) -> None:
    lengths = np.random.default_rng(0).integers(0, 50, count)
    batches = length_batches(lengths, 8, None if seed is None else np.random.default_rng(seed))
    assert sorted(np.concatenate([*batches, []]).tolist()) == list(range(count))
    assert len(batches) == -(-count // 8)
    assert all(1 <= len(batch) <= 8 for batch in batches)


def test_batches_for_training_need_little_padding_and_change() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 5000)
    rng = np.random.default_rng(1)
    first, second = length_batches(lengths, 32, rng), length_batches(lengths, 32, rng)
    assert [set(batch) for batch in first] != [set(batch) for batch in second]
    padded = sum(lengths[batch].max() * len(batch) for batch in first)
    assert padded < 1.05 * lengths.sum()
    ends = [lengths[batch].max() for batch in first]
    assert ends != sorted(ends)
    again = length_batches(lengths, 32, np.random.default_rng(1))
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))


def test_batches_for_prediction_go_from_long_to_short() -> None:
    batches = length_batches([3, 1, 2, 3, 9], 2)
    assert [batch.tolist() for batch in batches] == [[4, 0], [3, 2], [1]]


def test_padding() -> None:
    batch, lengths = pad_sequences([[1, 2, 3], [], [4]], value=-1)
    np.testing.assert_array_equal(batch, [[1, -1, 4], [2, -1, -1], [3, -1, -1]])
    np.testing.assert_array_equal(lengths, [3, 0, 1])
    assert batch.dtype == lengths.dtype == np.int64
    frames = [np.ones((2, 5)), np.ones((3, 5))]
    batch, lengths = pad_sequences(frames, dtype=np.float32, length=4)
    assert batch.shape == (4, 2, 5)
    assert batch.dtype == np.float32
    assert batch.sum() == 25


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        length_batches([1], 0)
    with pytest.raises(ValueError, match=r"shape \(n,\), not \(1, 1\)"):
        length_batches([[1]], 1)
    with pytest.raises(ValueError, match="no sequences"):
        pad_sequences([])
    with pytest.raises(ValueError, match="length 3 does not fit into 2 steps"):
        pad_sequences([[1, 2, 3]], length=2)
    with pytest.raises(ValueError, match="must be alike"):
        pad_sequences([np.ones((2, 5)), np.ones((2, 4))])
