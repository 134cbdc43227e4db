"""What agents reported, for readers; and forgetting hosts and devices that are gone for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Select, Table, delete, func, select

from common.errors import FailedPrecondition, NotFound
from controller.model import Changed, Device, Gpu, Node, Page, Segment
from controller.ports import NewEvent
from controller.store.database import Database
from controller.store.feed import Feed
from controller.store.pages import Listing
from controller.store.requests import Request, earlier_answer, remember
from controller.store.rows import parse
from controller.store.segments import KIND, ORDER, all_segments, drop_segments
from controller.store.tables import devices, gpus, nodes, segments
from controller.store.writer import Writer


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
            query = query.where(segments.c.workload == workload)
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
        feed = Feed(self._database, KIND, Segment, all_segments, lambda s: workload in ("", s.workload))
        return feed.follow(resume_revision)

    async def delete_node(self, name: str, *, request_id: str) -> None:
        """Forgets a host. NotFound; FailedPrecondition while it is connected."""
        await self._forget(nodes, "node", name, request_id)

    async def delete_device(self, name: str, *, request_id: str) -> None:
        """Forgets a device. NotFound; FailedPrecondition while it is connected."""
        await self._forget(devices, "device", name, request_id)

    async def _forget(self, table: Table, kind: str, name: str, request_id: str) -> None:
        request = Request(request_id, f"Delete {kind}", name)
        async with self._database.writing() as writer:
            if await earlier_answer(writer, request) is not None:
                return
            await _forget(writer, table, kind, name)
            await remember(writer, request, {})


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
