"""GPUs that any plan takes at least where services may share segments."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence

from controller.allocator.bounds import least_gpcs
from controller.allocator.configuration import configure
from controller.allocator.sharing.light import LATENCY_MARGIN, MS_PER_S, Light
from controller.allocator.types import Options, ProfileTable, Service

_Fraction = Callable[[Light, int, Options], float]  # of a segment of a size


def lower_bound(
    served: Sequence[Service], profiles: Mapping[str, ProfileTable], options: Options, candidates: Collection[Light]
) -> int:
    """On a shared segment utilisations sum to less than 1 and memory to at most the instance's.

    So a service that shares takes at least that fraction of some size's GPCs, and one that does not takes what it
    takes alone; utilisation and memory each give a bound, and the higher one holds.
    """
    servable, _ = configure(served, profiles, options)
    alone = {name: float(least_gpcs(*demand)) for name, demand in servable.items()}
    light = {one.name: one for one in candidates if one.name in alone}
    fractions = (_busy, _memory)
    totals = [
        sum(min(gpcs, _least(light[name], of, options)) if name in light else gpcs for name, gpcs in alone.items())
        for of in fractions
    ]
    return math.ceil(max(totals) / options.geometry.compute_slices - 1e-9)


def _least(light: Light, fraction: _Fraction, options: Options) -> float:
    return min(size * fraction(light, size, options) for size in light.latencies_ms)


def _busy(light: Light, size: int, options: Options) -> float:
    return light.service.rate * options.burstiness / MS_PER_S * light.latencies_ms[size][0] * LATENCY_MARGIN


def _memory(light: Light, size: int, options: Options) -> float:
    return light.memory_mb / options.geometry.default(size).memory_mb
