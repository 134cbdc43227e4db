"""iGniter, modelled: MPS partitions of any number a GPU, grown against interference.

Source: Xu et al., "iGniter: Interference-Aware GPU Resource Provisioning for Predictable DNN Inference in the Cloud"
(IEEE TPDS 2023). Services by falling least share; each goes to the GPU where all shares together grow least, or to a
new one. It has no replicas; here a rate beyond one GPU is split evenly over the fewest. Its fitted model of
interference is replaced by the model's slow-down per neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.baselines.demand import Demand
from bench.baselines.partitions import Partitions

UNIT = 2.5  # percent: the step of a share
STEPS = round(100 / UNIT)
MOST_REPLICAS = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """A replica's part of a GPU, in steps of UNIT."""

    demand: Demand  # with the replica's rate
    steps: int


def igniter(wanted: Sequence[Demand], model: Partitions) -> tuple[list[list[Share]], list[str]]:
    """The shares of each GPU, and the services that a whole GPU cannot serve."""
    refused = [one.name for one in wanted if not model.serves(one, 100)]
    replicas = [share for one in wanted if one.name not in refused for share in _replicas(one, model)]
    gpus: list[list[Share]] = []
    for share in sorted(replicas, key=lambda one: -one.steps):
        grown = [(found, at) for at, gpu in enumerate(gpus) if (found := _with(gpu, share, model)) is not None]
        if not grown:
            gpus.append([share])
            continue
        found, at = min(grown, key=lambda one: (_steps(one[0]) - _steps(gpus[one[1]]), one[1]))
        gpus[at] = found
    return gpus, refused


def _replicas(one: Demand, model: Partitions) -> list[Share]:
    """The fewest replicas of equal rate, each at its least share alone."""
    whole = model.serves(one, 100)
    count = next(number for number in range(1, MOST_REPLICAS) if one.rate / number <= whole)
    part = replace(one, rate=one.rate / count)
    steps = _least(part, 0, model)
    return [Share(part, steps or STEPS)] * count


def _least(one: Demand, neighbours: int, model: Partitions) -> int | None:
    """The fewest steps that serve the rate beside so many neighbours."""
    return next(
        (steps for steps in range(1, STEPS + 1) if model.serves(one, steps * UNIT, neighbours) >= one.rate), None
    )


def _with(gpu: Sequence[Share], more: Share, model: Partitions) -> list[Share] | None:
    """The GPU's shares, grown to bear one neighbour more; None where they do not fit."""
    grown = []
    for share in (*gpu, more):
        steps = _least(share.demand, len(gpu), model)
        if steps is None:
            return None
        grown.append(replace(share, steps=steps))
    return grown if _steps(grown) <= STEPS else None


def _steps(shares: Sequence[Share]) -> int:
    return sum(share.steps for share in shares)
