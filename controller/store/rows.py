"""Rows to domain values and back; the only place of the store that knows both shapes.

Columns are named as fields, and what a row does not hold in columns it holds as a JSON document, so that one
reflective converter serves all types. Unknown keys are ignored and missing ones take the field's default: rows
that an older or newer release wrote still read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from controller.model import Workload, WorkloadSpec, WorkloadStatus

T = TypeVar("T")

_SPEC_FIELDS = tuple(f.name for f in dataclasses.fields(WorkloadSpec))


def document(value: Any) -> Any:
    """A domain value as plain JSON: dataclasses become objects, tuples lists, times ISO 8601 text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: document(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [document(item) for item in value]
    if isinstance(value, dict):
        return {key: document(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return text(value) if isinstance(value, str) else value


def text(value: str) -> str:
    """Text that Postgres can store: what agents send may hold NULs, which it cannot."""
    return value.replace("\0", "")


def parse(kind: type[T], doc: Any) -> T:
    """The domain value of type `kind` that `doc` (a document, or a row's mapping) describes."""
    return cast(T, _parse(kind, doc))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _parse(hint: Any, doc: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        hints = _hints(cast(type, hint))
        known = [f.name for f in dataclasses.fields(hint) if f.name in doc]
        return cast(type, hint)(**{name: _parse(hints[name], doc[name]) for name in known})
    if get_origin(hint) is tuple:
        return tuple(_parse(get_args(hint)[0], item) for item in doc)
    if NoneType in get_args(hint):
        return None if doc is None else _parse(next(a for a in get_args(hint) if a is not NoneType), doc)
    if hint is datetime and isinstance(doc, str):
        return datetime.fromisoformat(doc)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(doc)
    return doc


def to_row(value: Any, *leave_out: str) -> dict[str, Any]:
    """A flat domain value as columns; nested values become documents, times stay times."""
    fields = (f.name for f in dataclasses.fields(value) if f.name not in leave_out)
    pairs = ((name, getattr(value, name)) for name in fields)
    return {name: item if isinstance(item, datetime) else document(item) for name, item in pairs}


def workload_to_row(workload: Workload, served_digest: str) -> dict[str, Any]:
    """A workload's columns; the spec lies flat, so that the table can guard it."""
    return {
        **to_row(workload, "spec", "status"),
        **to_row(workload.spec),
        "served_digest": served_digest,
        "status": document(workload.status),
    }


def workload_from_row(row: Mapping[Any, Any]) -> Workload:
    """The workload of a row; the served digest of its status is the column, which a foreign key guards."""
    status = dataclasses.replace(parse(WorkloadStatus, row["status"]), model_digest=row["served_digest"])
    spec = parse(WorkloadSpec, {name: row[name] for name in _SPEC_FIELDS})
    names = ("name", "labels", "uid", "etag", "generation", "created", "updated")
    return Workload(spec=spec, status=status, **{name: row[name] for name in names})
