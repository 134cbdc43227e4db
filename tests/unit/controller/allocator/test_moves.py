"""Moves: executable in order, no service under its rate where there is room, few, and none the second time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.mig import A100_80GB
from controller.allocator import (
    Created,
    Gpu,
    Options,
    Placement,
    Point,
    ProfileTable,
    Running,
    Segment,
    Service,
    plan_optimal,
)
from controller.allocator import plan as parvagpu
from controller.allocator.moves import Action, Replanned, replan, shortfalls, steps

SIZES = (1, 2, 3, 4, 7)
TABLE = ProfileTable("m", tuple(Point(s, 8, p, 100 * s**0.9 * p**0.3, 10) for s in SIZES for p in (1, 2)))
SERVICES = st.lists(st.floats(5, 900), min_size=1, max_size=7).map(
    lambda rates: [Service(f"s{number}", "m", rate, 100.0) for number, rate in enumerate(rates)]
)


def _fleet(count: int) -> list[Gpu]:
    return [Gpu(f"g{number}", A100_80GB) for number in range(count)]


def _replan(services: list[Service], current: list[Running], gpus: list[Gpu], price: float = 0.05) -> Replanned:
    return replan(services, {"m": TABLE}, Options(), current, gpus, planner=plan_optimal, move_price=price)


def _running(made: Replanned, gpus: list[Gpu]) -> list[Running]:
    return [
        Running(f"r{number}", gpus[one.gpu].id, one.start, one.segment) for number, one in enumerate(made.plan.placed)
    ]


def _segment(service: str, size: int, throughput: float = 100) -> Segment:
    return Segment(service, size, 8, 1, throughput, 10)


@settings(max_examples=60, deadline=None)
@given(SERVICES, st.data(), st.sampled_from([0.0, 0.05, 0.5]))
def test_changes_are_made_without_a_service_under_its_rate(
    services: list[Service], data: st.DataObject, price: float
) -> None:
    """Rates change, services go, GPUs are lost: the steps can be walked, lead to the plan, and as there are spare GPUs
    no service loses what it had and needs; a second call moves nothing."""
    gpus = _fleet(14)
    first = _replan(services, [], gpus)
    factors = data.draw(st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.0]), min_size=7, max_size=7))
    later = [replace(s, rate=s.rate * f) for s, f in zip(services, factors, strict=False) if f]
    left = [gpu for gpu in gpus if gpu.id != f"g{data.draw(st.integers(0, 13))}"]
    current = _running(first, gpus)
    made = _replan(later, current, left, price)
    rates = {service.name: service.rate for service in later}
    assert shortfalls(made.steps, current, left, rates) == {}
    assert not made.placement.shortages
    for service in later:
        planned = sum(one.segment.throughput for one in made.plan.placed if one.segment.service == service.name)
        assert planned >= service.rate * (1 - 1e-6)
    again = _replan(later, _running(made, left), left, price)
    assert (again.moves, again.gpus_used) == (0, made.gpus_used) or again.gpus_used < made.gpus_used


@settings(max_examples=40, deadline=None)
@given(SERVICES, st.integers(1, 3))
def test_full_fleets_still_get_there(services: list[Service], doubled: int) -> None:
    """With no GPU to spare the steps can still be walked to the end; what breaks is stated by the steps themselves."""
    gpus = _fleet(parvagpu(services, {"m": TABLE}).gpus)
    current = _running(_replan(services, [], gpus), gpus)
    later = [replace(s, slo_ms=90.0 if i % doubled else 100.0, revision="new") for i, s in enumerate(services)]
    made = _replan(later, current, gpus)
    broken = shortfalls(made.steps, current, gpus, {s.name: s.rate for s in later})
    assert set(broken) <= {step.segment.service for step in made.steps if step.short > 0}


def test_a_temporary_copy_avoids_a_break() -> None:
    """`a` must leave GPU 0 for a larger segment of its own; free slots elsewhere serve meanwhile."""
    gpus = _fleet(2)
    current = [Running("x", "g0", 4, _segment("a", 3)), Running("y", "g1", 0, _segment("b", 4))]
    placement = Placement((), (Created("g0", 0, _segment("a", 7, 200), ("x",)),), (current[0],), ())
    found = steps(placement, current, gpus, {"a": 100, "b": 100})
    assert [(one.action, one.gpu) for one in found] == [
        *((Action.CREATE, "g1"), (Action.DRAIN, "g0"), (Action.DELETE, "g0")),
        *((Action.CREATE, "g0"), (Action.DRAIN, "g1"), (Action.DELETE, "g1")),
    ]
    assert shortfalls(found, current, gpus, {"a": 100, "b": 100}) == {}


def test_without_room_the_break_is_stated() -> None:
    """One full GPU: the drain says by how much the service is short."""
    gpus = _fleet(1)
    current = [Running("x", "g0", 0, _segment("a", 7))]
    placement = Placement((), (Created("g0", 0, _segment("a", 4, 120), ("x",)),), (current[0],), ())
    found = steps(placement, current, gpus, {"a": 80})
    assert [one.action for one in found] == [Action.DRAIN, Action.DELETE, Action.CREATE]
    assert found[0].short == pytest.approx(80)
    assert shortfalls(found, current, gpus, {"a": 80}) == {"a": pytest.approx(80)}


def test_the_judge_refuses_what_cannot_be_done() -> None:
    """Creating on taken slots, deleting before draining, draining what is not there."""
    gpus = _fleet(1)
    current = [Running("x", "g0", 0, _segment("a", 7))]
    placement = Placement((), (Created("g0", 0, _segment("a", 4, 120), ("x",)),), (current[0],), ())
    drain, delete, create = steps(placement, current, gpus, {})
    for wrong, why in (
        ((create,), "taken"),
        ((delete,), "before it is drained"),
        ((drain, delete, drain), "not stand"),
    ):
        with pytest.raises(ValueError, match=why):
            shortfalls(wrong, current, gpus, {})


def test_moves_have_a_price() -> None:
    """Moves for nothing: the fewest GPUs; dear moves: what runs stays."""
    services = [Service(f"s{number}", "m", rate, 100.0) for number, rate in enumerate((700, 350, 90, 90, 610))]
    gpus = _fleet(12)
    current = _running(_replan(services, [], gpus), gpus)
    later = [replace(services[0], rate=60), *services[1:]]
    cheap, dear = _replan(later, current, gpus, 0.0), _replan(later, current, gpus, 5.0)
    assert cheap.gpus_used == plan_optimal(later, {"m": TABLE}).gpus
    assert dear.moves == 0
    assert dear.gpus_used >= cheap.gpus_used
