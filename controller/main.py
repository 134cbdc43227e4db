"""The controller: reads settings, builds adapters, wires, serves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import structlog

from common import logs, process
from common.rpc import server as rpc
from controller import reconcile
from controller.api.register import Services, register_api
from controller.artifacts.inspect import inspect
from controller.artifacts.store import FileArtifacts
from controller.http import HttpServer
from controller.metrics import Metrics
from controller.model import Plan, Workload
from controller.ports import Snapshot
from controller.service.events import Events, Plans
from controller.service.fleet import Fleet
from controller.service.models import Models
from controller.service.profiles import Profiles
from controller.service.workloads import Workloads
from controller.settings import ENVIRONMENT, Settings, options
from controller.stores import Stores, opened, postgres

log = structlog.get_logger("controller")
GRACE_S = 5.0


@click.command(context_settings={"auto_envvar_prefix": ENVIRONMENT, "show_default": True})
@options
def main(**given: Any) -> None:
    """Sliceplane's controller: public API, allocator, reconcile loop, xDS, model store.

    Every option may also be given as SLICEPLANE_CONTROLLER_..., for example SLICEPLANE_CONTROLLER_STATE_DIR.
    """
    settings = Settings(**given)
    logs.configure(settings.log_level, settings.log_format)
    process.run(lambda stop: serve(settings, stop))


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serves until `stop`; then says NOT_SERVING, ends the watches, and lets calls in flight finish."""
    async with AsyncExitStack() as stack:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        url = await stack.enter_async_context(postgres(settings))
        stores = await stack.enter_async_context(opened(url, keep=settings.keep_changes))
        artifacts = FileArtifacts(settings.models, limit_bytes=settings.max_model_bytes)
        await artifacts.prepare()
        api = await _start_api(settings, stores, artifacts)
        stack.push_async_callback(api.stop, GRACE_S)
        http = HttpServer(stores.plane, stores.leader, Metrics())
        stack.push_async_callback(http.stop)
        await http.start(settings.http_listen)
        ports = {"api": api.ports[0], "http": http.port}
        log.info("serving", **ports)
        if settings.port_file:
            await asyncio.to_thread(_write_ports, settings.port_file, ports)
        await stop.wait()
        log.info("stopping")


async def _start_api(settings: Settings, stores: Stores, artifacts: FileArtifacts) -> rpc.Server:
    server = rpc.build(settings.listen)
    register_api(server, services(stores, artifacts, reconcile.Options(drain_s=settings.drain_seconds)))
    await server.start()
    return server


def services(stores: Stores, artifacts: FileArtifacts, how: reconcile.Options) -> Services:
    """The public services on `stores`; previews plan as turns would with `how`."""

    def preview(snapshot: Snapshot, workloads: Sequence[Workload], deleted: Sequence[str]) -> Plan:
        return reconcile.preview(snapshot, workloads, deleted, now=datetime.now(UTC), options=how)

    return Services(
        Workloads(stores.workloads, stores.plane, preview),
        Models(stores.models, artifacts, inspect),
        Profiles(stores.profiles),
        Fleet(stores.fleet),
        Plans(stores.plans),
        Events(stores.events),
    )


def _write_ports(path: Path, ports: dict[str, int]) -> None:
    """Whole or not at all: whoever waits for the file may read it as soon as it is there."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(ports))
    part.replace(path)


if __name__ == "__main__":
    main()
