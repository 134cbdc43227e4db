"""The optimal plan: against another solver, for any input, at a deadline, and in the published scenarios."""

import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.mig import A100_80GB, Instance, is_legal
from controller.allocator import Options, Plan, Point, ProfileTable, Reason, Service, plan, plan_optimal
from controller.allocator.configuration import configure
from controller.allocator.covering import due
from controller.allocator.optimal.demands import demands
from controller.allocator.optimal.layouts import gpu_shapes
from controller.allocator.optimal.pricing import price, whole_prices
from tests import strategies_allocator as drawn
from tests.parvagpu_data import SCENARIOS, dropped_tables, measured_tables, scenario
from tests.plain_programme import fewest_gpus

SIZES = (1, 2, 3, 4, 7)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, ProfileTable]:
    """Two models with whole throughputs, so that both solvers mean the same by covered."""
    found = {}
    for model in ("a", "b"):
        sizes = draw(st.sets(st.sampled_from(SIZES), min_size=1))
        found[model] = ProfileTable(
            model, tuple(Point(size, 1, 1, float(draw(st.integers(5, 60))), 10.0) for size in sorted(sizes))
        )
    return found


def _services(rates: list[int], models: str) -> list[Service]:
    return [Service(f"s{n}", models[n % len(models)], float(rate), 100.0) for n, rate in enumerate(rates)]


rates = st.lists(st.integers(1, 160), min_size=1, max_size=6)


@given(profiles=tables(), rates=rates, models=st.sampled_from(("a", "ab")))
@settings(max_examples=60, deadline=None)
def test_small_cases_are_solved_to_the_optimum_of_another_solver(
    profiles: dict[str, ProfileTable], rates: list[int], models: str
) -> None:
    """The same count, and proven."""
    services = _services(rates, models)
    found = plan_optimal(services, profiles)
    assert found.gpus == found.lower_bound == fewest_gpus(services, profiles, Options())
    _assert_sound(found, services, Options())


@given(profiles=tables(), rates=rates, wanted=st.lists(st.floats(0, 2), min_size=5, max_size=5))
@settings(max_examples=60, deadline=None)
def test_no_prices_give_a_bound_above_the_optimum(
    profiles: dict[str, ProfileTable], rates: list[int], wanted: list[float]
) -> None:
    """Whatever prices are asked for."""
    services, shapes = _services(rates, "ab"), gpu_shapes(A100_80GB)
    servable, _ = configure(services, profiles, Options())
    priced = price(demands(servable, shapes), whole_prices(np.array(wanted), shapes))
    assert priced.bound <= fewest_gpus(services, profiles, Options())


@given(profiles=tables(), rate=st.integers(20_000, 200_000), other=st.integers(1, 500))
@settings(max_examples=15, deadline=None)
def test_a_rate_too_high_to_enumerate_is_still_solved(profiles: dict[str, ProfileTable], rate: int, other: int) -> None:
    """Legal, covered, at most ParvaGPU's, the bound true and below the plan by less than one part in a hundred."""
    services = _services([rate, other], "ab")
    found = plan_optimal(services, profiles)
    _assert_sound(found, services, Options())
    assert found.gpus <= plan(services, profiles).gpus
    assert found.gpus - found.lower_bound <= 0.01 * found.gpus
    assert found.lower_bound <= fewest_gpus(services, profiles, Options())


@given(profiles=drawn.profiles(), services=drawn.services(), options=drawn.options())
@settings(max_examples=80, deadline=None)
def test_every_plan_is_sound(profiles: dict[str, ProfileTable], services: list[Service], options: Options) -> None:
    """Legal layouts, rates covered, nobody forgotten, the limit kept, and the same plan the second time."""
    found = plan_optimal(services, profiles, options)
    _assert_sound(found, services, options)
    assert options.max_gpus is None or found.gpus <= options.max_gpus
    assert found == plan_optimal(services, profiles, options)
    if options.max_gpus is None:
        simple = plan(services, profiles, options)
        assert found.gpus <= simple.gpus
        assert found.unservable == simple.unservable


@given(profiles=drawn.profiles(), services=drawn.services(), options=drawn.options(), calls=st.integers(0, 12))
@settings(max_examples=80, deadline=None)
def test_a_deadline_yields_a_sound_plan_and_a_true_bound(
    profiles: dict[str, ProfileTable], services: list[Service], options: Options, calls: int
) -> None:
    """Whenever time is up, at once included: never more GPUs than the limit, the bound not above the optimum."""
    left = iter(range(calls))
    found = plan_optimal(services, profiles, options, expired=lambda: next(left, None) is None)
    _assert_sound(found, services, options)
    assert options.max_gpus is None or found.gpus <= options.max_gpus
    if options.max_gpus is None:
        assert found.lower_bound <= plan_optimal(services, profiles, options).gpus


def test_time_that_is_up_at_once_gives_parvagpus_plan() -> None:
    """With a bound that ParvaGPU's own report has."""
    profiles = {"a": ProfileTable("a", (Point(1, 1, 1, 10.0, 1.0), Point(3, 1, 1, 36.0, 1.0)))}
    services = _services([100, 50, 70], "a")
    found, simple = plan_optimal(services, profiles, expired=lambda: True), plan(services, profiles)
    assert (found.placed, found.lower_bound) == (simple.placed, simple.lower_bound)


def test_a_large_fleet_has_a_plan_soon_after_time_is_up() -> None:
    """ParvaGPU's would take longer than the first packing, which is returned."""
    profiles = {"a": ProfileTable("a", (Point(1, 1, 1, 10.0, 1.0), Point(3, 1, 1, 36.0, 1.0)))}
    services = _services([20 + n % 97 for n in range(6000)], "a")
    began = time.perf_counter()
    found = plan_optimal(services, profiles, expired=lambda: True)
    assert time.perf_counter() - began < 2
    assert found.lower_bound <= plan_optimal(services, profiles).gpus <= found.gpus
    assert {one.segment.service for one in found.placed} == {one.name for one in services}


def test_fewer_gpus_than_needed_serve_the_first() -> None:
    """The refused one is told how many GPUs are short, counted from the optimal plan."""
    profiles = {"a": ProfileTable("a", (Point(7, 1, 1, 100.0, 1.0),))}
    found = plan_optimal(_services([100, 250, 100], "a"), profiles, Options(max_gpus=2))
    assert [one.segment.service for one in found.placed] == ["s0", "s2"]
    (refused,) = found.unservable
    assert (refused.service, refused.reason, refused.gpus_short) == ("s1", Reason.INSUFFICIENT_GPUS, 3)
    assert (found.gpus, found.lower_bound) == (2, 2)


def test_a_service_stands_on_as_many_gpus_as_there_are() -> None:
    """Two 3g segments of each of two services share two GPUs crosswise, so that losing one GPU ends neither."""
    profiles = {"a": ProfileTable("a", (Point(3, 1, 1, 100.0, 1.0),))}
    found = plan_optimal(_services([200, 200], "a"), profiles)
    assert found.gpus == 2
    assert {(one.gpu, one.segment.service) for one in found.placed} == {(g, s) for g in (0, 1) for s in ("s0", "s1")}


@pytest.mark.parametrize(
    ("max_processes", "dropped", "expected"),
    [(5, False, [2, 3, 5, 7, 12, 15]), (3, False, [2, 3, 5, 7, 12, 16]), (5, True, [2, 3, 5, 7, 12, 17])],
    ids=["at most 5 processes", "at most 3", "suspect rows dropped"],
)
def test_the_published_scenarios_are_proven(max_processes: int, dropped: bool, expected: list[int]) -> None:
    """S1 to S6: the known optima, each with an equal bound."""
    profiles, options = dropped_tables() if dropped else measured_tables(), Options(max_processes=max_processes)
    plans = [plan_optimal(scenario(index), profiles, options) for index in SCENARIOS]
    assert [found.gpus for found in plans] == [found.lower_bound for found in plans] == expected
    for index, found in enumerate(plans):
        _assert_sound(found, scenario(index), options)


@pytest.mark.parametrize(("copies", "expected"), [(8, [94, 120]), (64, [751, 958])])
def test_the_scaled_scenarios_are_proven(copies: int, expected: list[int]) -> None:
    """S5 and S6 with every service several times over."""
    plans = [plan_optimal(scenario(index, copies), measured_tables()) for index in (4, 5)]
    assert [found.gpus for found in plans] == [found.lower_bound for found in plans] == expected


def test_a_thousand_services_are_proven_in_well_under_a_second() -> None:
    """Drawn over three models with strides, so that no two are alike."""
    profiles = {
        name: ProfileTable(name, tuple(Point(s, 8, 1, round(grow * s**power, 3), 40.0 / s) for s in SIZES))
        for name, grow, power in (("a", 100.0, 1.05), ("b", 71.0, 0.93), ("c", 43.0, 1.12))
    }
    services = [Service(f"s{n}", "abc"[n % 3], 1 + 37.3 * n % 1000, 100 + n % 300) for n in range(1000)]
    began = time.perf_counter()
    found = plan_optimal(services, profiles)
    assert time.perf_counter() - began < 2
    assert found.gpus == found.lower_bound > 300
    simple = plan(services, profiles)
    assert found.gpus <= simple.gpus


def test_a_hundred_services_of_hundreds_of_segments_each_are_proven() -> None:
    """Rates of which most have too many covers to enumerate."""
    models = sorted(measured_tables())
    services = [Service(f"s{n}", models[n % 11], 5_000 + 947.3 * n, 1_000 + 50 * n) for n in range(100)]
    found = plan_optimal(services, measured_tables())
    assert found.gpus == found.lower_bound > 1000
    covered = {one.name: Fraction() for one in services}
    for placed in found.placed:
        covered[placed.segment.service] += Fraction(placed.segment.throughput)
    assert all(covered[one.name] >= Fraction(due(one.rate)) for one in services)


def _assert_sound(found: Plan, services: list[Service], options: Options) -> None:
    by_gpu: dict[int, list[Instance]] = {}
    for placed in found.placed:
        instance = Instance(A100_80GB.default(placed.segment.size), placed.start)
        by_gpu.setdefault(placed.gpu, []).append(instance)
    assert sorted(by_gpu) == list(range(found.gpus))
    assert all(is_legal(A100_80GB, layout) for layout in by_gpu.values())
    assert found.gpcs == sum(placed.segment.size for placed in found.placed)
    assert found.lower_bound <= found.gpus
    refused = {entry.service for entry in found.unservable}
    for service in services:
        segments = [placed.segment for placed in found.placed if placed.segment.service == service.name]
        if service.name in refused:
            assert segments == []
            continue
        assert sum(Fraction(segment.throughput) for segment in segments) >= Fraction(due(service.rate))
        for segment in segments:
            assert segment.latency_ms < options.latency_share * service.slo_ms
            assert segment.processes <= options.processes_for(service)
            assert service.max_batch is None or segment.batch <= service.max_batch
