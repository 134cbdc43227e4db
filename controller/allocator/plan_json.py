"""A plan as the JSON that `sliceplane plan -o json` prints.

A shared segment's `workload` is a list; its `tenants` have each one's figures.
"""

from typing import Any

from common.mig import gpcs_of
from controller.allocator.types import Placed, Plan, Segment, Tenant, Unservable


def plan_to_json(plan: Plan, elapsed_ms: float) -> dict[str, Any]:
    """The plan in plain JSON types; `proven_optimal` where its GPUs equal the lower bound."""
    return {
        "algorithm": plan.algorithm,
        "gpus": plan.gpus,
        "lower_bound": plan.lower_bound,
        "proven_optimal": plan.gpus == plan.lower_bound,
        "elapsed_ms": round(elapsed_ms, 3),
        "gpcs": plan.gpcs,
        "segments": [_segment(plan, placed) for placed in plan.placed],
        "unservable": [_unservable(refused) for refused in plan.unservable],
    }


def _segment(plan: Plan, placed: Placed) -> dict[str, Any]:
    segment = placed.segment
    found = {
        "gpu": placed.gpu,
        "start": placed.start,
        "profile": plan.geometry.default(segment.size).name,
        "gpcs": gpcs_of(segment.size),
        "workload": _workload(segment),
        "batch": segment.batch,
        "processes": segment.processes,
        "throughput": segment.throughput,
        "latency_ms": segment.latency_ms,
    }
    if segment.tenants:
        found["tenants"] = [_tenant(tenant) for tenant in segment.tenants]
    return found


def _workload(segment: Segment) -> str | list[str]:
    """A shared segment names all its tenants."""
    return [tenant.service for tenant in segment.tenants] or segment.service


def _tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "workload": tenant.service,
        "rate": tenant.rate,
        "slo_ms": tenant.slo_ms,
        "batch": tenant.batch,
        "throughput": tenant.throughput,
        "latency_ms": tenant.latency_ms,
    }


def _unservable(refused: Unservable) -> dict[str, Any]:
    return {"workload": refused.service, "reason": refused.reason.value, "detail": refused.detail}
