"""Plans from files alone, with the controller's own allocator."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from controller.allocator import (
    PARVAGPU,
    Options,
    Placed,
    Plan,
    ProfileTable,
    Service,
    Unservable,
    plan_optimal,
    plan_to_json,
)
from controller.allocator import plan as allocate
from sliceplane.cli import maps
from sliceplane.cli.files import documents_of
from sliceplane.cli.output import print_json, print_yaml
from sliceplane.cli.plan_options import How
from sliceplane.cli.profile_files import tables_of
from sliceplane.cli.suspect_rows import usable
from sliceplane.cli.tables import Column, number, show_table, tenths
from sliceplane.types import Workload

UNSERVABLE: tuple[Column[Unservable], ...] = (
    Column("UNSERVED", lambda one: one.service),
    Column("REASON", lambda one: one.reason.value),
    Column("DETAIL", lambda one: one.detail),
)


def show(profiles: Sequence[Path], workloads: Sequence[str], how: How, output: str) -> None:
    """Plans and prints; services that cannot be served are listed, not an error."""
    options = how.options
    tables = usable(tables_of(profiles), how.suspect_rows)
    services = [_service(document.workload) for document in documents_of(workloads, any_names=True)]
    began = time.perf_counter()
    made = _made(services, tables, options, how)
    elapsed_ms = (time.perf_counter() - began) * 1000
    if output == "json":
        print_json(plan_to_json(made, elapsed_ms))
    elif output == "yaml":
        print_yaml([plan_to_json(made, elapsed_ms)])
    else:
        _show_table(made, elapsed_ms)


def _made(services: Sequence[Service], tables: Mapping[str, ProfileTable], options: Options, how: How) -> Plan:
    if how.algorithm == PARVAGPU:
        return allocate(services, tables, options)
    limit = time.monotonic() + how.time_limit
    return plan_optimal(services, tables, options, expired=lambda: time.monotonic() >= limit)


def _service(workload: Workload) -> Service:
    spec = workload.spec
    return Service(
        name=workload.name,
        model=spec.profile or spec.model,
        rate=spec.rate,
        slo_ms=spec.slo_ms,
        max_processes=spec.max_processes or None,
        revision=spec.model_digest,
    )


def _show_table(made: Plan, elapsed_ms: float) -> None:
    click.echo(summary(made.algorithm, made.gpus, made.lower_bound, made.gpcs, elapsed_ms))
    if made.placed:
        click.echo()
        maps.show(maps.offline_rows(made))
        click.echo()
        show_table(_segment_columns(made), made.placed)
    if made.unservable:
        click.echo()
        show_table(UNSERVABLE, made.unservable)


def _segment_columns(made: Plan) -> tuple[Column[Placed], ...]:
    return (
        Column("GPU", lambda one: str(one.gpu), right=True),
        Column("START", lambda one: str(one.start), right=True),
        Column("PROFILE", lambda one: made.geometry.default(one.segment.size).name),
        Column("WORKLOAD", lambda one: one.segment.service),
        Column("BATCH", lambda one: str(one.segment.batch), right=True),
        Column("PROCESSES", lambda one: str(one.segment.processes), right=True),
        Column("ITEMS/S", lambda one: tenths(one.segment.throughput), right=True),
        Column("LATENCY MS", lambda one: tenths(one.segment.latency_ms), right=True),
    )


def summary(algorithm: str, gpus: int, bound: int, gpcs: int, elapsed_ms: float) -> str:
    """ "parvagpu: 13 GPUs (no plan needs fewer than 12), 90 GPCs, 3.1 ms"."""
    proof = f"no plan needs fewer than {bound}"
    if gpus <= bound:
        proof = "proven to be the fewest" if gpus == bound else f"to serve all takes at least {bound}"
    took = f", {number(elapsed_ms)} ms" if elapsed_ms else ""
    return f"{algorithm}: {gpus} GPU{'' if gpus == 1 else 's'} ({proof}), {gpcs} GPC{'' if gpcs == 1 else 's'}{took}"
