"""Corpora and vocabularies: from text to word ids."""

from lexigrad.text.corpus import Corpus, as_corpus
from lexigrad.text.encoding import ScannedCorpus, TokenStream, count, encode, scan
from lexigrad.text.sentences import LineSentence, PathLineSentences, Text8Corpus
from lexigrad.text.vocabulary import (
    RULE_DEFAULT,
    RULE_DISCARD,
    RULE_KEEP,
    Vocabulary,
    WordCounts,
    select,
    update,
)

__all__ = [
    "RULE_DEFAULT",
    "RULE_DISCARD",
    "RULE_KEEP",
    "Corpus",
    "LineSentence",
    "PathLineSentences",
    "ScannedCorpus",
    "Text8Corpus",
    "TokenStream",
    "Vocabulary",
    "WordCounts",
    "as_corpus",
    "count",
    "encode",
    "scan",
    "select",
    "update",
]
