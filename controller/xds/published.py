"""What is said now, by type, under versions that are the same on every replica and after every restart; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from google.protobuf.any_pb2 import Any as AnyMessage

from controller.xds.resources import ENDPOINTS, TYPES, resources
from controller.xds.routes import Route

# How many deleted workloads are still said to have no endpoints, so that clients fail at once instead of dialling.
REMEMBERED = 1000


@dataclass(frozen=True)
class Published:
    """Resources by type and name, and the version of each type."""

    resources: Mapping[str, Mapping[str, AnyMessage]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()

    def names(self) -> frozenset[str]:
        """The workloads that are spoken of, those that are gone aside."""
        return frozenset(self.resources.get(ENDPOINTS, ())) - frozenset(self.gone)


def following(before: Published, routes: Iterable[Route]) -> Published:
    """What is said after `before`, of these routes."""
    known = {route.name: route for route in routes}
    gone = tuple(name for name in (*before.gone, *sorted(before.names())) if name not in known)[-REMEMBERED:]
    by_type: dict[str, dict[str, AnyMessage]] = {kind: {} for kind in TYPES}
    for route in known.values():
        for kind, resource in resources(route).items():
            by_type[kind][route.name] = resource
    for name in gone:
        by_type[ENDPOINTS][name] = resources(Route(name))[ENDPOINTS]
    return Published(by_type, {kind: _version(found) for kind, found in by_type.items()}, gone)


def _version(found: Mapping[str, AnyMessage]) -> str:
    said = hashlib.sha256()
    for name in sorted(found):
        said.update(name.encode() + b"\0" + found[name].value)
    return said.hexdigest()[:16]
