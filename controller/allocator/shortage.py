"""What found no room, by service, and how many GPUs more would hold it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from common.mig import A100_80GB, Geometry
from controller.allocator.segment_relocation import segment_relocation
from controller.allocator.spread import hosts_of
from controller.allocator.stability_types import Gpu, Position, Shortage
from controller.allocator.types import Placed, Segment


def shortages(left: Sequence[Segment], placed: Sequence[Placed], gpus: Sequence[Gpu]) -> tuple[Shortage, ...]:
    """One entry for each service that misses segments, in the order of `left`."""
    if not left:
        return ()
    geometry = _geometry_for(left, gpus)
    more = _gpus_more(left, placed, gpus, geometry)
    by_service: dict[str, list[Segment]] = {}
    for segment in left:
        by_service.setdefault(segment.service, []).append(segment)
    accepting = sum(not gpu.cordoned for gpu in gpus)
    planned = Counter(one.segment.service for one in placed)
    return tuple(
        Shortage(
            service=service,
            segments=len(segments),
            throughput=sum(segment.throughput for segment in segments),
            gpus=more,
            detail=_detail(segments, planned[service], f"needs {more} more {geometry.product}", accepting),
        )
        for service, segments in by_service.items()
    )


def too_few_hosts(
    positions: Sequence[Position], gpus: Sequence[Gpu], min_hosts: Mapping[str, int]
) -> tuple[Shortage, ...]:
    """One entry, without segments, for each service that is served from fewer hosts than it asks for."""
    there = len({gpu.host for gpu in gpus if not gpu.cordoned})
    found = hosts_of(positions, gpus)
    return tuple(
        Shortage(service, segments=0, throughput=0.0, gpus=0, detail=hosts_detail(wanted, found[service], there))
        for service, wanted in min_hosts.items()
        if 0 < found.get(service, 0) < wanted
    )


def hosts_detail(wanted: int, found: int, there: int) -> str:
    """What a service lacks that stands on too few hosts; `there`: hosts that take segments."""
    if there < wanted:
        return f"needs {wanted - there} more hosts: min_hosts {wanted}, and {there} take segments"
    return f"needs room on {wanted - found} more hosts: min_hosts {wanted}, found on {found} of {there}"


def _gpus_more(left: Sequence[Segment], placed: Sequence[Placed], gpus: Sequence[Gpu], geometry: Geometry) -> int:
    """GPUs that hold the missing beside what runs, or that the plan's own map lacks, whichever is fewer."""
    beside = len(segment_relocation(left, geometry))
    lacking = len({one.gpu for one in placed}) - sum(not gpu.cordoned for gpu in gpus)
    return min(beside, lacking) if lacking > 0 else beside


def _geometry_for(left: Sequence[Segment], gpus: Sequence[Gpu]) -> Geometry:
    """The first geometry in the fleet that has every missing size, else the A100's."""
    sizes = {segment.size for segment in left}
    fitting = (gpu.geometry for gpu in gpus if sizes <= set(gpu.geometry.sizes))
    return next(fitting, A100_80GB)


def _detail(missing: Sequence[Segment], planned: int, needs: str, accepting: int) -> str:
    rate = sum(segment.throughput for segment in missing)
    found = f"{len(missing)} of {planned} segments ({rate:g} items/s) found no room"
    return f"{needs}: {found} on the {accepting} that take segments"
