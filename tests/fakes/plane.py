"""A plane without a database: a store of one snapshot that keeps the same rules, and hosts that obey it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from common.errors import Conflict
from controller.model import Device, Endpoint, Gpu, Node, Segment, State, Workload
from controller.ports import Decision, NewEvent, Snapshot
from controller.reconcile import applied, node_spec
from controller.reconcile.slots import LEAVING, overlap
from controller.store.observed import merge_gpus, merge_node, merge_segments

EPOCH_0 = datetime(2026, 1, 1, tzinfo=UTC)


def empty_snapshot() -> Snapshot:
    """Nothing at all."""
    return Snapshot(1, (), (), (), (), ())


@dataclass
class FakePlaneStore:
    """Implements PlaneStore in memory; `epoch` is the one that commits must bear."""

    state: Snapshot = field(default_factory=empty_snapshot)
    epoch: int = 1
    now: datetime = EPOCH_0
    events: list[NewEvent] = field(default_factory=list)
    devices: dict[str, Device] = field(default_factory=dict)
    commits: int = 0

    async def snapshot(self) -> Snapshot:
        """What is stored."""
        return self.state

    async def commit(self, decision: Decision, *, basis: int, epoch: int) -> None:
        """Stores a decision. Conflict as the port says."""
        if basis != self.state.basis or epoch != self.epoch:
            raise Conflict("the basis moved or another controller leads")
        self.commit_now(decision)

    def commit_now(self, decision: Decision) -> None:
        """The same without awaiting; refuses what the tables would refuse."""
        after = applied(self.state, decision)
        _check_tables(self.state, decision, after)
        nodes = [replace(n, desired=n.desired + (n.name in decision.desired)) for n in after.nodes]
        real = (
            decision.create
            or decision.transitions
            or decision.forget
            or decision.plan
            or decision.desired
            or decision.shares
        )
        plan = after.last_plan
        if decision.plan is not None:
            number = self.state.last_plan.id + 1 if self.state.last_plan else 1
            plan = replace(decision.plan, id=number)
        self.state = replace(after, nodes=tuple(nodes), last_plan=plan, basis=self.state.basis + bool(real))
        self.events += decision.events
        self.commits += 1

    def apply(self, *workloads: Workload) -> None:
        """Creates or replaces workloads; generations and times as the real store gives them."""
        for asked in workloads:
            old = next((w for w in self.state.workloads if w.name == asked.name), None)
            fresh = replace(
                asked,
                generation=old.generation + 1 if old else 1,
                created=old.created if old else self.now,
                status=replace(old.status if old else asked.status, model_digest=asked.status.model_digest),
            )
            others = [w for w in self.state.workloads if w.name != asked.name]
            self._store(workloads=tuple(sorted([*others, fresh], key=lambda w: w.name)))

    def delete(self, *names: str) -> None:
        """Removes workloads."""
        self._store(workloads=tuple(w for w in self.state.workloads if w.name not in names))

    async def leading_epoch(self) -> int:
        """Epoch of the controller that leads."""
        return self.epoch

    async def node_hello(self, node: Node) -> None:
        """Creates or refreshes a node as connected."""
        old = self.node(node.name)
        fresh = replace(node, desired=self.state.basis)  # a host that was forgotten may remember a generation
        merged = replace(old, connected=True, address=node.address, last_seen=node.last_seen) if old else fresh
        self._put_node(replace(merged, connected=True))

    async def node_gone(self, name: str) -> None:
        """Marks a node disconnected."""
        old = self.node(name)
        if old:
            self._put_node(replace(old, connected=False))

    async def node_observed(self, node: Node, gpus: Sequence[Gpu], segments: Sequence[Segment]) -> None:
        """Stores a report."""
        self.observe(node, gpus, segments)

    def observe(self, node: Node, gpus: Iterable[Gpu], segments: Iterable[Segment]) -> None:
        """The same without awaiting; an equal report changes nothing."""
        before = self.state
        stored = self.node(node.name)
        assert stored is not None, "a node says hello before it reports"
        mine = [s for s in before.segments if s.node == node.name]
        my_gpus = [g for g in before.gpus if g.node == node.name]
        merged_gpus = merge_gpus(my_gpus, list(gpus), (s.gpu_uuid for s in mine))
        after = replace(
            before,
            nodes=(*(n for n in before.nodes if n.name != node.name), merge_node(stored, node)),
            gpus=(*(g for g in before.gpus if g.node != node.name), *merged_gpus),
            segments=(*(s for s in before.segments if s.node != node.name), *merge_segments(mine, segments)),
        )
        self.state = replace(after, nodes=tuple(sorted(after.nodes, key=lambda n: n.name)))
        if self._significant(before) != self._significant(self.state):
            self.state = replace(self.state, basis=before.basis + 1)

    async def device_hello(self, device: Device) -> None:
        """Creates or refreshes a device as connected."""
        self.devices[device.name] = device

    async def device_report(self, device: Device) -> None:
        """Stores a device's report."""
        self.devices[device.name] = device

    async def device_gone(self, name: str) -> None:
        """Marks a device disconnected."""
        self.devices[name] = replace(self.devices[name], connected=False)

    def node(self, name: str) -> Node | None:
        """One stored node."""
        return next((n for n in self.state.nodes if n.name == name), None)

    def _put_node(self, node: Node) -> None:
        others = (n for n in self.state.nodes if n.name != node.name)
        self._store(nodes=tuple(sorted([*others, node], key=lambda n: n.name)))

    def _store(self, **changes: object) -> None:
        self.state = replace(self.state, basis=self.state.basis + 1, **changes)  # type: ignore[arg-type]

    @staticmethod
    def _significant(state: Snapshot) -> object:
        return state.gpus, sorted(state.segments, key=lambda s: s.id)


def _check_tables(before: Snapshot, decision: Decision, after: Snapshot) -> None:
    """What the real tables enforce: known GPUs, fresh ids, no slot sold twice, only the gone forgotten."""
    ids = [segment.id for segment in after.segments]
    assert len(ids) == len(set(ids)), "a segment id is used twice"
    gpus = {gpu.uuid for gpu in after.gpus}
    assert all(segment.gpu_uuid in gpus for segment in decision.create)
    known = {segment.id: segment for segment in before.segments}
    assert all(known[i].gone and known[i].state is State.REMOVING for i in decision.forget)
    sold = [segment for segment in after.segments if segment.state not in LEAVING]
    for index, one in enumerate(sold):
        assert not any(overlap(one, other) for other in sold[index + 1 :]), "a slot is sold twice"


@dataclass
class FakeHost:
    """A GPU host and its agent: obeys the newest desired state that it was sent, one tick a step.

    `slow` is how many ticks a segment takes from its first report to ready.
    """

    name: str
    gpus: list[Gpu]
    slow: int = 2
    online: bool = True
    running: dict[str, Segment] = field(default_factory=dict)
    ages: dict[str, int] = field(default_factory=dict)
    spec: tuple[Segment, ...] = ()
    generation: int = -1

    def receive(self, snapshot: Snapshot) -> None:
        """Takes the desired state if its generation is a newer one."""
        node = next(n for n in snapshot.nodes if n.name == self.name)
        if self.online and node.desired > self.generation:
            self.generation, self.spec = node.desired, node_spec(snapshot, self.name)

    def tick(self) -> None:
        """One step: remove what is not wanted, else create what is missing; everything that runs ages."""
        broken = {gpu.uuid for gpu in self.gpus if not gpu.healthy}
        wanted = {segment.id: segment for segment in self.spec if segment.gpu_uuid not in broken}
        for segment_id in [i for i in self.running if i not in wanted]:
            del self.running[segment_id], self.ages[segment_id]
        for segment in wanted.values():
            if segment.id not in self.running:
                clash = [other.id for other in self.running.values() if overlap(other, segment)]
                assert not clash, f"{segment.id} was sent while {clash} hold its slots"
                self.running[segment.id], self.ages[segment.id] = segment, 0
        self.ages = {segment_id: age + 1 for segment_id, age in self.ages.items()}

    def report(self, store: FakePlaneStore) -> None:
        """Says what it observes."""
        if self.online:
            node = Node(self.name, "127.0.0.1", True, store.now, observed=max(0, self.generation))
            store.observe(node, self.gpus, [self._observed(segment) for segment in self.running.values()])

    def _observed(self, segment: Segment) -> Segment:
        ready = self.ages[segment.id] >= self.slow
        ends = tuple(Endpoint("127.0.0.1", 10_000 + n, ready=ready) for n in range(segment.processes))
        return replace(segment, state=State.READY if ready else State.CREATING, endpoints=ends, message="")


def advance(store: FakePlaneStore, seconds: float) -> None:
    """Lets time pass."""
    store.now += timedelta(seconds=seconds)
