"""Which bundle version a tail workload's devices shall use now: heads and tails must be of one bundle."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum

from controller.allocator.covering import covers
from controller.model import Segment, Serve, Workload
from controller.reconcile.demand import digest_of
from controller.reconcile.slots import capacity
from controller.tenants import workloads_of

CUTS_OF = "cuts-of"
"""Label of tail workloads: those with the same value are cuts of one model."""
MOST_BESIDE = 7


def served_digest(workload: Workload, segments: Iterable[Segment]) -> str:
    """The wanted version once its tails can take the whole rate; until then the one that can take the most."""
    wanted = digest_of(workload)
    capacities: dict[str, list[float]] = {}
    for segment in segments:
        if workload.name in workloads_of(segment) and segment.serve is workload.spec.serve:
            capacities.setdefault(segment.model_digest, []).append(capacity(segment, workload.name))
    by_digest = {digest: fsum(each) for digest, each in capacities.items()}
    ready = by_digest.get(wanted, 0.0)
    if covers(ready, workload.spec.rate):
        return wanted
    best = max(by_digest, key=lambda digest: (by_digest[digest], digest), default=wanted)
    return best if by_digest.get(best, 0.0) > ready else wanted


def cuts_beside(workload: Workload, workloads: Iterable[Workload]) -> list[Workload]:
    """Other tail workloads of the same model, as their label says, by name: devices may take any of them."""
    model = workload.labels.get(CUTS_OF)
    if not model or workload.spec.serve is not Serve.TAIL:
        return []
    alike = (one for one in workloads if one.spec.serve is Serve.TAIL and one.labels.get(CUTS_OF) == model)
    return sorted((one for one in alike if one.name != workload.name), key=lambda one: one.name)[:MOST_BESIDE]


def clients_reach(workload: Workload, segments: Iterable[Segment]) -> list[Segment]:
    """The segments that the workload's clients may be sent to; whether they answer is not asked."""
    own = [s for s in segments if workload.name in workloads_of(s) and s.serve is workload.spec.serve]
    if workload.spec.serve is Serve.WHOLE:
        return own
    digest = served_digest(workload, own)
    return [segment for segment in own if segment.model_digest == digest]
