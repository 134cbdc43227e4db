"""The agent's turns on a host in memory: what is reported, what is stuck, that one trouble costs no other segment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from common.errors import InvalidArgument, NotFound, Unavailable
from node_agent import wire
from node_agent.agent import STUCK_AFTER, Agent
from node_agent.journal import Journal
from node_agent.metrics import Reports, serve
from node_agent.model import Desired, SegmentSpec, Serve, State, Tenant
from node_agent.segment import Segments
from protos.sliceplane.node.v1 import node_pb2 as pb
from protos.sliceplane.type.v1 import type_pb2
from tests.fakes.node_host import FakeDaemons, FakeGpus, FakeModels, FakeProcesses, Host

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def spec(id_: str, start: int = 0, digest: str = DIGEST, gpu: str = "GPU-0") -> SegmentSpec:
    """A one-slice segment."""
    return SegmentSpec(id_, gpu, start, 1, 1, "w", digest, Serve.WHOLE, 4, 1, 100)


def build(host: Host, folder: Path, models: FakeModels | None = None) -> Agent:
    """An agent on the host; it tries again at once."""
    journal = Journal(folder)
    parts = (FakeGpus(host), models or FakeModels(), FakeDaemons(host), FakeProcesses(host, journal), journal)
    return Agent(Segments(*parts, folder / "segments"), retry_s=(0.0,))


async def turns(agent: Agent, count: int) -> None:
    """So many turns, each with all of its work done."""
    for _ in range(count):
        await agent.turn()
        await agent.settle()


async def test_converged_generation_is_latched(tmp_path: Path) -> None:
    """A generation counts as reached once all its segments are ready, and stays so while one is mended."""
    host = Host()
    agent = build(host, tmp_path)
    assert agent.accept(Desired(1, 7, (spec("a"), spec("b", 1))))
    await agent.turn()
    assert agent.observed().generation == 0
    await turns(agent, 2)
    report = agent.observed()
    assert (report.epoch, report.generation) == (1, 7)
    assert [(s.id, s.state) for s in report.segments] == [("a", State.READY), ("b", State.READY)]
    host.running.clear()
    agent.segments.models = FakeModels({DIGEST: None})
    await turns(agent, 1)
    report = agent.observed()
    assert {s.state for s in report.segments} == {State.FAILED}
    assert report.generation == 7
    assert not agent.accept(Desired(1, 6))
    assert not agent.accept(Desired(0, 9))
    assert len(agent.segments.journal.desired.segments) == 2


async def test_stuck_removal_is_told_and_others_go_on(tmp_path: Path) -> None:
    """An instance held by a monitor is tried again and again, told as Stuck, and gone once it is let go; a segment on
    another GPU is made meanwhile (DCGM #276, HAMi #1088)."""
    host = Host()
    agent = build(host, tmp_path)
    agent.accept(Desired(1, 1, (spec("a"),)))
    await turns(agent, 1)
    host.in_use = STUCK_AFTER
    agent.accept(Desired(1, 2, (spec("b", gpu="GPU-1"), spec("c", 0))))
    await turns(agent, STUCK_AFTER)
    report = agent.observed()
    (stuck,) = report.conditions
    assert (stuck.type, stuck.reason) == ("Stuck", "REPEATED_FAILURE")
    assert "segment a" in stuck.message
    assert "in use" in stuck.message
    states = {s.id: s.state for s in report.segments}
    assert states == {"a": State.REMOVING, "b": State.READY, "c": State.CREATING}
    await turns(agent, 2)
    report = agent.observed()
    assert {s.id: s.state for s in report.segments} == {"b": State.READY, "c": State.READY}
    assert report.conditions == ()


@pytest.mark.parametrize("error", [NotFound("model version", DIGEST), Unavailable("x"), ZeroDivisionError("a bug")])
async def test_one_trouble_costs_no_other(tmp_path: Path, error: Exception) -> None:
    """Whatever goes wrong with one segment, a known error or a bug, its neighbour becomes ready."""
    agent = build(Host(), tmp_path, FakeModels({OTHER: error}))  # type: ignore[dict-item]  # a bug is none of ours
    agent.accept(Desired(1, 1, (spec("bad", 0, OTHER), spec("good", 1))))
    await turns(agent, 2)
    found = {s.id: s for s in agent.observed().segments}
    assert found["good"].state is State.READY
    assert found["bad"].state is State.FAILED
    assert found["bad"].message == str(error)


async def test_tenants_are_named(tmp_path: Path) -> None:
    """A shared segment waits for every tenant's model and says whose are missing; a download that fails names whose."""
    tenants = (Tenant("u", DIGEST, 4, 1), Tenant("v", OTHER, 4, 64))
    models = FakeModels({OTHER: None})
    agent = build(Host(), tmp_path, models)
    agent.accept(Desired(1, 1, (replace(spec("a", digest=""), tenants=tenants),)))
    await turns(agent, 1)
    (status,) = agent.observed().segments
    assert (status.state, status.endpoints) == (State.CREATING, ())
    assert status.message == "1 of 2 models are being downloaded: those of v"
    models.missing[OTHER] = NotFound("model version", OTHER)
    await turns(agent, 1)
    (status,) = agent.observed().segments
    assert (status.state, status.message) == (State.FAILED, f'tenant "v": there is no model version "{OTHER}"')
    models.missing.clear()
    await turns(agent, 1)
    assert agent.observed().segments[0].state is State.READY


async def test_models_of_tenants_are_kept(tmp_path: Path) -> None:
    """When a segment goes, models that nobody serves any more are let go of, those of tenants are not."""
    models = FakeModels()
    agent = build(Host(), tmp_path, models)
    shared_by = (Tenant("u", DIGEST, 4, 1), Tenant("v", OTHER, 4, 64))
    stays = replace(spec("s", digest=""), tenants=shared_by)
    agent.accept(Desired(1, 1, (stays, spec("a", 1, f"sha256:{'c' * 64}"))))
    await turns(agent, 1)
    agent.accept(Desired(1, 2, (stays,)))
    await turns(agent, 3)
    assert models.wanted == {DIGEST, OTHER}


async def test_trying_again_is_no_success(tmp_path: Path) -> None:
    """A download that fails each time leaves its segment failed while it is tried again, and in the end stuck; once the
    model is there the segment serves and nothing is held against it."""
    models, gone = FakeModels(), NotFound("model version", DIGEST)
    agent = build(Host(), tmp_path, models)
    agent.accept(Desired(1, 1, (spec("a"),)))
    for tries in range(1, STUCK_AFTER + 1):
        models.missing[DIGEST] = gone
        await turns(agent, 1)
        assert agent.troubles["a"].tries == tries
        models.missing[DIGEST] = None  # under way once more
        await turns(agent, 2)
        (status,) = agent.observed().segments
        assert status.state is State.FAILED
        assert gone.message in status.message
    assert [c.type for c in agent.observed().conditions] == ["Stuck"]
    del models.missing[DIGEST]
    await turns(agent, 2)
    assert agent.observed().segments[0].state is State.READY
    assert agent.observed().conditions == ()
    assert agent.troubles == {}


async def test_unknown_gpu_and_teardown(tmp_path: Path) -> None:
    """A segment for a GPU that is not here waits and says so; a teardown takes everything, even what is in use."""
    host = Host()
    agent = build(host, tmp_path)
    agent.accept(Desired(1, 1, (spec("a"), spec("lost", gpu="GPU-9"))))
    await turns(agent, 1)
    waiting = next(s for s in agent.observed().segments if s.id == "lost")
    assert (waiting.state, waiting.message) == (State.CREATING, "this host has no GPU GPU-9")
    host.in_use = 2
    await agent.teardown(10)
    assert (host.instances, host.running, host.daemons) == ({}, {}, {})


async def test_run_reports_nothing_before_its_first_look(tmp_path: Path) -> None:
    """A successor says of what runs that it is ready with its first word."""
    host = Host()
    first = build(host, tmp_path)
    first.accept(Desired(1, 1, (spec("a"),)))
    await turns(first, 1)
    second, stop = build(host, tmp_path), asyncio.Event()
    running = asyncio.create_task(second.run(stop))
    assert not second.surveyed.is_set()
    await asyncio.wait_for(second.surveyed.wait(), 10)
    assert [s.state for s in second.observed().segments] == [State.READY]
    stop.set()
    await asyncio.wait_for(running, 10)


async def test_metrics_tell_the_report(tmp_path: Path) -> None:
    """Prometheus sees GPUs, segments by state and the generation."""
    agent = build(Host(), tmp_path)
    agent.accept(Desired(3, 4, (spec("a"),)))
    await turns(agent, 2)
    registry = CollectorRegistry()
    registry.register(Reports(agent.observed))
    text = generate_latest(registry).decode()
    assert 'sliceplane_node_gpu_healthy{gpu="GPU-0"} 1.0' in text
    assert 'sliceplane_node_segments{state="ready"} 1.0' in text
    assert "sliceplane_node_generation 4.0" in text
    with pytest.raises(InvalidArgument, match="--metrics-listen"):
        serve("nonsense", agent.observed)


def message(**changes: object) -> pb.SegmentSpec:
    """A good SegmentSpec but for `changes`."""
    good = {
        "id": "a-1",
        "gpu_uuid": "GPU-0",
        "start": 0,
        "gpcs": 1,
        "memory_slices": 1,
        "workload": "w",
        "model_digest": DIGEST,
        "serve": type_pb2.SERVE_KIND_TAIL,
        "batch": 0,
        "processes": 0,
        "max_queue_delay_us": 5,
    }
    return pb.SegmentSpec(**{**good, **changes})  # type: ignore[arg-type]


def test_wire_reads_a_desired_state() -> None:
    """Every field arrives; what protobuf cannot tell from absent gets its least sensible value."""
    found = wire.desired(pb.Desired(epoch=2, generation=3, segments=[message()]))
    want = SegmentSpec("a-1", "GPU-0", 0, 1, 1, "w", DIGEST, Serve.TAIL, 1, 1, 5)
    assert found == Desired(2, 3, (want,))
    assert wire.desired(pb.Desired(segments=[message(serve=0)])).segments == (replace(want, serve=Serve.WHOLE),)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "../../etc"),
        ("id", "a/b"),
        ("workload", "../x"),
        ("model_digest", "sha256:../../../etc/passwd"),
        ("model_digest", ""),
        ("processes", 49),
        ("gpcs", 0),
    ],
)
def test_wire_refuses_what_could_do_harm(field: str, value: object) -> None:
    """Ids, names and digests that would reach out of their folder, and impossible sizes, are refused by name."""
    with pytest.raises(InvalidArgument, match=f"segments.{field}"):
        wire.desired(pb.Desired(segments=[message(**{field: value})]))


def tenant(**changes: object) -> pb.Tenant:
    """A good Tenant but for `changes`."""
    good = {"workload": "v", "model_digest": DIGEST, "batch": 8, "priority": 1}
    return pb.Tenant(**{**good, **changes})  # type: ignore[arg-type]


def shared(*tenants: pb.Tenant, **changes: object) -> pb.SegmentSpec:
    """A good SegmentSpec of a segment that `tenants` share, but for `changes`."""
    return message(**{"model_digest": "", "serve": type_pb2.SERVE_KIND_WHOLE, "tenants": tenants, **changes})


def test_wire_reads_who_shares_a_segment() -> None:
    """Every field of every tenant arrives; they may serve one and the same model."""
    found = wire.desired(pb.Desired(segments=[shared(tenant(), tenant(workload="u", batch=1, priority=2**32 - 1))]))
    tenants = (Tenant("v", DIGEST, 8, 1), Tenant("u", DIGEST, 1, 2**32 - 1))
    assert found.segments == (SegmentSpec("a-1", "GPU-0", 0, 1, 1, "w", "", Serve.WHOLE, 1, 1, 5, tenants),)
    assert found.segments[0].served == tenants


@pytest.mark.parametrize(
    ("segment", "field"),
    [
        (shared(tenant(workload="../x")), "tenants.workload"),
        (shared(tenant(workload="")), "tenants.workload"),
        (shared(tenant(), tenant(model_digest=OTHER)), "tenants.workload"),
        (shared(tenant(model_digest="sha256:../../../etc/passwd")), "tenants.model_digest"),
        (shared(tenant(model_digest="")), "tenants.model_digest"),
        (shared(tenant(batch=0)), "tenants.batch"),
        (shared(tenant(priority=0)), "tenants.priority"),
        (shared(tenant(), serve=type_pb2.SERVE_KIND_TAIL), "serve"),
        (shared(tenant(), processes=2), "processes"),
        (shared(tenant(), model_digest=DIGEST), "model_digest"),
    ],
)
def test_wire_refuses_what_cannot_be_shared(segment: pb.SegmentSpec, field: str) -> None:
    """Whatever is wrong with a tenant or with sharing that segment is refused by the field's name."""
    with pytest.raises(InvalidArgument) as refused:
        wire.desired(pb.Desired(segments=[segment]))
    assert [violation.field for violation in refused.value.violations] == [f"segments.{field}"]


def test_wire_states_are_whole() -> None:
    """Every state has its enum value."""
    assert set(wire.STATES) == set(State)
