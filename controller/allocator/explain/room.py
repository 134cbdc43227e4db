"""What a GPU can still take beside what stands on it, by exhaustive search over legal starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from common.mig import Geometry


@dataclass(frozen=True, slots=True)
class Room:
    """Free capacity, and how much of it no set of default profiles can use."""

    free_gpcs: int
    free_slots: int
    stranded_gpcs: int
    stranded_slots: int
    largest: int  # GPCs of the largest instance that fits; 0: none


@lru_cache(maxsize=4096)
def room(geometry: Geometry, taken: int, gpcs: int) -> Room:
    """What is left where `taken` is a mask of memory slots and `gpcs` compute slices are used."""
    free_gpcs = geometry.compute_slices - gpcs
    free_slots = geometry.slots - taken.bit_count()
    most_gpcs, most_slots = _most(geometry, taken, free_gpcs)
    return Room(
        free_gpcs=free_gpcs,
        free_slots=free_slots,
        stranded_gpcs=free_gpcs - most_gpcs,
        stranded_slots=free_slots - most_slots,
        largest=max((gpcs for gpcs, _ in _additions(geometry, taken, free_gpcs)), default=0),
    )


def _additions(geometry: Geometry, taken: int, free_gpcs: int) -> Iterator[tuple[int, int]]:
    """(GPCs, mask) of every default instance that can be added."""
    for profile in geometry.defaults:
        for start in profile.starts:
            if profile.gpcs <= free_gpcs and not taken & profile.mask(start):
                yield profile.gpcs, profile.mask(start)


@lru_cache(maxsize=4096)
def _most(geometry: Geometry, taken: int, free_gpcs: int) -> tuple[int, int]:
    """The most GPCs and, separately, the most slots that legal additions can use."""
    gpcs = slots = 0
    for size, mask in _additions(geometry, taken, free_gpcs):
        more_gpcs, more_slots = _most(geometry, taken | mask, free_gpcs - size)
        gpcs = max(gpcs, size + more_gpcs)
        slots = max(slots, mask.bit_count() + more_slots)
    return gpcs, slots
