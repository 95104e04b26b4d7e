import numpy as np
from numpy.typing import NDArray

isa: str
width: int

def available_isas() -> list[str]: ...
def num_threads() -> int: ...
def set_num_threads(count: int) -> None: ...
def row_dots(
    matrix: NDArray[np.float32], query: NDArray[np.float32], threads: int
) -> NDArray[np.float32]: ...
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
