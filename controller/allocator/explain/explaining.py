"""A plan's reasons: pure, from the plan and what it was made of."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from common.mig import Geometry
from controller.allocator.configuration import Configurator
from controller.allocator.explain.gpus import gpu_notes, shares
from controller.allocator.explain.points import better_point, choices, counted
from controller.allocator.explain.refusals import refusal_note
from controller.allocator.explain.types import Explanation, PlannedSegment, WorkloadNote
from controller.allocator.optimal_triplet_decision import Triplets, latency_limit
from controller.allocator.slo.batch_fill import fill_ms
from controller.allocator.types import HALF, Options, Placed, Plan, ProfileTable, Service


def explain(
    plan: Plan,
    services: Sequence[Service],
    profiles: Mapping[str, ProfileTable],
    options: Options,
    geometries: Mapping[int, Geometry] | None = None,
) -> Explanation:
    """Why each workload of the plan got what it got, or got nothing, and what each GPU has left.

    `services`, `profiles` (by model) and `options` are those that the plan was made of; `geometries` by
    GPU where they are unequal. A served workload that has no profile is noted for its segments' GPUs only.
    """
    by_name = {service.name: service for service in services}
    on = _by_workload(plan.placed)
    decide = Configurator(profiles, options)
    return Explanation(
        algorithm=plan.algorithm,
        slo_model=options.slo_model,
        gpus=plan.gpus,
        lower_bound=plan.lower_bound,
        gpcs=plan.gpcs,
        workloads=tuple(_notes((one for one in services if one.name in on), on, decide, profiles, options)),
        refused=tuple(refusal_note(one, by_name.get(one.service), profiles, options) for one in plan.unservable),
        gpu_notes=gpu_notes(plan, by_name, geometries),
    )


def _by_workload(placed: Iterable[Placed]) -> dict[str, list[Placed]]:
    on: dict[str, list[Placed]] = defaultdict(list)
    for one in placed:
        for name, _ in shares(one):
            on[name].append(one)
    return on


def _notes(
    served: Iterable[Service],
    on: Mapping[str, list[Placed]],
    decide: Configurator,
    profiles: Mapping[str, ProfileTable],
    options: Options,
) -> Iterable[WorkloadNote]:
    for service in served:
        triplets = decide.triplets(service)
        if isinstance(triplets, Triplets):
            yield _note(service, on[service.name], triplets, profiles[service.model], options)


def _note(
    service: Service, placed: list[Placed], triplets: Triplets, table: ProfileTable, options: Options
) -> WorkloadNote:
    used = Counter(one.segment.size for one in placed if not one.segment.tenants)
    planned = sum(one.segment.throughput for one in placed if not one.segment.tenants)
    return WorkloadNote(
        name=service.name,
        model=service.model,
        rate=service.rate,
        slo_ms=service.slo_ms,
        limit_ms=latency_limit(service, options) if options.slo_model == HALF else None,
        points=counted(service, table, options),
        optimal=triplets.optimal,
        choices=choices(service, triplets, used),
        better=better_point(service, table, triplets.optimal, options),
        segments=tuple(_segment(service, one, planned) for one in placed),
    )


def _segment(service: Service, one: Placed, planned: float) -> PlannedSegment:
    its = one.segment
    tenant = next((tenant for tenant in its.tenants if tenant.service == service.name), None)
    fill = None
    if tenant is None:
        fill = fill_ms(service.rate * its.throughput / planned / its.processes, its.batch)
    return PlannedSegment(
        gpu=one.gpu,
        start=one.start,
        size=its.size,
        batch=tenant.batch if tenant else its.batch,
        processes=its.processes,
        throughput=tenant.throughput if tenant else its.throughput,
        latency_ms=tenant.latency_ms if tenant else its.latency_ms,
        shared_with=tuple(other.service for other in its.tenants if other.service != service.name),
        fill_ms=fill,
    )
