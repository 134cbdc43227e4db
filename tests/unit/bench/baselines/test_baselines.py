"""Other systems' allocators."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.baselines.demand import Demand, demands
from bench.baselines.gpulet import PERCENTS, gpulet
from bench.baselines.igniter import STEPS, UNIT, igniter
from bench.baselines.mig_serving.genetic import Effort, genetic
from bench.baselines.mig_serving.gpus import Gpu, Problem, after, finished, gpcs, problem, pruned
from bench.baselines.mig_serving.greedy import greedy, greedy_of_few
from bench.baselines.partitions import Partitions
from bench.baselines.report import ratio_table, text
from bench.baselines.systems import SINGLE, SYSTEMS, run
from bench.baselines.whole_gpu import whole_gpu
from common.mig import A100_80GB, feasible_multisets
from controller.allocator import Options, Point, ProfileTable, Service, plan_optimal
from tests import strategies_allocator as some
from tests.parvagpu_data import SCENARIOS, measured_tables, scenario

QUICK = Effort(population=3, patience=2, rounds=3, plays=4)
LINEAR = tuple(
    Point(size, batch, 1, 10.0 * size * batch / (batch + 1), 5.0) for size in (1, 2, 3, 4, 7) for batch in (1, 4)
)


def _linear(name: str, rate: float, limit_ms: float = 1e6) -> Demand:
    return Demand(name, rate, limit_ms, {}, LINEAR)


@st.composite
def _wanted(draw: st.DrawFn) -> tuple[list[Service], dict[str, ProfileTable], list[Demand]]:
    """Services that some size can serve at rates of a few GPUs, and their demands."""
    tables = draw(some.profiles())
    known = [one for one in draw(some.services(5)) if one.model in tables]
    found = demands(known, tables, SINGLE)
    good = [one.servable and one.rate / max(one.best.values()) < 20 for one in found]
    kept = [(service, one) for service, one, fits in zip(known, found, good, strict=True) if fits]
    return [service for service, _ in kept], tables, [one for _, one in kept]


def _sound(of: Problem, gpus: list[Gpu]) -> None:
    legal = feasible_multisets(A100_80GB)
    assert all(tuple(sorted((size for size, _ in gpu), reverse=True)) in legal for gpu in gpus)
    assert finished(after(of, of.nothing, gpus))


@settings(deadline=None, max_examples=40)
@given(_wanted(), st.integers(0, 3))
def test_mig_serving_covers_every_rate_on_legal_layouts(
    drawn: tuple[list[Service], dict[str, ProfileTable], list[Demand]], seed: int
) -> None:
    """The genetic search takes no more GPUs than greedy, and nothing takes fewer than the optimum proves."""
    services, tables, wanted = drawn
    of = problem(wanted, A100_80GB)
    found = [genetic(of, seed, QUICK), greedy(of), greedy_of_few(of)]
    for gpus in found:
        _sound(of, gpus)
    assert len(found[0]) <= len(found[1])
    assert plan_optimal(services, tables, SINGLE).lower_bound <= len(found[0])
    assert all(len({service for _, service in gpu}) <= 2 for gpu in found[2])
    assert genetic(of, seed, QUICK) == found[0]


@given(_wanted())
def test_pruning_spares_no_rate(drawn: tuple[list[Service], dict[str, ProfileTable], list[Demand]]) -> None:
    """Fewer GPCs at most, every rate still covered, nothing left that could be spared."""
    of = problem(drawn[2], A100_80GB)
    before = greedy(of)
    kept = pruned(of, before)
    _sound(of, kept)
    assert gpcs(kept) <= gpcs(before)
    assert pruned(of, kept) == kept


def test_whole_gpus_are_counted_by_service() -> None:
    """Each rate is rounded up alone; a service that 7g cannot serve is named."""
    wanted = [
        Demand("a", 101, 10, {7: 100.0}, ()),
        Demand("b", 1, 10, {7: 100.0}, ()),
        Demand("c", 1, 10, {1: 5.0}, ()),
    ]
    assert whole_gpu(wanted) == (3, ["c"])


def test_partitions_meet_the_measured_sizes_and_lie_between() -> None:
    """At 3/7 of a GPU the measurement, halfway the mean, below the smallest its share; slow batches are out."""
    model, one = Partitions(), _linear("a", 1)
    assert model.serves(one, 300 / 7) == pytest.approx(24, rel=2e-3)
    assert model.serves(one, 250 / 7) == pytest.approx(20, rel=2e-3)
    assert model.serves(one, 50 / 7) == pytest.approx(4, rel=1e-2)
    assert Partitions().serves(_linear("a", 1, 100), 300 / 7) == pytest.approx(15, rel=2e-3)  # batch 1: 67 ms
    assert Partitions(0.1).serves(one, 300 / 7, 2) == pytest.approx(24 * 0.8, rel=2e-3)


rates = st.lists(st.floats(0.5, 400), max_size=12)


@given(rates, st.sampled_from((0.0, 0.05, 0.2)))
def test_gpulet_covers_every_rate_with_two_partitions_a_gpu(rates: list[float], slow: float) -> None:
    """Partitions are of the allowed sizes and fill no GPU over."""
    wanted = [_linear(f"s{number}", rate) for number, rate in enumerate(rates)]
    gpus, refused = gpulet(wanted, Partitions(slow))
    assert refused == []
    for gpu in gpus:
        assert len(gpu) <= 2
        assert sum(held.percent for held in gpu) <= 100
        assert all(held.percent in PERCENTS for held in gpu)
    for one in wanted:
        served = sum(held.throughput for gpu in gpus for held in gpu if held.service == one.name)
        assert served >= one.rate * (1 - 1e-9)


@given(rates, st.sampled_from((0.0, 0.05, 0.2)))
def test_igniter_covers_every_rate_beside_its_neighbours(rates: list[float], slow: float) -> None:
    """Every share serves its part at the slow-down of the neighbours that it has."""
    wanted = [_linear(f"s{number}", rate) for number, rate in enumerate(rates)]
    model = Partitions(slow)
    gpus, refused = igniter(wanted, model)
    assert refused == []
    for gpu in gpus:
        assert sum(share.steps for share in gpu) <= STEPS
        for share in gpu:
            assert model.serves(share.demand, share.steps * UNIT, len(gpu) - 1) >= share.demand.rate
    for one in wanted:
        parts = [share.demand.rate for gpu in gpus for share in gpu if share.demand.name == one.name]
        assert math.isclose(sum(parts), one.rate)


def test_a_demand_that_no_partition_serves_is_refused() -> None:
    """Both modelled peers name it and serve the rest."""
    wanted = [_linear("slow", 10, 1.0), _linear("good", 10)]
    for gpus, refused in (gpulet(wanted, Partitions()), igniter(wanted, Partitions())):
        assert refused == ["slow"]
        assert len(gpus) == 1


@pytest.mark.parametrize("index", SCENARIOS)
def test_on_the_measured_scenarios_nobody_beats_the_optimum(index: int) -> None:
    """Systems of one process a segment against one process; whole GPUs against five."""
    services, tables = scenario(index), measured_tables()
    wanted = demands(services, tables, SINGLE)
    of = problem(wanted, A100_80GB)
    floor = plan_optimal(services, tables, SINGLE).lower_bound
    assert floor <= len(greedy(of)) <= whole_gpu(wanted)[0]
    assert floor <= len(greedy_of_few(of))
    five = Options()
    assert plan_optimal(services, tables, five).gpus <= whole_gpu(demands(services, tables, five))[0]


def test_the_page_has_a_row_for_every_system() -> None:
    """And ours over ours is 1.00."""
    tables = {"alpha": ProfileTable("alpha", tuple(Point(size, 1, 1, 50.0 * size, 5.0) for size in (1, 2, 3, 4, 7)))}
    services = [Service("a", "alpha", 700, 100), Service("b", "alpha", 20, 100)]
    results = {system.name: [run(system, services, tables, 1)] * 6 for system in SYSTEMS}
    page = text(results, 1)
    assert all(page.count(f"| {system.name} |") == 2 for system in SYSTEMS)
    assert "| ours, ≤ 5 processes | 1.00 | 1.00 |" in ratio_table(results)
    assert all(one.gpus >= 3 and not one.refused for its in results.values() for one in its)
