"""Reads a fleet file: a list, or `gpus:`, of GPUs by product; notes every fault.

An entry: `{product, count, cost_per_hour, host, cordoned, id}`; all but the product have defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import yaml

from common.mig import TABLES, Geometry, geometry_of
from sliceplane.documents.nodes import Problem, Reader, items, joined, shown

FIELDS = ("product", "kind", "count", "cost_per_hour", "host", "cordoned", "id")
DEAREST = 1e6  # per GPU and hour
MOST = 100_000  # GPUs an entry

Fields = Mapping[str, tuple[yaml.Node, yaml.Node]]


@dataclass(frozen=True, slots=True)
class GpuGroup:
    """GPUs that are alike, on one host."""

    geometry: Geometry
    count: int = 1
    host: str = ""
    cordoned: bool = False
    cost_per_hour: float = 1.0  # of one, in any currency
    id: str = ""  # of the one, where the entry is one GPU


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
    _refuse_repeats(reader, node, found)
    return [group for group in found if group is not None]


def _refuse_repeats(reader: Reader, node: yaml.Node, found: list[GpuGroup | None]) -> None:
    seen: dict[str, int] = {}
    for index, (item, group) in enumerate(zip(items(node), found, strict=True)):
        first = seen.setdefault(group.id, index) if group and group.id else index
        if first != index:
            reader.refuse(item, f"gpus[{index}].id", f"is that of gpus[{first}] too: give each GPU its own")


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
    cost = _cost(reader, fields, f"{path}.cost_per_hour")
    name = reader.text(fields["id"][1], f"{path}.id") if "id" in fields else ""
    if name and count > 1:
        reader.refuse(fields["id"][1], f"{path}.id", f"names one GPU, and count is {count}: list each by itself")
    if len(reader.problems) > before or geometry is None:
        return None
    return GpuGroup(geometry, count, host or "", cordoned, cost, name or "")


def _product(reader: Reader, node: yaml.Node, fields: Fields, path: str) -> Geometry | None:
    known = ", ".join(geometry.product for geometry in TABLES)
    key = "kind" if "kind" in fields else "product"
    if {"kind", "product"} <= fields.keys():
        reader.refuse(fields["kind"][0], f"{path}.kind", "product is there too, and says the same: leave one out")
    if key not in fields:
        reader.refuse(node, f"{path}.product", f"is missing: one of {known}")
        return None
    value = fields[key][1]
    text = reader.text(value, f"{path}.{key}")
    found = geometry_of(text) if text is not None else None
    if text is not None and found is None:
        reader.refuse(value, f"{path}.{key}", f"is no product that is known: one of {known}, got {shown(value)}")
    return found


def _count(reader: Reader, fields: Fields, path: str) -> int:
    if "count" not in fields:
        return 1
    value = reader.number(fields["count"][1], path)
    if value is None or (value == int(value) and 1 <= value <= MOST):
        return int(value or 1)
    reader.refuse(fields["count"][1], path, f"must be a whole number from 1 to {MOST}, got {shown(fields['count'][1])}")
    return 1


def _cost(reader: Reader, fields: Fields, path: str) -> float:
    if "cost_per_hour" not in fields:
        return 1.0
    node = fields["cost_per_hour"][1]
    value = reader.number(node, path)
    if value is not None and not 0 < value <= DEAREST:
        reader.refuse(node, path, f"must be above 0 and at most {DEAREST:g}, got {shown(node)}")
    return value or 1.0


def _truth(reader: Reader, fields: Fields, path: str) -> bool:
    return bool("cordoned" in fields and reader.truth(fields["cordoned"][1], path))
