"""Headers of .npy files are read by many threads."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edge_agent.inputs import npy


def test_threads_read_headers_side_by_side(tmp_path: Path) -> None:
    """Each gets its own array; CPython 3.11.7 raised SystemError now and then."""
    values = [np.full((1, 3, 4), number, np.float32) for number in range(4)]
    for number, value in enumerate(values):
        np.save(tmp_path / f"{number}.npy", value)

    def read(number: int) -> bool:
        path = tmp_path / f"{number % 4}.npy"
        with path.open("rb") as file:
            assert npy.header(file) == ((1, 3, 4), False, np.dtype(np.float32))
        with path.open("rb") as file:
            loaded = npy.loaded(file)
        return bool((npy.mapped(path) == values[number % 4]).all() and (loaded == values[number % 4]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(2000)))
