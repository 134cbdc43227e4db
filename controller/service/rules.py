"""What makes a request well-formed: pure checks, each a violation with a field path and the way out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from common.errors import InvalidArgument, Violation
from common.names import is_digest, name_violation
from controller.model import Point, Profile, Workload

SIZES = (1, 2, 3, 4, 7)
HIGHEST_PRIORITY = 1000
MOST_HOSTS = 1000
MOST_PROCESSES = 48  # clients that one MPS daemon serves
MOST_BATCH = 1 << 16
MOST_POINTS = 20_000
MOST_LABELS = 64
LABEL_KEY, LABEL_VALUE = 63, 256
TEXT = 128

Found = Iterable[Violation | None]


def raise_if_any(*found: Violation | None) -> None:
    """InvalidArgument with every violation there is, if there is one."""
    violations = [violation for violation in found if violation]
    if violations:
        raise InvalidArgument(*violations)


def positive(field: str, value: float, unit: str) -> Violation | None:
    """What is wrong with a figure that must be above 0 and finite."""
    if math.isfinite(value) and value > 0:
        return None
    return Violation(field, f"{value:g} must be a finite number above 0 ({unit})")


def within(field: str, value: int, least: int, most: int) -> Violation | None:
    """What is wrong with a count that has bounds."""
    return None if least <= value <= most else Violation(field, f"{value} must be from {least} to {most}")


def text(field: str, value: str, most: int = TEXT) -> Violation | None:
    """What is wrong with free text: too long, or control characters in it."""
    if len(value) > most:
        return Violation(field, f"it has {len(value)} characters, at most {most} are kept")
    return None if value.isprintable() else Violation(field, "it must be printable text")


def given(field: str, value: str) -> Violation | None:
    """What is wrong with an id that must be there."""
    return text(field, value) if value else Violation(field, "it is missing: say which")


def digest(field: str, value: str) -> Violation | None:
    """What is wrong with a digest."""
    said = f'"{value[:80]}" must be "sha256:" and 64 lower-case hex digits'
    return None if is_digest(value) else Violation(field, said)


def optional_name(field: str, value: str) -> Violation | None:
    """What is wrong with a name that may be left out."""
    return name_violation(field, value) if value else None


def check_workload(workload: Workload, path: str = "workload") -> None:
    """InvalidArgument unless the workload is well-formed."""
    spec = workload.spec
    raise_if_any(
        name_violation(f"{path}.name", workload.name),
        name_violation(f"{path}.spec.model", spec.model),
        digest(f"{path}.spec.model_digest", spec.model_digest) if spec.model_digest else None,
        positive(f"{path}.spec.rate", spec.rate, "requests per second"),
        positive(f"{path}.spec.slo_ms", spec.slo_ms, "milliseconds"),
        within(f"{path}.spec.max_processes", spec.max_processes, 0, MOST_PROCESSES),
        within(f"{path}.spec.priority", spec.priority, 0, HIGHEST_PRIORITY),
        within(f"{path}.spec.replicas.min_hosts", spec.min_hosts, 0, MOST_HOSTS),
        positive(f"{path}.spec.memory_mb", spec.memory_mb, "MB") if spec.memory_mb else None,
        optional_name(f"{path}.spec.profile", spec.profile),
        text(f"{path}.etag", workload.etag),
        *labels(f"{path}.labels", workload.labels),
    )


def labels(field: str, values: Mapping[str, str]) -> Found:
    """What is wrong with labels."""
    if len(values) > MOST_LABELS:
        yield Violation(field, f"{len(values)} labels, at most {MOST_LABELS} are kept")
        return
    for key, value in values.items():
        yield text(f"{field}[{key[:LABEL_KEY]!r}]", value, LABEL_VALUE)
        yield text(f"{field}[{key[:LABEL_KEY]!r}]", key, LABEL_KEY) if key else Violation(field, "a key is empty")


def check_profile(profile: Profile) -> None:
    """InvalidArgument unless the profile and each of its points are well-formed, none measured twice."""
    raise_if_any(
        name_violation("profile.name", profile.name),
        text("profile.gpu_product", profile.gpu_product),
        text("profile.source", profile.source, 1024),
        text("profile.etag", profile.etag),
        within_points(len(profile.points)),
    )
    raise_if_any(*_point_violations(profile.points))


def within_points(count: int) -> Violation | None:
    """What is wrong with the number of points."""
    if count == 0:
        return Violation("profile.points", "there are none: give at least one measured point")
    most = f"{count} points, at most {MOST_POINTS} are kept"
    return Violation("profile.points", most) if count > MOST_POINTS else None


def _point_violations(points: Iterable[Point]) -> Found:
    seen: dict[tuple[int, int, int], int] = {}
    for index, point in enumerate(points):
        path = f"profile.points[{index}]"
        yield from _point(path, point)
        first = seen.setdefault((point.size, point.batch, point.processes), index)
        if first != index:
            yield Violation(path, f"same size, batch and processes as points[{first}]: keep one of them")


def _point(path: str, point: Point) -> Found:
    if point.size not in SIZES:
        yield Violation(f"{path}.size", f"{point.size} must be one of {', '.join(map(str, SIZES))} GPCs")
    yield within(f"{path}.batch", point.batch, 1, MOST_BATCH)
    yield within(f"{path}.processes", point.processes, 1, MOST_PROCESSES)
    yield positive(f"{path}.throughput", point.throughput, "items per second")
    yield positive(f"{path}.latency_ms", point.latency_ms, "milliseconds")
