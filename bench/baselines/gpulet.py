"""gpulet, modelled: MPS partitions, at most two a GPU.

Source: Choi et al., "Serving Heterogeneous Machine Learning Models on Multi-GPU Servers with Spatio-Temporal Sharing"
(USENIX ATC 2022), elastic partitioning. Services by falling rate; each takes partitions at the knee of its rate over
partition size, or the smallest one that serves the rest, best fit. Left out: time sharing within a partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.baselines.demand import Demand
from bench.baselines.partitions import Partitions

PERCENTS = (20, 40, 50, 60, 80, 100)


@dataclass(frozen=True, slots=True)
class Held:
    """A partition in use."""

    service: str
    percent: int
    throughput: float


def gpulet(wanted: Sequence[Demand], model: Partitions) -> tuple[list[list[Held]], list[str]]:
    """The partitions of each GPU, and the services that no partition serves."""
    gpus: list[list[Held]] = []
    refused = []
    for one in sorted(wanted, key=lambda demand: -demand.rate):
        if not any(_serves(one, percent, model) for percent in PERCENTS):
            refused.append(one.name)
            continue
        rest = one.rate
        while rest > 0:
            rest -= _take(gpus, one, rest, model)
    return gpus, refused


def _take(gpus: list[list[Held]], one: Demand, rest: float, model: Partitions) -> float:
    """Adds one partition and returns what it serves."""
    ideal = min(_knee(one, model), _required(one, rest, model))
    found = [(100 - gpu[0].percent, at) for at, gpu in enumerate(gpus) if len(gpu) == 1 and gpu[0].percent < 100]
    fitting = [(free, at) for free, at in found if free >= ideal]
    if fitting:
        free, at = min(fitting)  # the second part of a GPU is not split again
        gpus[at].append(Held(one.name, free, _serves(one, free, model)))
        return gpus[at][-1].throughput
    gpus.append([Held(one.name, ideal, _serves(one, ideal, model))])
    return gpus[-1][0].throughput


def _serves(one: Demand, percent: int, model: Partitions) -> float:
    """Beside a neighbour, unless it is the whole GPU."""
    return model.serves(one, percent, 0 if percent == 100 else 1)


def _knee(one: Demand, model: Partitions) -> int:
    """The partition of the highest throughput per share; the smallest of equals."""
    return max(PERCENTS, key=lambda percent: _serves(one, percent, model) / percent)


def _required(one: Demand, rest: float, model: Partitions) -> int:
    """The smallest partition that serves the rest; a whole GPU where none does."""
    return next((percent for percent in PERCENTS if _serves(one, percent, model) >= rest), 100)
