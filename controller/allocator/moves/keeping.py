"""Which running segments may be counted on for today's demands, and what is then left to plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf, nextafter

from common.mig import gpcs_of
from controller.allocator.covering import due
from controller.allocator.moves.floor import served
from controller.allocator.optimal_triplet_decision import fast_points
from controller.allocator.stability_types import Gpu, Running
from controller.allocator.types import Options, Point, ProfileTable, Segment, Service, Tenant

_Points = Mapping[tuple[int, int, int], Point]  # by size, batch, processes


def keepable(
    services: Sequence[Service],
    profiles: Mapping[str, ProfileTable],
    options: Options,
    running: Sequence[Running],
) -> list[Running]:
    """What runs of the services' revisions at points that hold their SLOs by today's profiles, at today's figures.

    Pinned ones of a service that is still asked for are kept as they are where its profile says nothing of them. A
    shared segment is kept while each of its services asks for no more than it was given a place for.
    """
    by_name = {service.name: service for service in services}
    points: dict[tuple[object, ...], _Points] = {}
    found = []
    for one in running:
        segment = one.segment
        if segment.tenants:
            if all(_still_fits(tenant, by_name.get(tenant.service)) for tenant in segment.tenants):
                found.append(one)
            continue
        service = by_name.get(segment.service)
        if service is None or service.revision != segment.revision:
            continue
        point = _points(service, profiles, options, points).get((segment.size, segment.batch, segment.processes))
        if point:
            figures = replace(segment, throughput=point.throughput, latency_ms=point.latency_ms)
            found.append(replace(one, segment=figures))
        elif one.pinned:
            found.append(one)
    return found


def _points(
    service: Service,
    profiles: Mapping[str, ProfileTable],
    options: Options,
    known: dict[tuple[object, ...], _Points],
) -> _Points:
    key = (service.model, service.slo_ms, service.max_processes, service.max_batch, service.memory_mb, service.derated)
    if key not in known:
        table = profiles.get(service.model)
        points = fast_points(service, table, options) if table else []
        known[key] = {(point.size, point.batch, point.processes): point for point in points}
    return known[key]


def _still_fits(tenant: Tenant, service: Service | None) -> bool:
    return (
        service is not None
        and not service.exclusive
        and service.min_hosts <= 1
        and service.rate <= tenant.rate
        and service.slo_ms >= tenant.slo_ms
    )


@dataclass(frozen=True, slots=True)
class Held:
    """What is held on to, and the demands that it leaves; rates are of what is still to plan."""

    segments: tuple[Running, ...]
    rest: tuple[Service, ...]


def hold(services: Sequence[Service], kept: Sequence[Running], gpus: Sequence[Gpu]) -> Held:
    """As many of `kept` as the rates need; of a surplus, those on the emptiest GPUs are given up first.

    A service that has its rate from fewer segments than `min_hosts` is planned anew, but for what is pinned.
    """
    host = {gpu.id: gpu.host for gpu in gpus}
    load = Counter[str]()
    for one in kept:
        load[one.gpu] += gpcs_of(one.segment.size)
    order = sorted(kept, key=lambda one: (one.pinned, load[one.gpu], -one.segment.throughput, one.gpu, one.start))
    by_name = {service.name: service for service in services}
    staying = _without_surplus(by_name, order, host)
    numbers = Counter(name for one in staying for name, _ in served(one.segment))
    covered = _covered(by_name, staying)
    anew = {
        name
        for name, service in by_name.items()
        if 0 < numbers[name] < service.min_hosts and covered[name] >= Fraction(due(service.rate))
    }
    staying = [one for one in staying if one.pinned or one.segment.service not in anew]
    covered = _covered(by_name, staying)
    numbers = Counter(name for one in staying for name, _ in served(one.segment))
    rest = [_rest(service, covered[service.name], numbers[service.name]) for service in services]
    return Held(tuple(staying), tuple(service for service in rest if service is not None))


def _without_surplus(
    services: Mapping[str, Service], order: Sequence[Running], host: Mapping[str, str]
) -> list[Running]:
    covered = _covered(services, order)
    hosts: dict[str, Counter[str]] = {}
    for one in order:
        for name, _ in served(one.segment):
            hosts.setdefault(name, Counter())[host[one.gpu]] += 1
    staying = []
    for one in order:
        spared = not one.pinned and all(
            covered[name] - given >= Fraction(due(services[name].rate))
            and (hosts[name][host[one.gpu]] > 1 or len(hosts[name]) > services[name].min_hosts)
            for name, given in _given(services, one.segment)
        )
        if not spared:
            staying.append(one)
            continue
        for name, given in _given(services, one.segment):
            covered[name] -= given
            hosts[name] -= Counter({host[one.gpu]: 1})
    return staying


def _given(services: Mapping[str, Service], segment: Segment) -> list[tuple[str, Fraction]]:
    """What each service gets of the segment; a tenant gets all that it asks for."""
    if segment.tenants:
        return [(tenant.service, Fraction(services[tenant.service].rate)) for tenant in segment.tenants]
    return [(segment.service, Fraction(segment.throughput))]


def _covered(services: Mapping[str, Service], segments: Collection[Running]) -> dict[str, Fraction]:
    found = dict.fromkeys(services, Fraction())
    for one in segments:
        for name, given in _given(services, one.segment):
            found[name] += given
    return found


def _rest(service: Service, covered: Fraction, segments: int) -> Service | None:
    """What is still to plan of it; its `min_hosts` are the segments that it lacks for them."""
    if covered >= Fraction(due(service.rate)):
        return None
    left = Fraction(service.rate) - covered
    rate = float(left)
    rate = rate if Fraction(rate) >= left else nextafter(rate, inf)
    return replace(service, rate=rate, min_hosts=max(1, service.min_hosts - segments))
