"""MIG-serving's fast algorithm: the GPU of the highest score, again and again."""

from __future__ import annotations

import random
from collections.abc import Sequence

from bench.baselines.mig_serving.gpus import Gpu, Problem, after, best_of_few, candidates, finished


def greedy(of: Problem, completion: Sequence[float] | None = None, draw: random.Random | None = None) -> list[Gpu]:
    """GPUs that take the services from `completion` (none) to served."""
    reached = tuple(completion or of.nothing)
    gpus: list[Gpu] = []
    while not finished(reached):
        _, gpu = candidates(of, reached, draw)[0]
        gpus.append(gpu)
        reached = after(of, reached, [gpu])
    return gpus


def greedy_of_few(of: Problem, services: int = 2) -> list[Gpu]:
    """The same with at most so many services on a GPU, which keeps the search small: every mix is scored."""
    reached, gpus = of.nothing, []
    while not finished(reached):
        gpus.append(best_of_few(of, reached, services))
        reached = after(of, reached, gpus[-1:])
    return gpus
