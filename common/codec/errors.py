"""Why a payload, or a tensor, is refused: a closed set."""

from __future__ import annotations

from enum import StrEnum

from common.errors import InvalidArgument, ResourceExhausted, SliceplaneError, Violation


class Fault(StrEnum):
    """What is wrong with it."""

    TRUNCATED = "TRUNCATED"  # it ends before it should
    BAD_MAGIC = "BAD_MAGIC"  # it is no encoded tensor
    UNSUPPORTED_VERSION = "UNSUPPORTED_VERSION"  # a newer peer wrote it
    UNKNOWN_CODEC = "UNKNOWN_CODEC"  # its codec or level is not in the registry
    TOO_LARGE = "TOO_LARGE"  # more bytes or elements than the limits allow
    SHAPE_MISMATCH = "SHAPE_MISMATCH"  # its shape is not the one that was agreed on
    CORRUPT = "CORRUPT"  # its bytes contradict themselves or their checksum


class CodecError(Exception):
    """The one error of the codec; `fault` is for programs, the message one sentence for people."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message

    def as_refusal(self, field: str = "payload") -> SliceplaneError:
        """The same as an error that may cross a boundary; `field` is where the payload was in the request."""
        if self.fault is Fault.TOO_LARGE:
            return ResourceExhausted(f"{field}: {self.message}", reason=self.fault.value)
        return InvalidArgument(Violation(field, self.message), reason=self.fault.value)
