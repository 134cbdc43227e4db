"""The faults: each breaks one thing, and says what must be seen while it is broken and once it is mended."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.chaos_edge.world import World

Line = dict[str, Any]
FILL = 1 << 20


@dataclass(frozen=True, slots=True)
class Fault:
    """`broken`: a context in which it is broken. `during`: what some result says meanwhile, None: nothing is due.

    `after`: what some result says once it is mended. `hold_s`: how long it stays broken at most, drawn below that.
    `share`: how often it comes, against the others.
    """

    name: str
    broken: Callable[[World, random.Random], Any]
    after: Callable[[Line], bool]
    during: Callable[[Line], bool] | None = None
    hold_s: float = 0.6
    share: int = 1


def split(line: Line) -> bool:
    """Answered by head and tail."""
    return bool(line["answered_by"] == "split")


def local(line: Line) -> bool:
    """Answered on the device."""
    return bool(line["answered_by"] == "local")


def answered(line: Line) -> bool:
    """Answered at all."""
    return split(line) or local(line)


def mismatch(line: Line) -> bool:
    """Answered here because the tail serves another bundle."""
    return bool(line["fallback_reason"] == "DIGEST_MISMATCH")


@contextmanager
def _edge_killed(world: World, _random: random.Random) -> Iterator[None]:
    world.plane.kill("edge")
    yield
    world.start_edge()


@contextmanager
def _tail_killed(world: World, _random: random.Random) -> Iterator[None]:
    world.plane.kill("tail")
    yield
    world.start_tail()


@contextmanager
def _triton_killed(world: World, _random: random.Random) -> Iterator[None]:
    world.plane.kill("triton")
    yield
    world.start_triton()


@contextmanager
def _link_cut(world: World, _random: random.Random) -> Iterator[None]:
    world.relay.to(0)
    yield
    world.relay.to(world.ports["tail"])


@contextmanager
def _other_bundle(world: World, _random: random.Random) -> Iterator[None]:
    world.relay.to(world.ports["other"])
    yield
    world.relay.to(world.ports["tail"])


@contextmanager
def _disk_full(world: World, random: random.Random) -> Iterator[None]:
    """Filled to the last byte; now and then the agent is killed on the full disk too."""
    filler = world.disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(FILL))
        except OSError:
            pass
    if random.random() < 0.2:
        world.plane.kill("edge")
        world.start_edge()
    yield
    filler.unlink()
    if world.plane.processes["edge"].poll() is not None:  # it could not start on a full disk: its unit tries again
        world.start_edge()


@contextmanager
def _bundle_damaged(world: World, random: random.Random) -> Iterator[None]:
    """The file is cut short or has a byte changed, and the agent is killed: it must come up on what it kept."""
    world.plane.kill("edge")
    at = random.randrange(len(world.content))
    bad = world.content[:at] if random.random() < 0.5 else _flipped(world.content, at)
    world.bundle.write_bytes(bad)
    world.start_edge()
    yield
    world.bundle.write_bytes(world.content)


@contextmanager
def _clock_jumps(world: World, random: random.Random) -> Iterator[None]:
    """By days, forth or back; half of the time over a restart."""
    world.clock.write_text(f"{random.choice([-1, 1]) * random.randrange(3600, 400 * 86400):+d}")
    if random.random() < 0.5:
        world.plane.kill("edge")
        world.start_edge()
    yield
    world.clock.write_text("+0")


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]


FAULTS = (
    Fault("kill -9 of the edge agent", _edge_killed, answered, share=45),
    Fault("kill -9 of the tail", _tail_killed, split, local, 2.0, 6),
    Fault("kill -9 of Triton", _triton_killed, split, local, 2.0, 5),
    Fault("link cut", _link_cut, split, local, 2.0, 9),
    Fault("tail serves another bundle", _other_bundle, split, mismatch, 2.0, 30),
    Fault("disk full", _disk_full, answered, share=50),
    Fault("bundle damaged", _bundle_damaged, answered, share=22),
    Fault("clock jump", _clock_jumps, answered, share=33),
)


def plan(count: int, seed: int, faults: Sequence[Fault]) -> list[Fault]:
    """`count` faults by their shares, those that take long less often, each kind once at least; in a drawn order."""
    cycle = [fault for fault in faults for _ in range(fault.share)]
    drawn = [*faults, *(cycle[round(n * len(cycle) / max(1, count)) % len(cycle)] for n in range(count - len(faults)))]
    random.Random(seed).shuffle(drawn)
    return drawn[:count]
