"""The best prices: cutting planes on a concave function of one price per size.

Each evaluation gives a plane that lies on or above the function; the highest point under all planes says
where to look next, and no prices can be worth more than it. Source: Kelley's method, with each step taken
from the best prices so far towards that point (in-out), which keeps the few dimensions from zigzagging.
"""

from dataclasses import dataclass

import numpy as np

from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.demands import Demands
from controller.allocator.optimal.highs import Expired, GrowingLp, Rows
from controller.allocator.optimal.layouts import GpuShapes
from controller.allocator.optimal.pricing import UNIT, Priced, price, whole_prices

MOST_STEPS = 200
TIGHT = 1e-7  # relative distance of bound and planes at which the prices are as good as the best
STEP = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Bound:
    """The best prices found, and what no prices exceed."""

    best: Priced
    ceiling: float  # GPUs


def best_prices(demands: Demands, expired: Expired) -> Bound:
    """Until the bound cannot rise, as a whole number of GPUs and nearly as a fraction, or time is up."""
    shapes = demands.shapes
    best = price(demands, whole_prices(shapes.gpcs / float(shapes.gpcs.max()), shapes))
    planes = _planes(shapes, best)
    ceiling = np.inf
    for step in range(MOST_STEPS):
        found = None if expired() else planes.solve()
        if found is None:
            break
        ceiling, x = min(ceiling, found[0]), found[1][:-1]
        if ceiling - best.value / UNIT <= TIGHT * ceiling:
            break
        at = x if step % 4 == 3 else _towards(best, x)
        priced = price(demands, whole_prices(at, shapes))
        planes.add(np.append(-priced.used, 1.0), 0.0)
        if priced.value > best.value:
            best = priced
        elif at is not x and _above(priced, x) >= ceiling:
            priced = price(demands, whole_prices(x, shapes))
            planes.add(np.append(-priced.used, 1.0), 0.0)
            best = max(best, priced, key=lambda one: one.value)
    return Bound(best, ceiling)


def _towards(best: Priced, x: Floats) -> Floats:
    return (1 - STEP) * best.prices / UNIT + STEP * x


def _above(priced: Priced, x: Floats) -> float:
    """The plane's height at x."""
    return float(priced.used @ x)


def _planes(shapes: GpuShapes, first: Priced) -> GrowingLp:
    """Variables: the prices, then the height; rows: what each layout is worth, then the first plane."""
    sizes = len(shapes.sizes)
    matrix = np.zeros((len(shapes.counts) + 1, sizes + 1))
    matrix[:-1, :-1] = shapes.counts
    matrix[-1] = np.append(-first.used, 1.0)
    high = np.append(np.ones(len(shapes.counts)), 0.0)
    rows = Rows(matrix, np.full(len(high), -np.inf), high, np.append(np.ones(sizes), np.inf))
    return GrowingLp(np.append(np.zeros(sizes), 1.0), rows)
