"""`--gpus FILE` and `--current FILE`: the GPUs there are, and what runs on them, for offline plans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.mig import A100_80GB, Geometry
from controller.allocator import Gpu, Running, Service
from controller.allocator.current_json import CurrentError, running_from_json
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


def endless_fleet(current: Sequence[Running], wanted: int) -> list[Gpu]:
    """As many A100-80GB as what runs is on, and as the plan may take beside it."""
    known = [int(one.gpu) for one in current if one.gpu.isdigit()]
    return [Gpu(str(number), A100_80GB) for number in range(max(known, default=-1) + 1 + wanted)]


def geometry_for(gpus: Sequence[Gpu]) -> Geometry:
    """The fleet's one geometry."""
    return gpus[0].geometry


def running_of(path: Path, services: Sequence[Service], geometry: Geometry) -> list[Running]:
    """What a former plan has running, on GPUs of the geometry; exit 2 where the file is none."""
    revisions = {service.name: service.revision for service in services}
    try:
        return list(running_from_json(text_of(path), revisions=revisions, geometry=geometry))
    except CurrentError as error:
        raise bad_input(f"{path}: {error}") from error


def outline_of(path: Path) -> Outline:
    """What a former plan says; exit 2 where the file is none."""
    try:
        return read_outline(str(path), text_of(path))
    except ValueError as error:
        raise bad_input(str(error)) from error
