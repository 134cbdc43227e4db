"""Which services to serve when the GPUs are too few: the first in order, then whatever still fits."""

from collections.abc import Callable, Mapping, Sequence

from controller.allocator.types import Service

MOST_REFUSALS = 20  # later names that may fail to fit before the search ends: each try packs the whole fleet


def by_priority(servable: Mapping[str, tuple[Service, object]]) -> list[str]:
    """The names, the highest priority first, otherwise in their order."""
    return sorted(servable, key=lambda name: -servable[name][0].priority)


def admit(
    names: Sequence[str],
    least_gpcs: Mapping[str, int],
    fleet_gpcs: int,
    fits: Callable[[Sequence[str]], bool],
) -> list[str]:
    """The longest prefix that `fits`, found by bisection, and each later name that fits beside it.

    A name is tried only if its least GPCs and those already admitted do not exceed the fleet's; after
    MOST_REFUSALS that did not fit, what room is left is not worth more tries.
    """
    admitted = list(names[: _longest_prefix(names, fits)])
    gpcs = sum(least_gpcs[name] for name in admitted)
    refusals = 0
    for name in names[len(admitted) :]:
        if refusals == MOST_REFUSALS:
            break
        if gpcs + least_gpcs[name] > fleet_gpcs:
            continue
        if fits([*admitted, name]):
            admitted.append(name)
            gpcs += least_gpcs[name]
        else:
            refusals += 1
    return admitted


def _longest_prefix(names: Sequence[str], fits: Callable[[Sequence[str]], bool]) -> int:
    """Assumes that a longer prefix fits no better; where it does, the later names are tried one by one."""
    low, high = 0, len(names)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(names[:middle]) else (low, middle - 1)
    return low
