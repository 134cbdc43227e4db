"""What a training run is asked for; two runs with the same settings and data give the same bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """`channels` that travel; `epochs` of each stage; `held`: share of the samples kept back to measure on."""

    channels: int = 4
    epochs: int = 8
    seed: int = 0
    batch: int = 64
    rate: float = 2e-3
    held: float = 0.2
