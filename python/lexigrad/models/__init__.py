"""Complete models: data in, training, files, answers out."""

from lexigrad.models.classifier import SequenceClassifier
from lexigrad.models.decode import Sampler
from lexigrad.models.dialogue import Dialogue, exchanges
from lexigrad.models.language_model import PRESETS, Evaluation, LanguageModel
from lexigrad.models.ngram import NGram
from lexigrad.models.speech import SpeechRecognizer
from lexigrad.models.tagger import SequenceTagger
from lexigrad.models.trainer import Callback, History, Training
from lexigrad.models.translator import Alignment, Translator

__all__ = [
    "PRESETS",
    "Alignment",
    "Callback",
    "Dialogue",
    "Evaluation",
    "History",
    "LanguageModel",
    "NGram",
    "Sampler",
    "SequenceClassifier",
    "SequenceTagger",
    "SpeechRecognizer",
    "Training",
    "Translator",
    "exchanges",
]
