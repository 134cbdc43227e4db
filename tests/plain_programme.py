"""The optimum by another solver and another model, for small cases: x[service, size] and y[layout], whole.

The solver works to a tolerance, so its rows ask for slightly less than the rates. Whether a service is covered is
then judged in fractions, and counts that fall short are forbidden, until what it finds covers all.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from common.mig import Geometry, maximal_layouts, multiset
from controller.allocator import Options, ProfileTable, Service

NEAR_ENOUGH = 1e-9  # of a rate: a sum of throughputs that lacks no more covers it; the product is a float
LOOSE = 1e-5  # of a rate: beyond the solver's tolerance
MOST_ROUNDS = 500

Row = tuple[Mapping[int, float], float]  # by column; at least so much


def fewest_gpus(services: list[Service], tables: dict[str, ProfileTable], options: Options) -> int:
    """GPUs of the best plan; every service must be servable."""
    sizes, layouts = options.geometry.sizes, _layouts(options.geometry)
    best = [_best(service, tables[service.model], options) for service in services]
    first = [index * len(sizes) for index in range(len(services))]
    gpus = range(len(services) * len(sizes), len(services) * len(sizes) + len(layouts))
    columns, rows = gpus.stop, list[Row]()
    for service, throughput, at in zip(services, best, first, strict=True):
        rows.append(({at + sizes.index(size): each / service.rate for size, each in throughput.items()}, 1 - LOOSE))
    unmeasured = [
        at + n for at, its in zip(first, best, strict=True) for n, size in enumerate(sizes) if size not in its
    ]
    for column, size in enumerate(sizes):
        holds = {gpu: float(layout.count(size)) for gpu, layout in zip(gpus, layouts, strict=True)}
        rows.append((holds | {at + column: -1.0 for at in first}, 0.0))
    for _ in range(MOST_ROUNDS):
        x = _least(columns, rows, gpus, unmeasured)
        short = [
            at
            for service, throughput, at in zip(services, best, first, strict=True)
            if not _covered(service, [(throughput.get(size, 0.0), x[at + n]) for n, size in enumerate(sizes)])
        ]
        if not short:
            return sum(x[gpu] for gpu in gpus)
        for at in short:
            more = range(columns, columns + len(sizes))  # of which size there is more than now; of one at least
            rows += [({at + n: 1.0, column: -(x[at + n] + 1.0)}, 0.0) for n, column in enumerate(more)]
            rows.append((dict.fromkeys(more, 1.0), 1.0))
            columns = more.stop
    raise AssertionError(f"not covered after {MOST_ROUNDS} rounds")


def _least(columns: int, rows: Sequence[Row], gpus: range, unmeasured: Sequence[int]) -> list[int]:
    """The values of the columns, with the fewest GPUs."""
    matrix, cost, most = np.zeros((len(rows), columns)), np.zeros(columns), np.full(columns, np.inf)
    for index, (row, _) in enumerate(rows):
        matrix[index, list(row)] = list(row.values())
    cost[gpus.start : gpus.stop] = 1
    most[unmeasured] = 0
    most[gpus.stop :] = 1
    constraint = LinearConstraint(matrix, np.array([low for _, low in rows]), np.inf)
    found = milp(cost, integrality=np.ones(columns), bounds=Bounds(0, most), constraints=constraint)
    assert found.success, found.message
    return [round(value) for value in found.x.tolist()]


def _covered(service: Service, segments: Sequence[tuple[float, int]]) -> bool:
    given = sum(number * Fraction(throughput) for throughput, number in segments)
    return given >= Fraction(service.rate * (1 - NEAR_ENOUGH))


def _layouts(geometry: Geometry) -> list[tuple[int, ...]]:
    return [multiset(layout) for layout in maximal_layouts(geometry)]


def _best(service: Service, table: ProfileTable, options: Options) -> dict[int, float]:
    """Size → the highest throughput that meets the SLO."""
    best: dict[int, float] = {}
    for point in table.points:
        allowed = point.size in options.geometry.sizes and point.processes <= options.processes_for(service)
        batch = service.max_batch is None or point.batch <= service.max_batch
        if allowed and batch and point.latency_ms < options.latency_share * service.slo_ms:
            best[point.size] = max(best.get(point.size, 0.0), point.throughput)
    return best
