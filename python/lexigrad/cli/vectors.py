"""Vectors from files of any format, for the commands that ask them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lexigrad.embed.keyedvectors import KeyedVectors

_MODELS = (
    "Word2Vec",
    "Doc2Vec",
    "FastText",
    "SVDEmbedding",
    "GloVe",
    "AdaGram",
    "LDA2Vec",
)  # each has its words' vectors as wv
OUTPUT_FORMATS = ("word2vec-binary", "word2vec-text", "glove", "projector", "safetensors")


def load_vectors(path: str, limit: int | None = None) -> "KeyedVectors":
    """The vectors of a file of any format, or of a saved model."""
    import lexigrad
    from lexigrad.embed.keyedvectors import KeyedVectors
    from lexigrad.io.convert import detect_format, read_vectors
    from lexigrad.io.safetensors import read_safetensors

    if detect_format(path) == "safetensors":
        metadata = read_safetensors(path, mmap=True)[1]
        package, _, model = str(metadata.get("format")).partition(".")
        if package == "lexigrad" and model in _MODELS:
            found: Any = getattr(lexigrad, model).load(path)
            return found.wv  # type: ignore[no-any-return]
    words, matrix, counts = read_vectors(path, limit=limit)
    vectors = KeyedVectors(matrix.shape[1])
    vectors.add_vectors(words, matrix)
    if counts is not None:
        vectors.expandos["count"] = counts
    return vectors
