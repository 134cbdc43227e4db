"""A number of GPUs that no plan can beat: what the demands take at least of the fleet's scarce slices.

Each service alone needs a whole number of slices, at least what is due of its rate times the fewest slices per item of
any of its points. Compute and memory slices each give such a bound; the higher one holds.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction

from common.mig import Geometry, gpcs_of
from controller.allocator.covering import due
from controller.allocator.optimal_triplet_decision import Triplets
from controller.allocator.types import Service


def lower_bound(demands: Iterable[tuple[Service, Triplets]], geometry: Geometry) -> int:
    """GPUs that any plan for all the demands uses at least."""
    demands = list(demands)
    compute = sum(_slices(service, triplets, gpcs_of) for service, triplets in demands)
    memory_of = {profile.size: profile.memory_slices for profile in geometry.defaults}
    memory = sum(_slices(service, triplets, memory_of.__getitem__) for service, triplets in demands)
    return max(-(-compute // geometry.compute_slices), -(-memory // geometry.slots))


def least_gpcs(service: Service, triplets: Triplets) -> int:
    """GPCs that any plan for the service takes at least."""
    return _slices(service, triplets, gpcs_of)


def _slices(service: Service, triplets: Triplets, slices_of: Callable[[int], int]) -> int:
    """The larger of the fractional cost, rounded up, and the smallest instance that will do at all."""
    cost_per_item = min(Fraction(slices_of(size)) / Fraction(point.throughput) for size, point in triplets.best.items())
    fractional = Fraction(due(service.rate)) * cost_per_item
    return max(-(-fractional.numerator // fractional.denominator), min(map(slices_of, triplets.best)))
