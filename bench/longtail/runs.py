"""One fleet planned with and without sharing, and its shared segments replayed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.allocator.fleets import Tables
from bench.longtail.replay import ORDERS, Load, replay
from controller.allocator import Options, Plan, Segment, Service, plan_optimal
from controller.allocator.sharing import plan_shared

EDGES = np.linspace(0, 2, 401)  # of time over SLO


@dataclass(frozen=True, slots=True)
class Fleet:
    """The plans of one fleet; seconds of planning with sharing."""

    seed: int
    options: Options
    alone: Plan
    shared: Plan
    seconds: float

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
    return Fleet(seed, options, alone, shared, time.perf_counter() - began)


def replayed(one: Fleet, minutes: float, order: str, load: Load) -> Replayed:
    """Every order meets the same arrivals."""
    segments = one.segments
    ratios = [
        replay(segment.tenants, minutes, one.seed * len(segments) + index, ORDERS[order], load)
        for index, segment in enumerate(segments)
    ]
    merged = np.concatenate(ratios) if ratios else np.zeros(0)
    counts, _ = np.histogram(np.minimum(merged, EDGES[-1]), EDGES)
    worst = float(merged.max(initial=0.0))
    return Replayed(order, load, len(merged), int((merged > 1 + 1e-9).sum()), worst, counts)
