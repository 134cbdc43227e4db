"""What the store-and-forward queue speaks of: arrivals, what became of their admission, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Drop(StrEnum):
    """Which frames give way when the queue is full."""

    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_bytes` of payloads that wait or are under way, `max_age_s` of those that wait; 0: no limit.

    `reserve_bytes` of the disk stay free of new frames, so that results of the admitted ones can be written.
    """

    max_bytes: int = 0
    max_age_s: float = 0.0
    drop: Drop = Drop.OLDEST
    reserve_bytes: int = 4 << 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """One input as its source hands it over.

    `source` and `id` name it for ever: a second arrival of the two is the same frame. An empty `id` gets one.
    `payload` None: the input stays where it is, its source finds it by `id`. `again`: it may be a redelivery; without
    an id it is one if it has the mark of the source's last frame with the same `mark_key`.
    """

    source: str
    id: str
    payload: bytes | None = None
    mark_key: str = ""
    mark: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of an arrival: its place in the queue, and whether it had been there before."""

    sequence: int
    known: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A frame that waits: its place, `size` of its payload in bytes, `admitted` on the queue's own clock, seconds."""

    sequence: int
    size: int
    admitted: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A frame as it is taken out to be answered; `stored`: whether its payload lies in the queue."""

    sequence: int
    source: str
    id: str
    stored: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A result on its way out: one JSON object as text."""

    sequence: int
    source: str
    line: str
