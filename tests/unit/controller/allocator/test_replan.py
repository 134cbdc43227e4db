"""Re-planning over hosts, pins and cordons: moves can be made in any order that the steps allow, and it settles."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from common.mig import A100_80GB, Instance, is_legal
from controller.allocator import Gpu, Options, Point, ProfileTable, Reason, Running, Service, plan_optimal
from controller.allocator.moves import Action, Replanned, Step, check_steps, replan
from controller.allocator.stability_types import key_of

SIZES = (1, 2, 3, 4, 7)
TABLE = ProfileTable("m", tuple(Point(s, 8, p, 100 * s**0.9 * p**0.3, 10) for s in SIZES for p in (1, 2)))
FACTORS = (0.0, 0.2, 1.0, 1.0, 2.5)


def _fleet(hosts: int, each: int) -> list[Gpu]:
    return [Gpu(f"h{h}g{g}", A100_80GB, host=f"h{h}") for h in range(hosts) for g in range(each)]


def _replan(services: Sequence[Service], current: Sequence[Running], gpus: Sequence[Gpu], price: float) -> Replanned:
    return replan(services, {"m": TABLE}, Options(), current, gpus, planner=plan_optimal, move_price=price)


def _after(made: Replanned) -> list[Running]:
    kept = [replace(one.running, segment=one.segment) for one in made.placement.kept]
    new = [Running(f"n{n}", c.gpu, c.start, c.segment) for n, c in enumerate(made.placement.created)]
    return kept + new


def _hosts(running: Sequence[Running], gpus: Sequence[Gpu], service: str) -> set[str]:
    host = {gpu.id: gpu.host for gpu in gpus}
    return {host[one.gpu] for one in running if one.segment.service == service}


services_drawn = st.lists(
    st.builds(
        Service,
        name=st.just("s"),
        model=st.just("m"),
        rate=st.floats(5, 900),
        slo_ms=st.just(100.0),
        min_hosts=st.sampled_from((1, 1, 2, 3)),
        priority=st.sampled_from((0, 0, 5)),
    ),
    min_size=1,
    max_size=6,
).map(lambda found: [replace(one, name=f"s{number}") for number, one in enumerate(found)])


@st.composite
def changes(draw: st.DrawFn) -> tuple[list[Service], list[Running], list[Gpu], float]:
    """Services that changed, what ran before (some of it pinned), and a fleet that lost GPUs or has them cordoned."""
    services = draw(services_drawn)
    gpus = _fleet(draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    before = _after(_replan(services, [], gpus, 0.05))
    current = [replace(one, id=f"r{n}", pinned=draw(st.integers(0, 4)) == 0) for n, one in enumerate(before)]
    later = [replace(one, rate=one.rate * draw(st.sampled_from(FACTORS))) for one in services]
    lost = draw(st.sampled_from(("", "h0", "h0g0", "h1g1")))
    left = [replace(gpu, cordoned=draw(st.integers(0, 5)) == 0) for gpu in gpus if not lost or lost not in gpu.id]
    return [one for one in later if one.rate], current, left, draw(st.sampled_from((0.0, 0.05, 1.0)))


@settings(max_examples=120, deadline=None)
@given(changes())
def test_every_replanning_is_sound(change: tuple[list[Service], list[Running], list[Gpu], float]) -> None:
    """Legal, pins and cordons respected, steps lead from what runs to the placement, a second call moves nothing."""
    services, current, gpus, price = change
    made = _replan(services, current, gpus, price)
    after = _after(made)
    _assert_layouts(after, gpus)
    cordoned = {gpu.id for gpu in gpus if gpu.cordoned}
    assert not cordoned & {step.gpu for step in made.steps if step.action is Action.CREATE}
    alive, wanted = {gpu.id for gpu in gpus}, {service.name for service in services}
    kept = {one.running.id for one in made.placement.kept}
    pins = {one.id for one in current if one.pinned and one.gpu in alive and one.segment.service in wanted}
    assert pins <= kept
    check_steps(made.steps, current, gpus, {})
    assert _walked(made.steps, [one for one in current if one.gpu in alive]) == _stand(after)
    told = {short.service for short in made.placement.shortages} | {one.service for one in made.plan.unservable}
    for service in services:
        given = sum(one.segment.throughput for one in after if one.segment.service == service.name)
        assert given >= service.rate * (1 - 1e-9) or service.name in told
    again = _replan(services, after, gpus, price)
    assert not again.placement.changes
    assert again.steps == ()


@settings(max_examples=80, deadline=None)
@given(changes(), st.randoms(use_true_random=False))
def test_rates_are_kept_in_any_order_that_the_steps_allow(
    change: tuple[list[Service], list[Running], list[Gpu], float], chance: random.Random
) -> None:
    """What a step waits for is all that matters: shuffled, no service loses more than the steps say."""
    services, current, gpus, price = change
    made = _replan(services, current, gpus, price)
    rates = {service.name: service.rate for service in services}
    stated = {step.service for step in made.steps if step.short > 0}
    for order in (list(range(len(made.steps))), _shuffled(made.steps, chance)):
        found = check_steps([made.steps[index] for index in order], current, gpus, rates)
        assert set(found.short) <= stated
    in_order = check_steps(made.steps, current, gpus, rates)
    assert in_order.avoidable == ()
    assert in_order.spare_gpcs >= 0


@settings(max_examples=60, deadline=None)
@given(services_drawn, st.integers(0, 3))
def test_a_lost_host_leaves_those_that_spread_serving(services: list[Service], lost: int) -> None:
    """Each stands on its hosts before and after, what is on other hosts stays, and rates are met again."""
    gpus = _fleet(4, 6)
    current = _after(_replan(services, [], gpus, 0.05))
    left = [gpu for gpu in gpus if gpu.host != f"h{lost}"]
    made = _replan(services, current, left, 1.0)
    for service in services:
        assert len(_hosts(current, gpus, service.name)) >= service.min_hosts
        if service.min_hosts > 1:
            assert any(one.segment.service == service.name for one in current if not one.gpu.startswith(f"h{lost}"))
        assert len(_hosts(_after(made), gpus, service.name)) >= service.min_hosts
        given = sum(one.segment.throughput for one in _after(made) if one.segment.service == service.name)
        assert given >= service.rate * (1 - 1e-9)
    assert made.placement.shortages == ()


def test_more_hosts_than_there_are() -> None:
    """A new service is refused with the number; one that runs goes on, and what it lacks is said."""
    service = Service("a", "m", 50.0, 100.0, min_hosts=3)
    gpus = _fleet(2, 2)
    (refused,) = _replan([service], [], gpus, 0.05).plan.unservable
    assert (refused.reason, refused.detail) == (
        Reason.INSUFFICIENT_GPUS,
        "needs 1 more hosts: min_hosts 3, and 2 take segments",
    )
    current = _after(_replan([service], [], _fleet(3, 2), 0.05))
    made = _replan([service], current, gpus, 0.05)
    assert len(_hosts(_after(made), gpus, "a")) == 2
    assert [short.detail for short in made.placement.shortages] == [refused.detail]


def test_the_more_important_goes_first() -> None:
    """With too few GPUs the less important service gets what is left, though it is named first."""
    low, high = Service("low", "m", 500.0, 100.0), Service("high", "m", 500.0, 100.0, priority=9)
    gpus = _fleet(1, 1)
    made = _replan([low, high], [], gpus, 0.05)
    assert sum(one.segment.throughput for one in _after(made) if one.segment.service == "high") >= 500
    assert [short.service for short in made.placement.shortages] == ["low"]
    assert "needs 1 more A100-80GB" in made.placement.shortages[0].detail


def test_a_surplus_is_given_up_without_a_move() -> None:
    """A rate that falls drains segments; nothing is created while a move is worth more than a GPU."""
    gpus = _fleet(2, 4)
    current = _after(_replan([Service("a", "m", 2500.0, 100.0)], [], gpus, 0.05))
    made = _replan([Service("a", "m", 600.0, 100.0)], current, gpus, 2.0)
    assert made.moves == 0
    assert made.placement.removed
    assert sum(one.segment.throughput for one in _after(made)) >= 600


def _shuffled(steps: Sequence[Step], chance: random.Random) -> list[int]:
    done: list[int] = []
    left = set(range(len(steps)))
    while left:
        index = chance.choice(sorted(n for n in left if set(steps[n].after) <= set(done)))
        left.remove(index)
        done.append(index)
    return done


def _walked(steps: Sequence[Step], current: Sequence[Running]) -> dict[tuple[str, int], object]:
    """A simulation of slots that shares nothing with the judge's."""
    stand = _stand(current)
    covered = {(one.gpu, slot): one.start for one in current for slot in _slots(one.segment.size, one.start)}
    for step in steps:
        slots = [(step.gpu, slot) for slot in _slots(step.segment.size, step.start)]
        if step.action is Action.CREATE:
            assert not covered.keys() & set(slots)
            covered |= dict.fromkeys(slots, step.start)
            stand[step.gpu, step.start] = key_of(step.segment)
        elif step.action is Action.DELETE:
            assert all(covered.pop(slot) == step.start for slot in slots)
            del stand[step.gpu, step.start]
    return stand


def _slots(size: int, start: int) -> range:
    return A100_80GB.default(size).slots(start)


def _stand(running: Sequence[Running]) -> dict[tuple[str, int], object]:
    return {(one.gpu, one.start): key_of(one.segment) for one in running}


def _assert_layouts(running: Sequence[Running], gpus: Sequence[Gpu]) -> None:
    for gpu in gpus:
        layout = [Instance(A100_80GB.default(one.segment.size), one.start) for one in running if one.gpu == gpu.id]
        assert is_legal(A100_80GB, layout)
    assert {one.gpu for one in running} <= {gpu.id for gpu in gpus}
