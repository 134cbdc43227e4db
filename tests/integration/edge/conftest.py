"""A tail process in front of a fake Triton, for every test of the split path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.edge_model import Cut, cut
from tests.fakes.edge_tail import MODEL, TailProcess
from tests.fakes.edge_triton import FakeTriton


@pytest.fixture
def small() -> Cut:
    """The small model, cut; sent as it is, so that answers can be compared exactly."""
    return cut()


@pytest.fixture
async def triton(small: Cut) -> AsyncIterator[FakeTriton]:
    """A Triton that serves the tail."""
    fake = await FakeTriton(MODEL, small.bundle.tail_bytes()).start()
    yield fake
    await fake.stop()


@pytest.fixture
async def tail(tmp_path: Path, small: Cut, triton: FakeTriton) -> AsyncIterator[TailProcess]:
    """The tail, serving."""
    running = await TailProcess(tmp_path, small, triton).start()
    yield running
    await running.kill()
