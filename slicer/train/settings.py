"""What a training run is asked for; two runs with the same settings and data give the same bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """`channels` that travel, on a map halved `halvings` times; `epochs` of each stage, at most.

    `weight`: what a bit an element is worth beside the distance of the answers: more makes payloads smaller. `budget`:
    stage 2 ends once held-out samples lose no more than this share; None: never before its last epoch. `held`: share of
    the samples kept back to measure on.
    """

    channels: int = 8
    halvings: int = 1
    weight: float = 0.005
    budget: float | None = None
    epochs: int = 8
    seed: int = 0
    batch: int = 64
    rate: float = 2e-3
    held: float = 0.2
