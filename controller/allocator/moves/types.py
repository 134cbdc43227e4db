"""A move, and what a walk along moves finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from controller.allocator.types import Segment


class Action(Enum):
    """What a step does."""

    CREATE = "create"
    DRAIN = "drain"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    """One move. It may be made once those of `after` are done: any order that keeps to that keeps every rate.

    `short` is by how many items/s services are under what they had and need from this step on, until the next of
    their segments is created.
    """

    wave: int  # steps of a wave may be made at once; a wave begins when the one before is done
    action: Action
    gpu: str
    start: int
    segment: Segment
    why: str
    short: float = 0.0
    profile: str = ""  # of the instance
    id: str = ""  # of the running segment; a new one has a name of its own
    after: tuple[int, ...] = ()  # indices of the steps that it waits for
    temporary: bool = False

    @property
    def service(self) -> str:
        """Whose segment it is."""
        return self.segment.service


@dataclass(frozen=True, slots=True)
class Checked:
    """What a walk along the steps found."""

    short: Mapping[str, float]  # by service: the most items/s under the lower of its rate and its start
    avoidable: tuple[str, ...]  # breaks beside free slots that a copy of what is drained would have fitted
    gpcs: tuple[int, int, int]  # in use at the start, at most, at the end

    @property
    def spare_gpcs(self) -> int:
        """GPCs that the moves need beside the larger of start and end."""
        return self.gpcs[1] - max(self.gpcs[0], self.gpcs[2])
