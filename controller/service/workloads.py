"""What the API does with workloads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from common.names import name_violation
from controller.model import Changed, Condition, Outcome, Page, Plan, PlannedSegment, Workload
from controller.ports import PlaneStore, Snapshot, WorkloadStore
from controller.service import rules
from controller.tenants import throughput_for, workloads_of

# The plan that a snapshot would get with `workloads` applied and `deleted` gone. Pure.
Preview = Callable[[Snapshot, Sequence[Workload], Sequence[str]], Plan]


class Workloads:
    """Declares, reads and removes workloads."""

    def __init__(self, store: WorkloadStore, plane: PlaneStore, preview: Preview) -> None:
        self._store, self._plane, self._preview = store, plane, preview

    async def apply(
        self, workload: Workload, request_id: str, validate_only: bool
    ) -> tuple[Workload, Outcome, tuple[str, ...]]:
        """Stores it, or with `validate_only` says what would come of it; then with a line per segment."""
        rules.check_workload(workload)
        rules.raise_if_any(rules.text("request_id", request_id))
        stored, outcome = await self._store.apply(workload, request_id=request_id, validate_only=validate_only)
        if not validate_only:
            return stored, outcome, ()
        plan = await self._plan((stored,), ())
        return _with_forecast(stored, plan), outcome, preview_lines(stored.name, plan)

    async def preview(self, workloads: Sequence[Workload], deleted: Sequence[str]) -> Plan:
        """The plan that the live fleet would get. Each workload is checked as an apply would check it."""
        for index, workload in enumerate(workloads):
            rules.check_workload(workload, f"workloads[{index}]")
        rules.raise_if_any(*(name_violation(f"deleted[{i}]", name) for i, name in enumerate(deleted)))
        resolved = [(await self._store.apply(w, request_id="", validate_only=True))[0] for w in workloads]
        return await self._plan(resolved, deleted)

    async def _plan(self, workloads: Sequence[Workload], deleted: Sequence[str]) -> Plan:
        return await asyncio.to_thread(self._preview, await self._plane.snapshot(), workloads, deleted)

    async def get(self, name: str) -> Workload:
        """Reads one."""
        rules.raise_if_any(name_violation("name", name))
        return await self._store.get(name)

    async def list(self, page_size: int, page_token: str) -> Page[Workload]:
        """Reads a page by name."""
        return await self._store.list(page_size, page_token)

    async def delete(self, name: str, etag: str, request_id: str, allow_missing: bool, validate_only: bool) -> None:
        """Removes one."""
        rules.raise_if_any(name_violation("name", name), rules.text("etag", etag), rules.text("request_id", request_id))
        await self._store.delete(
            name, etag=etag, request_id=request_id, allow_missing=allow_missing, validate_only=validate_only
        )

    def watch(self, resume_revision: int, name: str) -> AsyncIterator[Changed[Workload]]:
        """Endless changes."""
        rules.raise_if_any(
            rules.optional_name("name", name), rules.within("resume_revision", resume_revision, 0, (1 << 63) - 1)
        )
        return self._store.watch(resume_revision, name)


def preview_lines(name: str, plan: Plan) -> tuple[str, ...]:
    """The segments that would serve a workload, one line each."""
    return tuple(_line(name, segment) for segment in _staying(name, plan))


def _staying(name: str, plan: Plan) -> list[PlannedSegment]:
    return [one for one in plan.segments if name in workloads_of(one) and one.action != "remove"]


def _line(name: str, segment: PlannedSegment) -> str:
    place = f"{segment.node}/{segment.gpu_index} start {segment.start}"
    others = ", ".join(other for other in workloads_of(segment) if other != name)
    shared = f", shared with {others}" if others else ""
    return f"{place} {segment.profile} {segment.batch}×{segment.processes} ({segment.action}){shared}"


def _with_forecast(workload: Workload, plan: Plan) -> Workload:
    short = next((s for s in plan.shortfalls if s.workload == workload.name), None)
    mine = _staying(workload.name, plan)
    said = (
        Condition("Planned", False, short.reason, short.detail) if short else Condition("Planned", True, "PLANNED", "")
    )
    status = replace(
        workload.status,
        conditions=(said,),
        planned_segments=len(mine),
        planned_throughput=sum(throughput_for(segment, workload.name) for segment in mine),
    )
    return replace(workload, status=status)
