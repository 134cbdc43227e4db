"""The SLO model "queueing": how many requests a second a measured point may be given, so that the SLO holds.

A segment's processes each have a queue and a batcher of their own, and requests are spread at random over segments
and in turn over processes, so each process sees a share of a Poisson stream. The batcher is greedy: a free process
takes what waits, up to its batch, at once. It never waits for a batch to fill, so filling costs no time; at high load
batches fill by themselves while the process is busy.

Burstiness B: arrivals whose intensity never exceeds B times the mean are a thinning of a Poisson stream of that
intensity, hence late no more often, in number, than that one. So a point admits 1/B of what it admits of a Poisson
stream that misses 1/B as often.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby
from operator import attrgetter

import numpy as np

from controller.allocator.slo.turns import STEPS, admitted_arrivals
from controller.allocator.types import Options, Point

LEAST_SHARE = 0.002  # of what a point computes: one that admits less is of no use, however many GPUs there are
SLO_SHARE = 0.9  # of the SLO; the rest is the paper's own margin of a tenth, for what a profile does not see


def derated(points: Iterable[Point], slo_ms: float, options: Options) -> list[Point]:
    """The points, by size, processes and batch, at what they admit; those that admit next to nothing are left out.

    `throughput` becomes the highest arrival rate, items/s over all processes, at which at least
    `options.attainment` of the requests take at most `slo_ms`, arrivals Poisson with peaks of `burstiness`.
    """
    ordered = sorted(points, key=attrgetter("size", "processes", "batch"))
    rates = admitted(ordered, _slowest(ordered), rounded_slo(slo_ms), options)
    return [
        Point(p.size, p.batch, p.processes, min(rate * p.processes, p.throughput), p.latency_ms)
        for p, rate in zip(ordered, rates, strict=True)
        if rate * p.processes > LEAST_SHARE * p.throughput
    ]


def _slowest(ordered: Iterable[Point]) -> list[float]:
    """The latency of each point or of a smaller batch of its kind that was measured as slower, ms."""
    found: list[float] = []
    for _, alike in groupby(ordered, key=attrgetter("size", "processes")):
        found += accumulate((point.latency_ms for point in alike), max)
    return found


def rounded_slo(slo_ms: float) -> float:
    """`slo_ms` rounded down by at most 1.1 %, so that services of nearly the same SLO are planned alike."""
    return float(2 ** (math.floor(math.log2(slo_ms) * STEPS + 1e-9) / STEPS))


def admitted(points: Sequence[Point], latencies_ms: Sequence[float], slo_ms: float, options: Options) -> list[float]:
    """Items per second that one process of each point admits, whose full batches take so long."""
    misses = (1 - options.attainment) / options.burstiness
    batches, latencies = np.array([point.batch for point in points]), np.array(latencies_ms)
    turns = SLO_SHARE * slo_ms / latencies
    arrivals = np.zeros(batches.size)
    for batch in np.unique(batches):
        alike = batches == batch
        arrivals[alike] = admitted_arrivals(int(batch), turns[alike], misses)
    return list((arrivals * 1000 / latencies / options.burstiness).tolist())


def least_slo_ms(points: Iterable[Point], options: Options) -> float:
    """The lowest SLO, to about a hundredth, at which a point admits anything; there is at least one point."""
    candidates = list(points)
    low = min(point.latency_ms for point in candidates) / SLO_SHARE
    high = low
    while not derated(candidates, high, options):
        high *= 2
    while high > low * 1.01:
        middle = (low + high) / 2
        low, high = (low, middle) if derated(candidates, middle, options) else (middle, high)
    return high
