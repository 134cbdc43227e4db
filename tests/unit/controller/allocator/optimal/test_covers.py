"""Covers of a class against all multisets, tried one by one."""

from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.mig import A100_80GB
from controller.allocator.optimal.covers import class_covers, most_rate
from controller.allocator.optimal.layouts import gpu_shapes

SHAPES = gpu_shapes(A100_80GB)
throughputs = st.lists(st.one_of(st.just(0.0), st.integers(1, 40).map(lambda n: n / 10)), min_size=5, max_size=5)


@given(each=throughputs.filter(any), rates=st.lists(st.integers(1, 60).map(lambda n: n / 10), min_size=1, max_size=4))
@example(each=[0.1, 0.0, 0.3, 0.0, 0.0], rates=[0.3, 0.6])
@settings(max_examples=60, deadline=None)
def test_every_cover_from_the_first_covers_and_none_before(each: list[float], rates: list[float]) -> None:
    """Exactly, where sums in floats would not tell."""
    covers = class_covers(np.array(each), np.array(rates), SHAPES)
    sums = [sum(int(n) * Fraction(t) for n, t in zip(row, each, strict=True)) for row in covers.counts.tolist()]
    for rate, first in zip(rates, covers.first.tolist(), strict=True):
        assert first < len(sums)
        assert all(covered >= Fraction(rate) for covered in sums[first:])
        assert all(covered < Fraction(rate) for covered in sums[:first])


@given(
    each=st.lists(st.integers(0, 40).map(float), min_size=5, max_size=5).filter(any),
    rate=st.integers(1, 60).map(float),
    weights=st.lists(st.floats(0, 1), min_size=len(SHAPES.counts), max_size=len(SHAPES.counts)),
)
@settings(max_examples=100, deadline=None)
def test_no_multiset_is_cheaper_once_pieces_cost_no_more_than_the_whole(
    each: list[float], rate: float, weights: list[float]
) -> None:
    """At prices that respect the splits, the cheapest cover is among those kept."""
    prices = np.zeros(5)
    for size in range(5):
        ways = [float(way @ prices) for way in SHAPES.splits[size]]
        prices[size] = max(ways) + weights[size]
    covers = class_covers(np.array(each), np.array([rate]), SHAPES)
    kept = (covers.counts[covers.first[0] :] @ prices).min()
    most = [range(int(rate / t) + 2) if t else range(1) for t in each]
    if np.prod([len(one) for one in most]) > 20_000:
        return
    tried = [np.array(counts) for counts in product(*most)]
    assert kept <= min(float(one @ prices) for one in tried if one @ np.array(each) >= rate) + 1e-9


def test_the_most_rate_bounds_the_covers() -> None:
    """At that rate the covers are of the order that was asked for."""
    each = np.array([10.0, 22.0, 36.0, 50.0, 95.0])
    rate = most_rate(each, SHAPES, 2000)
    assert 500 < len(class_covers(each, np.linspace(1, rate, 5000), SHAPES).throughput) < 5000
