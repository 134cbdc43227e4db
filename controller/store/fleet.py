"""What agents reported, for readers; and forgetting hosts and devices that are gone for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, func, or_, select, update

from common.errors import FailedPrecondition, NotFound
from controller.model import Changed, Device, Gpu, Node, Page, Segment
from controller.ports import NewEvent
from controller.store.database import Database
from controller.store.feed import Feed
from controller.store.pages import Listing
from controller.store.requests import Request, earlier_answer, remember
from controller.store.rows import parse
from controller.store.segments import KIND, ORDER, all_segments, drop_segments, replace_segments
from controller.store.tables import devices, gpus, nodes, segments
from controller.store.writer import Writer
from controller.tenants import workloads_of


def select_nodes() -> Select[Any]:
    """Hosts with their number of GPUs."""
    count = select(func.count()).select_from(gpus).where(gpus.c.node == nodes.c.name).scalar_subquery()
    return select(nodes, count.label("gpus"))


class PgFleet:
    """Implements FleetStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def nodes(self, page_size: int, page_token: str) -> Page[Node]:
        """Reads a page by name."""
        listing = Listing(select_nodes(), (nodes.c.name,), ("nodes",))
        return await self._page(Node, listing, page_size, page_token)

    async def gpus(self, page_size: int, page_token: str, node: str) -> Page[Gpu]:
        """Reads a page by host and index."""
        query = select(gpus).where(gpus.c.node == node) if node else select(gpus)
        listing = Listing(query, (gpus.c.node, gpus.c["index"], gpus.c.uuid), ("gpus", node))
        return await self._page(Gpu, listing, page_size, page_token)

    async def segments(self, page_size: int, page_token: str, workload: str, node: str) -> Page[Segment]:
        """Reads a page by host, GPU index and start."""
        query = select(segments)
        if workload:
            query = query.where(_serves(workload))
        if node:
            query = query.where(segments.c.node == node)
        return await self._page(Segment, Listing(query, ORDER, ("segments", workload, node)), page_size, page_token)

    async def devices(self, page_size: int, page_token: str) -> Page[Device]:
        """Reads a page by name."""
        return await self._page(
            Device, Listing(select(devices), (devices.c.name,), ("devices",)), page_size, page_token
        )

    async def _page(self, kind: Any, listing: Listing, page_size: int, page_token: str) -> Page[Any]:
        async with self._database.reading() as connection:
            rows, token, revision = await listing.page(connection, page_size, page_token)
        return Page(tuple(parse(kind, row._mapping) for row in rows), token, revision)

    def watch_segments(self, resume_revision: int, workload: str) -> AsyncIterator[Changed[Segment]]:
        """Endless changes. OutOfRange if the revision is no longer kept."""
        wanted = partial(_wanted, workload)
        feed = Feed(self._database, KIND, Segment, all_segments, wanted)
        return feed.follow(resume_revision)

    async def delete_node(self, name: str, *, request_id: str) -> None:
        """Forgets a host. NotFound; FailedPrecondition while it is connected."""
        await self._forget(nodes, "node", name, request_id)

    async def delete_device(self, name: str, *, request_id: str) -> None:
        """Forgets a device. NotFound; FailedPrecondition while it is connected."""
        await self._forget(devices, "device", name, request_id)

    async def cordon_gpu(self, uuid: str, *, cordoned: bool, request_id: str) -> Gpu:
        """Takes a GPU out of placement, or back in. NotFound."""
        said = ("Cordoned", "it takes nothing new") if cordoned else ("Uncordoned", "it takes new segments again")
        async with self._database.writing() as writer:
            row = (await writer.connection.execute(select(gpus).where(gpus.c.uuid == uuid))).one_or_none()
            if row is None:
                raise NotFound("gpu", uuid)
            before: Gpu = parse(Gpu, row._mapping)
            after = replace(before, cordoned=cordoned)
            if await _due(writer, Request(request_id, f"{said[0]} gpu", uuid), after != before):
                await writer.connection.execute(update(gpus).where(gpus.c.uuid == uuid).values(cordoned=cordoned))
                await writer.record(NewEvent("gpu", uuid, *said))
                writer.touch_basis()
                return after
            return before

    async def pin_segment(self, segment_id: str, *, pinned: bool, request_id: str) -> Segment:
        """Keeps a segment where it is, or frees it. NotFound."""
        said = ("Pinned", "it stays where it is") if pinned else ("Unpinned", "it may be moved")
        async with self._database.writing() as writer:
            found = await all_segments(writer.connection, segments.c.id == segment_id)
            if not found:
                raise NotFound("segment", segment_id)
            after = replace(found[0], pinned=pinned)
            if await _due(writer, Request(request_id, f"{said[0]} segment", segment_id), after != found[0]):
                await replace_segments(writer, [after])
                await writer.record(NewEvent("segment", segment_id, *said))
                writer.touch_basis()
                return after
            return found[0]

    async def _forget(self, table: Table, kind: str, name: str, request_id: str) -> None:
        request = Request(request_id, f"Delete {kind}", name)
        async with self._database.writing() as writer:
            if await earlier_answer(writer, request) is not None:
                return
            await _forget(writer, table, kind, name)
            await remember(writer, request, {})


def _serves(workload: str) -> ColumnElement[bool]:
    """Rows of segments that the workload, or the group, has or shares."""
    return or_(segments.c.workload == workload, segments.c.tenants.contains([{"workload": workload}]))


def _wanted(workload: str, segment: Segment) -> bool:
    """The same of a value; "" is every workload."""
    return workload in ("", segment.workload, *workloads_of(segment))


async def _due(writer: Writer, request: Request, differs: bool) -> bool:
    """Whether the request, which is remembered now, changes something and was not answered before."""
    if await earlier_answer(writer, request) is not None:
        return False
    await remember(writer, request, {})
    return differs


async def _forget(writer: Writer, table: Table, kind: str, name: str) -> None:
    row = (await writer.connection.execute(select(table).where(table.c.name == name))).one_or_none()
    if row is None:
        raise NotFound(kind, name)
    if row.connected:
        said = f'{kind} "{name}" is connected: stop its agent first'
        raise FailedPrecondition(f"{kind}/{name}", said, reason="CONNECTED")
    if kind == "node":
        await drop_segments(writer, await all_segments(writer.connection, segments.c.node == name))
    await writer.connection.execute(delete(table).where(table.c.name == name))
    await writer.record(NewEvent(kind, name, "Forgotten", "an operator said that it is gone for good"))
    writer.touch_basis()
