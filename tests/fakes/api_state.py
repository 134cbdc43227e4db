"""What the fake API server keeps: resources in memory, a log of changes, and faults to order."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from common.errors import NotFound, SliceplaneError, StaleEtag
from protos.sliceplane.event.v1 import event_pb2
from protos.sliceplane.fleet.v1 import fleet_pb2
from protos.sliceplane.model.v1 import model_pb2
from protos.sliceplane.plan.v1 import plan_pb2
from protos.sliceplane.profile.v1 import profile_pb2
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2


@dataclass(slots=True)
class ApiState:
    """Everything; tests set and read it freely. `faults` maps an RPC's name to errors for its next calls."""

    workloads: dict[str, workload_pb2.Workload] = field(default_factory=dict)
    models: dict[str, model_pb2.Model] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)  # by digest
    profiles: dict[str, profile_pb2.Profile] = field(default_factory=dict)
    nodes: dict[str, fleet_pb2.Node] = field(default_factory=dict)
    gpus: list[fleet_pb2.Gpu] = field(default_factory=list)
    segments: dict[str, fleet_pb2.Segment] = field(default_factory=dict)
    devices: dict[str, fleet_pb2.Device] = field(default_factory=dict)
    plans: list[plan_pb2.Plan] = field(default_factory=list)  # newest first
    preview: plan_pb2.Plan = field(default_factory=plan_pb2.Plan)
    events: list[event_pb2.Event] = field(default_factory=list)
    revision: int = 0
    kept_from: int = 0  # watches cannot resume from before this revision
    changes: list[workload_pb2.WatchWorkloadsResponse] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)  # by request id
    requests: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))  # seen, by RPC name
    faults: dict[str, list[SliceplaneError]] = field(default_factory=lambda: defaultdict(list))
    changed: threading.Condition = field(default_factory=threading.Condition)

    def seen(self, rpc: str, request: Any) -> None:
        """Notes a request; raises the fault that a test has ordered for it."""
        self.requests[rpc].append(request)
        if self.faults[rpc]:
            raise self.faults[rpc].pop(0)

    def apply(self, request: workload_pb2.ApplyWorkloadRequest) -> workload_pb2.ApplyWorkloadResponse:
        """Creates or replaces, by the rules that the protos state."""
        given = request.workload
        if given.spec.model not in self.models:
            raise NotFound("model", given.spec.model)
        before = self.workloads.get(given.name)
        if given.etag and before is not None and given.etag != before.etag:
            raise StaleEtag("workload", given.name, given=given.etag, current=before.etag)
        after = self._stored(given, before)
        outcome = _outcome(before, after)
        if not request.validate_only and after != before:
            self.put(after)
        return workload_pb2.ApplyWorkloadResponse(workload=after, outcome=outcome)

    def _stored(self, given: workload_pb2.Workload, before: workload_pb2.Workload | None) -> workload_pb2.Workload:
        if before and before.spec == given.spec and before.labels == given.labels:
            return before
        generation = (before.generation if before else 0) + 1
        return workload_pb2.Workload(
            name=given.name,
            spec=given.spec,
            labels=given.labels,
            uid=before.uid if before else f"uid-{given.name}",
            generation=generation,
            etag=f"e{generation}",
        )

    def put(self, workload: workload_pb2.Workload) -> None:
        """Stores a workload and tells the watches."""
        with self.changed:
            self.workloads[workload.name] = workload
            self._log(type_pb2.CHANGE_TYPE_UPDATED, workload)

    def drop(self, name: str) -> None:
        """Removes a workload and tells the watches."""
        with self.changed:
            self._log(type_pb2.CHANGE_TYPE_DELETED, self.workloads.pop(name))

    def _log(self, kind: type_pb2.ChangeType.ValueType, workload: workload_pb2.Workload) -> None:
        self.revision += 1
        self.changes.append(workload_pb2.WatchWorkloadsResponse(type=kind, workload=workload, revision=self.revision))
        self.changed.notify_all()

    def say(self, subject: str, reason: str, message: str = "", kind: str = "workload") -> None:
        """Appends an event."""
        with self.changed:
            self.revision += 1
            self.events.append(
                event_pb2.Event(
                    revision=self.revision,
                    severity=event_pb2.SEVERITY_INFO,
                    subject_kind=kind,
                    subject=subject,
                    reason=reason,
                    message=message,
                )
            )
            self.changed.notify_all()


def _outcome(before: workload_pb2.Workload | None, after: workload_pb2.Workload) -> workload_pb2.ApplyOutcome.ValueType:
    if before is None:
        return workload_pb2.APPLY_OUTCOME_CREATED
    return workload_pb2.APPLY_OUTCOME_UNCHANGED if before == after else workload_pb2.APPLY_OUTCOME_UPDATED
