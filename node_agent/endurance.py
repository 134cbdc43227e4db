"""How patiently a process that keeps dying, or that does not answer, is treated. Pure: `now` is an argument."""

from __future__ import annotations

from dataclasses import dataclass, replace

PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # before the n-th start in a row that came to nothing
STABLE_S = 60.0  # who answered for so long has earned a fresh start
LOADING_S = 900.0  # a first answer may take so long: large models load slowly
SILENT_S = 30.0  # who has answered before and then is silent for so long is hung


@dataclass(frozen=True, slots=True)
class Endurance:
    """One process's history; all times in monotonic seconds. `failures` counts deaths in a row without a good run."""

    started: float
    running: bool = True
    failures: int = 0
    first_answer: float | None = None
    last_answer: float | None = None

    def may_start(self, now: float) -> bool:
        """Whether it may be started again now; the pause counts from its last start, so a good run has served it."""
        return now >= self.started + PAUSES_S[min(self.failures, len(PAUSES_S) - 1)]

    def start(self, now: float) -> Endurance:
        """After a start."""
        return Endurance(now, failures=self.failures)

    def died(self) -> Endurance:
        """After it was found dead, however often: one failure more, or the first after a good run."""
        return (
            replace(self, running=False, failures=1 if self._stable() else self.failures + 1) if self.running else self
        )

    def answered(self, now: float) -> Endurance:
        """After it answered."""
        first = now if self.first_answer is None else self.first_answer
        return replace(self, first_answer=first, last_answer=now)

    def hung(self, now: float) -> bool:
        """Whether it lives but should be ended: it fell silent, or never came to answer."""
        if self.last_answer is None:
            return now - self.started > LOADING_S
        return now - self.last_answer > SILENT_S

    def _stable(self) -> bool:
        if self.first_answer is None or self.last_answer is None:
            return False
        return self.last_answer - self.first_answer >= STABLE_S
