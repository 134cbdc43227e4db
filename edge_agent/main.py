"""`sliceplane-edge-agent`: runs the head of a split model on this device, and all of it when it must."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import click
import structlog

from common import logs, process
from common.errors import Unavailable
from common.exposition import expose
from common.rpc import server as rpc
from common.version import installed
from common.xds_bootstrap import bootstrap_json
from edge_agent import memory, watchdog
from edge_agent.agent import Agent
from edge_agent.bundles import BundleStore
from edge_agent.compute import Compute
from edge_agent.engine import Engine
from edge_agent.forwarding import forward
from edge_agent.inputs import preprocess
from edge_agent.inputs.calls import SERVICE, EdgeService
from edge_agent.inputs.folder import Folder
from edge_agent.link import ControllerLink, Identity
from edge_agent.model import Assignment, Goal, Mode, Policy, Where
from edge_agent.pipelines import Pipelines
from edge_agent.policy import answers_of
from edge_agent.results import Results, answered
from edge_agent.rollout import Rollout
from edge_agent.scout import Scout
from edge_agent.settings import Settings, options
from edge_agent.stats import Stats
from edge_agent.window import Window
from protos.sliceplane.edge.v1 import edge_pb2, edge_pb2_grpc

GRACE_S = 5.0
MAX_REQUEST_BYTES = 64 << 20
log = structlog.get_logger("agent")


@click.command(
    context_settings={
        "auto_envvar_prefix": "SLICEPLANE_EDGE_AGENT",
        "show_default": True,
        "help_option_names": ["-h", "--help"],
    }
)
@options
def main(**flags: Any) -> None:
    """Answer frames by a model cut in two: head here, tail at the edge; or all of it here, to keep the deadline.

    Every flag can be set by an environment variable, SLICEPLANE_EDGE_AGENT_WORKLOAD for --workload and so on.
    """
    settings = Settings(**flags)
    logs.configure(settings.log_level, settings.log_format)
    os.environ.update(xds_environment(os.environ, settings))  # gRPC reads it at the first channel
    process.run(lambda stop: serve(settings, stop))


def xds_environment(environ: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """What to add to the environment so that "xds:///" works; nothing if it is set up already."""
    if "GRPC_XDS_BOOTSTRAP" in environ or "GRPC_XDS_BOOTSTRAP_CONFIG" in environ:
        return {}
    return {"GRPC_XDS_BOOTSTRAP_CONFIG": bootstrap_json(settings.xds_server, f"edge-{settings.device}")}


@dataclass(frozen=True, slots=True)
class Process:
    """The wired parts."""

    settings: Settings
    compute: Compute
    agent: Agent
    window: Window
    rollout: Rollout
    link: ControllerLink | None


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serves until `stop` is set, or all files are answered with --once."""
    spec = preprocess.parse(settings.checked().preprocess)
    parts = _wired(settings)
    if settings.metrics_listen:
        expose(settings.metrics_listen, parts.agent.stats.registry, default_host="127.0.0.1")
    server = await _listening(parts) if settings.listen else None
    tasks: list[asyncio.Task[None]] = []
    try:
        following = await _following(parts)  # first: it may fail, and jobs that nobody begins are a warning each
        jobs = [_until(stop), watchdog.from_environment(os.environ).run(), parts.rollout.watch(), *following]
        if settings.queued:
            jobs.append(forward(settings, parts.agent, parts.window, spec))
        elif settings.input_dir:
            jobs.append(_answer_folder(parts, spec))
        if server:
            jobs.append(_mark_ready(server, parts.agent))
        tasks = [asyncio.create_task(job) for job in jobs]
        await _first_end(tasks)
        if parts.agent.stats.latencies:
            parts.rollout.stood()
    finally:
        await _close(parts, server, tasks)


def _wired(settings: Settings) -> Process:
    compute = Compute()
    store = BundleStore(settings.state_dir / "bundles")
    engine = Engine(Mode(settings.mode), compute, goal=Goal(settings.goal))
    links: list[ControllerLink] = []

    async def fetch(digest: str, offset: int) -> AsyncIterator[bytes]:
        if not links:
            raise Unavailable("there is no controller to fetch a bundle from")
        async for chunk in links[0].fetch(digest, offset):
            yield chunk

    stats = Stats()
    rollout = Rollout(settings.state_dir / "bundles" / "slots.json", stats.registry, settings.canary_agreement)
    agent = Agent(
        engine,
        Pipelines(Scout(Mode(settings.mode), compute)),
        store,
        fetch,
        level=settings.level,
        min_level=settings.min_level,
        threads=settings.threads,
        deadline_s=settings.deadline_ms / 1000,
        dial=settings.mode != Mode.LOCAL,
        rollout=rollout,
        stats=stats,
    )
    if not settings.bundle:
        links.append(_link(settings, agent))
    return Process(settings, compute, agent, Window(settings.frames), rollout, links[0] if links else None)


def _link(settings: Settings, agent: Agent) -> ControllerLink:
    identity = Identity(settings.device, installed(), settings.workload)

    def assign(assignment: Assignment) -> None:
        told = bool(assignment.bundle_digest) and bool(settings.tail)
        agent.assign(replace(assignment, target=settings.tails[0]) if told else assignment)

    return ControllerLink(settings.controller, identity, lambda: _report(agent), assign)


async def _following(parts: Process) -> list[Coroutine[Any, Any, None]]:
    """What keeps the bundle and the tail what they are to be."""
    settings, agent = parts.settings, parts.agent
    for number, (bundle, tail) in enumerate(zip(settings.bundle, settings.tails, strict=False)):
        await (agent.add_file if number else agent.run_file)(bundle, tail)
    if parts.link is None:
        return []
    saved_at = settings.state_dir / "assignment.json"
    if saved := memory.load(saved_at):  # the controller may be away: begin with what it said last
        if saved.bundle_digest not in parts.rollout.last[:1]:
            await agent.run_last(settings.tails[0] or saved.target)
        agent.assign(replace(saved, target=settings.tails[0] or saved.target))
    return [agent.run(lambda assignment: memory.save(saved_at, assignment)), parts.link.run()]


async def _answer_folder(parts: Process, spec: preprocess.Preprocess | None) -> None:
    settings = parts.settings
    if settings.input_dir is None:
        return
    results = Results(settings.results, settings.outputs_dir)
    done = answered(settings.results) if settings.resume else set()
    folder = Folder(settings.input_dir, spec, settings.once, done)
    try:
        policy = Policy(settings.policy)
        async with aclosing(answers_of(folder.items(), parts.agent, parts.window, policy)) as answers:
            async for answer in answers:
                await asyncio.to_thread(results.write, answer)
    finally:
        results.close()


async def _listening(parts: Process) -> rpc.Server:
    server = rpc.build([parts.settings.listen], max_message_bytes=MAX_REQUEST_BYTES)
    servicer = EdgeService(parts.agent, parts.window, Policy(parts.settings.policy))
    rpc.add(server, SERVICE, edge_pb2_grpc.add_EdgeServiceServicer_to_server, servicer)
    await server.start(serving=False)
    log.info("listening", port=server.ports[0])
    return server


async def _mark_ready(server: rpc.Server, agent: Agent) -> None:
    await agent.ready.wait()
    await server.set_serving(True)
    await asyncio.Event().wait()  # a job that ends ends the process


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _first_end(tasks: list[asyncio.Task[None]]) -> None:
    """Waits for the first job to end; raises its error."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _close(parts: Process, server: rpc.Server | None, tasks: list[asyncio.Task[None]]) -> None:
    if server:
        await server.stop(GRACE_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await parts.agent.close()
    if parts.link:
        await parts.link.close()
    parts.compute.close()
    counts = {f"frames_{where.value}": count for where, count in parts.agent.stats.counts.items()}
    log.info("stopped", **counts)


def _report(agent: Agent) -> edge_pb2.Report:
    stats, serving = agent.stats, agent.serving
    return edge_pb2.Report(
        bundle_digest=serving.digest if serving else "",
        frames_split=stats.counts[Where.SPLIT],
        frames_local=stats.counts[Where.LOCAL],
        frames_failed=stats.counts[Where.FAILED],
        bytes_sent=stats.bytes_sent,
        level=serving.pace.held if serving else "",
        latency_p50_ms=stats.percentile(0.50),
        latency_p95_ms=stats.percentile(0.95),
        frames_skipped=stats.counts[Where.SKIPPED],
        refused_bundle_digest=agent.refusal.digest if agent.refusal else "",
        refusal=agent.refusal.why if agent.refusal else "",
        frames_dropped=stats.counts[Where.DROPPED],
    )


if __name__ == "__main__":
    main()
