"""Names and digests: their grammar, in one place for every service and the CLI."""

from __future__ import annotations

import re

from common.errors import Violation

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def name_violation(field: str, value: str) -> Violation | None:
    """What is wrong with `value` as a resource name, if anything (RFC 1123 label, at most 63 characters)."""
    if _LABEL.fullmatch(value):
        return None
    said = f'"{value[:80]}"' if value else "it is empty; it"
    return Violation(field, f"{said} must be 1 to 63 lower-case letters, digits and inner hyphens")


def is_digest(value: str) -> bool:
    """Whether `value` is "sha256:" and 64 lower-case hex digits."""
    return _DIGEST.fullmatch(value) is not None
