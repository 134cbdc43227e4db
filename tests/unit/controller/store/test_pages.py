"""Page tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidArgument
from controller.store.pages import DEFAULT, MOST, Cursor, decode, encode, page_limit

KEYS = st.tuples(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8")), st.integers(0, 2**62))


@given(KEYS, st.integers(0, 2**62))
def test_a_token_comes_back(after: tuple[str, int], revision: int) -> None:
    """Every cursor survives its token."""
    token = encode(("list", "filter"), Cursor(after, revision))
    assert decode(token, ("list", "filter"), (str, int)) == Cursor(after, revision)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(token: str) -> None:
    """No text breaks the decoder: it is the start, a cursor of this list, or InvalidArgument."""
    assert _decoded(token) in ("refused for page_token", "cursor")


def _decoded(token: str) -> str:
    try:
        decode(token, ("list",), (str,))
    except InvalidArgument as error:
        return f"refused for {error.violations[0].field}"
    return "cursor"


@pytest.mark.parametrize("after", [("a\0",), (1,), ("a", "b"), (True,), (None,)])
def test_keys_of_another_kind_are_refused(after: tuple[object, ...]) -> None:
    """A token that somebody made up cannot bring a value to the database that does not fit its column."""
    token = encode(("list",), Cursor(after, 1))  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument):
        decode(token, ("list",), (str,))


def test_page_limit() -> None:
    """0 means the default, large sizes are cut, negative ones refused."""
    assert [page_limit(size) for size in (0, 1, MOST + 1)] == [DEFAULT, 1, MOST]
    with pytest.raises(InvalidArgument):
        page_limit(-1)
