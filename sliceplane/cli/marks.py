"""`sliceplane cordon`, `uncordon`, `pin` and `unpin`: what an operator says of GPUs and segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import click

from common.errors import NotFound
from sliceplane.cli.kinds import SEGMENTS
from sliceplane.cli.session import LiveCommand, Session, pass_session, refused
from sliceplane.client import Client
from sliceplane.types import Gpu, Segment

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kind(Generic[T]):
    """Things that are marked: how they are read by the names given, called, and whether one is marked now."""

    metavar: str
    read: Callable[[Client, Sequence[str]], list[T]]
    key: Callable[[T], str]
    shown: Callable[[T], str]
    marked: Callable[[T], bool]


def _gpus(client: Client, names: Sequence[str]) -> list[Gpu]:
    every = client.gpus()

    def named(name: str) -> list[Gpu]:
        bare = name.removeprefix("gpu/").removeprefix("node/")
        found = [gpu for gpu in every if bare in (gpu.name, gpu.uuid, gpu.node)]
        if not found:
            raise NotFound(
                "gpu", bare, f'there is no GPU "{bare}": say NODE/INDEX as in `sliceplane get gpus`, or a node'
            )
        return found

    return list(dict.fromkeys(_all_or_none(names, named)))


def _segments(client: Client, ids: Sequence[str]) -> list[Segment]:
    found = _all_or_none(ids, lambda name: [SEGMENTS.read(client, name.removeprefix("segment/"))])
    return list({segment.id: segment for segment in found}.values())


def _all_or_none(names: Iterable[str], read: Callable[[str], list[T]]) -> list[T]:
    """What the names stand for; exit 1 with a line for each that stands for nothing."""
    found: list[T] = []
    lines = []
    for name in names:
        try:
            found += read(name)
        except NotFound as error:
            lines.append(error.message)
    if lines:
        raise refused(*lines)
    return found


_GPUS = _Kind("GPU|NODE...", _gpus, lambda gpu: gpu.uuid, lambda gpu: f"gpu/{gpu.name}", lambda gpu: gpu.cordoned)
_SEGMENTS = _Kind("SEGMENT...", _segments, lambda one: one.id, lambda one: f"segment/{one.id}", lambda one: one.pinned)


def _command(
    name: str, kind: _Kind[T], call: Callable[[Client, str], object], said: tuple[str, str], about: str
) -> click.Command:
    """The command that calls for each thing; `said`: of one that was not marked, of one that was."""

    @click.command(name, cls=LiveCommand, help=about)
    @click.argument("names", metavar=kind.metavar, nargs=-1, required=True)
    @pass_session
    def run(session: Session, names: tuple[str, ...]) -> None:
        for one in kind.read(session.client, names):
            call(session.client, kind.key(one))
            click.echo(f"{kind.shown(one)} {said[kind.marked(one)]}")

    return run


cordon = _command(
    "cordon",
    _GPUS,
    Client.cordon_gpu,
    ("cordoned", "was cordoned already"),
    """Take GPUs out of placement, or all of a node.

    What runs on them stays as long as it is wanted; nothing new is placed there.

    \b
    Examples:
      sliceplane cordon host-a/0
      sliceplane cordon host-a
    """,
)
uncordon = _command(
    "uncordon",
    _GPUS,
    Client.uncordon_gpu,
    ("was not cordoned", "uncordoned"),
    "Put GPUs back into placement, or all of a node.",
)
pin = _command(
    "pin",
    _SEGMENTS,
    Client.pin_segment,
    ("pinned", "was pinned already"),
    """Keep segments where they are, as long as their workloads want such segments.

    A SEGMENT is an id of `sliceplane get segments`, or as much of it as only one has.
    """,
)
unpin = _command(
    "unpin", _SEGMENTS, Client.unpin_segment, ("was not pinned", "unpinned"), "Let segments be moved again."
)
