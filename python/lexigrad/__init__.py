"""lexigrad: word embeddings and recurrent networks on ordinary CPUs."""

from lexigrad._core import num_threads, set_num_threads
from lexigrad.embed.callbacks import CallbackAny2Vec, StopTraining, TrainingInterrupted
from lexigrad.embed.keyedvectors import KeyedVectors
from lexigrad.embed.word2vec import Word2Vec
from lexigrad.text.phrases import FrozenPhrases, Phrases

__version__ = "0.1.0"

__all__ = [
    "CallbackAny2Vec",
    "FrozenPhrases",
    "KeyedVectors",
    "Phrases",
    "StopTraining",
    "TrainingInterrupted",
    "Word2Vec",
    "num_threads",
    "set_num_threads",
]
