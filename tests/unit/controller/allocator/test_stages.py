"""ParvaGPU's four stages, each on a small example worked out by hand."""

import pytest

from common.mig import A100_80GB
from controller.allocator import Options, Point, ProfileTable, Segment, Service
from controller.allocator.allocation_optimization import allocation_optimization
from controller.allocator.demand_matching import demand_matching, segments_needed
from controller.allocator.fleet import Fleet
from controller.allocator.optimal_triplet_decision import Triplets, optimal_triplet_decision
from controller.allocator.segment_relocation import segment_relocation

# Per GPC: 1g 100, 2g 110, 3g 120 (two processes 140, slower), 7g 90.
TABLE = ProfileTable(
    "net",
    (
        Point(1, 8, 1, 100.0, 40.0),
        Point(2, 8, 1, 220.0, 36.0),
        Point(3, 8, 1, 360.0, 30.0),
        Point(3, 16, 2, 420.0, 60.0),
        Point(7, 8, 1, 630.0, 12.0),
    ),
)


def _service(rate: float, slo_ms: float = 100.0) -> Service:
    return Service("net", "net", rate, slo_ms)


def _triplets(service: Service, options: Options | None = None) -> Triplets:
    found = optimal_triplet_decision(service, TABLE, options or Options())
    assert found is not None
    return found


def _segment(size: int, service: str = "net", throughput: float = 100.0) -> Segment:
    return Segment(service, size, 8, 1, throughput, 10.0)


def _contents(fleet: Fleet) -> list[list[tuple[int, int]]]:
    gpus: dict[int, list[tuple[int, int]]] = {}
    for placed in fleet.placed():
        gpus.setdefault(placed.gpu, []).append((placed.start, placed.segment.size))
    return list(gpus.values())


def test_the_optimal_triplet_has_the_most_throughput_per_gpc() -> None:
    """Among the points under 0.45 × SLO; 3g with two processes wins only where its 60 ms are allowed."""
    assert _triplets(_service(1, slo_ms=100)).optimal == Point(3, 8, 1, 360.0, 30.0)
    assert _triplets(_service(1, slo_ms=200)).optimal == Point(3, 16, 2, 420.0, 60.0)
    assert sorted(_triplets(_service(1, slo_ms=60)).best) == [7]


def test_latency_must_be_strictly_under_the_share() -> None:
    """A point that takes exactly 0.45 × SLO is too slow, and no point at all gives None."""
    options = Options(latency_share=0.5)
    assert 3 not in _triplets(_service(1, slo_ms=60), options).best
    assert 3 in _triplets(_service(1, slo_ms=60.5), options).best
    assert optimal_triplet_decision(_service(1, slo_ms=24), TABLE, options) is None


def test_the_first_point_wins_a_tie() -> None:
    """Equal throughput per GPC: the smaller size, then batch, then processes, in whatever order they came."""
    points = [Point(2, 1, 1, 20.0, 1.0), Point(1, 4, 1, 10.0, 1.0), Point(1, 2, 2, 10.0, 1.0)]
    table = ProfileTable("tie", (*points, Point(1, 2, 1, 10.0, 1.0)))
    found = optimal_triplet_decision(Service("tie", "tie", 1, 100), table, Options())
    assert found is not None
    assert (found.optimal.size, found.optimal.batch, found.optimal.processes) == (1, 2, 1)


@pytest.mark.parametrize(
    ("options", "service", "optimal_processes"),
    [
        (Options(), Service("net", "net", 1, 200), 2),
        (Options(single=True), Service("net", "net", 1, 200), 1),
        (Options(max_processes=1), Service("net", "net", 1, 200), 1),
        (Options(), Service("net", "net", 1, 200, max_processes=1), 1),
        (Options(), Service("net", "net", 1, 200, max_batch=8), 1),
    ],
)
def test_process_and_batch_limits(options: Options, service: Service, optimal_processes: int) -> None:
    """The stricter of the options' and the service's limits holds."""
    assert _triplets(service, options).optimal.processes == optimal_processes


@pytest.mark.parametrize(
    ("rate", "sizes"),
    [(50, [1]), (150, [2]), (360, [3]), (361, [3, 1]), (720, [3, 3]), (1000, [3, 3, 3]), (900, [3, 3, 2])],
)
def test_demand_matching_ends_with_the_smallest_segment_that_covers_the_rest(rate: float, sizes: list[int]) -> None:
    """Optimal segments of 360/s while more than one is needed; an exact multiple adds nothing."""
    service = _service(rate)
    segments = demand_matching(service, _triplets(service))
    assert [segment.size for segment in segments] == sizes
    assert segments_needed(service, _triplets(service)) == len(sizes)
    assert sum(segment.throughput for segment in segments) >= rate


def test_relocation_drains_by_size_to_the_best_fit() -> None:
    """4 and 3 share a GPU, then 2, 2 go where 3 of the next is, 1 where least is free."""
    fleet = segment_relocation([_segment(size) for size in (1, 3, 2, 4, 3, 2)], A100_80GB)
    assert _contents(fleet) == [[(0, 4), (4, 3)], [(0, 2), (2, 2), (4, 3)], [(0, 1)]]


def test_relocation_never_puts_two_threes_on_one_gpu() -> None:
    """The paper starts a 3g at slot 4 only, so that no compute slice is wasted."""
    assert _contents(segment_relocation([_segment(3)] * 2, A100_80GB)) == [[(4, 3)], [(4, 3)]]


def test_optimization_splits_half_used_gpus_into_what_is_free_elsewhere() -> None:
    """The 3g of the last GPU becomes 2g + 1g + 1g (220 + 100 + 100 ≥ 360) beside the first GPU's 3g."""
    service = _service(720)
    triplets = _triplets(service)
    fleet = segment_relocation(demand_matching(service, triplets), A100_80GB)
    assert _contents(fleet) == [[(4, 3)], [(4, 3)]]
    allocation_optimization(fleet, {"net": (service, triplets)})
    assert _contents(fleet) == [[(0, 2), (2, 1), (3, 1), (4, 3)]]


def test_optimization_leaves_alone_what_it_cannot_split() -> None:
    """A service with neither a 1g nor a 2g point keeps its segment: the artefact would lose it."""
    table = ProfileTable("big", (Point(3, 1, 1, 10.0, 1.0),))
    service = Service("big", "big", 10, 100)
    triplets = optimal_triplet_decision(service, table, Options())
    assert triplets is not None
    fleet = segment_relocation(demand_matching(service, triplets), A100_80GB)
    assert _contents(allocation_optimization(fleet, {"big": (service, triplets)})) == [[(4, 3)]]
