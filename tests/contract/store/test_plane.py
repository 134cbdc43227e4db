"""What every PlaneStore promises: the real one on Postgres and the fake alike."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from common.errors import Conflict
from controller.model import Condition, Endpoint, Plan, PlannedSegment, State, WorkloadStatus
from controller.ports import Decision, NewEvent, PlaneStore, Shares, Snapshot, Transition
from controller.stores import Stores
from controller.tenants import Tenant
from tests.fakes.plane import FakePlaneStore
from tests.plane_values import digest, gpu, node, segment, version, workload

pytestmark = pytest.mark.contract


SHARED = replace(
    segment(),
    workload="shared-1",
    model_digest="",
    tenants=(Tenant("cat", digest(), 4, 1, 2.0, 10.0), Tenant("dog", digest("b"), 1, 64, 1.0, 12.0)),
)


@dataclass
class Case:
    """A store with workload `cat` and host `host-a` of two GPUs, and the epoch that commits must bear."""

    store: PlaneStore
    epoch: int

    async def commit(self, decision: Decision, basis: int | None = None) -> Snapshot:
        """Commits on the newest basis; returns what is stored then."""
        now = await self.store.snapshot()
        await self.store.commit(decision, basis=now.basis if basis is None else basis, epoch=self.epoch)
        return await self.store.snapshot()


async def _no_bytes() -> None:
    return None


async def _prepare(store: PlaneStore) -> None:
    await store.node_hello(node())
    await store.node_observed(node(observed=0), [gpu("GPU-0"), gpu("GPU-1", index=1)], [])


@pytest.fixture
async def on_fake() -> Case:
    """The case in memory."""
    fake = FakePlaneStore()
    fake.apply(replace(workload(), status=WorkloadStatus(model_digest=digest())))
    await _prepare(fake)
    return Case(fake, fake.epoch)


@pytest.fixture
async def on_postgres(stores: Stores) -> Case:
    """The case on Postgres."""
    await stores.models.add("resnet50", version(), _no_bytes)
    await stores.workloads.apply(workload(), request_id="")
    await stores.leader.hold()
    await _prepare(stores.plane)
    return Case(stores.plane, stores.leader.epoch)


@pytest.fixture(params=["on_fake", "on_postgres"])
def case(request: pytest.FixtureRequest) -> Case:
    """One case per adapter."""
    found: Case = request.getfixturevalue(request.param)
    return found


async def test_a_decision_is_read_back(case: Case) -> None:
    """What a commit creates, plans and says of workloads is what the next snapshot reads."""
    planned = PlannedSegment("host-a", "GPU-0", 0, 0, "1g.10gb", 1, "cat", 4, 2, 20.0, 10.0, "create", "seg-1", 1)
    plan = Plan(0, None, "parvagpu", 1, 1, 1, (planned,), (), "first plan", 0.5)
    status = WorkloadStatus((Condition("Planned", True, "PLANNED", "yes"),), 1, 1, 0, 20.0, 0.0, digest())
    decision = Decision(create=(segment(),), plan=plan, inputs="key", statuses=(("cat", status),), desired=("host-a",))
    before = await case.store.snapshot()
    before = await case.store.snapshot()
    after = await case.commit(decision)
    assert after.segments == (segment(),)
    assert after.last_plan is not None
    assert (after.last_plan.id, after.last_plan.segments, after.last_inputs) == (1, (planned,), "key")
    assert after.workloads[0].status == status
    assert after.nodes[0].desired == before.nodes[0].desired + 1


async def test_a_shared_segment_is_read_back(case: Case) -> None:
    """Its tenants stay as they were born whatever its host reports; what they get follows their rates."""
    await case.commit(Decision(create=(SHARED,)))
    seen = replace(segment(), state=State.READY)
    await case.store.node_observed(node(), [gpu("GPU-0"), gpu("GPU-1", index=1)], [seen])
    before = await case.store.snapshot()
    assert before.segments == (replace(SHARED, state=State.READY),)
    tenants = (replace(SHARED.tenants[0], throughput=3.0), SHARED.tenants[1])
    after = await case.commit(Decision(shares=(Shares("seg-1", 4.0, 12.0, tenants),)))
    assert after.segments == (replace(before.segments[0], throughput=4.0, latency_ms=12.0, tenants=tenants),)
    assert after.basis > before.basis


async def test_one_of_two_planners_on_the_same_basis_gets_a_conflict(case: Case) -> None:
    """Two decisions made on one snapshot, committed at once: one is stored, the other must decide again."""
    basis = (await case.store.snapshot()).basis
    decisions = [Decision(create=(segment(f"seg-{i}", start=i),)) for i in range(2)]
    commits = (case.store.commit(d, basis=basis, epoch=case.epoch) for d in decisions)
    results = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(r) for r in results if r is not None] == [Conflict]
    assert len((await case.store.snapshot()).segments) == 1


async def test_another_epoch_is_refused(case: Case) -> None:
    """A leader that was replaced while it was paused cannot write (scenario 10)."""
    basis = (await case.store.snapshot()).basis
    for epoch in (case.epoch - 1, case.epoch + 1):
        with pytest.raises(Conflict):
            await case.store.commit(Decision(create=(segment(),)), basis=basis, epoch=epoch)
    assert (await case.store.snapshot()).segments == ()


async def test_statuses_and_events_move_no_basis(case: Case) -> None:
    """What a turn merely says does not make the next decision stale."""
    before = (await case.store.snapshot()).basis
    status = WorkloadStatus(planned_segments=1, model_digest=digest())
    after = await case.commit(Decision(statuses=(("cat", status),), events=(NewEvent("workload", "cat", "A", "b"),)))
    assert after.basis == before


@pytest.mark.parametrize(
    "decision",
    [
        Decision(create=(segment(),)),
        Decision(plan=Plan(0, None, "parvagpu", 0, 0, 0, (), (), "t"), inputs="k"),
        Decision(desired=("host-a",)),
    ],
    ids=["create", "plan", "desired"],
)
async def test_what_changes_the_placement_moves_the_basis(case: Case, decision: Decision) -> None:
    """A decision that a later one could rest on makes those that were made before it stale."""
    before = (await case.store.snapshot()).basis
    assert (await case.commit(decision)).basis > before


async def test_observed_fields_follow_the_report(case: Case) -> None:
    """A segment takes state, endpoints and device from its host's report, and keeps what it was born with."""
    await case.commit(Decision(create=(segment(),)))
    ends = (Endpoint("10.0.0.1", 8001, 8002, 77, True),)
    seen = replace(segment(), state=State.READY, endpoints=ends, mig_uuid="MIG-1", restarts=2, workload="other")
    await case.store.node_observed(node(observed=3), [gpu("GPU-0"), gpu("GPU-1", index=1)], [seen])
    after = await case.store.snapshot()
    assert after.segments == (replace(seen, workload="cat"),)
    assert after.nodes[0].observed == 3


async def test_an_equal_report_moves_nothing(case: Case) -> None:
    """Heartbeats that say nothing new leave the basis alone."""
    before = (await case.store.snapshot()).basis
    await case.store.node_observed(node(observed=0), [gpu("GPU-0"), gpu("GPU-1", index=1)], [])
    assert (await case.store.snapshot()).basis == before


async def test_a_drained_segment_is_gone_once_its_host_says_so(case: Case) -> None:
    """DRAINING stays so while the host lists it, is REMOVING and gone when it does not, and can be forgotten."""
    await case.commit(Decision(create=(segment(),)))
    await case.commit(Decision(transitions=(Transition("seg-1", State.DRAINING, "surplus"),)))
    gpus = [gpu("GPU-0"), gpu("GPU-1", index=1)]
    await case.store.node_observed(node(), gpus, [replace(segment(), state=State.READY)])
    assert [(s.state, s.gone) for s in (await case.store.snapshot()).segments] == [(State.DRAINING, False)]
    await case.store.node_observed(node(), gpus, [])
    assert [(s.state, s.gone) for s in (await case.store.snapshot()).segments] == [(State.REMOVING, True)]
    assert (await case.commit(Decision(forget=("seg-1",)))).segments == ()


async def test_a_planned_segment_may_wait_for_the_slices_of_one_that_leaves(case: Case) -> None:
    """Slices are promised anew as soon as their holder drains."""
    await case.commit(Decision(create=(segment(),)))
    moves = (Transition("seg-1", State.DRAINING, "makes room"),)
    after = await case.commit(Decision(create=(segment("seg-2"),), transitions=moves))
    assert {s.id: s.state for s in after.segments} == {"seg-1": State.DRAINING, "seg-2": State.PLANNED}


async def test_a_lost_gpu_that_carries_segments_is_unhealthy(case: Case) -> None:
    """A GPU that its host no longer lists stays known while segments stand on it, and is dropped otherwise."""
    await case.commit(Decision(create=(segment(),)))
    await case.store.node_observed(node(), [], [])
    assert [(g.uuid, g.healthy) for g in (await case.store.snapshot()).gpus] == [("GPU-0", False)]


async def test_a_host_that_leaves_keeps_what_it_has(case: Case) -> None:
    """A host that is gone for an hour keeps its GPUs and segments (scenario 14), and is connected again after."""
    await case.commit(Decision(create=(segment(),)))
    await case.store.node_gone("host-a")
    away = await case.store.snapshot()
    assert (away.nodes[0].connected, len(away.gpus), len(away.segments)) == (False, 2, 1)
    await case.store.node_hello(node())
    assert (await case.store.snapshot()).nodes[0].connected
