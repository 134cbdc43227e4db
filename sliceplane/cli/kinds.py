"""The kinds of resource: their names, how each is read, watched and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import click

from common.errors import NotFound
from sliceplane.cli import columns
from sliceplane.cli.tables import Column
from sliceplane.client import Client
from sliceplane.documents import workload_document
from sliceplane.documents.write import plain
from sliceplane.types import Change, Device, Event, Gpu, Model, Node, Plan, Profile, Segment, Workload

T = TypeVar("T")


def _document(value: Any) -> dict[str, Any]:
    fields: dict[str, Any] = plain(asdict(value))
    return fields


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind. `names` are what a user may type, singular and plural first.

    `read` gives one by name or raises NotFound; `watch` is None where the API has no stream of it;
    `delete` takes (client, name, allow_missing, validate_only) and is None where only the plane removes.
    """

    names: tuple[str, ...]
    columns: Sequence[Column[T]]
    list: Callable[[Client], Sequence[T]]
    name: Callable[[T], str]
    read: Callable[[Client, str], T]
    document: Callable[[T], dict[str, Any]] = _document
    watch: Callable[[Client], Iterator[Change[T]]] | None = None
    delete: Callable[[Client, str, bool, bool], None] | None = None

    @property
    def singular(self) -> str:
        """What messages call it."""
        return self.names[0]


def _by_name(
    kind: str, list_all: Callable[[Client], Sequence[T]], names: Callable[[T], tuple[str, ...]]
) -> Callable[[Client, str], T]:
    """Reads by listing, for what has no Get: `names` are all that one answers to."""

    def read(client: Client, name: str) -> T:
        for one in list_all(client):
            if name in names(one):
                return one
        raise NotFound(kind, name)

    return read


def _segments_named(client: Client, name: str) -> Segment:
    """By id, or by the beginning of one that only one has."""
    found = [segment for segment in client.segments() if segment.id.startswith(name)]
    exact = [segment for segment in found if segment.id == name]
    if len(exact or found) != 1:
        many = f'"{name}" begins the ids of {len(found)} segments: give more of it' if found else None
        raise NotFound("segment", name, many)
    return (exact or found)[0]


def _plan(client: Client, name: str) -> Plan:
    if name == "latest":
        return client.plan()
    if not name.isdigit() or not int(name):
        raise NotFound("plan", name, f'there is no plan "{name}": plans have numbers from 1, or say latest')
    return client.plan(int(name))


def _delete_workload(client: Client, name: str, allow_missing: bool, validate_only: bool) -> None:
    client.delete(name, allow_missing=allow_missing, validate_only=validate_only)


def _delete_model(client: Client, name: str, allow_missing: bool, validate_only: bool) -> None:
    client.delete_model(name, allow_missing=allow_missing, validate_only=validate_only)


def _delete_profile(client: Client, name: str, allow_missing: bool, validate_only: bool) -> None:
    client.delete_profile(name, allow_missing=allow_missing, validate_only=validate_only)


def _delete_node(client: Client, name: str, allow_missing: bool, validate_only: bool) -> None:
    if _exists(NODES, client, name, allow_missing) and not validate_only:
        client.delete_node(name)


def _delete_device(client: Client, name: str, allow_missing: bool, validate_only: bool) -> None:
    if _exists(DEVICES, client, name, allow_missing) and not validate_only:
        client.delete_device(name)


def _exists(kind: Kind[Any], client: Client, name: str, allow_missing: bool) -> bool:
    try:
        kind.read(client, name)
    except NotFound:
        if not allow_missing:
            raise
        return False
    return True


def _event_name(event: Event) -> str:
    return str(event.revision)


WORKLOADS: Kind[Workload] = Kind(
    names=("workload", "workloads", "wl"),
    columns=columns.WORKLOAD,
    list=Client.list,
    name=lambda one: one.name,
    read=Client.get,
    document=workload_document,
    watch=Client.watch,
    delete=_delete_workload,
)
MODELS: Kind[Model] = Kind(
    names=("model", "models", "mo"),
    columns=columns.MODEL,
    list=Client.models,
    name=lambda one: one.name,
    read=Client.model,
    delete=_delete_model,
)
PROFILES: Kind[Profile] = Kind(
    names=("profile", "profiles", "pr"),
    columns=columns.PROFILE,
    list=Client.profiles,
    name=lambda one: one.name,
    read=Client.profile,
    delete=_delete_profile,
)
NODES: Kind[Node] = Kind(
    names=("node", "nodes", "no"),
    columns=columns.NODE,
    list=Client.nodes,
    name=lambda one: one.name,
    read=_by_name("node", Client.nodes, lambda one: (one.name,)),
    delete=_delete_node,
)
GPUS: Kind[Gpu] = Kind(
    names=("gpu", "gpus"),
    columns=columns.GPU,
    list=Client.gpus,
    name=lambda one: one.name,
    read=_by_name("gpu", Client.gpus, lambda one: (one.name, one.uuid)),
)
SEGMENTS: Kind[Segment] = Kind(
    names=("segment", "segments", "seg"),
    columns=columns.SEGMENT,
    list=Client.segments,
    name=lambda one: one.id,
    read=_segments_named,
    watch=Client.watch_segments,
)
DEVICES: Kind[Device] = Kind(
    names=("device", "devices", "dev"),
    columns=columns.DEVICE,
    list=Client.devices,
    name=lambda one: one.name,
    read=_by_name("device", Client.devices, lambda one: (one.name,)),
    delete=_delete_device,
)
PLANS: Kind[Plan] = Kind(
    names=("plan", "plans"),
    columns=columns.PLAN,
    list=Client.plans,
    name=lambda one: str(one.id),
    read=_plan,
)
EVENTS: Kind[Event] = Kind(
    names=("event", "events", "ev"),
    columns=columns.EVENT,
    list=Client.events,
    name=_event_name,
    read=_by_name("event", Client.events, lambda one: (_event_name(one),)),
)

ALL: tuple[Kind[Any], ...] = (WORKLOADS, MODELS, PROFILES, NODES, GPUS, SEGMENTS, DEVICES, PLANS, EVENTS)


def named(word: str) -> Kind[Any]:
    """The kind by any of its names, in any case; a usage error for any other word."""
    for kind in ALL:
        if word.lower() in kind.names:
            return kind
    known = ", ".join(kind.names[1] for kind in ALL)
    raise click.UsageError(f'there is no kind "{word}"; kinds are {known}')


def targets(kind_word: str, names: Sequence[str]) -> tuple[Kind[Any], tuple[str, ...]]:
    """The kind and the names of "KIND NAME..." or "KIND/NAME..."."""
    word, slash, name = kind_word.partition("/")
    kind = named(word)
    given = (name, *names) if slash else tuple(names)
    prefixes = tuple(f"{one}/" for one in kind.names)
    return kind, tuple(_bare(one, prefixes) for one in given)


def _bare(name: str, prefixes: tuple[str, ...]) -> str:
    """The name without "kind/", as `-o name` prints it."""
    for prefix in prefixes:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
