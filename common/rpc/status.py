"""Translates the closed set of errors to rich gRPC statuses and back; the only place that knows both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from common import errors
from common.errors import SliceplaneError, Violation

DOMAIN = "sliceplane"

# Error class -> gRPC code. A test holds this table whole.
CODES: dict[type[SliceplaneError], int] = {
    errors.InvalidArgument: code_pb2.INVALID_ARGUMENT,
    errors.NotFound: code_pb2.NOT_FOUND,
    errors.StaleEtag: code_pb2.ABORTED,
    errors.Conflict: code_pb2.ABORTED,
    errors.FailedPrecondition: code_pb2.FAILED_PRECONDITION,
    errors.ResourceExhausted: code_pb2.RESOURCE_EXHAUSTED,
    errors.OutOfRange: code_pb2.OUT_OF_RANGE,
    errors.Unavailable: code_pb2.UNAVAILABLE,
    errors.DeadlineExceeded: code_pb2.DEADLINE_EXCEEDED,
    errors.Internal: code_pb2.INTERNAL,
}


def _details(error: SliceplaneError) -> list[Message]:
    out: list[Message] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)]
    if isinstance(error, errors.InvalidArgument):
        field = error_details_pb2.BadRequest.FieldViolation
        out.append(
            error_details_pb2.BadRequest(
                field_violations=[field(field=v.field, description=v.description) for v in error.violations]
            )
        )
    if isinstance(error, errors.NotFound | errors.StaleEtag):
        out.append(error_details_pb2.ResourceInfo(resource_type=error.kind, resource_name=error.name))
    if isinstance(error, errors.FailedPrecondition):
        violation = error_details_pb2.PreconditionFailure.Violation
        out.append(
            error_details_pb2.PreconditionFailure(
                violations=[violation(type=error.reason, subject=error.subject, description=error.message)]
            )
        )
    return out


def to_status(error: SliceplaneError) -> status_pb2.Status:
    """The rich status of `error`: code, message and google.rpc details."""
    code = next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
    status = status_pb2.Status(code=code, message=error.message)
    for detail in _details(error):
        status.details.add().Pack(detail)
    return status


def trailing(error: SliceplaneError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str | bytes], ...]]:
    """Code, text and trailing metadata that a server answers `error` with."""
    rich = rpc_status.to_status(to_status(error))
    return rich.code, rich.details, tuple(rich.trailing_metadata)


def _unpack(status: status_pb2.Status | None) -> dict[type[Message], Any]:
    found: dict[type[Message], Any] = {}
    kinds = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.ResourceInfo,
        error_details_pb2.PreconditionFailure,
    )
    for packed in status.details if status else ():
        for kind in kinds:
            if packed.Is(kind.DESCRIPTOR):
                message = kind()
                packed.Unpack(message)
                found[kind] = message
    return found


def _invalid(text: str, reason: str | None, found: dict[type[Message], Any]) -> SliceplaneError:
    bad = found.get(error_details_pb2.BadRequest)
    violations = [Violation(v.field, v.description) for v in bad.field_violations] if bad else []
    return errors.InvalidArgument(*violations, message=text, reason=reason)


def _not_found(text: str, _reason: str | None, found: dict[type[Message], Any]) -> SliceplaneError:
    info = found.get(error_details_pb2.ResourceInfo)
    return errors.NotFound(info.resource_type if info else "resource", info.resource_name if info else "", text)


def _precondition(text: str, reason: str | None, found: dict[type[Message], Any]) -> SliceplaneError:
    failure = found.get(error_details_pb2.PreconditionFailure)
    subject = failure.violations[0].subject if failure and failure.violations else ""
    return errors.FailedPrecondition(subject, text, reason=reason)


def _simple(
    kind: type[SliceplaneError],
) -> Callable[[str, str | None, dict[type[Message], Any]], SliceplaneError]:
    return lambda text, reason, _found: kind(text, reason=reason)


_BACK: dict[grpc.StatusCode, Callable[[str, str | None, dict[type[Message], Any]], SliceplaneError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: _invalid,
    grpc.StatusCode.NOT_FOUND: _not_found,
    grpc.StatusCode.FAILED_PRECONDITION: _precondition,
    grpc.StatusCode.ABORTED: _simple(errors.Conflict),
    grpc.StatusCode.RESOURCE_EXHAUSTED: _simple(errors.ResourceExhausted),
    grpc.StatusCode.OUT_OF_RANGE: _simple(errors.OutOfRange),
    grpc.StatusCode.UNAVAILABLE: _simple(errors.Unavailable),
    grpc.StatusCode.DEADLINE_EXCEEDED: _simple(errors.DeadlineExceeded),
}


def from_rpc_error(error: grpc.RpcError) -> SliceplaneError:
    """The error of the closed set that a failed call means; codes outside of it become Internal."""
    call = cast(grpc.Call, error)
    try:
        found = _unpack(cast("status_pb2.Status | None", rpc_status.from_call(call)))
    except ValueError:  # the details do not match the status: keep code and text
        found = {}
    info = found.get(error_details_pb2.ErrorInfo)
    make = _BACK.get(call.code(), _simple(errors.Internal))
    return make(call.details() or call.code().name, info.reason if info else None, found)
