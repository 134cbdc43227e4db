"""The client's verbs for workloads."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

from common.errors import DeadlineExceeded
from protos.sliceplane.workload.v1 import workload_pb2 as pb
from protos.sliceplane.workload.v1.workload_pb2_grpc import WorkloadServiceStub
from sliceplane import wire
from sliceplane.client.calls import Calls, request_id_or_new
from sliceplane.client.watching import changes
from sliceplane.types import Applied, Change, Workload

POLL_S = 0.3

Progress = Callable[[Mapping[str, Workload]], None]


class WorkloadVerbs:
    """Declares, reads, watches and removes workloads."""

    _calls: Calls

    @property
    def _workload_stub(self) -> WorkloadServiceStub:
        return WorkloadServiceStub(self._calls.channel)

    def apply(self, workload: Workload, *, request_id: str | None = None, validate_only: bool = False) -> Applied:
        """Creates the workload or replaces its spec and labels. InvalidArgument, NotFound (model), Conflict (etag)."""
        request = pb.ApplyWorkloadRequest(
            workload=wire.workload_message(workload),
            request_id=request_id_or_new(request_id),
            validate_only=validate_only,
        )
        return wire.applied(self._calls.unary(self._workload_stub.ApplyWorkload, request))

    def get(self, name: str) -> Workload:
        """Reads one workload. NotFound."""
        request = pb.GetWorkloadRequest(name=name)
        return wire.workload(self._calls.unary(self._workload_stub.GetWorkload, request).workload)

    def list(self) -> tuple[Workload, ...]:
        """Every workload, by name."""
        pages = self._calls.pages(self._workload_stub.ListWorkloads, pb.ListWorkloadsRequest)
        return tuple(wire.workload(one) for page in pages for one in page.workloads)

    def delete(
        self,
        name: str,
        *,
        etag: str = "",
        request_id: str | None = None,
        allow_missing: bool = False,
        validate_only: bool = False,
    ) -> None:
        """Removes a workload; its segments drain and go. NotFound unless `allow_missing`; Conflict (etag)."""
        request = pb.DeleteWorkloadRequest(
            name=name,
            etag=etag,
            request_id=request_id_or_new(request_id),
            validate_only=validate_only,
            allow_missing=allow_missing,
        )
        self._calls.unary(self._workload_stub.DeleteWorkload, request)

    def watch(self, name: str = "", *, resume_revision: int = 0) -> Generator[Change[Workload], None, None]:
        """Endless changes of one workload or all; from revision 0 everything as it is comes first.

        Goes on by itself after the server was away for up to a minute; raises Unavailable after that.
        """

        def open_at(revision: int) -> Iterator[Change[Workload]]:
            request = pb.WatchWorkloadsRequest(resume_revision=revision, name=name)
            for m in self._calls.opened(self._workload_stub.WatchWorkloads, request):
                value = wire.workload(m.workload) if m.HasField("workload") else None
                yield Change(wire.CHANGE.get(m.type, wire.UNKNOWN), value, m.revision)

        return changes(self._calls, open_at, lambda workload: workload.name, resume_revision)

    def wait_ready(
        self, names: Sequence[str], timeout_s: float = 60.0, *, progress: Progress | None = None
    ) -> tuple[Workload, ...]:
        """Returns the workloads once all are ready. NotFound; DeadlineExceeded says what each still waits for.

        `progress` is called with each reading, by name.
        """
        end = time.monotonic() + timeout_s
        while True:
            seen = {name: self.get(name) for name in names}
            if progress:
                progress(seen)
            waiting = [workload for workload in seen.values() if not workload.ready]
            if not waiting:
                return tuple(seen.values())
            if time.monotonic() >= end:
                why = "; ".join(f"{workload.name}: {waits_for(workload)}" for workload in waiting)
                raise DeadlineExceeded(f"not ready after {timeout_s:g} s: {why}")
            time.sleep(min(POLL_S, max(0.0, end - time.monotonic())))


def waits_for(workload: Workload) -> str:
    """Why a workload is not ready yet, as one phrase; "ready" if it is."""
    if workload.ready:
        return "ready"
    status = workload.status
    if status.observed_generation < workload.generation:
        return "the controller has not looked at its newest spec yet"
    for condition in (status.condition("Planned"), status.condition("Ready")):
        if condition is not None and condition.status is not True:
            return f"{condition.reason}: {condition.message}" if condition.message else condition.reason
    return f"{status.ready_segments} of {status.planned_segments} segments ready"
