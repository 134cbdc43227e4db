"""Groups of workloads that share a segment: those that run and still hold, and new ones; each as one demand; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from controller import allocator
from controller.allocator import sharing
from controller.model import Segment, Serve, State
from controller.reconcile.demand import Demand, revision_of, shared_revision
from controller.reconcile.placement import group_service, service_name
from controller.reconcile.slots import LEAVING
from controller.tenants import Tenant

Tables = Mapping[str, allocator.ProfileTable]


@dataclass(frozen=True, slots=True)
class StandIn:
    """A group as the planner sees it: one demand with a table of its own, in place of those of its `members`."""

    demand: Demand
    table: allocator.ProfileTable
    members: frozenset[str]
    size: int


@dataclass(frozen=True, slots=True)
class There:
    """What runs in a pool: its segments, ids of those that the last plan wants, and the workloads that exist anywhere.

    `cordoned`: GPUs that keep what they have, by an operator or as long as their host is silent.
    """

    segments: Sequence[Segment]
    wanted: Collection[str]
    workloads: Collection[str]
    cordoned: Collection[str] = ()

    def fixed(self, segment: Segment) -> bool:
        """Whether it stays as long as it is wanted."""
        return segment.pinned or segment.gpu_uuid in self.cordoned

    @property
    def shared(self) -> list[Segment]:
        """Segments with tenants that stay, those to be held on to first."""
        there = [one for one in self.segments if one.tenants and one.state not in LEAVING]
        return sorted(
            there, key=lambda s: (not self.fixed(s), s.id not in self.wanted, s.state is not State.READY, s.id)
        )


def standing(
    demands: Sequence[Demand], tables: Tables, there: There, options: allocator.Options, *, fixed: bool = False
) -> list[StandIn]:
    """Groups that run and still hold, no workload in two of them; `fixed`: only those on segments that are.

    A member whose workload was deleted leaves its model there, unused; one that asks for anything else ends the group.
    """
    by_name = {demand.name: demand for demand in demands}
    found: list[StandIn] = []
    taken: set[str] = set()
    for segment in there.shared:
        members = [one for one in segment.tenants if one.workload in there.workloads]
        unused = len(segment.tenants) - len(members)
        if (there.fixed(segment) or not fixed) and _as_it_was(members, by_name, taken):
            services = [by_name[one.workload].service for one in members]
            batches = [one.batch for one in members]
            group = sharing.kept(services, batches, segment.gpcs, tables, options, unused)
            if group:
                found.append(_kept(segment, group, by_name, options))
                taken |= found[-1].members
    return found


def fresh(
    demands: Sequence[Demand],
    tables: Tables,
    there: There,
    options: allocator.Options,
    expired: Callable[[], bool],
) -> list[StandIn]:
    """New groups of the demands, as many as save GPCs."""
    by_name = {demand.name: demand for demand in demands}
    groups = sharing.group(lights(demands, tables, there, options), options, expired)
    known = {segment.workload: revision_of(segment) for segment in there.segments if segment.tenants}
    return [_new(group, by_name, options, known, there.workloads) for group in groups]


def lights(demands: Sequence[Demand], tables: Tables, there: There, options: allocator.Options) -> list[sharing.Light]:
    """Workloads that may share: whole models that one segment carries, and that have none to themselves that stays."""
    staying = (one for one in there.segments if there.fixed(one) and one.state not in LEAVING)
    alone = {one.workload for one in staying if not one.tenants}
    willing = [one.service for one in demands if one.serve is Serve.WHOLE and one.name not in alone]
    return sharing.lights(willing, tables, options)


def in_place(demands: Sequence[Demand], stand_ins: Sequence[StandIn]) -> tuple[Demand, ...]:
    """The demands with each stand-in where the most important of its members was, and the others of them left out."""
    stands = {name: one for one in stand_ins for name in one.members}
    chosen = (stands[one.name].demand if one.name in stands else one for one in demands)
    return tuple({demand.service.name: demand for demand in chosen}.values())


def _as_it_was(members: Sequence[Tenant], by_name: Mapping[str, Demand], taken: Collection[str]) -> bool:
    """Whether each still asks for what it was given a place for, its rate and SLO aside."""
    asked = [(one, by_name.get(one.workload)) for one in members if one.workload not in taken]
    return 0 < len(members) == len(asked) and all(
        demand is not None and demand.serve is Serve.WHOLE and demand.model_digest == one.model_digest
        for one, demand in asked
    )


def _kept(segment: Segment, group: sharing.Group, by_name: Mapping[str, Demand], options: allocator.Options) -> StandIn:
    """At today's rates; all else is as the segment was made."""
    pseudo = sharing.pseudo_of(group, options, ())
    given = {one.service: one for one in pseudo.tenants}
    tenants = tuple(
        replace(one, throughput=given[one.workload].throughput, latency_ms=given[one.workload].latency_ms)
        for one in segment.tenants
        if one.workload in given
    )
    return _stand_in(segment.workload, service_name(segment), revision_of(segment), pseudo, tenants, by_name)


def _new(
    group: sharing.Group,
    by_name: Mapping[str, Demand],
    options: allocator.Options,
    known: Mapping[str, str],
    taken: Collection[str],
) -> StandIn:
    pseudo = sharing.pseudo_of(group, options, ())
    ranked = zip(pseudo.tenants, sharing.priorities(pseudo.tenants), strict=True)
    tenants = tuple(
        Tenant(
            workload=one.service,
            model_digest=by_name[one.service].model_digest,
            batch=one.batch,
            priority=priority,
            throughput=one.throughput,
            latency_ms=one.latency_ms,
        )
        for one, priority in sorted(ranked, key=lambda pair: pair[0].service)
    )
    revision = shared_revision(tenants)
    name = _name(group.size, revision, known, taken)
    return _stand_in(name, group_service(name), revision, pseudo, tenants, by_name)


def _name(size: int, revision: str, known: Mapping[str, str], taken: Collection[str]) -> str:
    """Says who shares and what each needs; no workload's, nor another group's that runs."""
    for salt in range(len(known) + len(taken) + 1):
        found = f"shared-{hashlib.sha256(repr((salt, size, revision)).encode()).hexdigest()[:10]}"
        if found not in taken and known.get(found, revision) == revision:
            return found
    raise AssertionError("there are more names than are taken")


def _stand_in(
    name: str,
    service: str,
    revision: str,
    pseudo: sharing.Pseudo,
    tenants: tuple[Tenant, ...],
    by_name: Mapping[str, Demand],
) -> StandIn:
    kind = by_name[tenants[0].workload].kind
    asked = replace(pseudo.service, name=service, model=service, revision=revision)
    demand = Demand(name, asked, kind, "", Serve.WHOLE, 0, tenants)
    table = allocator.ProfileTable(service, pseudo.table.points)
    return StandIn(demand, table, frozenset(one.workload for one in tenants), table.points[0].size)
