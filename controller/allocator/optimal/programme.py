"""The integer programme over layouts and swaps, and what its solution means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.demands import Demands
from controller.allocator.optimal.highs import Rows
from controller.allocator.optimal.layouts import GpuShapes, Ints
from controller.allocator.optimal.pricing import Priced
from controller.allocator.optimal.swaps import Group, Lots


@dataclass(frozen=True, eq=False, slots=True)
class Packing:
    """GPUs per layout, and which covers the services use."""

    gpus: Ints  # (layouts,)
    lots: Lots
    lower: int  # GPUs that any plan takes at least
    direct: Mapping[int, Ints] = field(default_factory=dict)  # services with counts (sizes,) of their own instead

    @property
    def total(self) -> int:
        """GPUs."""
        return int(self.gpus.sum())

    @property
    def proven(self) -> bool:
        """Whether no plan takes fewer."""
        return self.total == self.lower


class Programme:
    """Variables: GPUs per layout, then services per way of each group, then more instances per size.

    Rows: instances of each size suffice for `base` (sizes,) and the swaps; no group swaps more services than
    it has; the GPUs are no fewer than the bound, and no more than `most`. `free` (services, sizes) is the share
    of a service's rate that one more instance covers, 0 where there is none; shares must come to 1.
    """

    def __init__(
        self,
        shapes: GpuShapes,
        base: Ints,
        chosen: Sequence[Group],
        bound: int,
        *,
        most: float = np.inf,
        free: Floats | None = None,
    ) -> None:
        self._layouts = len(shapes.counts)
        self._ways = [len(group.differences) for group in chosen]
        self._free = np.zeros((0, len(shapes.sizes))) if free is None else free
        columns = self._layouts + sum(self._ways) + self._free.size
        self.cost: Floats = np.zeros(columns)
        self.cost[: self._layouts] = 1.0
        self.rows = self._build(shapes, base, chosen, (bound, most), columns)
        self._gpcs = [group.differences @ shapes.gpcs for group in chosen]

    @property
    def gpcs_cost(self) -> Floats:
        """(variables,): GPCs that each swap adds, to minimise instead of GPUs."""
        cost = np.zeros(len(self.cost))
        if self._gpcs:
            cost[self._layouts : self._layouts + sum(self._ways)] = np.concatenate(self._gpcs)
        return cost

    def parts(self, x: Ints) -> tuple[Ints, Ints]:
        """(GPUs per layout, numbers of all ways)."""
        return x[: self._layouts], x[self._layouts : self._layouts + sum(self._ways)]

    def unchanged(self, gpus: Ints) -> Ints:
        """(variables,): so many GPUs per layout and no swap, where a search may start."""
        return np.append(gpus, np.zeros(len(self.cost) - len(gpus), dtype=np.int64))

    def instances(self, x: Ints) -> Ints:
        """(services, sizes) of the free ones."""
        return x[self._layouts + sum(self._ways) :].reshape(self._free.shape)

    def _build(
        self, shapes: GpuShapes, base: Ints, chosen: Sequence[Group], gpus: tuple[int, float], columns: int
    ) -> Rows:
        sizes, layouts, ways, services = len(shapes.sizes), self._layouts, sum(self._ways), len(self._free)
        groups = sizes + np.arange(len(chosen))
        matrix = np.zeros((sizes + len(chosen) + 1 + services, columns))
        matrix[:sizes, :layouts] = shapes.counts.T
        if chosen:
            matrix[:sizes, layouts : layouts + ways] = -np.concatenate([group.differences for group in chosen]).T
            matrix[np.repeat(groups, self._ways), layouts + np.arange(ways)] = 1
        matrix[sizes + len(chosen), :layouts] = 1
        for service in range(services):
            at = layouts + ways + service * sizes
            matrix[:sizes, at : at + sizes] = -np.eye(sizes)
            matrix[sizes + len(chosen) + 1 + service, at : at + sizes] = self._free[service]
        room = np.array([group.size for group in chosen], dtype=np.float64)
        low = np.concatenate([base, np.full(len(chosen), -np.inf), [gpus[0]], np.ones(services)])
        high = np.concatenate([np.full(sizes, np.inf), room, [gpus[1]], np.full(services, np.inf)])
        useful = np.where(self._free.ravel() > 0, np.inf, 0.0)
        upper = np.concatenate([np.full(layouts, np.inf), np.repeat(room, self._ways), useful])
        return Rows(matrix, low, high, upper)


def cheapest_lots(weight: Ints, priced: Priced) -> Lots:
    """Every service at its cheapest cover; `weight` (covers,) says how many have it as their first."""
    firsts = np.flatnonzero(weight)
    return Lots(firsts, priced.cheapest[firsts], weight[firsts])


def used_by(demands: Demands, lots: Lots) -> Ints:
    """(sizes,): instances in the lots' covers and in what was peeled off."""
    used: Ints = lots.weight @ demands.covers.counts[lots.cover] + demands.peeled.sum(axis=0)
    return used
