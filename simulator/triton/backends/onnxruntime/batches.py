"""Which requests run together, and how their arrays are joined and split again: plain functions on numpy arrays."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Feed = dict[str, Any]  # input name → array
Values = list[Any]  # output arrays in the order of the model's outputs


def groups(feeds: Sequence[Feed], batches: bool) -> list[list[int]]:
    """Indices of feeds that fit one batch: equal names, types, shapes but for axis 0; each alone without batching."""
    if not batches:
        return [[index] for index in range(len(feeds))]
    found: dict[Any, list[int]] = {}
    for index, feed in enumerate(feeds):
        key = tuple((name, array.dtype.str, array.shape[1:]) for name, array in sorted(feed.items()))
        found.setdefault(key, []).append(index)
    return list(found.values())


def run_together(feeds: Sequence[Feed], fixed: int | None, run: Callable[[Feed], Values]) -> list[Values]:
    """Runs feeds of one group as one batch, in parts of `fixed` rows if the model has a static batch axis.

    One list of outputs for each feed. ValueError if the rows are no multiple of `fixed`, or an output has no batch axis
    to split by; whatever `run` raises passes through.
    """
    sizes = [len(next(iter(feed.values()))) for feed in feeds]
    joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
    values = run(joined) if fixed is None else _in_parts(joined, sum(sizes), fixed, run)
    if len(feeds) == 1:
        return [values]
    if any(np.ndim(value) == 0 or len(value) != sum(sizes) for value in values):
        raise ValueError("an output of the model has no batch axis: serve it with max_batch_size 0")
    ends = np.cumsum(sizes)[:-1]
    return [list(parts) for parts in zip(*(np.split(value, ends) for value in values), strict=True)]


def _in_parts(joined: Feed, rows: int, fixed: int, run: Callable[[Feed], Values]) -> Values:
    if rows % fixed:
        raise ValueError(f"the model takes batches of {fixed} rows, not {rows}")
    parts = [
        run({name: array[first : first + fixed] for name, array in joined.items()}) for first in range(0, rows, fixed)
    ]
    return [np.concatenate(values) for values in zip(*parts, strict=True)] if len(parts) > 1 else parts[0]
