"""Routing: an unmodified Triton client is spread over the segments by their capacity and follows a re-plan."""

from __future__ import annotations

import re
import time
import urllib.request

import pytest

from sliceplane import Workload, WorkloadSpec
from tests.e2e.conftest import Stage, outcome

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
_COUNT = re.compile(r'^nv_inference_request_success\{model="double"[^}]*\} (\d+)', re.MULTILINE)


def _answered(stage: Stage) -> dict[str, int]:
    """Requests answered so far, by segment, as Triton's own metrics count them."""
    counts = {}
    for segment in stage.segments():
        total = 0
        for endpoint in segment.endpoints:
            url = f"http://{endpoint.host}:{endpoint.metrics_port}/metrics"
            with urllib.request.urlopen(url, timeout=5) as answer:
                total += sum(int(n) for n in _COUNT.findall(answer.read().decode()))
        counts[segment.id] = total
    return counts


def test_spread_follows_the_weights(stage: Stage) -> None:
    """2,000 calls are spread over the segments within 5 points of their share of the planned throughput."""
    before = _answered(stage)
    found = outcome(stage.load(rate=250, seconds=8.4))
    assert found.sent >= 2000
    assert found.failed == 0
    after, segments = _answered(stage), stage.segments()
    assert len(segments) >= 2
    planned = sum(s.throughput for s in segments)
    for segment in segments:
        share = (after[segment.id] - before[segment.id]) / found.sent
        assert abs(share - segment.throughput / planned) < 0.05


def test_clients_follow_a_new_plan(stage: Stage) -> None:
    """While a rate is doubled and halved again, no request of a running client fails."""
    process = stage.load(rate=40, seconds=18)
    time.sleep(1)
    for rate in (260.0, 130.0):
        applied = stage.client.apply(Workload("double", WorkloadSpec("double", rate=rate, slo_ms=400.0))).workload
        assert applied.generation > 1
        stage.until(stage.settled)
        assert stage.client.get("double").status.ready_throughput >= rate
    found = outcome(process)
    assert (found.failed, found.agreed) == (0, found.sent)
