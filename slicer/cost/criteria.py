"""What a user demands of a candidate; each demand that is not met is a reason that reaches the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from slicer.cost.model import Candidate, Energy, Kind


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer and its place: it is on the device where at least `depth` layers are."""

    name: str
    depth: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What a candidate comes to over a link: milliseconds, and joules on the device."""

    latency_ms: float
    interval_ms: float
    energy_j: float


@dataclass(frozen=True, slots=True)
class Criteria:
    """Demands; None and empty: there is none.

    `on_device`, `on_edge`: layers that must run there, and so not on the other. `private`: the input may not leave, and
    the device runs at least up to this layer, the end of the first convolution block. Budgets are in ms, bytes, joules
    by `energy`, and `min_accuracy` in the unit of the candidates' accuracy; a candidate of which it was not measured
    meets it only if nothing is lost.
    """

    on_device: tuple[Layer, ...] = ()
    on_edge: tuple[Layer, ...] = ()
    private: Layer | None = None
    max_upload_bytes: float | None = None
    max_latency_ms: float | None = None
    max_interval_ms: float | None = None
    max_device_ms: float | None = None
    max_edge_ms: float | None = None
    max_energy_j: float | None = None
    min_accuracy: float | None = None
    lossless: bool = False
    energy: Energy = field(default_factory=Energy)

    def refusals(self, candidate: Candidate, totals: Totals) -> Iterator[str]:
        """Why the candidate is not admissible, one reason for each demand it fails."""
        yield from _places(self, candidate)
        yield from _losses(self, candidate)
        for limit, text, unit, value in _BUDGETS:
            allowed, spent = getattr(self, limit), value(candidate, totals)
            if allowed is not None and spent > allowed:
                yield f"{text} {spent:,.4g} {unit}, over {allowed:,.4g}"


def _places(criteria: Criteria, candidate: Candidate) -> Iterator[str]:
    private = criteria.private
    if private and candidate.kind is Kind.UPLOAD:
        yield "private: the input may not leave the device"
    elif private and candidate.depth < private.depth:
        yield f"private: the device must run the first block, up to {private.name}"
    yield from (f"{one.name} must be on the device" for one in criteria.on_device if candidate.depth < one.depth)
    yield from (f"{one.name} must be on the edge" for one in criteria.on_edge if candidate.depth >= one.depth)


def _losses(criteria: Criteria, candidate: Candidate) -> Iterator[str]:
    if criteria.lossless and not candidate.lossless:
        yield f"{candidate.level} is lossy"
    floor = criteria.min_accuracy
    if floor is None or candidate.lossless:
        return
    if candidate.accuracy is None:
        yield f"accuracy with {candidate.level} is not known"
    elif candidate.accuracy < floor:
        yield f"accuracy {candidate.accuracy:.4g}, under {floor:.4g}"


_BUDGETS: tuple[tuple[str, str, str, Callable[[Candidate, Totals], float]], ...] = (
    ("max_upload_bytes", "sends", "bytes", lambda candidate, _: candidate.upload_bytes),
    ("max_latency_ms", "takes", "ms", lambda _, totals: totals.latency_ms),
    ("max_interval_ms", "slowest stage takes", "ms", lambda _, totals: totals.interval_ms),
    ("max_device_ms", "keeps the device for", "ms", lambda candidate, _: candidate.busy_ms),
    ("max_edge_ms", "keeps the edge for", "ms", lambda candidate, _: candidate.edge_ms + candidate.decode_ms),
    ("max_energy_j", "costs the device", "J", lambda _, totals: totals.energy_j),
)
