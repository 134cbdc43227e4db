"""What a GPU can hold, as numbers: its maximal layouts, and what fits wherever an instance of a size stood."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from common.mig import Geometry, Layout, gpcs_of, layouts, maximal_layouts, multiset, occupied

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class GpuShapes:
    """One geometry; column j of every array stands for `sizes[j]`."""

    sizes: tuple[int, ...]  # as the geometry has them, ascending
    layouts: tuple[Layout, ...]  # one for each set of sizes that no other set holds in full
    counts: Ints  # (layouts, sizes): instances of each size
    slots: int  # of a GPU's memory, where instances start
    splits: tuple[Ints, ...]  # per size (ways, sizes): smaller instances that fit in its place; the first is none

    @property
    def gpcs(self) -> Ints:
        """(sizes,): GPCs of one instance."""
        return np.array([gpcs_of(size) for size in self.sizes], dtype=np.int64)


@lru_cache(maxsize=16)
def gpu_shapes(geometry: Geometry) -> GpuShapes:
    """The shapes of a geometry's default profiles."""
    sizes = geometry.sizes
    by_set = {multiset(layout): layout for layout in maximal_layouts(geometry)}
    wide = [kept for kept in sorted(by_set) if not any(_holds(other, kept) for other in by_set if other != kept)]
    return GpuShapes(
        sizes=sizes,
        layouts=tuple(by_set[kept] for kept in wide),
        counts=_counts(wide, sizes),
        slots=geometry.slots,
        splits=tuple(_counts(_splits(geometry, size), sizes) for size in sizes),
    )


def _splits(geometry: Geometry, size: int) -> list[tuple[int, ...]]:
    """Sets of sizes, descending, that fit at every start of `size` in its own slots and GPCs.

    Only sets that no other such set holds in full, besides the empty one. A set of more GPCs than `size`
    may fit too (four 1g in the slots of a 3g at 0) and is left out: beside others it might not.
    """
    profile = geometry.default(size)
    within = [
        {
            multiset(layout)
            for layout in layouts(geometry)
            if not occupied(layout) & ~profile.mask(start) and sum(map(gpcs_of, multiset(layout))) <= gpcs_of(size)
        }
        for start in profile.starts
    ]
    common = set.intersection(*within) - {(size,), ()} if within else set()
    return [(), *sorted(kept for kept in common if not any(_holds(other, kept) for other in common if other != kept))]


def _holds(larger: tuple[int, ...], smaller: tuple[int, ...]) -> bool:
    return not Counter(smaller) - Counter(larger)


def _counts(sets: list[tuple[int, ...]], sizes: tuple[int, ...]) -> Ints:
    return np.array([[one.count(size) for size in sizes] for one in sets], dtype=np.int64).reshape(-1, len(sizes))
