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


class ErrorInterceptor(aio.ServerInterceptor):
    """Wraps every handler of an aio server, whether it returns, yields or writes."""

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
        make: dict[tuple[bool, bool], tuple[Any, Any, Any]] = {
            (False, False): (grpc.unary_unary_rpc_method_handler, handler.unary_unary, _unary),
            (True, False): (grpc.stream_unary_rpc_method_handler, handler.stream_unary, _unary),
            (False, True): (grpc.unary_stream_rpc_method_handler, handler.unary_stream, _stream),
            (True, True): (grpc.stream_stream_rpc_method_handler, handler.stream_stream, _stream),
        }
        build, inner, wrap = make[(handler.request_streaming, handler.response_streaming)]
        wrapped: Handler = build(
            wrap(inner, method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return wrapped
