"""The queue's own clock, seconds: runs on over restarts and is not moved by jumps of the wall clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_AWAY_S = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Clocks of the machine, seconds: `boot` names this boot, `since_boot` runs on in suspend, `wall` may jump."""

    boot: str
    since_boot: float
    wall: float


@dataclass(frozen=True, slots=True)
class QueueClock:
    """The queue's time was `time` at `reading`."""

    time: float
    reading: Reading

    def now(self, reading: Reading) -> float:
        """The queue's time; never earlier than `time`.

        Within one boot the machine's uptime counts. Over a reboot only the wall clock can tell how long we were away:
        it is believed between 0 and 30 days, else no time counts, so that a wrong date ages no frame.
        """
        if reading.boot == self.reading.boot and reading.since_boot >= self.reading.since_boot:
            return self.time + (reading.since_boot - self.reading.since_boot)
        away = reading.wall - self.reading.wall
        return self.time + (away if 0 <= away <= LONGEST_AWAY_S else 0.0)

    def at(self, reading: Reading) -> QueueClock:
        """The clock as of `reading`: what is kept over a restart."""
        return QueueClock(self.now(reading), reading)
