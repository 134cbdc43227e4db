"""Which swap each of many services is offered: guided by the linear programme over all of them.

In a large fleet thousands of swaps cost nothing, and thousands of services may have to take the right one
before the GPUs are full. The linear programme over differences says how many of each; a service that has
several ways is then offered one that is wanted.
"""

import numpy as np

from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.demands import Demands
from controller.allocator.optimal.highs import GrowingLp, Rows
from controller.allocator.optimal.layouts import GpuShapes, Ints
from controller.allocator.optimal.pricing import UNIT
from controller.allocator.optimal.swaps import Group, Lots, Pairs, group_of

MOST_KINDS = 80  # differences offered to the integer programme
SPARE = 1.1  # offered beyond what is wanted, to round with


def steered_groups(demands: Demands, lots: Lots, pairs: Pairs, base: Ints, bound: int) -> list[Group]:
    """Groups of one way each; no lot stands in two. `base` (sizes,) is what the lots use now."""
    if not len(pairs.lot):
        return []
    kind, shapes = _kinds(pairs.difference), demands.shapes
    kinds = int(kind.max()) + 1
    example = np.empty(kinds, dtype=np.int64)
    example[kind] = np.arange(len(kind))
    room = np.bincount(kind, weights=lots.weight[pairs.lot]).astype(np.float64)
    extra = np.bincount(kind, weights=pairs.extra) / np.bincount(kind)
    wanted = _wanted(shapes, pairs.difference[example], room, extra / UNIT, base, bound)
    offer = _offers(lots, pairs, kind, wanted)
    groups = [group_of(lots, pairs, ways[:, None]) for ways in _by_kind(kind[offer], offer)]
    wants = wanted[kind[[offered[0] for offered in _by_kind(kind[offer], offer)]]]
    order = sorted(range(len(groups)), key=lambda at: (-wants[at], groups[at].extra, -groups[at].size))
    return [groups[at] for at in order[:MOST_KINDS]]


def _kinds(difference: Ints) -> Ints:
    """(pairs,): equal numbers for equal differences."""
    low = difference.min(axis=0)
    span = difference.max(axis=0) - low + 1
    key = np.zeros(len(difference), dtype=np.int64)
    for column in range(difference.shape[1]):
        key = key * span[column] + (difference[:, column] - low[column])
    kind: Ints = np.unique(key, return_inverse=True)[1].astype(np.int64)
    return kind


def _wanted(shapes: GpuShapes, differences: Ints, room: Floats, extra: Floats, base: Ints, bound: int) -> Floats:
    """(kinds,): how many swaps of each the linear programme makes; ties go to few and cheap ones."""
    layouts, kinds = len(shapes.counts), len(differences)
    matrix = np.concatenate([-shapes.counts.T, differences.T], axis=1).astype(np.float64)
    matrix = np.vstack([matrix, np.append(-np.ones(layouts), np.zeros(kinds))])
    high = np.append(-base, -bound).astype(np.float64)
    rows = Rows(matrix, np.full(len(high), -np.inf), high, np.append(np.full(layouts, np.inf), room))
    solved = GrowingLp(np.append(-np.ones(layouts), -1e-6 * (1 + np.maximum(extra, 0))), rows).solve()
    return np.zeros(kinds) if solved is None else solved[1][layouts:]


def _offers(lots: Lots, pairs: Pairs, kind: Ints, wanted: Floats) -> Ints:
    """(lots that can swap,): the pair that each is offered."""
    offered = np.full(len(lots.first), -1, dtype=np.int64)
    order = np.argsort(kind, kind="stable")
    begins = np.searchsorted(kind[order], np.arange(len(wanted) + 1))
    for one in np.argsort(-wanted, kind="stable"):
        if wanted[one] <= 0:
            break
        candidates = order[begins[one] : begins[one + 1]]
        candidates = candidates[offered[pairs.lot[candidates]] < 0]
        before = np.cumsum(lots.weight[pairs.lot[candidates]]) - lots.weight[pairs.lot[candidates]]
        taken = candidates[before < wanted[one] * SPARE + 1]
        offered[pairs.lot[taken]] = taken
    by_extra = np.lexsort((pairs.extra, pairs.lot))
    cheapest = by_extra[np.append(True, np.diff(pairs.lot[by_extra]) > 0)]
    free = cheapest[offered[pairs.lot[cheapest]] < 0]
    offered[pairs.lot[free]] = free
    return offered[offered >= 0]


def _by_kind(kind: Ints, offer: Ints) -> list[Ints]:
    order = np.argsort(kind, kind="stable")
    return np.split(offer[order], np.flatnonzero(np.diff(kind[order])) + 1)
