"""`--gpus FILE` and `--current FILE`: the GPUs there are, and what runs on them, for offline plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.mig import A100_80GB, Geometry
from controller.allocator import Gpu, ProfileTable, Running, Segment, Service
from controller.allocator.explain import Outline, read_outline
from sliceplane.cli.profile_files import text_of
from sliceplane.cli.session import bad_input
from sliceplane.documents.fleet import read_fleet


def fleet_of(path: Path) -> list[Gpu]:
    """The GPUs that the file lists, numbered in its order; exit 2 where it cannot be used."""
    groups, problems = read_fleet(str(path), text_of(path))
    if problems:
        raise bad_input(*problems)
    products = list(dict.fromkeys(group.geometry.product for group in groups))
    if len(products) > 1:
        raise bad_input(f"{path}: has {' and '.join(products)}: plan each product by itself, in a file of its own")
    every = [group for group in groups for _ in range(group.count)]
    return [Gpu(str(number), group.geometry, group.cordoned, group.host) for number, group in enumerate(every)]


def endless_fleet(outline: Outline, wanted: int) -> list[Gpu]:
    """As many A100-80GB as what runs is on, and as the plan may take beside it."""
    known = [one.gpu for one in outline.segments if isinstance(one.gpu, int)]
    return [Gpu(str(number), A100_80GB) for number in range(max(known, default=-1) + 1 + wanted)]


def geometry_for(gpus: Sequence[Gpu]) -> Geometry:
    """The fleet's one geometry."""
    return gpus[0].geometry


def outline_of(path: Path) -> Outline:
    """What a former plan says; exit 2 where the file is none."""
    try:
        return read_outline(str(path), text_of(path))
    except ValueError as error:
        raise bad_input(str(error)) from error


def running_of(
    path: Path, outline: Outline, services: Sequence[Service], profiles: Mapping[str, ProfileTable]
) -> list[Running]:
    """What runs, at today's figures of the profiles; exit 2 for shared segments, which are not re-planned yet."""
    by_name = {service.name: service for service in services}
    found = []
    for number, one in enumerate(outline.segments):
        if one.shape.shared_with:
            raise bad_input(f"{path}: has shared segments: plan with --share-segments and without --current instead")
        service = by_name.get(one.workload)
        at = (one.shape.size, one.shape.batch, one.shape.processes)
        table = profiles.get(service.model) if service else None
        point = next((p for p in table.points if (p.size, p.batch, p.processes) == at), None) if table else None
        throughput, latency = (point.throughput, point.latency_ms) if point else (0.0, 0.0)
        segment = Segment(one.workload, *at, throughput, latency, service.revision if service else "")
        found.append(Running(f"s{number}", str(one.gpu), one.start, segment))
    return found
