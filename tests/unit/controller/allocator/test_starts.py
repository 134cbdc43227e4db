"""Starts: whatever sizes some legal layout holds can be laid out; the stages keep to the paper's starts."""

from __future__ import annotations

import pytest

from common.mig import A100_40GB, A100_80GB, Geometry, Instance, feasible_multisets, is_legal
from controller.allocator.starts import complete_starts, preferred_starts


@pytest.mark.parametrize("geometry", [A100_40GB, A100_80GB])
def test_every_layout_can_be_laid_out(geometry: Geometry) -> None:
    """Two 3g share a GPU, though the paper starts them at 4 only."""
    for sizes in feasible_multisets(geometry):
        starts = complete_starts(geometry, sizes, 0)
        assert starts is not None
        pairs = zip(sizes, starts, strict=True)
        assert is_legal(geometry, [Instance(geometry.default(size), start) for size, start in pairs])
    assert preferred_starts(geometry, (3, 3)) is None
