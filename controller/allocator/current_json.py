"""What runs, read from the JSON that `sliceplane plan -o json` printed: the reverse of `plan_json`."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from common.mig import A100_80GB, Geometry
from controller.allocator.stability_types import Running
from controller.allocator.types import Segment, Tenant

_MOST = 1_000_000  # of any whole number in it


class CurrentError(ValueError):
    """What is wrong with the text: the path of the field, what is there and what would be right."""


def running_from_json(
    text: str,
    gpu_ids: Sequence[str] | None = None,
    revisions: Mapping[str, str] | None = None,
    geometry: Geometry = A100_80GB,
) -> tuple[Running, ...]:
    """The segments as running, at the figures that the JSON has; ids are `s0`, `s1`, ...

    A GPU that is a number is the one at that place of `gpu_ids`, or its number as text where there is none: such a
    GPU is lost. `revisions` are those of the services that run, "" if not said, joined as
    sharing joins them. A `profile` that the geometry has as a wide one makes the segment wide. Raises CurrentError
    naming the field.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"line {error.lineno}, column {error.colno}: {error.msg}: give what plan -o json printed"
        raise CurrentError(message) from None
    segments = document.get("segments") if isinstance(document, dict) else None
    if not isinstance(segments, list):
        raise CurrentError("segments: must be a list: give what plan -o json printed")
    found = []
    for number, one in enumerate(segments):
        fields = _Fields(f"segments[{number}]", one)
        gpu = _gpu(fields, gpu_ids)
        segment = _segment(fields, revisions or {}, geometry)
        pinned = fields.pinned()
        found.append(Running(f"s{number}", gpu, fields.whole("start", least=0), segment, pinned=pinned))
    return tuple(found)


class _Fields:
    """The fields of one object, each checked as it is read."""

    def __init__(self, path: str, value: object) -> None:
        if not isinstance(value, dict):
            raise CurrentError(f"{path}: must be an object, got {_shown(value)}")
        self.path = path
        self._value: dict[str, Any] = value

    def of(self, name: str) -> Any:
        """The field; raises where it is missing."""
        if name not in self._value:
            raise CurrentError(f"{self.path}.{name}: is missing")
        return self._value[name]

    def whole(self, name: str, *, least: int) -> int:
        """A whole number."""
        value = self.of(name)
        if type(value) is not int or not least <= value <= _MOST:
            raise CurrentError(f"{self.path}.{name}: must be a whole number, at least {least}, got {_shown(value)}")
        return value

    def figure(self, name: str) -> float:
        """A finite number above 0."""
        value = self.of(name)
        if type(value) not in (int, float) or not isfinite(value) or value <= 0:
            raise CurrentError(f"{self.path}.{name}: must be a number above 0, got {_shown(value)}")
        return float(value)

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.of(name)
        if not isinstance(value, str) or not value:
            raise CurrentError(f"{self.path}.{name}: must be a name, got {_shown(value)}")
        return value

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._value

    def pinned(self) -> bool:
        """Whether it says `pinned: true`; plans say nothing of it."""
        value = self._value.get("pinned", False)
        if not isinstance(value, bool):
            raise CurrentError(f"{self.path}.pinned: must be true or false, got {_shown(value)}")
        return value

    def tenants(self) -> tuple[Tenant, ...]:
        """Those of a shared segment."""
        value = self._value.get("tenants", [])
        if not isinstance(value, list):
            raise CurrentError(f"{self.path}.tenants: must be a list, got {_shown(value)}")
        each = [_Fields(f"{self.path}.tenants[{number}]", one) for number, one in enumerate(value)]
        return tuple(
            Tenant(
                service=one.text("workload"),
                rate=one.figure("rate"),
                batch=one.whole("batch", least=1),
                latency_ms=one.figure("latency_ms"),
                throughput=one.figure("throughput"),
                slo_ms=one.figure("slo_ms"),
            )
            for one in each
        )


def _gpu(fields: _Fields, gpu_ids: Sequence[str] | None) -> str:
    if isinstance(fields.of("gpu"), str):
        return fields.text("gpu")
    number = fields.whole("gpu", least=0)
    return gpu_ids[number] if gpu_ids is not None and number < len(gpu_ids) else str(number)


def _segment(fields: _Fields, revisions: Mapping[str, str], geometry: Geometry) -> Segment:
    tenants = fields.tenants()
    service = _workload(fields, tenants)
    return Segment(
        service=service,
        size=_size(fields, geometry),
        batch=fields.whole("batch", least=1),
        processes=fields.whole("processes", least=1),
        throughput=fields.figure("throughput"),
        latency_ms=fields.figure("latency_ms"),
        revision="+".join(revisions.get(name, "") for name in [one.service for one in tenants] or [service]),
        tenants=tenants,
    )


def _size(fields: _Fields, geometry: Geometry) -> int:
    """What planners call the instance by: its GPCs, unless its profile is a wide one."""
    gpcs = fields.whole("gpcs", least=1)
    wide = {profile.name: profile for profile in geometry.profiles if profile.wide}
    profile = wide.get(fields.text("profile")) if fields.has("profile") else None
    if profile and profile.gpcs != gpcs:
        raise CurrentError(f"{fields.path}.gpcs: must be those of the profile, {profile.gpcs}, got {gpcs}")
    return profile.size if profile else gpcs


def _workload(fields: _Fields, tenants: Sequence[Tenant]) -> str:
    """A shared segment has a list of names, and its own is made of them."""
    value = fields.of("workload")
    if not isinstance(value, list):
        return fields.text("workload")
    names = [tenant.service for tenant in tenants]
    if value != names or not names:
        raise CurrentError(f"{fields.path}.tenants: must be those of workload, {_shown(value)}, in that order")
    return "+".join(names)


def _shown(value: object) -> str:
    said = json.dumps(value)
    return said if len(said) <= 40 else f"{said[:40]}..."
