"""ParvaGPU's published maps and counts, from its authors' measured tables."""

import csv
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from common.mig import Instance, is_legal
from controller.allocator import Options, Plan, ProfileTable, Service, parse_profile_files, plan
from tests.shared_data import shared_data

SCENARIOS = range(6)
GPUS_PER_NODE = 8


@lru_cache(maxsize=1)
def _profiles(folder: Path) -> dict[str, ProfileTable]:
    files = ((path.name, path.read_text()) for path in sorted(folder.glob("*.csv")))
    parsed = parse_profile_files(files)
    assert parsed.problems == ()
    return dict(parsed.tables)


@pytest.fixture
def profiles() -> dict[str, ProfileTable]:
    """The eleven tables, suspect rows kept."""
    return _profiles(shared_data("data", "parvagpu_a100", "profiles"))


def _services(scenario: int, profiles: dict[str, ProfileTable]) -> list[Service]:
    """A scenario's services; the artefact reads rates and SLOs with integer truncation."""
    folder = shared_data("data", "parvagpu_a100", "slo")
    rates, slos = (
        list(csv.reader((folder / name).read_text().splitlines()))[scenario]
        for name in ("SLO_req_rate.csv", "SLO_latency.csv")
    )
    return [
        Service(model, model, rate=int(float(rate)), slo_ms=int(float(slo)))
        for model, rate, slo in zip(sorted(profiles), rates, slos, strict=True)
        if rate != "N/A"
    ]


def _published(scenario: int) -> dict[int, Counter[tuple[str, int, int, int]]]:
    """GPU → its (model, size, batch, processes)."""
    path = shared_data("data", "parvagpu_a100", "published_maps", f"S{scenario + 1}.csv")
    gpus: dict[int, Counter[tuple[str, int, int, int]]] = {}
    for row in csv.DictReader(path.read_text().splitlines()):
        gpu = int(row["Num instance"]) * GPUS_PER_NODE + int(row["Num GPU"])
        contents = (row["Model"], int(row["Instance size"]), int(row["Batch size"]), int(row["Num proc"]))
        gpus.setdefault(gpu, Counter())[contents] += 1
    return gpus


def _by_gpu(found: Plan) -> dict[int, Counter[tuple[str, int, int, int]]]:
    gpus: dict[int, Counter[tuple[str, int, int, int]]] = {}
    for placed in found.placed:
        segment = placed.segment
        contents = (segment.service, segment.size, segment.batch, segment.processes)
        gpus.setdefault(placed.gpu, Counter())[contents] += 1
    return gpus


def assert_legal(found: Plan) -> None:
    """Every GPU of the plan is a legal layout."""
    for gpu in range(found.gpus):
        on_gpu = [placed for placed in found.placed if placed.gpu == gpu]
        layout = [Instance(found.geometry.default(p.segment.size), p.start) for p in on_gpu]
        assert on_gpu
        assert is_legal(found.geometry, layout)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"S{scenario + 1}")
def test_the_published_map_is_reproduced(scenario: int, profiles: dict[str, ProfileTable]) -> None:
    """GPU for GPU the same segments, at starts that are legal."""
    found = plan(_services(scenario, profiles), profiles)
    assert _by_gpu(found) == _published(scenario)
    assert found.unservable == ()
    assert_legal(found)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), [2, 3, 5, 7, 13, 16]),
        (Options(max_processes=3), [2, 3, 5, 7, 13, 17]),
        (Options(single=True), [2, 3, 5, 7, 14, 18]),
        (Options(optimize=False), [2, 3, 8, 11, 20, 26]),
    ],
    ids=["at most 5 processes", "at most 3", "single", "no optimization"],
)
def test_gpu_counts_of_the_variants(options: Options, expected: list[int], profiles: dict[str, ProfileTable]) -> None:
    """The counts of S1 to S6 under each switch, every plan legal, no bound above its plan."""
    plans = [plan(_services(scenario, profiles), profiles, options) for scenario in SCENARIOS]
    assert [found.gpus for found in plans] == expected
    for found in plans:
        assert_legal(found)
        assert found.lower_bound <= found.gpus


def test_gpcs_of_the_published_maps(profiles: dict[str, ProfileTable]) -> None:
    """The GPCs that the six maps use."""
    plans = [plan(_services(scenario, profiles), profiles) for scenario in SCENARIOS]
    assert [found.gpcs for found in plans] == [10, 20, 33, 48, 90, 112]


@pytest.mark.parametrize(("copies", "expected"), [(8, [101, 128]), (64, [801, 1024])])
def test_scaled_scenarios(copies: int, expected: list[int], profiles: dict[str, ProfileTable]) -> None:
    """S5 and S6 with every service several times over."""
    counts = []
    for scenario in (4, 5):
        services = _services(scenario, profiles)
        many = [replace(one, name=f"{one.name}-{n}") for n in range(copies) for one in services]
        counts.append(plan(many, profiles).gpus)
    assert counts == expected


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"S{scenario + 1}")
def test_the_bound_is_never_above_the_proven_optimum(scenario: int, profiles: dict[str, ProfileTable]) -> None:
    """Optima proven elsewhere by integer programming: 2, 3, 5, 7, 12, 15."""
    found = plan(_services(scenario, profiles), profiles)
    assert found.lower_bound <= [2, 3, 5, 7, 12, 15][scenario]
