"""What the agent counts since it started, for its reports, its log and Prometheus."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram

from edge_agent.model import Answer, Timing, Where

_LAST = 512
_STAGE_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


@dataclass
class Stats:
    """Counters by where frames were answered, and the latencies of the last ones, milliseconds."""

    counts: dict[Where, int] = field(default_factory=lambda: dict.fromkeys(Where, 0))
    bytes_sent: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_LAST))

    def __post_init__(self) -> None:
        self.registry = CollectorRegistry()
        self._frames = Counter(
            "sliceplane_edge_frames", "Frames answered.", ["answered_by", "reason"], registry=self.registry
        )
        self._bytes = Counter("sliceplane_edge_activation_bytes", "Activations encoded, bytes.", registry=self.registry)
        self._seconds = Histogram(
            "sliceplane_edge_frame_seconds", "Arrival to answer.", ["answered_by"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._stages = Histogram(
            "sliceplane_edge_stage_seconds", "What frames took in each stage that they went through.", ["stage"],
            buckets=_STAGE_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._levels = Counter(
            "sliceplane_edge_split_frames", "Frames answered by the split.", ["level", "bundle"], registry=self.registry
        )

    def add(self, answer: Answer) -> None:
        """Counts one answer."""
        self.counts[answer.where] += 1
        self.bytes_sent += answer.timing.activation_bytes
        self._bytes.inc(answer.timing.activation_bytes)
        self._frames.labels(answer.where.value, answer.reason or "").inc()
        for stage, took_ms in stages(answer.timing).items():
            self._stages.labels(stage).observe(took_ms / 1000)
        if answer.where is Where.SPLIT:
            self._levels.labels(answer.level, answer.bundle).inc()
        if answer.where in (Where.SPLIT, Where.LOCAL):
            self.latencies.append(answer.timing.total_ms)
            self._seconds.labels(answer.where.value).observe(answer.timing.total_ms / 1000)

    def percentile(self, share: float) -> float:
        """The latency, milliseconds, that `share` of the last frames did not exceed; 0 before the first."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def stages(timing: Timing) -> dict[str, float]:
    """Milliseconds of a frame per stage, without those that it did not go through; none is below 0.

    `device`: head or whole model; `edge`: at the tail, less decoding; `queue`: what is left of its time, waiting.
    """
    device = timing.head_ms + timing.local_ms
    found = {
        "device": device,
        "encode": timing.encode_ms,
        "network": timing.tail_ms - timing.server_ms,
        "edge": timing.server_ms - timing.decode_ms,
        "decode": timing.decode_ms,
        "queue": timing.total_ms - device - timing.encode_ms - timing.tail_ms,
    }
    return {stage: took_ms for stage, took_ms in found.items() if took_ms > 0}
