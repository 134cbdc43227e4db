"""What the simulator says of a service: its requests sent by chance, and the very ways that they took live."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.replay.arrivals import Floats
from bench.replay.batcher import batch_times, serve
from bench.replay.run import Outcome, outcome_of
from controller.allocator import Plan, ProfileTable, Segment, Service


def as_routed(
    service: Service, plan: Plan, table: ProfileTable, came: Floats, by: Floats, delay_ms: float = 0.0
) -> Outcome:
    """`came`, s, ascending, served by the processes `by`, counted over the plan as `servers.start` does.

    Requests whose process is NaN (failed: nobody knows where) are left out. ValueError: a process of another service.
    """
    latencies = []
    for number, one in enumerate(_processes(plan)):
        own = came[by == number]
        if own.size and one.service != service.name:
            raise ValueError(f"a request of {service.name} was answered by {one.service}")
        took = batch_times(table, one.size, one.processes, one.batch) if own.size else []
        latencies.append((serve(own.tolist(), one.batch, delay_ms / 1000, took).done - own) * 1000)
    return outcome_of(service, np.concatenate(latencies) if latencies else np.empty(0), busy=np.nan)


def _processes(plan: Plan) -> Iterator[Segment]:
    for one in plan.placed:
        yield from [one.segment] * one.segment.processes
