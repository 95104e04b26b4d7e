"""lexigrad: word embeddings and recurrent networks on ordinary CPUs."""

from lexigrad._core import num_threads, set_num_threads

__version__ = "0.1.0"

__all__ = ["num_threads", "set_num_threads"]
