"""Which frames must give way: pure."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.queue.model import Drop, Limits, Waiting


def expired(waiting: Sequence[Waiting], limits: Limits, now: float) -> list[Waiting]:
    """Those that have waited longer than `max_age_s`; `now` on the queue's clock."""
    if not limits.max_age_s:
        return []
    return [frame for frame in waiting if now - frame.admitted > limits.max_age_s]


def crowded_out(waiting: Sequence[Waiting], held_bytes: int, size: int, limits: Limits) -> tuple[list[Waiting], bool]:
    """Who gives way to a frame of `size` bytes, and whether it is itself the one.

    `waiting` in their order; `held_bytes` counts these and the frames under way, which nothing can drop.
    """
    if not limits.max_bytes or held_bytes + size <= limits.max_bytes:
        return [], False
    if limits.drop is Drop.NEWEST:
        return [], True
    gone: list[Waiting] = []
    for frame in waiting:
        if held_bytes + size <= limits.max_bytes:
            break
        if frame.size:  # one that lies elsewhere makes no room here
            gone.append(frame)
            held_bytes -= frame.size
    if held_bytes + size > limits.max_bytes:
        return [], True
    return gone, False
