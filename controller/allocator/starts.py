"""Legal starts for a set of sizes, in the paper's order of preference.

ParvaGPU holds a start for free when no instance *starts* there, so the placements that it records
overlap. Which sizes share a GPU is the paper's; the starts given here are legal.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from common.mig import Geometry, Profile

# A 3g at slot 0 would waste a compute slice, so the paper starts it at 4 only.
PREFERRED: Mapping[int, tuple[int, ...]] = {7: (0,), 4: (0,), 3: (4,), 2: (0, 4, 2), 1: (0, 6, 4, 1, 2, 3, 5)}
WIDE = (6, 0, 4, 2)  # at 6 a wide 1g takes the slot that no other instance of its half could use


@lru_cache(maxsize=4096)
def preferred_starts(geometry: Geometry, sizes: tuple[int, ...]) -> tuple[int, ...] | None:
    """A legal start for each size (given descending) at preferred starts only, or None if there is none."""
    return _search(tuple(geometry.default(size) for size in sizes), 0, start_preference)


@lru_cache(maxsize=4096)
def complete_starts(geometry: Geometry, sizes: tuple[int, ...], taken: int) -> tuple[int, ...] | None:
    """A legal start for each beside instances that cover the slots of the mask `taken`; preferred ones first."""
    return _search(tuple(geometry.default(size) for size in sizes), taken, legal_starts)


def start_preference(profile: Profile) -> tuple[int, ...]:
    """The profile's legal starts that the paper would use, best first; all of them where it says nothing."""
    said = tuple(
        start for start in (WIDE if profile.wide else PREFERRED.get(profile.gpcs, ())) if start in profile.starts
    )
    return said or profile.starts


def legal_starts(profile: Profile) -> tuple[int, ...]:
    """All of the profile's starts, those that the paper would use first."""
    said = start_preference(profile)
    return (*said, *(start for start in profile.starts if start not in said))


def _search(
    profiles: tuple[Profile, ...], taken: int, starts: Callable[[Profile], tuple[int, ...]]
) -> tuple[int, ...] | None:
    if not profiles:
        return ()
    first, rest = profiles[0], profiles[1:]
    for start in starts(first):
        if not taken & first.mask(start):
            found = _search(rest, taken | first.mask(start), starts)
            if found is not None:
                return (start, *found)
    return None
