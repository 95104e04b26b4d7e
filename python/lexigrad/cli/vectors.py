"""Vectors from files of any format, for the commands that ask them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lexigrad.embed.keyedvectors import KeyedVectors

OUTPUT_FORMATS = ("word2vec-binary", "word2vec-text", "glove", "projector", "safetensors")


def load_vectors(path: str, limit: int | None = None) -> "KeyedVectors":
    """The vectors of a file of any format, or of a saved model."""
    from lexigrad.embed.keyedvectors import KeyedVectors
    from lexigrad.embed.word2vec import Word2Vec
    from lexigrad.io.convert import detect_format, read_vectors
    from lexigrad.io.safetensors import read_safetensors

    if detect_format(path) == "safetensors":
        metadata = read_safetensors(path, mmap=True)[1]
        if metadata.get("format") == "lexigrad.Word2Vec":
            return Word2Vec.load(path).wv
    words, matrix, counts = read_vectors(path, limit=limit)
    vectors = KeyedVectors(matrix.shape[1])
    vectors.add_vectors(words, matrix)
    if counts is not None:
        vectors.expandos["count"] = counts
    return vectors
