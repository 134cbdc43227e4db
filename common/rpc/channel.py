"""Builds client channels: keepalive, message limits and bounded reconnect back-off, the same everywhere."""

from __future__ import annotations

import grpc
from grpc import aio

OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


def aio_channel(target: str, *, max_message_bytes: int = 4 << 20) -> aio.Channel:
    """An asyncio channel to `target` ("host:port", "unix:..." or "xds:///NAME")."""
    return aio.insecure_channel(target, options=(*OPTIONS, *_limits(max_message_bytes)))


def sync_channel(target: str, *, max_message_bytes: int = 4 << 20) -> grpc.Channel:
    """A blocking channel to `target`, for the CLI and the Python client."""
    return grpc.insecure_channel(target, options=(*OPTIONS, *_limits(max_message_bytes)))


def _limits(size: int) -> tuple[tuple[str, int], ...]:
    return (("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size))
