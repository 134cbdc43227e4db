"""Discrete-event replay of one shared segment: one execution at a time, one item each, in an order of choice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bench.replay.arrivals import Bursty, poisson
from controller.allocator.sharing.priorities import priorities
from controller.allocator.types import Tenant

Array = npt.NDArray[np.float64]
Queues = Sequence[deque[float]]  # arrival times, ms, by tenant
Order = Callable[[list[int], Queues, Sequence[int], Sequence[Tenant]], int]  # waiting, ..., executed, ...


def fifo(waiting: list[int], queues: Queues, _executed: Sequence[int], _tenants: Sequence[Tenant]) -> int:
    """Whose request came first."""
    return min(waiting, key=lambda one: queues[one][0])


def least_executed(waiting: list[int], _queues: Queues, executed: Sequence[int], _tenants: Sequence[Tenant]) -> int:
    """Whose model was executed least: Triton's rate limiter where all have one priority."""
    return min(waiting, key=lambda one: executed[one])


def tightest_last(waiting: list[int], _queues: Queues, _executed: Sequence[int], tenants: Sequence[Tenant]) -> int:
    """Who has most time left by its SLO: the tightest tenant always goes last."""
    return max(waiting, key=lambda one: tenants[one].slo_ms - tenants[one].latency_ms)


def tightest_first(waiting: list[int], _queues: Queues, executed: Sequence[int], tenants: Sequence[Tenant]) -> int:
    """Triton's rate limiter with the plan's priorities: executions times priority, the least of them."""
    weights = _priorities(tuple(tenants))
    return min(waiting, key=lambda one: executed[one] * weights[one])


_priorities = lru_cache(priorities)

AS_PLANNED = "Triton, tightest SLO first"
ORDERS: dict[str, Order] = {
    AS_PLANNED: tightest_first,
    "FIFO": fifo,
    "Triton, equal priorities": least_executed,
    "tightest SLO last": tightest_last,
}


@dataclass(frozen=True, slots=True)
class Load:
    """What is replayed: arrivals and executions as planned, times a factor each."""

    rate: float = 1.0
    latency: float = 1.0
    peak: float = 1.0  # over the mean, of each tenant's arrivals, in bursts of its own; 1: Poisson


NOMINAL = Load()


def replay(tenants: Sequence[Tenant], minutes: float, seed: int, order: Order, load: Load = NOMINAL) -> Array:
    """Each request's time from arrival to answer over its SLO, shape (requests,)."""
    times, whose = _arrivals(tenants, minutes * 60_000, seed, load)
    latencies = [tenant.latency_ms * load.latency for tenant in tenants]
    queues: list[deque[float]] = [deque() for _ in tenants]
    executed, waiting = [0] * len(tenants), list[int]()
    now, following, found = 0.0, 0, list[float]()
    while following < len(times) or waiting:
        if not waiting:
            now = max(now, times[following])
        while following < len(times) and times[following] <= now:
            one = whose[following]
            if not queues[one]:
                waiting.append(one)
            queues[one].append(times[following])
            following += 1
        chosen = waiting[0] if len(waiting) == 1 else order(waiting, queues, executed, tenants)
        now += latencies[chosen]
        found.append((now - queues[chosen].popleft()) / tenants[chosen].slo_ms)
        executed[chosen] += 1
        if not queues[chosen]:
            waiting.remove(chosen)
    return np.array(found)


def _arrivals(tenants: Sequence[Tenant], length_ms: float, seed: int, load: Load) -> tuple[list[float], list[int]]:
    """Times in ms, ascending, and the tenant of each."""
    draw, seconds = np.random.default_rng(seed), length_ms / 1000
    arrivals = poisson if load.peak == 1 else Bursty(load.peak)
    each = [arrivals(tenant.rate * load.rate, seconds, draw) * 1000 for tenant in tenants]
    times = np.concatenate(each)
    whose = np.repeat(np.arange(len(tenants)), [len(one) for one in each])
    order = np.argsort(times, kind="stable")
    return times[order].tolist(), whose[order].tolist()
