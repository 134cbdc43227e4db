"""Replays a plan: each service's requests over its segments, each segment's over its processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.replay.arrivals import Arrivals, Floats
from bench.replay.batcher import batch_times, serve
from controller.allocator import Plan, ProfileTable, Segment, Service

PERCENTILES = (50.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one service's requests; latencies in ms, `busy` the share of time that its processes worked."""

    service: str
    slo_ms: float
    sent: int
    missed: int
    percentiles_ms: tuple[float, ...]  # p50, p95, p99, p99.9
    busy: float

    @property
    def attainment(self) -> float:
        """The share within the SLO."""
        return 1 - self.missed / self.sent if self.sent else 1.0

    @property
    def p99_of_slo(self) -> float:
        """p99 over the SLO."""
        return self.percentiles_ms[2] / self.slo_ms


def replay(
    plan: Plan,
    services: Sequence[Service],
    tables: Mapping[str, ProfileTable],
    arrivals: Arrivals,
    seconds: float,
    *,
    seed: int,
    routing: int = 0,
    delay_ms: Callable[[Service], float] = lambda _: 0.0,
    tick: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """One outcome for each service that the plan serves; each service draws from generators of its own.

    As xDS and gRPC do it, a request picks a segment at random by planned throughput, and a segment's processes
    take turns; another `routing` sends the same arrivals other ways. `tables` say what batches truly take; `tick`
    is called after each service.
    """
    placed: dict[str, list[Segment]] = defaultdict(list)
    for one in plan.placed:
        placed[one.segment.service].append(one.segment)
    found = []
    for index, service in enumerate(services):
        if placed[service.name]:
            draw = np.random.default_rng((seed, index))
            came = arrivals(service.rate, seconds, draw)
            draw = np.random.default_rng((seed, index, 1 + routing))
            table = tables[service.model]
            found.append(_service(service, placed[service.name], table, came, seconds, draw, delay_ms(service)))
        tick()
    return found


def _service(
    service: Service,
    segments: Sequence[Segment],
    table: ProfileTable,
    came: Floats,
    seconds: float,
    draw: np.random.Generator,
    delay_ms: float,
) -> Outcome:
    weights = np.array([segment.throughput for segment in segments])
    chosen = draw.choice(len(segments), came.size, p=weights / weights.sum())
    latencies, busy_s = [], 0.0
    for number, segment in enumerate(segments):
        took = batch_times(table, segment.size, segment.processes, segment.batch)
        its, turn = came[chosen == number], int(draw.integers(segment.processes))
        for process in range(segment.processes):
            own = its[(process + turn) % segment.processes :: segment.processes]
            served = serve(own.tolist(), segment.batch, delay_ms / 1000, took)
            latencies.append((served.done - own) * 1000)
            busy_s += served.busy_s
    processes = sum(segment.processes for segment in segments)
    return outcome_of(service, np.concatenate(latencies), busy_s / (processes * seconds))


def outcome_of(service: Service, latencies_ms: npt.NDArray[np.float64], busy: float) -> Outcome:
    """The outcome of a service whose requests took so long; infinite where one was never answered."""
    missed = int((latencies_ms > service.slo_ms).sum())
    ranks = np.ceil(np.array(PERCENTILES) / 100 * latencies_ms.size).astype(int) - 1  # nearest: failures are infinite
    marks = np.sort(latencies_ms)[ranks] if latencies_ms.size else np.zeros(len(PERCENTILES))
    return Outcome(service.name, service.slo_ms, latencies_ms.size, missed, tuple(float(mark) for mark in marks), busy)
