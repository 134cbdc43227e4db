"""What the cost model speaks of: candidates, the goal to rank them by, and what energy costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a candidate shares the work."""

    LOCAL = "local"
    UPLOAD = "upload"
    SPLIT = "split"


class Goal(StrEnum):
    """What is to be small: the sum of all stages, or the slowest of them, which bounds frames per second."""

    LATENCY = "latency"
    THROUGHPUT = "throughput"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to answer an inference, with what each stage of it takes (ms) and sends (bytes).

    `at`: the last layer on the device, "input" where the input itself is sent, "" where nothing is. `depth`: how many
    layers run on the device, all of them for a local run. `level`: how what is sent is coded. `edge_ms` and `device_ms`
    are of the model's two parts alone, `encode_ms` and `decode_ms` of all that the cut adds on either side.
    `accuracy`: as measured with this level, in the unit of that table; None: not measured.
    """

    kind: Kind
    at: str
    depth: int
    level: str
    device_ms: float
    encode_ms: float = 0.0
    upload_bytes: float = 0.0
    decode_ms: float = 0.0
    edge_ms: float = 0.0
    answer_bytes: float = 0.0
    lossless: bool = True
    accuracy: float | None = None

    @property
    def busy_ms(self) -> float:
        """How long the device computes: its part of the model, and coding."""
        return self.device_ms + self.encode_ms


@dataclass(frozen=True, slots=True)
class Energy:
    """What the device draws while it computes (W), and what its radio takes for a byte in either direction (J)."""

    compute_w: float = 0.0
    joules_per_byte: float = 0.0

    def of(self, candidate: Candidate) -> float:
        """Joules that one inference costs the device; what it draws idle is not counted."""
        sent = candidate.upload_bytes + candidate.answer_bytes
        return self.compute_w * candidate.busy_ms / 1e3 + self.joules_per_byte * sent
