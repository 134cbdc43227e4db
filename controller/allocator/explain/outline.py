"""What two plans are compared by: from a plan, or from the JSON that `plan -o json` printed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.mig import gpcs_of
from controller.allocator.types import Placed, Plan

GpuName = int | str


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """What a segment is, wherever it stands."""

    size: int  # GPCs
    batch: int
    processes: int
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stands:
    """A workload's segment on a GPU."""

    workload: str
    gpu: GpuName
    start: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class Outline:
    """A plan without its figures; a shared segment is there once for each of its workloads."""

    gpus: int
    gpcs: int
    lower_bound: int
    segments: tuple[Stands, ...]
    unservable: Mapping[str, str]  # workload → reason


def outline(plan: Plan) -> Outline:
    """Of a plan."""
    return Outline(
        gpus=plan.gpus,
        gpcs=plan.gpcs,
        lower_bound=plan.lower_bound,
        segments=tuple(stands for one in plan.placed for stands in _placed(one)),
        unservable={one.service: one.reason.value for one in plan.unservable},
    )


def _placed(one: Placed) -> list[Stands]:
    its = one.segment
    if not its.tenants:
        return [Stands(its.service, one.gpu, one.start, Shape(gpcs_of(its.size), its.batch, its.processes))]
    batches = {tenant.service: tenant.batch for tenant in its.tenants}
    return _shared(batches, one.gpu, one.start, gpcs_of(its.size), its.processes)


def _shared(batches: Mapping[str, int], gpu: GpuName, start: int, size: int, processes: int) -> list[Stands]:
    return [
        Stands(name, gpu, start, Shape(size, batch, processes, tuple(sorted(batches.keys() - {name}))))
        for name, batch in batches.items()
    ]


def read_outline(name: str, text: str) -> Outline:
    """Of a file's text; `name` is for messages. Raises ValueError: file, place, what is wrong, how to mend it."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}:{error.lineno}:{error.colno}: not JSON ({error.msg}); give a plan -o json") from error
    try:
        return _document(document)
    except ValueError as error:
        raise ValueError(f"{name}: {error}; give what plan -o json printed") from error


def _document(document: object) -> Outline:
    rows = _list(document, "segments")
    return Outline(
        gpus=_whole(document, "gpus"),
        gpcs=_whole(document, "gpcs"),
        lower_bound=_whole(document, "lower_bound"),
        segments=tuple(one for index, row in enumerate(rows) for one in _row(row, f"segments[{index}].")),
        unservable={
            _text(one, "workload", f"unservable[{index}]."): _text(one, "reason", f"unservable[{index}].")
            for index, one in enumerate(_list(document, "unservable"))
        },
    )


def _row(row: object, at: str) -> list[Stands]:
    start, size, processes = (_whole(row, key, at) for key in ("start", "gpcs", "processes"))
    gpu = _value(row, "gpu", int | str, "a number or a name", at)
    workload = _value(row, "workload", str | list, "a name or a list of names", at)
    batch = _whole(row, "batch", at)
    if isinstance(workload, str):
        return [Stands(workload, gpu, start, Shape(size, batch, processes))]
    tenants = {_text(one, "workload", at): _whole(one, "batch", at) for one in _optional_list(row, "tenants")}
    return _shared({str(name): tenants.get(str(name), batch) for name in workload}, gpu, start, size, processes)


def _optional_list(row: object, key: str) -> Sequence[object]:
    found = row.get(key) if isinstance(row, Mapping) else None
    return found if isinstance(found, list) else []


def _list(mapping: object, key: str) -> Sequence[object]:
    found: Sequence[object] = _value(mapping, key, list, "a list")
    return found


def _whole(mapping: object, key: str, at: str = "") -> int:
    return int(_value(mapping, key, int, "a whole number", at))


def _text(mapping: object, key: str, at: str = "") -> str:
    return str(_value(mapping, key, str, "a text", at))


def _value(mapping: object, key: str, kind: Any, what: str, at: str = "") -> Any:
    if not isinstance(mapping, Mapping):
        raise ValueError(f"{at.removesuffix('.') or 'the document'} must be a mapping")
    if key not in mapping:
        raise ValueError(f"{at}{key} is missing")
    if isinstance(mapping[key], bool) or not isinstance(mapping[key], kind):
        raise ValueError(f"{at}{key} must be {what}, got {mapping[key]!r}")
    return mapping[key]
