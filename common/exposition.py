"""A daemon's figures for Prometheus on an address of their own."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, start_http_server

from common.errors import InvalidArgument, Unavailable, Violation


def expose(listen: str, registry: CollectorRegistry, *, default_host: str = "") -> Callable[[], None]:
    """Answers GET /metrics on `listen` ("HOST:PORT"; ":PORT" where there is a default); returns what ends it.

    Raises InvalidArgument naming --metrics-listen, Unavailable if the port is taken.
    """
    host, _, port = listen.rpartition(":")
    host = host or default_host
    if not host or not port.isdigit() or int(port) > 65535:
        raise InvalidArgument(Violation("--metrics-listen", f'"{listen}" must be HOST:PORT'))
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except OSError as error:
        raise Unavailable(f"cannot listen on {listen} for metrics: {error.strerror}") from error

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join(5)

    return end
