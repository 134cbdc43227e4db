"""The client's verbs for plans and events."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from protos.sliceplane.event.v1 import event_pb2
from protos.sliceplane.event.v1.event_pb2_grpc import EventServiceStub
from protos.sliceplane.plan.v1 import plan_pb2
from protos.sliceplane.plan.v1.plan_pb2_grpc import PlanServiceStub
from sliceplane import wire
from sliceplane.client import watching
from sliceplane.client.calls import Calls
from sliceplane.types import Event, Plan, Workload


class PlanVerbs:
    """Reads past plans and asks for would-be ones."""

    _calls: Calls

    @property
    def _plan_stub(self) -> PlanServiceStub:
        return PlanServiceStub(self._calls.channel)

    def plan(self, number: int = 0) -> Plan:
        """Reads one plan; 0: the newest. NotFound."""
        request = plan_pb2.GetPlanRequest(id=number)
        return wire.plan(self._calls.unary(self._plan_stub.GetPlan, request).plan)

    def plans(self) -> tuple[Plan, ...]:
        """Every plan that is kept, newest first."""
        pages = self._calls.pages(self._plan_stub.ListPlans, plan_pb2.ListPlansRequest)
        return tuple(wire.plan(one) for page in pages for one in page.plans)

    def preview(self, workloads: Iterable[Workload] = (), *, deleted: Iterable[str] = ()) -> Plan:
        """The plan that the live fleet would get with these applied and those deleted; stores nothing."""
        messages = [wire.workload_message(workload) for workload in workloads]
        request = plan_pb2.PreviewPlanRequest(workloads=messages, deleted=list(deleted))
        return wire.plan(self._calls.unary(self._plan_stub.PreviewPlan, request, timeout_s=120.0).plan)


class EventVerbs:
    """Reads what happened."""

    _calls: Calls

    @property
    def _event_stub(self) -> EventServiceStub:
        return EventServiceStub(self._calls.channel)

    def events(self, *, subject_kind: str = "", subject: str = "") -> tuple[Event, ...]:
        """Every event that is kept (of one kind, of one resource), oldest first."""
        return tuple(self._events(subject_kind, subject))

    def _events(self, kind: str, subject: str) -> Iterator[Event]:
        fields = {"subject_kind": kind, "subject": subject}
        for page in self._calls.pages(self._event_stub.ListEvents, event_pb2.ListEventsRequest, **fields):
            yield from map(wire.event, page.events)

    def watch_events(self, subject: str = "", *, resume_revision: int = 0) -> Generator[Event, None, None]:
        """Endless events after a revision; 0: after now. Goes on by itself after the server was away."""

        def open_at(revision: int) -> Iterator[Event]:
            request = event_pb2.WatchEventsRequest(resume_revision=revision, subject=subject)
            for message in self._calls.opened(self._event_stub.WatchEvents, request):
                yield wire.event(message.event)

        def since(revision: int) -> Iterator[Event]:
            return (event for event in self._events("", subject) if event.revision > revision)

        return watching.events(self._calls, open_at, since, resume_revision or self._event_revision())

    def _event_revision(self) -> int:
        """Where the log stands now, so that nothing is missed if the stream breaks before its first event."""
        request = event_pb2.ListEventsRequest(page_size=1)
        return self._calls.unary(self._event_stub.ListEvents, request).revision
