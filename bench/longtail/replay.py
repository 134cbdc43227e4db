"""Discrete-event replay of one shared segment: one execution at a time, in an order of choice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.replay.arrivals import Bursty, poisson
from controller.allocator.sharing.priorities import priorities
from controller.allocator.types import Tenant

Array = npt.NDArray[np.float64]
Queues = Sequence[deque[int]]  # numbers of requests, in the order of arrival, by tenant
Order = Callable[[list[int], Queues, Sequence[int], Sequence[int]], int]  # waiting, ..., executions, priorities


def fifo(waiting: list[int], queues: Queues, _executed: Sequence[int], _priority: Sequence[int]) -> int:
    """Whose request came first."""
    return min(waiting, key=lambda one: queues[one][0])


def least_executed(waiting: list[int], _queues: Queues, executed: Sequence[int], _priority: Sequence[int]) -> int:
    """Whose model was executed least: Triton's rate limiter where all have one priority."""
    return min(waiting, key=lambda one: executed[one])


def tightest_last(waiting: list[int], _queues: Queues, _executed: Sequence[int], priority: Sequence[int]) -> int:
    """The tightest tenant always goes last."""
    return max(waiting, key=lambda one: priority[one])


def tightest_first(waiting: list[int], _queues: Queues, executed: Sequence[int], priority: Sequence[int]) -> int:
    """Triton's rate limiter with the plan's priorities: executions times priority, the least of them."""
    return min(waiting, key=lambda one: executed[one] * priority[one])


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


def replay(
    tenants: Sequence[Tenant],
    minutes: float,
    seed: int,
    order: Order,
    load: Load = NOMINAL,
    executions: Sequence[Sequence[float]] = (),
) -> Array:
    """Each request's time from arrival to answer over its SLO, shape (requests,).

    `executions`: by tenant the latencies of 1, 2, ... of its items together, ms; none: one item each.
    """
    times, whose = _arrivals(tenants, minutes * 60_000, seed, load)
    alone = [(tenant.latency_ms,) for tenant in tenants]
    slower = [[latency * load.latency for latency in one] for one in executions or alone]
    done = answered(times.tolist(), whose.tolist(), slower, order, priorities(tenants))
    slos = np.array([tenant.slo_ms for tenant in tenants])
    return np.asarray((np.array(done) - times) / slos[whose])


def answered(
    times: Sequence[float],
    whose: Sequence[int],
    executions: Sequence[Sequence[float]],
    order: Order,
    priority: Sequence[int],
) -> list[float]:
    """When each request is answered, ms: who is chosen runs as many of its waiting items as an execution takes."""
    queues: list[deque[int]] = [deque() for _ in executions]
    executed, waiting = [0] * len(executions), list[int]()
    now, following, done = 0.0, 0, [0.0] * len(times)
    while following < len(times) or waiting:
        if not waiting and times[following] > now:
            now, one = times[following], whose[following]
            if following + 1 == len(times) or times[following + 1] > now:  # whoever comes first runs alone at once
                now += executions[one][0]
                done[following] = now
                executed[one] += 1
                following += 1
                continue
        while following < len(times) and times[following] <= now:
            one = whose[following]
            if not queues[one]:
                waiting.append(one)
            queues[one].append(following)
            following += 1
        chosen = waiting[0] if len(waiting) == 1 else order(waiting, queues, executed, priority)
        queue = queues[chosen]
        together = min(len(queue), len(executions[chosen]))
        now += executions[chosen][together - 1]
        for _ in range(together):
            done[queue.popleft()] = now
        executed[chosen] += 1
        if not queue:
            waiting.remove(chosen)
    return done


def _arrivals(tenants: Sequence[Tenant], length_ms: float, seed: int, load: Load) -> tuple[Array, npt.NDArray[np.intp]]:
    """Times in ms, ascending, and the tenant of each."""
    draw, seconds = np.random.default_rng(seed), length_ms / 1000
    arrivals = poisson if load.peak == 1 else Bursty(load.peak)
    each = [arrivals(tenant.rate * load.rate, seconds, draw) * 1000 for tenant in tenants]
    times = np.concatenate(each)
    whose = np.repeat(np.arange(len(tenants)), [len(one) for one in each])
    order = np.argsort(times, kind="stable")
    return times[order], whose[order]
