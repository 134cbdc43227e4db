"""The queueing rule: bounds that grow as they should, held by a simulated queue, and plans made with it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from controller.allocator import Options, Point, ProfileTable, Service, plan, plan_optimal
from controller.allocator.slo.batch_fill import fill_ms
from controller.allocator.slo.queueing import SLO_SHARE, admitted, derated, rounded_slo
from controller.allocator.slo.turns import admitted_arrivals, most_arrivals

QUEUEING = Options(slo_model="queueing", burstiness=1.0)
BATCHES = st.sampled_from([1, 2, 3, 4, 8, 16, 32, 64, 128, 256])
TURNS = st.floats(1, 80)


@given(BATCHES, TURNS, st.floats(1e-6, 0.5))
def test_more_room_admits_more(batch: int, turns: float, misses: float) -> None:
    """Grows with the objective, the batch and the share that may miss; stays below what the server can do."""
    found = _most(batch, turns, misses)
    assert 0 <= found < batch
    assert found <= _most(batch, turns * 1.1, misses) + 1e-5 * batch
    assert found <= _most(2 * batch, turns, misses) + 0.004 * batch  # found to 0.3 % of each
    assert found <= _most(batch, turns, min(2 * misses, 1)) + 1e-5 * batch


@given(BATCHES, st.floats(0.1, 200), st.sampled_from([1e-4, 1e-2]))
def test_objectives_are_rounded_down_by_little(batch: int, turns: float, misses: float) -> None:
    """What is kept lies between what the figure itself and 98.8 % of it admit, up to 64 turns; once more, the same."""
    (found,) = admitted_arrivals(batch, np.array([turns]), misses)
    within = min(turns, 64.0)
    assert found == 0 if turns < 1 else found <= _most(batch, within, misses) * (1 + 1e-9)
    assert within * 0.988 < 1 or found >= _most(batch, within * 0.988, misses) * (1 - 1e-9)
    several = admitted_arrivals(batch, np.array([turns / 3, turns, 2 * turns]), misses)
    assert several[1] == found
    assert sorted(several) == list(several)
    assert rounded_slo(turns) <= turns * (1 + 1e-12)


@pytest.mark.parametrize(("batch", "turns"), [(1, 6.0), (4, 3.0), (16, 2.5), (64, 3.0)])
def test_a_greedy_batcher_holds_the_bound(batch: int, turns: float) -> None:
    """A simulated queue at the admitted rate misses no more than the rule allows; at 1.6 times the rate, or full
    load, it does: the rule is safe and not far off."""
    misses = 1e-2
    arrivals = _most(batch, turns, misses)
    assert _simulated(arrivals, batch, turns) <= misses
    assert _simulated(min(1.6 * arrivals, 1.02 * batch), batch, turns) > misses


def _most(batch: int, turns: float, misses: float) -> float:
    return float(most_arrivals(batch, np.array([turns]), misses)[0])


@pytest.mark.parametrize("single", [0.1, 0.6, 0.99])
@pytest.mark.parametrize(("batch", "turns"), [(2, 2.02), (8, 1.978), (8, 2.978), (32, 2.978), (32, 3.02)])
def test_small_batches_that_take_less_are_no_later(batch: int, turns: float, single: float) -> None:
    """A batch of one takes `single` of a full one's time, others in between. A free process that starts a small batch
    may just miss a burst, but no more requests are late than where every batch takes a turn, beyond chance."""
    arrivals = _most(batch, turns, 5e-3)
    late = _simulated(arrivals, batch, turns, single, requests=150_000)
    assert late <= 1.2 * _simulated(arrivals, batch, turns, requests=150_000)


def _simulated(arrivals: float, batch: int, turns: float, single: float = 1.0, requests: int = 60_000) -> float:
    """The share of requests that take longer than `turns` of a greedy batch server, a full batch taking one turn."""
    came = np.cumsum(np.random.default_rng(7).exponential(1 / arrivals, requests))
    late = first = 0
    free = 0.0
    while first < requests:
        start = max(free, came[first])
        last = min(first + batch, int(np.searchsorted(came, start, side="right")))
        free = start + single + (1 - single) * (last - first - 1) / max(1, batch - 1)
        late += int((free - came[first:last] > turns).sum())
        first = last
    return late / requests


@pytest.mark.parametrize("batch", [1, 4, 16, 64])
@pytest.mark.parametrize("turns", [1.3, 1.978, 2.0, 2.02, 2.5, 2.978, 3.0, 5.0])
def test_the_rule_is_safe_by_the_exact_distribution(batch: int, turns: float) -> None:
    """At the admitted rate the share that is late, by the stationary distribution itself, is at most the promise."""
    misses = 1e-3
    arrivals = _most(batch, turns, misses)
    assert arrivals > 0
    assert _exactly_late(arrivals, batch, turns) <= misses


def test_little_more_would_be_too_much() -> None:
    """For batches as they are used, a fortieth more than is admitted breaks the promise."""
    for batch, turns in ((16, 3.0), (16, 5.0), (64, 2.5), (64, 3.0)):
        assert _exactly_late(1.025 * _most(batch, turns, 1e-3), batch, turns) > 1e-3


def _exactly_late(arrivals: float, batch: int, turns: float) -> float:
    """The share of requests later than `turns`: what a batch leaves waiting by iterating Lindley's recursion on its
    distribution, then every point of a busy turn at which a request may come, on a fine grid."""
    coming = poisson.pmf(np.arange(int(arrivals + 12 * arrivals**0.5 + 30)), arrivals)
    left = np.zeros(int(batch * 5 / max(0.02, 1 - arrivals / batch)) + 12 * batch)
    left[0] = change = 1.0
    while change > 1e-12:
        waiting = np.pad(np.convolve(left, coming), (0, batch))
        after = np.concatenate(([waiting[: batch + 1].sum()], waiting[batch + 1 : batch + left.size]))
        change, left = float(np.abs(after - left).sum()), after
    whole = math.floor(turns)
    turning = 1 - (turns - whole)  # from here on one more batch answers in time
    late = 0.0
    for start, end, ahead in ((0.0, turning, batch * (whole - 1)), (turning, 1.0, batch * whole)):
        moments = start + (end - start) * (np.arange(200) + 0.5) / 200
        enough = poisson.sf(ahead - np.arange(left.size)[:, None] - 1, arrivals * moments[None, :])
        late += (end - start) * float((left @ enough).mean())
    busy = arrivals / (arrivals + left[0] * math.exp(-arrivals))
    return float(busy * late)


def test_derating_keeps_what_serves_and_never_raises() -> None:
    """A point too slow is left out, no point gains, a smaller batch measured slower slows the larger."""
    points = [Point(1, 1, 1, 100, 10), Point(1, 8, 1, 400, 20), Point(1, 64, 1, 600, 107), Point(2, 8, 2, 900, 18)]
    found = derated(points, 100, QUEUEING)
    assert {(p.size, p.batch) for p in found} == {(1, 1), (1, 8), (2, 8)}
    before = {(p.size, p.batch, p.processes): p.throughput for p in points}
    assert all(0 < p.throughput < before[p.size, p.batch, p.processes] for p in found)
    slowed = derated([Point(1, 4, 1, 100, 40), Point(1, 8, 1, 400, 20)], 200, QUEUEING)
    assert slowed[-1].throughput == pytest.approx(admitted(points[1:2], [40], rounded_slo(200), QUEUEING)[0])
    assert SLO_SHARE < 1


@settings(max_examples=40)
@given(st.floats(1, 3), st.floats(0.9, 0.99999), st.floats(1, 2000), st.floats(60, 5000))
def test_plans_cover_the_rate_at_what_their_points_admit(
    burstiness: float, attainment: float, rate: float, slo_ms: float
) -> None:
    """Both algorithms: the admitted rates add up to the rate; burstier or stricter never takes fewer GPCs."""
    table = ProfileTable(
        "m",
        tuple(
            Point(s, b, 1, 60 * s * b**0.5, 1000 * b / (60 * s * b**0.5)) for s in (1, 2, 3, 4, 7) for b in (1, 4, 16)
        ),
    )
    options = Options(slo_model="queueing", burstiness=burstiness, attainment=attainment)
    service = Service("a", "m", rate, slo_ms)
    for planner in (plan, plan_optimal):
        made = planner([service], {"m": table}, options)
        assert not made.unservable
        assert sum(one.segment.throughput for one in made.placed) >= rate * (1 - 1e-9)
        half = planner([service], {"m": table}, Options(latency_share=0.9))
        assert made.gpus >= half.gpus


def test_a_hopeless_slo_is_told_one_that_would_do() -> None:
    """The refusal names the SLO at which the same service is planned."""
    table = ProfileTable("m", (Point(1, 1, 1, 100, 10),))
    refused = plan([Service("a", "m", 1, 10.5)], {"m": table}, QUEUEING).unservable[0]
    assert refused.reason.value == "SLO_UNREACHABLE"
    assert refused.slo_that_would_do_ms is not None
    assert not plan([Service("a", "m", 0.1, refused.slo_that_would_do_ms * 1.05)], {"m": table}, QUEUEING).unservable


def test_batches_fill_as_slowly_as_requests_come() -> None:
    """bert in the paper's S1: 127 gaps at 19 a second, longer than its objective of 6434 ms."""
    assert fill_ms(19, 128) == pytest.approx(6684, abs=1)
    assert fill_ms(19, 1) == 0
