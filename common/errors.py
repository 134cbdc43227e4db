"""The closed set of errors that cross a boundary: what went wrong, for programs and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request.

    `field` is a path such as ``workload.spec.rate``; `description` says what is wrong and the way out.
    """

    field: str
    description: str


class SliceplaneError(Exception):
    """Base of the closed set; `reason` is one UPPER_SNAKE_CASE word, `message` one sentence with the way out."""

    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason

    def within(self, where: str) -> None:
        """Puts in front of the message what it happened to."""
        self.message = f"{where}: {self.message}"
        self.args = (self.message,)


class InvalidArgument(SliceplaneError):
    """The request itself is wrong; `violations` name each field."""

    default_reason = "INVALID_ARGUMENT"

    def __init__(self, *violations: Violation, message: str | None = None, reason: str | None = None) -> None:
        text = message or "; ".join(f"{v.field}: {v.description}" for v in violations)
        super().__init__(text, reason=reason)
        self.violations = violations


class NotFound(SliceplaneError):
    """There is no resource of that kind and name."""

    default_reason = "NOT_FOUND"

    def __init__(self, kind: str, name: str, message: str | None = None) -> None:
        super().__init__(message or f'there is no {kind} "{name}"')
        self.kind, self.name = kind, name


class StaleEtag(SliceplaneError):
    """The resource changed since the caller read it."""

    default_reason = "STALE_ETAG"

    def __init__(self, kind: str, name: str, *, given: str, current: str) -> None:
        super().__init__(
            f'{kind} "{name}" has changed: etag {given} was given, it is {current} now; read it again and re-apply'
        )
        self.kind, self.name = kind, name


class Conflict(SliceplaneError):
    """Somebody else was faster; trying again may succeed."""

    default_reason = "CONFLICT"


class FailedPrecondition(SliceplaneError):
    """The state of the system does not allow it; `subject` names what stands in the way."""

    default_reason = "FAILED_PRECONDITION"

    def __init__(self, subject: str, message: str, *, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.subject = subject


class ResourceExhausted(SliceplaneError):
    """A limit is reached; the message states it."""

    default_reason = "RESOURCE_EXHAUSTED"


class OutOfRange(SliceplaneError):
    """A position lies outside what is kept."""

    default_reason = "OUT_OF_RANGE"


class Unavailable(SliceplaneError):
    """The other side is not there now; trying again may succeed."""

    default_reason = "UNAVAILABLE"


class DeadlineExceeded(SliceplaneError):
    """It took longer than the caller gave it."""

    default_reason = "DEADLINE_EXCEEDED"


class Internal(SliceplaneError):
    """A fault of ours."""

    default_reason = "INTERNAL"
