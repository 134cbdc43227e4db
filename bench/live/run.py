"""One scenario under one traffic: live on Triton, and the simulator's prediction for the very same arrivals."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.live import routing
from bench.live.predicted import as_routed
from bench.live.servers import Served
from bench.replay.arrivals import Arrivals
from bench.replay.run import Outcome, outcome_of, replay
from common.xds_bootstrap import bootstrap
from controller.allocator import Plan, ProfileTable, Service

ROUTINGS = 60
CHANCE = (2.5, 97.5)  # percent of the ways, between which chance alone puts the p99


@dataclass(frozen=True, slots=True)
class Compared:
    """One service: what Triton did and what the simulator said; latencies in ms, not dilated."""

    service: Service
    live: Outcome
    predicted: Outcome  # the mean over ROUTINGS random ways
    as_routed: Outcome  # for the ways that requests took live
    dilation: float
    failed: int
    sent_late_ms: float  # p99, by the client itself, not dilated
    chance_ms: tuple[float, float]  # between which 95 % of the ways of routing put the predicted p99


@dataclass(frozen=True, eq=False, slots=True)
class Scenario:
    """What is replayed; each service `dilations` times slower than it says."""

    name: str
    services: Sequence[Service]
    plan: Plan
    tables: Mapping[str, ProfileTable]
    dilations: Mapping[str, float]  # of the services that the plan serves
    delay_ms: Mapping[str, float]  # what batchers wait for company, not dilated; by service
    seconds: float  # of wall time
    seed: int


async def compare(folder: Path, scenario: Scenario, served: Sequence[Served], arrivals: Arrivals) -> list[Compared]:
    """Drives the Tritons with the arrivals that the simulator is given too."""
    due = {
        service.name: arrivals(service.rate, _span(scenario, service), np.random.default_rng((seed, 0)))
        for service, seed in _seeded(scenario)
    }
    predicted = {service.name: _predicted(scenario, service, seed, arrivals) for service, seed in _seeded(scenario)}
    dilated = {name: times * scenario.dilations[name] for name, times in due.items()}
    measured = await _drive(folder, served, dilated)
    return [
        _compared(scenario, service, due[service.name], measured, predicted[service.name])
        for service, _ in _seeded(scenario)
    ]


def _span(scenario: Scenario, service: Service) -> float:
    return scenario.seconds / scenario.dilations[service.name]


def _seeded(scenario: Scenario) -> list[tuple[Service, int]]:
    """Each service that is served, with a seed of its own."""
    services = [service for service in scenario.services if service.name in scenario.dilations]
    return [(service, scenario.seed + index) for index, service in enumerate(services)]


def _predicted(scenario: Scenario, service: Service, seed: int, arrivals: Arrivals) -> list[Outcome]:
    """ROUTINGS ways of the same arrivals over segments and processes: live, chance takes one of them."""
    span, delay_ms = _span(scenario, service), scenario.delay_ms[service.name]
    return [
        replay(
            scenario.plan,
            [service],
            scenario.tables,
            arrivals,
            span,
            seed=seed,
            routing=way,
            delay_ms=lambda _: delay_ms,
        )[0]
        for way in range(ROUTINGS)
    ]


def _mean(ways: Sequence[Outcome]) -> Outcome:
    marks = np.mean([one.percentiles_ms for one in ways], axis=0)
    missed = round(float(np.mean([one.missed for one in ways])))
    return replace(ways[0], missed=missed, percentiles_ms=tuple(float(mark) for mark in marks))


def _compared(
    scenario: Scenario,
    service: Service,
    came: npt.NDArray[np.float64],
    measured: Mapping[str, npt.NDArray[np.float64]],
    ways: Sequence[Outcome],
) -> Compared:
    name, dilation = service.name, scenario.dilations[service.name]
    latencies, late, by = measured[name] / dilation, measured[f"late_{name}"] / dilation, measured[f"by_{name}"]
    low, high = np.percentile([one.percentiles_ms[2] for one in ways], CHANCE)
    return Compared(
        service,
        outcome_of(service, np.nan_to_num(latencies, nan=np.inf), busy=np.nan),
        _mean(ways),
        as_routed(service, scenario.plan, scenario.tables[service.model], came, by, scenario.delay_ms[name]),
        dilation,
        int(np.isnan(latencies).sum()),
        float(np.percentile(late, 99)),
        (float(low), float(high)),
    )


async def _drive(
    folder: Path, served: Sequence[Served], due: Mapping[str, npt.NDArray[np.float64]]
) -> dict[str, npt.NDArray[np.float64]]:
    server = await routing.serve(served)
    plan, out, xds = folder / "due.npz", folder / "latencies.npz", folder / "xds.json"
    arrays: dict[str, Any] = dict(due)
    np.savez(plan, **arrays)
    xds.write_text(json.dumps(bootstrap(f"127.0.0.1:{server.ports[0]}", "bench-live")))
    env = {**os.environ, "GRPC_XDS_BOOTSTRAP": str(xds)}
    try:
        client = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.live.client", plan, out, env=env)
        if await client.wait() != 0:
            raise RuntimeError("the load client failed: see its lines above")
    finally:
        await server.stop(1.0)
    with np.load(out) as file:
        return dict(file)
