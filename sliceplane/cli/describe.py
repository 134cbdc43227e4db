"""`sliceplane describe`: all that is known of one resource, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from sliceplane.cli import columns, maps
from sliceplane.cli.kinds import targets
from sliceplane.cli.plan_live import show_plan
from sliceplane.cli.session import LiveCommand, Session, bad_input, pass_session
from sliceplane.cli.tables import age, clock, dash, number, show_table, size, yes
from sliceplane.client import Client
from sliceplane.tenants import workload_names
from sliceplane.types import Device, Event, Gpu, Model, Node, Plan, Profile, Segment, Workload

RECENT = 10


@click.command(cls=LiveCommand)
@click.argument("kind_word", metavar="KIND")
@click.argument("names", metavar="NAME...", nargs=-1)
@pass_session
def describe(session: Session, kind_word: str, names: tuple[str, ...]) -> None:
    """Show one resource with all that belongs to it.

    \b
    Examples:
      sliceplane describe workload ocr-rec
      sliceplane describe node sim-a
    """
    kind, wanted = targets(kind_word, names)
    if not wanted:
        raise bad_input(f"give the name of a {kind.singular}")
    for number_, name in enumerate(wanted):
        found = kind.read(session.client, name)
        if number_:
            click.echo()
        PAGES[type(found)](session.client, found)


def _fields(pairs: Iterable[tuple[str, object]]) -> None:
    shown = [(label, str(value)) for label, value in pairs]
    width = max(len(label) for label, _ in shown) + 1
    for label, value in shown:
        click.echo(f"{label + ':':<{width}}  {value}")


def _section(title: str, columns_: Any, rows: Iterable[Any]) -> None:
    found = list(rows)
    if found:
        click.echo(f"\n{title}")
        show_table(columns_, found, indent="  ")


def _narrow(columns_: Iterable[Any]) -> list[Any]:
    return [column for column in columns_ if not column.wide]


def _events(client: Client, kind: str, name: str) -> None:
    recent = client.events(subject_kind=kind, subject=name)[-RECENT:]
    _section("Events", _narrow(columns.EVENT), recent)


def _workload(client: Client, one: Workload) -> None:
    spec, status = one.spec, one.status
    _fields(
        [
            ("Name", one.name),
            ("Labels", ", ".join(f"{key}={value}" for key, value in one.labels.items()) or "-"),
            ("Model", spec.model),
            ("Digest", dash(status.model_digest or spec.model_digest)),
            ("Rate", f"{number(spec.rate)} requests/s"),
            ("SLO", f"{number(spec.slo_ms)} ms"),
            ("Serve", spec.serve),
            ("Max processes", spec.max_processes or "the planner's own"),
            ("Priority", spec.priority),
            ("Hosts", f"at least {spec.min_hosts or 1}"),
            ("Memory", f"{number(spec.memory_mb)} MB a process" if spec.memory_mb else "not known"),
            ("Exclusive", "yes" if spec.exclusive else "no"),
            ("Profile", spec.profile or f"{spec.model} (the model's)"),
            ("Target", dash(status.target)),
            ("Segments", f"{status.ready_segments} ready of {status.planned_segments}"),
            ("Capacity", f"{number(status.ready_throughput)} ready of {number(status.planned_throughput)} requests/s"),
            ("Generation", f"{one.generation} (observed {status.observed_generation})"),
            ("Etag", one.etag),
            ("Created", f"{clock(one.created)} ({age(one.created)} ago)"),
        ]
    )
    _section("Conditions", columns.CONDITION, status.conditions)
    _section("Segments", _narrow(columns.SEGMENT), client.segments(workload=one.name))
    _events(client, "workload", one.name)


def _model(client: Client, one: Model) -> None:
    _fields(
        [
            ("Name", one.name),
            ("Format", one.format),
            ("Size", size(one.size_bytes)),
            ("Digest", one.digest),
            ("Batchable", yes(one.batchable)),
            ("Updated", clock(one.updated)),
            *(("Input", columns.tensor_text(tensor)) for tensor in one.inputs),
            *(("Output", columns.tensor_text(tensor)) for tensor in one.outputs),
            *(("Version", version) for version in one.versions),
        ]
    )
    _section("Workloads", _narrow(columns.WORKLOAD), (w for w in client.list() if w.spec.model == one.name))
    _events(client, "model", one.name)


def _profile(client: Client, one: Profile) -> None:
    _fields(
        [
            ("Name", one.name),
            ("GPU", dash(one.gpu_product)),
            ("Source", dash(one.source)),
            ("Updated", clock(one.updated)),
        ]
    )
    users = (w for w in client.list() if (w.spec.profile or w.spec.model) == one.name)
    _section("Workloads", _narrow(columns.WORKLOAD), users)
    _section("Points", columns.POINT, one.points)


def _node(client: Client, one: Node) -> None:
    _fields(
        [
            ("Name", one.name),
            ("Address", dash(one.address)),
            ("Connected", yes(one.connected)),
            ("Last seen", f"{clock(one.last_seen)} ({age(one.last_seen)} ago)"),
            ("Agent", dash(one.agent_version)),
            ("Driver", dash(one.driver_version)),
            ("Generation", f"{one.observed_generation} of {one.desired_generation}"),
        ]
    )
    _section("Conditions", columns.CONDITION, one.conditions)
    gpus, segments = client.gpus(node=one.name), client.segments(node=one.name)
    if gpus:
        click.echo("\nGPUs")
        maps.show(maps.fleet_rows(gpus, segments))
    _section("Segments", _narrow(columns.SEGMENT), segments)
    _events(client, "node", one.name)


def _gpu(client: Client, one: Gpu) -> None:
    _fields(
        [
            ("Name", one.name),
            ("UUID", one.uuid),
            ("Product", one.product),
            ("Memory", size(one.memory_bytes)),
            ("MIG", yes(one.mig_enabled)),
            ("Schedulable", yes(one.schedulable) if one.schedulable else f"no: {one.unschedulable_reason}"),
        ]
    )
    segments = [segment for segment in client.segments(node=one.node) if segment.gpu_uuid == one.uuid]
    click.echo()
    maps.show(maps.fleet_rows([one], segments))
    _section("Segments", _narrow(columns.SEGMENT), segments)


def _segment(client: Client, one: Segment) -> None:
    _fields(
        [
            ("Id", one.id),
            ("Workloads" if one.tenants else "Workload", workload_names(one)),
            ("GPU", f"{one.node}/{one.gpu_index} ({one.gpu_uuid})"),
            ("Instance", f"{one.profile} at {one.start} ({dash(one.mig_uuid)})"),
            ("Plan", f"batch {one.batch}, {one.processes} processes"),
            ("Capacity", f"{number(one.throughput)} items/s, {number(one.latency_ms)} ms a batch"),
            (
                "Serve",
                f"{one.serve}, shared as {one.workload}" if one.tenants else f"{one.serve} of {dash(one.model_digest)}",
            ),
            ("State", f"{one.state}: {one.message}" if one.message else one.state),
            ("Restarts", one.restarts),
        ]
    )
    _section("Tenants", columns.TENANT, one.tenants)
    _section("Endpoints", columns.ENDPOINT, one.endpoints)
    _events(client, "segment", one.id)


def _device(client: Client, one: Device) -> None:
    _fields(
        [
            ("Name", one.name),
            ("Workload", dash(one.workload)),
            ("Connected", yes(one.connected)),
            ("Last seen", f"{clock(one.last_seen)} ({age(one.last_seen)} ago)"),
            ("Agent", dash(one.agent_version)),
            ("Bundle", dash(one.bundle_digest)),
            ("Level", dash(one.level)),
            ("Refuses", f"{one.refused_bundle_digest or 'a bundle'}: {one.refusal}" if one.refusal else "-"),
            ("Frames", f"{one.frames_split} split, {one.frames_local} local, {one.frames_failed} failed"),
            ("Unasked", f"{one.frames_skipped} skipped, {one.frames_dropped} dropped"),
            ("Sent", size(one.bytes_sent)),
            ("Latency", f"p50 {number(one.latency_p50_ms)} ms, p95 {number(one.latency_p95_ms)} ms"),
        ]
    )
    _events(client, "device", one.name)


def _plan(client: Client, one: Plan) -> None:
    _fields([("Plan", one.id), ("Created", clock(one.created)), ("Trigger", dash(one.trigger))])
    show_plan(one, client.gpus())


def _event(_client: Client, one: Event) -> None:
    show_table(columns.EVENT, [one])


PAGES: dict[type, Callable[[Client, Any], None]] = {
    Workload: _workload,
    Model: _model,
    Profile: _profile,
    Node: _node,
    Gpu: _gpu,
    Segment: _segment,
    Device: _device,
    Plan: _plan,
    Event: _event,
}
