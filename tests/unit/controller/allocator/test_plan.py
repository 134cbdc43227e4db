"""The plan as a whole: an example by hand, every refusal, and what holds for any input."""

import math
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.mig import A100_80GB, Instance, is_legal
from controller.allocator import (
    Options,
    Plan,
    Point,
    ProfileTable,
    Reason,
    Service,
    Unservable,
    plan,
    plan_to_json,
)
from controller.allocator.covering import due
from tests import strategies_allocator as drawn

NET = ProfileTable("net", (Point(1, 8, 1, 100.0, 40.0), Point(3, 8, 2, 360.0, 30.0), Point(7, 8, 1, 630.0, 12.0)))
PROFILES = {"net": NET}


def _refusal(service: Service, options: Options | None = None) -> Unservable:
    found = plan([service], PROFILES, options)
    assert found.placed == ()
    assert found.gpus == found.lower_bound == found.gpcs == 0
    (refused,) = found.unservable
    return refused


def test_a_hand_made_example() -> None:
    """800/s is 3g + 3g + 1g (360 + 360 + 100), and 90/s one 1g; optimization packs all on two GPUs."""
    services = [Service("front", "net", 800, 100), Service("back", "net", 90, 100)]
    found = plan(services, PROFILES, Options(optimize=False))
    assert [(p.gpu, p.start, p.segment.service, p.segment.size) for p in found.placed] == [
        (0, 0, "front", 1),
        (0, 1, "back", 1),
        (0, 4, "front", 3),
        (1, 4, "front", 3),
    ]
    assert (found.gpus, found.gpcs, found.lower_bound, found.unservable) == (2, 8, 2, ())


def test_the_json_form() -> None:
    """The keys and plain values that `plan -o json` promises, refusals included."""
    services = [Service("front", "net", 90, 100), Service("late", "net", 90, 20)]
    assert plan_to_json(plan(services, PROFILES), elapsed_ms=1.23456) == {
        "algorithm": "parvagpu",
        "gpus": 1,
        "lower_bound": 1,
        "proven_optimal": True,
        "elapsed_ms": 1.235,
        "gpcs": 1,
        "segments": [
            {
                "gpu": 0,
                "start": 0,
                "profile": "1g.10gb",
                "gpcs": 1,
                "workload": "front",
                "batch": 8,
                "processes": 1,
                "throughput": 100.0,
                "latency_ms": 40.0,
            }
        ],
        "unservable": [
            {
                "workload": "late",
                "reason": "SLO_UNREACHABLE",
                "detail": "a batch must take less than 9 ms (0.45 of slo_ms 20); the best that 'net' can do is "
                "12 ms (7g, batch 8, 1 process): slo_ms 26.7 would do",
            }
        ],
    }


def test_an_unknown_model_is_refused() -> None:
    """NO_PROFILE names the model."""
    refused = _refusal(Service("x", "missing", 1, 100))
    assert refused.reason is Reason.NO_PROFILE
    assert "no profile for model 'missing'" in refused.detail


def test_limits_that_leave_no_point_are_refused() -> None:
    """NO_PROFILE also where the process and batch limits leave nothing of the table, and it says so."""
    refused = _refusal(Service("x", "net", 1, 100, max_batch=4))
    assert refused.reason is Reason.NO_PROFILE
    assert "no point with at most 5 processes and batch 4" in refused.detail


@pytest.mark.parametrize("slo_ms", [0.001, 10, 26.6, 26.666])
def test_the_slo_that_is_said_to_do_does(slo_ms: float) -> None:
    """SLO_UNREACHABLE carries the best latency, and an SLO that is then served."""
    refused = _refusal(Service("x", "net", 1, slo_ms))
    assert refused.reason is Reason.SLO_UNREACHABLE
    assert refused.best_latency_ms == 12.0
    would_do = refused.slo_that_would_do_ms
    assert would_do == 26.7
    assert plan([Service("x", "net", 1, would_do)], PROFILES).unservable == ()


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_rate_or_slo_that_is_no_positive_number_is_refused(bad: float) -> None:
    """RATE_INVALID and SLO_INVALID name the field and the value."""
    rate = _refusal(Service("x", "net", bad, 100))
    assert (rate.reason, rate.detail.split()[0]) == (Reason.RATE_INVALID, "rate")
    slo = _refusal(Service("x", "net", 1, bad))
    assert (slo.reason, slo.detail.split()[0]) == (Reason.SLO_INVALID, "slo_ms")


def test_an_absurd_rate_is_refused_at_once() -> None:
    """RATE_TOO_HIGH says how many segments it would take and the highest rate that is taken."""
    refused = _refusal(Service("x", "net", 1e300, 100))
    assert refused.reason is Reason.RATE_TOO_HIGH
    assert refused.detail.endswith("at most 3.6e+07 items/s")


def test_earlier_services_go_first_when_gpus_are_too_few() -> None:
    """The first and whatever still fits beside it are served; the others say how many GPUs are short."""
    services = [
        Service("first", "net", 400, 100),
        Service("large", "net", 3000, 100),
        Service("small", "net", 50, 100),
    ]
    found = plan(services, PROFILES, Options(max_gpus=1))
    assert {placed.segment.service for placed in found.placed} == {"first", "small"}
    assert found.gpus == 1
    (refused,) = found.unservable
    assert (refused.service, refused.reason) == ("large", Reason.INSUFFICIENT_GPUS)
    assert refused.gpus_short == plan(services, PROFILES).gpus - 1
    assert f"needs {refused.gpus_short} more A100-80GB" in refused.detail


@pytest.mark.parametrize("max_gpus", [None, 100])
def test_a_thousand_services_are_planned_in_about_a_second(max_gpus: int | None) -> None:
    """Also where they do not all fit."""
    services = [Service(f"s{n}", "net", 1 + 37 * n % 1000, 30 + n % 300) for n in range(1000)]
    began = time.perf_counter()
    found = plan(services, PROFILES, Options(max_gpus=max_gpus))
    assert time.perf_counter() - began < 2
    assert found.gpus == max_gpus or (max_gpus is None and found.gpus > 300)


def test_a_name_given_twice_is_an_error() -> None:
    """Two services of one name cannot be told apart in the plan."""
    with pytest.raises(ValueError, match="'x' is given twice"):
        plan([Service("x", "net", 1, 100), Service("x", "net", 2, 100)], PROFILES)


@pytest.mark.parametrize(
    ("field", "value"),
    [("latency_share", 0), ("latency_share", math.nan), ("max_processes", 0), ("max_gpus", -1)],
)
def test_bad_options_name_their_field(field: str, value: float) -> None:
    """Options refuse what would make no sense."""
    with pytest.raises(ValueError, match=field):
        Options(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("point", [Point(1, 1, 1, 0.0, 1.0), Point(1, 1, 1, 1.0, math.nan), Point(1, 0, 1, 1.0, 1.0)])
def test_a_table_refuses_points_that_measure_nothing(point: Point) -> None:
    """Zero, NaN and counts below one never reach the planner."""
    with pytest.raises(ValueError, match="bad: "):
        ProfileTable("bad", (point,))


def test_a_table_refuses_a_point_measured_twice() -> None:
    """Two figures for one triplet cannot both be right."""
    with pytest.raises(ValueError, match="measured twice"):
        ProfileTable("bad", (Point(1, 1, 1, 1.0, 1.0), Point(1, 1, 1, 2.0, 1.0)))


@given(profiles=drawn.profiles(), services=drawn.services(), options=drawn.options())
@settings(max_examples=150, deadline=None)
def test_every_plan_is_sound(profiles: dict[str, ProfileTable], services: list[Service], options: Options) -> None:
    """Legal layouts, rates covered, latencies under the rule, the bound below, nobody forgotten."""
    found = plan(services, profiles, options)
    _assert_layouts(found)
    _assert_services(found, services, options)
    assert found.lower_bound <= found.gpus
    assert options.max_gpus is None or found.gpus <= options.max_gpus
    assert found == plan(services, dict(reversed(profiles.items())), options)


@given(profiles=drawn.profiles(), services=drawn.services(), options=drawn.options(), data=st.data())
@settings(max_examples=50, deadline=None)
def test_the_order_of_points_in_a_table_does_not_matter(
    profiles: dict[str, ProfileTable], services: list[Service], options: Options, data: st.DataObject
) -> None:
    """A shuffled table gives the same plan."""
    shuffled = {
        model: ProfileTable(model, tuple(data.draw(st.permutations(table.points)))) for model, table in profiles.items()
    }
    assert plan(services, shuffled, options) == plan(services, profiles, options)


def _assert_layouts(found: Plan) -> None:
    by_gpu: dict[int, list[Instance]] = {}
    for placed in found.placed:
        instance = Instance(A100_80GB.default(placed.segment.size), placed.start)
        by_gpu.setdefault(placed.gpu, []).append(instance)
    assert sorted(by_gpu) == list(range(found.gpus))
    assert all(is_legal(A100_80GB, layout) for layout in by_gpu.values())
    assert found.gpcs == sum(placed.segment.size for placed in found.placed)


def _assert_services(found: Plan, services: list[Service], options: Options) -> None:
    refused = {entry.service for entry in found.unservable}
    assert len(refused) == len(found.unservable)
    for service in services:
        segments = [p.segment for p in found.placed if p.segment.service == service.name]
        if service.name in refused:
            assert segments == []
            continue
        assert sum(Fraction(segment.throughput) for segment in segments) >= Fraction(due(service.rate))
        for segment in segments:
            assert segment.latency_ms < options.latency_share * service.slo_ms
            assert segment.processes <= options.processes_for(service)
            assert service.max_batch is None or segment.batch <= service.max_batch
