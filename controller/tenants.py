"""Workloads that share a segment, and what a segment gives to whom; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workload on a shared segment: one model instance in its one process; executions are one at a time.

    `batch`: items that one execution takes at most; `priority` of Triton's rate limiter, the lowest that waits runs
    first; `throughput`: what it is given, requests/s; `latency_ms` of one item alone.
    """

    workload: str
    model_digest: str
    batch: int
    priority: int
    throughput: float
    latency_ms: float


class Serving(Protocol):
    """A segment, planned or there."""

    @property
    def workload(self) -> str:
        """The workload that has it alone; of a shared one the group's name."""

    @property
    def throughput(self) -> float:
        """Of the whole segment, requests/s."""

    @property
    def tenants(self) -> Sequence[Tenant]:
        """Who shares it; nobody: it is one workload's."""


def workloads_of(one: Serving) -> tuple[str, ...]:
    """Names of the workloads that the segment serves."""
    return tuple(tenant.workload for tenant in one.tenants) or (one.workload,)


def throughput_for(one: Serving, workload: str) -> float:
    """Requests per second of it that are the workload's; 0 where it does not serve it."""
    if not one.tenants:
        return one.throughput if one.workload == workload else 0.0
    return sum(tenant.throughput for tenant in one.tenants if tenant.workload == workload)
