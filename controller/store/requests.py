"""Answers a repeated request id as the first time, within the transaction that would otherwise act again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from common.errors import InvalidArgument, Violation
from controller.store.rows import document
from controller.store.tables import requests
from controller.store.writer import ANSWERS_KEPT, Writer


@dataclass(frozen=True, slots=True)
class Request:
    """A mutation as its caller asked for it; `id` empty: never replayed. `asked` is all that decides its effect."""

    id: str
    method: str
    asked: Any

    def fingerprint(self) -> bytes:
        """Equal for equal requests only."""
        text = json.dumps([self.method, document(self.asked)], sort_keys=True)
        return hashlib.sha256(text.encode()).digest()


async def earlier_answer(writer: Writer, request: Request) -> Any | None:
    """The document that the first such request was answered with; None: there was none in the last 24 h.

    Raises InvalidArgument where the id was used for something else.
    """
    if not request.id:
        return None
    row = (await writer.connection.execute(select(requests).where(requests.c.request_id == request.id))).one_or_none()
    if row is None:
        return None
    if row.created < writer.now - ANSWERS_KEPT:
        await writer.connection.execute(requests.delete().where(requests.c.request_id == request.id))
        return None
    if row.fingerprint != request.fingerprint():
        raise InvalidArgument(
            Violation("request_id", "it was used for a different request within 24 h; choose a new one"),
            reason="REQUEST_ID_REUSED",
        )
    return row.response


async def remember(writer: Writer, request: Request, response: Any) -> None:
    """Keeps the answer for repeats; the primary key lets only one be first."""
    if request.id:
        values = {"request_id": request.id, "fingerprint": request.fingerprint(), "created": writer.now}
        await writer.connection.execute(insert(requests).values(**values, response=document(response)))
