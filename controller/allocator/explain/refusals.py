"""Why a workload is not served, and the number that would change it."""

from collections.abc import Mapping
from difflib import get_close_matches

from controller.allocator.explain.types import RefusalNote
from controller.allocator.optimal_triplet_decision import optimal_triplet_decision
from controller.allocator.types import Options, ProfileTable, Reason, Service, Unservable


def refusal_note(
    refused: Unservable, service: Service | None, profiles: Mapping[str, ProfileTable], options: Options
) -> RefusalNote:
    """The refusal with its way out; `service` is None where the plan was made of others."""
    change = _change(refused, service, profiles, options)
    return RefusalNote(refused.service, refused.reason.value, refused.detail, change)


def _change(
    refused: Unservable, service: Service | None, profiles: Mapping[str, ProfileTable], options: Options
) -> str:
    if refused.slo_that_would_do_ms is not None:
        return f"slo_ms {refused.slo_that_would_do_ms:g}"
    if refused.gpus_short is not None:
        return f"{refused.gpus_short} more {options.geometry.product}"
    if service is None:
        return ""
    match refused.reason:
        case Reason.NO_PROFILE:
            return _profile(service.model, sorted(profiles))
        case Reason.RATE_TOO_HIGH:
            return _rate(service, profiles, options)
        case Reason.RATE_INVALID:
            return "a finite rate above 0 items/s"
        case Reason.SLO_INVALID:
            return "a finite slo_ms above 0"
    return ""


def _profile(model: str, measured: list[str]) -> str:
    if model in measured:
        return "a higher max_processes or max_batch, or a profile measured within them"
    near = get_close_matches(model, measured, n=1)
    return f"a profile of {model!r}" + (f", or model {near[0]!r}" if near else "")


def _rate(service: Service, profiles: Mapping[str, ProfileTable], options: Options) -> str:
    triplets = optimal_triplet_decision(service, profiles[service.model], options)
    if triplets is None:
        return ""
    return f"rate {options.max_segments * triplets.optimal.throughput:.0f} items/s, or a higher max_segments"
