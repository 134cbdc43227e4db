"""A GPU host for tests of the public API: its agent reports GPUs and calls every segment that it is told ready."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import grpc

from common.mig import A100_80GB
from common.rpc.channel import sync_channel
from protos.sliceplane.node.v1 import node_pb2
from protos.sliceplane.node.v1.node_pb2_grpc import NodeLinkServiceStub
from protos.sliceplane.type.v1 import type_pb2

GIB = 1 << 30
FIRST_PORT = 21000


@contextmanager
def connected(controller: str, node: str, gpus: int = 1) -> Iterator[None]:
    """The host's agent is connected while this lasts."""
    outbox: queue.SimpleQueue[node_pb2.ConnectRequest | None] = queue.SimpleQueue()
    hello = node_pb2.Hello(node=node, address="127.0.0.1", agent_version="0", instance_id=node)
    outbox.put(node_pb2.ConnectRequest(hello=hello))
    outbox.put(_observed(node, gpus, node_pb2.Desired()))
    with sync_channel(controller) as channel, ThreadPoolExecutor(1) as reader:
        stream = NodeLinkServiceStub(channel).Connect(iter(outbox.get, None))
        reading = reader.submit(_answer, stream, outbox, node, gpus)
        try:
            yield
        finally:
            stream.cancel()
            outbox.put(None)
            reading.result(10)


def _answer(
    stream: Iterator[node_pb2.ConnectResponse],
    outbox: queue.SimpleQueue[node_pb2.ConnectRequest | None],
    node: str,
    gpus: int,
) -> None:
    with suppress(grpc.RpcError):  # how a cancelled stream ends
        for message in stream:
            if message.HasField("desired"):
                outbox.put(_observed(node, gpus, message.desired))


def _observed(node: str, gpus: int, desired: node_pb2.Desired) -> node_pb2.ConnectRequest:
    return node_pb2.ConnectRequest(
        observed=node_pb2.Observed(
            epoch=desired.epoch,
            generation=desired.generation,
            gpus=[_gpu(node, index) for index in range(gpus)],
            segments=[_ready(spec, FIRST_PORT + number) for number, spec in enumerate(desired.segments)],
        )
    )


def _ready(spec: node_pb2.SegmentSpec, port: int) -> node_pb2.SegmentStatus:
    endpoint = type_pb2.Endpoint(host="127.0.0.1", port=port, pid=port, ready=True)
    return node_pb2.SegmentStatus(id=spec.id, state=type_pb2.SEGMENT_STATE_READY, endpoints=[endpoint])


def _gpu(node: str, index: int) -> node_pb2.GpuStatus:
    profiles = [
        node_pb2.MigProfile(
            name=one.name,
            gpcs=one.gpcs,
            memory_slices=one.memory_slices,
            starts=one.starts,
            memory_bytes=one.memory_mb << 20,
        )
        for one in A100_80GB.defaults
    ]
    return node_pb2.GpuStatus(
        uuid=f"GPU-{node}-{index}",
        index=index,
        product="NVIDIA A100-SXM4-80GB",
        memory_bytes=80 * GIB,
        mig_enabled=True,
        healthy=True,
        profiles=profiles,
    )
