"""Planes where light workloads share segments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import HealthCheck, settings

from controller.model import PlannedSegment, Segment, Workload
from controller.reconcile.slots import LEAVING
from controller.tenants import workloads_of
from tests.strategies_reconcile import workload
from tests.unit.controller.reconcile.world import SHARING, World, world

SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def lights(letters: str, rate: float = 5.0) -> list[Workload]:
    """Workloads that share a small segment."""
    return [workload(name, rate) for name in letters]


def shared(plane: World) -> list[Segment]:
    """Shared segments that stay."""
    return [one for one in plane.store.state.segments if one.tenants and one.state not in LEAVING]


def settled(*asked: Workload, hosts: int = 2, gpus: int = 2) -> World:
    """A plane where nothing changes any more."""
    plane = world(hosts, gpus, options=SHARING)
    plane.store.apply(*asked)
    plane.settle()
    return plane


def changed(plain: Workload, **wishes: object) -> Workload:
    """With other wishes in its spec."""
    return replace(plain, spec=replace(plain.spec, **wishes))  # type: ignore[arg-type]


def names(segments: Iterable[Segment | PlannedSegment]) -> list[tuple[str, ...]]:
    """Who is on each."""
    return sorted(workloads_of(one) for one in segments)
