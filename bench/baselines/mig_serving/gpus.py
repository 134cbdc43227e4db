"""GPUs as MIG-serving sees them: a layout with a service on each instance, and how far services are served."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from bench.baselines.demand import Demand
from common.mig import Geometry, multiset
from controller.allocator.optimal.layouts import gpu_shapes

Gpu = tuple[tuple[int, int], ...]  # (size, index of the service) of each instance
DONE = 1 - 1e-9  # completion that counts as served


@dataclass(frozen=True, slots=True)
class Problem:
    """Layouts as sizes, descending; `utility[service][size]` is the share of the rate that an instance serves."""

    layouts: tuple[tuple[int, ...], ...]
    utility: tuple[dict[int, float], ...]

    @property
    def nothing(self) -> tuple[float, ...]:
        """Completion before the first GPU."""
        return (0.0,) * len(self.utility)


def problem(wanted: Sequence[Demand], geometry: Geometry) -> Problem:
    """Of demands that are all servable; only layouts that no other holds in full."""
    layouts = tuple(multiset(layout) for layout in gpu_shapes(geometry).layouts)
    return Problem(layouts, tuple({size: best / one.rate for size, best in one.best.items()} for one in wanted))


def after(of: Problem, completion: Sequence[float], gpus: Iterable[Gpu]) -> tuple[float, ...]:
    """Completion with more GPUs."""
    found = list(completion)
    for gpu in gpus:
        for size, service in gpu:
            found[service] += of.utility[service][size]
    return tuple(found)


def finished(completion: Sequence[float]) -> bool:
    """Whether every service is served."""
    return all(share >= DONE for share in completion)


def candidates(of: Problem, completion: Sequence[float], draw: random.Random | None = None) -> list[tuple[float, Gpu]]:
    """(score, GPU) for each layout, highest score first.

    The paper scores a GPU by Σ (1 - completion) · utility. Here instances are filled one by one, completion goes
    along, and what exceeds a rate does not count; with `draw`, gains are shaken by up to a fifth.
    """
    open_ = {service: 1 - share for service, share in enumerate(completion) if share < DONE}
    found = [_filled(of, open_, layout, draw) for layout in of.layouts]
    return sorted(found, key=lambda one: -one[0])


def best_of_few(of: Problem, completion: Sequence[float], services: int) -> Gpu:
    """The GPU of the highest score that mixes at most so many services."""
    open_ = {service: 1 - share for service, share in enumerate(completion) if share < DONE}
    mixes = combinations(sorted(open_), min(services, len(open_)))
    found = [_filled(of, {one: open_[one] for one in mix}, layout, None) for mix in mixes for layout in of.layouts]
    return max(found, key=lambda one: one[0])[1]


def _filled(
    of: Problem, missing: Mapping[int, float], layout: tuple[int, ...], draw: random.Random | None
) -> tuple[float, Gpu]:
    left = dict(missing)
    score, instances = 0.0, []
    for size in layout:
        best, chosen = 0.0, -1
        for service, share in left.items():
            utility = of.utility[service].get(size, 0.0)
            gain = share * min(utility, share) * (draw.uniform(0.8, 1.0) if draw else 1.0)
            if gain > best:
                best, chosen = gain, service
        if chosen >= 0:
            score += best
            instances.append((size, chosen))
            left[chosen] -= of.utility[chosen][size]
            if left[chosen] <= 1 - DONE:
                del left[chosen]
    return score, tuple(instances)


def pruned(of: Problem, gpus: Iterable[Gpu]) -> list[Gpu]:
    """Without instances that their service can spare, smallest utility first; empty GPUs are left out."""
    kept = [list(gpu) for gpu in gpus]
    spare = [share - DONE for share in after(of, of.nothing, map(tuple, kept))]
    every = sorted(
        (of.utility[service][size], at, size, service) for at, gpu in enumerate(kept) for size, service in gpu
    )
    for utility, at, size, service in every:
        if utility <= spare[service]:
            spare[service] -= utility
            kept[at].remove((size, service))
    return [tuple(gpu) for gpu in kept if gpu]


def gpcs(gpus: Iterable[Gpu]) -> int:
    """GPCs in use."""
    return sum(size for gpu in gpus for size, _ in gpu)
