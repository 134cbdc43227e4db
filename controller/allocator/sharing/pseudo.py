"""A group as the planner sees it: one service whose table has one point, the segment that the group shares."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from controller.allocator.sharing.grouping import Group
from controller.allocator.types import Options, Point, ProfileTable, Segment, Service, Tenant


@dataclass(frozen=True, slots=True)
class Pseudo:
    """The stand-in of a group, and who it stands for."""

    service: Service
    table: ProfileTable
    tenants: tuple[Tenant, ...]

    def shared(self, segment: Segment) -> Segment:
        """The planned segment with its tenants."""
        return replace(segment, tenants=self.tenants)


def pseudo_of(group: Group, options: Options, taken: Collection[str]) -> Pseudo:
    """A stand-in whose name and model are none of `taken`.

    Its only point is on the group's size: a larger instance carries the group too but never saves anything.
    """
    tenants = tuple(_tenant(member.service, member.latencies_ms[group.size]) for member in group.members)
    name = "+".join(tenant.service for tenant in tenants)
    while name in taken:
        name += "+"
    rate, latency = sum(tenant.rate for tenant in tenants), max(tenant.latency_ms for tenant in tenants)
    service = Service(
        name=name,
        model=name,
        rate=rate,
        slo_ms=2 * latency / options.latency_share,  # passes `half`; what each tenant needs is settled
        revision="+".join(member.service.revision for member in group.members),
        priority=group.members[0].service.priority,
        derated=True,
    )
    return Pseudo(service, ProfileTable(name, (Point(group.size, 1, 1, rate, latency),)), tenants)


def _tenant(service: Service, latencies_ms: Sequence[float]) -> Tenant:
    return Tenant(service.name, service.rate, len(latencies_ms), latencies_ms[0], service.rate, service.slo_ms)
