"""What a training run is asked for; two runs with the same settings and data give the same bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FAMILIES = ("bottleneck", "strided")
"""Layers that are trained: few channels, or the published layer's learned form, which sends all."""

REPLACING = FAMILIES[0]
"""The family that can stand for the layers between two cuts."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """`family` of the layer, one of FAMILIES; `epochs` of each stage, at most.

    Of a bottleneck: `channels` that travel, on a map halved `halvings` times, more often where layers that it
    replaces do so.
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
    family: str = "bottleneck"
