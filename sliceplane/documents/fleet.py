"""Reads a fleet file: a list, or `gpus:`, of `{product, count, host, cordoned}`; notes every fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import yaml

from common.mig import TABLES, Geometry, geometry_of
from sliceplane.documents.nodes import Problem, Reader, items, joined, shown

FIELDS = ("product", "count", "host", "cordoned")
MOST = 100_000  # GPUs an entry

Fields = Mapping[str, tuple[yaml.Node, yaml.Node]]


@dataclass(frozen=True, slots=True)
class GpuGroup:
    """GPUs that are alike, on one host."""

    geometry: Geometry
    count: int = 1
    host: str = ""
    cordoned: bool = False


def read_fleet(file: str, text: str) -> tuple[list[GpuGroup], list[Problem]]:
    """The groups in order, and all that is wrong with the text."""
    reader = Reader(file)
    groups = [found for node in reader.documents(text) for found in _groups(reader, node)]
    if not groups and not reader.problems:
        reader.problems.append(Problem(file, 0, 0, "", "holds no GPUs: list them as {product: A100-80GB, count: 8}"))
    return groups, reader.problems


def _groups(reader: Reader, node: yaml.Node) -> list[GpuGroup]:
    if isinstance(node, yaml.MappingNode):
        fields = reader.mapping(node, "") or {}
        if "gpus" not in fields:
            reader.refuse(node, "", "must be a list of GPUs, or have one under gpus")
            return []
        node = fields["gpus"][1]
    if not isinstance(node, yaml.SequenceNode):
        reader.refuse(node, "gpus", f"must be a list of GPUs, got {shown(node)}")
        return []
    found = [_group(reader, item, f"gpus[{index}]") for index, item in enumerate(items(node))]
    return [group for group in found if group is not None]


def _group(reader: Reader, node: yaml.Node, path: str) -> GpuGroup | None:
    before = len(reader.problems)
    fields = reader.mapping(node, path)
    if fields is None:
        return None
    for key, (where, _) in fields.items():
        if key not in FIELDS:
            near = get_close_matches(key, FIELDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(FIELDS)}"
            reader.refuse(where, joined(path, key), f"unknown field; {hint}")
    geometry = _product(reader, node, fields, path)
    count = _count(reader, fields, f"{path}.count")
    host = reader.text(fields["host"][1], f"{path}.host") if "host" in fields else ""
    cordoned = _truth(reader, fields, f"{path}.cordoned")
    if len(reader.problems) > before or geometry is None:
        return None
    return GpuGroup(geometry, count, host or "", cordoned)


def _product(reader: Reader, node: yaml.Node, fields: Fields, path: str) -> Geometry | None:
    known = ", ".join(geometry.product for geometry in TABLES)
    if "product" not in fields:
        reader.refuse(node, f"{path}.product", f"is missing: one of {known}")
        return None
    value = fields["product"][1]
    text = reader.text(value, f"{path}.product")
    found = geometry_of(text) if text is not None else None
    if text is not None and found is None:
        reader.refuse(value, f"{path}.product", f"is no product that is known: one of {known}, got {shown(value)}")
    return found


def _count(reader: Reader, fields: Fields, path: str) -> int:
    if "count" not in fields:
        return 1
    value = reader.number(fields["count"][1], path)
    if value is None or (value == int(value) and 1 <= value <= MOST):
        return int(value or 1)
    reader.refuse(fields["count"][1], path, f"must be a whole number from 1 to {MOST}, got {shown(fields['count'][1])}")
    return 1


def _truth(reader: Reader, fields: Fields, path: str) -> bool:
    return bool("cordoned" in fields and reader.truth(fields["cordoned"][1], path))
