"""lexigrad: word embeddings and recurrent networks on ordinary CPUs."""

from lexigrad._core import num_threads, set_num_threads
from lexigrad.embed.keyedvectors import KeyedVectors

__version__ = "0.1.0"

__all__ = ["KeyedVectors", "num_threads", "set_num_threads"]
