"""Server interceptor: the closed set of errors becomes rich statuses; anything else is logged and INTERNAL."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from grpc import aio

from common.errors import SliceplaneError
from common.rpc.status import trailing

log = structlog.get_logger("rpc")

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]


async def _fail(error: Exception, context: aio.ServicerContext[Any, Any], method: str) -> None:
    if isinstance(error, SliceplaneError):
        code, details, metadata = trailing(error)
        await context.abort(code, details, metadata)
    log.error("handler failed", method=method, error=repr(error), exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, f"{method} failed: see the server's log")


def _unary(inner: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
    async def call(request: Any, context: aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await inner(request, context)
        except aio.AbortError:
            raise
        except Exception as error:
            await _fail(error, context, method)

    return call


def _stream(inner: Callable[..., Any], method: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(inner):  # it writes to the context instead of yielding, as grpc's own Watch does
        return _unary(inner, method)

    async def call(request: Any, context: aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        try:
            async for response in inner(request, context):
                yield response
        except aio.AbortError:
            raise
        except Exception as error:
            await _fail(error, context, method)

    return call


def rewrapped(handler: Any, unary: Callable[[Any], Any], stream: Callable[[Any], Any]) -> Handler:
    """`handler` with its behaviour wrapped by `unary` or, where it answers a stream, by `stream`."""
    make: dict[tuple[bool, bool], tuple[Any, Any, Any]] = {
        (False, False): (grpc.unary_unary_rpc_method_handler, handler.unary_unary, unary),
        (True, False): (grpc.stream_unary_rpc_method_handler, handler.stream_unary, unary),
        (False, True): (grpc.unary_stream_rpc_method_handler, handler.unary_stream, stream),
        (True, True): (grpc.stream_stream_rpc_method_handler, handler.stream_stream, stream),
    }
    build, inner, wrap = make[(handler.request_streaming, handler.response_streaming)]
    wrapped: Handler = build(
        wrap(inner),
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return wrapped


class ErrorInterceptor(aio.ServerInterceptor):
    """Wraps every handler of an aio server. Streaming handlers must be async generators."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Finds the handler and wraps it by its shape."""
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method)
        return rewrapped(handler, lambda inner: _unary(inner, method), lambda inner: _stream(inner, method))


Count = Callable[[str, grpc.StatusCode], None]


class CountInterceptor(aio.ServerInterceptor):
    """Tells `count` the method and the status of every call that ends. Put it before the ErrorInterceptor."""

    def __init__(self, count: Count) -> None:
        self._count = count

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Finds the handler and wraps it by its shape."""
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method)
        return rewrapped(handler, lambda inner: self._unary(inner, method), lambda inner: self._stream(inner, method))

    def _unary(self, inner: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
        async def call(request: Any, context: aio.ServicerContext[Any, Any]) -> Any:
            try:
                return await inner(request, context)
            finally:
                self._count(method, _ended(context))

        return call

    def _stream(self, inner: Callable[..., AsyncIterator[Any]], method: str) -> Callable[..., AsyncIterator[Any]]:
        async def call(request: Any, context: aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            try:
                async for response in inner(request, context):
                    yield response
            finally:
                self._count(method, _ended(context))

        return call


def _ended(context: Any) -> grpc.StatusCode:
    if context.cancelled():
        return grpc.StatusCode.CANCELLED
    code = context.code()
    known = {status.value[0]: status for status in grpc.StatusCode}
    return code if isinstance(code, grpc.StatusCode) else known.get(code or 0, grpc.StatusCode.UNKNOWN)
