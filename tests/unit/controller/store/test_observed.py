"""Reports merged into what is stored."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controller.model import Endpoint, State
from controller.store.observed import LEAVING, merge_gpus, merge_segments
from tests.plane_values import gpu, segment

STORED = st.sampled_from(list(State))
REPORTED = st.sampled_from([State.CREATING, State.READY, State.FAILED, State.REMOVING, None])


@given(STORED, REPORTED)
def test_a_report_never_brings_back_what_leaves(stored: State, reported: State | None) -> None:
    """What drains or is removed stays so whatever its host says; only its absence makes it gone."""
    before = replace(segment(), state=stored)
    said = [] if reported is None else [replace(segment(), state=reported)]
    (after,) = merge_segments([before], said)
    assert (after.state in LEAVING) == (stored in LEAVING)
    assert after.gone == (stored in LEAVING and reported is None)
    assert not after.gone or after.state is State.REMOVING


@given(STORED, REPORTED)
def test_merging_a_report_twice_is_merging_it_once(stored: State, reported: State | None) -> None:
    """Equal reports change nothing more."""
    said = [] if reported is None else [replace(segment(), state=reported)]
    once = merge_segments([replace(segment(), state=stored)], said)
    assert merge_segments(once, said) == once


def test_a_segment_that_its_host_lost_is_made_anew() -> None:
    """A ready segment that the host does not list answers nobody: PLANNED, without endpoints."""
    ready = replace(segment(), state=State.READY, endpoints=(Endpoint("h", 1, ready=True),), mig_uuid="MIG-1")
    (after,) = merge_segments([ready], [])
    assert (after.state, after.endpoints, after.mig_uuid) == (State.PLANNED, (), "")


def test_a_host_that_removes_what_is_wanted() -> None:
    """A segment that is wanted and reported as being removed does not serve."""
    (after,) = merge_segments([replace(segment(), state=State.READY)], [replace(segment(), state=State.REMOVING)])
    assert after.state is State.FAILED


def test_unknown_segments_are_not_stored() -> None:
    """A host may list what we never planned; it is for its agent to deal with."""
    assert merge_segments([], [segment()]) == ()


def test_lost_gpus() -> None:
    """A GPU that is not listed is kept, unhealthy, exactly while segments stand on it."""
    merged = merge_gpus([gpu("GPU-0"), gpu("GPU-1")], [gpu("GPU-2")], ["GPU-1"])
    assert [(g.uuid, g.healthy) for g in merged] == [("GPU-2", True), ("GPU-1", False)]
