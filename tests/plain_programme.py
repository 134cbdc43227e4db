"""The optimum by another solver and another model, for small cases: x[service, size] and y[layout], whole."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from common.mig import Geometry, maximal_layouts, multiset
from controller.allocator import Options, ProfileTable, Service


def fewest_gpus(services: list[Service], tables: dict[str, ProfileTable], options: Options) -> int:
    """GPUs of the best plan; every service must be servable."""
    sizes, layouts = options.geometry.sizes, _layouts(options.geometry)
    best = [_best(service, tables[service.model], options) for service in services]
    columns = len(services) * len(sizes) + len(layouts)
    rows, low = [], []
    for index, throughput in enumerate(best):
        row = np.zeros(columns)
        row[index * len(sizes) : (index + 1) * len(sizes)] = [throughput.get(size, 0.0) for size in sizes]
        rows.append(row)
        low.append(services[index].rate)
    for column, size in enumerate(sizes):
        row = np.zeros(columns)
        row[column : len(services) * len(sizes) : len(sizes)] = -1
        row[len(services) * len(sizes) :] = [layout.count(size) for layout in layouts]
        rows.append(row)
        low.append(0.0)
    cost = np.zeros(columns)
    cost[len(services) * len(sizes) :] = 1
    constraint = LinearConstraint(np.array(rows), np.array(low), np.inf)
    found = milp(cost, integrality=np.ones(columns), bounds=Bounds(0, np.inf), constraints=constraint)
    assert found.success, found.message
    return round(float(found.fun))


def _layouts(geometry: Geometry) -> list[tuple[int, ...]]:
    return [multiset(layout) for layout in maximal_layouts(geometry)]


def _best(service: Service, table: ProfileTable, options: Options) -> dict[int, float]:
    """Size → the highest throughput that meets the SLO."""
    best: dict[int, float] = {}
    for point in table.points:
        allowed = point.processes <= options.processes_for(service) and (
            service.max_batch is None or point.batch <= service.max_batch
        )
        if allowed and point.latency_ms < options.latency_share * service.slo_ms:
            best[point.size] = max(best.get(point.size, 0.0), point.throughput)
    return best
