"""How the client calls: deadlines, bounded retries of one request, pages, errors of the closed set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast
from uuid import uuid4

import grpc

from common.backoff import delays
from common.errors import DeadlineExceeded, Internal, SliceplaneError, Unavailable
from common.rpc.status import from_rpc_error

Res = TypeVar("Res")

PAGE_SIZE = 500
CANNOT_REACH = "CANNOT_REACH"
RICH_STATUS = "grpc-status-details-bin"

Unary = Callable[..., Res]
Stream = Callable[..., Iterator[Res]]


class Page(Protocol):
    """What every List response has."""

    @property
    def next_page_token(self) -> str:
        """Empty: the last page."""


P = TypeVar("P", bound=Page)


@dataclass(frozen=True, slots=True)
class Limits:
    """`call_s`: one call; `patience_s`: how long to go on trying a server that is not there; both seconds."""

    call_s: float = 30.0
    patience_s: float = 5.0
    watch_patience_s: float = 60.0
    transfer_s: float = 3600.0


class Patience:
    """Waits between tries, longer each time, until it ends; good news starts it afresh."""

    def __init__(self, seconds: float) -> None:
        self.renew(seconds)

    def renew(self, seconds: float) -> None:
        """So many seconds from now on."""
        self.end = time.monotonic() + seconds
        self._delays = delays(limit_s=1.0)

    def wait(self, error: SliceplaneError) -> None:
        """Sleeps before the next try; raises `error` if there is no time for one."""
        delay = next(self._delays)
        if time.monotonic() + delay >= self.end:
            raise error
        time.sleep(delay)


@dataclass(slots=True)
class Calls:
    """A channel with the client's manners."""

    channel: grpc.Channel
    server: str
    limits: Limits

    def unary(self, method: Unary[Res], request: object, *, timeout_s: float | None = None) -> Res:
        """One call; the same request again while the server is unavailable, for `patience_s` at most."""
        limit = timeout_s or self.limits.call_s

        def attempt() -> Res:
            with translated(self.server, limit):
                return method(request, timeout=limit)

        return self.patiently(attempt)

    def patiently(self, attempt: Callable[[], Res]) -> Res:
        """The first result of `attempt` that is not Unavailable. Attempts must be safe to repeat."""
        patience = Patience(self.limits.patience_s)
        while True:
            try:
                return attempt()
            except Unavailable as error:
                patience.wait(error)

    def pages(self, method: Unary[P], request: Callable[..., object], **fields: object) -> Iterator[P]:
        """Every page of a List method."""
        token = ""
        while True:
            page = self.unary(method, request(page_size=PAGE_SIZE, page_token=token, **fields))
            yield page
            token = page.next_page_token
            if not token:
                return

    def opened(self, method: Stream[Res], request: object) -> Iterator[Res]:
        """The responses of one stream, which is cancelled when the caller stops reading."""
        stream = method(request)
        try:
            with translated(self.server, None):
                yield from stream
        finally:
            cast(grpc.Call, stream).cancel()


@contextmanager
def translated(server: str, limit_s: float | None) -> Iterator[None]:
    """gRPC failures become errors of the closed set, here only."""
    try:
        yield
    except grpc.RpcError as error:
        raise _meaning(error, server, limit_s) from error


def _meaning(error: grpc.RpcError, server: str, limit_s: float | None) -> SliceplaneError:
    call = cast(grpc.Call, error)
    said_by_server = any(key == RICH_STATUS for key, _ in call.trailing_metadata() or ())
    if said_by_server:
        return from_rpc_error(error)
    if call.code() == grpc.StatusCode.UNAVAILABLE:
        return unreachable(server)
    if call.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(f"{server} gave no answer within {limit_s:g} s")
    if call.code() == grpc.StatusCode.UNIMPLEMENTED:
        return Internal(f"{server} does not offer this part of Sliceplane's API: is it the controller's public port?")
    return from_rpc_error(error)


def unreachable(server: str) -> Unavailable:
    """What a caller is told when nobody answers."""
    return Unavailable(f"cannot reach {server}; is sliceplane-controller running there?", reason=CANNOT_REACH)


def request_id_or_new(request_id: str | None) -> str:
    """The caller's id, or a new one, so that a retry after a lost answer is not a second change."""
    return request_id or str(uuid4())
