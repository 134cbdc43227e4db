"""The codec bench measures what it says: every level, real payloads, and a verdict that can be bad."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.codec.measure import Measured, measure
from bench.codec.report import GOAL_MS, text
from bench.codec.tensors import SHAPE, Tensor, drawn
from common.codec import LEVELS


@pytest.fixture(scope="module")
def small() -> tuple[Tensor, list[Measured]]:
    """A small tensor at every level."""
    source = np.random.default_rng(2)
    several = [source.normal(size=(1, 4, 16, 16)).astype(np.float32) for _ in range(2)]
    tensor = Tensor("small", several[0], (several[1],))
    return tensor, list(measure(tensor))


def test_every_level_is_measured(small: tuple[Tensor, list[Measured]]) -> None:
    """One row a level, none larger than raw by more than a header, speeds above 0."""
    tensor, rows = small
    assert [one.level.name for one in rows] == list(LEVELS)
    assert all(0 < one.size <= tensor.values.nbytes + 64 for one in rows)
    assert all(one.encode_mbs > 0 and one.decode_mbs > 0 for one in rows)


def test_the_verdict_can_be_bad(small: tuple[Tensor, list[Measured]]) -> None:
    """Slower than the goal is said."""
    tensor, rows = small
    slow = [replace(one, encode_ms=GOAL_MS + 1) for one in rows]
    fast = [replace(one, encode_ms=GOAL_MS - 1) for one in rows]
    assert "OVER 8 ms" in text({"small": (tensor, slow)})
    assert "within 8 ms" in text({"small": (tensor, fast)})


def test_the_stated_size() -> None:
    """About 400,000 elements, drawn anew the same."""
    one, again = drawn()[0], drawn()[0]
    assert 390_000 < one.values.size == np.prod(SHAPE) < 410_000
    assert np.array_equal(one.values, again.values)
