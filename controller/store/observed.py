"""Merges a host's report into what is stored; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from controller.model import Gpu, Node, Segment, State

LEAVING = (State.DRAINING, State.REMOVING)
LOST = "its host does not list it; it will be made anew"
NOT_LISTED = "its host no longer lists this GPU"


def merge_node(stored: Node, reported: Node) -> Node:
    """The node with what a report says of it; connection and desired generation are not the report's to say."""
    return replace(
        stored,
        driver_version=reported.driver_version,
        conditions=reported.conditions,
        observed=reported.observed,
        last_seen=reported.last_seen or stored.last_seen,
    )


def merge_gpus(stored: Iterable[Gpu], reported: Sequence[Gpu], carrying: Iterable[str]) -> tuple[Gpu, ...]:
    """The host's GPUs: as reported, and unhealthy where one that carries segments is not listed any more.

    Whether one is cordoned is not the report's to say.
    """
    before = {gpu.uuid: gpu for gpu in stored}
    listed, needed = {gpu.uuid for gpu in reported}, set(carrying)
    lost = (gpu for gpu in before.values() if gpu.uuid not in listed and gpu.uuid in needed)
    known = (replace(gpu, cordoned=gpu.uuid in before and before[gpu.uuid].cordoned) for gpu in reported)
    return (*known, *(replace(gpu, healthy=False, message=NOT_LISTED) for gpu in lost))


def merge_segments(stored: Iterable[Segment], reported: Iterable[Segment]) -> tuple[Segment, ...]:
    """The stored segments of a host with their observed fields as reported; unknown ids are not ours to keep."""
    by_id: Mapping[str, Segment] = {segment.id: segment for segment in reported}
    return tuple(_merge(segment, by_id.get(segment.id)) for segment in stored)


def _merge(stored: Segment, reported: Segment | None) -> Segment:
    if reported is None:
        return _missing(stored)
    return replace(
        stored,
        state=_state(stored.state, reported.state),
        message=stored.message if stored.state in LEAVING and not reported.message else reported.message,
        endpoints=reported.endpoints,
        mig_uuid=reported.mig_uuid,
        restarts=reported.restarts,
        gone=False,
    )


def _missing(stored: Segment) -> Segment:
    if stored.state in LEAVING:
        return replace(stored, state=State.REMOVING, endpoints=(), mig_uuid="", gone=True)
    if stored.state is State.PLANNED:
        return stored
    return replace(stored, state=State.PLANNED, message=LOST, endpoints=(), mig_uuid="", restarts=0)


def _state(stored: State, reported: State) -> State:
    if stored in LEAVING:
        return State.REMOVING if reported is State.REMOVING else stored
    # A host that removes what we want kept follows an older desired state; the next one makes it anew.
    return State.FAILED if reported is State.REMOVING else reported
