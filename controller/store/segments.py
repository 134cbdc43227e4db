"""Rows of segments, and the slices that they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import Conflict
from controller.model import Change, Segment
from controller.store.observed import LEAVING
from controller.store.rows import parse, to_row
from controller.store.tables import segment_slots, segments
from controller.store.writer import Writer

KIND = "segment"
ORDER = (segments.c.node, segments.c.gpu_index, segments.c.start, segments.c.id)


async def all_segments(connection: AsyncConnection, where: ColumnElement[bool] | None = None) -> Sequence[Segment]:
    """Every segment, by host, GPU index and start."""
    query = select(segments).order_by(*ORDER)
    rows = await connection.execute(query if where is None else query.where(where))
    return [parse(Segment, row._mapping) for row in rows]


async def add_segments(writer: Writer, new: Sequence[Segment]) -> None:
    """Stores newborn segments."""
    if new:
        await writer.connection.execute(insert(segments), [to_row(segment) for segment in new])
        await _log(writer, Change.UPDATED, new)


async def replace_segments(writer: Writer, changed: Sequence[Segment]) -> None:
    """Stores segments anew."""
    for segment in changed:
        statement = update(segments).where(segments.c.id == segment.id).values(to_row(segment, "id"))
        await writer.connection.execute(statement)
    await _log(writer, Change.UPDATED, changed)


async def drop_segments(writer: Writer, gone: Sequence[Segment]) -> None:
    """Removes segments."""
    ids = [segment.id for segment in gone]
    await writer.connection.execute(delete(segments).where(segments.c.id.in_(ids)))
    await _log(writer, Change.DELETED, gone)


async def hold_slots(writer: Writer, touched: Iterable[Segment]) -> None:
    """Makes `segment_slots` agree with the segments that changed. Conflict if a slice would be promised twice."""
    changed = list(touched)
    slots = segment_slots.c
    await writer.connection.execute(delete(segment_slots).where(slots.segment_id.in_([s.id for s in changed])))
    rows = [
        {slots.gpu_uuid.name: s.gpu_uuid, slots.slot.name: slot, slots.segment_id.name: s.id}
        for s in changed
        if s.state not in LEAVING
        for slot in range(s.start, s.start + s.memory_slices)
    ]
    try:
        if rows:
            await writer.connection.execute(insert(segment_slots), rows)
    except IntegrityError as error:
        detail = str(error.orig).partition("DETAIL:")[2].strip()
        raise Conflict(f"a slice would be promised to two segments: {detail}", reason="SLOT_SOLD") from error


async def _log(writer: Writer, change: Change, values: Sequence[Segment]) -> None:
    for segment in values:
        await writer.changed(KIND, segment.id, change, segment)
    if values:
        writer.touch_basis()
