"""The comparison as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.allocator.report import table
from bench.baselines.systems import OURS, PARVAGPU, SLOWDOWN, SYSTEMS, Result

Results = Mapping[str, Sequence[Result]]  # system → one a scenario
SCENARIOS = tuple(f"S{number}" for number in range(1, 7))


def text(results: Results, seeds: int) -> str:
    """The whole page."""
    return f"""# Baselines: GPUs that other allocators take

Written by `make bench-baselines`: ParvaGPU's measured tables (SC24, read in place, suspect rows kept) and scenarios,
A100-80GB, one SLO rule for all (a batch takes less than 0.45 of the SLO; every rate covered), everything in one run.

{gpus_table(results)}
## Times ours

GPUs of each system over ours, by scenario and over all six together, and over ParvaGPU's all together.

{ratio_table(results)}
![GPUs by scenario](baselines.png)

## What each row is

- **exact**: planned on the measured points themselves. Peers are written anew from their papers' descriptions; what
  those leave open is said below and in the code.
- **modelled**: MPS partitions were not measured, so a partition of x % is taken as 7x/100 GPCs with throughput on a
  straight line between the measured MIG sizes at each batch, one process a partition. A neighbour costs nothing, or
  {SLOWDOWN:.0%} of the throughput: assumptions, not measurements. Nothing else is counted for sharing cache and
  memory bandwidth, which MPS does not split.
- *whole GPUs*: a service has GPUs of its own at 7g, with up to 5 MPS processes or with one.
- *MIG-serving* (arXiv 2109.11067): one process an instance. Greedy takes the GPU of the highest score again and again,
  score Σ (1 - completion) · utility, here with completion going along within a GPU and nothing counted beyond a rate.
  It is given with any mix of services on a GPU and with at most two. Genetic starts from the former; a crossover
  erases 10 to 40 % of the GPUs and a tree search fills the gap; seeds run: {seeds}, fewest to most GPUs where they
  differ. "ours, 1 process" is proven to be the floor of all three where its bound meets it.
- *gpulet* (ATC 2022): at most two partitions a GPU from 20, 40, 50, 60, 80 and 100 %, knee or least that will do, best
  fit; no time sharing within a partition.
- *iGniter* (TPDS 2023): any number of partitions in steps of 2.5 %, least share that will do, grown against neighbours.
  It has no replicas: a rate beyond one GPU is split evenly over the fewest that bear it.
"""


def gpus_table(results: Results) -> str:
    """GPUs by scenario, and the time of all six."""
    rows = []
    for system in SYSTEMS:
        its = results[system.name]
        took = f"{sum(one.seconds for one in its) * 1000:,.0f}"
        rows.append([system.name, system.how, *map(_count, its), str(_total(its)), took])
    return table(["system", "", *SCENARIOS, "all", "ms, all six"], rows)


def ratio_table(results: Results) -> str:
    """GPUs over ours, and over ParvaGPU's."""
    ours, parva = results[OURS], results[PARVAGPU]
    rows = []
    for system in SYSTEMS:
        its = results[system.name]
        by_scenario = [f"{one.gpus / other.gpus:.2f}" for one, other in zip(its, ours, strict=True)]
        over = [f"{_total(its) / _total(other):.2f}" for other in (ours, parva)]
        rows.append([system.name, *by_scenario, *over])
    return table(["system", *SCENARIOS, "all", "all, over ParvaGPU"], rows)


def _total(its: Sequence[Result]) -> int:
    return sum(one.gpus for one in its)


def _count(one: Result) -> str:
    most = f" to {one.most_gpus}" if one.most_gpus > one.gpus else ""
    refused = f" ({len(one.refused)} refused)" if one.refused else ""
    return f"{one.gpus}{most}{refused}"
