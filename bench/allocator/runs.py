"""One plan by each algorithm, timed and checked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bench.allocator.fleets import Tables
from common.mig import Instance, is_legal
from controller.allocator import Options, Plan, Service, plan, plan_optimal
from controller.allocator.covering import due


@dataclass(frozen=True, slots=True)
class Run:
    """What one fleet took: both counts, the proven bound, and the best of the repeated times, in seconds."""

    services: int
    gpus: int
    bound: int
    gpcs: int
    seconds: float
    parvagpu: int  # GPUs
    parvagpu_seconds: float

    @property
    def proven(self) -> bool:
        """Whether no plan takes fewer GPUs."""
        return self.gpus == self.bound

    @property
    def gap(self) -> float:
        """GPUs above the bound, as a share of the bound."""
        return (self.gpus - self.bound) / self.bound


def run(services: Sequence[Service], tables: Tables, options: Options, *, repeat: int = 1) -> Run:
    """Plans and checks; raises SystemExit if a plan is not sound."""
    seconds, found = min(
        (_timed(lambda: plan_optimal(services, tables, options)) for _ in range(repeat)), key=lambda one: one[0]
    )
    _check(found, services)
    parva_seconds, parva = _timed(lambda: plan(services, tables, options))
    return Run(
        services=len(services),
        gpus=found.gpus,
        bound=found.lower_bound,
        gpcs=found.gpcs,
        seconds=seconds,
        parvagpu=parva.gpus,
        parvagpu_seconds=parva_seconds,
    )


def _timed(make: Callable[[], Plan]) -> tuple[float, Plan]:
    began = time.perf_counter()
    found = make()
    return time.perf_counter() - began, found


def _check(found: Plan, services: Sequence[Service]) -> None:
    """Legal layouts, every rate covered."""
    on_gpu: dict[int, list[Instance]] = {}
    segments: Counter[tuple[str, float]] = Counter()
    for one in found.placed:
        on_gpu.setdefault(one.gpu, []).append(Instance(found.geometry.default(one.segment.size), one.start))
        segments[one.segment.service, one.segment.throughput] += 1
    layouts = {tuple(layout) for layout in on_gpu.values()}
    covered: dict[str, Fraction] = {}
    for (name, throughput), number in segments.items():
        covered[name] = covered.get(name, Fraction()) + number * Fraction(throughput)
    short = [one.name for one in services if covered.get(one.name, Fraction()) < Fraction(due(one.rate))]
    if short or len(on_gpu) != found.gpus or not all(is_legal(found.geometry, layout) for layout in layouts):
        raise SystemExit(f"error: the plan is not sound: {short or 'an illegal layout'}")
