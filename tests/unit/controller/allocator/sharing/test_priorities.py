"""Rate-limiter priorities of tenants: in the order of their SLOs, far apart, and such that Triton takes them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from controller.allocator.sharing.priorities import priorities
from controller.allocator.types import Tenant


@given(st.lists(st.floats(1, 1e5), min_size=1, max_size=40))
def test_the_tighter_the_smaller(slos: list[float]) -> None:
    """1 for the tightest; each next one a multiple of the one before; the largest is still a uint32."""
    tenants = [Tenant(f"t{index}", 1.0, 1, 1.0, 1.0, slo) for index, slo in enumerate(slos)]
    found = priorities(tenants)
    ordered = sorted(zip(found, slos, strict=True))
    assert [slo for _, slo in ordered] == sorted(slos)
    assert ordered[0][0] == 1
    assert ordered[-1][0] < 2**32
    factors = {later[0] / one[0] for one, later in pairwise(ordered)}
    assert len(factors) <= 1
    assert all(factor == 64 for factor in factors) or len(slos) > 6
