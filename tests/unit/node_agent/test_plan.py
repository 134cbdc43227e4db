"""The diff of one host: what is blocked and why, what ill GPUs mean, what an operator is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node_agent.model import Desired, Fault, Gpu, Instance, Record, SegmentSpec, Serve
from node_agent.plan import by_gpu, conditions, explains, steps

DIGEST = f"sha256:{'a' * 64}"
GPU = Gpu("GPU-0", 0, "NVIDIA A100-SXM4-80GB", 80 << 30, True, True)


def spec(id_: str, start: int = 0, size: int = 1) -> SegmentSpec:
    """A segment of `size` GPCs and memory slices."""
    return SegmentSpec(id_, "GPU-0", start, size, size, "w", DIGEST, Serve.WHOLE, 4, 1, 100)


def test_successor_waits_for_the_slices_of_what_leaves() -> None:
    """A segment in the place of one that leaves waits until that one's record is gone; one beside it does not."""
    old, new, beside = spec("old", 0, 2), spec("new", 1), spec("beside", 2)
    found = steps((new, beside), (Record(old, gi=1),), (Instance(1, 0, 2, 2),))
    assert [record.spec.id for record in found.remove] == ["old"]
    assert found.create == (beside,)
    assert found.blocked == ((new, "slices 1 to 1 are still held by a segment"),)


def test_changed_segment_is_made_anew() -> None:
    """A segment of the same id but another spec is removed first and made after."""
    was = spec("a")
    now = replace(was, batch=8)
    found = steps((now,), (Record(was, gi=1),), (Instance(1, 0, 1, 1),))
    assert found.remove[0].removing
    assert found.create == ()
    assert [blocked.id for blocked, _ in found.blocked] == ["a"]


def test_removal_once_decided_is_not_undone() -> None:
    """A segment whose removal has begun is removed even if it is wanted again: it is half gone."""
    found = steps((spec("a"),), (Record(spec("a"), gi=1, removing=True),), ())
    assert not found.keep
    assert [record.spec.id for record in found.remove] == ["a"]


@pytest.mark.parametrize(
    ("record", "instance", "same"),
    [
        (Record(spec("a")), Instance(7, 0, 1, 1), True),
        (Record(spec("a"), gi=7), Instance(7, 0, 1, 1), True),
        (Record(spec("a"), gi=7), Instance(8, 0, 1, 1), False),
        (Record(spec("a")), Instance(7, 1, 1, 1), False),
        (Record(spec("a")), Instance(7, 0, 1, 2), False),
    ],
)
def test_an_instance_is_ours_by_place_and_id(record: Record, instance: Instance, same: bool) -> None:
    """A record explains the instance at its place, with its id once that was written down."""
    assert explains(record, instance) is same


def test_ill_gpu_gets_nothing_new_but_what_leaves_leaves() -> None:
    """On an ill or unknown GPU nothing is created and the reason is said; removals go on."""
    ill = GPU.ill(Fault.LOST, "NVML cannot talk to it")
    records = (Record(spec("gone"), gi=1), Record(spec("stays", 2), gi=2))
    plans = by_gpu((spec("stays", 2), spec("new", 4)), records, {"GPU-0": ill})
    plan = plans["GPU-0"]
    assert [record.spec.id for record in plan.remove] == ["gone"]
    assert plan.create == ()
    assert plan.blocked[0][1] == plan.ill == "GPU 0: NVML cannot talk to it"
    unknown = by_gpu((replace(spec("a"), gpu_uuid="GPU-9"),), (), {"GPU-0": GPU})
    assert unknown["GPU-9"].blocked[0][1] == "this host has no GPU GPU-9"
    assert unknown["GPU-0"].ill == ""


def test_only_the_gpu_that_changes_has_steps() -> None:
    """A change on one GPU gives no step on another (mig-parted #157)."""
    other = replace(spec("b"), gpu_uuid="GPU-1")
    gpus = {"GPU-0": replace(GPU, instances=(Instance(1, 0, 1, 1),)), "GPU-1": replace(GPU, uuid="GPU-1", index=1)}
    plans = by_gpu((spec("a"), other), (Record(spec("a"), gi=1),), gpus)
    assert (plans["GPU-0"].remove, plans["GPU-0"].create) == ((), ())
    assert plans["GPU-1"].create == (other,)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault])
def test_every_fault_of_a_gpu_is_told(fault: Fault) -> None:
    """Each way to be ill becomes a condition with its reason; only MIG mode calls for a reset."""
    found = conditions({}, {"GPU-0": GPU.ill(fault, "why")})
    assert [(c.reason, c.message) for c in found] == [(fault.value, "GPU 0: why")]
    assert (found[0].type == "ResetRequired") is (fault in (Fault.MIG_OFF, Fault.MIG_PENDING))


def test_drift_is_told_with_its_places() -> None:
    """Instances that no record explains are named by GPU, size and start (dra-driver #149)."""
    gpus = {"GPU-0": replace(GPU, instances=(Instance(9, 4, 3, 4),))}
    (found,) = conditions(by_gpu((), (), gpus), gpus)
    assert (found.type, found.reason) == ("Drift", "FOREIGN_INSTANCE")
    assert "3g at slice 4" in found.message


@pytest.mark.parametrize(
    ("new", "old", "taken"), [((2, 1), (1, 9), True), ((1, 9), (2, 1), False), ((1, 2), (1, 2), True)]
)
def test_older_stamps_are_refused(new: tuple[int, int], old: tuple[int, int], taken: bool) -> None:
    """A later epoch wins over any generation; the same stamp may come again."""
    assert Desired(*new).supersedes(Desired(*old)) is taken
