"""sliceplane-node-agent: carves this host's GPUs and runs Triton on them as the controller desires."""

from __future__ import annotations

import asyncio
import fcntl
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import structlog

from common.errors import InvalidArgument, Unavailable, Violation
from common.logs import configure
from common.names import name_violation
from common.process import run
from common.rpc.channel import aio_channel
from node_agent import metrics, mps, triton
from node_agent.agent import Agent
from node_agent.journal import Journal
from node_agent.link import Link
from node_agent.models import ModelCache
from node_agent.notify import notify
from node_agent.nvml import Nvml
from node_agent.ports_pool import PortPool
from node_agent.segment import Segments
from node_agent.units import Units


@dataclass(frozen=True)
class Settings:
    """What the agent was started with."""

    controller: str
    node: str
    state_dir: Path
    address: str
    ports: tuple[int, int]
    drain_s: float
    metrics_listen: str
    teardown_on_exit: bool


log = structlog.get_logger("agent")


def port_range(text: str) -> tuple[int, int]:
    """FIRST-LAST as two port numbers. InvalidArgument."""
    found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1024 <= first < last <= 65535:
        raise InvalidArgument(Violation("--port-range", f'"{text}" must be FIRST-LAST within 1024-65535'))
    return first, last


def default_node() -> str:
    """This host's name, made a valid resource name."""
    label = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return label[:63] or "node"


@contextmanager
def sole(state_dir: Path) -> Iterator[None]:
    """Holds the state directory for this process alone. Unavailable if another agent has it, or it cannot be made."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = (state_dir / "lock").open("a")
    except OSError as error:
        raise Unavailable(f"cannot use --state-dir {state_dir}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Unavailable(
                f"another node agent already uses {state_dir}: give this one its own --state-dir"
            ) from error
        yield


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Wires the agent and runs it until `stop`."""
    triton.check_present()
    mps.check_present()
    nvml = await asyncio.to_thread(Nvml)
    channel = aio_channel(settings.controller)
    state = settings.state_dir
    models, journal = ModelCache(state / "models", channel), Journal(state)
    pool = PortPool(settings.address, *settings.ports, seed=settings.node)
    units = Units(journal, pool, settings.drain_s)
    agent = Agent(Segments(nvml, models, mps.MpsDaemons(), units, journal, state / "segments"))
    link = Link(agent, channel, settings.node, settings.address)
    end_metrics = metrics.serve(settings.metrics_listen, agent.observed) if settings.metrics_listen else None
    log.info("started", node=settings.node, controller=settings.controller, adopted=len(journal.records))
    try:
        await asyncio.gather(agent.run(stop), link.run(stop), _announce(agent))
        notify("STOPPING=1")
        if settings.teardown_on_exit:
            await agent.teardown()
    finally:
        await models.close()
        await channel.close()
        nvml.close()
        if end_metrics:
            end_metrics()
    log.info("stopped", left_running=len(journal.records))


async def _announce(agent: Agent) -> None:
    await agent.surveyed.wait()
    notify("READY=1")


@click.command(context_settings={"auto_envvar_prefix": "SLICEPLANE_NODE_AGENT", "show_default": True})
@click.option("--controller", default="127.0.0.1:7070", help="Controller's API, HOST:PORT.")
@click.option("--node", default=default_node, help="Name of this host.", show_default="the host's name")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/var/lib/sliceplane/node-agent"),
    help="Journal, model cache and segments.",
)
@click.option("--address", default="127.0.0.1", help="Address that this host's endpoints listen on and are dialled at.")
@click.option(
    "--port-range",
    "ports",
    envvar="SLICEPLANE_NODE_AGENT_PORT_RANGE",
    default="20000-24999",
    help="TCP ports for Triton processes, FIRST-LAST.",
)
@click.option(
    "--drain-timeout",
    "drain_s",
    envvar="SLICEPLANE_NODE_AGENT_DRAIN_TIMEOUT",
    type=click.FloatRange(0, 3600),
    default=10.0,
    help="Seconds that a process which is taken away gets to finish its requests.",
)
@click.option("--metrics-listen", default="", help="HOST:PORT for Prometheus metrics; none unless given.")
@click.option("--teardown-on-exit", is_flag=True, help="Remove all segments on SIGTERM; else they go on running.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--log-format", type=click.Choice(["auto", "json", "text"]), default="auto")
def main(
    controller: str,
    node: str,
    state_dir: Path,
    address: str,
    ports: str,
    drain_s: float,
    metrics_listen: str,
    teardown_on_exit: bool,
    log_level: str,
    log_format: str,
) -> None:
    """Carve this host's GPUs into MIG instances and run Triton on them, as the controller desires.

    The agent dials the controller; it opens no control port. Stopping it leaves the segments running, and starting it
    adopts them. Every flag can be given as SLICEPLANE_NODE_AGENT_<FLAG>.
    """
    configure(log_level, log_format)

    async def checked(stop: asyncio.Event) -> None:
        if wrong := name_violation("--node", node):
            raise InvalidArgument(wrong)
        span, home = port_range(ports), state_dir.resolve()
        settings = Settings(controller, node, home, address, span, drain_s, metrics_listen, teardown_on_exit)
        with sole(home):
            await serve(settings, stop)

    run(checked)
