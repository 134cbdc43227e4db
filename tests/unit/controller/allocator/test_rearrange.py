"""A plan mapped onto what runs: what stays, what moves, what waits, and what is short."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.mig import A100_80GB, Instance, is_legal
from controller.allocator import Gpu, Placed, Placement, Running, Segment, rearrange
from controller.allocator.segment_relocation import segment_relocation
from controller.allocator.stability_types import key_of
from tests import strategies_allocator as drawn

GPUS = [Gpu(f"gpu-{index}", A100_80GB) for index in range(4)]


def _segment(service: str, size: int, **changes: object) -> Segment:
    return replace(Segment(service, size, 8, 1, 100.0, 10.0), **changes)  # type: ignore[arg-type]


def _plan(*segments: Segment) -> list[Placed]:
    return list(segment_relocation(segments, A100_80GB).placed())


def _running(identity: str, gpu: int, start: int, segment: Segment, *, leaving: bool = False) -> Running:
    return Running(identity, f"gpu-{gpu}", start, segment, leaving)


def _after(placement: Placement) -> list[Running]:
    """What runs once the placement is applied."""
    kept = [replace(kept.running, segment=kept.segment) for kept in placement.kept]
    new = [Running(f"new-{n}", c.gpu, c.start, c.segment) for n, c in enumerate(placement.created)]
    return kept + new


def _created(placement: Placement) -> list[tuple[str, int, str, int]]:
    return [(c.gpu, c.start, c.segment.service, c.segment.size) for c in placement.created]


def test_an_empty_fleet_gets_the_plan_s_own_map() -> None:
    """GPU for GPU and start for start, in the order of the GPUs."""
    placed = _plan(*(_segment("a", size) for size in (4, 3, 3, 2, 1)))
    placement = rearrange(placed, [], GPUS)
    assert _created(placement) == [(f"gpu-{p.gpu}", p.start, "a", p.segment.size) for p in placed]
    assert placement.shortages == ()


def test_what_runs_and_is_wanted_stays() -> None:
    """A new service goes to free slots; nothing is moved though the plan's own map differs."""
    a, b = _segment("a", 2), _segment("b", 3)
    current = [_running("r1", 2, 4, a), _running("r2", 2, 0, a)]
    placement = rearrange(_plan(a, a, b), current, GPUS)
    assert {kept.running.id for kept in placement.kept} == {"r1", "r2"}
    assert placement.removed == ()
    assert [(segment, size) for _, _, segment, size in _created(placement)] == [("b", 3)]
    assert placement.created[0].after == ()


def test_newer_figures_of_a_profile_restart_nothing() -> None:
    """Throughput and latency are no part of what must be equal; the kept segment bears the new ones."""
    a = _segment("a", 2)
    faster = replace(a, throughput=200.0)
    placement = rearrange(_plan(faster), [_running("r", 0, 0, a)], GPUS)
    assert not placement.changes
    assert placement.kept[0].segment == faster


@pytest.mark.parametrize("change", [{"revision": "sha256:2"}, {"batch": 16}, {"processes": 2}, {"size": 1}])
def test_another_revision_or_triplet_is_made_before_the_old_is_broken(change: dict[str, object]) -> None:
    """The successor takes slots that are free now, and waits for nothing."""
    old = _segment("a", 2)
    placement = rearrange(_plan(replace(old, **change)), [_running("r", 0, 0, old)], GPUS)  # type: ignore[arg-type]
    assert [running.id for running in placement.removed] == ["r"]
    (created,) = placement.created
    assert created.after == ()


def test_a_successor_waits_only_where_there_is_no_room() -> None:
    """On one GPU a 7g can only follow the old one, and says which."""
    old, new = _segment("a", 7), _segment("a", 7, revision="2")
    placement = rearrange(_plan(new), [_running("old", 0, 0, old)], GPUS[:1])
    assert [created.after for created in placement.created] == [("old",)]


def test_a_leaving_segment_holds_its_slots_and_is_not_kept() -> None:
    """It is in no list; its successor elsewhere needs not wait, on the same GPU it does."""
    a = _segment("a", 7)
    leaving = _running("old", 0, 0, a, leaving=True)
    assert rearrange(_plan(a), [leaving], GPUS[:2]).created[0].gpu == "gpu-1"
    placement = rearrange(_plan(a), [leaving], GPUS[:1])
    assert (placement.kept, placement.removed) == ((), ())
    assert placement.created[0].after == ("old",)


def test_a_successor_that_waits_is_not_planned_again() -> None:
    """It is listed at the slots of the one that leaves, and stays there."""
    a = _segment("a", 7)
    current = [_running("old", 0, 0, a, leaving=True), _running("new", 0, 0, a)]
    placement = rearrange(_plan(a), current, GPUS)
    assert [kept.running.id for kept in placement.kept] == ["new"]
    assert not placement.changes


def test_fewer_wanted_gives_up_the_emptier_gpu() -> None:
    """Of three equal segments the one that stands alone goes."""
    a = _segment("a", 2)
    current = [_running("alone", 0, 0, a), _running("x", 1, 0, a), _running("y", 1, 2, a)]
    placement = rearrange(_plan(a, a), current, GPUS)
    assert [running.id for running in placement.removed] == ["alone"]


def test_a_cordoned_gpu_keeps_what_is_wanted_and_takes_nothing_new() -> None:
    """Also where it has the only free slots: then they are short."""
    a, b = _segment("a", 2), _segment("b", 2)
    gpus = [replace(GPUS[0], cordoned=True)]
    placement = rearrange(_plan(a, b), [_running("r", 0, 0, a)], gpus)
    assert [kept.running.id for kept in placement.kept] == ["r"]
    assert placement.created == ()
    assert [(short.service, short.gpus) for short in placement.shortages] == [("b", 1)]


def test_a_lost_gpu_s_segments_are_created_elsewhere() -> None:
    """A GPU that is no longer given has lost what ran on it."""
    a, b = _segment("a", 3), _segment("b", 2)
    current = [_running("lost", 0, 4, a), _running("stays", 1, 0, b)]
    placement = rearrange(_plan(a, b), current, GPUS[1:])
    assert [running.id for running in placement.removed] == ["lost"]
    assert [kept.running.id for kept in placement.kept] == ["stays"]
    assert _created(placement) == [("gpu-1", 4, "a", 3)]


def test_segments_move_only_where_that_makes_room() -> None:
    """Two 1g on two GPUs leave no room for a 7g: one of them moves, and the 7g waits for it."""
    one, seven = _segment("one", 1), _segment("seven", 7)
    current = [_running("x", 0, 0, one), _running("y", 1, 0, one)]
    placement = rearrange(_plan(one, one, seven), current, GPUS[:2])
    assert len(placement.kept) == len(placement.removed) == 1
    assert placement.shortages == ()
    whole = next(created for created in placement.created if created.segment == seven)
    assert whole.after == (placement.removed[0].id,)


def test_too_few_gpus_serve_by_priority_and_say_what_is_short() -> None:
    """The first in priority gets the room; what runs stays although it comes last."""
    first, second, last = (_segment(name, 4) for name in ("first", "second", "last"))
    placed = _plan(second, first, last)
    placement = rearrange(placed, [_running("r", 0, 0, last)], GPUS[:2], ["first", "second", "last"])
    assert [kept.running.id for kept in placement.kept] == ["r"]
    assert _created(placement) == [("gpu-1", 0, "first", 4)]
    (short,) = placement.shortages
    assert (short.service, short.segments, short.throughput, short.gpus) == ("second", 1, 100.0, 1)
    assert short.detail == (
        "needs 1 more A100-80GB: 1 of 1 segments (100 items/s) found no room on the 2 that take segments"
    )


def test_no_gpu_at_all() -> None:
    """Everything is short, and the number of GPUs that would do is said."""
    placement = rearrange(_plan(*[_segment("a", 7)] * 2), [], [])
    assert [(short.segments, short.gpus) for short in placement.shortages] == [(2, 2)]


def test_a_large_fleet_is_mapped_quickly() -> None:
    """2,000 segments on 400 GPUs, three quarters of them running: well under two seconds."""
    segments = [_segment(f"s{n % 200}", (1, 1, 2, 3)[n % 4]) for n in range(2000)]
    gpus = [Gpu(f"gpu-{index}", A100_80GB) for index in range(600)]
    running = _after(rearrange(_plan(*segments[:1500]), [], gpus))
    began = time.perf_counter()
    placement = rearrange(_plan(*segments), running, gpus)
    assert time.perf_counter() - began < 2
    assert len(placement.kept) == 1500
    assert placement.shortages == ()


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_every_placement_is_sound(data: st.DataObject) -> None:
    """No slot twice, legal starts, kept of what runs, nothing wanted lost, a second call changes nothing."""
    gpus = data.draw(drawn.fleets())
    wanted = data.draw(st.lists(drawn.segments, max_size=14))
    current = data.draw(drawn.running(gpus))
    placed = _plan(*wanted)
    placement = rearrange(placed, current, gpus, ["c", "a"])
    _assert_layouts(placement, gpus)
    _assert_accounts(placement, wanted, current, gpus)
    assert not rearrange(placed, _after(placement), gpus, ["c", "a"]).changes


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_enough_gpus_leave_nothing_short_and_move_nothing(data: st.DataObject) -> None:
    """With as many spare GPUs as the plan has, whatever runs soundly and is wanted stays."""
    wanted = data.draw(st.lists(drawn.segments, min_size=1, max_size=12))
    before = data.draw(st.lists(drawn.segments, max_size=8))
    fleet = [Gpu(f"gpu-{index}", A100_80GB) for index in range(30)]
    running = _after(rearrange(_plan(*before), [], fleet))
    placement = rearrange(_plan(*wanted), running, fleet)
    assert placement.shortages == ()
    common = Counter(map(key_of, wanted)) & Counter(map(key_of, before))
    assert len(placement.kept) == common.total()
    assert all(created.after == () for created in placement.created)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_in_scarcity_nothing_that_runs_and_is_wanted_is_touched(data: st.DataObject) -> None:
    """While anything is short, every running segment that the plan still wants is kept."""
    gpus = [Gpu(f"gpu-{index}", A100_80GB) for index in range(data.draw(st.integers(1, 3)))]
    running = _after(rearrange(_plan(*data.draw(st.lists(drawn.segments, max_size=8))), [], gpus))
    wanted = data.draw(st.lists(drawn.segments, min_size=4, max_size=16))
    placement = rearrange(_plan(*wanted), running, gpus)
    common = Counter(map(key_of, wanted)) & Counter(key_of(one.segment) for one in running)
    if placement.shortages:
        assert len(placement.kept) == common.total()
    else:
        assert len(placement.kept) + len(placement.created) == len(wanted)


def _assert_layouts(placement: Placement, gpus: Sequence[Gpu]) -> None:
    by_gpu: dict[str, list[Instance]] = {gpu.id: [] for gpu in gpus}
    for running in _after(placement):
        instance = Instance(A100_80GB.default(running.segment.size), running.start)
        by_gpu[running.gpu].append(instance)
    assert all(is_legal(A100_80GB, layout) for layout in by_gpu.values())
    cordoned = {gpu.id for gpu in gpus if gpu.cordoned}
    assert not cordoned & {created.gpu for created in placement.created}


def _assert_accounts(
    placement: Placement, wanted: Sequence[Segment], current: Sequence[Running], gpus: Sequence[Gpu]
) -> None:
    staying = [running for running in current if not running.leaving]
    listed = [kept.running for kept in placement.kept] + list(placement.removed)
    assert sorted(running.id for running in listed) == sorted(running.id for running in staying)
    assert all(key_of(kept.running.segment) == key_of(kept.segment) for kept in placement.kept)
    served = Counter(running.segment for running in _after(placement))
    assert served <= Counter(wanted)
    missing = Counter(segment.service for segment in (Counter(wanted) - served).elements())
    assert {short.service: short.segments for short in placement.shortages} == dict(missing)
    known = {running.id for running in current}
    assert all(set(created.after) <= known for created in placement.created)
    assert all(short.gpus >= 1 and str(short.gpus) in short.detail for short in placement.shortages)
