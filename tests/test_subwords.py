"""Sentences as ids and back."""

import numpy as np
import pytest

from lexigrad.text.subwords import BEGIN_ID, END_ID, SPECIAL, UNKNOWN_ID, BytePairs, WordPieces

SENTENCES = ["The cat sat, and sat.", "A cat? The dog!", "the dog sat on the cat."]


def test_words() -> None:
    words = WordPieces.of(SENTENCES, 8, min_count=2)
    assert words.names == [*SPECIAL, "cat", "sat", ".", "The", "dog"]
    (ids,) = words.encode(["The mouse sat."])
    assert ids.tolist() == [6, UNKNOWN_ID, 4, 5]
    assert words.decode([6, 3, 4, 5]) == "The cat sat."
    again = WordPieces.from_arrays(words.arrays())
    assert again.names == words.names
    with pytest.raises(ValueError, match="must be different"):
        WordPieces([*SPECIAL, "a", "a"])
    with pytest.raises(ValueError, match="must be different"):
        WordPieces(["a", *SPECIAL])


def test_byte_pairs_know_every_text() -> None:
    pytest.importorskip("tokenizers")
    pairs = BytePairs.of(SENTENCES * 3, 300)
    assert pairs.names[:3] == list(SPECIAL)
    assert len(pairs.names) <= 300
    for text in ("The cat sat.", "Zoë 猫 \U0001f431!", "<s> is no beginning"):
        (ids,) = pairs.encode([text])
        assert not {BEGIN_ID, END_ID, UNKNOWN_ID} & set(ids.tolist()) or text.startswith("<s>")
        assert pairs.decode(ids) == text or text.startswith("<s>")
    again = BytePairs.from_arrays(pairs.arrays())
    assert again.encode(SENTENCES)[0].tolist() == pairs.encode(SENTENCES)[0].tolist()
    for damaged in (b"", b"{}", b'{"model": 3}', pairs.arrays()["description"].tobytes()[:-20]):
        with pytest.raises(ValueError, match="damaged"):
            BytePairs.from_arrays({"description": np.frombuffer(damaged, np.uint8)})
