"""Groups of light services, each for one shared segment, where sharing takes fewer GPCs than segments of their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from controller.allocator.sharing.batching import extra
from controller.allocator.sharing.judging import Items, Limits
from controller.allocator.sharing.light import LATENCY_MARGIN, MS_PER_S, Light
from controller.allocator.sharing.packing import pack
from controller.allocator.sharing.waiting import Load
from controller.allocator.types import Options


@dataclass(frozen=True, slots=True)
class Group:
    """Services that share one segment of a size, in the order given."""

    size: int
    members: tuple[Light, ...]

    @property
    def saved(self) -> int:
        """GPCs less than on segments of their own."""
        return sum(member.alone for member in self.members) - self.size


def group(candidates: Sequence[Light], options: Options, expired: Callable[[], bool] = lambda: False) -> list[Group]:
    """Groups that save GPCs; only services of one priority share. Services in no group stay alone."""
    ordered = sorted(candidates, key=lambda light: -light.service.priority)
    found: list[Group] = []
    for _, equal in groupby(ordered, key=lambda light: light.service.priority):
        found += _group(list(equal), options, expired)
    return found


def _group(candidates: list[Light], options: Options, expired: Callable[[], bool]) -> list[Group]:
    """Smallest sizes first: what cannot share well there tries the next."""
    found: list[Group] = []
    rest = candidates
    for size in options.geometry.sizes:
        chosen = [one for one in _of_size(rest, size, options, expired) if one.saved > 0]
        taken = {member.name for one in chosen for member in one.members}
        rest = [light for light in rest if light.name not in taken]
        found += chosen
    return found


def _of_size(candidates: Sequence[Light], size: int, options: Options, expired: Callable[[], bool]) -> list[Group]:
    able = [light for light in candidates if size in light.latencies_ms]
    if not able:
        return []
    items = Items(load_of(able, size, options), np.array([light.memory_mb for light in able]))
    limits = Limits(float(options.geometry.default(size).memory_mb), 1 - options.attainment)
    segments = pack(items, limits, expired)
    return [Group(size, tuple(able[index] for index in sorted(members))) for members in segments]


def load_of(members: Sequence[Light], size: int, options: Options) -> Load:
    """The members' load on a segment of the size: peak rates, and latencies with their margin."""
    runs = [light.latencies_ms[size] for light in members]
    latencies, longest = (np.array(one) * LATENCY_MARGIN for one in ([run[0] for run in runs], [*map(extra, runs)]))
    rates = np.array([light.service.rate for light in members]) * options.burstiness / MS_PER_S
    return Load(rates, latencies, np.array([[light.service.slo_ms] for light in members]) - longest)
