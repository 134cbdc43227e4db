"""What the leader's turn and the links read and write: one snapshot, one commit, and the agents' reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import Conflict, FailedPrecondition, NotFound
from controller.model import Device, Gpu, Node, Segment, State
from controller.ports import Decision, NewEvent, Snapshot, Transition
from controller.store.database import Database
from controller.store.fleet import select_nodes
from controller.store.leader import LEADER_LOCK
from controller.store.models import describe
from controller.store.observed import merge_gpus, merge_node, merge_segments
from controller.store.plans import add_plan, newest_plan
from controller.store.profiles import with_points
from controller.store.rows import parse, to_row
from controller.store.segments import add_segments, all_segments, drop_segments, hold_slots, replace_segments
from controller.store.tables import devices, gpus, models, nodes, plane, profiles, segments
from controller.store.workloads import all_workloads, set_status
from controller.store.writer import Writer

REFUSED = ("refused_bundle_digest", "refusal")


class PgPlane:
    """Implements PlaneStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def snapshot(self) -> Snapshot:
        """Reads everything in one repeatable-read transaction."""
        async with self._database.reading() as connection:
            run = connection.execute
            plan, inputs = await newest_plan(connection)
            by_name = select(gpus).order_by(gpus.c.node, gpus.c["index"], gpus.c.uuid)
            return Snapshot(
                basis=(await run(select(plane.c.basis))).scalar_one(),
                workloads=tuple(await all_workloads(connection)),
                profiles=await with_points(connection, (await run(select(profiles).order_by(profiles.c.name))).all()),
                nodes=tuple(parse(Node, r._mapping) for r in await run(select_nodes().order_by(nodes.c.name))),
                gpus=tuple(parse(Gpu, r._mapping) for r in await run(by_name)),
                segments=tuple(await all_segments(connection)),
                models=await describe(connection, (await run(select(models).order_by(models.c.name))).all()),
                last_plan=plan,
                last_inputs=inputs,
            )

    async def commit(self, decision: Decision, *, basis: int, epoch: int) -> None:
        """Writes a decision in one transaction. Conflict if the basis moved or the epoch is no longer ours."""
        async with self._database.writing() as writer:
            if writer.epoch != epoch:
                said = f"epoch {epoch} is over: a controller of epoch {writer.epoch} leads"
                raise Conflict(said, reason="EPOCH_OVER")
            if writer.basis != basis:
                raise Conflict("what the decision rests on has changed: decide again", reason="BASIS_MOVED")
            await _write(writer, decision)

    async def leading_epoch(self) -> int:
        """Epoch of the controller that leads; 0: none does."""
        lock = text("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = :key AND granted")
        async with self._database.reading() as connection:
            led = (await connection.execute(lock, {"key": LEADER_LOCK})).first()
            return int((await connection.execute(select(plane.c.epoch))).scalar_one()) if led else 0

    async def node_hello(self, node: Node) -> None:
        """Creates or refreshes a node as connected."""
        said = {"address": node.address, "agent_version": node.agent_version, "connected": True}
        said |= {"last_seen": node.last_seen or self._database.now()}
        async with self._database.writing() as writer:
            # A host that was forgotten and comes back may remember a generation: only a later one may follow.
            row = {**to_row(node, "gpus"), "observed": 0, "desired": writer.revision, **said}
            upsert = insert(nodes).values(row).on_conflict_do_update(index_elements=[nodes.c.name], set_=said)
            await writer.connection.execute(upsert)
            writer.touch_basis()

    async def node_gone(self, name: str) -> None:
        """Marks a node disconnected; its GPUs and segments stay as they are."""
        async with self._database.writing() as writer:
            await writer.connection.execute(update(nodes).where(nodes.c.name == name).values(connected=False))
            writer.touch_basis()

    async def node_observed(self, node: Node, gpus: Sequence[Gpu], segments: Sequence[Segment]) -> None:
        """Stores a report. NotFound before the hello; FailedPrecondition if a GPU is another connected node's."""
        async with self._database.reading() as connection:
            news = (await _known(connection, node.name)).after(node, gpus, segments)
        if not news.differs:
            await self._seen(news.node)
            return
        async with self._database.writing() as writer:  # read again: now nothing moves under us
            news = (await _known(writer.connection, node.name)).after(node, gpus, segments)
            if news.differs:
                await _store_report(writer, news)

    async def _seen(self, node: Node) -> None:
        async with self._database.touching() as connection:
            statement = update(nodes).where(nodes.c.name == node.name)
            await connection.execute(statement.values(last_seen=node.last_seen or self._database.now()))

    async def device_hello(self, device: Device) -> None:
        """Creates or refreshes a device as connected; its figures begin anew, but for what it refuses."""
        row = to_row(replace(device, connected=True, last_seen=device.last_seen or self._database.now()))
        async with self._database.touching() as connection:
            anew = {name: value for name, value in row.items() if name not in REFUSED}
            upsert = insert(devices).values(row).on_conflict_do_update(index_elements=[devices.c.name], set_=anew)
            await connection.execute(upsert)

    async def device_report(self, device: Device) -> None:
        """Stores a device's report, with an event where it refuses a bundle anew; NotFound before its hello."""
        left_out = ("name", "workload", "connected", "agent_version")
        row = {**to_row(device, *left_out), "last_seen": device.last_seen or self._database.now()}
        statement = update(devices).where(devices.c.name == device.name).values(row)
        async with self._database.touching() as connection:
            if not (device.refusal and await _refuses_anew(connection, device)):
                if not (await connection.execute(statement)).rowcount:
                    raise NotFound("device", device.name)
                return
        async with self._database.writing() as writer:
            await writer.connection.execute(statement)
            said = f"{row['refused_bundle_digest'] or 'a bundle'}: {row['refusal']}"
            await writer.record(NewEvent("device", device.name, "BundleRefused", said, warning=True))

    async def device_gone(self, name: str) -> None:
        """Marks a device disconnected."""
        async with self._database.touching() as connection:
            await connection.execute(update(devices).where(devices.c.name == name).values(connected=False))


async def _refuses_anew(connection: AsyncConnection, device: Device) -> bool:
    """Whether the device, if it is known, did not refuse this bundle before."""
    query = select(*(devices.c[name] for name in REFUSED)).where(devices.c.name == device.name)
    known = (await connection.execute(query)).one_or_none()
    return known is not None and (not known.refusal or known[0] != device.refused_bundle_digest)


async def _write(writer: Writer, decision: Decision) -> None:
    known = {segment.id: segment for segment in await all_segments(writer.connection)}
    await drop_segments(writer, [known[i] for i in decision.forget if i in known])
    moved = [_moved(known[t.segment_id], t) for t in decision.transitions if t.segment_id in known]
    given = [shares.of(known[shares.segment_id]) for shares in decision.shares if shares.segment_id in known]
    await replace_segments(writer, (*moved, *given))
    await add_segments(writer, decision.create)
    await hold_slots(writer, (*moved, *decision.create))
    for name, status in decision.statuses:
        await set_status(writer, name, status)
    number = await add_plan(writer, decision.plan, decision.inputs) if decision.plan else 0
    if decision.desired:
        grown = update(nodes).where(nodes.c.name.in_(decision.desired)).values(desired=nodes.c.desired + 1)
        await writer.connection.execute(grown)
        writer.touch_basis()
    await writer.record(*(_named(event, number) for event in decision.events))


def _named(event: NewEvent, plan: int) -> NewEvent:
    """An event about the plan that was just stored learns its number only here."""
    return replace(event, subject=str(plan)) if event.subject_kind == "plan" and not event.subject else event


def _moved(segment: Segment, transition: Transition) -> Segment:
    leaving = transition.state in (State.DRAINING, State.REMOVING)
    since = transition.drain_since or (segment.drain_since if leaving else None)
    gone = segment.gone and transition.state is State.REMOVING
    return replace(segment, state=transition.state, message=transition.message, drain_since=since, gone=gone)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored of a host; `others` maps GPUs of other connected hosts to their host."""

    node: Node
    gpus: tuple[Gpu, ...]
    segments: tuple[Segment, ...]
    others: dict[str, str]

    def after(self, node: Node, gpus: Sequence[Gpu], segments: Sequence[Segment]) -> _News:
        """What a report makes of it. FailedPrecondition if it claims another host's GPU."""
        for gpu in gpus:
            if gpu.uuid in self.others:
                said = f'GPU {gpu.uuid} of node "{node.name}" is reported by connected node "{self.others[gpu.uuid]}"'
                raise FailedPrecondition(
                    f"gpu/{gpu.uuid}", f"{said} too: two agents drive one host", reason="GPU_TAKEN"
                )
        owned = tuple(replace(gpu, node=node.name) for gpu in gpus)
        merged = merge_gpus(self.gpus, owned, (s.gpu_uuid for s in self.segments))
        return _News(self, merge_node(self.node, node), merged, merge_segments(self.segments, segments))


@dataclass(frozen=True, slots=True)
class _News:
    before: _Known
    node: Node
    gpus: tuple[Gpu, ...]
    segments: tuple[Segment, ...]

    @property
    def differs(self) -> bool:
        """Whether anything but the time of the report is new."""
        same_node = replace(self.node, last_seen=None) == replace(self.before.node, last_seen=None)
        return not same_node or set(self.gpus) != set(self.before.gpus) or self.segments != self.before.segments


async def _known(connection: AsyncConnection, name: str) -> _Known:
    run = connection.execute
    row = (await run(select_nodes().where(nodes.c.name == name))).one_or_none()
    if row is None:
        raise NotFound("node", name)
    mine = tuple(parse(Gpu, r._mapping) for r in await run(select(gpus).where(gpus.c.node == name)))
    elsewhere = select(gpus.c.uuid, gpus.c.node).join(nodes).where(nodes.c.connected, gpus.c.node != name)
    others = {r.uuid: r.node for r in await run(elsewhere)}
    return _Known(
        parse(Node, row._mapping), mine, tuple(await all_segments(connection, segments.c.node == name)), others
    )


async def _store_report(writer: Writer, news: _News) -> None:
    run = writer.connection.execute
    row = {**to_row(news.node, "gpus", "name", "desired", "connected"), "last_seen": news.node.last_seen or writer.now}
    await run(update(nodes).where(nodes.c.name == news.node.name).values(row))
    kept = [gpu.uuid for gpu in news.gpus]
    await run(delete(gpus).where(gpus.c.node == news.node.name, gpus.c.uuid.not_in(kept)))
    for gpu in set(news.gpus) - set(news.before.gpus):
        row = to_row(gpu)
        await run(insert(gpus).values(row).on_conflict_do_update(index_elements=[gpus.c.uuid], set_=row))
    before = {segment.id: segment for segment in news.before.segments}
    changed = [segment for segment in news.segments if segment != before[segment.id]]
    await replace_segments(writer, changed)
    await hold_slots(writer, changed)
    writer.touch_basis()
