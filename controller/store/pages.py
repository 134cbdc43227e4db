"""Pages by key, not by offset: a page token says after which key to go on, and for which list it was made."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import InvalidArgument, Violation
from controller.store.tables import plane

DEFAULT, MOST = 100, 1000


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a list stands: `after` is the last key sent (empty: the start), `revision` the first page's."""

    after: tuple[str | int, ...] = ()
    revision: int = 0


def page_limit(page_size: int) -> int:
    """Items on a page. InvalidArgument if negative."""
    if page_size < 0:
        raise InvalidArgument(Violation("page_size", f"{page_size} must be 0 (for {DEFAULT}) or more"))
    return min(page_size or DEFAULT, MOST)


def encode(scope: Sequence[str], cursor: Cursor) -> str:
    """The opaque token of `cursor` within the list that `scope` names (resource and filters)."""
    text = json.dumps([list(scope), list(cursor.after), cursor.revision])
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode(token: str, scope: Sequence[str], kinds: Sequence[type]) -> Cursor:
    """The cursor of a token. InvalidArgument unless we made it for this very list; `kinds`: types of its keys."""
    if not token:
        return Cursor()
    try:
        made_for, after, revision = json.loads(base64.urlsafe_b64decode(token.encode()))
        fits = made_for == list(scope) and [type(key) for key in after] == list(kinds) and type(revision) is int
    except (ValueError, TypeError):
        fits = False
    if not fits or not all(_storable(key) for key in (*after, revision)):
        raise InvalidArgument(
            Violation("page_token", "it is no token of this list: send the last next_page_token with the same filters")
        )
    return Cursor(tuple(after), revision)


def _storable(key: str | int) -> bool:
    return "\0" not in key if isinstance(key, str) else abs(key) < 1 << 63


@dataclass(frozen=True, slots=True)
class Listing:
    """A list to be paged: `keys` order it and are unique together; `scope` names it with its filters."""

    query: Select[Any]
    keys: tuple[ColumnElement[Any], ...]
    scope: tuple[str, ...]
    newest_first: bool = False
    most: int = MOST  # items on a page, for lists of large ones

    async def page(
        self, connection: AsyncConnection, page_size: int, page_token: str
    ) -> tuple[Sequence[Row[Any]], str, int]:
        """Rows of one page, the next token (empty: it was the last) and the first page's revision."""
        limit = min(page_limit(page_size), self.most)
        cursor = decode(page_token, self.scope, [key.type.python_type for key in self.keys])
        rows = (await connection.execute(self._after(cursor).limit(limit + 1))).all()
        revision = cursor.revision or (await connection.execute(select(plane.c.revision))).scalar_one()
        if len(rows) <= limit:
            return rows, "", revision
        last = tuple(rows[limit - 1]._mapping[key] for key in self.keys)
        return rows[:limit], encode(self.scope, Cursor(last, revision)), revision

    def _after(self, cursor: Cursor) -> Select[Any]:
        query = self.query.order_by(*(key.desc() if self.newest_first else key.asc() for key in self.keys))
        if not cursor.after:
            return query
        here, there = tuple_(*self.keys), tuple_(*cursor.after)
        return query.where(here < there if self.newest_first else here > there)
