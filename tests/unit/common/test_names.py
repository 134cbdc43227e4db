"""Names and digests follow their grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.names import is_digest, name_violation


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_labels_pass(name: str) -> None:
    """Every RFC 1123 label is a name."""
    assert name_violation("name", name) is None


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a" * 64, "a\n", "ä", "a.b", "a/b"])
def test_others_are_named(name: str) -> None:
    """Anything else is a violation of the given field that says the grammar."""
    violation = name_violation("workload.name", name)
    assert violation is not None
    assert violation.field == "workload.name"
    assert "63" in violation.description


def test_digest() -> None:
    """A digest is sha256: and 64 lower-case hex digits."""
    assert is_digest("sha256:" + "0a" * 32)
    assert not is_digest("sha256:" + "0A" * 32)
    assert not is_digest("0a" * 32)
