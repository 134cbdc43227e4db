"""Bounds on waits: against the exact distribution of one tenant's queue, and against an unkind order of execution."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.longtail.replay import ORDERS, answered
from controller.allocator.sharing.batching import extra
from controller.allocator.sharing.judging import thetas_for
from controller.allocator.sharing.waiting import Load, ballot, chernoff, holds, likely_slacks

SHARED = Load(np.array([0.01, 0.005, 0.004, 0.006]), np.array([6.0, 12, 20, 5]), np.array([[50.0], [70], [60], [65]]))


ROW = st.tuples(st.floats(1e-4, 0.02), st.floats(2, 25), st.floats(10, 300), st.floats(0, 1), st.floats(0, 1))


def _load(rows: list[tuple[float, float, float, float, float]]) -> Load:
    """Of rates, latencies, slacks where none joins, and the share of a latency that one and that more take off."""
    rates, latencies, slacks, one, more = (np.array(column) for column in zip(*rows, strict=True))
    second = slacks - latencies * one / 3
    third = second - latencies * more / 3
    return Load(rates, latencies, np.column_stack([slacks, second, third, third]))


def _md1_tail(rate: float, latency: float, wait: float) -> float:
    """P(wait of M/D/1 > wait); Erlang 1909, Crommelin 1932."""
    terms = [
        (-rate * (wait - k * latency)) ** k / math.factorial(k) * math.exp(rate * (wait - k * latency))
        for k in range(int(wait / latency) + 1)
    ]
    return 1 - (1 - rate * latency) * math.fsum(terms)


@settings(deadline=None)
@given(busy=st.floats(0.05, 0.6), slack=st.floats(1.2, 6.0))
def test_one_tenant_waits_as_in_the_textbook(busy: float, slack: float) -> None:
    """A queue of one model is M/D/1: the ballot bound is above its tail, and near it."""
    load = Load(np.array([busy / 10]), np.array([10.0]), np.array([[slack * 10]]))
    exact = _md1_tail(busy / 10, 10, slack * 10)
    assert exact - 1e-9 <= ballot(load, 0) <= exact * 1.6 + 1e-7
    assert math.log(exact) <= chernoff(load, load.slacks[:, 0], thetas_for(load))[0] + 1e-9


@pytest.mark.parametrize("tenant", range(4))
def test_a_tenant_that_always_goes_last_waits_as_bounded(tenant: int) -> None:
    """A replay that serves the others first comes within a third of the ballot bound and never above it."""
    late, requests = _last(SHARED, tenant, 1.2e7, seed=tenant)
    bound, spread = ballot(SHARED, tenant), 4 * math.sqrt(late + 1) / requests
    assert late / requests - spread <= bound
    assert bound <= 1.35 * late / requests + spread
    assert math.log(bound) <= chernoff(SHARED, SHARED.slacks[:, 0], thetas_for(SHARED))[tenant]


def test_too_much_work_or_no_slack_never_holds() -> None:
    """At a utilisation of 1, and where an execution alone takes the SLO."""
    one = np.ones(1)
    full, late = Load(one * 0.1, one * 10, one[None] * 1e6), Load(one * 1e-6, one * 10, one[None] * 0)
    assert not holds(full, thetas_for(full), 0.5)
    assert not holds(late, thetas_for(late), 0.5)
    assert ballot(full, 0) == 1.0


@settings(max_examples=30, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=6))
def test_bounds_are_probabilities_where_they_say_so(rows: list[tuple[float, float, float, float, float]]) -> None:
    """Finite, not below 0, and `holds` is what the worst tenant's bounds say."""
    load = _load(rows)
    ballots = np.array([ballot(load, tenant) for tenant in range(len(rows))])
    assert ((ballots >= 0) & (ballots <= 1 + 1e-6)).all()
    thetas = thetas_for(load)
    if holds(load, thetas, 1e-4):
        sure = chernoff(load, load.slacks[:, -1], thetas)
        assert (np.minimum(np.log(ballots + 1e-300), sure) <= math.log(1e-4)).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=6))
def test_several_slacks_are_between_none_joining_and_any(rows: list[tuple[float, float, float, float, float]]) -> None:
    """Late no more often than if every execution were a full batch, no less than if none joined."""
    load = _load(rows)
    likely = likely_slacks(load, 1e-4)
    assert (likely <= load.slacks[:, 0] + 1e-6).all()
    assert (likely >= load.slacks[:, -1] - 1e-6).all()
    longest, least = load.slacks[:, :1], load.slacks[:, -1:]
    none = Load(load.rates, load.latencies, longest)
    most = Load(load.rates, load.latencies, np.hstack([longest, least]))  # a full batch as soon as one joins
    for tenant in range(len(rows)):
        assert ballot(none, tenant) <= ballot(load, tenant) + 1e-9
        assert ballot(load, tenant) <= ballot(most, tenant) + 1e-9


@pytest.mark.parametrize("execution", [(10.0,), (10.0, 10.0, 14.0, 14.0), (10.0, 18.0, 26.0)])
def test_items_that_join_are_late_as_bounded(execution: tuple[float, ...]) -> None:
    """Two models, the second's items in batches, each order: late no more often than the bound says, and not by far."""
    load = Load(np.array([0.01, 0.02]), np.array([8.0, 10.0]), 45.0 - np.array([extra((8.0,)), extra(execution)]))
    draw = random.Random(1)
    arrivals = sorted((at, one) for one in (0, 1) for at in _times(draw, load.rates[one], 4e6))
    times, whose = [at for at, _ in arrivals], [one for _, one in arrivals]
    shares = []
    for order in ORDERS.values():
        done = answered(times, whose, [(8.0,), execution], order, [1, 1 << 30])
        late = sum(end - at > 45 + 1e-9 for at, end, one in zip(times, done, whose, strict=True) if one == 1)
        shares.append((late + 4 * math.sqrt(late + 1), late - 4 * math.sqrt(late + 1)))
    count = whose.count(1)
    assert all(below / count <= ballot(load, 1) for _, below in shares)
    if len(execution) == 1:
        assert ballot(load, 1) <= 1.5 * max(above for above, _ in shares) / count


def _last(load: Load, tenant: int, length_ms: float, seed: int) -> tuple[int, int]:
    """Late and all requests of the tenant, the others always before it; each queue first come first served."""
    draw = random.Random(seed)
    mine = _times(draw, load.rates[tenant], length_ms)
    others = sorted(
        (at, load.latencies[j])
        for j in range(len(load.rates))
        if j != tenant
        for at in _times(draw, load.rates[j], length_ms)
    )
    now, following, late = 0.0, 0, 0
    for at in mine:
        while following < len(others) and others[following][0] <= max(now, at):
            now = max(now, others[following][0]) + others[following][1]
            following += 1
        now = max(now, at)
        late += now - at > load.slacks[tenant, 0]
        now += load.latencies[tenant]
    return late, len(mine)


def _times(draw: random.Random, rate: float, length_ms: float) -> list[float]:
    return sorted(draw.uniform(0, length_ms) for _ in range(round(rate * length_ms)))
