"""The controller: reads settings, builds adapters, wires, serves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import structlog

from common import logs, process
from common.errors import FailedPrecondition
from common.rpc import server as rpc
from controller import reconcile
from controller.api.register import Services, register_api
from controller.artifacts.inspect import inspect
from controller.artifacts.store import FileArtifacts
from controller.http import HttpServer
from controller.links.edge import EdgeLinks
from controller.links.node import NodeLinks
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
from controller.turn import Turns, utc_now
from controller.xds.server import Xds

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
    """Serves until `stop`; then says NOT_SERVING, ends the endless streams, and lets calls in flight finish."""
    async with AsyncExitStack() as stack:
        _make(settings.state_dir)
        url = await stack.enter_async_context(postgres(settings))
        stores = await stack.enter_async_context(opened(url, keep=settings.keep_changes))
        artifacts = FileArtifacts(settings.models, limit_bytes=settings.max_model_bytes)
        await artifacts.prepare()
        metrics = Metrics()
        api, xds_server = (
            rpc.build(addresses, count=metrics.count) for addresses in (settings.listen, settings.xds_listen)
        )
        how = settings.how
        # A host's silence counts from our start at the earliest, in previews as in turns.
        register_api(api, services(stores, artifacts, replace(how, leading_since=utc_now())))
        turns = _turns(settings, stores, how, api, xds_server, metrics)
        http = HttpServer(stores.plane, stores.leader, metrics)
        stack.push_async_callback(http.stop)
        await http.start(settings.http_listen)
        turning = await stack.enter_async_context(_running(turns))
        for server in (xds_server, api):
            await stack.enter_async_context(_serving(server))
        await _announce(settings, {"api": api.ports[0], "xds": xds_server.ports[0], "http": http.port})
        await _until(stop, turning)
        log.info("stopping")


def services(stores: Stores, artifacts: FileArtifacts, how: reconcile.Options) -> Services:
    """The public services on `stores`; previews plan as turns would with `how`."""

    def preview(snapshot: Snapshot, workloads: Sequence[Workload], deleted: Sequence[str]) -> Plan:
        return reconcile.preview(snapshot, workloads, deleted, now=utc_now(), options=how)

    return Services(
        Workloads(stores.workloads, stores.plane, preview),
        Models(stores.models, artifacts, inspect),
        Profiles(stores.profiles),
        Fleet(stores.fleet),
        Plans(stores.plans),
        Events(stores.events),
    )


def _turns(
    settings: Settings,
    stores: Stores,
    how: reconcile.Options,
    api: rpc.Server,
    xds_server: rpc.Server,
    metrics: Metrics,
) -> Turns:
    """The reconcile loop with the links and the xDS server that it tells."""
    nodes = NodeLinks(stores.plane, stores.leader, api.closing, utc_now)
    devices = EdgeLinks(stores.plane, api.closing, utc_now)
    xds = Xds(xds_server.closing)
    nodes.register(api)
    devices.register(api)
    xds.register(xds_server)
    metrics.watch_xds(xds.counters)
    return Turns(
        store=stores.plane,
        leader=stores.leader,
        wakeups=stores.wakeups,
        nodes=nodes,
        devices=devices,
        xds=xds,
        options=how,
        turn_s=settings.turn_seconds,
        observe=metrics.turned,
    )


@asynccontextmanager
async def _running(turns: Turns) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(turns.run())
    try:
        yield task
    finally:
        turns.stopping = True
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def _serving(server: rpc.Server) -> AsyncIterator[None]:
    await server.start()
    try:
        yield
    finally:
        await server.stop(GRACE_S)


async def _until(stop: asyncio.Event, turning: asyncio.Task[None]) -> None:
    """Returns at `stop`; raises what ended the turns, which otherwise never end."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((stopped, turning), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if turning.done():
        turning.result()


async def _announce(settings: Settings, ports: dict[str, int]) -> None:
    log.info("serving", **ports)
    if settings.port_file:
        await asyncio.to_thread(_write_ports, settings.port_file, ports)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"cannot make the state directory {folder}: {error.strerror}; give another --state-dir"
        raise FailedPrecondition("state-dir", said) from error


def _write_ports(path: Path, ports: dict[str, int]) -> None:
    """Whole or not at all: whoever waits for the file may read it as soon as it is there."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(ports))
    part.replace(path)


if __name__ == "__main__":
    main()
