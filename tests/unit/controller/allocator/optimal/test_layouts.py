"""What fits in place of what, checked against every legal layout."""

from itertools import product

import numpy as np
import pytest

from common.mig import A100_40GB, A100_80GB, Geometry, Instance, is_legal, layouts, maximal_layouts, multiset
from controller.allocator.optimal.layouts import gpu_shapes

GEOMETRIES = [A100_80GB, A100_40GB]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda geometry: geometry.product)
def test_every_maximal_layout_is_held_by_a_kept_one(geometry: Geometry) -> None:
    """All 19: none offers an instance more than some kept layout does."""
    shapes = gpu_shapes(geometry)
    for layout in maximal_layouts(geometry):
        sizes = multiset(layout)
        counts = np.array([sizes.count(size) for size in shapes.sizes])
        assert (shapes.counts >= counts).all(axis=1).any()
    for kept, counts in zip(shapes.layouts, shapes.counts, strict=True):
        assert is_legal(geometry, kept)
        assert [multiset(kept).count(size) for size in shapes.sizes] == counts.tolist()


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda geometry: geometry.product)
def test_a_split_fits_wherever_its_size_stood(geometry: Geometry) -> None:
    """In every legal layout each instance can give way to each of its splits."""
    shapes = gpu_shapes(geometry)
    for layout in layouts(geometry):
        for at, instance in enumerate(layout):
            rest = layout[:at] + layout[at + 1 :]
            for ways in shapes.splits[shapes.sizes.index(instance.profile.gpcs)]:
                pieces = [size for size, n in zip(shapes.sizes, ways, strict=True) for _ in range(n)]
                assert _fits(geometry, rest, instance, pieces)


def _fits(geometry: Geometry, rest: tuple[Instance, ...], old: Instance, sizes: list[int]) -> bool:
    choices = [[Instance(geometry.default(size), start) for start in geometry.default(size).starts] for size in sizes]
    inside = [[one for one in starts if not one.mask & ~old.mask] for starts in choices]
    return any(is_legal(geometry, (*rest, *pieces)) for pieces in product(*inside))
