"""What the tail counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.errors import SliceplaneError

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """Frames, refusals, times and streams of this process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.frames = Counter("sliceplane_tail_frames", "Frames answered.", ["result"], registry=self.registry)
        self.refused = Counter(
            "sliceplane_tail_streams_refused", "Streams ended for what they sent.", ["reason"], registry=self.registry
        )
        self.seconds = Histogram(
            "sliceplane_tail_frame_seconds", "Arrival to answer.", buckets=_SECONDS, registry=self.registry
        )
        self.decode = Histogram(
            "sliceplane_tail_decode_seconds", "Decoding one activation.", buckets=_SECONDS, registry=self.registry
        )
        self.streams = Gauge("sliceplane_tail_streams", "Open streams.", registry=self.registry)

    def answered(self, error: SliceplaneError | None, seconds: float, decode_seconds: float) -> None:
        """Counts one frame."""
        self.frames.labels(error.reason if error else "OK").inc()
        self.seconds.observe(seconds)
        self.decode.observe(decode_seconds)
