"""Places a pool where light workloads share segments: groups that hold stay, and what else they might be is weighed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from controller import allocator
from controller.allocator import sharing
from controller.allocator.moves.replan import MOVE_PRICE
from controller.reconcile.demand import Demand
from controller.reconcile.fleet import Pool
from controller.reconcile.groups import StandIn, Tables, There, fresh, in_place, lights, standing
from controller.reconcile.options import Options
from controller.reconcile.placement import PoolPlan, place, running, waiting

# Workloads short, by priority, the highest first; segments that others must go for; GPUs + price x segments created.
Worth = tuple[tuple[int, ...], int, float]
Said = TypeVar("Said", allocator.Unservable, allocator.Shortage)


def place_shared(pool: Pool, demands: Sequence[Demand], tables: Tables, there: There, how: Options) -> PoolPlan:
    """The best of up to three groupings; each gets half of the planning time that is left.

    Groups that run and hold, and new ones of the rest. Where that breaks what serves: no new ones. Where GPUs could
    be spared or are too few: all grouped afresh, but for pinned segments and cordoned GPUs, if that is worth its moves.
    """
    task = _Task(pool, demands, tables, there, replace(how, planner=replace(how.planner, geometry=pool.geometry)))
    found = min(task.choices(), key=task.worth)
    return task.named(found)


@dataclass
class _Task:
    pool: Pool
    demands: Sequence[Demand]
    tables: Tables
    there: There
    how: Options

    def __post_init__(self) -> None:
        self._options = self.how.planner
        self._until = self.how.clock() + self.how.plan_s
        candidates = lights(self.demands, self.tables, self.there, self._options)
        self._alone = {one.name: one.alone for one in candidates}
        self._current = [running(segment) for segment in self.there.segments]
        services = [demand.service for demand in self.demands]
        self._bound = sharing.lower_bound(services, self.tables, self._options, candidates)

    def choices(self) -> Iterator[PoolPlan]:
        """The groupings, placed; only the first where no other could be better."""
        kept = standing(self.demands, self.tables, self.there, self._options)
        how = self._hurried()
        groups = [*kept, *self._fresh(kept, how)]
        first = self._placed(groups, how)
        yield first
        if len(groups) > len(kept) and self._breaks(first):
            yield self._placed(kept, self._hurried())
        fixed = standing(self.demands, self.tables, self.there, self._options, fixed=True)
        if len(fixed) == len(kept) or not self._may_improve(first, 1):
            return
        how = self._hurried()
        afresh = [*fixed, *self._fresh(fixed, how)]
        if self._gpcs(afresh) < self._gpcs(groups) and self._may_improve(first, self._new(afresh)):
            yield self._placed(afresh, how)

    def worth(self, part: PoolPlan) -> Worth:
        """Less is better."""
        created = len(part.placement.created)
        return self._short(part), self._breaks(part), _gpus(part) + MOVE_PRICE * created

    def named(self, part: PoolPlan) -> PoolPlan:
        """With refusals and shortages of groups said for each member, and a bound that holds for every grouping."""
        members = {one.service.name: [tenant.workload for tenant in one.tenants] for one in part.demands if one.tenants}
        refused, short = _each(part.plan.unservable, members), _each(part.placement.shortages, members)
        lacking = short or any(one.gpus_short is not None for one in refused)
        bound = self._bound if lacking else min(_gpus(part), self._bound)
        plan = replace(part.plan, unservable=refused, lower_bound=bound)
        return replace(part, plan=plan, placement=replace(part.placement, shortages=short))

    def _hurried(self) -> Options:
        """With half of the time that is left: a half of that to group, the rest to place."""
        left = max(0.0, self._until - self.how.clock())
        return replace(self.how, plan_s=left / 4)

    def _fresh(self, taken: Sequence[StandIn], how: Options) -> list[StandIn]:
        until = how.clock() + how.plan_s
        members = {name for one in taken for name in one.members}
        rest = [demand for demand in self.demands if demand.name not in members]
        return fresh(rest, self.tables, self.there, self._options, lambda: how.clock() >= until)

    def _placed(self, groups: Sequence[StandIn], how: Options) -> PoolPlan:
        tables: Mapping[str, allocator.ProfileTable] = {
            **self.tables,
            **{one.demand.service.model: one.table for one in groups},
        }
        return place(self.pool, in_place(self.demands, groups), tables, self.there.segments, how)

    def _breaks(self, part: PoolPlan) -> int:
        return waiting(part.placement, self._current)

    def _short(self, part: PoolPlan) -> tuple[int, ...]:
        named = {one.service for one in part.plan.unservable} | {one.service for one in part.placement.shortages}
        levels = {-demand.service.priority: 0 for demand in self.demands}
        for demand in part.demands:
            if demand.service.name in named:
                levels[-demand.service.priority] += len(demand.tenants) or 1
        return tuple(levels[level] for level in sorted(levels))

    def _may_improve(self, part: PoolPlan, created: int) -> bool:
        """Whether something is short, or as few GPUs as there might be are worth creating so many segments."""
        return any(self._short(part)) or self.worth(part)[2] > self._bound + created * MOVE_PRICE

    def _new(self, groups: Sequence[StandIn]) -> int:
        """How many of the groups do not run."""
        there = {segment.workload for segment in self.there.shared}
        return sum(one.demand.name not in there for one in groups)

    def _gpcs(self, groups: Sequence[StandIn]) -> int:
        """What those take that may share, in groups or alone."""
        members = {name for one in groups for name in one.members}
        alone = sum(gpcs for name, gpcs in self._alone.items() if name not in members)
        return alone + sum(one.size for one in groups)


def _each(said: Iterable[Said], members: Mapping[str, Sequence[str]]) -> tuple[Said, ...]:
    """What is said of a group, of each of its members."""
    return tuple(replace(one, service=name) for one in said for name in members.get(one.service, [one.service]))


def _gpus(part: PoolPlan) -> int:
    kept = {one.running.gpu for one in part.placement.kept}
    return len(kept | {one.gpu for one in part.placement.created})
