"""Ranks candidates for a link: filters first, then the goal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slicer.cost.criteria import Criteria, Totals
from slicer.cost.link import Link
from slicer.cost.model import Candidate, Goal, Kind


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate over a link: `upload_ms` in transfer, `delay_ms` on the way, and all in all (`totals`).

    `refused`: why it may not be taken; empty: it may.
    """

    candidate: Candidate
    upload_ms: float
    delay_ms: float
    totals: Totals
    refused: tuple[str, ...] = ()


def rank(
    candidates: Iterable[Candidate], link: Link, criteria: Criteria | None = None, goal: Goal = Goal.LATENCY
) -> list[Ranked]:
    """All of them, those that meet the criteria first, the best by `goal` on top; ties go to what sends less.

    Latency is T = device + encode + bytes / goodput + delay + decode + edge (+ the answer's bytes), after ScissionTL
    (arXiv 2105.02019). The interval between frames is the slowest stage of device (its part and coding), link and
    edge, which work on different frames at the same time.
    """
    demands = criteria or Criteria()
    found = [_ranked(one, link, demands) for one in candidates]
    return sorted(found, key=lambda one: (bool(one.refused), *_order(one, goal)))


def _order(one: Ranked, goal: Goal) -> tuple[float, float, float]:
    totals = one.totals
    first, second = totals.latency_ms, totals.interval_ms
    if goal is Goal.THROUGHPUT:
        first, second = second, first
    return first, second, one.candidate.upload_bytes


def _ranked(candidate: Candidate, link: Link, criteria: Criteria) -> Ranked:
    if candidate.kind is Kind.LOCAL:
        upload, back, delay = 0.0, 0.0, 0.0
    else:
        upload, delay = link.transfer_ms(candidate.upload_bytes), link.delay_ms
        back = link.transfer_ms(candidate.answer_bytes) if link.answered else 0.0
    edge = candidate.decode_ms + candidate.edge_ms
    totals = Totals(
        latency_ms=candidate.busy_ms + upload + delay + edge + back,
        interval_ms=max(candidate.busy_ms, upload, back, edge),
        energy_j=criteria.energy.of(candidate),
    )
    return Ranked(candidate, upload, delay, totals, tuple(criteria.refusals(candidate, totals)))
