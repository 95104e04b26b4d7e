"""Coherence of topics, by gensim's CoherenceModel (`pip install 'lexigrad[topics]'`)."""

from collections.abc import Iterable, Sequence

MEASURES = ("c_v", "u_mass", "c_uci", "c_npmi")


def coherence(topics: Sequence[Sequence[str]], documents: Iterable[Iterable[str]], measure: str = "c_v") -> float:
    """How well the words of topics go together in some documents, the mean over the topics (Röder et al. 2015).

    Args:
        topics: the words of each topic, the most probable first.
        documents: token lists that co-occurrences are counted in.
        measure: "c_v" (0 to 1), "u_mass" (below 0), "c_uci" or "c_npmi"; above is better in all.

    Raises:
        ImportError: gensim is not installed.
        ValueError: no such measure, or no topic.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MEASURES)}, not {measure!r}")
    if not topics:
        raise ValueError("there are no topics to measure")
    try:
        from gensim.corpora import Dictionary
        from gensim.models import CoherenceModel
    except ModuleNotFoundError as error:
        raise ImportError("coherence needs gensim: pip install 'lexigrad[topics]'") from error
    texts = [list(document) for document in documents]
    dictionary = Dictionary(texts)
    # One process: a pool of gensim's would copy the documents to each of its own.
    model = CoherenceModel(
        topics=[list(words) for words in topics], texts=texts, dictionary=dictionary, coherence=measure, processes=1
    )
    return float(model.get_coherence())
