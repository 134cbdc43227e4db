"""Request times of one service, seconds, ascending; the same generator state always gives the same ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Arrivals = Callable[[float, float, np.random.Generator], Floats]  # rate per s, seconds, generator


def constant(rate: float, seconds: float, draw: np.random.Generator) -> Floats:
    """Even steps from a random phase."""
    return np.asarray((np.arange(int(rate * seconds)) + draw.random()) / rate)


def poisson(rate: float, seconds: float, draw: np.random.Generator) -> Floats:
    """Independent of each other."""
    return np.sort(draw.random(draw.poisson(rate * seconds)) * seconds)


@dataclass(frozen=True, slots=True)
class Bursty:
    """A Markov-modulated Poisson process of two states: `peak` and 2 - `peak` times the rate, as long on average."""

    peak: float
    mean_s: float = 5.0  # of a state

    def __call__(self, rate: float, seconds: float, draw: np.random.Generator) -> Floats:
        """The request times."""
        switches = self._switches(seconds, draw)
        lengths = np.diff(switches)
        high = (np.arange(lengths.size) + draw.integers(2)) % 2 == 0
        counts = draw.poisson(rate * lengths * np.where(high, self.peak, 2 - self.peak))
        starts, spans = np.repeat(switches[:-1], counts), np.repeat(lengths, counts)
        return np.sort(starts + draw.random(starts.size) * spans)

    def _switches(self, seconds: float, draw: np.random.Generator) -> Floats:
        times = [0.0]
        while times[-1] < seconds:
            times.append(times[-1] + draw.exponential(self.mean_s))
        times[-1] = seconds
        return np.array(times)
