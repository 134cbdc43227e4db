"""`sliceplane cordon`, `uncordon`, `pin` and `unpin`: what an operator says of GPUs and segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import click

from common.errors import NotFound
from sliceplane.cli.kinds import SEGMENTS
from sliceplane.cli.session import LiveCommand, Session, pass_session, refused
from sliceplane.client import Client
from sliceplane.types import Gpu, Segment

T = TypeVar("T")


@click.command(cls=LiveCommand)
@click.argument("names", metavar="GPU|NODE...", nargs=-1, required=True)
@pass_session
def cordon(session: Session, names: tuple[str, ...]) -> None:
    """Take GPUs out of placement, or all of a node.

    What runs on them stays as long as it is wanted; nothing new is placed there.

    \b
    Examples:
      sliceplane cordon host-a/0
      sliceplane cordon host-a
    """
    for gpu in _gpus(session.client, names):
        session.client.cordon_gpu(gpu.uuid)
        click.echo(f"gpu/{gpu.name} {'was cordoned already' if gpu.cordoned else 'cordoned'}")


@click.command(cls=LiveCommand)
@click.argument("names", metavar="GPU|NODE...", nargs=-1, required=True)
@pass_session
def uncordon(session: Session, names: tuple[str, ...]) -> None:
    """Put GPUs back into placement, or all of a node."""
    for gpu in _gpus(session.client, names):
        session.client.uncordon_gpu(gpu.uuid)
        click.echo(f"gpu/{gpu.name} {'uncordoned' if gpu.cordoned else 'was not cordoned'}")


@click.command(cls=LiveCommand)
@click.argument("ids", metavar="SEGMENT...", nargs=-1, required=True)
@pass_session
def pin(session: Session, ids: tuple[str, ...]) -> None:
    """Keep segments where they are, as long as their workloads want such segments.

    A SEGMENT is an id of `sliceplane get segments`, or as much of it as only one has.
    """
    for segment in _segments(session.client, ids):
        session.client.pin_segment(segment.id)
        click.echo(f"segment/{segment.id} {'was pinned already' if segment.pinned else 'pinned'}")


@click.command(cls=LiveCommand)
@click.argument("ids", metavar="SEGMENT...", nargs=-1, required=True)
@pass_session
def unpin(session: Session, ids: tuple[str, ...]) -> None:
    """Let segments be moved again."""
    for segment in _segments(session.client, ids):
        session.client.unpin_segment(segment.id)
        click.echo(f"segment/{segment.id} {'unpinned' if segment.pinned else 'was not pinned'}")


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
