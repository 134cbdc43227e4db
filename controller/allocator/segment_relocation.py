"""Segment relocation: the queue of each size is drained, largest first, each segment to its best-fitting GPU.

Source: ParvaGPU (SC24, arXiv 2409.14447), first stage of the allocator.
"""

from collections.abc import Iterable

from common.mig import Geometry
from controller.allocator.fleet import Fleet
from controller.allocator.types import Segment


def segment_relocation(segments: Iterable[Segment], geometry: Geometry) -> Fleet:
    """A fleet that holds the segments; within a size they keep their order."""
    fleet = Fleet(geometry)
    for segment in sorted(segments, key=lambda segment: -segment.size):
        fleet.place(segment)
    return fleet
