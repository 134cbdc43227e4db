"""What a workload asks beside its rate, in turns of the live plane: hosts and memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller import allocator
from controller.model import Plan, Workload
from controller.reconcile import Options
from tests.strategies_reconcile import workload
from tests.unit.controller.reconcile.world import OPTIONS, world

BOTH = pytest.mark.parametrize(
    "options", [OPTIONS, replace(OPTIONS, algorithm=allocator.OPTIMAL)], ids=["parvagpu", "optimal"]
)


def asked(rate: float, **wishes: object) -> Workload:
    """A workload with wishes."""
    plain = workload("a", rate)
    return replace(plain, spec=replace(plain.spec, **wishes))  # type: ignore[arg-type]


def settled(options: Options, hosts: int, gpus: int, *some: Workload) -> Plan:
    """The plan in force once nothing changes any more."""
    plane = world(hosts, gpus, options=options)
    plane.store.apply(*some)
    plane.settle()
    assert plane.store.state.last_plan is not None
    return plane.store.state.last_plan


@BOTH
def test_processes_have_their_memory(options: Options) -> None:
    """15 GB a process: no 1g.10gb, one process at most on what has 20 GB; 90 GB fits nowhere and is refused."""
    made = settled(options, 1, 2, asked(300.0, memory_mb=15_000.0))
    assert made.segments
    for one in made.segments:
        assert one.gpcs > 1
        assert one.processes <= {2: 1, 3: 2, 4: 2, 7: 5}[one.gpcs]
    refused = settled(options, 1, 2, asked(300.0, memory_mb=90_000.0))
    assert [one.workload for one in refused.shortfalls] == ["a"]
    assert "memory_mb 90000" in refused.shortfalls[0].detail


@BOTH
def test_a_workload_is_spread_over_the_hosts_that_it_asks_for(options: Options) -> None:
    """One small segment would do for the rate; two hosts are asked for."""
    alone = settled(options, 3, 1, asked(150.0))
    spread = settled(options, 3, 1, asked(150.0, min_hosts=2))
    assert len({one.node for one in alone.segments}) == 1
    assert len({one.node for one in spread.segments}) >= 2
    assert not spread.shortfalls
