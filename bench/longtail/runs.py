"""One fleet planned with and without sharing, and its shared segments replayed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.allocator.fleets import Tables
from bench.longtail.replay import ORDERS, Load, replay
from controller.allocator import Options, Plan, Segment, Service, plan_optimal
from controller.allocator.sharing import plan_shared
from controller.allocator.sharing.light import lights

EDGES = np.linspace(0, 2, 401)  # of time over SLO


@dataclass(frozen=True, slots=True)
class Fleet:
    """The plans of one fleet; seconds of planning with sharing; executions by service and size, ms by items."""

    seed: int
    options: Options
    alone: Plan
    shared: Plan
    seconds: float
    executions: Mapping[str, Mapping[int, Sequence[float]]]

    @property
    def segments(self) -> list[Segment]:
        """The shared ones."""
        return [placed.segment for placed in self.shared.placed if placed.segment.tenants]


@dataclass(frozen=True, slots=True)
class Replayed:
    """All shared segments under one order: requests, those later than their SLO, and how long they took."""

    order: str
    load: Load
    requests: int
    late: int
    worst: float  # time over SLO
    counts: npt.NDArray[np.int64]  # by EDGES


def fleet(services: Sequence[Service], tables: Tables, options: Options, seed: int) -> Fleet:
    """Both plans by the optimal planner."""
    alone = plan_optimal(services, tables, options)
    began = time.perf_counter()
    shared = plan_shared(services, tables, options, plan_optimal)
    seconds = time.perf_counter() - began
    executions = {light.name: light.latencies_ms for light in lights(services, tables, options)}
    return Fleet(seed, options, alone, shared, seconds, executions)


def replayed(one: Fleet, minutes: float, order: str, load: Load) -> Replayed:
    """Every order meets the same arrivals."""
    segments = one.segments
    ratios = [
        replay(its.tenants, minutes, one.seed * len(segments) + index, ORDERS[order], load, _executions(one, its))
        for index, its in enumerate(segments)
    ]
    merged = np.concatenate(ratios) if ratios else np.zeros(0)
    counts, _ = np.histogram(np.minimum(merged, EDGES[-1]), EDGES)
    worst = float(merged.max(initial=0.0))
    return Replayed(order, load, len(merged), int((merged > 1 + 1e-9).sum()), worst, counts)


def _executions(one: Fleet, segment: Segment) -> list[Sequence[float]]:
    return [one.executions[tenant.service][segment.size] for tenant in segment.tenants]
