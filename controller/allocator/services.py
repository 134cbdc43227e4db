"""Documents to services: checks what a workloads file says, and names each bad field by its path.

A document is short, `{name, model, rate, slo_ms}` with optional fields beside, or full, as `apply -f`
takes it: `{apiVersion, kind: Workload, metadata: {name, labels}, spec: {model, rate, slo_ms, ...}}`.
Only the full form must bear a name that clients can dial.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from controller.allocator.types import Service

API_VERSION = "sliceplane.workload.v1"
KIND = "Workload"
SERVE_KINDS = ("whole", "tail")
HIGHEST_PRIORITY = 1000
MOST_PROCESSES = 48

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FieldError:
    """A bad field: its path, what is wrong and what would be right."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def services_from_documents(
    documents: Sequence[object], root: str = "workloads"
) -> tuple[list[Service], list[FieldError]]:
    """The services of the good documents and every error of the bad ones, in order.

    Paths begin with `root`: `workloads[2].slo_ms`, `workloads[0].spec.rate`.
    """
    services: list[Service] = []
    errors: list[FieldError] = []
    named: dict[str, str] = {}  # workload name → path of the document that has it
    for index, document in enumerate(documents):
        path = f"{root}[{index}]"
        service, found = _service(document, path)
        errors += found
        if service is None:
            continue
        if service.name in named:
            what = f"{service.name!r} is already used by {named[service.name]}"
            errors.append(FieldError(_name_path(document, path), what))
            continue
        named[service.name] = path
        services.append(service)
    return services, errors


def _service(document: object, path: str) -> tuple[Service | None, list[FieldError]]:
    reader = _Reader(path)
    if not isinstance(document, Mapping):
        return None, [FieldError(path, f"must be a mapping with name, model, rate and slo_ms, got {_kind(document)}")]
    full = _is_full(document)
    name, spec = _unwrap(reader, document) if full else (reader.get(document, "name", _text), document)
    if spec is None:
        return None, reader.errors
    service = _fields(reader, name, spec, f"{path}.spec" if full else path, full=full)
    return (None if reader.errors else service), reader.errors


def _is_full(document: Mapping[Any, object]) -> bool:
    return bool({"apiVersion", "kind", "metadata", "spec"} & set(document))


def _name_path(document: object, path: str) -> str:
    """Where the document says its name."""
    full = isinstance(document, Mapping) and _is_full(document)
    return f"{path}.metadata.name" if full else f"{path}.name"


def _unwrap(reader: "_Reader", document: Mapping[str, object]) -> tuple[str, Mapping[str, object] | None]:
    """The name and the spec of a full document; no spec where it is missing or no mapping."""
    reader.only(document, ("apiVersion", "kind", "metadata", "spec"))
    reader.get(document, "apiVersion", _one_of(API_VERSION))
    reader.get(document, "kind", _one_of(KIND))
    metadata = reader.get(document, "metadata", _mapping)
    spec = reader.get(document, "spec", _mapping)
    name = ""
    if isinstance(metadata, Mapping):
        at = f"{reader.path}.metadata"
        reader.only(metadata, ("name", "labels"), at)
        name = reader.get(metadata, "name", _name, at)
        reader.optional(metadata, "labels", _labels, at)
    return name, spec


REQUIRED = ("model", "rate", "slo_ms")
OPTIONAL = ("max_processes", "max_batch", "profile", "model_digest", "serve", "priority")
FURTHER = ("replicas", "memory_mb", "exclusive")  # how segments are shared out
MOST_HOSTS = 1000


def _fields(reader: "_Reader", name: str, spec: Mapping[str, object], path: str, *, full: bool) -> Service | None:
    known = (*REQUIRED, *OPTIONAL, *FURTHER)
    reader.only(spec, known if full else ("name", *known, "labels"), path)
    model = reader.get(spec, "model", _text, path)
    rate = reader.get(spec, "rate", _above_zero("items/s"), path)
    slo_ms = reader.get(spec, "slo_ms", _above_zero("ms"), path)
    profile = reader.optional(spec, "profile", _text, path)
    digest = reader.optional(spec, "model_digest", _digest, path)
    reader.optional(spec, "serve", _one_of(*SERVE_KINDS), path)
    priority = reader.optional(spec, "priority", _count(HIGHEST_PRIORITY), path)
    processes = reader.optional(spec, "max_processes", _count(MOST_PROCESSES), path)
    batch = reader.optional(spec, "max_batch", _count(65_536), path)
    hosts = _min_hosts(reader, spec, path)
    memory = reader.optional(spec, "memory_mb", _not_below_zero("MB"), path)
    exclusive = reader.optional(spec, "exclusive", _truth, path)
    if not full:
        reader.optional(spec, "labels", _labels, path)
    if reader.errors:
        return None
    return Service(
        name=name,
        model=profile or model,
        rate=rate,
        slo_ms=slo_ms,
        max_processes=processes or None,
        max_batch=batch or None,
        revision=digest or "",
        priority=priority or 0,
        min_hosts=hosts,
        memory_mb=memory or 0.0,
        exclusive=bool(exclusive),
    )


def _min_hosts(reader: "_Reader", spec: Mapping[str, object], path: str) -> int:
    """`replicas.min_hosts`, also spelled `minHosts`; 1 where it is not said."""
    replicas = reader.optional(spec, "replicas", _mapping, path)
    if replicas is None:
        return 1
    at = f"{path}.replicas"
    reader.only(replicas, ("min_hosts", "minHosts"), at)
    if {"min_hosts", "minHosts"} <= set(replicas):
        reader.errors.append(FieldError(f"{at}.minHosts", "min_hosts is there too: leave one out"))
    key = "minHosts" if "minHosts" in replicas else "min_hosts"
    return reader.optional(replicas, key, _count(MOST_HOSTS), at) or 1


class _BadValueError(ValueError):
    """What is wrong with a value; never leaves this module."""


@dataclass
class _Reader:
    """Takes fields out of mappings and collects what is wrong with them."""

    path: str
    errors: list[FieldError] = field(default_factory=list)

    def get(self, mapping: Mapping[str, object], key: str, check: Callable[[object], Any], path: str = "") -> Any:
        """The checked value; None, with an error kept, where it is missing or bad."""
        if key not in mapping:
            self.errors.append(FieldError(f"{path or self.path}.{key}", "is missing"))
            return None
        return self.optional(mapping, key, check, path)

    def optional(self, mapping: Mapping[str, object], key: str, check: Callable[[object], Any], path: str = "") -> Any:
        """The checked value, or None where it is missing, or bad with an error kept."""
        if key not in mapping:
            return None
        try:
            return check(mapping[key])
        except _BadValueError as bad:
            self.errors.append(FieldError(f"{path or self.path}.{key}", str(bad)))
            return None

    def only(self, mapping: Mapping[str, object], known: Sequence[str], path: str = "") -> None:
        """Refuses every key that is not known."""
        for key in mapping:
            if key not in known:
                near = get_close_matches(str(key), known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                self.errors.append(FieldError(f"{path or self.path}.{key}", f"unknown field; {hint}"))


def _above_zero(unit: str) -> Callable[[object], float]:
    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _BadValueError(f"must be a number of {unit}, got {_kind(value)} {value!r}")
        try:
            number = float(value)
        except OverflowError:
            raise _BadValueError(f"must be a finite number of {unit}, got one past all bounds") from None
        if not 0 < number < math.inf:
            raise _BadValueError(f"must be a finite number of {unit} above 0, got {value}")
        return number

    return check


def _not_below_zero(unit: str) -> Callable[[object], float]:
    above_zero = _above_zero(unit)
    return lambda value: 0.0 if type(value) in (int, float) and value == 0 else above_zero(value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise _BadValueError(f"must be true or false, got {value!r}")
    return value


def _count(most: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise _BadValueError(f"must be a whole number from 1 to {most} (0: no limit of its own), got {value!r}")
        return value

    return check


def _one_of(*allowed: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in allowed:
            raise _BadValueError(f"must be {' or '.join(allowed)}, got {value!r}")
        return str(value)

    return check


def _name(value: object) -> str:
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        what = "must be 1 to 63 lower-case letters, digits and inner hyphens"
        raise _BadValueError(f"{what}, got {value!r}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _BadValueError(f"must be a text that is not empty, got {value!r}")
    return value


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise _BadValueError(f"must be sha256: and 64 hex digits, got {value!r}")
    return value


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _BadValueError(f"must be a mapping, got {_kind(value)}")
    return value


def _labels(value: object) -> Mapping[str, object]:
    labels = _mapping(value)
    for key, text in labels.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise _BadValueError(f"must map texts to texts, got {key!r}: {text!r}; quote it")
    return labels


def _kind(value: object) -> str:
    names = {type(None): "nothing", dict: "a mapping", list: "a list", str: "the text", bool: "the truth value"}
    return names.get(type(value), type(value).__name__)
