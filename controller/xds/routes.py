"""What xDS shall say, as plain values: workloads, their segments with weights, their endpoints; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.model import Endpoint, Segment
from controller.ports import Snapshot
from controller.reconcile import capacity, clients_reach, serves
from controller.tenants import workloads_of

# The weights of one cluster must add up to less than this.
WEIGHT_SUM = 1 << 32
PRECISION = 1000


@dataclass(frozen=True, slots=True)
class Group:
    """One segment: its part of the calls and where its ready processes answer."""

    node: str
    segment: str
    weight: int
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One workload; without groups there is nobody to answer now."""

    name: str
    groups: tuple[Group, ...] = ()


def routes(snapshot: Snapshot) -> tuple[Route, ...]:
    """Every workload by name, with the segments that answer now, weighted by what they can take."""
    by_workload: dict[str, list[Segment]] = {}
    for segment in snapshot.segments:
        for name in workloads_of(segment):
            by_workload.setdefault(name, []).append(segment)
    named = sorted(snapshot.workloads, key=lambda workload: workload.name)
    return tuple(Route(w.name, _groups(w.name, clients_reach(w, by_workload.get(w.name, ())))) for w in named)


def hosts(all_routes: Iterable[Route]) -> set[str]:
    """Every host that endpoints are dialled at."""
    return {end.host for route in all_routes for group in route.groups for end in group.endpoints}


def resolved(route: Route, addresses: Mapping[str, str]) -> Route:
    """The route with IP addresses in place of host names; endpoints whose host has none are left out."""
    groups = []
    for group in route.groups:
        known = [end for end in group.endpoints if end.host in addresses]
        if known:
            ends = tuple(Endpoint(addresses[end.host], end.port, ready=True) for end in known)
            groups.append(Group(group.node, group.segment, group.weight, ends))
    return Route(route.name, tuple(groups))


def _groups(workload: str, segments: Iterable[Segment]) -> tuple[Group, ...]:
    serving = sorted((segment for segment in segments if serves(segment)), key=lambda s: (s.node, s.id))
    weights = scaled([capacity(segment, workload) for segment in serving])
    return tuple(
        Group(segment.node, segment.id, weight, tuple(end for end in segment.endpoints if end.ready))
        for segment, weight in zip(serving, weights, strict=True)
    )


def scaled(capacities: list[float]) -> list[int]:
    """Whole weights of at least 1 in proportion to the capacities, to a thousandth where their sum allows."""
    room = WEIGHT_SUM - 1 - len(capacities)
    factor = min(float(PRECISION), room / sum(capacities)) if capacities else 1.0
    return [max(1, int(each * factor)) for each in capacities]
