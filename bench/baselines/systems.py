"""Every system that is compared: a name, how it is known, and a function from services to GPUs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.baselines.demand import Demand, demands
from bench.baselines.gpulet import gpulet
from bench.baselines.igniter import igniter
from bench.baselines.mig_serving.genetic import genetic
from bench.baselines.mig_serving.gpus import Gpu, Problem, after, finished, problem
from bench.baselines.mig_serving.greedy import greedy, greedy_of_few
from bench.baselines.partitions import Partitions
from bench.baselines.whole_gpu import whole_gpu
from controller.allocator import Options, Plan, ProfileTable, Service, plan, plan_optimal

MPS, SINGLE = Options(), Options(single=True)
EXACT, MODELLED = "exact", "modelled"
OURS, PARVAGPU = "ours, ≤ 5 processes", "ParvaGPU, ≤ 5 processes"
SLOWDOWN = 0.05  # assumed: of a partition's throughput, a neighbour

Tables = Mapping[str, ProfileTable]
Answer = tuple[int, Sequence[str]]  # GPUs, services refused
Serve = Callable[[Sequence[Service], Tables, int], Answer]  # the last: a seed


@dataclass(frozen=True, slots=True)
class System:
    """One row of the comparison."""

    name: str
    how: str  # EXACT or MODELLED
    serve: Serve
    drawn: bool = False  # whether the seed matters


@dataclass(frozen=True, slots=True)
class Result:
    """What a scenario took: the fewest and the most GPUs of the seeds, and the mean time of one."""

    gpus: int
    most_gpus: int
    refused: tuple[str, ...]
    seconds: float


def run(system: System, services: Sequence[Service], tables: Tables, seeds: int) -> Result:
    """All seeds where they matter, else once."""
    began = time.perf_counter()
    answers = [system.serve(services, tables, seed) for seed in range(seeds if system.drawn else 1)]
    seconds = (time.perf_counter() - began) / len(answers)
    counts = [gpus for gpus, _ in answers]
    return Result(min(counts), max(counts), tuple(answers[0][1]), seconds)


def _planner(make: Callable[[Sequence[Service], Tables, Options], Plan], options: Options) -> Serve:
    def serve(services: Sequence[Service], tables: Tables, _: int) -> Answer:
        made = make(services, tables, options)
        return made.gpus, [one.service for one in made.unservable]

    return serve


def _whole(options: Options) -> Serve:
    def serve(services: Sequence[Service], tables: Tables, _: int) -> Answer:
        return whole_gpu(demands(services, tables, options), max(options.geometry.sizes))

    return serve


def _mig_serving(make: Callable[[Problem, int], list[Gpu]]) -> Serve:
    def serve(services: Sequence[Service], tables: Tables, seed: int) -> Answer:
        wanted = demands(services, tables, SINGLE)
        of = problem([one for one in wanted if one.servable], SINGLE.geometry)
        gpus = make(of, seed)
        if not finished(after(of, of.nothing, gpus)):
            raise SystemExit("error: MIG-serving's answer leaves a rate uncovered")
        return len(gpus), [one.name for one in wanted if not one.servable]

    return serve


def _partitioned(
    make: Callable[[Sequence[Demand], Partitions], tuple[Sequence[object], list[str]]], slow: float
) -> Serve:
    def serve(services: Sequence[Service], tables: Tables, _: int) -> Answer:
        gpus, refused = make(demands(services, tables, SINGLE), Partitions(slow))
        return len(gpus), refused

    return serve


SYSTEMS = (
    System(OURS, EXACT, _planner(plan_optimal, MPS)),
    System(PARVAGPU, EXACT, _planner(plan, MPS)),
    System("ours, 1 process", EXACT, _planner(plan_optimal, SINGLE)),
    System("ParvaGPU, 1 process", EXACT, _planner(plan, SINGLE)),
    System("MIG-serving, genetic", EXACT, _mig_serving(genetic), drawn=True),
    System("MIG-serving, greedy", EXACT, _mig_serving(lambda of, _: greedy(of))),
    System("MIG-serving, greedy, at most 2 services a GPU", EXACT, _mig_serving(lambda of, _: greedy_of_few(of))),
    System("whole GPUs, ≤ 5 processes", EXACT, _whole(MPS)),
    System("whole GPUs, 1 process", EXACT, _whole(SINGLE)),
    System("gpulet, no slow-down", MODELLED, _partitioned(gpulet, 0.0)),
    System(f"gpulet, {SLOWDOWN:.0%} slow-down a neighbour", MODELLED, _partitioned(gpulet, SLOWDOWN)),
    System("iGniter, no slow-down", MODELLED, _partitioned(igniter, 0.0)),
    System(f"iGniter, {SLOWDOWN:.0%} slow-down a neighbour", MODELLED, _partitioned(igniter, SLOWDOWN)),
)
