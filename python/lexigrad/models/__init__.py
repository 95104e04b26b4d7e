"""Complete models: data in, training, files, answers out."""

from lexigrad.models.captioner import Captioner
from lexigrad.models.classifier import SequenceClassifier
from lexigrad.models.decode import Sampler
from lexigrad.models.dialogue import Dialogue, exchanges
from lexigrad.models.language_model import PRESETS, Evaluation, LanguageModel
from lexigrad.models.ngram import NGram
from lexigrad.models.speech import SpeechRecognizer
from lexigrad.models.tagger import SequenceTagger
from lexigrad.models.trainer import Callback, History, Training
from lexigrad.models.translator import Translator
from lexigrad.models.writing import Alignment

__all__ = [
    "PRESETS",
    "Alignment",
    "Callback",
    "Captioner",
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
