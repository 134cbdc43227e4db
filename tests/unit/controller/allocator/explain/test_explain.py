"""Explanations of plans."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.mig import A100_80GB, Instance, is_legal, layouts
from controller.allocator import (
    Options,
    Placed,
    Plan,
    Point,
    ProfileTable,
    Reason,
    Segment,
    Service,
    Unservable,
    plan,
    plan_optimal,
)
from controller.allocator.explain import Explanation, explain, explanation_lines, explanation_to_json
from controller.allocator.explain.room import room
from controller.allocator.types import Tenant
from tests import strategies_allocator as some
from tests.parvagpu_data import measured_tables, scenario

TABLE = ProfileTable(
    "alpha",
    (
        Point(1, 1, 1, 50.0, 20.0),
        Point(1, 8, 1, 80.0, 100.0),
        Point(1, 8, 2, 120.0, 130.0),
        Point(3, 8, 1, 210.0, 38.0),
        Point(5, 1, 1, 900.0, 1.0),
    ),
)


def _explained(services: list[Service], options: Options | None = None) -> Explanation:
    options = options or Options()
    tables = {"alpha": TABLE}
    return explain(plan(services, tables, options), services, tables, options)


def test_points_are_counted_by_the_check_that_refuses_them() -> None:
    """Sizes that the GPU lacks, processes, batches and the SLO each refuse their own."""
    (note,) = _explained([Service("a", "alpha", 100, 100, max_processes=1)]).workloads
    assert (note.points.measured, note.points.left) == (5, 2)
    assert (note.points.refused_by_size, note.points.refused_by_processes, note.points.refused_by_slo) == (1, 1, 1)
    (note,) = _explained([Service("a", "alpha", 100, 100, max_batch=1)]).workloads
    assert (note.points.refused_by_batch, note.points.left) == (3, 1)


def test_the_optimal_triplet_stands_before_the_best_of_the_other_sizes() -> None:
    """Choices go by throughput per GPC, each with what the whole rate would take on it alone."""
    (note,) = _explained([Service("a", "alpha", 400, 100)]).workloads
    assert note.optimal == TABLE.points[3]
    assert [(one.point.size, one.segments, one.gpcs) for one in note.choices] == [(3, 2, 6), (1, 8, 8)]


def test_the_slo_that_would_admit_a_better_point_is_named() -> None:
    """With that SLO and no other change, the point is the optimal triplet."""
    service = Service("a", "alpha", 100, 100)
    (note,) = _explained([service]).workloads
    assert note.better is not None
    assert note.better.point.throughput == 80.0
    (wider,) = _explained([replace(service, slo_ms=note.better.slo_ms)]).workloads
    assert wider.optimal == note.better.point


def test_batches_that_fill_too_slowly_are_said_to() -> None:
    """Eight items at 5 a second take 1.4 s, past an SLO of 400 ms."""
    (note,) = _explained([Service("a", "alpha", 5, 400, max_processes=1)]).workloads
    assert note.fill_ms == pytest.approx(1400)
    assert not note.fills_in_time
    text = "\n".join(explanation_lines(_explained([Service("a", "alpha", 5, 400, max_processes=1)])))
    assert "full batches come too late" in text


@pytest.mark.parametrize(
    ("service", "change"),
    [
        (Service("a", "alpa", 1, 100), "a profile of 'alpa', or model 'alpha'"),
        (Service("a", "alpha", 1, 10), "slo_ms 44.5"),
        (Service("a", "alpha", 1e7, 100), "rate 42000 items/s, or a higher max_segments"),
        (Service("a", "alpha", -1, 100), "a finite rate above 0 items/s"),
        (Service("a", "alpha", 1, 0), "a finite slo_ms above 0"),
    ],
)
def test_a_refusal_names_what_would_change_it(service: Service, change: str) -> None:
    """Each reason has its own way out."""
    (note,) = _explained([service], Options(max_segments=200)).refused
    assert note.change == change


def test_too_few_gpus_are_counted() -> None:
    """The refusal says how many more it takes, and of what."""
    (note,) = _explained([Service("a", "alpha", 10_000, 100)], Options(max_gpus=2)).refused
    assert note.reason == Reason.INSUFFICIENT_GPUS.value
    assert note.change.endswith("more A100-80GB")


def test_a_shared_segment_is_explained_to_each_of_its_tenants() -> None:
    """A tenant's note names the others; its throughput is its own."""
    tenants = tuple(Tenant(name, 5.0, 1, 20.0, 5.0, 100.0) for name in ("a", "b"))
    shared = Segment("a+b", 1, 1, 1, 10.0, 20.0, tenants=tenants)
    services = [Service(name, "alpha", 5, 100) for name in ("a", "b")]
    made = Plan("parvagpu", 1, (Placed(0, 0, shared),), (), 1, 1, A100_80GB)
    found = explain(made, services, {"alpha": TABLE}, Options())
    assert [(one.name, one.planned, one.segments[0].shared_with) for one in found.workloads] == [
        ("a", 5.0, ("b",)),
        ("b", 5.0, ("a",)),
    ]
    assert found.gpu_notes[0].slack == pytest.approx(0.8)


@pytest.mark.parametrize("layout", layouts(A100_80GB), ids=lambda one: "+".join(f"{i.profile.gpcs}g" for i in one))
def test_free_slices_and_stranded_ones_agree_with_every_legal_layout(layout: tuple[Instance, ...]) -> None:
    """Exhaustive: what is not stranded is what the best legal layout that holds this one adds."""
    taken = sum(one.mask for one in layout)
    gpcs = sum(one.profile.gpcs for one in layout)
    wider = [other for other in layouts(A100_80GB) if set(layout) <= set(other) and is_legal(A100_80GB, other)]
    left = room(A100_80GB, taken, gpcs)
    assert left.free_gpcs - left.stranded_gpcs == max(sum(o.profile.gpcs for o in one) for one in wider) - gpcs
    most = max(sum(o.mask for o in one).bit_count() for one in wider)
    assert left.free_slots - left.stranded_slots == most - taken.bit_count()


def test_a_3g_at_0_strands_a_compute_slice() -> None:
    """Its four slots take one compute slice with them."""
    assert room(A100_80GB, 0b1111, 3).stranded_gpcs == 1


@given(some.services(), some.profiles(), some.options(), st.booleans())
def test_every_workload_is_explained_once(
    services: list[Service], profiles: dict[str, ProfileTable], options: Options, best: bool
) -> None:
    """Served or refused; counts add up, planned covers the rate, JSON and text hold every name."""
    made = (plan_optimal if best else plan)(services, profiles, options)
    found = explain(made, services, profiles, options)
    names = [one.name for one in found.workloads] + [one.name for one in found.refused]
    assert sorted(names) == sorted(one.name for one in services)
    for note in found.workloads:
        its = note.points
        refused = its.refused_by_size + its.refused_by_processes + its.refused_by_batch + its.refused_by_memory
        assert its.measured == refused + its.refused_by_slo + its.left
        assert its.refused_by_memory == 0
        assert note.planned >= note.rate * (1 - 1e-9)
        assert sum(choice.used for choice in note.choices) == len(note.segments)
    assert all(-1e-9 <= one.slack <= 1 and 0 <= one.stranded_gpcs <= one.free_gpcs for one in found.gpu_notes)
    assert found.free_gpcs + found.gpcs == found.gpus * 7
    json.dumps(explanation_to_json(found))
    text = "\n".join(explanation_lines(found))
    assert all(name in text for name in names)


def test_measured_scenarios_are_explained() -> None:
    """S1's bert is given batches that cannot fill in time, as the published map does."""
    services, tables = scenario(0), measured_tables()
    made = plan(services, tables)
    notes = {one.name: one for one in explain(made, services, tables, Options()).workloads}
    assert not notes["bert"].fills_in_time
    assert notes["mobilenetv2"].fills_in_time


def test_a_refusal_of_an_unknown_service_keeps_its_detail() -> None:
    """A plan made of other services is explained as far as it can be."""
    made = Plan("parvagpu", 0, (), (Unservable("x", Reason.NO_PROFILE, "why"),), 0, 0, A100_80GB)
    (note,) = explain(made, [], {}, Options()).refused
    assert (note.detail, note.change) == ("why", "")
