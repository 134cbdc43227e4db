"""In which order a shared segment runs what waits: by priorities of Triton's rate limiter; pure."""

from __future__ import annotations

from collections.abc import Sequence

from controller.allocator.types import Tenant

_APART = 64  # of one tenant's priority to the next tighter one's
_MOST = 2**32 - 1  # Triton's priorities are uint32


def priorities(tenants: Sequence[Tenant]) -> tuple[int, ...]:
    """The rate limiter's priority of each tenant, 1 for the tightest SLO: the tightest that waits goes first.

    Triton runs the model whose executions so far, times its priority, are fewest. With priorities far enough apart
    that order is strict, unless a tenant was executed 64 times as often as the next looser one.
    """
    apart = min(_APART, int(_MOST ** (1 / max(1, len(tenants) - 1))))
    ranks = {one: rank for rank, one in enumerate(sorted(range(len(tenants)), key=lambda i: tenants[i].slo_ms))}
    return tuple(apart ** ranks[one] for one in range(len(tenants)))
