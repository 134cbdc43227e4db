"""Which groups may go on sharing their segment."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.allocator import Options, Point, ProfileTable, Service
from controller.allocator.sharing import group, kept, lights

OPTIONS = Options(slo_model="queueing")
POINTS = [(1, 4.0), (2, 5.0), (4, 7.0), (8, 12.0)]
TABLES = {
    "quick": ProfileTable(
        "quick", tuple(Point(size, b, 1, 1000 * b / ms, ms) for size in (1, 2, 3, 4, 7) for b, ms in POINTS)
    )
}


def _services(count: int, rate: float = 5.0, slo_ms: float = 200.0) -> list[Service]:
    return [Service(f"s{number}", "quick", rate, slo_ms) for number in range(count)]


def _holds(members: Sequence[Service], batch: int = 4, size: int = 1, unused: int = 0) -> bool:
    return kept(members, [batch] * len(members), size, TABLES, OPTIONS, unused) is not None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0.2, 30), st.floats(30, 500)), min_size=2, max_size=7), st.floats(0.5, 1))
def test_what_was_grouped_is_kept(drawn: list[tuple[float, float]], less: float) -> None:
    """At the rates that it was made for, and at lower ones, with the batches that it was planned with."""
    services = [Service(f"s{n}", "quick", rate, slo_ms) for n, (rate, slo_ms) in enumerate(drawn)]
    for one in group(lights(services, TABLES, OPTIONS), OPTIONS):
        batches = [len(member.latencies_ms[one.size]) for member in one.members]
        for factor in (1, less):
            members = [replace(member.service, rate=member.service.rate * factor) for member in one.members]
            found = kept(members, batches, one.size, TABLES, OPTIONS)
            assert found is not None
            assert [len(member.latencies_ms[one.size]) for member in found.members] == batches


def test_rates_slos_and_memory_end_a_group() -> None:
    """Whatever the bound does not hold for any more."""
    few = _services(3)
    assert _holds(few)
    assert not _holds([replace(few[0], rate=300.0), *few[1:]])
    assert not _holds([replace(few[0], slo_ms=6.0), *few[1:]])
    assert not _holds([replace(few[0], memory_mb=9_000.0), *few[1:]])


def test_models_that_nobody_asks_for_take_memory() -> None:
    """Six of 1,500 MB are on a 1g, whether they are asked for or not."""
    assert _holds(_services(3), unused=3)
    assert not _holds(_services(3), unused=4)


@pytest.mark.parametrize(
    "wish",
    [{"exclusive": True}, {"min_hosts": 2}, {"priority": 3}, {"max_batch": 1}, {"model": "unmeasured"}, {"rate": -1.0}],
    ids=lambda wish: next(iter(wish)),
)
def test_who_may_not_share_ends_the_group(wish: dict[str, object]) -> None:
    """Each for its own reason; one that batches no longer would run batches that it cannot."""
    first, *others = _services(3)
    assert not _holds([replace(first, **wish), *others])  # type: ignore[arg-type]


def test_a_size_or_batch_that_was_not_measured_ends_it() -> None:
    """What is not known does not hold."""
    assert not _holds(_services(2), batch=16)
    assert not _holds(_services(2), size=5)
