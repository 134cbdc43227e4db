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
    predicted: Outcome
    failed: int
    sent_late_ms: float  # p99, by the client itself, not dilated
    chance_ms: tuple[float, float]  # between which 95 % of the ways of routing put the predicted p99


@dataclass(frozen=True, eq=False, slots=True)
class Scenario:
    """What is replayed; `dilation` times slower than it says."""

    name: str
    services: Sequence[Service]
    plan: Plan
    tables: Mapping[str, ProfileTable]
    dilation: float
    seconds: float  # of wall time
    seed: int


async def compare(folder: Path, scenario: Scenario, served: Sequence[Served], arrivals: Arrivals) -> list[Compared]:
    """Drives the Tritons with the arrivals that the simulator is given too."""
    simulated_s = scenario.seconds / scenario.dilation
    due = {
        service.name: arrivals(service.rate, simulated_s, np.random.default_rng((scenario.seed, index)))
        for index, service in enumerate(scenario.services)
    }
    predicted = _predicted(scenario, arrivals, simulated_s)
    measured = await _drive(folder, served, {name: times * scenario.dilation for name, times in due.items()})
    return [
        _compared(service, measured, predicted[service.name], scenario.dilation)
        for service in scenario.services
        if service.name in predicted
    ]


def _predicted(scenario: Scenario, arrivals: Arrivals, seconds: float) -> dict[str, tuple[Outcome, ...]]:
    """By service, ROUTINGS ways of the same arrivals over segments and processes: live, chance takes one of them."""
    runs = [
        replay(scenario.plan, scenario.services, scenario.tables, arrivals, seconds, seed=scenario.seed, routing=way)
        for way in range(ROUTINGS)
    ]
    return {ways[0].service: ways for ways in zip(*runs, strict=True)}


def _mean(ways: Sequence[Outcome]) -> Outcome:
    marks = np.mean([one.percentiles_ms for one in ways], axis=0)
    missed = round(float(np.mean([one.missed for one in ways])))
    return replace(ways[0], missed=missed, percentiles_ms=tuple(float(mark) for mark in marks))


def _compared(
    service: Service, measured: Mapping[str, npt.NDArray[np.float64]], ways: Sequence[Outcome], dilation: float
) -> Compared:
    latencies, late = measured[service.name] / dilation, measured[f"late_{service.name}"] / dilation
    failed = int(np.isnan(latencies).sum())
    live = outcome_of(service, np.nan_to_num(latencies, nan=np.inf), busy=np.nan)
    low, high = np.percentile([one.percentiles_ms[2] for one in ways], CHANCE)
    chance = float(low), float(high)
    return Compared(service, live, _mean(ways), failed, float(np.percentile(late, 99)), chance)


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
