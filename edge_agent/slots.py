"""Which bundle runs, which ran before, and which are not to run again: kept over restarts, changed atomically."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from common.names import is_digest

MAX_STARTS = 3
REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class Slots:
    """Digests, "" for none. `starts`: how often `current` was started since it last ran well for a while.

    `beside`: other cuts that joined it since, the first to be doubted. `why`: the last of `refused` is not to run;
    `whole_only`: one of them whose whole model may, without a tail.
    """

    current: str = ""
    previous: str = ""
    starts: int = 0
    refused: tuple[str, ...] = ()
    why: str = ""
    whole_only: str = ""
    beside: tuple[str, ...] = ()

    def started(self) -> Slots:
        """As the agent starts; after too many starts that went wrong, without what came last.

        First the cuts beside are refused; then the previous bundle has its place again.
        """
        why = f"it did not stand in {self.starts} starts"
        if self.starts >= MAX_STARTS and self.beside:
            refused = (*self.refused, *self.beside)[-REMEMBERED:]
            return replace(self, starts=1, refused=refused, why=why, beside=())
        if self.starts >= MAX_STARTS and self.previous:
            refused = (*self.refused, self.current)[-REMEMBERED:]
            return Slots(self.previous, "", 1, refused, why)
        return replace(self, starts=self.starts + 1)

    def well(self) -> Slots:
        """`current` has run for a while, with what is beside it."""
        return replace(self, starts=0, beside=())

    def joined(self, digest: str) -> Slots:
        """`digest` is about to be held beside `current`."""
        return self if digest in self.beside else replace(self, beside=(*self.beside, digest)[-REMEMBERED:])

    def promoted(self, digest: str) -> Slots:
        """`digest` is the one that runs from now on."""
        if digest == self.current:
            return self
        refused = tuple(one for one in self.refused if one != digest)
        return Slots(digest, self.current, 1, refused, self.why if refused[-1:] == self.refused[-1:] else "")

    def refuse(self, digest: str, why: str = "", *, whole: bool = False) -> Slots:
        """`digest` is not to run; with `whole` all of its model on the device may."""
        refused = (*(one for one in self.refused if one != digest), digest)[-REMEMBERED:]
        return replace(self, refused=refused, why=why, whole_only=digest if whole else self.whole_only)


def load(path: Path) -> Slots:
    """What was saved; empty slots where there is nothing that can be read."""
    try:
        saved = json.loads(path.read_text())
        refused = tuple(one for one in saved["refused"] if is_digest(str(one)))
        current, previous = _digest(saved["current"]), _digest(saved["previous"])
        why, whole_only = str(saved.get("why", "")), _digest(saved.get("whole_only", ""))
        beside = tuple(one for one in saved.get("beside", ()) if is_digest(str(one)))
        return Slots(current, previous, int(saved["starts"]), refused, why, whole_only, beside)
    except (OSError, ValueError, KeyError, TypeError):
        return Slots()


def _digest(saved: object) -> str:
    return str(saved) if is_digest(str(saved)) else ""


def save(path: Path, slots: Slots) -> None:
    """Replaces what was saved: a power loss leaves the one or the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        file.write(json.dumps(asdict(slots)))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
