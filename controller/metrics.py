"""The controller's figures for Prometheus."""

from __future__ import annotations

from collections import Counter as Count
from typing import Any

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from controller.model import State, Workload
from controller.ports import PlaneStore
from controller.xds.server import Counters


class Metrics:
    """Counters that grow as things happen, and gauges that are read from the store when scraped."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        named: dict[str, Any] = {"registry": self.registry, "namespace": "sliceplane"}
        self.turns = Counter("turns", "Reconcile turns by outcome.", ["outcome"], **named)
        self.turn_seconds = Histogram("turn_seconds", "Duration of a reconcile turn.", **named)
        self.rpcs = Counter("rpcs", "Calls answered.", ["method", "code"], **named)
        self.leader = Gauge("leader", "1 if this controller leads.", **named)
        self.database_up = Gauge("database_up", "1 if the database answered this scrape.", **named)
        self.workloads = Gauge("workloads", "Workloads by state.", ["state"], **named)
        self.segments = Gauge("segments", "Segments by state.", ["state"], **named)
        self.gpus = Gauge("gpus", "GPUs known.", **named)
        self.gpus_in_use = Gauge("gpus_in_use", "GPUs that carry segments.", **named)
        self.nodes = Gauge("nodes", "GPU hosts by connection.", ["connected"], **named)

    def watch_xds(self, counters: Counters) -> None:
        """Shows the xDS server's counters."""
        read = {
            "xds_streams": ("Open xDS streams.", lambda: counters.streams),
            "xds_responses": ("xDS responses sent since the start.", lambda: counters.responses),
            "xds_rejected": ("xDS responses that clients rejected since the start.", lambda: counters.rejected),
        }
        for name, (said, value) in read.items():
            gauge = Gauge(name, said, registry=self.registry, namespace="sliceplane")
            gauge.set_function(value)

    def count(self, method: str, code: grpc.StatusCode) -> None:
        """Counts a call that ended."""
        self.rpcs.labels(method, code.name).inc()

    def turned(self, outcome: str, seconds: float) -> None:
        """Counts a reconcile turn."""
        self.turns.labels(outcome).inc()
        self.turn_seconds.observe(seconds)

    async def read(self, plane: PlaneStore) -> None:
        """Reads the gauges. Unavailable if the database does not answer."""
        now = await plane.snapshot()
        workloads = Count(_state(workload) for workload in now.workloads)
        for state in ("ready", "planned", "unplanned"):
            self.workloads.labels(state).set(workloads[state])
        segments = Count(segment.state for segment in now.segments)
        for known in State:
            self.segments.labels(known.value).set(segments[known])
        self.gpus.set(len(now.gpus))
        self.gpus_in_use.set(len({segment.gpu_uuid for segment in now.segments}))
        connected = sum(node.connected for node in now.nodes)
        self.nodes.labels("yes").set(connected)
        self.nodes.labels("no").set(len(now.nodes) - connected)


def _state(workload: Workload) -> str:
    holds = {condition.type: condition.status for condition in workload.status.conditions}
    if holds.get("Ready"):
        return "ready"
    return "planned" if holds.get("Planned") else "unplanned"
