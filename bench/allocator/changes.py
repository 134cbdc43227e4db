"""Row by row: what changes in a running fleet cost in moves, against starting over."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.allocator.fleets import Measured, Tables, drawn, scenario
from bench.allocator.report import table
from common.mig import A100_80GB
from controller.allocator import Gpu, Options, Running, Service, plan_optimal, rearrange
from controller.allocator.moves import check_steps, replan

HOST = 8  # GPUs a host
SPARE = 8  # GPUs more than the first plan needs, at least: a host may be lost
PRICE = 0.05  # GPUs that avoiding a move is worth


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one fleet after one event."""

    fleet: str
    event: str
    lost: int  # segments that ended with their GPU
    moves: int
    from_scratch: int
    fitted: int  # segments to create if the fresh plan's GPUs were matched with those that hold the most of them
    gpus: tuple[int, int]  # used before, after
    fewest: int
    under_rate: int  # services that a step leaves under what they had and need
    avoidable: int  # times that free slots would have spared it
    spare_gpcs: int  # that the moves take beside the larger of before and after
    seconds: float


def changes(measured: Measured) -> list[Change]:
    """The four events on S5, S6 and two drawn fleets, each from the same running fleet."""
    fleets = {
        "S5": scenario(measured, 4),
        "S6": scenario(measured, 5),
        "100 services": drawn(measured, 100, 0, (20.0, 8000.0)),
        "1,000 services": drawn(measured, 1000, 0, (20.0, 8000.0)),
    }
    return [one for name, services in fleets.items() for one in _changes(name, services, measured.tables)]


def _changes(name: str, services: Sequence[Service], tables: Tables) -> Iterator[Change]:
    count = -(-(plan_optimal(services, tables).gpus + SPARE) // HOST) * HOST
    gpus = [Gpu(f"host-{n // HOST}/{n % HOST}", A100_80GB, host=f"host-{n // HOST}") for n in range(count)]
    first = replan(services, tables, Options(), [], gpus, planner=plan_optimal, move_price=PRICE)
    current = [
        Running(f"{number}", gpus[one.gpu].id, one.start, one.segment) for number, one in enumerate(first.plan.placed)
    ]
    busiest = max(services, key=lambda service: service.rate)
    others = [service for service in services if service is not busiest]
    doubled = [replace(service, rate=service.rate * (2 if service is busiest else 1)) for service in services]
    events = {
        "the busiest doubled": (doubled, gpus),
        "a GPU lost": (services, [gpu for gpu in gpus if gpu.id != "host-0/1"]),
        "a host lost": (services, [gpu for gpu in gpus if gpu.host != "host-0"]),
        "the busiest removed": (others, gpus),
    }
    for event, (wanted, left) in events.items():
        began = time.perf_counter()
        made = replan(wanted, tables, Options(), current, left, planner=plan_optimal, move_price=PRICE)
        seconds = time.perf_counter() - began
        alive = {gpu.id for gpu in left}
        fresh = plan_optimal(wanted, tables)
        fitted = rearrange(fresh.placed, current, left, dense=True)
        walked = check_steps(made.steps, current, left, {service.name: service.rate for service in wanted})
        yield Change(
            name,
            event,
            sum(one.gpu not in alive for one in current),
            made.moves,
            made.from_scratch,
            len(fitted.created),
            (first.gpus_used, made.gpus_used),
            fresh.gpus,
            len(walked.short),
            len(walked.avoidable),
            walked.spare_gpcs,
            seconds,
        )


def changes_table(found: Sequence[Change]) -> str:
    """One row an event."""
    rows = [
        [
            one.fleet,
            one.event,
            str(one.lost),
            str(one.moves),
            f"{one.from_scratch:,}",
            f"{one.fitted:,}",
            f"{one.gpus[0]} → {one.gpus[1]}",
            str(one.fewest),
            str(one.under_rate),
            str(one.avoidable),
            str(one.spare_gpcs),
            f"{one.seconds:.2f}",
        ]
        for one in found
    ]
    header = ["fleet", "event", "segments lost", "moves", "from nothing", "fitted", "GPUs", "fewest"]
    return table([*header, "under rate", "avoidable", "spare GPCs", "s"], rows)
