"""MIG-serving's slow algorithm: a genetic search from the greedy answer.

A crossover erases GPUs and has the tree search fill the gap; a mutation swaps services between instances of equal
size. Fewer GPUs are fitter, then fewer GPCs in use. It ends after so many rounds without a better answer.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.baselines.mig_serving.gpus import Gpu, Problem, after, gpcs, pruned
from bench.baselines.mig_serving.greedy import greedy
from bench.baselines.mig_serving.tree import fill


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search."""

    population: int = 8
    patience: int = 10  # rounds without a better answer
    rounds: int = 60
    plays: int = 24  # of the tree search, a crossover
    erased: tuple[float, float] = (0.1, 0.4)  # share of the GPUs


def genetic(of: Problem, seed: int, effort: Effort = Effort()) -> list[Gpu]:
    """Never more GPUs than greedy; the same seed gives the same answer."""
    draw = random.Random(seed)
    living = [pruned(of, greedy(of))]
    best, idle = _fitness(living[0]), 0
    for _ in range(effort.rounds):
        offspring = [_child(of, draw.choice(living), draw, effort) for _ in range(effort.population)]
        living = sorted([*living, *offspring], key=_fitness)[: effort.population]
        idle = 0 if _fitness(living[0]) < best else idle + 1
        best = _fitness(living[0])
        if idle >= effort.patience:
            break
    return living[0]


def _fitness(gpus: Sequence[Gpu]) -> tuple[int, int]:
    return len(gpus), gpcs(gpus)


def _child(of: Problem, parent: Sequence[Gpu], draw: random.Random, effort: Effort) -> list[Gpu]:
    gpus = _mutated(parent, draw)
    if not gpus:
        return gpus
    erased = max(1, round(len(gpus) * draw.uniform(*effort.erased)))
    kept = draw.sample(gpus, len(gpus) - erased)
    return pruned(of, kept + fill(of, after(of, of.nothing, kept), draw, effort.plays))


def _mutated(gpus: Sequence[Gpu], draw: random.Random) -> list[Gpu]:
    """Two GPUs exchange the services of one instance of a size that both have, where there is one."""
    changed = list(gpus)
    if len(changed) < 2:
        return changed
    one, other = draw.sample(range(len(changed)), 2)
    shared = sorted({size for size, _ in changed[one]} & {size for size, _ in changed[other]})
    if not shared:
        return changed
    size = draw.choice(shared)
    here, there = ([at for at, its in enumerate(changed[gpu]) if its[0] == size] for gpu in (one, other))
    changed[one], changed[other] = _swapped(changed[one], changed[other], draw.choice(here), draw.choice(there))
    return changed


def _swapped(one: Gpu, other: Gpu, here: int, there: int) -> tuple[Gpu, Gpu]:
    return (
        (*one[:here], other[there], *one[here + 1 :]),
        (*other[:there], one[here], *other[there + 1 :]),
    )
