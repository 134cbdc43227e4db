"""What the API does with the fleet: reads it, and forgets what is gone for good."""

from __future__ import annotations

from collections.abc import AsyncIterator

from common.names import name_violation
from controller.model import Changed, Device, Gpu, Node, Page, Segment
from controller.ports_public import FleetStore
from controller.service import rules


class Fleet:
    """Reads what the agents reported."""

    def __init__(self, store: FleetStore) -> None:
        self._store = store

    async def nodes(self, page_size: int, page_token: str) -> Page[Node]:
        """Reads a page by name."""
        return await self._store.nodes(page_size, page_token)

    async def gpus(self, page_size: int, page_token: str, node: str) -> Page[Gpu]:
        """Reads a page by host and index."""
        rules.raise_if_any(rules.optional_name("node", node))
        return await self._store.gpus(page_size, page_token, node)

    async def segments(self, page_size: int, page_token: str, workload: str, node: str) -> Page[Segment]:
        """Reads a page by host, GPU index and start."""
        rules.raise_if_any(rules.optional_name("workload", workload), rules.optional_name("node", node))
        return await self._store.segments(page_size, page_token, workload, node)

    async def devices(self, page_size: int, page_token: str) -> Page[Device]:
        """Reads a page by name."""
        return await self._store.devices(page_size, page_token)

    def watch_segments(self, resume_revision: int, workload: str) -> AsyncIterator[Changed[Segment]]:
        """Endless changes."""
        rules.raise_if_any(
            rules.optional_name("workload", workload),
            rules.within("resume_revision", resume_revision, 0, (1 << 63) - 1),
        )
        return self._store.watch_segments(resume_revision, workload)

    async def delete_node(self, name: str, request_id: str) -> None:
        """Forgets a host."""
        rules.raise_if_any(name_violation("name", name), rules.text("request_id", request_id))
        await self._store.delete_node(name, request_id=request_id)

    async def delete_device(self, name: str, request_id: str) -> None:
        """Forgets a device."""
        rules.raise_if_any(name_violation("name", name), rules.text("request_id", request_id))
        await self._store.delete_device(name, request_id=request_id)

    async def cordon_gpu(self, uuid: str, *, cordoned: bool, request_id: str) -> Gpu:
        """Takes a GPU out of placement, or back in."""
        rules.raise_if_any(rules.given("uuid", uuid), rules.text("request_id", request_id))
        return await self._store.cordon_gpu(uuid, cordoned=cordoned, request_id=request_id)

    async def pin_segment(self, segment_id: str, *, pinned: bool, request_id: str) -> Segment:
        """Keeps a segment where it is, or frees it."""
        rules.raise_if_any(rules.given("id", segment_id), rules.text("request_id", request_id))
        return await self._store.pin_segment(segment_id, pinned=pinned, request_id=request_id)
