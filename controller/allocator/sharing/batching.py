"""How many of a tenant's waiting items one execution takes: never longer than one after another would."""

from collections.abc import Sequence

from controller.allocator.types import ProfileTable

MOST = 8  # items
LONGER = 0.1  # of the SLO, that a full batch takes longer than one item at most


def executions(table: ProfileTable, size: int, slo_ms: float, most: int | None = None) -> tuple[float, ...]:
    """Latencies of 1, 2, ... items in one execution of one process, ms, never falling; () if none was measured.

    A batch between two measured ones takes what the larger does. Batches grow while b items together take no longer
    than b times one (so that `waiting` holds for them), and while the full one leaves its items most of their slack.
    """
    measured = {p.batch: p.latency_ms for p in table.points if p.size == size and p.processes == 1}
    if 1 not in measured:
        return ()
    found = [measured.pop(1)]
    limit = found[0] + LONGER * slo_ms
    for batch in sorted(measured):
        latency = max(measured[batch], found[-1])
        if batch > min(MOST, most or MOST) or latency > min(limit, (len(found) + 1) * found[0]):
            break
        found += [latency] * (batch - len(found))
    return tuple(found)


def extra(latencies: Sequence[float]) -> tuple[float, ...]:
    """What an item's execution takes at most where 0, 1, ..., MOST - 1 later ones may join it, ms; never falling.

    Less one item's latency for each earlier item that it takes too: `waiting` counts those as work that comes before.
    """
    most = len(latencies)
    return tuple(
        max(latencies[min(earlier + later, most - 1)] - earlier * latencies[0] for earlier in range(most))
        for later in range(MOST)
    )
