"""The agent's own numbers for Prometheus, read from its last report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common.exposition import expose
from node_agent.model import Observed, State

Values = dict[tuple[str, ...], float]  # by label values


class Reports(Collector):
    """Turns the report of this moment into metric families."""

    def __init__(self, observed: Callable[[], Observed]) -> None:
        self._observed = observed

    def collect(self) -> Iterator[Metric]:
        """GPUs by health, segments by state, restarts by segment, the generation in force."""
        report = self._observed()
        yield _family("gpu_healthy", "1: it can carry segments.", ["gpu"], {(g.uuid,): g.healthy for g in report.gpus})
        states = Counter(segment.state for segment in report.segments)
        yield _family("segments", "Segments by state.", ["state"], {(s.value,): states[s] for s in State})
        restarts: Values = {(s.id,): s.restarts for s in report.segments}
        yield _family("segment_restarts", "Times a process was replaced.", ["segment"], restarts)
        yield _family("generation", "Generation of the desired state that was reached.", [], {(): report.generation})
        yield _family("epoch", "Leader epoch of the desired state in force.", [], {(): report.epoch})


def _family(name: str, text: str, labels: list[str], values: Values) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"sliceplane_node_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def serve(listen: str, observed: Callable[[], Observed]) -> Callable[[], None]:
    """Answers GET /metrics on `listen` ("HOST:PORT"); what ends it. InvalidArgument, Unavailable."""
    registry = CollectorRegistry()
    registry.register(Reports(observed))
    return expose(listen, registry)
