"""Whole GPUs for whole covers: integer programmes over layouts and swaps, near the best prices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from controller.allocator.optimal.demands import Demands
from controller.allocator.optimal.highs import Effort, Expired, Found, Rows, minimize
from controller.allocator.optimal.layouts import GpuShapes, Ints
from controller.allocator.optimal.pricing import UNIT, Priced
from controller.allocator.optimal.steering import steered_groups
from controller.allocator.optimal.swaps import Group, Lots, groups, near_pairs, swapped, within

NEARLY_FREE = UNIT // 256  # extra of the swaps that large fleets are steered by
STEERINGS = 4
BUDGETS = (120, 1000)  # swaps to choose among, until the bound is reached
EXACT_BUDGET, MOST_PAIRS = 5_000, 200_000
NODES = 100
EXACT_NODES = 20_000


@dataclass(frozen=True, eq=False, slots=True)
class Packing:
    """GPUs per layout, and which covers the services use."""

    gpus: Ints  # (layouts,)
    lots: Lots
    lower: int  # GPUs that any plan takes at least

    @property
    def total(self) -> int:
        """GPUs."""
        return int(self.gpus.sum())

    @property
    def proven(self) -> bool:
        """Whether no plan takes fewer."""
        return self.total == self.lower


def pack(demands: Demands, priced: Priced, expired: Expired) -> Packing | None:
    """As few GPUs as it finds, with a bound that may have risen; None if time was up before the first."""
    firsts = np.flatnonzero(demands.weight)
    lots = Lots(firsts, priced.cheapest[firsts], demands.weight[firsts])
    best = _solve(demands, lots, [], priced.bound, Effort(expired, NODES))
    if best is None:
        return None
    best = _steer(demands, priced, best, expired)
    for budget in BUDGETS:
        if best.proven or expired():
            return best
        best = _swap_some(demands, priced, best, budget, expired)
    return _prove(demands, priced, best, expired) if demands.complete and not best.proven else best


def _steer(demands: Demands, priced: Priced, best: Packing, expired: Expired) -> Packing:
    """Rounds of swaps that cost next to nothing, each from where the last one ended."""
    for _ in range(STEERINGS):
        if best.proven or expired():
            break
        pairs = near_pairs(demands, best.lots, priced.prices, NEARLY_FREE)
        chosen = steered_groups(demands, best.lots, pairs, _used(demands, best.lots), best.lower)
        found = _solve(demands, best.lots, chosen, best.lower, Effort(expired, NODES, target=best.lower + 0.5))
        if found is None or found.total >= best.total:
            break
        best = found
    return best


def _swap_some(demands: Demands, priced: Priced, best: Packing, budget: int, expired: Expired) -> Packing:
    """The cheapest swaps, all ways of a service at once."""
    most_extra = min(max(best.total * UNIT - priced.value, UNIT // 8), UNIT)
    chosen = within(groups(best.lots, near_pairs(demands, best.lots, priced.prices, most_extra)), budget)
    found = _solve(demands, best.lots, chosen, best.lower, Effort(expired, NODES, target=best.lower + 0.5))
    return found if found and found.total < best.total else best


def _prove(demands: Demands, priced: Priced, best: Packing, expired: Expired) -> Packing:
    """With every swap that a plan of one GPU less could use: all others cost more than it may."""
    firsts = np.flatnonzero(demands.weight)
    lots = Lots(firsts, priced.cheapest[firsts], demands.weight[firsts])
    most_extra = (best.total - 1) * UNIT - priced.value
    pairs = near_pairs(demands, lots, priced.prices, most_extra)
    if len(pairs.lot) > MOST_PAIRS:
        return best
    chosen = groups(lots, pairs)
    if sum(len(group.differences) for group in chosen) > EXACT_BUDGET:
        return best
    finished: list[bool] = []
    effort = Effort(expired, EXACT_NODES, target=best.lower + 0.5)
    found = _solve(demands, lots, chosen, best.lower, effort, finished)
    if found is None:
        return best
    fewest = min(found, best, key=lambda one: one.total)
    return replace(fewest, lower=fewest.total) if finished == [True] else fewest


def _used(demands: Demands, lots: Lots) -> Ints:
    """(sizes,): instances in the lots' covers and in what was peeled off."""
    used: Ints = lots.weight @ demands.covers.counts[lots.cover] + demands.peeled.sum(axis=0)
    return used


def _solve(
    demands: Demands,
    lots: Lots,
    chosen: Sequence[Group],
    bound: int,
    effort: Effort,
    finished: list[bool] | None = None,
) -> Packing | None:
    """Variables: GPUs per layout, then services per way of each group."""
    layouts = len(demands.shapes.counts)
    columns = sum(len(group.differences) for group in chosen)
    cost = np.append(np.ones(layouts), np.zeros(columns))
    found: Found | None = minimize(cost, _rows(demands.shapes, _used(demands, lots), chosen, bound), effort)
    if found is None:
        return None
    if finished is not None:
        finished.append(found.finished)
    return Packing(found.x[:layouts], swapped(lots, chosen, found.x[layouts:]), bound)


def _rows(shapes: GpuShapes, base: Ints, chosen: Sequence[Group], bound: int) -> Rows:
    """Instances of each size suffice; no group swaps more services than it has; the bound holds."""
    sizes, layouts = len(shapes.sizes), len(shapes.counts)
    ways = [len(group.differences) for group in chosen]
    columns = layouts + sum(ways)
    matrix = np.zeros((sizes + len(chosen) + 1, columns))
    matrix[:sizes, :layouts] = shapes.counts.T
    if chosen:
        matrix[:sizes, layouts:] = -np.concatenate([group.differences for group in chosen]).T
        matrix[sizes + np.repeat(np.arange(len(chosen)), ways), layouts + np.arange(sum(ways))] = 1
    matrix[-1, :layouts] = 1
    services = np.array([group.size for group in chosen], dtype=np.float64)
    low = np.concatenate([base, np.full(len(chosen), -np.inf), [bound]])
    high = np.concatenate([np.full(sizes, np.inf), services, [np.inf]])
    upper = np.concatenate([np.full(layouts, np.inf), np.repeat(services, ways)])
    return Rows(matrix, low, high, upper)
