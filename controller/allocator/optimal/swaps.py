"""Other covers than the chosen ones, nearly as cheap: what may be swapped when whole GPUs are to be filled.

What counts for the GPUs is only the difference of instances per size, so services that may swap alike are
taken together, whatever their models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.allocator.optimal.covers import NEAR
from controller.allocator.optimal.demands import Demands
from controller.allocator.optimal.layouts import Ints


@dataclass(frozen=True, eq=False, slots=True)
class Lots:
    """(lots,) arrays: so many services (`weight`) with this first cover use this cover; ascending by `first`."""

    first: Ints
    cover: Ints
    weight: Ints


@dataclass(frozen=True, eq=False, slots=True)
class Pairs:
    """(pairs,) arrays: services of `lot` may use `cover` instead, for `extra` more; ascending by lot."""

    lot: Ints
    cover: Ints
    extra: Ints  # in 1 / UNIT GPU
    difference: Ints  # (pairs, sizes): instances of the cover less those of the lot's own


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """Services that can be swapped in the same ways."""

    lots: Ints
    covers: Ints  # (lots, ways): the cover that each way means
    differences: Ints  # (ways, sizes)
    size: int  # how many services
    extra: int  # of the cheapest way


def near_pairs(demands: Demands, lots: Lots, prices: Ints, most_extra: int) -> Pairs:
    """Every pair of at most so much extra; a cover worthwhile for none of the lot's rates is no swap."""
    cost = demands.covers.counts @ prices
    begins = np.searchsorted(lots.first, demands.covers.starts)
    found = [_of_class(demands, lots, cost, one, begins, most_extra) for one in range(demands.enumerated)]
    found.append(_of_high(demands, lots, cost, int(begins[demands.enumerated]), most_extra))
    lot = np.concatenate([one[0] for one in found])
    cover = np.concatenate([one[1] for one in found])
    own = lots.cover[lot]
    counts = demands.covers.counts
    return Pairs(lot, cover, cost[cover] - cost[own], counts[cover] - counts[own])


def _of_class(
    demands: Demands, lots: Lots, cost: Ints, index: int, begins: npt.NDArray[np.intp], most_extra: int
) -> tuple[Ints, Ints]:
    """The class's (lots, covers)."""
    covers = demands.covers
    start, stop = int(covers.starts[index]), int(covers.starts[index + 1])
    rows = np.arange(begins[index], begins[index + 1])
    if not len(rows):
        return rows, rows
    first, own = lots.first[rows], lots.cover[rows]
    limit = cost[own] + most_extra
    columns = start + np.flatnonzero(cost[start:stop] <= limit.max())
    useful_from = (covers.throughput - covers.spare)[columns] * (1 - NEAR)
    near = (
        (cost[columns][None, :] <= limit[:, None])
        & (columns[None, :] >= first[:, None])
        & (columns[None, :] != own[:, None])
        & (useful_from[None, :] <= covers.throughput[first][:, None])
    )
    row, column = np.nonzero(near)
    return rows[row], columns[column]


def _of_high(demands: Demands, lots: Lots, cost: Ints, begin: int, most_extra: int) -> tuple[Ints, Ints]:
    """The (lots, covers) of the classes of one service each, lots `begin` and on: any of its covers will do."""
    first, own = lots.first[begin:], lots.cover[begin:]
    starts = demands.covers.starts
    of_class = np.searchsorted(starts, first, side="right") - 1
    number = starts[of_class + 1] - first
    row = np.repeat(np.arange(len(first)), number)
    column = np.arange(int(number.sum())) - np.repeat(np.cumsum(number) - number, number) + first[row]
    near = (cost[column] <= (cost[own] + most_extra)[row]) & (column != own[row])
    return row[near] + begin, column[near]


def groups(lots: Lots, pairs: Pairs, most_ways: int | None = None) -> list[Group]:
    """All of them, from the least extra on, larger ones first; of each lot's ways only so many, the cheapest."""
    order = np.lexsort((pairs.extra, pairs.lot))
    if most_ways is not None:
        begins = np.searchsorted(pairs.lot[order], pairs.lot[order])
        order = order[np.arange(len(order)) - begins < most_ways]
    bounds = np.flatnonzero(np.diff(pairs.lot[order])) + 1
    merged: dict[bytes, list[Ints]] = {}
    for ways in np.split(order, bounds) if len(order) else []:
        merged.setdefault(pairs.difference[ways].tobytes(), []).append(ways)
    made = [group_of(lots, pairs, np.array(alike)) for alike in merged.values()]
    return sorted(made, key=lambda one: (one.extra, -one.size))


def within(made: Sequence[Group], most_columns: int) -> list[Group]:
    """The first groups, as long as all their ways together are no more than that."""
    columns = np.cumsum([len(group.differences) for group in made])
    return list(made[: int(np.searchsorted(columns, most_columns, side="right"))])


def group_of(lots: Lots, pairs: Pairs, alike: Ints) -> Group:
    """`alike` (lots, ways) holds indices of pairs that have the same differences in each column."""
    members = pairs.lot[alike[:, 0]]
    return Group(
        lots=members,
        covers=pairs.cover[alike],
        differences=pairs.difference[alike[0]],
        size=int(lots.weight[members].sum()),
        extra=int(pairs.extra[alike[0]].min()),
    )


def swapped(lots: Lots, chosen: Sequence[Group], numbers: Ints) -> Lots:
    """The lots after `numbers` (ways of all groups) services swapped, spread over each group's lots in order."""
    left = lots.weight.copy()
    first, cover, weight = [lots.first], [lots.cover], [left]
    at = 0
    for group in chosen:
        for way in range(len(group.differences)):
            room = left[group.lots]
            before = np.cumsum(room) - room
            take = np.clip(int(numbers[at + way]) - before, 0, room)
            moved = np.flatnonzero(take)
            left[group.lots[moved]] -= take[moved]
            first.append(lots.first[group.lots[moved]])
            cover.append(group.covers[moved, way])
            weight.append(take[moved])
        at += len(group.differences)
    return _merged(np.concatenate(first), np.concatenate(cover), np.concatenate(weight))


def _merged(first: Ints, cover: Ints, weight: Ints) -> Lots:
    """Equal lots as one, empty ones gone, in order."""
    kept = weight > 0
    both = np.stack([first[kept], cover[kept]])
    unique, of = np.unique(both, axis=1, return_inverse=True)
    return Lots(unique[0], unique[1], np.bincount(of.ravel(), weights=weight[kept]).astype(np.int64))
