"""Ranking: the plain sum or the slowest stage, demands as reasons, and what loss does to a link."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicer.cost import Candidate, Criteria, Energy, Goal, Kind, Layer, Link, rank
from slicer.model import SlicerError

LOCAL = Candidate(Kind.LOCAL, "", 10, "", 100.0)
RAW = Candidate(Kind.UPLOAD, "input", 0, "raw", 0.0, 1.0, 75_000, 0.5, 20.0, 1_000)
JPEG = Candidate(Kind.UPLOAD, "input", 0, "jpeg-90", 0.0, 3.0, 7_500, 1.5, 20.0, 1_000, lossless=False)
EARLY = Candidate(Kind.SPLIT, "conv1", 3, "rans-4", 5.0, 4.0, 15_000, 3.0, 18.0, 1_000, lossless=False, accuracy=0.75)
LATE = Candidate(Kind.SPLIT, "conv9", 9, "raw", 80.0, 0.1, 4_000, 0.1, 3.0, 1_000)
ALL = [LOCAL, RAW, JPEG, EARLY, LATE]
LINK = Link(60, 10)


def _names(criteria: Criteria | None = None, goal: Goal = Goal.LATENCY, link: Link = LINK) -> list[str]:
    return [one.candidate.at or "local" for one in rank(ALL, link, criteria, goal) if not one.refused]


def _reasons(candidate: Candidate, criteria: Criteria) -> tuple[str, ...]:
    return rank([candidate], LINK, criteria)[0].refused


def test_latency_is_the_sum_of_all_stages() -> None:
    """Device, coding, transfer, the way there and back, edge, answer; nothing of the link for a local run."""
    found = {one.candidate: one.totals for one in rank(ALL, LINK)}
    assert found[LOCAL].latency_ms == 100
    assert found[EARLY].latency_ms == pytest.approx(5 + 4 + 2 + 10 + 3 + 18 + 1_000 / 7_500)


def test_an_answer_that_stays_at_the_edge_costs_no_way_back() -> None:
    """Half the round trip and the answer's bytes are saved."""
    there = rank([EARLY], replace(LINK, answered=False))[0].totals.latency_ms
    assert rank([EARLY], LINK)[0].totals.latency_ms - there == pytest.approx(5 + 1_000 / 7_500)


def test_throughput_is_the_slowest_stage() -> None:
    """Frames follow each other at the pace of the device, the link or the edge, whichever is slowest."""
    found = {one.candidate: one.totals.interval_ms for one in rank(ALL, LINK, goal=Goal.THROUGHPUT)}
    assert found[LOCAL] == 100
    assert found[EARLY] == 21
    assert found[LATE] == pytest.approx(80.1)
    assert found[RAW] == pytest.approx(20.5)
    assert _names(goal=Goal.THROUGHPUT)[0] == "input"


def test_equal_candidates_go_to_what_sends_less() -> None:
    """A tie is no reason to fill the link."""
    same = [replace(LOCAL, at="big", upload_bytes=9.0), replace(LOCAL, at="small", upload_bytes=1.0)]
    assert [one.candidate.at for one in rank(same, LINK)] == ["small", "big"]


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        (Criteria(private=Layer("relu1", 3)), {"local", "conv1", "conv9"}),
        (Criteria(private=Layer("relu1", 4)), {"local", "conv9"}),
        (Criteria(on_device=(Layer("conv5", 5),)), {"local", "conv9"}),
        (Criteria(on_edge=(Layer("conv5", 5),)), {"input", "conv1"}),
        (Criteria(on_device=(Layer("conv5", 5),), on_edge=(Layer("conv4", 4),)), set()),
        (Criteria(lossless=True), {"local", "input", "conv9"}),
        (Criteria(min_accuracy=0.75), {"local", "input", "conv1", "conv9"}),
        (Criteria(min_accuracy=0.76), {"local", "input", "conv9"}),
        (Criteria(max_upload_bytes=10_000), {"local", "input", "conv9"}),
        (Criteria(max_device_ms=50), {"input", "conv1"}),
        (Criteria(max_edge_ms=10), {"local", "conv9"}),
        (Criteria(max_latency_ms=99), {"input", "conv1", "conv9"}),
        (Criteria(max_interval_ms=81), {"input", "conv1", "conv9"}),
        (Criteria(max_energy_j=0.2, energy=Energy(5.0, 1e-6)), {"input", "conv1"}),
    ],
)
def test_demands_filter(criteria: Criteria, left: set[str]) -> None:
    """What fails a demand is refused; the rest stays."""
    assert set(_names(criteria)) == left


def test_refusals_say_why() -> None:
    """Every demand that is failed is a reason of its own, with both numbers."""
    assert _reasons(RAW, Criteria(private=Layer("relu1", 3), max_upload_bytes=7e4)) == (
        "private: the input may not leave the device",
        "sends 7.5e+04 bytes, over 7e+04",
    )
    assert _reasons(EARLY, Criteria(private=Layer("relu2", 4))) == (
        "private: the device must run the first block, up to relu2",
    )
    assert _reasons(JPEG, Criteria(min_accuracy=0.7)) == ("accuracy with jpeg-90 is not known",)


def test_energy_counts_computing_and_bytes() -> None:
    """Watts while the device computes, joules for each byte either way."""
    found = rank([EARLY], LINK, Criteria(energy=Energy(5.0, 1e-6)))[0]
    assert found.totals.energy_j == pytest.approx(5.0 * 0.009 + 16_000e-6)


def test_loss_bounds_goodput() -> None:
    """MSS / RTT · √(3/2) / √loss: at 1 % and 20 ms, 7.15 Mbit/s, whatever the link's bandwidth."""
    assert Link(100, 20, loss=0.01).goodput_mbps == pytest.approx(1460 * 8 / 20e3 * 1.5**0.5 / 0.1)
    assert Link(5, 20, loss=0.01).goodput_mbps == pytest.approx(4.95)
    assert Link(5, 0, loss=0.01).goodput_mbps == pytest.approx(4.95)


@pytest.mark.parametrize(
    ("mbps", "rtt", "loss"), [(0, 1, 0), (-1, 1, 0), (float("nan"), 1, 0), (1, -1, 0), (1, 1, 1.0), (1, 1, -0.1)]
)
def test_links_that_cannot_be_are_refused(mbps: float, rtt: float, loss: float) -> None:
    """One line says what is wrong."""
    with pytest.raises(SlicerError):
        Link(mbps, rtt, loss)


@st.composite
def some_candidates(draw: st.DrawFn) -> Candidate:
    """Any stages, any place."""
    ms = st.floats(0, 1e3)
    kind = draw(st.sampled_from(Kind))
    size = 0.0 if kind is Kind.LOCAL else draw(st.floats(0, 1e6))
    return Candidate(kind, "x", draw(st.integers(0, 9)), "raw", draw(ms), draw(ms), size, draw(ms), draw(ms))


@given(st.lists(some_candidates()), st.floats(0.1, 1e3), st.floats(0, 200), st.sampled_from(Goal), st.integers(0, 9))
def test_ranking_loses_nothing_and_is_in_order(
    drawn: list[Candidate], mbps: float, rtt: float, goal: Goal, depth: int
) -> None:
    """Every candidate comes back once; the admissible first; each part by the goal; an interval is no longer than
    the latency; a faster link makes nothing slower."""
    criteria = Criteria(private=Layer("x", depth))
    found = rank(drawn, Link(mbps, rtt), criteria, goal)
    assert sorted(map(repr, drawn)) == sorted(repr(one.candidate) for one in found)
    flags = [bool(one.refused) for one in found]
    assert flags == sorted(flags)
    for part in (True, False):
        totals = [one.totals for one in found if bool(one.refused) is part]
        values = [one.latency_ms if goal is Goal.LATENCY else one.interval_ms for one in totals]
        assert values == sorted(values)
    assert all(one.totals.interval_ms <= one.totals.latency_ms for one in found)
    faster = {repr(one.candidate): one.totals.latency_ms for one in rank(drawn, Link(2 * mbps, rtt / 2), criteria)}
    assert all(faster[repr(one.candidate)] <= one.totals.latency_ms for one in found)
