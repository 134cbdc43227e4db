"""HiGHS behind two calls: a linear programme that grows by rows, and a mixed-integer programme.

The only file that knows the solver. It is imported when first needed, so that the rest of the allocator
starts without it. One thread: plans must not depend on scheduling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from controller.allocator.optimal.covers import Floats
from controller.allocator.optimal.layouts import Ints

if TYPE_CHECKING:
    import highspy

Expired = Callable[[], bool]

MAXIMIZE, MINIMIZE = -1, 1
BY_ROW, CONTINUOUS, INTEGER = 2, 0, 1  # HiGHS's own codes


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Linear constraints low <= matrix · x <= high over variables from 0 to `upper`."""

    matrix: Floats  # (rows, columns), dense
    low: Floats
    high: Floats
    upper: Floats  # (columns,)


class GrowingLp:
    """Maximises cost · x; each solve starts from the last basis."""

    def __init__(self, cost: Floats, rows: Rows) -> None:
        self._solver = _solver()
        _pass(self._solver, MAXIMIZE, cost, rows, CONTINUOUS)

    def add(self, row: Floats, high: float) -> None:
        """Adds row · x <= high."""
        self._solver.addRow(-np.inf, high, len(row), np.arange(len(row), dtype=np.int32), row)

    def solve(self) -> tuple[float, Floats] | None:
        """The value and x, or None where the solver found none."""
        import highspy

        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return self._solver.getObjectiveValue(), np.asarray(self._solver.getSolution().col_value)


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """A whole-numbered solution, and whether none is better by the given gap."""

    x: Ints
    finished: bool


@dataclass(frozen=True, slots=True)
class Effort:
    """When to stop before the end; nodes count, not seconds, so that a plan does not depend on the machine."""

    expired: Expired
    nodes: int
    target: float = -np.inf  # an objective that is good enough
    gap: float = 0.0  # absolute


def minimize(cost: Floats, rows: Rows, effort: Effort, start: Ints | None = None) -> Found | None:
    """Minimises cost · x over whole numbers; None where no solution was found."""
    import highspy

    if effort.expired():
        return None
    solver = _solver()
    _pass(solver, MINIMIZE, cost, rows, INTEGER)
    solver.setOptionValue("mip_max_nodes", effort.nodes)
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", effort.gap)
    solver.setOptionValue("objective_target", effort.target)
    if start is not None:
        everything = np.arange(len(start), dtype=np.int32)
        solver.setSolution(len(start), everything, start.astype(np.float64))
    _stop_when(effort.expired, solver)
    solver.run()
    info = solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    x: Ints = np.rint(np.asarray(solver.getSolution().col_value)).astype(np.int64)
    return Found(x, solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)


def _solver() -> highspy.Highs:
    import highspy

    new: Callable[[], highspy.Highs] = highspy.Highs  # its own types leave the constructor out
    solver = new()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver


def _pass(solver: highspy.Highs, sense: int, cost: Floats, rows: Rows, kind: int) -> None:
    number, columns = rows.matrix.shape
    at_row, at_column = np.nonzero(rows.matrix)
    starts = np.searchsorted(at_row, np.arange(number)).astype(np.int32)
    solver.passModel(
        columns,
        number,
        len(at_row),
        BY_ROW,
        sense,
        0.0,
        cost.astype(np.float64),
        np.zeros(columns),
        rows.upper.astype(np.float64),
        rows.low.astype(np.float64),
        rows.high.astype(np.float64),
        starts,
        at_column.astype(np.int32),
        rows.matrix[at_row, at_column].astype(np.float64),
        np.full(columns, kind, dtype=np.int32),
    )


def _stop_when(expired: Expired, solver: highspy.Highs) -> None:
    def ask(event: Any) -> None:
        if expired():
            event.interrupt()

    solver.cbMipInterrupt.subscribe(ask)
