from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

isa: str
width: int

def available_isas() -> list[str]: ...
def num_threads() -> int: ...
def set_num_threads(count: int) -> None: ...
def row_dots(matrix: NDArray[np.float32], query: NDArray[np.float32], threads: int) -> NDArray[np.float32]: ...

_Fault = tuple[str, int, int, int]

class WordTable:
    def __init__(self, words: list[str], counts: NDArray[np.int64]) -> None: ...
    def __len__(self) -> int: ...
    def counts(self) -> NDArray[np.int64]: ...
    def words(self, ids: NDArray[np.int32]) -> list[str]: ...
    def sort(self, ids: NDArray[np.int32]) -> NDArray[np.int32]: ...
    def find(self, words: list[str]) -> NDArray[np.int32]: ...

class CorpusScanner:
    def __init__(self, threads: int, spool: int, table: WordTable | None, every_end: bool = False) -> None: ...
    def limit_table(self, limit: int, keep: Callable[[str, int, int], bool] | None) -> None: ...
    def scan_files(self, pieces: list[tuple[int, int, int, int]]) -> _Fault | None: ...
    def scan_bytes(self, data: bytes, last: bool, piece_size: int) -> _Fault | None: ...
    def merge(self) -> WordTable: ...
    def start_finish(self, final_ids: NDArray[np.int32], types: int) -> None: ...
    def finish(self, pieces: int) -> tuple[bool, _Fault | None]: ...
    def totals(self) -> tuple[int, int, int, int]: ...
    def final_totals(self) -> tuple[int, int, int, int]: ...

class SentenceReader:
    def __init__(self, scanner: CorpusScanner, sentences: Iterable[Iterable[str]], list_words: int) -> None: ...
    def read(self) -> tuple[bool, _Fault | None]: ...
    @property
    def sentences(self) -> int: ...

def row_norms(matrix: NDArray[np.float32], threads: int) -> NDArray[np.float32]: ...
def quantise_rows(
    matrix: NDArray[np.float32], norms: NDArray[np.float32], threads: int
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]]: ...
def find_neighbours(
    matrix: NDArray[np.float32],
    norms: NDArray[np.float32],
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    errors: NDArray[np.float32],
    queries: NDArray[np.float32],
    topn: int,
    begin: int,
    end: int,
    excluded: NDArray[np.int64],
    excluded_offsets: NDArray[np.int64],
    threads: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]: ...
def parse_binary_rows(
    block: NDArray[np.uint8], vectors: NDArray[np.float32], begin: int, end: int, threads: int
) -> tuple[bytes, NDArray[np.int64], int, str, bool]: ...
def parse_text_rows(
    block: NDArray[np.uint8],
    vectors: NDArray[np.float32],
    begin: int,
    end: int,
    threads: int,
    last: bool,
    words: bool,
) -> tuple[bytes, NDArray[np.int64], int, str, bool]: ...
def count_text_columns(block: NDArray[np.uint8], words: bool) -> int: ...
def format_binary_rows(
    labels: NDArray[np.uint8], offsets: NDArray[np.int64], vectors: NDArray[np.float32]
) -> bytes: ...
def format_text_rows(
    labels: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    vectors: NDArray[np.float32],
    separator: str,
    scientific_from: float,
    threads: int,
) -> bytes: ...

class PhraseCounter:
    min_reduce: int
    def __init__(self, delimiter: str, connector_words: Sequence[str], max_entries: int) -> None: ...
    @property
    def words(self) -> int: ...
    @property
    def sentences(self) -> int: ...
    def add_sentence(self, sentence: Iterable[str]) -> None: ...
    def add_text(self, lines: bytes | memoryview, threads: int) -> None: ...
    def add_count(self, key: str, count: int) -> None: ...
    def flush(self) -> None: ...
    def merge(self, other: PhraseCounter) -> None: ...
    def get(self, key: str) -> int | None: ...
    def items(self, place: int, limit: int) -> tuple[list[tuple[str, int]], int]: ...
    def __len__(self) -> int: ...

class PhraseFinder:
    threshold: float
    @staticmethod
    def live(
        counter: PhraseCounter,
        scoring: str | Callable[..., float],
        min_count: float,
        corpus_word_count: int,
        threshold: float,
    ) -> PhraseFinder: ...
    @staticmethod
    def frozen(
        delimiter: str, connector_words: Sequence[str], phrasegrams: dict[str, float], threshold: float
    ) -> PhraseFinder: ...
    def transform(self, sentence: Iterable[str]) -> list[str]: ...
    def analyze(self, sentence: Iterable[str]) -> list[tuple[str, float | None]]: ...
    def score(self, words: Sequence[str]) -> float | None: ...
    def rewrite(self, lines: bytes | memoryview) -> bytes: ...
    def export_phrases(self) -> dict[str, float]: ...

class CooccurrenceCounter:
    def __init__(
        self,
        tokens: NDArray[np.int32],
        *,
        begin: int,
        end: int,
        vocabulary: int,
        weights: list[float],
        symmetric: bool,
        threads: int,
    ) -> None: ...
    def rows(self, first: int, entries: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]: ...

class CooccurrenceMerger:
    def __init__(
        self,
        parts: list[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]],
        *,
        vocabulary: int,
        threads: int,
    ) -> None: ...
    def rows(self, first: int, entries: int) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]: ...

def positive_information(
    offsets: NDArray[np.int64],
    columns: NDArray[np.int32],
    values: NDArray[np.float32],
    *,
    row_logs: NDArray[np.float64],
    column_logs: NDArray[np.float64],
    log_shift: float,
    threads: int,
) -> int: ...
def sentence_rows(
    tokens: NDArray[np.int32], *, vocabulary: int, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]: ...

GLOVE_GROUP: int

def glove_train(
    order: NDArray[np.int32],
    *,
    begin: int,
    end: int,
    block: int,
    threads: int,
    alpha: float,
    offsets: NDArray[np.int64],
    columns: NDArray[np.int32],
    values: NDArray[np.float32],
    group_rows: NDArray[np.int32],
    first_groups: NDArray[np.int64],
    vector_size: int,
    words: NDArray[np.float32],
    contexts: NDArray[np.float32],
    word_squares: NDArray[np.float32],
    context_squares: NDArray[np.float32],
    biases: NDArray[np.float32],
    x_max: float,
    exponent: float,
) -> dict[str, Any]: ...
def keep_limits(counts: NDArray[np.int64], sample: float) -> NDArray[np.uint32]: ...
def alias_table(counts: NDArray[np.int64], exponent: float) -> NDArray[np.uint32]: ...
def huffman(
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]: ...
def word2vec_train(
    tokens: NDArray[np.int32],
    *,
    begin: int,
    end: int,
    block: int,
    threads: int,
    alpha: float,
    alpha_step: float,
    min_alpha: float,
    key: int,
    vector_size: int,
    input: NDArray[np.float32],
    rows: NDArray[np.float32] | None,
    nodes: NDArray[np.float32] | None,
    lock: NDArray[np.float32] | None,
    keep: NDArray[np.uint32] | None,
    alias: NDArray[np.uint32] | None,
    tree: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]] | None,
    negative: int,
    softmax: bool,
    window: int,
    shrink_windows: bool,
    skip_gram: bool,
    mean: bool,
    compute_loss: bool,
) -> dict[str, float]: ...
def fasttext_train(
    tokens: NDArray[np.int32],
    *,
    begin: int,
    end: int,
    block: int,
    threads: int,
    alpha: float,
    alpha_step: float,
    min_alpha: float,
    key: int,
    vector_size: int,
    input: NDArray[np.float32],
    buckets: NDArray[np.float32],
    offsets: NDArray[np.int64],
    ngrams: NDArray[np.int32],
    rows: NDArray[np.float32] | None,
    nodes: NDArray[np.float32] | None,
    keep: NDArray[np.uint32] | None,
    alias: NDArray[np.uint32] | None,
    tree: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]] | None,
    negative: int,
    softmax: bool,
    window: int,
    shrink_windows: bool,
    skip_gram: bool,
    mean: bool,
    compute_loss: bool,
) -> dict[str, float]: ...
def fasttext_classifier_train(
    tokens: NDArray[np.int32],
    *,
    begin: int,
    end: int,
    block: int,
    threads: int,
    alpha: float,
    alpha_step: float,
    min_alpha: float,
    key: int,
    vector_size: int,
    input: NDArray[np.float32],
    buckets: NDArray[np.float32],
    offsets: NDArray[np.int64],
    ngrams: NDArray[np.int32],
    hashes: NDArray[np.int32],
    word_ngrams: int,
    end_word: int,
    end_hash: int,
    label_count: int,
    rows: NDArray[np.float32] | None,
    nodes: NDArray[np.float32] | None,
    alias: NDArray[np.uint32] | None,
    tree: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]] | None,
    negative: int,
    softmax: bool,
    one_vs_all: bool,
    compute_loss: bool,
) -> dict[str, float]: ...
def adagram_train(
    tokens: NDArray[np.int32],
    *,
    begin: int,
    end: int,
    block: int,
    threads: int,
    alpha: float,
    alpha_step: float,
    min_alpha: float,
    key: int,
    vector_size: int,
    input: NDArray[np.float32],
    nodes: NDArray[np.float32],
    occurrences: NDArray[np.float32],
    counts: NDArray[np.int64],
    keep: NDArray[np.uint32] | None,
    tree: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]],
    window: int,
    shrink_windows: bool,
    concentration: float,
    discount: float,
    sense_threshold: float,
    compute_loss: bool,
) -> dict[str, float]: ...

class Doc2VecTrainer:
    def __init__(
        self,
        *,
        vector_size: int,
        input: NDArray[np.float32],
        rows: NDArray[np.float32] | None,
        nodes: NDArray[np.float32] | None,
        lock: NDArray[np.float32] | None,
        keep: NDArray[np.uint32] | None,
        alias: NDArray[np.uint32] | None,
        tree: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]] | None,
        negative: int,
        documents: NDArray[np.float32],
        document_lock: NDArray[np.float32] | None,
        window: int,
        shrink_windows: bool,
        dbow: bool,
        mean: bool,
        train_words: bool,
        padding: NDArray[np.float32] | None,
        tag_count: int,
    ) -> None: ...
    def train(
        self,
        tokens: NDArray[np.int32],
        *,
        begin: int,
        end: int,
        block: int,
        threads: int,
        alpha: float,
        alpha_step: float,
        min_alpha: float,
        key: int,
        ends: NDArray[np.int64],
        tag_offsets: NDArray[np.int64] | None,
        tags: NDArray[np.int32] | None,
        compute_loss: bool,
    ) -> dict[str, float]: ...
    def infer(
        self,
        tokens: NDArray[np.int32],
        *,
        offsets: NDArray[np.int64],
        vectors: NDArray[np.float32],
        threads: int,
        epochs: int,
        alpha: float,
        min_alpha: float,
        keys: list[int],
    ) -> bool: ...

def lda2vec_train(
    tokens: NDArray[np.int32],
    *,
    begin: int,
    end: int,
    block: int,
    threads: int,
    alpha: float,
    alpha_step: float,
    min_alpha: float,
    key: int,
    vector_size: int,
    input: NDArray[np.float32],
    rows: NDArray[np.float32],
    topic_vectors: NDArray[np.float32],
    weights: NDArray[np.float32],
    ends: NDArray[np.int64],
    keep: NDArray[np.uint32] | None,
    alias: NDArray[np.uint32],
    negative: int,
    window: int,
    shrink_windows: bool,
    train_topics: bool,
    prior: float,
    strength: float,
    document_rate: float,
    compute_loss: bool,
) -> dict[str, float]: ...

_Floats = NDArray[np.float32]
_Longs = NDArray[np.int64]

def softmax_forward(x: _Floats) -> _Floats: ...
def softmax_backward(y: _Floats, dy: _Floats) -> _Floats: ...
def log_softmax_forward(x: _Floats) -> _Floats: ...
def log_softmax_backward(y: _Floats, dy: _Floats) -> _Floats: ...
def cross_entropy(
    logits: _Floats,
    targets: _Longs,
    ignore_index: int,
    weight: _Floats | None,
    label_smoothing: float,
    mean: bool,
    with_gradient: bool,
) -> tuple[NDArray[np.float64], float, _Floats | None]: ...
def scale_rows(matrix: _Floats, factors: _Floats) -> None: ...
def ctc(
    x: _Floats,
    targets: _Longs,
    target_offsets: _Longs,
    input_lengths: _Longs,
    blank: int,
    normalise: bool,
    with_gradient: bool,
) -> tuple[NDArray[np.float64], _Floats | None]: ...

class PrefixBeams:
    def __init__(
        self,
        classes: int,
        blank: int,
        beam_size: int,
        followers: int,
        with_language_model: bool,
        weight: float,
        bonus: float,
    ) -> None: ...
    def advance(self, log_probs: _Floats, begin: int) -> int: ...
    def missing(self) -> list[list[int]]: ...
    def supply(self, log_probs: NDArray[np.float64]) -> None: ...
    def results(self) -> list[tuple[list[int], float]]: ...

def crf(
    emissions: _Floats,
    tags: _Longs | None,
    lengths: _Longs,
    transitions: _Floats,
    start: _Floats,
    end: _Floats,
    with_gradient: bool,
) -> tuple[NDArray[np.float64], tuple[_Floats, _Floats, _Floats, _Floats] | None]: ...
def crf_decode(
    emissions: _Floats, lengths: _Longs, transitions: _Floats, start: _Floats, end: _Floats
) -> tuple[_Longs, NDArray[np.float64]]: ...
def attention_forward(
    query: _Floats, keys: _Floats, values: _Floats, mask: NDArray[np.bool_] | None
) -> tuple[_Floats, _Floats]: ...
def attend_forward(scores: _Floats, values: _Floats, mask: NDArray[np.bool_] | None) -> tuple[_Floats, _Floats]: ...
def attention_backward(
    dcontext: _Floats,
    dweights: _Floats | None,
    weights: _Floats,
    query: _Floats | None,
    keys: _Floats | None,
    values: _Floats,
    mask: NDArray[np.bool_] | None,
    shared: bool,
) -> tuple[_Floats, _Floats | None, _Floats | None, _Floats | None]: ...
def additive_scores_forward(query: _Floats, keys: _Floats, v: _Floats) -> _Floats: ...
def additive_scores_backward(
    dscores: _Floats, query: _Floats, keys: _Floats, v: _Floats
) -> tuple[_Floats, _Floats, _Floats]: ...
def sgd_step(
    parameters: list[_Floats],
    gradients: list[_Floats],
    rows: list[_Longs | None],
    states: list[list[_Floats]],
    *,
    steps: _Longs,
    scale: float,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
) -> None: ...
def adagrad_step(
    parameters: list[_Floats],
    gradients: list[_Floats],
    rows: list[_Longs | None],
    states: list[list[_Floats]],
    *,
    steps: _Longs,
    scale: float,
    lr: float,
    lr_decay: float,
    weight_decay: float,
    eps: float,
) -> None: ...
def rmsprop_step(
    parameters: list[_Floats],
    gradients: list[_Floats],
    rows: list[_Longs | None],
    states: list[list[_Floats]],
    *,
    scale: float,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
) -> None: ...
def adam_step(
    parameters: list[_Floats],
    gradients: list[_Floats],
    rows: list[_Longs | None],
    states: list[list[_Floats]],
    *,
    steps: _Longs,
    scale: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None: ...
def global_norm(arrays: list[_Floats]) -> float: ...
def global_greatest(arrays: list[_Floats]) -> float: ...
def scale_arrays(arrays: list[_Floats], factor: float) -> None: ...
def clamp_arrays(arrays: list[_Floats], limit: float) -> None: ...
def gru_forward(
    x: NDArray[np.float32],
    lengths: NDArray[np.int64] | None,
    h0: NDArray[np.float32] | None,
    c0: NDArray[np.float32] | None,
    weights: Sequence[NDArray[np.float32] | None],
    batch_first: bool,
    save: bool,
    threads: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], Any, Any, Any]: ...
def gru_backward(
    x: NDArray[np.float32],
    lengths: NDArray[np.int64] | None,
    h0: NDArray[np.float32] | None,
    c0: NDArray[np.float32] | None,
    weights: Sequence[NDArray[np.float32] | None],
    batch_first: bool,
    y: NDArray[np.float32],
    gates: NDArray[np.float32],
    cells: NDArray[np.float32] | None,
    dy: NDArray[np.float32] | None,
    dh: NDArray[np.float32] | None,
    dc: NDArray[np.float32] | None,
    wanted: Sequence[bool],
    threads: int,
) -> tuple[NDArray[np.float32] | None, ...]: ...
def linear_forward(
    x: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32] | None, threads: int
) -> NDArray[np.float32]: ...
def linear_backward(
    x: NDArray[np.float32],
    weight: NDArray[np.float32],
    dy: NDArray[np.float32],
    wanted: Sequence[bool],
    threads: int,
) -> tuple[NDArray[np.float32] | None, ...]: ...
def lstm_forward(
    x: NDArray[np.float32],
    lengths: NDArray[np.int64] | None,
    h0: NDArray[np.float32] | None,
    c0: NDArray[np.float32] | None,
    weights: Sequence[NDArray[np.float32] | None],
    batch_first: bool,
    save: bool,
    threads: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], Any, Any, Any]: ...
def lstm_backward(
    x: NDArray[np.float32],
    lengths: NDArray[np.int64] | None,
    h0: NDArray[np.float32] | None,
    c0: NDArray[np.float32] | None,
    weights: Sequence[NDArray[np.float32] | None],
    batch_first: bool,
    y: NDArray[np.float32],
    gates: NDArray[np.float32],
    cells: NDArray[np.float32] | None,
    dy: NDArray[np.float32] | None,
    dh: NDArray[np.float32] | None,
    dc: NDArray[np.float32] | None,
    wanted: Sequence[bool],
    threads: int,
) -> tuple[NDArray[np.float32] | None, ...]: ...
def rnn_relu_forward(
    x: NDArray[np.float32],
    lengths: NDArray[np.int64] | None,
    h0: NDArray[np.float32] | None,
    c0: NDArray[np.float32] | None,
    weights: Sequence[NDArray[np.float32] | None],
    batch_first: bool,
    save: bool,
    threads: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], Any, Any, Any]: ...
def rnn_relu_backward(
    x: NDArray[np.float32],
    lengths: NDArray[np.int64] | None,
    h0: NDArray[np.float32] | None,
    c0: NDArray[np.float32] | None,
    weights: Sequence[NDArray[np.float32] | None],
    batch_first: bool,
    y: NDArray[np.float32],
    gates: NDArray[np.float32],
    cells: NDArray[np.float32] | None,
    dy: NDArray[np.float32] | None,
    dh: NDArray[np.float32] | None,
    dc: NDArray[np.float32] | None,
    wanted: Sequence[bool],
    threads: int,
) -> tuple[NDArray[np.float32] | None, ...]: ...
def rnn_tanh_forward(
    x: NDArray[np.float32],
    lengths: NDArray[np.int64] | None,
    h0: NDArray[np.float32] | None,
    c0: NDArray[np.float32] | None,
    weights: Sequence[NDArray[np.float32] | None],
    batch_first: bool,
    save: bool,
    threads: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], Any, Any, Any]: ...
def rnn_tanh_backward(
    x: NDArray[np.float32],
    lengths: NDArray[np.int64] | None,
    h0: NDArray[np.float32] | None,
    c0: NDArray[np.float32] | None,
    weights: Sequence[NDArray[np.float32] | None],
    batch_first: bool,
    y: NDArray[np.float32],
    gates: NDArray[np.float32],
    cells: NDArray[np.float32] | None,
    dy: NDArray[np.float32] | None,
    dh: NDArray[np.float32] | None,
    dc: NDArray[np.float32] | None,
    wanted: Sequence[bool],
    threads: int,
) -> tuple[NDArray[np.float32] | None, ...]: ...
