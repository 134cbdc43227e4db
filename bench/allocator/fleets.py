"""What the bench plans: ParvaGPU's measured tables and scenarios, read in place, and fleets drawn over them."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from controller.allocator import ProfileTable, Service, parse_profile_files
from controller.allocator.suspect import Key, parse_keys

Tables = Mapping[str, ProfileTable]

ABSENT = "N/A"


@dataclass(frozen=True, slots=True)
class Measured:
    """The data set: tables by model, each scenario's (rate, SLO in ms) by model, and the list of suspect rows."""

    tables: Tables
    scenarios: tuple[Mapping[str, tuple[float, float]], ...]
    suspects: Mapping[Key, str]  # → tier


def read(folder: Path) -> Measured:
    """Raises SystemExit with a line that says what is missing."""
    if not folder.is_dir():
        raise SystemExit(f"{folder}: there is no such folder; give ParvaGPU's measured tables with --data")
    files = [(path.name, path.read_text()) for path in sorted((folder / "profiles").glob("*.csv"))]
    parsed = parse_profile_files(files)
    if parsed.problems or not parsed.tables:
        raise SystemExit("\n".join(map(str, parsed.problems)) or f"{folder}/profiles: holds no .csv file")
    rates, slos = (_rows(folder / "slo" / name) for name in ("SLO_req_rate.csv", "SLO_latency.csv"))
    models = sorted(parsed.tables)
    scenarios = tuple(
        {m: (float(r), float(s)) for m, r, s in zip(models, *both, strict=True) if r != ABSENT}
        for both in zip(rates, slos, strict=True)
    )
    path = folder / "suspect_profile_rows.csv"
    keys, _ = parse_keys(path.name, path.read_text())
    tiers = [row["tier"] for row in csv.DictReader(path.read_text().splitlines())]
    return Measured(parsed.tables, scenarios, dict(zip(keys, tiers, strict=True)))


def scenario(measured: Measured, index: int, copies: int = 1) -> list[Service]:
    """S1 is 0; rates and SLOs are truncated to integers, as ParvaGPU's artefact reads them."""
    one = [Service(m, m, int(rate), int(slo)) for m, (rate, slo) in measured.scenarios[index].items()]
    if copies == 1:
        return one
    return [replace(service, name=f"{service.name}-{number}") for number in range(copies) for service in one]


def drawn(measured: Measured, services: int, seed: int, rates: tuple[float, float]) -> list[Service]:
    """Models evenly, rates log-uniform between the two, SLOs uniform over the model's range in the scenarios."""
    draw = random.Random(seed)
    models = sorted(measured.tables)
    slos = {model: [one[model][1] for one in measured.scenarios if model in one] for model in models}
    low, high = rates
    found = []
    for number in range(services):
        model = draw.choice(models)
        rate = round(low * (high / low) ** draw.random(), 2)
        slo = round(draw.uniform(min(slos[model]), max(slos[model])), 1)
        found.append(Service(f"service-{number}", model, rate, slo))
    return found


def _rows(path: Path) -> list[list[str]]:
    return [row for row in csv.reader(path.read_text().splitlines()) if row]
