"""Memory of a process: points that do not fit are not used, and a wide 1g serves where a plain one is too small."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from common.mig import A100_40GB, A100_80GB, Geometry, Instance, gpcs_of, is_legal, maximal_layouts
from controller.allocator import Options, Plan, Point, ProfileTable, Reason, Service, plan, plan_optimal, plan_to_json
from controller.allocator.optimal_triplet_decision import allowed_points, widened
from controller.allocator.unequal import Stock, plan_unequal
from tests.plain_programme import fewest_gpus
from tests.strategies_allocator import MODELS, profiles

SLOW = Options(latency_share=1.0, max_processes=3)


def checked(made: Plan, services: list[Service], geometry: Geometry) -> None:
    """Legal by the product's own table, every process with its memory, every rate covered or refused."""
    wanted = {service.name: service for service in services}
    gpus: dict[int, list[Instance]] = defaultdict(list)
    given_to: dict[str, float] = defaultdict(float)
    for one in made.placed:
        profile = made.geometry.default(one.segment.size)
        gpus[one.gpu].append(Instance(profile, one.start))
        given_to[one.segment.service] += one.segment.throughput
        assert one.segment.processes * wanted[one.segment.service].memory_mb <= profile.memory_mb
    assert all(is_legal(geometry, layout) for layout in gpus.values())
    assert made.gpcs == sum(instance.profile.gpcs for layout in gpus.values() for instance in layout)
    refused = {one.service for one in made.unservable}
    assert all(name in refused or given_to[name] >= one.rate * (1 - 1e-9) for name, one in wanted.items())
    assert made.lower_bound <= made.gpus


@st.composite
def hungry(draw: st.DrawFn) -> list[Service]:
    """Services whose processes take from nothing to more than any GPU has."""
    memory = st.sampled_from((0.0, 800.0, 3300.0, 4900.0, 7000.0, 9900.0, 15_000.0, 30_000.0, 90_000.0))
    rates = draw(st.lists(st.integers(1, 1500), max_size=6))
    models = st.sampled_from(MODELS)
    return [Service(f"s{n}", draw(models), float(rate), 1000.0, memory_mb=draw(memory)) for n, rate in enumerate(rates)]


@settings(max_examples=150, deadline=None)
@given(hungry(), profiles(), st.sampled_from((A100_80GB, A100_40GB)))
def test_every_process_has_its_memory(services: list[Service], tables: dict[str, ProfileTable], on: Geometry) -> None:
    """Both planners, with wide instances and without: legal, covering, in memory; wide ones never cost a GPU."""
    plain = Options(latency_share=1.0, max_processes=3, geometry=on)
    for planner in (plan, plan_optimal):
        for options in (plain, widened(plain, services)):
            checked(planner(services, tables, options), services, on)
    without, with_wide = plan_optimal(services, tables, plain), plan_optimal(services, tables, widened(plain, services))
    if {one.service for one in without.unservable} == {one.service for one in with_wide.unservable}:
        assert with_wide.gpus <= without.gpus


@settings(max_examples=40, deadline=None)
@given(hungry(), profiles())
def test_the_optimum_with_wide_instances_is_the_optimum(
    services: list[Service], tables: dict[str, ProfileTable]
) -> None:
    """Proven plans have as many GPUs as another solver finds."""
    options = widened(SLOW, services)
    made = plan_optimal(services, tables, options)
    able = [one for one in services if one.name not in {refused.service for refused in made.unservable}]
    own = {one.name: ProfileTable(one.name, tuple(allowed_points(one, tables[one.model], options))) for one in able}
    alone = [Service(one.name, one.name, one.rate, one.slo_ms) for one in able]
    least = fewest_gpus(alone, own, options) if alone else 0
    assert made.lower_bound <= least <= made.gpus
    assert made.gpus == least


def test_a_wide_instance_stands_where_a_plain_one_is_too_small() -> None:
    """12 GB a process and only 1g measured: four 1g.20gb a GPU, the last at slot 6; 1g.10gb never."""
    tables = {"net": ProfileTable("net", (Point(1, 1, 1, 10.0, 5.0),))}
    service = Service("a", "net", 40.0, 100.0, memory_mb=12_000.0)
    refused = plan_optimal([service], tables)
    assert [(one.reason, "memory_mb 12000" in one.detail) for one in refused.unservable] == [(Reason.NO_PROFILE, True)]
    for planner in (plan, plan_optimal):
        made = planner([service], tables, widened(Options(), [service]))
        said = plan_to_json(made, 0.0)
        assert (made.gpus, made.gpcs, made.lower_bound) == (1, 4, 1)
        assert [(one["start"], one["profile"], one["gpcs"]) for one in said["segments"]] == [
            (start, "1g.20gb", 1) for start in (0, 2, 4, 6)
        ]
    fleet = plan_unequal([service], {"A100-80GB": tables}, [Stock(A100_80GB)])
    assert fleet.parts[0].plan.placed == plan_optimal([service], tables, widened(Options(), [service])).placed


def test_sizes_are_widened_only_where_memory_asks_for_it() -> None:
    """Nobody says memory, or it fits, or a wide instance is too small as well: the geometry stays as it was."""
    for memory in (0.0, 1900.0, 20_000.0):
        assert widened(Options(), [Service("a", "net", 1.0, 1.0, memory_mb=memory)]) == Options()
    geometry = widened(Options(), [Service("a", "net", 1.0, 1.0, memory_mb=2000.0)]).geometry
    assert geometry.sizes == (1, 2, 3, 4, 7, 21)
    assert (geometry.default(21).name, geometry.default(1).name, gpcs_of(21)) == ("1g.20gb", "1g.10gb", 1)
    assert len(maximal_layouts(A100_80GB)) == 19
    assert all(is_legal(A100_80GB, layout) for layout in maximal_layouts(geometry))
