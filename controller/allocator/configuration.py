"""Each service's triplets or the reason why it has none; what services of one model share is decided once."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from controller.allocator.checks import invalid_demand, no_profile, too_many_segments, too_slow
from controller.allocator.optimal_triplet_decision import (
    Triplets,
    allowed_points,
    latency_limit,
    optimal_triplet_decision,
)
from controller.allocator.slo.queueing import rounded_slo
from controller.allocator.types import QUEUEING, Options, ProfileTable, Service, Unservable

Servable = dict[str, tuple[Service, Triplets]]  # by service name, in the order given

_Limits = tuple[str, int, int | None, float]  # model, processes, batch, memory


class Configurator:
    """Decides triplets; two services that the same points are fast enough for share one object."""

    def __init__(self, profiles: Mapping[str, ProfileTable], options: Options) -> None:
        self._profiles = profiles
        self._options = options
        self._latencies: dict[_Limits, list[float]] = {}
        self._decided: dict[tuple[_Limits, float], Triplets | None] = {}
        self._same: dict[tuple[object, ...], Triplets] = {}

    def triplets(self, service: Service) -> Triplets | Unservable:
        """The service's triplets, or why it cannot be planned."""
        invalid = invalid_demand(service)
        if invalid:
            return invalid
        table = self._profiles.get(service.model)
        if table is None:
            return no_profile(service)
        triplets = self._decide(service, table)
        if triplets is None:
            return too_slow(service, table, self._options)
        return too_many_segments(service, triplets, self._options) or triplets

    def _decide(self, service: Service, table: ProfileTable) -> Triplets | None:
        limits = (service.model, self._options.processes_for(service), service.max_batch, service.memory_mb)
        key = limits, self._within(service, table, limits)
        if key not in self._decided:
            self._decided[key] = self._shared(optimal_triplet_decision(service, table, self._options))
        return self._decided[key]

    def _within(self, service: Service, table: ProfileTable, limits: _Limits) -> float:
        """All that matters of an SLO: by the paper's rule, how many of the latencies lie under its limit."""
        if self._options.slo_model == QUEUEING:
            return rounded_slo(service.slo_ms)
        latencies = self._latencies.get(limits)
        if latencies is None:
            points = allowed_points(service, table, self._options)
            latencies = self._latencies[limits] = sorted(point.latency_ms for point in points)
        return bisect_left(latencies, latency_limit(service, self._options))

    def _shared(self, triplets: Triplets | None) -> Triplets | None:
        if triplets is None:
            return None
        return self._same.setdefault((triplets.optimal, *triplets.best.values()), triplets)


def configure(
    services: Iterable[Service], profiles: Mapping[str, ProfileTable], options: Options
) -> tuple[Servable, list[Unservable]]:
    """Triplets by service name, and the services that have none with the reason."""
    decide = Configurator(profiles, options)
    servable: Servable = {}
    unservable = []
    for service in services:
        found = decide.triplets(service)
        if isinstance(found, Unservable):
            unservable.append(found)
        else:
            servable[service.name] = (service, found)
    return servable, unservable


def refuse_repeats(services: Iterable[Service]) -> None:
    """Raises ValueError on a name given twice: such services could not be told apart in a plan."""
    seen: set[str] = set()
    for service in services:
        if service.name in seen:
            raise ValueError(f"service {service.name!r} is given twice")
        seen.add(service.name)
