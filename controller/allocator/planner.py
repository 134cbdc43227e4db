"""The allocator's front door: services and profiles in, a legal plan with its reasons and its bound out."""

from collections.abc import Mapping, Sequence

from common.mig import gpcs_of
from controller.allocator.admission import admit, by_priority
from controller.allocator.allocation_optimization import Servable, allocation_optimization
from controller.allocator.bounds import least_gpcs, lower_bound
from controller.allocator.configuration import configure, refuse_repeats
from controller.allocator.demand_matching import demand_matching
from controller.allocator.optimal_triplet_decision import Triplets
from controller.allocator.segment_relocation import segment_relocation
from controller.allocator.types import (
    Options,
    Placed,
    Plan,
    ProfileTable,
    Reason,
    Segment,
    Service,
    Unservable,
)

PARVAGPU = "parvagpu"


def plan(services: Sequence[Service], profiles: Mapping[str, ProfileTable], options: Options | None = None) -> Plan:
    """ParvaGPU's four stages over all services; the same input always gives the same plan.

    `profiles` is by model. With `options.max_gpus`, earlier services go first when not all fit. Services
    that cannot be served are listed, never dropped in silence. Raises ValueError on a repeated name.
    """
    options = options or Options()
    refuse_repeats(services)
    servable, unservable = configure(services, profiles, options)
    placed = pack_servable(servable, options)
    if options.max_gpus is not None and gpus_of(placed) > options.max_gpus:
        servable, short = _admit(servable, options, gpus_of(placed))
        placed = pack_servable(servable, options)
        unservable += short
    order = {service.name: index for index, service in enumerate(services)}
    return Plan(
        algorithm=PARVAGPU,
        gpus=gpus_of(placed),
        placed=tuple(placed),
        unservable=tuple(sorted(unservable, key=lambda refused: order[refused.service])),
        lower_bound=lower_bound(servable.values(), options.geometry),
        gpcs=sum(gpcs_of(one.segment.size) for one in placed),
        geometry=options.geometry,
    )


def pack_servable(servable: Servable, options: Options) -> list[Placed]:
    """The last three stages: by GPU, then start."""
    segments: list[Segment] = []
    for service, triplets in servable.values():
        segments += demand_matching(service, triplets)
    fleet = segment_relocation(segments, options.geometry)
    if options.optimize:
        fleet = allocation_optimization(fleet, servable)
    return list(fleet.placed())


def _admit(
    servable: Servable, options: Options, wanted_gpus: int
) -> tuple[dict[str, tuple[Service, Triplets]], list[Unservable]]:
    """The services that fit `max_gpus`, and for each other one how many GPUs are short."""
    limit = options.max_gpus or 0

    def fits(names: Sequence[str]) -> bool:
        return gpus_of(pack_servable({name: servable[name] for name in names}, options)) <= limit

    least = {name: least_gpcs(*demand) for name, demand in servable.items()}
    names = admit(by_priority(servable), least, limit * options.geometry.compute_slices, fits)
    admitted = {name: servable[name] for name in names}
    left_out = [name for name in servable if name not in admitted]
    return admitted, [short_of_gpus(name, options, wanted_gpus) for name in left_out]


def short_of_gpus(name: str, options: Options, wanted_gpus: int) -> Unservable:
    """The refusal of a service that found no room beside those before it."""
    product, limit = options.geometry.product, options.max_gpus or 0
    missing = wanted_gpus - limit
    detail = f"needs {missing} more {product}: all workloads take {wanted_gpus}, and there are {limit}"
    return Unservable(name, Reason.INSUFFICIENT_GPUS, detail, gpus_short=missing)


def gpus_of(placed: Sequence[Placed]) -> int:
    """GPUs that the segments, by GPU, take."""
    return placed[-1].gpu + 1 if placed else 0
