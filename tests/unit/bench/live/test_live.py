"""The live replay's pure parts: clocks, the prediction for known routes, verdicts, what a Triton is laid out with."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.live import report, servers
from bench.live.dilation import SHORTEST_S, dilations
from bench.live.predicted import as_routed
from bench.live.routing import _route
from bench.live.run import Compared, Scenario
from bench.replay.run import outcome_of
from controller.allocator import Options, Plan, Point, ProfileTable, Service, plan_optimal
from controller.allocator.types import QUEUEING

TABLE = ProfileTable(
    "m",
    tuple(
        Point(size, batch, processes, 1000 * batch * processes / (10 + batch), 10 + batch)
        for size in (1, 2)
        for batch in (1, 2, 4, 8)
        for processes in (1, 2)
    ),
)
TABLES = {"m": TABLE}


def _plan(services: list[Service]) -> Plan:
    return plan_optimal(services, TABLES, Options(slo_model=QUEUEING, burstiness=1.0))


@given(st.lists(st.floats(0.1, 900), min_size=1, max_size=4), st.floats(20, 500))
@settings(deadline=None, max_examples=20)
def test_clocks_keep_the_load_and_the_shortest_execution(rates: list[float], load: float) -> None:
    """All together send at most `load` of wall time; no execution takes less than SHORTEST_S of it."""
    services = [Service(f"s{number}", "m", rate, 200) for number, rate in enumerate(rates)]
    found = dilations(_plan(services), services, TABLES, load)
    assert set(found) == {service.name for service in services}
    assert sum(service.rate / found[service.name] for service in services) <= load * (1 + 1e-9)
    assert all(slower * 0.011 >= SHORTEST_S * (1 - 1e-9) for slower in found.values())


def test_a_service_without_a_segment_has_no_clock() -> None:
    """What cannot be served is left out, as in the plan."""
    services = [Service("fine", "m", 50, 200), Service("hopeless", "m", 50, 1)]
    assert set(dilations(_plan(services), services, TABLES, 100)) == {"fine"}


def test_each_request_is_served_where_it_went() -> None:
    """Of two at once, two processes serve each alone; one serves them together; one whose place is unknown is left."""
    service = Service("s", "m", 900, 200)
    plan = _plan([service])
    came, nowhere = np.array([0.0, 0.0]), math.nan
    alone = plan.placed[0].segment
    first = next(p.latency_ms for p in TABLE.points if (p.size, p.batch, p.processes) == (alone.size, 1, 1))
    assert sum(one.segment.processes for one in plan.placed) > 1
    apart = as_routed(service, plan, TABLE, came, np.array([0.0, 1.0]))
    assert apart.percentiles_ms == pytest.approx([first] * 4)
    together = as_routed(service, plan, TABLE, came, np.array([0.0, 0.0]))
    assert together.percentiles_ms[0] > first
    assert as_routed(service, plan, TABLE, came, np.array([0.0, nowhere])).sent == 1
    assert as_routed(service, plan, TABLE, came, np.array([nowhere, nowhere])).sent == 0


def test_an_answer_of_another_service_is_an_error() -> None:
    """A process that does not serve the service cannot have answered for it."""
    ours, other = Service("ours", "m", 20, 200), Service("other", "m", 20, 200)
    plan = _plan([ours, other])
    processes = [one.segment.service for one in plan.placed for _ in range(one.segment.processes)]
    foreign = processes.index("other")
    with pytest.raises(ValueError, match="answered by other"):
        as_routed(ours, plan, TABLE, np.array([0.0]), np.array([float(foreign)]))


def _compared(live_ms: list[float], predicted_ms: list[float]) -> Compared:
    service = Service("s", "m", 20, 200)
    live, predicted = (outcome_of(service, np.array(of), busy=math.nan) for of in (live_ms, predicted_ms))
    failed = sum(math.isinf(one) for one in live_ms)
    return Compared(service, live, predicted, predicted, 5.0, failed, 0.1, (9.0, 11.0))


def _report(one: Compared) -> str:
    plan = _plan([one.service])
    scenario = Scenario("S9", (one.service,), plan, TABLES, {"s": 5.0}, {"s": 0.0}, 1.0, 1)
    return report.text({(scenario, "constant"): [one]}, 100, 1, QUEUEING)


@pytest.mark.parametrize(
    ("live", "said"),
    [
        ([10.0] * 100, "as routed: all; of predicted before the run: all."),
        ([13.0] * 100, "as routed: all but s 1.30; of predicted before the run: all but s 1.30 (more than chance)."),
        ([10.0] * 50 + [math.inf] * 50, "50 failed. p99 within 15% of as routed: all but s"),
    ],
)
def test_verdicts_are_computed(live: list[float], said: str) -> None:
    """Near is near; far is named; requests that failed are never within bounds and never left out."""
    assert said in _report(_compared(live, [10.0] * 100))


def test_failures_count_as_missed() -> None:
    """Half of the requests failed: half attained."""
    assert "| 50.0000 | 100.0000 |" in _report(_compared([10.0] * 50 + [math.inf] * 50, [10.0] * 100))


def test_few_requests_are_said() -> None:
    """A p99 of less than a thousand requests is marked."""
    few = _compared([10.0] * 999, [10.0] * 999)
    enough = replace(few, live=outcome_of(few.service, np.full(1000, 10.0), busy=math.nan))
    assert "999 (few)" in _report(few)
    assert "1,000 |" in _report(enough)


def test_a_model_is_laid_out_whole(tmp_path: Path) -> None:
    """Config, code and table; the batch is the plan's, the delay in microseconds."""
    segment = replace(_plan([Service("s", "m", 20, 200)]).placed[0].segment, batch=2)
    folder = servers._lay_out(tmp_path / "one", segment, [0.0, 0.1, 0.2], 7, 1.5) / "s"
    config = (folder / "config.pbtxt").read_text()
    assert "max_batch_size: 2\n" in config
    assert "max_queue_delay_microseconds: 1500 " in config
    assert config.count("{") == config.count("}")
    assert json.loads((folder / "1" / "sleeper.json").read_text()) == {"took_s": [0.0, 0.1, 0.2], "process": 7}
    compile((folder / "1" / "model.py").read_text(), "model.py", "exec")


def test_routes_are_weighted_as_planned() -> None:
    """One locality a segment, one endpoint a process, weights in proportion to throughput."""
    placed = [one.segment for one in _plan([Service("s", "m", 900, 200)]).placed]
    segments = [replace(placed[0], throughput=100.0, processes=2), replace(placed[0], throughput=300.0, processes=1)]
    route = _route("s", [servers.Served(segments[0], (1, 2)), servers.Served(segments[1], (3,))])
    assert [len(group.endpoints) for group in route.groups] == [2, 1]
    assert route.groups[1].weight / route.groups[0].weight == pytest.approx(3, rel=0.02)
