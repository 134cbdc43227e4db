"""How much slower than the paper's A100 each service runs here, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.replay.batcher import batch_times
from controller.allocator import Plan, ProfileTable, Service

SHORTEST_S = 0.2  # of wall time, for the shortest execution: what Triton and this machine add shall not count beside it


def dilations(
    plan: Plan, services: Sequence[Service], tables: Mapping[str, ProfileTable], load: float
) -> dict[str, float]:
    """By service, so that each sends an equal share of `load` requests/s of wall time, or fewer.

    Services share no segment here, so each may have its own clock: then every p99 rests on as many requests, and no
    service's clock runs as fast as the lightest one's would allow. Services that the plan leaves out are absent.
    """
    found = {}
    for service in services:
        shortest = [
            batch_times(tables[service.model], one.segment.size, one.segment.processes, one.segment.batch)[1]
            for one in plan.placed
            if one.segment.service == service.name
        ]
        if shortest:
            found[service.name] = max(service.rate * len(services) / load, SHORTEST_S / min(shortest))
    return found
