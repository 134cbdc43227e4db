"""`sliceplane-tail`: serves the cut of one bundle in front of one Triton."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import click
import structlog

from common import logs, process
from common.bundle import Bundle, BundleError
from common.errors import InvalidArgument, Violation
from common.exposition import expose
from common.rpc import server as rpc
from node_agent.tail.budget import Budget
from node_agent.tail.decode import Decoder
from node_agent.tail.metrics import Metrics
from node_agent.tail.model import Limits, contract
from node_agent.tail.service import SERVICE, TailService
from node_agent.tail.stream import Parts
from node_agent.tail.triton import Triton
from protos.sliceplane.tail.v1 import tail_pb2_grpc

PROBE_S, FIRST_PROBE_S = 1.0, 0.2
SLACK_BYTES = 1 << 20
COUNT = click.IntRange(min=1)
log = structlog.get_logger("tail")


@dataclass(frozen=True, slots=True)
class Settings:
    """The flags; see their help."""

    listen: str
    triton: str
    model: str
    bundle: Path
    metrics_listen: str
    max_batch: int
    max_elements: int
    grace_s: float
    limits: Limits


@click.command(context_settings={"auto_envvar_prefix": "SLICEPLANE_TAIL", "help_option_names": ["-h", "--help"]})
@click.option("--listen", default="127.0.0.1:7090", show_default=True, help="HOST:PORT to serve on; port 0: any.")
@click.option("--triton", required=True, help="HOST:PORT of Triton's gRPC service.")
@click.option("--model", required=True, help="Name of the tail's model in that Triton.")
@click.option("--bundle", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The bundle's file.")
@click.option("--metrics-listen", default="", help="HOST:PORT for Prometheus; none unless given.")
@click.option(
    "--max-batch", type=COUNT, default=64, show_default=True, help="Largest batch where the cut leaves it open."
)
@click.option(
    "--max-elements",
    type=COUNT,
    default=4 << 20,
    show_default=True,
    help="Largest activation where the cut leaves sizes open.",
)
@click.option("--max-streams", type=COUNT, default=256, show_default=True, help="Streams at once.")
@click.option("--max-in-flight", type=COUNT, default=64, show_default=True, help="Frames of one stream in flight.")
@click.option("--memory-mb", type=COUNT, default=256, show_default=True, help="MiB that all frames in flight may take.")
@click.option(
    "--timeout-ms",
    type=COUNT,
    default=10_000,
    show_default=True,
    help="Longest call of Triton for a frame without deadline.",
)
@click.option("--grace", default=10.0, show_default=True, help="Seconds that frames in flight get when it stops.")
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
@click.option("--log-format", default="auto", type=click.Choice(["auto", "json", "text"]))
def main(
    listen: str,
    triton: str,
    model: str,
    bundle: Path,
    metrics_listen: str,
    max_batch: int,
    max_elements: int,
    max_streams: int,
    max_in_flight: int,
    memory_mb: int,
    timeout_ms: int,
    grace: float,
    log_level: str,
    log_format: str,
) -> None:
    """Decode streamed activations, have the Triton beside it answer them, stream the results back.

    Every flag can be set by an environment variable, SLICEPLANE_TAIL_LISTEN for --listen and so on.
    """
    logs.configure(log_level, log_format)
    limits = Limits(max_streams, max_in_flight, memory_mb << 20, timeout_ms / 1000)
    settings = Settings(listen, triton, model, bundle, metrics_listen, max_batch, max_elements, grace, limits)
    process.run(lambda stop: serve(settings, stop))


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Serves until `stop` is set, then lets the frames in flight finish."""
    bundle = _open(settings.bundle)
    cut = contract(bundle, settings.max_batch, settings.max_elements)
    wire_bytes = cut.max_payload_bytes + SLACK_BYTES
    triton = Triton(settings.triton, settings.model, bundle.manifest.tail_input, max_message_bytes=wire_bytes)
    decoder = Decoder(cut, min(4, os.cpu_count() or 1))
    metrics = Metrics()
    parts = Parts(triton, decoder, Budget(settings.limits.memory_bytes), settings.limits, metrics)
    server = rpc.build([settings.listen], max_message_bytes=wire_bytes, max_send_bytes=-1)
    rpc.add(server, SERVICE, tail_pb2_grpc.add_TailServiceServicer_to_server, TailService(cut, parts, server.closing))
    if settings.metrics_listen:
        expose(settings.metrics_listen, metrics.registry, default_host="127.0.0.1")
    await server.start(serving=False)
    log.info("serving", port=server.ports[0], bundle=cut.bundle_digest, cut=cut.cut_id, triton=settings.triton)
    prober = asyncio.create_task(_probe(triton, server))
    try:
        await stop.wait()
    finally:
        prober.cancel()
        await server.stop(settings.grace_s)
        await triton.close()
        decoder.close()


async def _probe(triton: Triton, server: rpc.Server) -> None:
    """Keeps the health status what Triton's model says of itself."""
    was = False
    while True:
        ready = await triton.ready()
        if ready != was:
            log.info("triton is ready" if ready else "triton is not ready")
            await server.set_serving(ready)
            was = ready
        await asyncio.sleep(PROBE_S if ready else FIRST_PROBE_S)


def _open(path: Path) -> Bundle:
    try:
        return Bundle.open(path)
    except BundleError as error:
        raise InvalidArgument(Violation("--bundle", str(error))) from error


if __name__ == "__main__":
    main()
