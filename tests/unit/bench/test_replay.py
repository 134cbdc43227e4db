"""The replay: traces by hand, known queues, conservation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.replay.arrivals import Arrivals, Bursty, constant, poisson
from bench.replay.batcher import batch_times, serve
from bench.replay.run import replay
from controller.allocator import Options, Point, ProfileTable, Service, plan_optimal

TIMES = st.lists(st.floats(0, 100), max_size=60).map(sorted)


def test_a_greedy_batcher_by_hand() -> None:
    """The first goes alone; what came meanwhile goes together, at most three; the fourth waits for its turn."""
    served = serve([0.0, 0.1, 0.2, 0.3, 0.4], 3, 0.0, [0, 1, 1, 1])
    assert served.done.tolist() == [1, 2, 2, 2, 3]
    assert served.busy_s == 3
    assert serve([1.0, 1.0, 1.0], 2, 0.0, [0, 1, 1]).done.tolist() == [2, 2, 3]


def test_a_delay_waits_for_company_and_no_longer() -> None:
    """Two make a full batch and go at once; a lone one goes after the delay; a busy process hides the delay."""
    took = [0, 0.5, 0.5]
    assert serve([0.0, 0.2], 2, 1.0, took).done.tolist() == [0.7, 0.7]
    assert serve([0.0, 3.0], 2, 1.0, took).done.tolist() == [1.5, 4.5]
    assert serve([0.0, 0.1, 0.2], 2, 0.3, took).done.tolist() == pytest.approx([0.6, 0.6, 1.1])


@given(TIMES, st.integers(1, 8), st.floats(0, 2), st.floats(0.01, 3))
def test_everyone_is_answered_once_in_order(came: list[float], batch: int, delay: float, took: float) -> None:
    """As many answers as requests, never before its service, in the order they came, batches never overlap."""
    served = serve(came, batch, delay, [took] * (batch + 1))
    assert served.done.size == len(came)
    assert all(done >= at + took * 0.999 for done, at in zip(served.done, came, strict=True))
    assert (np.diff(served.done) >= 0).all()
    ends, counts = np.unique(served.done, return_counts=True)
    assert (counts <= batch).all()
    assert (np.diff(ends) >= took * 0.999).all()


def test_single_service_at_random_is_m_d_1() -> None:
    """The mean wait of M/D/1 (Pollaczek-Khinchine): load / (2 (1 - load)) services."""
    load = 0.7
    came = poisson(load, 200_000, np.random.default_rng(3))
    waits = serve(came.tolist(), 1, 0.0, [0, 1.0]).done - came - 1
    assert waits.mean() == pytest.approx(load / (2 * (1 - load)), rel=0.05)


@pytest.mark.parametrize("arrivals", [constant, poisson, Bursty(1.5, 2.0)])
def test_arrivals_have_their_rate_and_repeat(arrivals: Arrivals) -> None:
    """Ascending, within the time, at the mean rate, the same again from the same seed."""
    came = arrivals(50.0, 2000.0, np.random.default_rng(5))
    assert (np.diff(came) >= 0).all()
    assert 0 <= came[0] <= came[-1] <= 2000.0
    assert came.size == pytest.approx(100_000, rel=0.03)
    assert np.array_equal(came, arrivals(50.0, 2000.0, np.random.default_rng(5)))


def test_bursts_are_bursts() -> None:
    """Counts of half-second bins vary more than Poisson's, whose variance is the mean."""
    for arrivals, ratio in ((poisson, 1.0), (Bursty(1.5, 5.0), 6.25)):
        counts = np.bincount((arrivals(40.0, 4000.0, np.random.default_rng(1)) * 2).astype(int))
        assert counts.var() / counts.mean() == pytest.approx(ratio, rel=0.15)


def test_batches_between_measured_ones() -> None:
    """Linear between, flat below the smallest, on at the last slope beyond the largest."""
    table = ProfileTable("m", (Point(1, 2, 1, 200, 10), Point(1, 4, 1, 200, 20)))
    assert batch_times(table, 1, 1, 6) == pytest.approx([0.01, 0.01, 0.01, 0.015, 0.02, 0.025, 0.03])
    with pytest.raises(KeyError, match="2 GPCs with 1 processes"):
        batch_times(table, 2, 1, 4)


def test_queueing_plans_hold_what_half_plans_do_not() -> None:
    """At a load near 1 the paper's rule queues without bound; the queueing rule attains its target."""
    points = tuple(Point(s, b, 1, 1000 * b / t, t) for s in (1, 2, 3, 4, 7) for b, t in ((1, 12 / s), (8, 40 / s)))
    tables = {"m": ProfileTable("m", points)}
    service = Service("a", "m", 199.0, 100.0)
    attained = {}
    for model in ("half", "queueing"):
        made = plan_optimal([service], tables, Options(slo_model=model, burstiness=1.0))
        (outcome,) = replay(made, [service], tables, poisson, 600, seed=2)
        assert outcome.sent == sum(poisson(199.0, 600, np.random.default_rng((2, 0))) < 600)
        attained[model] = outcome.attainment
    assert attained["queueing"] >= 0.9999
    assert attained["half"] < 0.99
