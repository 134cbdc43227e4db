"""Workloads that share a segment, as the client sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workload on a shared segment; `batch` in items, `throughput`, its own, in items/s, `latency_ms` of one item."""

    workload: str
    model_digest: str = ""
    batch: int = 1
    priority: int = 1
    throughput: float = 0.0
    latency_ms: float = 0.0


class _Serving(Protocol):
    @property
    def workload(self) -> str: ...

    @property
    def tenants(self) -> Sequence[Tenant]: ...


def workload_names(segment: _Serving) -> str:
    """The workload that a segment serves; of a shared one all of them, for people: "cat, dog"."""
    return ", ".join(tenant.workload for tenant in segment.tenants) or segment.workload
