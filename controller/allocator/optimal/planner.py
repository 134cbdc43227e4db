"""The fewest GPUs that can be proven: prices, then covers near the cheapest, then whole GPUs.

The programme: x[service, size] segments at each size's best point, y[layout] GPUs; the covers meet every
rate, the layouts hold every segment; minimise the sum of y. Only one row per size couples the services, so
prices of the sizes give a bound that is nearly always tight, and the plan is sought where the prices point.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from common.mig import gpcs_of
from controller.allocator.admission import admit, by_priority
from controller.allocator.bounds import least_gpcs, lower_bound
from controller.allocator.configuration import Servable, configure, refuse_repeats
from controller.allocator.optimal.demands import demands
from controller.allocator.optimal.layouts import gpu_shapes
from controller.allocator.optimal.packing import pack
from controller.allocator.optimal.peeling import peeled
from controller.allocator.optimal.placement import placed
from controller.allocator.optimal.prices import best_prices
from controller.allocator.optimal.pricing import price
from controller.allocator.optimal.programme import Packing
from controller.allocator.optimal.sharpening import sharpened
from controller.allocator.planner import gpus_of, pack_servable, short_of_gpus
from controller.allocator.types import Options, Placed, Plan, ProfileTable, Service

OPTIMAL = "optimal"

_SIZE = attrgetter("segment.size")
LARGE, LARGE_GPUS, CLOSE = 5_000, 1_000, 0.001  # services; GPUs; share of the GPUs

Packed = tuple[tuple[Placed, ...], int]  # what stands where, and the bound


def plan_optimal(
    services: Sequence[Service],
    profiles: Mapping[str, ProfileTable],
    options: Options | None = None,
    *,
    expired: Callable[[], bool] = lambda: False,
) -> Plan:
    """A plan of the fewest GPUs, proven where `gpus == lower_bound`.

    Where it is not proven, ParvaGPU's plan is made too and the better one returned; in a large fleet only if
    there is time and the gap is worth it. `expired` says that time is up: the best plan so far is returned
    then, with a bound that holds; at once, that is ParvaGPU's, or in a large fleet, where that would take
    longer, the first packing. The same input always gives the same plan while time is not up.
    Raises ValueError on a repeated name.
    """
    options = options or Options()
    refuse_repeats(services)
    servable, unservable = configure(services, profiles, options)
    found, bound = _pack(servable, options, expired)
    if options.max_gpus is not None and gpus_of(found) > options.max_gpus:
        wanted = gpus_of(found)
        left_out, (found, bound) = _admit(servable, options, expired)
        unservable += [short_of_gpus(name, options, wanted) for name in left_out]
    order = {service.name: index for index, service in enumerate(services)}
    return Plan(
        algorithm=OPTIMAL,
        gpus=gpus_of(found),
        placed=found,
        unservable=tuple(sorted(unservable, key=lambda refused: order[refused.service])),
        lower_bound=bound,
        gpcs=sum(gpcs_of(size) * number for size, number in Counter(map(_SIZE, found)).items()),
        geometry=options.geometry,
    )


def _pack(servable: Servable, options: Options, expired: Callable[[], bool]) -> Packed:
    """The best that time allows: ParvaGPU's plan where nothing better is known."""
    if not servable:
        return (), 0
    if expired() and len(servable) <= LARGE:
        return tuple(pack_servable(servable, options)), lower_bound(servable.values(), options.geometry)
    demand = demands(servable, gpu_shapes(options.geometry))
    priced = best_prices(demand, expired).best
    if demand.high:
        demand = peeled(demand, priced)
        priced = sharpened(demand, price(demand, priced.prices))
    packing = pack(demand, priced, expired)
    if packing is None:
        return tuple(pack_servable(servable, options)), priced.bound
    if not packing.proven and _parvagpu_may_help(packing, expired):
        simple = tuple(pack_servable(servable, options))
        if gpus_of(simple) < packing.total:
            return simple, packing.lower
    return placed(demand, packing), packing.lower


def _parvagpu_may_help(packing: Packing, expired: Callable[[], bool]) -> bool:
    """Whether ParvaGPU's plan is worth making: in a large fleet it takes longest of all and is percents off."""
    few = packing.total <= LARGE_GPUS
    return few or (packing.total - packing.lower > packing.total * CLOSE and not expired())


def _admit(servable: Servable, options: Options, expired: Callable[[], bool]) -> tuple[list[str], Packed]:
    """The names of the services that do not fit `max_gpus`, and the plan for those that do."""
    limit = options.max_gpus or 0
    fitting: Packed = (), 0

    def fits(names: Sequence[str]) -> bool:
        nonlocal fitting
        packed = _pack({name: servable[name] for name in names}, options, expired)
        if gpus_of(packed[0]) > limit:
            return False
        fitting = packed
        return True

    least = {name: least_gpcs(*demand) for name, demand in servable.items()}
    names = admit(by_priority(servable), least, limit * options.geometry.compute_slices, fits)
    admitted = set(names)
    return [name for name in servable if name not in admitted], fitting
