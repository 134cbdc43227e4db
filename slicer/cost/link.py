"""The link between a device and an edge: what a payload takes over it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt

from slicer.model import SlicerError

MSS_BYTES = 1460
"""What one TCP segment carries over Ethernet."""

_PERIODIC = sqrt(3 / 2)  # Mathis' constant for periodic loss with an acknowledgement for each segment


@dataclass(frozen=True, slots=True)
class Link:
    """Bandwidth (Mbit/s, 1 MB = 10^6 B), round trip (ms), and share of packets lost (0 to below 1).

    `answered`: results come back over it; otherwise whoever needs them is at the edge. `rtt_each_way`: a defect of the
    published planner, kept to replay it: it takes the round trip for the way there, and never looks at the way back.
    Raises SlicerError for what no link can have.
    """

    mbps: float
    rtt_ms: float
    loss: float = 0.0
    answered: bool = True
    rtt_each_way: bool = False

    def __post_init__(self) -> None:
        if not (isfinite(self.mbps) and self.mbps > 0):
            raise SlicerError(f"a link has a bandwidth above 0 Mbit/s, not {self.mbps:g}")
        if not (isfinite(self.rtt_ms) and self.rtt_ms >= 0):
            raise SlicerError(f"a round trip takes 0 ms or more, not {self.rtt_ms:g}")
        if not 0 <= self.loss < 1:
            raise SlicerError(f"the share of packets that are lost is from 0 to below 1, not {self.loss:g}")

    @property
    def goodput_mbps(self) -> float:
        """What TCP gets through: bandwidth less what is sent again, and at most MSS / RTT · √(3/2) / √loss.

        The bound is that of Mathis, Semke, Mahdavi, Ott, "The macroscopic behavior of the TCP congestion avoidance
        algorithm" (CCR 27(3), 1997): one connection, loss independent of load.
        """
        sent_once = self.mbps * (1 - self.loss)
        if not self.loss or not self.rtt_ms:
            return sent_once
        bound = MSS_BYTES * 8 / (self.rtt_ms * 1e3) * _PERIODIC / sqrt(self.loss)
        return min(sent_once, bound)

    @property
    def delay_ms(self) -> float:
        """What distance costs a request: the way there, and the way back where an answer comes."""
        if self.rtt_each_way:
            return self.rtt_ms
        return self.rtt_ms if self.answered else self.rtt_ms / 2

    def transfer_ms(self, size: float) -> float:
        """How long that many bytes keep the link busy."""
        return size * 8 / (self.goodput_mbps * 1e3)
