"""Serves EventService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from controller.api import wire
from controller.api.pages import fitting
from controller.api.streams import until
from controller.service.events import Events
from protos.sliceplane.event.v1 import event_pb2 as pb
from protos.sliceplane.event.v1 import event_pb2_grpc


class EventServicer(event_pb2_grpc.EventServiceServicer):
    """Decode, call, encode."""

    def __init__(self, events: Events, closing: asyncio.Event) -> None:
        self._events, self._closing = events, closing

    async def ListEvents(self, request: pb.ListEventsRequest, context: Any) -> pb.ListEventsResponse:
        """Reads a page."""
        read = partial(self._events.list, kind=request.subject_kind, subject=request.subject)
        found, page = await fitting(read, wire.event_out, request.page_size, request.page_token)
        return pb.ListEventsResponse(events=found, next_page_token=page.next_token, revision=page.revision)

    async def WatchEvents(self, request: pb.WatchEventsRequest, context: Any) -> AsyncIterator[pb.WatchEventsResponse]:
        """Streams events."""
        async for event in until(self._closing, self._events.watch(request.resume_revision, request.subject)):
            yield pb.WatchEventsResponse(event=wire.event_out(event))
