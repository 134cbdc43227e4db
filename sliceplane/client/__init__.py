"""The synchronous Python client of Sliceplane's public API."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from common.rpc.channel import sync_channel
from sliceplane.client.calls import Calls, Limits
from sliceplane.client.fleet import FleetVerbs
from sliceplane.client.models import ModelVerbs
from sliceplane.client.plans import EventVerbs, PlanVerbs
from sliceplane.client.profiles import ProfileVerbs
from sliceplane.client.workloads import WorkloadVerbs

DEFAULT_SERVER = "127.0.0.1:7070"
LARGEST_ANSWER = 64 << 20  # a page of plans of a large fleet


class Client(WorkloadVerbs, ModelVerbs, ProfileVerbs, FleetVerbs, PlanVerbs, EventVerbs):
    """A connection to one controller; raises the errors of `common.errors` only.

    Every call is tried again, with the same request id, while the server cannot be reached, for
    `limits.patience_s` seconds at most: a controller may restart under a running script. Not for use
    after `fork`; safe to share between threads.
    """

    def __init__(self, server: str = DEFAULT_SERVER, *, limits: Limits | None = None) -> None:
        """Connects at the first call. `server`: "host:port"."""
        channel = sync_channel(server, max_message_bytes=LARGEST_ANSWER)
        self._calls = Calls(channel, server, limits or Limits())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and every watch."""
        self._calls.channel.close()


__all__ = ["DEFAULT_SERVER", "Client", "Limits"]
