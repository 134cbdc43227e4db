"""What tables of offline plans have in common: the first line, segments, what is not served."""

from __future__ import annotations

from controller.allocator import Placed, Plan, Unservable
from sliceplane.cli.tables import Column, number, tenths

UNSERVABLE: tuple[Column[Unservable], ...] = (
    Column("UNSERVED", lambda one: one.service),
    Column("REASON", lambda one: one.reason.value),
    Column("DETAIL", lambda one: one.detail),
)


def names_of(one: Placed) -> str:
    """The workload; of a shared segment all of them."""
    return ", ".join(tenant.service for tenant in one.segment.tenants) or one.segment.service


def segment_columns(made: Plan) -> tuple[Column[Placed], ...]:
    return (
        Column("GPU", lambda one: str(one.gpu), right=True),
        Column("START", lambda one: str(one.start), right=True),
        Column("PROFILE", lambda one: made.geometry.default(one.segment.size).name),
        Column("WORKLOAD", names_of),
        Column("BATCH", lambda one: str(one.segment.batch), right=True),
        Column("PROCESSES", lambda one: str(one.segment.processes), right=True),
        Column("ITEMS/S", lambda one: tenths(one.segment.throughput), right=True),
        Column("LATENCY MS", lambda one: tenths(one.segment.latency_ms), right=True),
    )


def summary(algorithm: str, gpus: int, bound: int, gpcs: int, elapsed_ms: float) -> str:
    """ "parvagpu: 13 GPUs (no plan needs fewer than 12), 90 GPCs, 3.1 ms"."""
    proof = f"no plan needs fewer than {bound}"
    if gpus <= bound:
        proof = "proven to be the fewest" if gpus == bound else f"to serve all takes at least {bound}"
    took = f", {number(elapsed_ms)} ms" if elapsed_ms else ""
    return f"{algorithm}: {gpus} GPU{'' if gpus == 1 else 's'} ({proof}), {gpcs} GPC{'' if gpcs == 1 else 's'}{took}"
