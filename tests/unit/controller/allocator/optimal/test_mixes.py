"""Rates too high to enumerate: the least cost of a cover, exact, and plans for them against another solver."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.mig import A100_80GB
from controller.allocator import Options, Service, plan_optimal
from controller.allocator.configuration import configure
from controller.allocator.optimal.demands import demands
from controller.allocator.optimal.layouts import gpu_shapes
from controller.allocator.optimal.mixes import mixes
from controller.allocator.optimal.peeling import peeled
from controller.allocator.optimal.pricing import UNIT, price, whole_prices
from controller.allocator.optimal.sharpening import sharpened
from tests.parvagpu_data import measured_tables
from tests.plain_programme import fewest_gpus

each = st.lists(st.integers(0, 60), min_size=5, max_size=5).filter(any)
costs = st.lists(st.integers(1, 100), min_size=5, max_size=5)


@given(throughput=each, prices=costs, rate=st.integers(1, 900), most=st.sampled_from((20, 4000)))
@settings(max_examples=200, deadline=None)
def test_no_cover_costs_less_than_the_least_surcharge(
    throughput: list[int], prices: list[int], rate: int, most: int
) -> None:
    """Below the limit it is what the cheapest cover costs; beyond, no cover costs less than the limit more."""
    scale = 1 << 20  # prices are large whole numbers
    tried = mixes(np.array(throughput, float), np.array(prices) * scale, most=most, each=float(rate))
    least = float(tried.surcharges(np.array([float(rate)])).min())
    cheapest = _cheapest(throughput, prices, rate) * scale - tried.per_item * rate
    if least < tried.limit:
        assert least == pytest.approx(cheapest, abs=1e-3 * scale)
    else:
        assert cheapest >= tried.limit - 1e-3 * scale


def _cheapest(throughput: list[int], prices: list[int], rate: int) -> float:
    """The least cost of instances that serve the rate together, by the rates below it."""
    useful = [(t, p) for t, p in zip(throughput, prices, strict=True) if t]
    least = [0.0]
    for below in range(1, rate + 1):
        least.append(min(p + least[max(0, below - t)] for t, p in useful))
    return least[rate]


models = st.integers(0, 10)  # of the measured ones, by name
high = st.lists(st.tuples(models, st.integers(3_000, 60_000)), min_size=1, max_size=3)


@given(demand=high, wanted=st.lists(st.floats(0.05, 1), min_size=5, max_size=5))
@settings(max_examples=15, deadline=None)
def test_high_rates_are_bounded_and_planned_as_another_solver_does(
    demand: list[tuple[int, int]], wanted: list[float]
) -> None:
    """Whatever the prices, the bound is true; the plan takes at most one GPU more than the optimum."""
    services = [_service(n, model, rate) for n, (model, rate) in enumerate(demand)]
    optimum = fewest_gpus(services, measured_tables(), Options())
    shapes = gpu_shapes(A100_80GB)
    found = demands(configure(services, measured_tables(), Options())[0], shapes)
    priced = price(found, whole_prices(np.array(wanted) * shapes.gpcs / 7, shapes))
    assert priced.value <= sharpened(found, priced).value <= optimum * UNIT
    planned = plan_optimal(services, measured_tables())
    assert planned.lower_bound <= optimum <= planned.gpus <= optimum + 1


@given(rates=st.lists(st.integers(20_000, 900_000), min_size=1, max_size=4), model=models)
@settings(max_examples=25, deadline=None)
def test_every_cover_of_what_is_left_serves_the_rate(rates: list[int], model: int) -> None:
    """What is set aside and any of the covers together."""
    services = [_service(n, model, rate) for n, rate in enumerate(rates)]
    found = demands(configure(services, measured_tables(), Options())[0], gpu_shapes(A100_80GB))
    left = peeled(found, price(found, whole_prices(found.shapes.gpcs / 7, found.shapes)))
    for one in left.high:
        for index, rate in zip(one.members, one.rates, strict=True):
            at = int(np.searchsorted(left.covers.starts, left.first[index], side="right"))
            whole = left.covers.counts[left.first[index] : left.covers.starts[at]] + left.peeled[index]
            assert (whole >= 0).all()
            assert ((whole @ one.throughput) >= rate * (1 - 1e-12)).all()


def _service(number: int, model: int, rate: int) -> Service:
    return Service(f"s{number}", sorted(measured_tables())[model], float(rate), 6434.0)
