"""Whole-GPU serving: each service has GPUs of its own, unsliced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from bench.baselines.demand import Demand
from controller.allocator.covering import due


def whole_gpu(wanted: Sequence[Demand], size: int = 7) -> tuple[int, list[str]]:
    """GPUs, and the services that a whole GPU cannot serve."""
    gpus = sum(_gpus(one, size) for one in wanted if size in one.best)
    return gpus, [one.name for one in wanted if size not in one.best]


def _gpus(one: Demand, size: int) -> int:
    return math.ceil(Fraction(due(one.rate)) / Fraction(one.best[size]))
