"""Row by row: what changes in a running fleet cost in moves, against starting over."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.allocator.fleets import Measured, Tables, drawn, scenario
from bench.allocator.report import table
from common.mig import A100_80GB
from controller.allocator import Gpu, Options, Running, Service, plan_optimal
from controller.allocator.moves import replan, shortfalls

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
    gpus: tuple[int, int]  # used before, after
    fewest: int
    under_rate: int  # services that a step leaves under what they had and need
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
    gpus = [Gpu(f"host-{number // HOST}/{number % HOST}", A100_80GB) for number in range(count)]
    first = replan(services, tables, Options(), [], gpus, planner=plan_optimal, move_price=PRICE)
    current = [
        Running(f"{number}", gpus[one.gpu].id, one.start, one.segment) for number, one in enumerate(first.plan.placed)
    ]
    middle = len(services) // 2
    doubled = [*services[:middle], replace(services[middle], rate=2 * services[middle].rate), *services[middle + 1 :]]
    events = {
        "a rate doubled": (doubled, gpus),
        "a GPU lost": (services, [gpu for gpu in gpus if gpu.id != "host-0/1"]),
        "a host lost": (services, [gpu for gpu in gpus if not gpu.id.startswith("host-0/")]),
        "a workload removed": ([*services[:middle], *services[middle + 1 :]], gpus),
    }
    for event, (wanted, left) in events.items():
        began = time.perf_counter()
        made = replan(wanted, tables, Options(), current, left, planner=plan_optimal, move_price=PRICE)
        seconds = time.perf_counter() - began
        alive = {gpu.id for gpu in left}
        broken = shortfalls(made.steps, current, left, {service.name: service.rate for service in wanted})
        yield Change(
            name,
            event,
            sum(one.gpu not in alive for one in current),
            made.moves,
            made.from_scratch,
            (first.gpus_used, made.gpus_used),
            plan_optimal(wanted, tables).gpus,
            len(broken),
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
            f"{one.gpus[0]} → {one.gpus[1]}",
            str(one.fewest),
            str(one.under_rate),
            f"{one.seconds:.2f}",
        ]
        for one in found
    ]
    header = ["fleet", "event", "segments lost", "moves", "from nothing", "GPUs", "fewest", "under rate", "s"]
    return table(header, rows)
