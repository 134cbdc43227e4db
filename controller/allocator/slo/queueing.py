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
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from controller.allocator.slo.turns import STEPS, most_arrivals, rounded
from controller.allocator.types import Options, Point

SLO_SHARE = 0.9  # of the SLO; the rest is the paper's own margin of a tenth, for what a profile does not see


def derated(points: Iterable[Point], slo_ms: float, options: Options) -> list[Point]:
    """The points, by size, processes and batch, at what they admit; those that admit nothing are left out.

    `throughput` becomes the highest arrival rate, items/s over all processes, at which at least
    `options.attainment` of the requests take at most `slo_ms`, arrivals Poisson with peaks of `burstiness`.
    """
    slo_ms = rounded_slo(slo_ms)
    ordered = sorted(points, key=lambda point: (point.size, point.processes, point.batch))
    found = []
    for _, alike in groupby(ordered, key=lambda point: (point.size, point.processes)):
        slowest = 0.0
        for point in alike:
            slowest = max(slowest, point.latency_ms)  # a smaller batch may have been measured as slower
            rate = admitted(point.batch, slowest, slo_ms, options) * point.processes
            if rate > 0:
                found.append(replace(point, throughput=min(rate, point.throughput)))
    return found


def rounded_slo(slo_ms: float) -> float:
    """`slo_ms` rounded down by at most 1.1 %, so that services of nearly the same SLO are planned alike."""
    return float(2 ** (math.floor(math.log2(slo_ms) * STEPS + 1e-9) / STEPS))


def admitted(batch: int, latency_ms: float, slo_ms: float, options: Options) -> float:
    """Items per second that one process of such batches admits."""
    misses = (1 - options.attainment) / options.burstiness
    arrivals = most_arrivals(batch, rounded(SLO_SHARE * slo_ms / latency_ms), misses)
    return arrivals * 1000 / latency_ms / options.burstiness


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
