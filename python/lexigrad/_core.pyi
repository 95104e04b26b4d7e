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
