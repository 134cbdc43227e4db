"""ParvaGPU's measured tables and scenarios, read where they lie beside the repository."""

import csv
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from controller.allocator import ProfileTable, Service, parse_profile_files
from controller.allocator.suspect import drop_keys, parse_keys
from tests.shared_data import shared_data

SCENARIOS = range(6)


def measured_tables() -> dict[str, ProfileTable]:
    """The eleven tables, suspect rows kept; skips where they are absent."""
    return _tables(shared_data("data", "parvagpu_a100", "profiles"))


def reference_suspects() -> dict[tuple[str, int, int, int], str]:
    """(model, size, batch, processes) → tier of the reference list."""
    path = shared_data("data", "parvagpu_a100", "suspect_profile_rows.csv")
    keys, problems = parse_keys(path.name, path.read_text())
    assert problems == []
    tiers = [row["tier"] for row in csv.DictReader(path.read_text().splitlines())]
    return dict(zip(keys, tiers, strict=True))


def dropped_tables() -> dict[str, ProfileTable]:
    """The tables without the reference list's rows."""
    return drop_keys(measured_tables(), reference_suspects().keys())


def scenario(index: int, copies: int = 1) -> list[Service]:
    """S1 is 0; rates and SLOs truncated to integers as the artefact reads them."""
    folder = shared_data("data", "parvagpu_a100", "slo")
    rates, slos = (
        list(csv.reader((folder / name).read_text().splitlines()))[index]
        for name in ("SLO_req_rate.csv", "SLO_latency.csv")
    )
    services = [
        Service(model, model, rate=int(float(rate)), slo_ms=int(float(slo)))
        for model, rate, slo in zip(sorted(measured_tables()), rates, slos, strict=True)
        if rate != "N/A"
    ]
    if copies == 1:
        return services
    return [replace(one, name=f"{one.name}-{number}") for number in range(copies) for one in services]


@lru_cache(maxsize=1)
def _tables(folder: Path) -> dict[str, ProfileTable]:
    parsed = parse_profile_files((path.name, path.read_text()) for path in sorted(folder.glob("*.csv")))
    assert parsed.problems == ()
    return dict(parsed.tables)
